//! Buckets: a capability beside the object store, which the engine never takes.

use std::fmt::Debug;
use std::time::SystemTime;

use async_trait::async_trait;

use super::{StoreError, UploadStore};

/// A store whose buckets can be made, removed and listed.
#[async_trait]
pub trait BucketStore: Debug + Send + Sync + 'static {
    /// Makes a bucket; `Conflict` where it exists.
    async fn create_bucket(&self, bucket: &str) -> Result<(), StoreError>;

    /// Removes an empty bucket; `NotEmpty` where it holds objects, `NoSuchBucket` where there is none.
    async fn delete_bucket(&self, bucket: &str) -> Result<(), StoreError>;

    /// All buckets in the order of their names.
    async fn list_buckets(&self) -> Result<Vec<BucketSummary>, StoreError>;

    /// Its unfinished uploads, where it has such.
    fn uploads(&self) -> Option<&dyn UploadStore> {
        None
    }
}

/// A bucket as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketSummary {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Option<SystemTime>,
}
