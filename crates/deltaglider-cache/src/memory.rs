//! The cache in memory: exact least-recently-used by bytes, entries kept sealed.

mod buffer;
#[cfg(test)]
mod threads;

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use deltaglider_core::RandomAccess;
use deltaglider_core::cache::{CacheError, Freed, PrunePolicy};
use deltaglider_core::keys::KeyProvider;

use self::buffer::Buffer;
use crate::counts::Evicted;
use crate::encrypted::{EncryptedCache, PATIENCE};
use crate::entry::{Draft, EntryId, EntryName, EntryStore, Usage};
use crate::sealed::{self, HEADER_LENGTH};
use crate::sync::{Mutex, MutexGuard};

/// A cache in memory; it never writes a file.
pub type MemoryCache = EncryptedCache<MemoryEntries>;

/// How a cache in memory is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryConfig {
    /// Bytes that entries take at most, those being written included.
    pub budget: u64,
    /// Entries that nobody used for this long are removed.
    pub ttl: Option<Duration>,
    /// How long a lookup waits for somebody else's fetch that makes no progress.
    pub patience: Duration,
}

impl MemoryConfig {
    /// A cache of so many bytes, without a time-to-live.
    #[must_use]
    pub fn new(budget: u64) -> Self {
        Self { budget, ttl: None, patience: PATIENCE }
    }
}

impl Default for MemoryConfig {
    /// 100 MiB.
    fn default() -> Self {
        Self::new(100 << 20)
    }
}

impl MemoryCache {
    /// Opens a cache; fails where there is no key.
    pub async fn open(config: MemoryConfig, keys: Arc<dyn KeyProvider>) -> Result<Self, CacheError> {
        let patience = config.patience;
        Self::over(MemoryEntries::new(config), keys, patience).await
    }
}

/// Sealed entries in memory.
#[derive(Debug)]
pub struct MemoryEntries {
    config: MemoryConfig,
    held: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    entries: HashMap<EntryName, Entry>,
    bodies: HashMap<EntryId, Bytes>,
    /// Names by the turn in which they were last used.
    order: BTreeMap<u64, EntryName>,
    turn: u64,
    bytes: u64,
    /// Bytes of drafts under way.
    reserved: u64,
    /// Counts the clears, so that a draft knows whether there was one.
    generation: u64,
    evicted: Evicted,
}

#[derive(Debug)]
struct Entry {
    header: Vec<u8>,
    id: EntryId,
    turn: u64,
    used: SystemTime,
}

impl MemoryEntries {
    /// A store without entries.
    #[must_use]
    pub fn new(config: MemoryConfig) -> Self {
        Self { config, held: Arc::default() }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        lock(&self.held)
    }
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Held {
    fn mark_used(&mut self, name: EntryName) {
        if let Some(entry) = self.entries.get_mut(&name) {
            self.order.remove(&entry.turn);
            self.turn += 1;
            entry.turn = self.turn;
            entry.used = SystemTime::now();
            self.order.insert(self.turn, name);
        }
    }

    fn insert(&mut self, name: EntryName, header: Vec<u8>, id: EntryId, body: Bytes) {
        self.bytes += size(&header, &body);
        self.entries.insert(name, Entry { header, id, turn: 0, used: SystemTime::UNIX_EPOCH });
        self.bodies.insert(id, body);
        self.mark_used(name);
    }

    fn remove(&mut self, name: EntryName) -> Option<u64> {
        let entry = self.entries.remove(&name)?;
        self.order.remove(&entry.turn);
        let body = self.bodies.remove(&entry.id).unwrap_or_default();
        let bytes = size(&entry.header, &body);
        self.bytes -= bytes;
        Some(bytes)
    }

    /// Removes the least recently used until `bytes` are held at most; says how many went.
    fn evict_to(&mut self, bytes: u64) -> Freed {
        let mut freed = Freed::default();
        while self.bytes > bytes
            && let Some((_, &oldest)) = self.order.first_key_value()
        {
            freed.bytes += self.remove(oldest).unwrap_or(0);
            freed.entries += 1;
        }
        self.evicted.budget.add(freed.entries);
        freed
    }

    fn evict_idle(&mut self, idle: Duration) -> Freed {
        let mut freed = Freed::default();
        // In order of use: the first that is fresh ends it.
        while let Some((_, &oldest)) = self.order.first_key_value()
            && self.entries.get(&oldest).is_none_or(|entry| is_idle(entry.used, idle))
        {
            freed.bytes += self.remove(oldest).unwrap_or(0);
            freed.entries += 1;
        }
        self.evicted.age.add(freed.entries);
        freed
    }
}

fn size(header: &[u8], body: &[u8]) -> u64 {
    (header.len() + body.len()) as u64
}

fn is_idle(used: SystemTime, idle: Duration) -> bool {
    used.elapsed().is_ok_and(|elapsed| elapsed >= idle)
}

impl EntryStore for MemoryEntries {
    fn backend(&self) -> &'static str {
        "memory"
    }

    fn limit(&self) -> u64 {
        self.config.budget
    }

    fn header(&self, name: EntryName) -> io::Result<Option<Vec<u8>>> {
        let mut held = self.held();
        if let Some(ttl) = self.config.ttl {
            held.evict_idle(ttl);
        }
        held.mark_used(name);
        Ok(held.entries.get(&name).map(|entry| entry.header.clone()))
    }

    fn headers(&self) -> io::Result<Vec<(EntryName, Vec<u8>)>> {
        Ok(self.held().entries.iter().map(|(name, entry)| (*name, entry.header.clone())).collect())
    }

