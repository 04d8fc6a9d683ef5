//! DeltaGlider's object store on Amazon S3 and servers that speak its protocol.
//!
//! [`S3Store`] implements core's [`ObjectStore`](deltaglider_core::store::ObjectStore) and
//! [`BucketStore`](deltaglider_core::store::BucketStore). It is made by [`S3StoreBuilder`], without a request and without reading
//! any configuration; both happen with the first operation.

mod again;
mod attributes;
mod bandwidth;
mod body;
mod buckets;
mod builder;
mod call;
mod checksum;
mod clock;
mod connection;
mod copy;
mod delete;
mod error;
mod get;
mod http_client;
mod instance;
mod limiter;
mod list;
mod multipart;
mod naming;
mod pieces;
mod progress;
mod put;
mod sharing;
mod store;
mod tags;
mod uploads;
mod watch;

pub use builder::{AddressingStyle, BuildError, ChecksumPolicy, S3StoreBuilder};
pub use instance::CrossRegion;
pub use store::S3Store;
