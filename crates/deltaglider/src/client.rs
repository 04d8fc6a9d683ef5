//! The client: engines over S3 and local stores, made when they are first needed, with one cache among them.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use deltaglider_core::engine::Engine;
use deltaglider_core::store::local::LocalStore;
use deltaglider_core::store::{BucketStore, ObjectStore};
use deltaglider_core::{Location, StoreUrl};
use deltaglider_s3::S3Store;

use crate::builder::ClientBuilder;
use crate::compose;
use crate::config::{Buckets, Config};
use crate::error::{ConfigError, Error};
use crate::place::Place;
use crate::shared_cache::SharedCache;

/// Puts and gets objects of S3 and of local stores, as deltas where that saves space. Clones share everything and are cheap.
///
/// Making one makes no request, reads no file of AWS and opens no cache: S3, local stores and the cache are opened when they
/// are first used. With an ephemeral key the cache is removed when the last clone, and the last body it gave out, is dropped.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    cache: Arc<SharedCache>,
    s3: S3Store,
    /// Over S3, or over the store that stands in its place.
    remote: OnceLock<Engine>,
    /// By the directory whose sub-directories are the buckets.
    local: Mutex<HashMap<PathBuf, Engine>>,
}

impl Client {
    /// Makes a client as the environment asks for: [`Config::from_env`], then [`Client::from_config`].
    ///
    /// # Errors
    /// [`Error::Config`] names the variable that cannot be understood, and what is expected of it.
    pub async fn from_env() -> Result<Self, Error> {
        Self::from_config(Config::from_env()?).await
    }

