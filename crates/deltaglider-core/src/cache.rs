//! The port to the reference cache: references are kept locally so that they are not fetched again.

use std::fmt::{self, Debug};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;

use crate::{Proven, RandomAccess, Sha256};

/// In which shape a reference is kept.
///
/// A codec that has to prepare a reference before it can use it keeps the prepared form, so that the work is done once.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Form(&'static str);

impl Form {
    /// The reference as it is stored.
    pub const STORED: Form = Form("stored");

    /// A prepared form, named with its version: `expanded/1`.
    #[must_use]
    pub const fn prepared(name_and_version: &'static str) -> Self {
        Self(name_and_version)
    }

    /// The form's name.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        self.0
    }
}

impl Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Names an entry: the digest of the reference's plaintext and the form in which it is kept. Nothing under it ever goes stale.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheKey {
    /// Digest of the reference as it is stored.
    pub digest: Sha256,
    /// The form that is kept.
    pub form: Form,
}

impl CacheKey {
    /// The reference as it is stored.
    #[must_use]
    pub fn stored(digest: Sha256) -> Self {
        Self { digest, form: Form::STORED }
    }
}

/// What a lookup found.
#[derive(Debug)]
pub enum Lookup {
    /// The entry, opened; it stays readable whatever happens to the cache.
    Hit(Arc<dyn RandomAccess>),
    /// Nothing, and the caller is the one to fetch it. Others who look it up wait, for a bounded time, until the claim is dropped.
    Miss(Claim),
}

/// The duty to fetch an entry, given to one at a time; dropping it wakes the next.
pub struct Claim(Option<Box<dyn Fn() + Send + Sync>>);

impl Claim {
    /// A claim that releases `guard` when it is dropped.
    #[must_use]
    pub fn new(guard: impl Send + Sync + 'static) -> Self {
        Self(Some(Box::new(move || {
            let _held = &guard;
        })))
    }

    /// A claim that releases what `on_progress` holds when it is dropped, and calls it for each [`progress`](Self::progress).
    #[must_use]
    pub fn with_progress(on_progress: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(on_progress)))
    }

    /// A claim that keeps nobody waiting.
    #[must_use]
    pub fn unshared() -> Self {
        Self(None)
    }

    /// Says that the fetch goes on, so that those who wait for it do not give it up. Cheap: call it for each piece that arrives.
    pub fn progress(&self) {
        if let Some(on_progress) = &self.0 {
            on_progress();
        }
    }
}

impl Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claim")
    }
}

/// A cache of references.
///
/// Contract, each line a test of the conformance suite:
/// - What was inserted is found until it is evicted, pruned, cleared or outlived, and reads back byte for byte.
/// - What a lookup handed out stays readable after `evict`, `prune` and `clear`.
/// - Everything kept is encrypted and authenticated; what fails its check is dropped and is a miss, never wrong bytes.
/// - An insert that began before a `clear` brings nothing back after it.
/// - One lookup at a time is told to fetch; the others wait until it is done, or for a bounded time.
/// - An entry larger than the budget is refused with [`CacheError::TooLarge`], and nothing else is evicted for it.
/// - A content that does not have its digest is refused with [`CacheError::WrongDigest`], a proven one as well.
/// - `lookups = hits + misses` in [`CacheStats`]; a peek that finds its entry is a lookup, one that does not is none.
#[async_trait]
pub trait ReferenceCache: Debug + Send + Sync + 'static {
    /// Opens what is opened at first use; fails where the cache cannot be used as it is configured. Asked before something is
    /// stored that is to be cached.
    async fn ready(&self) -> Result<(), CacheError> {
        Ok(())
    }

    /// Whether what is kept is there for later clients too, so that more than references pays to be kept.
    fn outlives(&self) -> bool {
        false
    }

    /// Looks an entry up, waiting while somebody else fetches it.
    async fn lookup(&self, entry: &CacheKey) -> Result<Lookup, CacheError>;

    /// Opens an entry if it is there: nobody is waited for, and nobody is told to fetch. Counts as a hit or not at all.
    async fn peek(&self, entry: &CacheKey) -> Result<Option<Arc<dyn RandomAccess>>, CacheError>;

    /// Keeps an entry and opens it. The stored form is refused where it does not have the entry's digest; a prepared one has a
    /// digest of its own, which is compared with nothing and need not be taken. Where it cannot be kept now (no space, a failing
    /// device), `content` itself is given back.
    async fn insert(
        &self,
        entry: &CacheKey,
        content: Arc<dyn RandomAccess>,
    ) -> Result<Arc<dyn RandomAccess>, CacheError>;

    /// Does the same with a content whose digest is known for certain, so that it need not be hashed once more.
    async fn insert_proven(&self, entry: &CacheKey, content: Proven) -> Result<Arc<dyn RandomAccess>, CacheError> {
        self.insert(entry, Arc::clone(content.content())).await
    }

    /// Removes an entry; says whether there was one.
    async fn evict(&self, entry: &CacheKey) -> Result<bool, CacheError>;

    /// Removes what a policy no longer wants.
    async fn prune(&self, policy: &PrunePolicy) -> Result<Freed, CacheError>;

    /// Removes everything; with an ephemeral key, replaces the key as well.
    async fn clear(&self) -> Result<Freed, CacheError>;

    /// Puts every entry that the key ring can open under the ring's primary key.
    async fn rewrap(&self) -> Result<Rewrapped, CacheError>;

    /// Removes every entry that was sealed under a key of this id.
    async fn purge_key(&self, key_id: crate::keys::KeyId) -> Result<Freed, CacheError>;

    /// Ends the cache: an ephemeral one removes what it kept, a persistent one stays.
    async fn close(&self) -> Result<(), CacheError>;

    /// Counts since the cache was opened, and what it holds now.
    fn stats(&self) -> CacheStats;
}

