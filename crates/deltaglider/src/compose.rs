//! The composition root: settings in, stores, caches and engines out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use deltaglider_core::cache::{
    CacheError, CacheKey, CacheStats, Freed, Lookup, PrunePolicy, ReferenceCache, Rewrapped,
};
use deltaglider_core::engine::{Engine, EngineParts};
use deltaglider_core::keys::KeyId;
use deltaglider_core::scratch::ScratchSpace;
use deltaglider_core::store::{BucketStore, ObjectStore};
use deltaglider_core::{Location, RandomAccess};
use deltaglider_s3::S3Store;

use crate::config::{Config, S3Settings};
use crate::error::Error;

/// Of the allowed memory, one content takes this share at most before it goes to disk.
const SCRATCH_SHARE: u64 = 32;
const MAX_IN_MEMORY: u64 = 32 << 20;

pub(crate) fn s3(settings: &S3Settings) -> Result<S3Store, Error> {
    let mut builder = S3Store::builder()
        .verify_ssl(settings.verify_ssl)
        .addressing_style(settings.addressing_style)
        .connect_timeout(settings.connect_timeout)
        .read_timeout(settings.read_timeout)
        .max_attempts(settings.max_attempts)
        .concurrency(settings.concurrency);
    if let Some(profile) = &settings.profile {
        builder = builder.profile(profile);
    }
    if let Some(region) = &settings.region {
        builder = builder.region(region);
    }
    if let Some(endpoint) = &settings.endpoint_url {
        builder = builder.endpoint_url(endpoint);
    }
    if let Some(path) = &settings.ca_bundle {
        builder = builder.ca_bundle(path);
    }
    if settings.no_sign_request {
        builder = builder.anonymous();
    } else if let Some(credentials) = &settings.credentials {
        let (id, secret, token) = credentials.parts();
        builder = builder.static_credentials(id, secret, token);
    }
    builder.build().map_err(|error| Error::Config(error.to_string()))
}

pub(crate) fn engine(config: &Config, store: Arc<dyn ObjectStore>, cache: &Arc<SharedCache>) -> Engine {
    let directory = config.scratch_directory.clone().unwrap_or_else(std::env::temp_dir);
    let in_memory = (config.limits.memory / SCRATCH_SHARE).min(MAX_IN_MEMORY);
    Engine::new(EngineParts {
        store,
        cache: Arc::clone(cache) as Arc<dyn ReferenceCache>,
        codecs: Vec::new(),
        policy: config.policy.clone(),
        limits: config.limits,
        scratch: ScratchSpace::new(directory, in_memory),
    })
}

/// A local store that was found above a path.
pub(crate) struct Found {
    pub(crate) root: PathBuf,
    pub(crate) at: Location,
}

pub(crate) fn locate(path: &Path) -> Result<Found, Error> {
    Err(Error::NoLocalStore { path: path.to_owned() })
}

pub(crate) fn local_store(root: &Path) -> Result<Arc<dyn ObjectStore>, Error> {
    Err(Error::NoLocalStore { path: root.to_owned() })
}

pub(crate) fn local_bucket(path: &Path) -> Result<(Arc<dyn BucketStore>, String), Error> {
    Err(Error::NoLocalStore { path: path.to_owned() })
}

pub(crate) fn cache(_config: &Config) -> Result<SharedCache, Error> {
    Ok(SharedCache)
}

#[derive(Debug)]
pub(crate) struct SharedCache;

#[async_trait]
impl ReferenceCache for SharedCache {
    async fn lookup(&self, _: &CacheKey) -> Result<Lookup, CacheError> {
        Err(CacheError::Closed)
    }
    async fn insert(&self, _: &CacheKey, content: Arc<dyn RandomAccess>) -> Result<Arc<dyn RandomAccess>, CacheError> {
        Ok(content)
    }
    async fn evict(&self, _: &CacheKey) -> Result<bool, CacheError> {
        Err(CacheError::Closed)
    }
    async fn prune(&self, _: &PrunePolicy) -> Result<Freed, CacheError> {
        Err(CacheError::Closed)
    }
    async fn clear(&self) -> Result<Freed, CacheError> {
        Err(CacheError::Closed)
    }
    async fn rewrap(&self) -> Result<Rewrapped, CacheError> {
        Err(CacheError::Closed)
    }
    async fn purge_key(&self, _: KeyId) -> Result<Freed, CacheError> {
        Err(CacheError::Closed)
    }
    async fn close(&self) -> Result<(), CacheError> {
        Ok(())
    }
    fn stats(&self) -> CacheStats {
        CacheStats::default()
    }
}
