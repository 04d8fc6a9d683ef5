//! Keys of the sealed DeltaGlider cache: where they come from and how they rotate.
