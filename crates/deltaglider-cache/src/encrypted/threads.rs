//! The whole cache under threads that look up, fetch, evict, prune, clear and are dropped, while what blocks runs on threads of its own.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use bytes::Bytes;
use deltaglider_core::cache::{CacheKey, CacheStats, Lookup, PrunePolicy, ReferenceCache};
use deltaglider_core::{RandomAccess, Sha256};
use shuttle::future::{self, block_on};
use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;

use super::interleavings::{self, FixedKey};
use crate::encrypted::PATIENCE;
use crate::memory::{MemoryCache, MemoryConfig, MemoryEntries};
use crate::schedules::{self, has_pool};

/// In the place of the blocking pool.
pub(super) async fn away<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    if has_pool() { schedules::away(work).await } else { interleavings::away(work).await }
}

const ENTRIES: usize = 2;
const ROOMY: u64 = 1 << 20;
/// Room for one entry.
const TIGHT: u64 = 600;

/// What the threads of one run share.
#[derive(Clone)]
struct World {
    cache: Arc<MemoryCache>,
    budget: u64,
    entries: [(CacheKey, Bytes); ENTRIES],
    /// Those who fetch at this moment, by entry.
    fetching: Arc<[AtomicUsize; ENTRIES]>,
    /// Lookups that were begun, and those that told how they ended.
    begun: Arc<AtomicUsize>,
    told: Arc<AtomicUsize>,
    fetched: Arc<AtomicUsize>,
}

/// Counts one who fetches, also where that is dropped in the middle.
struct Fetching<'a>(&'a AtomicUsize);

impl Drop for Fetching<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl World {
    fn new(budget: u64) -> Self {
        let store = MemoryEntries::new(MemoryConfig::new(budget));
        let cache = block_on(MemoryCache::over(store, Arc::new(FixedKey), PATIENCE)).expect("there is a key");
        let entries = [b"a reference".as_slice(), &[7; 100]].map(|content| {
            let content = Bytes::from_static(content);
            (CacheKey::stored(Sha256::of(&content)), content)
        });
        let (fetching, begun, told, fetched) = Default::default();
        Self { cache: Arc::new(cache), budget, entries, fetching, begun, told, fetched }
    }

    /// Looks up, and fetches where it has to: what an engine does. A fetch that fails keeps nothing.
    async fn look_up(&self, number: usize, fetch_succeeds: bool) {
        let (entry, content) = &self.entries[number];
        self.begun.fetch_add(1, SeqCst);
        let found = self.cache.lookup(entry).await.expect("a lookup does not fail");
        self.told.fetch_add(1, SeqCst);
        let found = match found {
            Lookup::Hit(found) => found,
            Lookup::Miss(_claim) => {
                let others = self.fetching[number].fetch_add(1, SeqCst);
                let _fetching = Fetching(&self.fetching[number]);
                assert!(others == 0 || self.budget == TIGHT, "two fetch one entry at once");
                future::yield_now().await;
                if !fetch_succeeds {
                    return;
                }
                self.fetched.fetch_add(1, SeqCst);
                self.cache.insert(entry, Arc::new(content.clone())).await.expect("it goes on without the cache")
            }
        };
        assert_eq!(found.read_vec(0, content.len()).expect("it reads"), *content);
    }

    /// Does one of the things that a cache is for.
    async fn do_something(&self) {
        let mut random = thread_rng();
        let number = random.gen_range(0..ENTRIES);
        match random.gen_range(0..10) {
            0..6 => self.look_up(number, true).await,
            6 => self.look_up(number, false).await,
            7 => drop(self.cache.evict(&self.entries[number].0).await.expect("evicted")),
            8 => {
                let policy = PrunePolicy { max_bytes: Some(random.gen_range(0..TIGHT)), max_idle: None };
                self.cache.prune(&policy).await.expect("pruned");
            }
            _ => drop(self.cache.clear().await.expect("cleared")),
        }
        self.check();
    }