/// Which entries to remove.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrunePolicy {
    /// Down to this many bytes, the least recently used first.
    pub max_bytes: Option<u64>,
    /// Those not used for this long.
    pub max_idle: Option<Duration>,
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freed {
    /// Entries removed.
    pub entries: u64,
    /// Bytes freed.
    pub bytes: u64,
    /// Entries that could not be removed.
    pub failed: u64,
}

/// What a rewrap did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewrapped {
    /// Entries now under the primary key that were not before.
    pub rewrapped: u64,
    /// Entries that were under it already.
    pub current: u64,
    /// Entries whose key is not in the ring.
    pub unknown: u64,
    /// Entries that could not be rewrapped.
    pub failed: u64,
}

/// What a cache did since it was opened, and what it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Name of the backend: `filesystem`, `memory`.
    pub backend: &'static str,
    /// Entries held.
    pub entries: u64,
    /// Bytes held, as the backend counts them.
    pub bytes: u64,
    /// The byte budget.
    pub limit: u64,
    /// Lookups that found their entry.
    pub hits: u64,
    /// Lookups that did not.
    pub misses: u64,
    /// Hits that waited for somebody else's fetch.
    pub coalesced: u64,
    /// Entries evicted to stay inside the byte budget.
    pub evicted_for_budget: u64,
    /// Entries evicted to keep the floor of free space.
    pub evicted_for_space: u64,
    /// Entries evicted since nobody used them for too long.
    pub evicted_for_age: u64,
    /// Inserts that went on without the cache.
    pub bypasses: u64,
    /// Entries that failed their check and were dropped.
    pub corruptions: u64,
    /// Lookups that met an entry whose key is not in the ring.
    pub unknown_keys: u64,
    /// Entries put under a new key.
    pub rewraps: u64,
    /// When the entry that was used longest ago was last used.
    pub oldest_use: Option<SystemTime>,
    /// Entries by the id of the key that they are sealed under, in the order of the ids.
    pub entries_by_key: Vec<(crate::keys::KeyId, u64)>,
    /// Id of the primary key.
    pub key_id: Option<crate::keys::KeyId>,
    /// Since when the primary key is known.
    pub key_since: Option<SystemTime>,
    /// Where the entries lie, on disk.
    pub path: Option<PathBuf>,
}

impl CacheError {
    /// Whether the user has to hear of it: the cache cannot be used as it is configured. Everything else is gone around.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        matches!(self, Self::InsecureDirectory { .. } | Self::Key(_) | Self::Closed)
    }
}

/// What goes wrong in a cache. Only the first three are ever a user's trouble; the rest is logged, counted and gone around.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The directory cannot be trusted.
    #[error("the cache directory {} cannot be used: {reason}", path.display())]
    InsecureDirectory {
        /// Which directory.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// The key is not to be had.
    #[error("no key for the cache")]
    Key(#[from] crate::keys::KeyError),
    /// The cache was closed.
    #[error("the cache is closed")]
    Closed,
    /// Larger than the whole budget.
    #[error("{size} bytes do not fit into a cache of {limit}")]
    TooLarge {
        /// Size of the entry in bytes.
        size: u64,
        /// The byte budget.
        limit: u64,
    },
    /// The content to keep is not what its digest says.
    #[error("the content does not have the digest under which it is to be kept")]
    WrongDigest,
    /// No space is left on the device.
    #[error("no space left for the cache")]
    NoSpace,
    /// The device fails.
    #[error("the cache cannot be read or written")]
    Io(#[from] std::io::Error),
}
