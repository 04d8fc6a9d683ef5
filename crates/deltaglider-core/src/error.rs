//! Errors of the engine.

/// An error of the engine.
#[derive(Debug, thiserror::Error)]
#[error("to come")]
pub struct Error;
