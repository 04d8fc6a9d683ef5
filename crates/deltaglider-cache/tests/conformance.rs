//! Both caches keep the port's contract.

#[path = "support/keys.rs"]
mod support;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use deltaglider_cache::entry::{Draft, EntryId, EntryName, EntryStore, Usage};
use deltaglider_cache::memory::MemoryEntries;
use deltaglider_cache::{EncryptedCache, FilesystemCache, FilesystemConfig, MemoryConfig};
use deltaglider_core::RandomAccess;
use deltaglider_core::cache::{CacheError, Freed, PrunePolicy, ReferenceCache};
use deltaglider_core::keys::Lifetime;
use deltaglider_testkit::cache_conformance::{CacheHarness, CacheSetup};
use deltaglider_testkit::reference_cache_conformance;
use support::{TestKeys, all_files};

/// Caches on disk, with keys of one lifetime or the other.
struct OnDisk {
    place: tempfile::TempDir,
    lifetime: Lifetime,
    opened: Mutex<Option<PathBuf>>,
}

impl OnDisk {
    fn new(lifetime: Lifetime) -> Self {
        Self { place: tempfile::tempdir().expect("a directory"), lifetime, opened: Mutex::default() }
    }

    fn entries(&self) -> Vec<PathBuf> {
        let root = self.opened.lock().expect("not poisoned").clone().expect("opened");
        all_files(&root).into_iter().filter(|path| !path.iter().any(|part| part == "locks")).collect()
    }
}

#[async_trait]
impl CacheHarness for OnDisk {
    async fn open(&self, setup: CacheSetup) -> Arc<dyn ReferenceCache> {
        let mut config = FilesystemConfig::new(self.place.path());
        (config.max_bytes, config.ttl, config.patience) = (setup.budget, setup.ttl, setup.patience);
        let cache = FilesystemCache::open(config, TestKeys::new(1, self.lifetime)).await.expect("opened");
        *self.opened.lock().expect("not poisoned") = cache.stats().path;
        Arc::new(cache)
    }

    fn kept(&self) -> Vec<Vec<u8>> {
        self.entries().into_iter().map(|path| std::fs::read(path).expect("read")).collect()
    }

    fn tamper(&self) {
        for path in self.entries() {
            if path.iter().any(|part| part == "bodies") {
                let mut bytes = std::fs::read(&path).expect("read");
                bytes[100] ^= 1;
                std::fs::write(path, bytes).expect("written");
            }
        }
    }
}

/// Caches in memory, over a store that can damage its bodies.
#[derive(Default)]
struct InMemory {
    store: Mutex<Option<Arc<MemoryEntries>>>,
    tampers: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Tampering {
    store: Arc<MemoryEntries>,
    tampers: Arc<AtomicBool>,
}

#[async_trait]
impl CacheHarness for InMemory {
    async fn open(&self, setup: CacheSetup) -> Arc<dyn ReferenceCache> {
        let mut config = MemoryConfig::new(setup.budget);
        config.ttl = setup.ttl;
        let store = Arc::new(MemoryEntries::new(config));
        *self.store.lock().expect("not poisoned") = Some(Arc::clone(&store));
        let keys = TestKeys::new(1, Lifetime::Ephemeral);
        let store = Tampering { store, tampers: Arc::clone(&self.tampers) };
        Arc::new(EncryptedCache::over(store, keys, setup.patience).await.expect("opened"))
    }

    fn kept(&self) -> Vec<Vec<u8>> {
        let store = self.store.lock().expect("not poisoned").clone().expect("opened");
        let mut kept = Vec::new();
        for (_, header) in store.headers().expect("listed") {
            let id = deltaglider_cache::sealed::peek(&header).expect("a header").entry;
            let body = store.body(id).expect("opened").expect("there");
            kept.push(body.read_vec(0, body.size() as usize).expect("read"));
            kept.push(header);
        }
        kept
    }

    fn tamper(&self) {
        self.tampers.store(true, Relaxed);
    }
}

impl EntryStore for Tampering {
    fn body(&self, id: EntryId) -> io::Result<Option<Arc<dyn RandomAccess>>> {
        let Some(body) = self.store.body(id)? else { return Ok(None) };
        if !self.tampers.load(Relaxed) {
            return Ok(Some(body));
        }
        let mut bytes = body.read_vec(0, body.size() as usize)?;
        bytes[100] ^= 1;
        Ok(Some(Arc::new(Bytes::from(bytes))))
    }

    fn backend(&self) -> &'static str {
        self.store.backend()
    }

    fn limit(&self) -> u64 {
        self.store.limit()
    }

    fn header(&self, name: EntryName) -> io::Result<Option<Vec<u8>>> {
        self.store.header(name)
    }

    fn headers(&self) -> io::Result<Vec<(EntryName, Vec<u8>)>> {
        self.store.headers()
    }

    fn draft(&self, id: EntryId, length: u64) -> Result<Box<dyn Draft>, CacheError> {
        self.store.draft(id, length)
    }

    fn replace(&self, old: EntryName, expected: &[u8], new: EntryName, header: &[u8]) -> io::Result<bool> {
        self.store.replace(old, expected, new, header)
    }

    fn remove(&self, name: EntryName, expected: Option<&[u8]>) -> io::Result<Option<u64>> {
        self.store.remove(name, expected)
    }

    fn prune(&self, policy: &PrunePolicy) -> io::Result<Freed> {
        self.store.prune(policy)
    }

    fn clear(&self) -> io::Result<Freed> {
        self.store.clear()
    }

    fn usage(&self) -> io::Result<Usage> {
        self.store.usage()
    }

    fn claim(&self, name: EntryName) -> io::Result<Option<Box<dyn Fn() + Send + Sync>>> {
        self.store.claim(name)
    }

    fn claim_progress(&self, name: EntryName) -> Option<SystemTime> {
        self.store.claim_progress(name)
    }

    fn tend(&self) {
        self.store.tend();
    }

    fn close(&self) -> io::Result<()> {
        self.store.close()
    }
}

reference_cache_conformance!(on_disk_persistent, OnDisk::new(Lifetime::Persistent));
reference_cache_conformance!(on_disk_ephemeral, OnDisk::new(Lifetime::Ephemeral));
reference_cache_conformance!(in_memory, InMemory::default());