    /// What holds at any moment.
    fn check(&self) -> CacheStats {
        // In this order: what is told was counted before, and what is counted was begun before.
        let told = self.told.load(SeqCst) as u64;
        let stats = self.cache.stats();
        let begun = self.begun.load(SeqCst) as u64;
        assert!((told..=begun).contains(&(stats.hits + stats.misses)), "{told} to {begun}: {stats:?}");
        assert!(stats.bytes <= self.budget && stats.corruptions == 0, "{stats:?}");
        assert!(stats.bypasses == 0 || self.budget == TIGHT, "{stats:?}");
        stats
    }

    fn spawn(&self, work: impl AsyncFnOnce(&Self) + Send + 'static) -> thread::JoinHandle<()> {
        let world = self.clone();
        thread::spawn(move || block_on(work(&world)))
    }
}

fn join(threads: Vec<thread::JoinHandle<()>>) {
    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
}

#[test]
fn one_fetches_and_the_others_hit() {
    schedules::many(5000, || {
        let world = World::new(ROOMY);
        schedules::with_pool(|| {
            join((0..4).map(|_| world.spawn(async |world| world.look_up(0, true).await)).collect());
        });
        let stats = world.check();
        assert_eq!((stats.hits, stats.misses, stats.entries), (3, 1, 1));
        assert_eq!(world.fetched.load(SeqCst), 1);
    });
}

#[test]
fn anything_at_once_within_a_budget() {
    for budget in [ROOMY, TIGHT] {
        schedules::many(3000, move || {
            let world = World::new(budget);
            schedules::with_pool(|| {
                let busy = async |world: &World| {
                    for _ in 0..2 {
                        world.do_something().await;
                    }
                };
                join((0..4).map(|_| world.spawn(busy)).collect());
            });
            let stats = world.check();
            assert_eq!(stats.hits + stats.misses, world.begun.load(SeqCst) as u64);
        });
    }
}

#[test]
fn one_that_is_dropped_anywhere_holds_nobody_up() {
    schedules::many(5000, || {
        let world = World::new(ROOMY);
        schedules::with_pool(|| {
            let dropped = world.clone();
            let dropped = future::spawn(async move { dropped.look_up(0, true).await });
            let others = (0..2).map(|_| world.spawn(async |world| world.look_up(0, true).await)).collect();
            dropped.abort();
            join(others);
        });
        let stats = world.check();
        assert_eq!(stats.entries, 1);
        assert!(stats.hits + stats.misses >= 2);
    });
}

/// A content that tells when it is first asked for its size: an insert has begun by then.
#[derive(Debug)]
struct Telling(Bytes, Arc<AtomicBool>);

impl RandomAccess for Telling {
    fn size(&self) -> u64 {
        self.1.store(true, SeqCst);
        self.0.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
}

#[test]
fn an_insert_that_began_before_a_clear_brings_nothing_back() {
    let seen = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let counted = Arc::clone(&seen);
    schedules::many(10_000, move || {
        let world = World::new(ROOMY);
        let (begun, before) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        schedules::with_pool(|| {
            let content = Telling(world.entries[0].1.clone(), Arc::clone(&begun));
            let insert = world.spawn(async move |world| {
                let kept = world.cache.insert(&world.entries[0].0, Arc::new(content)).await.expect("it goes on");
                assert_eq!(kept.size(), world.entries[0].1.size());
            });
            let (begun, before) = (Arc::clone(&begun), Arc::clone(&before));
            let clear = world.spawn(async move |world| {
                before.store(begun.load(SeqCst), SeqCst);
                world.cache.clear().await.expect("cleared");
            });
            join(vec![insert, clear]);
        });
        let before = before.load(SeqCst);
        assert!(!before || world.check().entries == 0, "what was cleared came back");
        counted[usize::from(before)].fetch_add(1, SeqCst);
    });
    assert!(seen.iter().all(|runs| runs.load(SeqCst) > 0), "both orders were seen");
}
