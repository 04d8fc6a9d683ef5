//! Buckets.

use deltaglider_core::store::BucketSummary;

use crate::client::Client;
use crate::error::Error;

impl Client {
    /// Makes a bucket. Of a local store, that is a directory with a marker in it. One request.
    pub fn create_bucket(&self) -> CreateBucket {
        CreateBucket { client: self.clone(), bucket: None }
    }

    /// Removes an empty bucket. One request.
    pub fn delete_bucket(&self) -> DeleteBucket {
        DeleteBucket { client: self.clone(), bucket: None }
    }

    /// Lists the buckets in the order of their names. One request for each page.
    pub fn list_buckets(&self) -> ListBuckets {
        ListBuckets { client: self.clone() }
    }
}

/// A bucket to be made; [`send`](Self::send) makes it.
#[derive(Clone, Debug)]
#[must_use = "nothing is made before `send`"]
pub struct CreateBucket {
    client: Client,
    bucket: Option<String>,
}

impl CreateBucket {
    /// The bucket's name, or its URL: `file:///path/to/store`.
    pub fn bucket(mut self, bucket: impl Into<String>) -> Self {
        self.bucket = Some(bucket.into());
        self
    }

    /// Makes the bucket.
    ///
    /// # Errors
    /// [`Error::Missing`] without a bucket, before any request; of the kind `Conflict` where it exists.
    pub async fn send(self) -> Result<(), Error> {
        let (store, bucket) = self.client.named_bucket("CreateBucket", self.bucket.as_deref())?;
        Ok(store.create_bucket(&bucket).await?)
    }
}

/// A bucket to be removed; [`send`](Self::send) removes it.
#[derive(Clone, Debug)]
#[must_use = "nothing is removed before `send`"]
pub struct DeleteBucket {
    client: Client,
    bucket: Option<String>,
}

impl DeleteBucket {
    /// The bucket's name, or its URL: `file:///path/to/store`.
    pub fn bucket(mut self, bucket: impl Into<String>) -> Self {
        self.bucket = Some(bucket.into());
        self
    }

    /// Removes the bucket.
    ///
    /// # Errors
    /// [`Error::Missing`] without a bucket, before any request; of the kind `Conflict` where it is not empty, of `NoSuchBucket` where
    /// there is none.
    pub async fn send(self) -> Result<(), Error> {
        let (store, bucket) = self.client.named_bucket("DeleteBucket", self.bucket.as_deref())?;
        Ok(store.delete_bucket(&bucket).await?)
    }
}

/// A listing of buckets; [`send`](Self::send) does it.
#[derive(Clone, Debug)]
#[must_use = "nothing is listed before `send`"]
pub struct ListBuckets {
    client: Client,
}

impl ListBuckets {
    /// Lists the buckets.
    pub async fn send(self) -> Result<ListBucketsOutput, Error> {
        Ok(ListBucketsOutput { buckets: self.client.buckets().list_buckets().await? })
    }
}

/// The buckets of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListBucketsOutput {
    /// All of them, in the order of their names.
    pub buckets: Vec<BucketSummary>,
}
