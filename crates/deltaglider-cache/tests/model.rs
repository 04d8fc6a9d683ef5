//! The cache on disk against a model: two handles with keys of their own on one directory, which insert, look up, evict, clear,
//! prune, rotate and rewrap, are killed at any step, and find their entries damaged.
#![cfg(unix)]

#[path = "support/keys.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deltaglider_cache::{FilesystemCache, FilesystemConfig, sealed};
use deltaglider_core::cache::{CacheKey, Lookup, PrunePolicy, ReferenceCache};
use deltaglider_core::keys::{KeyId, Lifetime};
use deltaglider_testkit::cache_conformance::{content, read_all};
use proptest::prelude::*;
use support::{TestKeys, all_files, key};

const SEEDS: u8 = 6;
/// Rings that a handle may have: the primary key first.
const RINGS: [&[u8]; 5] = [&[1], &[2], &[1, 2], &[2, 1], &[3, 2, 1]];

#[derive(Clone, Debug)]
enum Step {
    Insert(usize, u8),
    Lookup(usize, u8),
    Evict(usize, u8),
    Clear(usize),
    /// All of it, or what was idle for no time at all.
    Prune(usize, bool),
    Rotate(usize, usize),
    Rewrap(usize),
    Purge(usize, u8),
    /// The handle goes, with leftovers of what a process was at: a body without a header, trash, the old header of a rewrap.
    Kill(usize),
    /// Changes a byte of the bodies of an entry.
    Damage(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let handle = || 0..2_usize;
    prop_oneof![
        8 => (handle(), 0..SEEDS).prop_map(|(handle, seed)| Step::Insert(handle, seed)),
        8 => (handle(), 0..SEEDS).prop_map(|(handle, seed)| Step::Lookup(handle, seed)),
        2 => (handle(), 0..SEEDS).prop_map(|(handle, seed)| Step::Evict(handle, seed)),
        1 => handle().prop_map(Step::Clear),
        1 => (handle(), any::<bool>()).prop_map(|(handle, all)| Step::Prune(handle, all)),
        3 => (handle(), 0..RINGS.len()).prop_map(|(handle, ring)| Step::Rotate(handle, ring)),
        3 => handle().prop_map(Step::Rewrap),
        1 => (handle(), 1..4_u8).prop_map(|(handle, key)| Step::Purge(handle, key)),
        1 => handle().prop_map(Step::Kill),
        1 => (0..SEEDS).prop_map(Step::Damage),
    ]
}

fn size(seed: u8) -> usize {
    [0, 1, 5_000, 65_536, 65_537, 140_000][usize::from(seed)]
}

fn content_of(seed: u8) -> (CacheKey, Bytes) {
    content(u64::from(seed), size(seed))
}

/// A handle, as the model knows it.
struct Handle {
    cache: FilesystemCache,
    keys: Arc<TestKeys>,
    ring: usize,
    lookups: u64,
    hits: u64,
    corruptions: u64,
    /// How often each entry was found damaged since the last clear.
    damaged: HashMap<u8, u32>,
}

impl Handle {
    async fn open(place: &Path, ring: usize) -> Self {
        let keys = TestKeys::ring(RINGS[ring], Lifetime::Persistent);
        let cache = FilesystemCache::open(FilesystemConfig::new(place), Arc::clone(&keys) as _).await.expect("opened");
        Self { cache, keys, ring, lookups: 0, hits: 0, corruptions: 0, damaged: HashMap::new() }
    }

    /// The first key of the ring under which the entry is there.
    fn finds(&self, model: &Model, seed: u8) -> Option<u8> {
        RINGS[self.ring].iter().copied().find(|&key| model.0.contains_key(&(seed, key)))
    }

    /// Damaged twice in a row, an entry is left alone.
    fn avoids(&self, seed: u8) -> bool {
        self.damaged.get(&seed).is_some_and(|&times| times > 1)
    }
}

/// Which entries are there, under which key, and whether they are damaged.
#[derive(Default)]
struct Model(BTreeMap<(u8, u8), bool>);

impl Model {
    /// Whether a rewrap would have to choose between a damaged body and another.
    fn is_torn(&self, ring: &[u8]) -> bool {
        (0..SEEDS).any(|seed| {
            let found: BTreeSet<_> = ring.iter().filter_map(|&key| self.0.get(&(seed, key))).collect();
            found.len() > 1
        })
    }

