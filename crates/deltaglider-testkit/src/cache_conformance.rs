//! What every reference cache does: one named test for each line of the port's contract.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use deltaglider_core::cache::{CacheError, CacheKey, Claim, Form, Lookup, PrunePolicy, ReferenceCache};
use deltaglider_core::{Proven, RandomAccess, Sha256};

/// How a cache under test is to be opened.
#[derive(Clone, Copy, Debug)]
pub struct CacheSetup {
    /// Its byte budget.
    pub budget: u64,
    /// Its time-to-live.
    pub ttl: Option<Duration>,
    /// How long it waits for a fetch without progress.
    pub patience: Duration,
}

impl Default for CacheSetup {
    fn default() -> Self {
        Self { budget: 16 << 20, ttl: None, patience: Duration::from_secs(30) }
    }
}

/// Opens caches, and looks behind them.
#[async_trait]
pub trait CacheHarness: Send + Sync {
    /// Opens an empty cache.
    async fn open(&self, setup: CacheSetup) -> Arc<dyn ReferenceCache>;

    /// Every byte string that the cache keeps.
    fn kept(&self) -> Vec<Vec<u8>>;

    /// Damages the body of every entry from now on.
    fn tamper(&self);
}

/// Makes a module of tests, one for each line of the contract: `reference_cache_conformance!(name, harness)`, where `harness` is
/// an expression that gives a [`CacheHarness`].
#[macro_export]
macro_rules! reference_cache_conformance {
    ($name:ident, $harness:expr) => {
        $crate::reference_cache_conformance!(@tests $name, $harness,
            keeps_until_evicted, keeps_until_pruned, keeps_until_cleared, keeps_until_outlived, keeps_forms_apart,
            a_peek_waits_for_nobody,
            handed_out_stays_readable, keeps_ciphertext_alone, damage_is_dropped_and_a_miss,
            a_clear_is_not_undone_by_an_insert_under_way, one_fetches_and_the_others_wait,
            a_dropped_claim_passes_on, waiting_is_bounded_without_progress, nobody_waits_for_what_is_not_kept,
            too_large_is_refused_and_evicts_nothing, counts_add_up, wrong_content_is_refused, proven_content_is_kept_alike,
            closed_is_said);
    };
    (@tests $name:ident, $harness:expr, $($test:ident),+) => {
        mod $name {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    $crate::cache_conformance::$test(&$harness).await;
                }
            )+
        }
    };
}

/// A content of `size` bytes that `seed` tells apart, and its key.
#[must_use]
pub fn content(seed: u64, size: usize) -> (CacheKey, Bytes) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let bytes: Bytes = (0..size)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .collect();
    (CacheKey::stored(Sha256::of(&bytes)), bytes)
}

/// Looks up, and reads all of a hit.
pub async fn read(cache: &dyn ReferenceCache, entry: &CacheKey) -> Option<Vec<u8>> {
    match cache.lookup(entry).await.expect("a lookup does not fail") {
        Lookup::Hit(found) => Some(read_all(found).await.expect("a hit reads")),
        Lookup::Miss(_) => None,
    }
}

/// Reads all of a content, on the blocking pool.
pub async fn read_all(content: Arc<dyn RandomAccess>) -> io::Result<Vec<u8>> {
    let read = move || content.read_vec(0, usize::try_from(content.size()).map_err(io::Error::other)?);
    tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
}

async fn insert(cache: &dyn ReferenceCache, entry: &CacheKey, bytes: &Bytes) -> Arc<dyn RandomAccess> {
    cache.insert(entry, Arc::new(bytes.clone())).await.expect("an insert that fits")
}

async fn claim(cache: &dyn ReferenceCache, entry: &CacheKey) -> Claim {
    match cache.lookup(entry).await.expect("a lookup does not fail") {
        Lookup::Miss(claim) => claim,
        Lookup::Hit(_) => panic!("nothing is there"),
    }
}