    /// Settings to make a client from, at their defaults; nothing of `DG_*` is read.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Makes a client; makes no request and opens nothing.
    ///
    /// # Errors
    /// [`Error::Config`] where the settings cannot be used.
    pub async fn from_config(config: Config) -> Result<Self, Error> {
        // Wrong settings are told while they are at hand.
        let ratio = config.policy.max_ratio;
        if !(0.0..=1.0).contains(&ratio) {
            return Err(ConfigError::Setting(format!("the ratio {ratio} is not between 0 and 1")).into());
        }
        let s3 = compose::s3(&config.s3)?;
        let cache = Arc::new(SharedCache::new(config.cache.clone(), compose::keys(&config)));
        let inner = Inner { config, cache, s3, remote: OnceLock::new(), local: Mutex::default() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The settings that it was made with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// Resolves `s3://bucket/key` or `file:///path`. No request; for a `file://` URL the file system is asked which directory
    /// above is the store.
    ///
    /// # Errors
    /// [`Error::Url`] for a text that is no URL; [`Error::NoLocalStore`] where no store is above a path.
    pub fn place(&self, url: &str) -> Result<Place, Error> {
        let url: StoreUrl = url.parse()?;
        let (engine, at) = match &url {
            StoreUrl::S3 { bucket, key } => (self.remote_engine(), Location::new(bucket.as_str(), key.as_str())),
            StoreUrl::File { path } => {
                let found = LocalStore::locate(path)?;
                let (store, bucket, key) = found.ok_or_else(|| Error::NoLocalStore { path: path.clone() })?;
                (self.local_engine(&store), Location::new(bucket, key))
            }
            _ => return Err(unknown(&url)),
        };
        Ok(Place { engine, at, url })
    }

    /// The store in which a URL's bucket is, or would be, and the bucket's name in it; empty for `s3://`, the list of buckets.
    ///
    /// Of a `file://` URL the last component is the bucket, and the directory above it the store.
    ///
    /// # Errors
    /// [`Error::Url`] for a text that is no URL; [`Error::Usage`] for a path that cannot be a store.
    pub fn bucket_store(&self, url: &str) -> Result<(Arc<dyn BucketStore>, String), Error> {
        match url.parse()? {
            StoreUrl::S3 { bucket, .. } => match &self.inner.config.buckets {
                Buckets::Store { buckets, .. } => Ok((Arc::clone(buckets), bucket)),
                Buckets::S3 | Buckets::Local(_) => Ok((Arc::new(self.inner.s3.clone()), bucket)),
            },
            StoreUrl::File { path } => {
                let (store, bucket) = compose::local_bucket(&path)?;
                Ok((Arc::new(store), bucket))
            }
            other => Err(unknown(&other)),
        }
    }

    /// The engine and the place that a bucket and a key name; the bucket may be a URL, such as `file:///path/to/store`.
    pub(crate) fn target(
        &self,
        operation: &'static str,
        bucket: Option<&str>,
        key: Option<&str>,
    ) -> Result<(Engine, Location), Error> {
        let key = required(operation, "key", key)?;
        let (engine, bucket) = self.bucket_engine(operation, bucket)?;
        Ok((engine, bucket.with_key(key)))
    }

    /// The engine over the store in which a bucket is, and the bucket itself.
    pub(crate) fn bucket_engine(
        &self,
        operation: &'static str,
        bucket: Option<&str>,
    ) -> Result<(Engine, Location), Error> {
        let bucket = required(operation, "bucket", bucket)?;
        if StoreUrl::is_url(bucket) {
            let place = self.place(bucket)?;
            if !place.at.key().is_empty() {
                return Err(Error::Usage(format!("`{bucket}` is no bucket: it names `{}` in one", place.at.key())));
            }
            return Ok((place.engine, place.at));
        }
        let engine = match &self.inner.config.buckets {
            Buckets::Local(directory) => self.local_engine(&LocalStore::open(directory.clone())),
            Buckets::S3 | Buckets::Store { .. } => self.remote_engine(),
        };
        Ok((engine, Location::new(bucket, "")))
    }

    /// The store in which a bucket is made or removed, and the bucket's name in it; the bucket may be a URL.
    pub(crate) fn named_bucket(
        &self,
        operation: &'static str,
        bucket: Option<&str>,
    ) -> Result<(Arc<dyn BucketStore>, String), Error> {
        let bucket = required(operation, "bucket", bucket)?;
        if StoreUrl::is_url(bucket) { self.bucket_store(bucket) } else { Ok((self.buckets(), bucket.to_owned())) }
    }

    /// The store whose buckets are meant by their names.
    pub(crate) fn buckets(&self) -> Arc<dyn BucketStore> {
        match &self.inner.config.buckets {
            Buckets::S3 => Arc::new(self.inner.s3.clone()),
            Buckets::Local(directory) => Arc::new(LocalStore::open(directory.clone())),
            Buckets::Store { buckets, .. } => Arc::clone(buckets),
        }
    }

    pub(crate) fn s3(&self) -> &S3Store {
        &self.inner.s3
    }

    /// Waits until uploads that were broken off are aborted. What takes longer is left to the bucket's lifecycle rules.
    pub(crate) async fn settled(&self) {
        const AT_MOST: Duration = Duration::from_secs(4);
        drop(tokio::time::timeout(AT_MOST, self.inner.s3.settled()).await);
    }

    pub(crate) fn cache(&self) -> &Arc<SharedCache> {
        &self.inner.cache
    }

    fn remote_engine(&self) -> Engine {
        let make = || {
            let store: Arc<dyn ObjectStore> = match &self.inner.config.buckets {
                Buckets::Store { objects, .. } => Arc::clone(objects),
                Buckets::S3 | Buckets::Local(_) => Arc::new(self.inner.s3.clone()),
            };
            compose::engine(&self.inner.config, store, &self.inner.cache)
        };
        self.inner.remote.get_or_init(make).clone()
    }

    fn local_engine(&self, store: &LocalStore) -> Engine {
        let mut engines = self.inner.local.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || compose::engine(&self.inner.config, Arc::new(store.clone()), &self.inner.cache);
        engines.entry(store.root().to_owned()).or_insert_with(make).clone()
    }
}

fn required<'a>(operation: &'static str, field: &'static str, value: Option<&'a str>) -> Result<&'a str, Error> {
    value.filter(|value| !value.is_empty()).ok_or(Error::Missing { operation, field })
}

fn unknown(url: &StoreUrl) -> Error {
    Error::Usage(format!("`{url}` is of no scheme that is known"))
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("config", &self.inner.config).finish_non_exhaustive()
    }
}
