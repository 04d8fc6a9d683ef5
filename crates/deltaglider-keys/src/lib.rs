//! Keys of the sealed DeltaGlider cache: where they come from and how they rotate.

mod access;
pub mod environment;
pub mod ephemeral;
pub mod material;

pub use environment::EnvironmentKeys;
pub use ephemeral::EphemeralKeys;