/// What was inserted is found until it is evicted.
pub async fn keeps_until_evicted(harness: &dyn CacheHarness) {
    let cache = harness.open(CacheSetup::default()).await;
    for (seed, size) in [(1, 0), (2, 1), (3, 65_535), (4, 65_536), (5, 65_537), (6, 300_000)] {
        let (entry, bytes) = content(seed, size);
        assert_eq!(read(&*cache, &entry).await, None);
        let opened = insert(&*cache, &entry, &bytes).await;
        assert_eq!(read_all(opened).await.expect("read"), bytes);
        insert(&*cache, &entry, &bytes).await;
        assert_eq!(read(&*cache, &entry).await.as_deref(), Some(&*bytes), "{size}");
        assert!(cache.evict(&entry).await.expect("evicted"));
        assert!(!cache.evict(&entry).await.expect("evicted"));
        assert_eq!(read(&*cache, &entry).await, None);
    }
    assert_eq!((cache.stats().entries, cache.stats().bytes), (0, 0));
}

/// What was inserted is found until it is pruned, the least recently used first.
pub async fn keeps_until_pruned(harness: &dyn CacheHarness) {
    let cache = harness.open(CacheSetup::default()).await;
    let contents: Vec<_> = (0..4).map(|seed| content(seed, 100_000)).collect();
    for (entry, bytes) in &contents {
        insert(&*cache, entry, bytes).await;
    }
    let all = cache.stats().bytes;
    let freed = cache.prune(&PrunePolicy { max_bytes: Some(all), max_idle: None }).await.expect("pruned");
    assert_eq!(freed.entries, 0);
    let freed = cache.prune(&PrunePolicy { max_bytes: Some(all / 2), max_idle: None }).await.expect("pruned");
    assert_eq!((freed.entries, freed.failed), (2, 0));
    assert_eq!(freed.bytes, all - cache.stats().bytes);
    let mut left = 0;
    for (entry, bytes) in &contents {
        if let Some(found) = read(&*cache, entry).await {
            assert_eq!(found, **bytes);
            left += 1;
        }
    }
    assert_eq!(left, 2);
    let freed = cache.prune(&PrunePolicy { max_bytes: None, max_idle: Some(Duration::ZERO) }).await.expect("pruned");
    assert_eq!(freed.entries, 2);
    assert_eq!(cache.stats().entries, 0);
}

/// What was inserted is found until the cache is cleared; clearing says what it freed, and clearing again frees nothing.
pub async fn keeps_until_cleared(harness: &dyn CacheHarness) {
    let cache = harness.open(CacheSetup::default()).await;
    let contents: Vec<_> = (0..3).map(|seed| content(seed, 70_000)).collect();
    for (entry, bytes) in &contents {
        insert(&*cache, entry, bytes).await;
    }
    let held = cache.stats();
    assert_eq!(held.entries, 3);
    let freed = cache.clear().await.expect("cleared");
    assert_eq!((freed.entries, freed.bytes, freed.failed), (3, held.bytes, 0));
    for (entry, _) in &contents {
        assert_eq!(read(&*cache, entry).await, None);
    }
    assert_eq!(cache.clear().await.expect("cleared").entries, 0);
    assert!(harness.kept().is_empty());
    let (entry, bytes) = &contents[0];
    insert(&*cache, entry, bytes).await;
    assert_eq!(read(&*cache, entry).await.as_deref(), Some(&**bytes), "usable after a clear");
}

/// What was inserted is found until it is outlived.
pub async fn keeps_until_outlived(harness: &dyn CacheHarness) {
    let (entry, bytes) = content(1, 1000);
    let cache = harness.open(CacheSetup { ttl: Some(Duration::from_secs(3600)), ..CacheSetup::default() }).await;
    insert(&*cache, &entry, &bytes).await;
    assert!(read(&*cache, &entry).await.is_some());
    let cache = harness.open(CacheSetup { ttl: Some(Duration::ZERO), ..CacheSetup::default() }).await;
    insert(&*cache, &entry, &bytes).await;
    assert_eq!(read(&*cache, &entry).await, None);
}

/// A form is not taken for another.
pub async fn keeps_forms_apart(harness: &dyn CacheHarness) {
    let cache = harness.open(CacheSetup::default()).await;
    let (entry, bytes) = content(1, 1000);
    let prepared = CacheKey { digest: entry.digest, form: Form::prepared("expanded/1") };
    insert(&*cache, &prepared, &Bytes::from_static(b"another content")).await;
    assert_eq!(read(&*cache, &entry).await, None);
    insert(&*cache, &entry, &bytes).await;
    assert_eq!(read(&*cache, &prepared).await.as_deref(), Some(&b"another content"[..]));
    assert_eq!(read(&*cache, &entry).await.as_deref(), Some(&*bytes));
}

