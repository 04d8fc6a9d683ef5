//! Vocabulary, ports and delta engine of DeltaGlider.
//!
//! A *delta space* is a key prefix up to its last `/`. The first object of a space becomes its *reference*; every later one is
//! stored as a *delta* against it, and given back byte for byte, proven by SHA-256.
//! This crate knows neither a network nor an environment: stores, caches, codecs and keys come in through its ports
//! ([`store::ObjectStore`], [`cache::ReferenceCache`], [`codec::DeltaCodec`], [`keys::KeyProvider`]), and [`engine::Engine`] puts
//! them together.

pub mod cache;
pub mod codec;
pub mod delta_space;
pub mod digest;
pub mod engine;
pub mod error;
pub mod keys;
pub mod location;
pub mod policy;
pub mod progress;
pub mod proven;
pub mod random_access;
pub mod record;
pub mod scratch;
pub mod seal;
pub mod store;

pub use delta_space::DeltaSpace;
pub use digest::{ContentDigest, Md5, Sha256};
pub use error::Error;
pub use location::{Location, StoreUrl};
pub use proven::Proven;
pub use random_access::RandomAccess;
