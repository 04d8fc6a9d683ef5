//! Trouble of the cache is never the user's: each call of the store of entries fails once, then each kind of call always, then
//! all of them.
#![cfg(unix)]

#[path = "support/engine.rs"]
mod engine;
#[path = "support/faulty.rs"]
mod faulty;
#[path = "support/keys.rs"]
mod support;

use std::collections::BTreeSet;
use std::io;
use std::io::ErrorKind::{Other, PermissionDenied, StorageFull};
use std::sync::Arc;

use deltaglider_cache::encrypted::PATIENCE;
use deltaglider_cache::entry::EntryStore;
use deltaglider_cache::filesystem::FilesystemEntries;
use deltaglider_cache::memory::MemoryEntries;
use deltaglider_cache::{EncryptedCache, FilesystemConfig, MemoryConfig};
use deltaglider_core::Sha256;
use deltaglider_core::cache::{CacheKey, PrunePolicy};
use deltaglider_core::engine::{Engine, ReferenceUse};
use deltaglider_core::keys::Lifetime;
use engine::Bench;
use faulty::Call::{
    self, Body, Claim, Clear, Draft, Header, Headers, Prune, Publish, Read, Remove, Replace, Usage, Write,
};
use faulty::{Faults, Faulty};
use support::TestKeys;

/// More than a chunk.
const SIZE: usize = 70_000;
const KINDS: [io::ErrorKind; 3] = [Other, StorageFull, PermissionDenied];
/// Every call that operations make.
const CALLS: [Call; 13] =
    [Header, Headers, Body, Read, Draft, Write, Publish, Replace, Remove, Prune, Clear, Usage, Claim];

/// Everything of one round: a store of entries that can fail, and an engine that caches there.
struct Round {
    bench: Bench,
    engine: Engine,
    keys: Arc<TestKeys>,
    faults: Faults,
    _place: Option<tempfile::TempDir>,
}

impl Round {
    async fn over<S: EntryStore>((store, place): (S, Option<tempfile::TempDir>)) -> Self {
        let faults = Faults::default();
        let keys = TestKeys::new(1, Lifetime::Persistent);
        let store = Faulty { store, faults: faults.clone() };
        let cache = EncryptedCache::over(store, Arc::clone(&keys) as _, PATIENCE).await.expect("opened");
        let bench = Bench::new(SIZE);
        let engine = bench.engine(Arc::new(cache));
        Self { bench, engine, keys, faults, _place: place }
    }

    /// What users do: put and get, the reference at hand and not, under one key and the next. All of it succeeds.
    async fn operate(&self) {
        let Self { bench, engine, keys, .. } = self;
        let cache = engine.cache();
        bench.put(engine, "a", 0).await.expect("the first of a space");
        bench.put(engine, "a", 1).await.expect("a delta");
        bench.get(engine, "a", 1).await.expect("a delta comes back");
        keys.set(&[2, 1]);
        bench.get(engine, "a", 1).await.expect("under another key");
        // What is asked of the cache itself may fail, but does no harm.
        let _ = cache.rewrap().await;
        bench.get(engine, "a", 1).await.expect("rewrapped");
        let _ = cache.evict(&CacheKey::stored(Sha256::of(&bench.version("a", 0)))).await;
        bench.put(engine, "a", 2).await.expect("a delta, the reference evicted");
        let _ = cache.prune(&PrunePolicy { max_bytes: Some(0), max_idle: None }).await;
        bench.get(engine, "a", 2).await.expect("a delta, the reference pruned");
        let _ = cache.clear().await;
        bench.get(engine, "a", 0).await.expect("the cache empty");
        cache.stats();
    }
}

fn on_disk() -> (FilesystemEntries, Option<tempfile::TempDir>) {
    let place = tempfile::tempdir().expect("a directory");
    let entries = FilesystemEntries::open(FilesystemConfig::new(place.path()), Lifetime::Persistent).expect("opened");
    (entries, Some(place))
}

