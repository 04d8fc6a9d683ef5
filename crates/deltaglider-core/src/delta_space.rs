//! The delta space: the prefix up to the last `/` of a key.

/// A delta space.
#[derive(Clone, Debug)]
pub struct DeltaSpace;
