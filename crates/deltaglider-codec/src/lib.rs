//! Archive-aware delta codecs of DeltaGlider.
