//! The sealed reference cache of DeltaGlider, on disk or in memory.
