//! Archive-aware delta codecs of DeltaGlider.

#[cfg_attr(not(test), expect(dead_code, unused_imports, reason = "the delta container that takes it up is being made"))]
mod containers;
mod deflate;
mod effort;
#[cfg(feature = "measure")]
#[doc(hidden)]
pub mod measure;

pub use effort::Effort;
