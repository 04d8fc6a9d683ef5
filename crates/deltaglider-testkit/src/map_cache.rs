//! A reference cache without encryption, budget or disk: for tests of the engine alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use deltaglider_core::RandomAccess;
use deltaglider_core::cache::{
    CacheError, CacheKey, CacheStats, Claim, Freed, Lookup, PrunePolicy, ReferenceCache, Rewrapped,
};
use deltaglider_core::keys::KeyId;

/// A map in memory that counts hits and misses. It may be told to fail each call, and to refuse what is large.
#[derive(Debug, Default)]
pub struct MapCache {
    state: Mutex<State>,
    limit: Option<u64>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<CacheKey, Bytes>,
    stats: CacheStats,
    broken: bool,
}

impl MapCache {
    /// One that takes no entry of more bytes.
    #[must_use]
    pub fn of(limit: u64) -> Self {
        Self { limit: Some(limit), ..Self::default() }
    }

    /// Makes every call fail from now on.
    pub fn break_down(&self) {
        self.lock().broken = true;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn working(&self) -> Result<MutexGuard<'_, State>, CacheError> {
        let state = self.lock();
        if state.broken { Err(CacheError::Io(std::io::Error::other("broken"))) } else { Ok(state) }
    }
}

#[async_trait]
impl ReferenceCache for MapCache {
    async fn lookup(&self, entry: &CacheKey) -> Result<Lookup, CacheError> {
        let mut state = self.working()?;
        match state.entries.get(entry).cloned() {
            Some(bytes) => {
                state.stats.hits += 1;
                Ok(Lookup::Hit(Arc::new(bytes)))
            }
            None => {
                state.stats.misses += 1;
                Ok(Lookup::Miss(Claim::unshared()))
            }
        }
    }

    async fn peek(&self, entry: &CacheKey) -> Result<Option<Arc<dyn RandomAccess>>, CacheError> {
        let mut state = self.working()?;
        let found = state.entries.get(entry).cloned();
        state.stats.hits += u64::from(found.is_some());
        Ok(found.map(|bytes| Arc::new(bytes) as Arc<dyn RandomAccess>))
    }

    async fn insert(
        &self,
        entry: &CacheKey,
        content: Arc<dyn RandomAccess>,
    ) -> Result<Arc<dyn RandomAccess>, CacheError> {
        let size = content.size();
        if let Some(limit) = self.limit.filter(|limit| size > *limit) {
            return Err(CacheError::TooLarge { size, limit });
        }
        let bytes = Bytes::from(content.read_vec(0, size as usize)?);
        self.working()?.entries.insert(entry.clone(), bytes.clone());
        Ok(Arc::new(bytes))
    }

    async fn evict(&self, entry: &CacheKey) -> Result<bool, CacheError> {
        Ok(self.working()?.entries.remove(entry).is_some())
    }

    async fn prune(&self, _: &PrunePolicy) -> Result<Freed, CacheError> {
        Ok(Freed::default())
    }

    async fn clear(&self) -> Result<Freed, CacheError> {
        let mut state = self.working()?;
        let bytes = state.entries.values().map(|entry| entry.len() as u64).sum();
        let entries = state.entries.drain().count() as u64;
        Ok(Freed { entries, bytes, failed: 0 })
    }

    async fn rewrap(&self) -> Result<Rewrapped, CacheError> {
        Ok(Rewrapped::default())
    }

    async fn purge_key(&self, _: KeyId) -> Result<Freed, CacheError> {
        Ok(Freed::default())
    }

    async fn close(&self) -> Result<(), CacheError> {
        Ok(())
    }

    fn stats(&self) -> CacheStats {
        let state = self.lock();
        let mut stats = state.stats.clone();
        stats.entries = state.entries.len() as u64;
        stats
    }
}
