//! Objects and buckets for others: signed URLs and access control lists.

use std::time::{Duration, SystemTime};

use deltaglider_core::store::{BucketAcl, NewBucketAcl, PresignedUrl};

use crate::client::Client;
use crate::error::Error;

impl Client {
    /// A URL by which anybody can fetch an object for so long, 7 days at most. An object that is not there yet can be signed for, too.
    ///
    /// Requests: those of a head.
    ///
    /// # Errors
    /// [`StoredAsDelta`](deltaglider_core::Error::StoredAsDelta) where a URL would give the delta: see
    /// [`Client::presign_copy`]. `Unsupported` for a local store.
    pub async fn presign(&self, url: &str, valid: Duration) -> Result<PresignedUrl, Error> {
        self.presigned(url, valid, None).await
    }

    /// As [`Client::presign`], and of a delta it stores a whole copy first, below `.deltaglider/tmp/` at the root of the bucket, which
    /// [`Client::purge`] removes once the URL is no longer good.
    ///
    /// Requests: those of a head; for a delta those of a get and a put besides.
    ///
    /// # Errors
    /// As [`Client::presign`], and as a get and a put.
    pub async fn presign_copy(&self, url: &str, valid: Duration) -> Result<PresignedUrl, Error> {
        self.presigned(url, valid, Some(SystemTime::now() + valid)).await
    }

    async fn presigned(
        &self,
        url: &str,
        valid: Duration,
        copy_until: Option<SystemTime>,
    ) -> Result<PresignedUrl, Error> {
        let place = self.place(url)?;
        if place.at.key().is_empty() {
            return Err(Error::Missing { operation: "GetObject", field: "key" });
        }
        let (buckets, _) = self.bucket_store(url)?;
        let stored = place.engine.shareable(&place.at, copy_until).await?;
        Ok(buckets.presign(&stored, valid).await?)
    }

    /// Reads the access control list of a bucket. One request.
    pub fn get_bucket_acl(&self) -> GetBucketAcl {
        GetBucketAcl { client: self.clone(), bucket: None }
    }

    /// Replaces the access control list of a bucket. One request.
    pub fn put_bucket_acl(&self) -> PutBucketAcl {
        PutBucketAcl { client: self.clone(), bucket: None, acl: NewBucketAcl::default() }
    }
}

/// An access control list to be read; [`send`](Self::send) reads it.
#[derive(Clone, Debug)]
#[must_use = "nothing is read before `send`"]
pub struct GetBucketAcl {
    client: Client,
    bucket: Option<String>,
}

impl GetBucketAcl {
    /// The bucket.
    pub fn bucket(mut self, bucket: impl Into<String>) -> Self {
        self.bucket = Some(bucket.into());
        self
    }

    /// Reads the list.
    ///
    /// # Errors
    /// [`Error::Missing`] without a bucket, before any request; `Unsupported` for a local store.
    pub async fn send(self) -> Result<BucketAcl, Error> {
        let (store, bucket) = self.client.named_bucket("GetBucketAcl", self.bucket.as_deref())?;
        Ok(store.bucket_acl(&bucket).await?)
    }
}

/// An access control list to be replaced; [`send`](Self::send) replaces it.
#[derive(Clone, Debug)]
#[must_use = "nothing is replaced before `send`"]
pub struct PutBucketAcl {
    client: Client,
    bucket: Option<String>,
    acl: NewBucketAcl,
}

impl PutBucketAcl {
    /// The bucket.
    pub fn bucket(mut self, bucket: impl Into<String>) -> Self {
        self.bucket = Some(bucket.into());
        self
    }

    /// A list with a name, such as `private` or `public-read`.
    pub fn acl(mut self, name: impl Into<String>) -> Self {
        self.acl.canned = Some(name.into());
        self
    }

    /// Grantees for listing, as S3 writes them: `id=…` or `uri=…`.
    pub fn grant_read(mut self, grantees: impl Into<String>) -> Self {
        self.acl.grant_read = Some(grantees.into());
        self
    }

    /// Grantees for storing and deleting.
    pub fn grant_write(mut self, grantees: impl Into<String>) -> Self {
        self.acl.grant_write = Some(grantees.into());
        self
    }

    /// Grantees for everything.
    pub fn grant_full_control(mut self, grantees: impl Into<String>) -> Self {
        self.acl.grant_full_control = Some(grantees.into());
        self
    }

    /// The whole list.
    pub fn access_control_policy(mut self, list: BucketAcl) -> Self {
        self.acl.policy = Some(list);
        self
    }

    /// Replaces the list.
    ///
    /// # Errors
    /// [`Error::Missing`] without a bucket or without anything to say, before any request; `Unsupported` for a local store.
    pub async fn send(self) -> Result<(), Error> {
        const OPERATION: &str = "PutBucketAcl";
        let (store, bucket) = self.client.named_bucket(OPERATION, self.bucket.as_deref())?;
        if self.acl == NewBucketAcl::default() {
            return Err(Error::Missing { operation: OPERATION, field: "access control list" });
        }
        Ok(store.set_bucket_acl(&bucket, &self.acl).await?)
    }
}
