//! What a bucket asks of all who write to it.

pub use deltaglider_core::engine::{BucketConfig, CONFIG_LIFETIME};

use crate::client::Client;
use crate::config::Codec;
use crate::error::Error;

impl Client {
    /// Reads what a bucket asks of its clients. One request.
    pub fn get_bucket_config(&self) -> GetBucketConfig {
        GetBucketConfig { client: self.clone(), bucket: None }
    }

    /// Tells a bucket what to ask of its clients, for what they write from then on; those that run already hear of it within
    /// [`CONFIG_LIFETIME`]. What is stored stays as it is. One request.
    pub fn put_bucket_config(&self) -> PutBucketConfig {
        PutBucketConfig { client: self.clone(), bucket: None, config: BucketConfig::default() }
    }

    /// Takes a bucket's configuration away: each client goes by its own again. One request.
    pub fn delete_bucket_config(&self) -> DeleteBucketConfig {
        DeleteBucketConfig { client: self.clone(), bucket: None }
    }
}

/// A configuration to be read; [`send`](Self::send) reads it.
#[derive(Clone, Debug)]
#[must_use = "nothing is read before `send`"]
pub struct GetBucketConfig {
    client: Client,
    bucket: Option<String>,
}

impl GetBucketConfig {
    /// The bucket, or its URL: `file:///path/to/store`.
    pub fn bucket(mut self, bucket: impl Into<String>) -> Self {
        self.bucket = Some(bucket.into());
        self
    }

    /// Reads it; the default where the bucket has none.
    ///
    /// # Errors
    /// [`Error::Missing`] without a bucket, before any request; of the kind `Config` where what stands there cannot be understood.
    pub async fn send(self) -> Result<BucketConfig, Error> {
        let (engine, bucket) = self.client.bucket_engine("GetBucketConfig", self.bucket.as_deref())?;
        Ok(engine.bucket_config(bucket.bucket()).await?)
    }
}

/// A configuration to be stored; [`send`](Self::send) stores it.
#[derive(Clone, Debug)]
#[must_use = "nothing is stored before `send`"]
pub struct PutBucketConfig {
    client: Client,
    bucket: Option<String>,
    config: BucketConfig,
}

impl PutBucketConfig {
    /// The bucket, or its URL: `file:///path/to/store`.
    pub fn bucket(mut self, bucket: impl Into<String>) -> Self {
        self.bucket = Some(bucket.into());
        self
    }

    /// The codec that all clients write deltas by.
    pub fn codec(mut self, codec: Codec) -> Self {
        self.config = BucketConfig::with_codec(codec.name());
        self
    }

    /// Stores it in place of what was there.
    ///
    /// # Errors
    /// [`Error::Missing`] without a bucket, before any request.
    pub async fn send(self) -> Result<(), Error> {
        let (engine, bucket) = self.client.bucket_engine("PutBucketConfig", self.bucket.as_deref())?;
        Ok(engine.put_bucket_config(bucket.bucket(), &self.config).await?)
    }
}

/// A configuration to be taken away; [`send`](Self::send) does it.
#[derive(Clone, Debug)]
#[must_use = "nothing is taken away before `send`"]
pub struct DeleteBucketConfig {
    client: Client,
    bucket: Option<String>,
}

impl DeleteBucketConfig {
    /// The bucket, or its URL: `file:///path/to/store`.
    pub fn bucket(mut self, bucket: impl Into<String>) -> Self {
        self.bucket = Some(bucket.into());
        self
    }

    /// Takes it away; there may be none.
    ///
    /// # Errors
    /// [`Error::Missing`] without a bucket, before any request.
    pub async fn send(self) -> Result<(), Error> {
        let (engine, bucket) = self.client.bucket_engine("DeleteBucketConfig", self.bucket.as_deref())?;
        Ok(engine.delete_bucket_config(bucket.bucket()).await?)
    }
}
