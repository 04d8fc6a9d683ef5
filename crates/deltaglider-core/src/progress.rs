//! Progress: the only thing that is called upwards.

use std::fmt::Debug;
use std::sync::Arc;

/// What an operation is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Reading and hashing the source.
    Read,
    /// Making a delta.
    Encode,
    /// Sending bytes to the store.
    Upload,
    /// Fetching bytes from the store.
    Download,
    /// Putting an object together from its delta.
    Decode,
}

/// Hears how far an operation is. Called often and from any thread: be quick.
pub trait Progress: Debug + Send + Sync + 'static {
    /// `bytes` more were done in `stage`.
    fn advance(&self, stage: Stage, bytes: u64);
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn advance(&self, _: Stage, _: u64) {}
}

/// A shared listener.
pub type SharedProgress = Arc<dyn Progress>;

/// A listener that hears nothing.
#[must_use]
pub fn silent() -> SharedProgress {
    Arc::new(Silent)
}
