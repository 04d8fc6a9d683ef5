//! The cache on disk: no file of it is ever modified after it is published.

mod draft;
mod evict;
mod layout;
mod locks;
mod orphans;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use deltaglider_core::RandomAccess;
use deltaglider_core::cache::{CacheError, Freed, PrunePolicy};
use deltaglider_core::keys::{KeyProvider, Lifetime};
use deltaglider_core::random_access::FileAccess;

use self::layout::{Layout, Root};
use self::locks::Stripes;
use crate::budget::Bounds;
use crate::counts::Evicted;
use crate::directory::{absent, status_of_file};
use crate::encrypted::{EncryptedCache, PATIENCE};
use crate::entry::{Draft, EntryId, EntryName, EntryStore, Usage};
use crate::sealed;
use crate::sync::{Mutex, MutexGuard};

/// Entries are marked as used at most this often.
const MARK_USED: Duration = Duration::from_secs(60);
/// How often orphans and what is outlived are looked for.
const TEND: Duration = Duration::from_secs(3600);

/// A cache on disk.
pub type FilesystemCache = EncryptedCache<FilesystemEntries>;

/// How a cache on disk is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FilesystemConfig {
    /// With persistent keys the directory of the cache, made where there is none; with ephemeral keys the one in which the cache
    /// makes a directory of its own, `deltaglider-<random>`, and removes it when it ends.
    pub directory: PathBuf,
    /// Bytes on disk that entries take at most.
    pub max_bytes: u64,
    /// Bytes that are left free on the volume; `None` for the smaller of 1 GiB and 5 % of it.
    pub min_free: Option<u64>,
    /// Entries that nobody used for this long are removed.
    pub ttl: Option<Duration>,
    /// How long a lookup waits for somebody else's fetch that makes no progress.
    pub patience: Duration,
}

impl FilesystemConfig {
    /// A cache in `directory`: 10 GiB, the usual floor of free space, no time-to-live.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), max_bytes: 10 << 30, min_free: None, ttl: None, patience: PATIENCE }
    }
}

impl FilesystemCache {
    /// Opens a cache and sweeps what dead owners left behind; fails where there is no key, or the directory cannot be trusted.
    pub async fn open(config: FilesystemConfig, keys: Arc<dyn KeyProvider>) -> Result<Self, CacheError> {
        let patience = config.patience;
        let lifetime = keys.lifetime();
        let entries = tokio::task::spawn_blocking(move || FilesystemEntries::open(config, lifetime))
            .await
            .map_err(io::Error::other)??;
        Self::over(entries, keys, patience).await
    }
}

/// Sealed entries on disk.
#[derive(Debug)]
pub struct FilesystemEntries {
    config: FilesystemConfig,
    root: Root,
    stripes: Stripes,
    room: Arc<Mutex<Room>>,
    tended: Mutex<Instant>,
    evicted: Evicted,
}

/// What the entries take, as far as is known.
#[derive(Debug, Default)]
struct Room {
    /// Bytes counted on disk, with what was published since; and when they were counted.
    used: Option<(u64, Instant)>,
    /// Bytes of drafts under way.
    reserved: u64,
}

impl FilesystemEntries {
    /// Opens a store; blocks.
    pub fn open(config: FilesystemConfig, lifetime: Lifetime) -> Result<Self, CacheError> {
        let root = Root::open(&config.directory, lifetime)?;
        let entries = Self {
            root,
            stripes: Stripes::default(),
            room: Arc::default(),
            tended: Mutex::new(Instant::now()),
            evicted: Evicted::default(),
            config,
        };
        entries.sweep();
        Ok(entries)
    }

    fn bounds(&self) -> Bounds {
        Bounds { limit: self.config.max_bytes, min_free: self.config.min_free }
    }

    /// The directories, where they are there.
    fn present(&self) -> io::Result<Option<Layout>> {
        absent(self.root.current().and_then(|root| Layout::open(&root)))
    }

