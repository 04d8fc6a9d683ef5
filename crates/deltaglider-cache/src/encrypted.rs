//! The sealed cache over any store of entries: what is kept where is the store's, how it is sealed is decided here.

mod content;
mod inner;
#[cfg(test)]
mod interleavings;
mod reader;
#[cfg(test)]
mod threads;

use std::io;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use deltaglider_core::cache::{
    CacheError, CacheKey, CacheStats, Claim, Freed, Lookup, PrunePolicy, ReferenceCache, Rewrapped,
};
use deltaglider_core::keys::{KeyId, KeyProvider, KeyRing, Lifetime};
use deltaglider_core::seal::{MAX_LENGTH, sealed_length};
use deltaglider_core::{Proven, RandomAccess};

use self::content::Content;
use self::inner::Inner;
#[cfg(test)]
use self::threads::away;
use crate::entry::EntryStore;
use crate::flight::{Flights, Leader, Turn, Waited, wait};
use crate::sealed::{FORM_LIMIT, entry_name};
use crate::sync::Mutex;
use crate::sync::atomic::Ordering::{Relaxed, SeqCst};
use crate::sync::atomic::{AtomicBool, AtomicU64};

/// How long a lookup waits for somebody else's fetch that makes no progress, if nothing else is said.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Other processes' fetches are looked at this often at first, and at last.
const POLL: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(250));
/// The entries are searched for unknown keys at most this often.
const UNKNOWN_KEYS: Duration = Duration::from_secs(30);

/// A cache whose entries are sealed under the keys of a provider.
#[derive(Debug)]
pub struct EncryptedCache<S: EntryStore> {
    inner: Arc<Inner<S>>,
    keys: Arc<dyn KeyProvider>,
    flights: Flights,
    patience: Duration,
    closed: AtomicBool,
    /// Counts the clears, so that an insert knows whether there was one.
    clears: AtomicU64,
    searched: Mutex<Option<Instant>>,
}

impl<S: EntryStore> EncryptedCache<S> {
    /// Seals the entries of a store; fails where there is no key. A lookup waits `patience` for a fetch without progress.
    pub async fn over(store: S, keys: Arc<dyn KeyProvider>, patience: Duration) -> Result<Self, CacheError> {
        let cache = Self {
            inner: Arc::new(Inner::new(store)),
            keys,
            flights: Flights::default(),
            patience,
            closed: AtomicBool::new(false),
            clears: AtomicU64::new(0),
            searched: Mutex::default(),
        };
        cache.ring().await?;
        Ok(cache)
    }

    /// The keys in force, taken down for the statistics.
    async fn ring(&self) -> Result<Arc<KeyRing>, CacheError> {
        let ring = self.keys.key_ring().await?;
        self.inner.note_key(ring.primary.id(), ring.since);
        Ok(Arc::new(ring))
    }

    fn check_open(&self) -> Result<(), CacheError> {
        if self.closed.load(Relaxed) { Err(CacheError::Closed) } else { Ok(()) }
    }