fn in_memory() -> (MemoryEntries, Option<tempfile::TempDir>) {
    (MemoryEntries::new(MemoryConfig::default()), None)
}

async fn each_call_fails_once<S: EntryStore>(make: fn() -> (S, Option<tempfile::TempDir>)) {
    let mut struck = BTreeSet::new();
    for n in 1.. {
        let round = Round::over(make()).await;
        let kind = KINDS[n % 3];
        round.faults.inject(move |_, number| (number == n).then_some(kind));
        round.operate().await;
        if round.faults.struck() == 0 {
            break;
        }
        let call = round.faults.calls()[n - 1];
        struck.insert(call);
        // When it is over, the cache serves as before.
        round.faults.inject(|_, _| None);
        round.bench.get(&round.engine, "a", 1).await.expect("got");
        round.bench.store.reset();
        let used = round.bench.get(&round.engine, "a", 1).await.expect("got");
        assert_eq!((used, round.bench.reference_gets()), (ReferenceUse::Cached, 0), "{kind} of call {n}, {call:?}");
    }
    assert_eq!(struck, BTreeSet::from(CALLS), "every call was made, and failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_call_on_disk_fails_once() {
    each_call_fails_once(on_disk).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_call_in_memory_fails_once() {
    each_call_fails_once(in_memory).await;
}

/// A device that never reads, or never removes, or both: two kinds at a time, each with each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_kinds_of_calls_always_fail() {
    for first in CALLS {
        for second in CALLS {
            let round = Round::over(in_memory()).await;
            round.faults.inject(move |call, _| [first, second].contains(&call).then_some(Other));
            round.operate().await;
        }
    }
}

/// The entry can be opened at first, and then neither be read nor removed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_can_neither_be_read_nor_removed_is_gone_around() {
    for kind in KINDS {
        let round = Round::over(on_disk()).await;
        let Round { bench, engine, faults, .. } = &round;
        bench.put(engine, "a", 0).await.expect("put");
        bench.put(engine, "a", 1).await.expect("put");
        faults.inject(move |call, _| [Read, Remove].contains(&call).then_some(kind));
        bench.store.reset();
        for get in 1..=8 {
            assert_eq!(bench.get(engine, "a", 1).await.expect("got"), ReferenceUse::Fetched);
            assert_eq!(bench.reference_gets(), get);
        }
        let report = bench.put(engine, "a", 2).await.expect("put");
        assert_eq!((report.stored.kind(), report.reference), ("delta", ReferenceUse::Fetched));
    }
}

/// After some failures in a row the device is left alone, and nobody waits for it any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ailing_device_is_left_alone_for_a_while() {
    for failing in [&CALLS[..], &[Read, Remove], &[Draft], &[Header]] {
        let round = Round::over(on_disk()).await;
        let Round { bench, engine, faults, .. } = &round;
        bench.put(engine, "a", 0).await.expect("put");
        bench.put(engine, "a", 1).await.expect("put");
        if failing == [Draft] {
            engine.cache().clear().await.expect("cleared");
        }
        faults.inject(move |call, _| failing.contains(&call).then_some(Other));
        for _ in 0..8 {
            bench.get(engine, "a", 1).await.expect("got");
        }
        let (calls, bypasses) = (faults.calls().len(), engine.cache().stats().bypasses);
        let calls_of_stats = faults.calls().len() - calls;
        bench.store.reset();
        for get in 1..=4 {
            assert_eq!(bench.get(engine, "a", 1).await.expect("got"), ReferenceUse::Fetched);
            assert_eq!(bench.reference_gets(), get);
        }
        assert_eq!(faults.calls().len(), calls + calls_of_stats, "{failing:?}: it is not asked any more");
        assert_eq!(engine.cache().stats().bypasses, bypasses + 4, "{failing:?}: counted");
    }
}