    fn body(&self, id: EntryId) -> io::Result<Option<Arc<dyn RandomAccess>>> {
        Ok(self.held().bodies.get(&id).map(|body| Arc::new(body.clone()) as Arc<dyn RandomAccess>))
    }

    fn draft(&self, id: EntryId, length: u64) -> Result<Box<dyn Draft>, CacheError> {
        let limit = self.config.budget;
        let reserved = length.saturating_add(HEADER_LENGTH as u64);
        if reserved > limit {
            return Err(CacheError::TooLarge { size: reserved, limit });
        }
        let capacity = usize::try_from(length).map_err(|_| CacheError::NoSpace)?;
        let generation = {
            let mut held = self.held();
            // Others are being written: what they take is not to be had by evicting.
            if held.reserved + reserved > limit {
                return Err(CacheError::NoSpace);
            }
            let rest = limit - held.reserved - reserved;
            held.evict_to(rest);
            held.reserved += reserved;
            held.generation
        };
        let mut draft = MemoryDraft { held: Arc::clone(&self.held), id, reserved, generation, body: None };
        draft.body = Some(Buffer::new(capacity).map_err(|_| CacheError::NoSpace)?);
        Ok(Box::new(draft))
    }

    fn replace(&self, old: EntryName, expected: &[u8], new: EntryName, header: &[u8]) -> io::Result<bool> {
        let mut held = self.held();
        let Some(entry) = held.entries.get(&old).filter(|entry| entry.header == expected) else { return Ok(false) };
        let (id, turn, used) = (entry.id, entry.turn, entry.used);
        if held.entries.contains_key(&new) {
            held.remove(old);
            return Ok(true);
        }
        held.entries.remove(&old);
        held.bytes = held.bytes - expected.len() as u64 + header.len() as u64;
        held.order.insert(turn, new);
        held.entries.insert(new, Entry { header: header.to_vec(), id, turn, used });
        Ok(true)
    }

    fn remove(&self, name: EntryName, expected: Option<&[u8]>) -> io::Result<Option<u64>> {
        let mut held = self.held();
        let same = held.entries.get(&name).is_some_and(|entry| expected.is_none_or(|header| entry.header == header));
        Ok(if same { held.remove(name) } else { None })
    }

    fn prune(&self, policy: &PrunePolicy) -> io::Result<Freed> {
        let mut held = self.held();
        let mut freed = policy.max_idle.map_or_else(Freed::default, |idle| held.evict_idle(idle));
        if let Some(bytes) = policy.max_bytes {
            let more = held.evict_to(bytes);
            freed.entries += more.entries;
            freed.bytes += more.bytes;
        }
        Ok(freed)
    }

    fn clear(&self) -> io::Result<Freed> {
        let mut held = self.held();
        let freed = Freed { entries: held.entries.len() as u64, bytes: held.bytes, failed: 0 };
        let evicted = std::mem::take(&mut held.evicted);
        *held = Held { reserved: held.reserved, generation: held.generation + 1, evicted, ..Held::default() };
        Ok(freed)
    }

    fn usage(&self) -> io::Result<Usage> {
        let held = self.held();
        let oldest = held.order.first_key_value().and_then(|(_, name)| held.entries.get(name));
        Ok(Usage {
            entries: held.entries.len() as u64,
            bytes: held.bytes,
            oldest_use: oldest.map(|entry| entry.used),
            evicted_for_budget: held.evicted.budget.get(),
            evicted_for_age: held.evicted.age.get(),
            ..Usage::default()
        })
    }

    /// Nobody else has this memory.
    fn claim(&self, _name: EntryName) -> io::Result<Option<Box<dyn Fn() + Send + Sync>>> {
        Ok(Some(Box::new(|| {})))
    }

    fn claim_progress(&self, _name: EntryName) -> Option<SystemTime> {
        None
    }

    fn tend(&self) {
        if let Some(ttl) = self.config.ttl {
            self.held().evict_idle(ttl);
        }
    }

    fn close(&self) -> io::Result<()> {
        self.clear().map(drop)
    }
}

struct MemoryDraft {
    held: Arc<Mutex<Held>>,
    id: EntryId,
    reserved: u64,
    generation: u64,
    body: Option<Buffer>,
}

impl Write for MemoryDraft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.body.as_mut().ok_or(io::ErrorKind::BrokenPipe)?.push(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Draft for MemoryDraft {
    fn parts(&mut self, length: usize) -> io::Result<Vec<Box<dyn Write + Send + '_>>> {
        let room = self.body.as_mut().ok_or(io::ErrorKind::BrokenPipe)?.room();
        Ok(room.chunks_mut(length).map(|part| Box::new(part) as _).collect())
    }

    fn publish(mut self: Box<Self>, name: EntryName, header: &[u8]) -> io::Result<Arc<dyn RandomAccess>> {
        let body = self.body.take().ok_or(io::ErrorKind::BrokenPipe)?.freeze();
        let fits =
            sealed::peek(header).is_ok_and(|clear| clear.entry == self.id) && size(header, &body) <= self.reserved;
        let mut held = lock(&self.held);
        held.reserved -= std::mem::take(&mut self.reserved);
        if fits && held.generation == self.generation && !held.entries.contains_key(&name) {
            held.insert(name, header.to_vec(), self.id, body.clone());
        }
        drop(held);
        Ok(Arc::new(body))
    }
}

impl Drop for MemoryDraft {
    fn drop(&mut self) {
        lock(&self.held).reserved -= self.reserved;
    }
}