/// A peek finds what is there, and neither waits for a fetch nor begins one; what it finds is a hit, and nothing else is counted.
pub async fn a_peek_waits_for_nobody(harness: &dyn CacheHarness) {
    let cache = harness.open(CacheSetup::default()).await;
    let (entry, bytes) = content(1, 100_000);
    assert!(cache.peek(&entry).await.expect("peeked").is_none());
    let claim = claim(&*cache, &entry).await;
    assert!(cache.peek(&entry).await.expect("peeked").is_none());
    assert_eq!((cache.stats().hits, cache.stats().misses), (0, 1));
    insert(&*cache, &entry, &bytes).await;
    let found = cache.peek(&entry).await.expect("peeked").expect("it is there");
    assert_eq!(read_all(found).await.expect("read"), bytes);
    drop(claim);
    assert_eq!((cache.stats().hits, cache.stats().misses), (1, 1));
}

/// What a lookup handed out stays readable after `evict`, `prune` and `clear`.
pub async fn handed_out_stays_readable(harness: &dyn CacheHarness) {
    let cache = harness.open(CacheSetup::default()).await;
    let (entry, bytes) = content(1, 200_000);
    for way in 0..3 {
        insert(&*cache, &entry, &bytes).await;
        let Ok(Lookup::Hit(found)) = cache.lookup(&entry).await else { panic!("it is there") };
        match way {
            0 => drop(cache.evict(&entry).await.expect("evicted")),
            1 => drop(cache.prune(&PrunePolicy { max_bytes: Some(0), max_idle: None }).await.expect("pruned")),
            _ => drop(cache.clear().await.expect("cleared")),
        }
        assert_eq!(read(&*cache, &entry).await, None);
        assert_eq!(read_all(found).await.expect("still readable"), bytes);
    }
}

/// Everything kept is encrypted.
pub async fn keeps_ciphertext_alone(harness: &dyn CacheHarness) {
    let cache = harness.open(CacheSetup::default()).await;
    let (entry, bytes) = content(1, 200_000);
    insert(&*cache, &entry, &bytes).await;
    let kept = harness.kept();
    assert!(kept.iter().map(Vec::len).sum::<usize>() > bytes.len());
    for kept in kept {
        let windows: std::collections::HashSet<&[u8]> = kept.windows(16).collect();
        assert!(!bytes.chunks_exact(16).any(|window| windows.contains(window)), "plaintext");
        assert!(!kept.windows(32).any(|window| window == entry.digest.0), "the digest");
    }
}

