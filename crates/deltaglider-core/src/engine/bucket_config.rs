//! What a bucket asks of all who write to it: `.deltaglider/config.json`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::Engine;
use crate::codec::{CodecId, DeltaCodec};
use crate::delta_space::configuration;
use crate::error::Error;
use crate::store::{Attributes, GetOptions, PutBody, PutOptions, StoreErrorKind, found};

/// How long a client goes by what it has read, so that a change reaches those that run for long.
pub const CONFIG_LIFETIME: Duration = Duration::from_secs(300);
/// A configuration is at most so many bytes long.
const MAX_BYTES: u64 = 64 << 10;
/// The version that is written, and the latest that is read.
const VERSION: u32 = 1;

/// What a bucket asks of all its clients, whatever they are set to themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BucketConfig {
    /// Name of the codec that deltas are written by; `None` leaves it to each client.
    pub codec: Option<String>,
}

impl BucketConfig {
    /// A configuration that asks for a codec.
    #[must_use]
    pub fn with_codec(codec: impl Into<String>) -> Self {
        Self { codec: Some(codec.into()) }
    }
}

/// The configuration as it is stored. What a later version adds is ignored, unless it counts its version up.
#[derive(Debug, Deserialize, Serialize)]
struct Stored {
    version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    codec: Option<String>,
}

/// What was read of the buckets so far.
#[derive(Debug, Default)]
pub(super) struct BucketConfigs {
    buckets: Mutex<HashMap<String, Arc<Slot>>>,
}

/// One bucket's; locked while it is read, so that it is read once.
type Slot = tokio::sync::Mutex<Option<(Instant, Arc<BucketConfig>)>>;

impl BucketConfigs {
    fn slot(&self, bucket: &str) -> Arc<Slot> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(buckets.entry(bucket.to_owned()).or_default())
    }
}

impl Engine {
    /// What a bucket asks of its clients, read now; the default where it has no configuration. One request.
    ///
    /// # Errors
    /// [`Error::BucketConfig`] where what stands there cannot be understood; [`Error::Store`].
    pub async fn bucket_config(&self, bucket: &str) -> Result<BucketConfig, Error> {
        let at = configuration(bucket);
        let Some(object) = found(self.inner.store.get(&at, GetOptions::default()).await)? else {
            return Ok(BucketConfig::default());
        };
        let misread = |reason: String| Error::BucketConfig { at: at.clone(), reason };
        if object.head.size > MAX_BYTES {
            return Err(misread(format!("it is {} bytes long, over the limit of {MAX_BYTES}", object.head.size)));
        }
        let text = object.bytes(MAX_BYTES).await?;
        let stored: Stored = serde_json::from_slice(&text).map_err(|error| misread(error.to_string()))?;
        if stored.version > VERSION {
            let version = stored.version;
            return Err(misread(format!("it is of version {version}, and this client reads {VERSION}; update it")));
        }
        Ok(BucketConfig { codec: stored.codec })
    }

    /// Tells a bucket what to ask of its clients; those that run already go by it within [`CONFIG_LIFETIME`]. What is stored stays as
    /// it is. One request.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a codec that this client does not have, before any request; [`Error::Store`].
    pub async fn put_bucket_config(&self, bucket: &str, config: &BucketConfig) -> Result<(), Error> {
        if let Some(name) = config.codec.as_deref().filter(|name| self.reader_codec(name).is_none()) {
            let known: Vec<_> = self.inner.codecs.iter().map(|codec| codec.id().as_str()).collect();
            return Err(Error::Invalid(format!("there is no codec `{name}`; there are {}", known.join(", "))));
        }
        let stored = Stored { version: VERSION, codec: config.codec.clone() };
        let mut text = serde_json::to_vec(&stored).map_err(|error| Error::Invalid(error.to_string()))?;
        text.push(b'\n');
        let attributes = Attributes { content_type: Some("application/json".to_owned()), ..Attributes::default() };
        let options = PutOptions { attributes, ..PutOptions::default() };
        self.inner.store.put(&configuration(bucket), PutBody::Bytes(Bytes::from(text)), options).await?;
        *self.inner.bucket_configs.slot(bucket).lock().await = None;
        Ok(())
    }

    /// Takes a bucket's configuration away. One request.
    pub async fn delete_bucket_config(&self, bucket: &str) -> Result<(), Error> {
        self.inner.store.delete_one(&configuration(bucket), None).await?;
        *self.inner.bucket_configs.slot(bucket).lock().await = None;
        Ok(())
    }

    /// The codecs that write into a bucket, in the order in which they are tried. One request for each bucket and
    /// [`CONFIG_LIFETIME`].
    pub(super) async fn writers(&self, bucket: &str) -> Result<Vec<Arc<dyn DeltaCodec>>, Error> {
        let own = &self.inner.codecs[..self.inner.writers];
        let config = self.remembered_config(bucket).await?;
        let Some(wanted) = config.codec.as_deref().filter(|wanted| *wanted != own[0].id().as_str()) else {
            return Ok(own.to_vec());
        };
        let Some(codec) = self.reader_codec(wanted) else {
            let reason =
                format!("it asks for deltas by the codec `{wanted}`, which this client does not have; update it");
            return Err(Error::BucketConfig { at: configuration(bucket), reason });
        };
        let mut writers = vec![Arc::clone(codec)];
        // Whoever wants VCDIFF has readers that know nothing else.
        if codec.id() != CodecId::VCDIFF && codec.id() != CodecId::ZSTD {
            writers.extend(self.reader_codec(CodecId::ZSTD.as_str()).cloned());
        }
        Ok(writers)
    }

    /// Whether a delta by this codec may be put into a bucket as it is.
    pub(super) async fn takes_deltas_by(&self, bucket: &str, codec: &str) -> Result<bool, Error> {
        let asked = self.remembered_config(bucket).await?.codec.is_some();
        Ok(!asked || self.writers(bucket).await?.iter().any(|writer| writer.id().as_str() == codec))
    }

    async fn remembered_config(&self, bucket: &str) -> Result<Arc<BucketConfig>, Error> {
        let slot = self.inner.bucket_configs.slot(bucket);
        let mut slot = slot.lock().await;
        if let Some((read, config)) = slot.as_ref()
            && read.elapsed() < CONFIG_LIFETIME
        {
            return Ok(Arc::clone(config));
        }
        let config = match self.bucket_config(bucket).await {
            Ok(config) => config,
            // The put itself says it better.
            Err(Error::Store(error)) if error.kind == StoreErrorKind::NoSuchBucket => return Ok(Arc::default()),
            Err(Error::Store(error)) if error.kind == StoreErrorKind::Denied => {
                // Without the right to list, S3 refuses what is not there.
                tracing::warn!(at = %configuration(bucket), "no right to read the bucket's configuration: it is taken to have none");
                BucketConfig::default()
            }
            Err(error) => return Err(error),
        };
        let config = Arc::new(config);
        *slot = Some((Instant::now(), Arc::clone(&config)));
        Ok(config)
    }
}
