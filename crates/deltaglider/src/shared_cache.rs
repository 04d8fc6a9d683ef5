//! The one cache of a client, opened when it is first used.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use deltaglider_core::cache::{
    CacheError, CacheKey, CacheStats, Freed, Lookup, PrunePolicy, ReferenceCache, Rewrapped,
};
use deltaglider_core::keys::{KeyId, Lifetime};
use deltaglider_core::{Proven, RandomAccess};
use tokio::sync::OnceCell;

use crate::compose::{self, Keys};
use crate::config::{CacheBackend, CacheSettings};
use crate::telemetry;

/// A cache that all engines of a client share.
pub(crate) struct SharedCache {
    settings: CacheSettings,
    keys: Keys,
    opened: OnceCell<Arc<dyn ReferenceCache>>,
    closed: AtomicBool,
}

impl SharedCache {
    /// Opens nothing.
    pub(crate) fn new(settings: CacheSettings, keys: Keys) -> Self {
        Self { settings, keys, opened: OnceCell::new(), closed: AtomicBool::new(false) }
    }

    /// The keys that its entries are sealed under.
    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }

    async fn open(&self) -> Result<&Arc<dyn ReferenceCache>, CacheError> {
        let cache = self.opened.get_or_try_init(|| compose::cache(&self.settings, &self.keys)).await?;
        if self.closed.load(Ordering::Acquire) {
            // Closed while it was opened: nothing of it may stay.
            cache.close().await?;
            return Err(CacheError::Closed);
        }
        Ok(cache)
    }

    /// The cache if there is anything in it to work on: one that dies with the client, and was never used, is not opened.
    async fn held(&self) -> Result<Option<&Arc<dyn ReferenceCache>>, CacheError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(CacheError::Closed);
        }
        if self.opened.get().is_none() && !self.outlives() {
            return Ok(None);
        }
        self.open().await.map(Some)
    }

    /// What the cache did and holds; a persistent one is opened for it.
    pub(crate) async fn stats_opened(&self) -> Result<CacheStats, CacheError> {
        let stats = match self.held().await? {
            None => self.stats(),
            Some(cache) => {
                let cache = Arc::clone(cache);
                // It reads directories.
                tokio::task::spawn_blocking(move || cache.stats()).await.map_err(std::io::Error::other)?
            }
        };
        telemetry::holds(&stats);
        Ok(stats)
    }
}

impl fmt::Debug for SharedCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedCache").field("opened", &self.opened.get()).finish_non_exhaustive()
    }
}

#[async_trait]
impl ReferenceCache for SharedCache {
    async fn ready(&self) -> Result<(), CacheError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(CacheError::Closed);
        }
        self.open().await?.ready().await
    }

    fn outlives(&self) -> bool {
        self.keys.lifetime() == Lifetime::Persistent && self.settings.backend == CacheBackend::Filesystem
    }

    async fn lookup(&self, entry: &CacheKey) -> Result<Lookup, CacheError> {
        self.ready().await?;
        self.open().await?.lookup(entry).await
    }

    async fn peek(&self, entry: &CacheKey) -> Result<Option<Arc<dyn RandomAccess>>, CacheError> {
        self.ready().await?;
        self.open().await?.peek(entry).await
    }

    async fn insert(
        &self,
        entry: &CacheKey,
        content: Arc<dyn RandomAccess>,
    ) -> Result<Arc<dyn RandomAccess>, CacheError> {
        self.ready().await?;
        self.open().await?.insert(entry, content).await
    }

    async fn insert_proven(&self, entry: &CacheKey, content: Proven) -> Result<Arc<dyn RandomAccess>, CacheError> {
        self.ready().await?;
        self.open().await?.insert_proven(entry, content).await
    }

    async fn evict(&self, entry: &CacheKey) -> Result<bool, CacheError> {
        match self.held().await? {
            Some(cache) => cache.evict(entry).await,
            None => Ok(false),
        }
    }

    async fn prune(&self, policy: &PrunePolicy) -> Result<Freed, CacheError> {
        match self.held().await? {
            Some(cache) => cache.prune(policy).await,
            None => Ok(Freed::default()),
        }
    }

    async fn clear(&self) -> Result<Freed, CacheError> {
        match self.held().await? {
            Some(cache) => cache.clear().await,
            None => Ok(Freed::default()),
        }
    }

    async fn rewrap(&self) -> Result<Rewrapped, CacheError> {
        match self.held().await? {
            Some(cache) => cache.rewrap().await,
            None => Ok(Rewrapped::default()),
        }
    }

    async fn purge_key(&self, key_id: KeyId) -> Result<Freed, CacheError> {
        match self.held().await? {
            Some(cache) => cache.purge_key(key_id).await,
            None => Ok(Freed::default()),
        }
    }

    async fn close(&self) -> Result<(), CacheError> {
        self.closed.store(true, Ordering::Release);
        match self.opened.get() {
            Some(cache) => cache.close().await,
            None => Ok(()),
        }
    }

    fn stats(&self) -> CacheStats {
        if let Some(cache) = self.opened.get() {
            return cache.stats();
        }
        let mut stats = CacheStats::default();
        (stats.backend, stats.limit) = match self.settings.backend {
            CacheBackend::Filesystem => ("filesystem", self.settings.max_size),
            CacheBackend::Memory => ("memory", self.settings.memory_size),
        };
        stats
    }
}
