//! Deltas for what you store in S3: a thin client shaped like aws-sdk-s3.

pub mod builder;
pub mod client;
mod compose;
pub mod config;
pub mod env;
pub mod error;
pub mod place;
mod shared_cache;

pub use builder::ClientBuilder;
pub use client::Client;
pub use config::Config;
pub use error::{ConfigError, Error, ErrorKind};
pub use place::Place;

/// The engine below, its vocabulary and its ports.
pub use deltaglider_core as core;