/// What fails its check is dropped and is a miss, never wrong bytes.
pub async fn damage_is_dropped_and_a_miss(harness: &dyn CacheHarness) {
    let cache = harness.open(CacheSetup::default()).await;
    let (entry, bytes) = content(1, 200_000);
    insert(&*cache, &entry, &bytes).await;
    harness.tamper();
    match cache.lookup(&entry).await.expect("a lookup does not fail") {
        Lookup::Hit(found) => {
            let error = read_all(found).await.expect_err("damaged");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
        Lookup::Miss(_) => {}
    }
    assert_eq!(read(&*cache, &entry).await, None);
    let stats = cache.stats();
    assert_eq!((stats.corruptions, stats.entries), (1, 0));
}

/// A content that waits to be read until it is told to go on.
#[derive(Debug)]
struct Gated {
    bytes: Bytes,
    reached: Sender<()>,
    go_on: Mutex<Option<Receiver<()>>>,
}

impl RandomAccess for Gated {
    fn size(&self) -> u64 {
        self.bytes.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if let Some(go_on) = self.go_on.lock().map_err(|_| io::ErrorKind::Other)?.take() {
            let _ = self.reached.send(());
            let _ = go_on.recv();
        }
        self.bytes.read_at(buffer, offset)
    }
}

/// An insert that began before a `clear` brings nothing back after it.
pub async fn a_clear_is_not_undone_by_an_insert_under_way(harness: &dyn CacheHarness) {
    let cache = harness.open(CacheSetup::default()).await;
    let (entry, bytes) = content(1, 200_000);
    let (reached, was_reached) = channel();
    let (go_on, gate) = channel();
    let gated = Arc::new(Gated { bytes: bytes.clone(), reached, go_on: Mutex::new(Some(gate)) });
    let inserting = tokio::spawn({
        let (cache, entry) = (Arc::clone(&cache), entry.clone());
        async move { cache.insert(&entry, gated).await }
    });
    tokio::task::spawn_blocking(move || was_reached.recv()).await.expect("waited").expect("the insert reads");
    cache.clear().await.expect("cleared");
    go_on.send(()).expect("the insert waits");
    let opened = inserting.await.expect("no panic").expect("the insert goes on without the cache");
    assert_eq!(read_all(opened).await.expect("read"), bytes);
    assert_eq!(read(&*cache, &entry).await, None);
    assert_eq!(cache.stats().entries, 0);
    assert!(harness.kept().is_empty());
}

/// One lookup at a time is told to fetch; the others wait until it is done.
pub async fn one_fetches_and_the_others_wait(harness: &dyn CacheHarness) {
    let cache = harness.open(CacheSetup::default()).await;
    let (entry, bytes) = content(1, 100_000);
    let held = claim(&*cache, &entry).await;
    let waiting: Vec<_> = (0..8)
        .map(|_| {
            let (cache, entry) = (Arc::clone(&cache), entry.clone());
            tokio::spawn(async move { read(&*cache, &entry).await })
        })
        .collect();
    held.progress();
    insert(&*cache, &entry, &bytes).await;
    drop(held);
    for waited in waiting {
        assert_eq!(waited.await.expect("no panic").as_deref(), Some(&*bytes));
    }
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.misses), (8, 1));
}

/// A claim that is dropped without an insert passes on to the next.
pub async fn a_dropped_claim_passes_on(harness: &dyn CacheHarness) {
    let cache = harness.open(CacheSetup::default()).await;
    let (entry, bytes) = content(1, 100_000);
    let held = claim(&*cache, &entry).await;
    let fetched = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let waiting: Vec<_> = (0..4)
        .map(|_| {
            let (cache, entry, bytes, fetched) = (Arc::clone(&cache), entry.clone(), bytes.clone(), fetched.clone());
            tokio::spawn(async move {
                match cache.lookup(&entry).await.expect("a lookup does not fail") {
                    Lookup::Hit(found) => read_all(found).await.expect("read"),
                    Lookup::Miss(_claim) => {
                        fetched.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        read_all(insert(&*cache, &entry, &bytes).await).await.expect("read")
                    }
                }
            })
        })
        .collect();
    drop(held);
    for waited in waiting {
        assert_eq!(waited.await.expect("no panic"), bytes);
    }
    assert_eq!(fetched.load(std::sync::atomic::Ordering::Relaxed), 1);
}

/// The others wait for a bounded time.
pub async fn waiting_is_bounded_without_progress(harness: &dyn CacheHarness) {
    let cache = harness.open(CacheSetup { patience: Duration::from_millis(50), ..CacheSetup::default() }).await;
    let (entry, _) = content(1, 1000);
    let held = claim(&*cache, &entry).await;
    assert_eq!(read(&*cache, &entry).await, None);
    drop(held);
}

/// Nobody waits for a fetch whose result is not kept.
pub async fn nobody_waits_for_what_is_not_kept(harness: &dyn CacheHarness) {
    let cache = harness.open(CacheSetup { budget: 300_000, ..CacheSetup::default() }).await;
    let (entry, bytes) = content(1, 400_000);
    let held = claim(&*cache, &entry).await;
    assert!(matches!(cache.insert(&entry, Arc::new(bytes)).await, Err(CacheError::TooLarge { .. })));
    let others: Vec<_> = (0..4)
        .map(|_| {
            let (cache, entry) = (Arc::clone(&cache), entry.clone());
            tokio::spawn(async move { read(&*cache, &entry).await })
        })
        .collect();
    for other in others {
        assert_eq!(other.await.expect("no panic"), None);
    }
    drop(held);
}

