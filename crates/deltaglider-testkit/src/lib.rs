//! Conformance suites, fault and counting stores, and an S3 server in the process.

pub mod cache_conformance;
pub mod conformance;
pub mod counting_store;
pub mod fault_store;
pub mod s3_server;

pub use counting_store::{CountingStore, Counts, Outcome, Request};
pub use fault_store::{Fault, FaultStore};
pub use s3_server::S3Server;
