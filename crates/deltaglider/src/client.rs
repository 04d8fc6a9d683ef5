//! The client: engines over S3 and local stores, made when they are first needed, with one cache among them.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use deltaglider_core::engine::Engine;
use deltaglider_core::store::BucketStore;
use deltaglider_core::{Location, StoreUrl};
use deltaglider_s3::S3Store;

use crate::compose::{self, SharedCache};
use crate::config::{Buckets, Config};
use crate::error::Error;
use crate::place::Place;

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
    s3: OnceLock<S3Store>,
    /// Over S3, or over the store that stands in its place.
    remote: OnceLock<Engine>,
    /// By the directory whose sub-directories are the buckets.
    local: Mutex<HashMap<PathBuf, Engine>>,
}

impl Client {
    /// Makes a client; makes no request and opens nothing.
    ///
    /// # Errors
    /// [`Error::Config`] where the settings cannot be used.
    pub async fn from_config(config: Config) -> Result<Self, Error> {
        let cache = Arc::new(compose::cache(&config)?);
        let inner = Inner { cache, s3: OnceLock::new(), remote: OnceLock::new(), local: Mutex::default(), config };
        let client = Self { inner: Arc::new(inner) };
        // The endpoint is checked here, while the settings are at hand.
        client.s3()?;
        Ok(client)
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
            StoreUrl::S3 { bucket, key } => (self.remote_engine()?, Location::new(bucket.as_str(), key.as_str())),
            StoreUrl::File { path } => {
                let found = compose::locate(path)?;
                (self.local_engine(&found.root)?, found.at)
            }
            _ => return Err(Error::Usage(format!("`{url}` is of no scheme that is known"))),
        };
        Ok(Place { engine, at, url })
    }

    /// The store in which a URL's bucket is, or would be, and the bucket's name in it; empty for `s3://`, the list of buckets.
    ///
    /// Of a `file://` URL the last component is the bucket, and the directory above it the store.
    pub fn bucket_store(&self, url: &str) -> Result<(Arc<dyn BucketStore>, String), Error> {
        match url.parse()? {
            StoreUrl::S3 { bucket, .. } => match &self.inner.config.buckets {
                Buckets::Store { buckets, .. } => Ok((Arc::clone(buckets), bucket)),
                _ => Ok((Arc::new(self.s3()?.clone()), bucket)),
            },
            StoreUrl::File { path } => compose::local_bucket(&path),
            other => Err(Error::Usage(format!("`{other}` is of no scheme that is known"))),
        }
    }

    fn remote_engine(&self) -> Result<Engine, Error> {
        if let Some(engine) = self.inner.remote.get() {
            return Ok(engine.clone());
        }
        let store = match &self.inner.config.buckets {
            Buckets::Store { objects, .. } => Arc::clone(objects),
            _ => Arc::new(self.s3()?.clone()),
        };
        Ok(self.inner.remote.get_or_init(|| compose::engine(&self.inner.config, store, &self.inner.cache)).clone())
    }

    fn local_engine(&self, root: &Path) -> Result<Engine, Error> {
        let mut engines = self.inner.local.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = engines.get(root) {
            return Ok(engine.clone());
        }
        let store = compose::local_store(root)?;
        let engine = compose::engine(&self.inner.config, store, &self.inner.cache);
        engines.insert(root.to_owned(), engine.clone());
        Ok(engine)
    }

    fn s3(&self) -> Result<&S3Store, Error> {
        if let Some(store) = self.inner.s3.get() {
            return Ok(store);
        }
        let store = compose::s3(&self.inner.config.s3)?;
        Ok(self.inner.s3.get_or_init(|| store))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("config", &self.inner.config).finish_non_exhaustive()
    }
}
