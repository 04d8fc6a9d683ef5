//! Conformance suites, fault and counting stores, servers of S3 and Secrets Manager in the process, and control groups.

pub mod cache_conformance;
pub mod codec_conformance;
pub mod conformance;
#[cfg(target_os = "linux")]
pub mod control_group;
pub mod counting_store;
pub mod fault_store;
pub mod golden_bucket;
pub mod interleavings;
mod loopback;
pub mod map_cache;
pub mod s3_server;
pub mod secrets_manager_server;

#[cfg(target_os = "linux")]
pub use control_group::ControlGroup;
pub use counting_store::{CountingStore, Counts, Outcome, Request};
pub use fault_store::{Fault, FaultStore};
pub use golden_bucket::{GoldenBucket, GoldenEntry};
pub use map_cache::MapCache;
pub use s3_server::S3Server;
pub use secrets_manager_server::SecretsServer;
