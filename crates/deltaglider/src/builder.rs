//! A client, set up in code.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use deltaglider_core::keys::KeyProvider;
use deltaglider_core::store::{BucketStore, ObjectStore};

use crate::client::Client;
use crate::config::{Buckets, CacheBackend, Codec, Config, Credentials, Effort, KeySource};
use crate::error::Error;

/// Builds a [`Client`]. What is not set is at the default of [`Config`]; for S3, what the tools of AWS are configured with.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ClientBuilder {
    config: Config,
}

impl ClientBuilder {
    /// Starts from other settings than the defaults, such as those of [`Config::from_env`].
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Buckets are sub-directories of a directory, instead of buckets of S3. `s3://` URLs still lead to S3.
    pub fn local(mut self, directory: impl Into<PathBuf>) -> Self {
        self.config.buckets = Buckets::Local(directory.into());
        self
    }

    /// Buckets are those of another store, in place of S3, and so are those of `s3://` URLs.
    pub fn store(mut self, objects: Arc<dyn ObjectStore>, buckets: Arc<dyn BucketStore>) -> Self {
        self.config.buckets = Buckets::Store { objects, buckets };
        self
    }

    /// Another server than AWS: `https://host:port`.
    pub fn endpoint_url(mut self, url: impl Into<String>) -> Self {
        self.config.s3.endpoint_url = Some(url.into());
        self
    }

    /// Region that requests are signed for.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.config.s3.region = Some(region.into());
        self
    }

    /// Profile of `~/.aws/config` and `~/.aws/credentials`.
    pub fn profile(mut self, profile: impl Into<String>) -> Self {
        self.config.s3.profile = Some(profile.into());
        self
    }

    /// Fixed credentials instead of those that the tools of AWS would find.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.config.s3.credentials = Some(credentials);
        self
    }

    /// Where the cache keeps its entries.
    pub fn cache_backend(mut self, backend: CacheBackend) -> Self {
        self.config.cache.backend = backend;
        self
    }

    /// Directory of the cache; with ephemeral keys, the one in which the client makes its own.
    pub fn cache_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.config.cache.directory = Some(directory.into());
        self
    }

    /// Bytes that the cache takes on disk at most.
    pub fn cache_size(mut self, bytes: u64) -> Self {
        self.config.cache.max_size = bytes;
        self
    }

    /// Bytes that the cache takes in memory at most, where that is its backend.
    pub fn cache_memory_size(mut self, bytes: u64) -> Self {
        self.config.cache.memory_size = bytes;
        self
    }

    /// References that nobody used for this long leave the cache.
    pub fn cache_ttl(mut self, ttl: Duration) -> Self {
        self.config.cache.ttl = Some(ttl);
        self
    }

    /// Where the keys of the cache come from, instead of a random one that dies with the client.
    pub fn key_provider(mut self, keys: impl KeyProvider) -> Self {
        self.config.cache.keys = KeySource::Provider(Arc::new(keys));
        self
    }

    /// A file with the keys of the cache, the one in force in its first line; it is read again when it changes.
    pub fn key_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.config.cache.keys = KeySource::File(path.into());
        self
    }

    /// A secret of AWS Secrets Manager with the keys of the cache; it is read again from time to time.
    #[cfg(feature = "secrets-manager")]
    pub fn key_secret(mut self, settings: crate::config::SecretsManagerSettings) -> Self {
        self.config.cache.keys = KeySource::SecretsManager(settings);
        self
    }

    /// A delta larger than this share of its target is not kept; between 0 and 1, 0.5 by default.
    pub fn max_ratio(mut self, ratio: f64) -> Self {
        self.config.policy.max_ratio = ratio;
        self
    }

    /// Whether deltas are written at all; they are read in any case.
    pub fn write_deltas(mut self, write: bool) -> Self {
        self.config.policy.write_deltas = write;
        self
    }

    /// What deltas are written by, [`Codec::Dgd1`] by default; all of them are read in any case.
    pub fn codec(mut self, codec: Codec) -> Self {
        self.config.codec = codec;
        self
    }

    /// How much CPU is spent to save bytes.
    pub fn effort(mut self, effort: Effort) -> Self {
        self.config.effort = effort;
        self
    }

    /// Bytes of memory for contents and codecs; what does not fit is stored whole. By default half of what this process may have, at
    /// most 1 GiB.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.config.limits.memory = bytes;
        self
    }

    /// Transfers of a batch at a time.
    pub fn jobs(mut self, jobs: NonZeroUsize) -> Self {
        self.config.jobs = jobs;
        self
    }

    /// Where temporary contents go that do not fit into memory, sealed.
    pub fn scratch_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.config.scratch_directory = Some(directory.into());
        self
    }

    /// The settings as they are now.
    #[must_use]
    pub fn into_config(self) -> Config {
        self.config
    }

    /// Makes the client; makes no request and opens nothing.
    ///
    /// # Errors
    /// [`Error::Config`] where a setting is out of bounds or the endpoint is no URL.
    pub async fn build(self) -> Result<Client, Error> {
        Client::from_config(self.config).await
    }
}