    fn sweep(&self) {
        orphans::sweep(&self.config.directory);
        if let Ok(root) = self.root.current() {
            layout::sweep_trash(&root);
        }
        if let Ok(Some(layout)) = self.present() {
            layout.sweep();
            if let Some(ttl) = self.config.ttl {
                let _ = self.evict_idle(&layout, ttl);
            }
        }
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EntryStore for FilesystemEntries {
    fn backend(&self) -> &'static str {
        "filesystem"
    }

    fn limit(&self) -> u64 {
        self.config.max_bytes
    }

    fn header(&self, name: EntryName) -> io::Result<Option<Vec<u8>>> {
        let Some(layout) = self.present()? else { return Ok(None) };
        let Some((file, header)) = layout.header(name)? else { return Ok(None) };
        let now = SystemTime::now();
        let used = status_of_file(&file)?.modified;
        let idle = now.duration_since(used);
        if let (Some(ttl), Ok(idle)) = (self.config.ttl, &idle)
            && *idle >= ttl
        {
            if let Some(bytes) = layout.remove(name, Some(&header))? {
                self.evicted.age.add(1);
                self.room().freed(bytes);
            }
            return Ok(None);
        }
        let mark = self.config.ttl.map_or(MARK_USED, |ttl| MARK_USED.min(ttl / 4));
        // A time to come would never be the oldest: it is set to now as well.
        if idle.is_err() || idle.is_ok_and(|idle| idle >= mark) {
            let _ = file.set_modified(now);
        }
        Ok(Some(header))
    }

    fn headers(&self) -> io::Result<Vec<(EntryName, Vec<u8>)>> {
        let Some(layout) = self.present()? else { return Ok(Vec::new()) };
        let mut headers = Vec::new();
        for name in layout.header_names()? {
            if let Some((_, header)) = layout.header(name)? {
                headers.push((name, header));
            }
        }
        Ok(headers)
    }

    fn body(&self, id: EntryId) -> io::Result<Option<Arc<dyn RandomAccess>>> {
        let Some(layout) = self.present()? else { return Ok(None) };
        let Some(file) = absent(layout.bodies.open_file(&id.to_string()))? else { return Ok(None) };
        Ok(Some(Arc::new(FileAccess::new(file)?)))
    }

    fn draft(&self, id: EntryId, length: u64) -> Result<Box<dyn Draft>, CacheError> {
        let layout = Layout::ensure(&*self.root.current()?)?;
        Ok(Box::new(self.begin(layout, id, length)?))
    }

    fn replace(&self, old: EntryName, expected: &[u8], new: EntryName, header: &[u8]) -> io::Result<bool> {
        let Some(layout) = self.present()? else { return Ok(false) };
        let Some((file, found)) = layout.header(old)? else { return Ok(false) };
        if found != expected {
            return Ok(false);
        }
        let used = status_of_file(&file)?.modified;
        if layout.publish_header(new, header, Some(used))? || layout.shares_body(new, expected)? {
            // Somebody else who puts it under the same key may have been quicker.
            absent(layout.headers.unlink(&old.to_string()))?;
        } else {
            // The same reference is there under the new key already, with a body of its own.
            layout.remove(old, Some(expected))?;
        }
        Ok(true)
    }

    fn remove(&self, name: EntryName, expected: Option<&[u8]>) -> io::Result<Option<u64>> {
        let Some(layout) = self.present()? else { return Ok(None) };
        let freed = layout.remove(name, expected)?;
        self.room().freed(freed.unwrap_or(0));
        Ok(freed)
    }

    fn prune(&self, policy: &PrunePolicy) -> io::Result<Freed> {
        let Some(layout) = self.present()? else { return Ok(Freed::default()) };
        let mut freed = match policy.max_idle {
            Some(idle) => self.evict_idle(&layout, idle)?,
            None => Freed::default(),
        };
        if let Some(bytes) = policy.max_bytes {
            let used = layout.bytes()?;
            let more = self.evict_oldest(&layout, used.saturating_sub(bytes), &self.evicted.budget)?;
            freed.entries += more.entries;
            freed.bytes += more.bytes;
            freed.failed += more.failed;
        }
        self.room().used = None;
        Ok(freed)
    }

    fn clear(&self) -> io::Result<Freed> {
        let root = self.root.current()?;
        let freed = layout::clear(&root)?;
        self.room().used = None;
        Ok(freed)
    }

    fn usage(&self) -> io::Result<Usage> {
        let mut usage = Usage {
            evicted_for_budget: self.evicted.budget.get(),
            evicted_for_space: self.evicted.space.get(),
            evicted_for_age: self.evicted.age.get(),
            path: Some(self.root.path().to_owned()),
            ..Usage::default()
        };
        if let Some(layout) = self.present()? {
            let uses = layout.uses()?;
            usage.entries = uses.len() as u64;
            usage.oldest_use = uses.iter().map(|used| used.modified).min();
            usage.bytes = layout.bytes()?;
        }
        Ok(usage)
    }

    fn claim(&self, name: EntryName) -> io::Result<Option<Box<dyn Fn() + Send + Sync>>> {
        if self.root.is_ephemeral() {
            // Nobody else has the key.
            return Ok(Some(Box::new(|| {})));
        }
        let layout = Layout::ensure(&*self.root.current()?)?;
        Ok(self.stripes.try_claim(&layout.locks, name)?.map(|stripe| {
            let progress: Box<dyn Fn() + Send + Sync> = Box::new(move || stripe.progress());
            progress
        }))
    }

    fn claim_progress(&self, name: EntryName) -> Option<SystemTime> {
        let layout = self.present().ok()??;
        locks::progress(&layout.locks, name)
    }

    fn tend(&self) {
        let every = self.config.ttl.map_or(TEND, |ttl| TEND.min(ttl.max(Duration::from_secs(60))));
        {
            let mut tended = self.tended.lock().unwrap_or_else(PoisonError::into_inner);
            if tended.elapsed() < every {
                return;
            }
            *tended = Instant::now();
        }
        self.sweep();
    }

    fn close(&self) -> io::Result<()> {
        self.root.end()
    }
}

impl Room {
    fn freed(&mut self, bytes: u64) {
        if let Some((used, _)) = &mut self.used {
            *used = used.saturating_sub(bytes);
        }
    }

    fn published(&mut self, bytes: u64) {
        if let Some((used, _)) = &mut self.used {
            *used += bytes;
        }
    }
}

/// The id of the body that a header names, where it can be read.
fn body_of(header: &[u8]) -> Option<EntryId> {
    sealed::peek(header).ok().map(|clear| clear.entry)
}
