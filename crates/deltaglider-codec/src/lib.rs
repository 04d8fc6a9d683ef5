//! Archive-aware delta codecs of DeltaGlider.

mod deflate;
mod effort;
#[cfg(feature = "measure")]
#[doc(hidden)]
pub mod measure;

pub use effort::Effort;
