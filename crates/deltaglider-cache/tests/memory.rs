//! The cache in memory against a model: exact least-recently-used by bytes, never over its budget.

#[path = "support/keys.rs"]
mod support;

use std::sync::Arc;

use deltaglider_cache::entry::{EntryId, EntryName, EntryStore};
use deltaglider_cache::memory::MemoryEntries;
use deltaglider_cache::{MemoryCache, MemoryConfig};
use deltaglider_core::cache::{CacheError, ReferenceCache};
use deltaglider_core::keys::Lifetime;
use deltaglider_core::seal::sealed_length;
use deltaglider_testkit::cache_conformance::{content, read};
use proptest::prelude::*;
use support::TestKeys;

const BUDGET: u64 = 20_000;
const HEADER: u64 = deltaglider_cache::sealed::HEADER_LENGTH as u64;

#[derive(Clone, Debug)]
enum Step {
    Insert(u8),
    Lookup(u8),
    Evict(u8),
    Prune(u64),
    Clear,
}

/// The size of a content follows from its seed, so that the model knows it.
fn size(seed: u8) -> u64 {
    u64::from(seed) * 700
}

fn held(seed: u8) -> u64 {
    sealed_length(size(seed)).expect("small") + HEADER
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..32_u8).prop_map(Step::Insert),
        8 => (0..32_u8).prop_map(Step::Lookup),
        1 => (0..32_u8).prop_map(Step::Evict),
        1 => (0..BUDGET).prop_map(Step::Prune),
        1 => Just(Step::Clear),
    ]
}

/// The least recently used first.
#[derive(Default)]
struct Model(Vec<u8>);

impl Model {
    fn bytes(&self) -> u64 {
        self.0.iter().map(|&seed| held(seed)).sum()
    }

    fn mark_used(&mut self, seed: u8) -> bool {
        let place = self.0.iter().position(|&held| held == seed);
        if let Some(place) = place {
            self.0.remove(place);
            self.0.push(seed);
        }
        place.is_some()
    }

    fn evict_to(&mut self, bytes: u64) {
        while self.bytes() > bytes {
            self.0.remove(0);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn it_does_what_the_model_does(steps in proptest::collection::vec(step(), 1..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let keys = TestKeys::new(1, Lifetime::Ephemeral);
            let cache = MemoryCache::open(MemoryConfig::new(BUDGET), keys).await.expect("opened");
            let mut model = Model::default();
            for step in steps {
                match step {
                    Step::Insert(seed) => {
                        let (entry, bytes) = content(u64::from(seed), size(seed) as usize);
                        let inserted = cache.insert(&entry, Arc::new(bytes)).await;
                        if held(seed) > BUDGET {
                            let refused = matches!(inserted, Err(CacheError::TooLarge { .. }));
                            prop_assert!(refused);
                        } else {
                            prop_assert!(inserted.is_ok());
                            if !model.mark_used(seed) {
                                model.evict_to(BUDGET - held(seed));
                                model.0.push(seed);
                            }
                        }
                    }
                    Step::Lookup(seed) => {
                        let (entry, bytes) = content(u64::from(seed), size(seed) as usize);
                        let found = read(&cache, &entry).await;
                        prop_assert_eq!(found, model.mark_used(seed).then(|| bytes.to_vec()));
                    }
                    Step::Evict(seed) => {
                        let (entry, _) = content(u64::from(seed), size(seed) as usize);
                        let there = model.0.contains(&seed);
                        model.0.retain(|&held| held != seed);
                        prop_assert_eq!(cache.evict(&entry).await.expect("evicted"), there);
                    }
                    Step::Prune(bytes) => {
                        let policy = deltaglider_core::cache::PrunePolicy { max_bytes: Some(bytes), max_idle: None };
                        cache.prune(&policy).await.expect("pruned");
                        model.evict_to(bytes);
                    }
                    Step::Clear => {
                        cache.clear().await.expect("cleared");
                        model.0.clear();
                    }
                }
                let stats = cache.stats();
                prop_assert_eq!((stats.entries, stats.bytes), (model.0.len() as u64, model.bytes()));
                prop_assert!(stats.bytes <= BUDGET);
            }
            Ok(())
        })?;
    }
}

#[test]
fn what_is_being_written_counts() {
    let store = MemoryEntries::new(MemoryConfig::new(10_000));
    let first = store.draft(EntryId([1; 16]), 6_000).expect("room");
    assert!(matches!(store.draft(EntryId([2; 16]), 6_000), Err(CacheError::NoSpace)));
    drop(first);
    let mut second = store.draft(EntryId([2; 16]), 6_000).expect("room again");
    assert!(second.write_all(&[0; 6_001]).is_err(), "no more than was announced");
    assert!(store.header(EntryName([0; 20])).expect("no failure").is_none());
}

#[tokio::test]
async fn rewrapping_works_in_memory_too() {
    let keys = TestKeys::new(1, Lifetime::Persistent);
    let cache = MemoryCache::open(MemoryConfig::default(), keys.clone()).await.expect("opened");
    let (entry, bytes) = content(1, 1000);
    cache.insert(&entry, Arc::new(bytes.clone())).await.expect("kept");
    keys.set(&[2, 1]);
    assert_eq!(cache.rewrap().await.expect("rewrapped").rewrapped, 1);
    keys.set(&[2]);
    assert_eq!(read(&cache, &entry).await.as_deref(), Some(&*bytes));
    assert_eq!(cache.purge_key(support::key(2).id()).await.expect("purged").entries, 1);
    assert_eq!(cache.stats().bytes, 0);
}