/// An entry larger than the budget is refused, and nothing else is evicted for it.
pub async fn too_large_is_refused_and_evicts_nothing(harness: &dyn CacheHarness) {
    let cache = harness.open(CacheSetup { budget: 300_000, ..CacheSetup::default() }).await;
    let (small, bytes) = content(1, 100_000);
    insert(&*cache, &small, &bytes).await;
    let (large, too_large) = content(2, 300_001);
    let refused = cache.insert(&large, Arc::new(too_large)).await;
    assert!(matches!(refused, Err(CacheError::TooLarge { limit: 300_000, .. })), "{refused:?}");
    assert!(read(&*cache, &small).await.is_some());
    let stats = cache.stats();
    assert_eq!((stats.entries, stats.evicted_for_budget, stats.bypasses), (1, 0, 1));
    // And many that fit one by one stay inside the budget together.
    for seed in 10..30 {
        let (entry, bytes) = content(seed, 60_000);
        insert(&*cache, &entry, &bytes).await;
        assert!(cache.stats().bytes <= 300_000, "{}", cache.stats().bytes);
        assert!(read(&*cache, &entry).await.is_some());
    }
    assert!(cache.stats().evicted_for_budget > 0);
}

/// `lookups = hits + misses`.
pub async fn counts_add_up(harness: &dyn CacheHarness) {
    let cache = harness.open(CacheSetup { budget: 400_000, ..CacheSetup::default() }).await;
    let mut lookups = 0;
    for step in 0..100_u64 {
        let (entry, bytes) = content(step * step % 17, 50_000);
        lookups += 1;
        if let Lookup::Miss(_claim) = cache.lookup(&entry).await.expect("a lookup does not fail") {
            insert(&*cache, &entry, &bytes).await;
        }
        if step % 23 == 0 {
            cache.evict(&entry).await.expect("evicted");
        }
        if step == 50 {
            cache.clear().await.expect("cleared");
        }
    }
    let stats = cache.stats();
    assert_eq!(stats.hits + stats.misses, lookups);
    assert!(stats.hits > 0 && stats.misses > 0);
    assert_eq!(stats.entries_by_key.iter().map(|(_, entries)| entries).sum::<u64>(), stats.entries);
    assert!(stats.key_id.is_some() && stats.key_since.is_some() && stats.oldest_use.is_some());
}

/// A content that does not have its digest is not kept.
pub async fn wrong_content_is_refused(harness: &dyn CacheHarness) {
    let cache = harness.open(CacheSetup::default()).await;
    for size in [1000, 3 << 20] {
        let (entry, _) = content(1, size);
        let (_, other) = content(2, size);
        assert!(matches!(cache.insert(&entry, Arc::new(other.clone())).await, Err(CacheError::WrongDigest)));
        assert!(matches!(cache.insert_proven(&entry, Proven::of(other)).await, Err(CacheError::WrongDigest)));
        assert_eq!(read(&*cache, &entry).await, None);
    }
}

/// A content whose digest is known is kept as any other is, of any size.
pub async fn proven_content_is_kept_alike(harness: &dyn CacheHarness) {
    let cache = harness.open(CacheSetup::default()).await;
    for size in [0, 1, 65_536, 65_537, 1 << 20, (3 << 20) + 5] {
        let (entry, bytes) = content(size as u64, size);
        for proven in [true, false] {
            let kept = match proven {
                true => cache.insert_proven(&entry, Proven::of(bytes.clone())).await,
                false => cache.insert(&entry, Arc::new(bytes.clone())).await,
            };
            let kept = kept.expect("kept");
            assert!(kept.read_vec(0, size).expect("read") == bytes, "{size}");
            assert!(read(&*cache, &entry).await.as_deref() == Some(&bytes[..]), "{size}");
            assert!(cache.evict(&entry).await.expect("evicted"), "{size}");
        }
    }
}

/// A closed cache says so.
pub async fn closed_is_said(harness: &dyn CacheHarness) {
    let cache = harness.open(CacheSetup::default()).await;
    let (entry, bytes) = content(1, 1000);
    insert(&*cache, &entry, &bytes).await;
    cache.close().await.expect("closed");
    cache.close().await.expect("closed again");
    assert!(matches!(cache.lookup(&entry).await, Err(CacheError::Closed)));
    assert!(matches!(cache.insert(&entry, Arc::new(bytes)).await, Err(CacheError::Closed)));
}