    /// Runs on the blocking pool.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Inner<S>>) -> Result<T, CacheError> + Send + 'static,
    ) -> Result<T, CacheError> {
        let inner = Arc::clone(&self.inner);
        away(move || work(&inner)).await?
    }

    async fn find(&self, entry: &CacheKey, ring: &Arc<KeyRing>) -> Option<Arc<dyn RandomAccess>> {
        let (entry, ring) = (entry.clone(), Arc::clone(ring));
        self.blocking(move |inner| Ok(inner.find(&entry, &ring))).await.unwrap_or_default()
    }

    fn hit(&self, found: Arc<dyn RandomAccess>, waited: bool) -> Lookup {
        self.inner.counts.hits.add(1);
        self.inner.counts.coalesced.add(u64::from(waited));
        Lookup::Hit(found)
    }

    fn miss(&self, claim: Claim) -> Lookup {
        self.inner.counts.misses.add(1);
        Lookup::Miss(claim)
    }

    /// Fetches are led by one process at a time as well, for a bounded time.
    async fn lead(&self, entry: &CacheKey, ring: &Arc<KeyRing>, leader: Leader) -> Lookup {
        let name = entry_name(&ring.primary, &inner::subject_of(entry));
        let mut pause = POLL.0;
        let mut progress = None;
        let mut since = tokio::time::Instant::now();
        loop {
            let claim = self.blocking(move |inner| Ok(inner.store.claim(name)?)).await;
            // Looked for once more: it may have been published since the caller looked.
            if let Some(found) = self.find(entry, ring).await {
                return self.hit(found, pause > POLL.0);
            }
            match claim {
                Ok(Some(held)) => {
                    return self.miss(Claim::with_progress(move || {
                        leader.progress();
                        held();
                    }));
                }
                Ok(None) => {}
                Err(error) => {
                    self.inner.failed(&error);
                    break;
                }
            }
            let now = self.blocking(move |inner| Ok(inner.store.claim_progress(name))).await.unwrap_or_default();
            if now != progress {
                progress = now;
                since = tokio::time::Instant::now();
                leader.progress();
            } else if since.elapsed() >= self.patience {
                break;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(POLL.1);
        }
        self.miss(Claim::with_progress(move || leader.progress()))
    }

    /// Asks the provider for new keys where entries are there that none of the ring's opens; says whether the ring has changed.
    async fn meets_new_key(&self, ring: &Arc<KeyRing>) -> bool {
        if self.keys.lifetime() == Lifetime::Ephemeral || !self.search_is_due() {
            return false;
        }
        let known: Vec<KeyId> = ring.keys().map(deltaglider_core::keys::CacheEncryptionKey::id).collect();
        let unknown = self.blocking(move |inner| Ok(inner.has_unknown_key(&known))).await.unwrap_or(false);
        if !unknown {
            return false;
        }
        self.inner.counts.unknown_keys.add(1);
        self.keys.refresh().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the keys of the cache could not be read again");
            false
        })
    }

    fn search_is_due(&self) -> bool {
        let mut searched = self.searched.lock().unwrap_or_else(PoisonError::into_inner);
        let due = searched.is_none_or(|at| at.elapsed() >= UNKNOWN_KEYS);
        if due {
            *searched = Some(Instant::now());
        }
        due
    }

    async fn keep(&self, entry: &CacheKey, content: Content) -> Result<Arc<dyn RandomAccess>, CacheError> {
        let clears = self.clears.load(SeqCst);
        if let Some(found) = self.find(entry, &self.ring().await?).await {
            return Ok(found);
        }
        let length = content.source().size();
        let limit = self.inner.store.limit();
        let sealed = sealed_length(length).filter(|&sealed| sealed <= limit);
        let sealed = sealed.ok_or(CacheError::TooLarge { size: length, limit: limit.min(MAX_LENGTH) })?;
        if entry.form.as_str().len() > FORM_LIMIT {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the name of the form is too long").into());
        }
        // The draft first, the keys then: an entry under a key that a clear replaces is one that the clear takes away.
        let (id, draft) = self.blocking(move |inner| inner.begin(sealed)).await?;
        if self.clears.load(SeqCst) != clears {
            // What was cleared since this began is not brought back; a clear from now on takes the draft away.
            return Ok(Arc::clone(content.source()));
        }
        let ring = self.ring().await?;
        let entry = entry.clone();
        self.blocking(move |inner| inner.seal(&entry, &ring, id, draft, &content)).await
    }

    /// Keeps a content; where that cannot be now, goes on with the content itself.
    async fn keep_or_go_on(&self, entry: &CacheKey, content: Content) -> Result<Arc<dyn RandomAccess>, CacheError> {
        self.check_open()?;
        let source = Arc::clone(content.source());
        let error = match self.inner.avoids(entry) {
            true => None,
            false => match self.keep(entry, content).await {
                Ok(kept) => return Ok(kept),
                Err(error) => Some(error),
            },
        };
        // Whoever waits for this entry waits in vain.
        self.flights.give_up(entry);
        if matches!(error, None | Some(CacheError::NoSpace | CacheError::Io(_) | CacheError::TooLarge { .. })) {
            self.inner.counts.bypasses.add(1);
        }
        match error {
            None => Ok(source),
            Some(error @ (CacheError::NoSpace | CacheError::Io(_))) => {
                self.inner.failed(&error);
                tracing::debug!(digest = %entry.digest, %error, "went on without the cache");
                Ok(source)
            }
            Some(error) => Err(error),
        }
    }
}

