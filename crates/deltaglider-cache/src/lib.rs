//! The sealed reference cache of DeltaGlider, on disk or in memory.
//!
//! [`FilesystemCache`] and [`MemoryCache`] keep the same sealed entries ([`sealed`]) in different places ([`entry::EntryStore`]);
//! what a cache promises is written down at [`deltaglider_core::cache::ReferenceCache`]. Whatever is kept is encrypted and
//! authenticated: there is no switch to turn that off.

mod breaker;
mod budget;
mod counts;
mod directory;
pub mod encrypted;
pub mod entry;
pub mod filesystem;
mod flight;
pub mod memory;
#[cfg(test)]
mod schedules;
pub mod sealed;
mod sync;
mod trouble;

pub use encrypted::EncryptedCache;
pub use filesystem::{FilesystemCache, FilesystemConfig};
pub use memory::{MemoryCache, MemoryConfig};
