//! Uploads in parts that were begun and not ended: a capability beside the bucket store, which the engine never takes.

use std::fmt::Debug;
use std::time::SystemTime;

use async_trait::async_trait;

use super::StoreError;
use crate::Location;

/// A store that keeps the parts of unfinished uploads, and can say which.
///
/// Contract:
/// - `list_uploads` tells every upload under a prefix that was begun, and neither completed nor aborted.
/// - `abort_upload` removes its parts; that there is no such upload any more is no error.
#[async_trait]
pub trait UploadStore: Debug + Send + Sync + 'static {
    /// Unfinished uploads of keys that begin with a prefix. One request for each page of 1000.
    async fn list_uploads(&self, bucket: &str, prefix: &str) -> Result<Vec<PendingUpload>, StoreError>;

    /// Aborts an upload; one request.
    async fn abort_upload(&self, upload: &PendingUpload) -> Result<(), StoreError>;
}

/// An upload that was not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingUpload {
    /// The object that it would make.
    pub at: Location,
    /// The store's name for it.
    pub id: String,
    /// When it was begun.
    pub begun: SystemTime,
}
