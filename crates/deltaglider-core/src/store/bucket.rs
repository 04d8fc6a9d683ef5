//! Buckets and the sharing of what is in them: a capability beside the object store, which the engine never takes.

use std::fmt::Debug;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;

use super::sharing::{BucketAcl, NewBucketAcl, PresignedUrl};
use super::{Operation, StoreError, StoreErrorKind, UploadStore};
use crate::Location;

/// A store whose buckets can be made, removed and listed.
#[async_trait]
pub trait BucketStore: Debug + Send + Sync + 'static {
    /// Makes a bucket; `Conflict` where it exists.
    async fn create_bucket(&self, bucket: &str) -> Result<(), StoreError>;

    /// Removes an empty bucket; `NotEmpty` where it holds objects, `NoSuchBucket` where there is none.
    async fn delete_bucket(&self, bucket: &str) -> Result<(), StoreError>;

    /// All buckets in the order of their names.
    async fn list_buckets(&self) -> Result<Vec<BucketSummary>, StoreError>;

    /// The access control list of a bucket; `Unsupported` where the store knows none. One request.
    async fn bucket_acl(&self, bucket: &str) -> Result<BucketAcl, StoreError> {
        Err(unsupported(Operation::GetBucketAcl, &Location::new(bucket, ""), "access control lists"))
    }

    /// Replaces the access control list of a bucket; `Unsupported` where the store knows none. One request.
    async fn set_bucket_acl(&self, bucket: &str, _acl: &NewBucketAcl) -> Result<(), StoreError> {
        Err(unsupported(Operation::PutBucketAcl, &Location::new(bucket, ""), "access control lists"))
    }

    /// A URL by which anybody can fetch what is stored under a key, as it is stored, for so long; `Unsupported` where the store
    /// has none. No request: whether there is an object is not asked.
    async fn presign(&self, at: &Location, _valid: Duration) -> Result<PresignedUrl, StoreError> {
        Err(unsupported(Operation::Get, at, "URLs for others"))
    }

    /// Its unfinished uploads, where it has such.
    fn uploads(&self) -> Option<&dyn UploadStore> {
        None
    }
}

fn unsupported(operation: Operation, at: &Location, what: &str) -> StoreError {
    StoreError::new(operation, at, StoreErrorKind::Unsupported, format!("this store knows no {what}"))
}

/// A bucket as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketSummary {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Option<SystemTime>,
}
