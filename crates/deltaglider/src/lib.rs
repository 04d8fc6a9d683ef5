//! Deltas for what you store in S3: a thin client shaped like aws-sdk-s3.
//!
//! The first object of a key prefix becomes its *reference*; each later one is stored as a *delta* against it where that is
//! smaller, and comes back byte for byte, proven by its SHA-256. References that were fetched once are kept in a cache, encrypted.
//!
//! ```
//! use deltaglider::Client;
//! use deltaglider::core::engine::ReferenceUse;
//!
//! # fn archive(version: u64) -> Vec<u8> {
//! #     let mut state = 42_u64;
//! #     let mut bytes: Vec<u8> = (0..40_000)
//! #         .map(|_| {
//! #             state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
//! #             (state >> 56) as u8
//! #         })
//! #         .collect();
//! #     bytes[20_000..20_008].copy_from_slice(&version.to_le_bytes());
//! #     bytes
//! # }
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (v1, v2, v3) = (archive(1), archive(2), archive(3));
//! # let directory = tempfile::tempdir()?;
//! // Buckets in a directory; `Client::from_env().await?` is the same over S3.
//! let client = Client::builder().local(directory.path()).build().await?;
//! client.create_bucket().bucket("releases").send().await?;
//!
//! // The first archive of a prefix becomes its reference.
//! let first = client.put_object().bucket("releases").key("app/v1.zip").body(v1).send().await?;
//! assert_eq!(first.reference, ReferenceUse::Created);
//!
//! // The next one is stored as what is different: a few bytes. Its reference was in the cache.
//! let second = client.put_object().bucket("releases").key("app/v2.zip").body(v2.clone()).send().await?;
//! assert_eq!((second.kind, second.reference), ("delta", ReferenceUse::Cached));
//! assert!(second.ratio < 0.01);
//!
//! // Without the cache the reference is fetched once more, and nothing else changes.
//! client.clear_cache().await?;
//! let third = client.put_object().bucket("releases").key("app/v3.zip").body(v3).send().await?;
//! assert_eq!((third.kind, third.reference), ("delta", ReferenceUse::Fetched));
//!
//! let got = client.get_object().bucket("releases").key("app/v2.zip").send().await?;
//! assert_eq!(got.e_tag(), second.e_tag.as_str());
//! assert_eq!(got.body.collect().await?, v2);
//! # Ok(())
//! # }
//! ```
//!
//! # Where buckets are
//!
//! The `bucket` of an operation is the name of a bucket of S3. Of a client that was made with [`ClientBuilder::local`], it is a
//! sub-directory of that directory. In either case it may also be the URL of a bucket, `s3://name` or `file:///path/to/name`, and the
//! operations that take URLs ([`Client::upload`], [`Client::download`] and the like) know both schemes at any time. A local store
//! keeps objects in a format of its own: made by [`Client::create_bucket`], it is not a directory of the user's files.
//!
//! # What costs what
//!
//! A [`Client`] is cheap to make and cheap to clone: nothing is read, opened or asked before it is needed. How many requests an
//! operation takes stands with it. A cache with an ephemeral key, the default, is gone when the last clone is dropped; with a
//! key in `DG_CACHE_ENCRYPTION_KEY`, a file or AWS Secrets Manager, or a [`key_provider`](ClientBuilder::key_provider), it is kept and
//! shared among processes.
//! [`Client::spawn_maintenance`] looks after the cache of an application that runs for long.
//!
//! # Features
//!
//! | feature | by default | what it brings |
//! |---|---|---|
//! | `secrets-manager` | yes | keys of the cache from AWS Secrets Manager, and their rotation (`rotation`): `aws-sdk-secretsmanager` |
//! | `metrics` | no | counts for the façade `metrics`, as below |
//!
//! # Metrics
//!
//! [`Client::cache_stats`] tells what one client's cache did and holds. With the feature `metrics`, off by default, the same is told
//! to the façade of the crate `metrics`, as it happens and summed over all clients of the process; whatever exporter the
//! application has installed takes it from there.
//!
//! | counter | what it counts |
//! |---|---|
//! | `deltaglider_cache_hits_total`, `…_misses_total` | lookups that found their reference, and those that did not |
//! | `deltaglider_cache_coalesced_total` | hits that waited for a fetch that somebody else had begun |
//! | `deltaglider_cache_evictions_total` | references evicted, by `cause`: `budget`, `space`, `age` |
//! | `deltaglider_cache_bypasses_total` | references that went by the cache: too large, no space, a failing device |
//! | `deltaglider_cache_corruptions_total` | references that failed their check and were dropped |
//! | `deltaglider_cache_unknown_keys_total` | lookups that met entries whose key is not known |
//! | `deltaglider_cache_rewraps_total` | references put under a new key |
//! | `deltaglider_puts_total` | objects put or copied, by `kind` (`delta`, `whole`) and `reference` (`none`, `created`, `cached`, `fetched`) |
//! | `deltaglider_put_bytes_total`, `deltaglider_put_stored_bytes_total` | bytes of their contents, and bytes stored for them |
//! | `deltaglider_gets_total` | objects got, by `reference` |
//! | `deltaglider_get_bytes_total`, `deltaglider_get_fetched_bytes_total` | bytes handed out, and bytes fetched for them |
//!
//! The gauges `deltaglider_cache_bytes`, `deltaglider_cache_entries` and `deltaglider_cache_limit_bytes`, by `backend`, are set by each
//! [`Client::cache_stats`] and by each look of a maintenance task, since they take a walk through the cache; of several clients,
//! the last one is seen.

pub mod batch;
pub mod body;
pub mod bucket;
pub mod bucket_config;
pub mod builder;
mod cache;
pub mod care;
pub mod client;
mod compose;
pub mod config;
pub mod content;
mod diagnosis;
pub mod env;
pub mod error;
pub mod keys;
pub mod listing;
pub mod maintenance;
mod memory;
pub mod object;
#[cfg(doctest)]
mod pages;
mod partial_file;
pub mod place;
#[cfg(feature = "secrets-manager")]
pub mod rotation;
mod shared_cache;
pub mod sharing;
mod telemetry;
pub mod transfer;

pub use body::Body;
pub use builder::ClientBuilder;
pub use client::Client;
pub use config::Config;
pub use content::Content;
pub use deltaglider_s3::CrossRegion;
pub use error::{ConfigError, Error, ErrorKind};
pub use maintenance::{Maintenance, MaintenancePolicy};
pub use object::ObjectInfo;
pub use partial_file::PartialFile;
pub use place::Place;

/// The engine below, its vocabulary and its ports.
pub use deltaglider_core as core;

/// Makes a client as the environment asks for: the same as [`Client::from_env`].
///
/// # Errors
/// [`Error::Config`] names the variable that cannot be understood, and what is expected of it.
pub async fn create_client() -> Result<Client, Error> {
    Client::from_env().await
}
