//! Where a URL leads: an engine, and a place in its store.

use deltaglider_core::engine::Engine;
use deltaglider_core::{Location, StoreUrl};

/// A URL resolved: the engine over its store, and where in it the object or prefix is.
#[derive(Clone, Debug)]
pub struct Place {
    /// The engine over the store.
    pub engine: Engine,
    /// Where in it; the key is empty for a bucket, or a local store, itself.
    pub at: Location,
    /// The URL as it was written.
    pub url: StoreUrl,
}
