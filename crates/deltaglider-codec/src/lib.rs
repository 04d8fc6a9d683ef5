//! Archive-aware delta codecs of DeltaGlider.

mod bytes;
mod containers;
mod deflate;
pub mod dgd1;
mod effort;
mod fingerprints;
#[cfg(feature = "measure")]
#[doc(hidden)]
pub mod measure;
mod packers;
mod threads;
mod varint;
pub mod vcdiff;

pub use dgd1::Dgd1Codec;
pub use effort::Effort;
pub use vcdiff::VcdiffCodec;