/// Does what blocks on the blocking pool.
#[cfg(not(test))]
async fn away<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)
}

#[async_trait]
impl<S: EntryStore> ReferenceCache for EncryptedCache<S> {
    async fn lookup(&self, entry: &CacheKey) -> Result<Lookup, CacheError> {
        let mut waited = false;
        loop {
            self.check_open()?;
            let ring = self.ring().await?;
            if self.inner.avoids(entry) {
                return Ok(self.miss(Claim::unshared()));
            }
            if let Some(found) = self.find(entry, &ring).await {
                return Ok(self.hit(found, waited));
            }
            match self.flights.join(entry) {
                Turn::Lead(leader) => {
                    if self.meets_new_key(&ring).await {
                        continue;
                    }
                    return Ok(self.lead(entry, &ring, leader).await);
                }
                Turn::Wait(stage) => match wait(stage, self.patience).await {
                    Waited::Done => waited = true,
                    Waited::Futile => return Ok(self.miss(Claim::unshared())),
                },
            }
        }
    }

    async fn peek(&self, entry: &CacheKey) -> Result<Option<Arc<dyn RandomAccess>>, CacheError> {
        self.check_open()?;
        let ring = self.ring().await?;
        if self.inner.avoids(entry) {
            return Ok(None);
        }
        let found = self.find(entry, &ring).await;
        self.inner.counts.hits.add(u64::from(found.is_some()));
        Ok(found)
    }

    async fn insert(
        &self,
        entry: &CacheKey,
        content: Arc<dyn RandomAccess>,
    ) -> Result<Arc<dyn RandomAccess>, CacheError> {
        self.keep_or_go_on(entry, Content::new(&entry.form, content)).await
    }

    async fn insert_proven(&self, entry: &CacheKey, content: Proven) -> Result<Arc<dyn RandomAccess>, CacheError> {
        self.keep_or_go_on(entry, Content::Proven(content)).await
    }

    async fn evict(&self, entry: &CacheKey) -> Result<bool, CacheError> {
        self.check_open()?;
        let ring = self.ring().await?;
        let entry = entry.clone();
        self.blocking(move |inner| inner.evict(&entry, &ring)).await
    }

    async fn prune(&self, policy: &PrunePolicy) -> Result<Freed, CacheError> {
        self.check_open()?;
        let policy = policy.clone();
        self.blocking(move |inner| Ok(inner.store.prune(&policy)?)).await
    }

    async fn clear(&self) -> Result<Freed, CacheError> {
        self.check_open()?;
        self.keys.renew().await?;
        self.ring().await?;
        self.clears.fetch_add(1, SeqCst);
        self.inner.trouble.forget();
        self.blocking(|inner| Ok(inner.store.clear()?)).await
    }

    async fn rewrap(&self) -> Result<Rewrapped, CacheError> {
        self.check_open()?;
        let ring = self.ring().await?;
        self.blocking(move |inner| inner.rewrap(&ring)).await
    }

    async fn purge_key(&self, key_id: KeyId) -> Result<Freed, CacheError> {
        self.check_open()?;
        self.blocking(move |inner| inner.purge_key(key_id)).await
    }

    async fn close(&self) -> Result<(), CacheError> {
        if self.closed.swap(true, Relaxed) {
            return Ok(());
        }
        self.blocking(|inner| Ok(inner.store.close()?)).await
    }

    fn stats(&self) -> CacheStats {
        self.inner.stats()
    }
}