    fn rewrap(&mut self, ring: &[u8]) {
        let old: Vec<_> = self.0.keys().copied().filter(|(_, key)| ring[1..].contains(key)).collect();
        for (seed, key) in old {
            let damaged = self.0.remove(&(seed, key)).expect("it was listed");
            self.0.entry((seed, ring[0])).or_insert(damaged);
        }
    }

    fn by_key(&self) -> Vec<(KeyId, u64)> {
        let mut entries = BTreeMap::<KeyId, u64>::new();
        for (_, byte) in self.0.keys() {
            *entries.entry(key(*byte).id()).or_default() += 1;
        }
        entries.into_iter().collect()
    }
}

/// The headers on disk, and the bodies that they name.
fn header_files(place: &Path) -> Vec<(std::path::PathBuf, String)> {
    let files = all_files(&place.join("v1/headers"));
    let body = |path: &Path| sealed::peek(&fs::read(path).expect("read")).expect("a header").entry.to_string();
    files.into_iter().map(|path| (path.clone(), body(&path))).collect()
}

fn damage(place: &Path, seed: u8, model: &mut Model) {
    for (&(entry, byte), damaged) in &mut model.0 {
        if entry == seed && !*damaged {
            let subject = sealed::Subject { digest: content_of(seed).0.digest, form: "stored".to_owned() };
            let name = sealed::entry_name(&key(byte), &subject).to_string();
            let header = fs::read(place.join("v1/headers").join(name)).expect("it is there");
            let body = sealed::peek(&header).expect("a header").entry.to_string();
            let path = place.join("v1/bodies").join(body);
            let mut bytes = fs::read(&path).expect("it is there");
            bytes[0] ^= 1;
            fs::write(path, bytes).expect("written");
            *damaged = true;
        }
    }
}

/// What a killed process may leave.
fn leave_behind(place: &Path) {
    let v1 = place.join("v1");
    fs::create_dir_all(v1.join("bodies")).expect("made");
    fs::write(v1.join("bodies").join("ab".repeat(16)), "half a body").expect("written");
    let trash = place.join(format!("trash-{}", "cd".repeat(16)));
    fs::create_dir_all(trash.join("headers")).expect("made");
    fs::write(trash.join("headers").join("ef".repeat(20)), "cleared").expect("written");
}

async fn carry_out(step: &Step, place: &Path, handles: &mut [Handle; 2], model: &mut Model) {
    match *step {
        Step::Insert(at, seed) => {
            let handle = &mut handles[at];
            let (entry, bytes) = content_of(seed);
            handle.cache.insert(&entry, Arc::new(bytes)).await.expect("inserted");
            if !handle.avoids(seed) && handle.finds(model, seed).is_none() {
                model.0.insert((seed, RINGS[handle.ring][0]), false);
            }
        }
        Step::Lookup(at, seed) => {
            let handle = &mut handles[at];
            let (entry, bytes) = content_of(seed);
            let expected = handle.finds(model, seed).filter(|_| !handle.avoids(seed));
            handle.lookups += 1;
            let found = match handle.cache.lookup(&entry).await.expect("a lookup does not fail") {
                Lookup::Hit(found) => Some(found),
                Lookup::Miss(_) => None,
            };
            assert_eq!(found.is_some(), expected.is_some(), "{step:?}");
            let (Some(found), Some(key)) = (found, expected) else { return };
            handle.hits += 1;
            if model.0[&(seed, key)] {
                read_all(found).await.expect_err("damaged");
                model.0.remove(&(seed, key));
                handle.corruptions += 1;
                *handle.damaged.entry(seed).or_default() += 1;
            } else {
                assert!(read_all(found).await.expect("read") == bytes, "wrong bytes");
            }
        }
        Step::Evict(at, seed) => {
            let there = RINGS[handles[at].ring].iter().filter(|&&key| model.0.remove(&(seed, key)).is_some()).count();
            let evicted = handles[at].cache.evict(&content_of(seed).0).await.expect("evicted");
            assert_eq!(evicted, there > 0);
        }
        Step::Clear(at) => {
            let freed = handles[at].cache.clear().await.expect("cleared");
            assert_eq!((freed.entries, freed.failed), (model.0.len() as u64, 0));
            handles[at].damaged.clear();
            model.0.clear();
        }
        Step::Prune(at, all) => {
            let (max_bytes, max_idle) = if all { (Some(0), None) } else { (None, Some(Duration::ZERO)) };
            let freed = handles[at].cache.prune(&PrunePolicy { max_bytes, max_idle }).await.expect("pruned");
            // An entry of less than nothing is not over any budget, but every entry takes a block.
            assert_eq!(freed.entries, model.0.len() as u64);
            model.0.clear();
        }
        Step::Rotate(at, ring) => {
            handles[at].keys.set(RINGS[ring]);
            handles[at].ring = ring;
        }
        Step::Rewrap(at) => {
            let ring = RINGS[handles[at].ring];
            if model.is_torn(ring) {
                return;
            }
            let count = |keys: &[u8]| model.0.keys().filter(|(_, key)| keys.contains(key)).count() as u64;
            let expected = (count(&ring[1..]), count(&ring[..1]), model.0.len() as u64 - count(ring));
            let done = handles[at].cache.rewrap().await.expect("rewrapped");
            assert_eq!(done.failed, 0);
            assert_eq!((done.rewrapped, done.current, done.unknown), expected);
            model.rewrap(ring);
        }
        Step::Purge(at, byte) => {
            let freed = handles[at].cache.purge_key(key(byte).id()).await.expect("purged");
            let before = model.0.len();
            model.0.retain(|&(_, key), _| key != byte);
            assert_eq!(freed.entries, (before - model.0.len()) as u64);
        }
        Step::Kill(at) => {
            leave_behind(place);
            handles[at] = Handle::open(place, handles[at].ring).await;
            assert!(!place.join(format!("trash-{}", "cd".repeat(16))).exists(), "trash is swept at the start");
            // Its header may be about to come: it goes when it has been there for some time.
            fs::remove_file(place.join("v1/bodies").join("ab".repeat(16))).expect("left alone at first");
        }
        Step::Damage(seed) => damage(place, seed, model),
    }
}

/// Figures equal a scan, and the scan equals the model.
fn check(place: &Path, handles: &[Handle; 2], model: &Model) {
    let headers = header_files(place);
    let named: BTreeSet<_> = headers.iter().map(|(_, body)| body.clone()).collect();
    let bodies = all_files(&place.join("v1/bodies"));
    let there: BTreeSet<_> =
        bodies.iter().map(|path| path.file_name().expect("a name").to_string_lossy().into_owned()).collect();
    assert_eq!(named, there, "each header has its body, each body its header");
    assert_eq!((headers.len(), named.len()), (model.0.len(), model.0.len()));
    let taken = |path: &Path| fs::metadata(path).expect("there").blocks() * 512;
    let bytes: u64 = headers.iter().map(|(path, _)| taken(path)).chain(bodies.iter().map(|path| taken(path))).sum();
    for handle in handles {
        let stats = handle.cache.stats();
        assert_eq!((stats.entries, stats.bytes), (headers.len() as u64, bytes));
        assert_eq!(stats.entries_by_key, model.by_key());
        assert_eq!((stats.hits, stats.misses), (handle.hits, handle.lookups - handle.hits));
        assert_eq!((stats.corruptions, stats.evicted_for_space), (handle.corruptions, 0));
        assert_eq!(stats.key_id, Some(key(RINGS[handle.ring][0]).id()));
        assert_eq!(stats.oldest_use.is_some(), !headers.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn it_does_what_the_model_does(steps in proptest::collection::vec(step(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let place = tempfile::tempdir().expect("a directory");
            let mut handles = [Handle::open(place.path(), 0).await, Handle::open(place.path(), 0).await];
            let mut model = Model::default();
            for step in &steps {
                carry_out(step, place.path(), &mut handles, &mut model).await;
                for handle in &handles {
                    // The key that is shown is that of the last time it was needed.
                    handle.cache.evict(&content(99, 1).0).await.expect("nothing is there");
                }
                check(place.path(), &handles, &model);
            }
        });
    }
}
