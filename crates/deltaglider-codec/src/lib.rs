//! Archive-aware delta codecs of DeltaGlider.

// The delta container calls it.
#[allow(dead_code)]
mod deflate;
mod effort;
#[cfg(feature = "measure")]
#[doc(hidden)]
pub mod measure;

pub use effort::Effort;
