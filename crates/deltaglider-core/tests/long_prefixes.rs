//! Deltas that an earlier writer left under a prefix without room for internal keys, at a store that has to be asked what it honours.

use std::sync::Arc;

use deltaglider_core::engine::plan::WhyWhole;
use deltaglider_core::engine::{Engine, EngineParts, GetRequest, Limits, PutRequest, StoredForm};
use deltaglider_core::policy::Policy;
use deltaglider_core::scratch::ScratchSpace;
use deltaglider_core::store::memory::MemoryStore;
use deltaglider_core::store::{CopyOptions, ListRequest, ObjectStore, Operation, Promises};
use deltaglider_core::{Location, Sha256};
use deltaglider_testkit::{CountingStore, MapCache};
use futures::TryStreamExt;

/// The longest prefix under which a reference fits; neither trash nor a throw-away key does.
const PREFIX: usize = 1011;

fn at(key: &str) -> Location {
    Location::new("b", key)
}

fn long(name: &str) -> Location {
    at(&format!("{}/{name}", "d".repeat(PREFIX - 1)))
}

fn version(n: u8) -> Vec<u8> {
    let mut content: Vec<u8> = (0..2000u32).flat_map(|block| Sha256::of(&block.to_le_bytes()).0).collect();
    content[1000 * usize::from(n)..][..8].fill(n);
    content
}

fn engine(store: &CountingStore) -> Engine {
    Engine::new(EngineParts {
        store: Arc::new(store.clone()),
        cache: Arc::new(MapCache::default()),
        codecs: Vec::new(),
        writers: 1,
        policy: Policy::default(),
        limits: Limits::default(),
        scratch: ScratchSpace::new(std::env::temp_dir(), 1 << 20),
    })
}

/// A store of unknown conditions with a reference and the deltas `1.zip` and `2.zip` under the long prefix.
async fn left_by_an_earlier_writer() -> CountingStore {
    let inner = Arc::new(MemoryStore::with_bucket("b"));
    let writer = engine(&CountingStore::new(Arc::clone(&inner) as _));
    for n in 1..=2 {
        let name = format!("r/{n}.zip");
        writer.put(&at(&name), version(n).into(), &PutRequest::default()).await.expect("put");
    }
    for name in ["reference.bin", "1.zip.delta", "2.zip.delta"] {
        inner.copy(&at(&format!("r/{name}")), &long(name), CopyOptions::default()).await.expect("copied");
    }
    CountingStore::new(inner).promising(Promises::Unknown)
}

async fn get(engine: &Engine, at: &Location) -> Vec<u8> {
    let report = engine.get(at, &GetRequest::default()).await.expect("got");
    report.body.try_collect::<Vec<_>>().await.expect("read").concat()
}

async fn names(store: &CountingStore) -> Vec<String> {
    let listed = store.list(ListRequest::below("b", "d")).map_ok(|entry| entry.name()[PREFIX..].to_owned());
    listed.try_collect().await.expect("listed")
}

#[tokio::test]
async fn a_delta_is_overwritten() {
    let store = left_by_an_earlier_writer().await;
    let engine = engine(&store);
    assert_eq!(get(&engine, &long("1.zip")).await, version(1));
    store.reset();
    let report = engine.put(&long("1.zip"), version(3).into(), &PutRequest::default()).await.expect("put");
    assert_eq!(report.why_whole, Some(WhyWhole::KeyTooLong));
    let counts = store.counts();
    // The delta is seen, and looked at once more before it goes: nothing is asked that does not fit.
    assert_eq!((counts.head, counts.put, counts.delete), (2, 1, 1));
    assert_eq!(get(&engine, &long("1.zip")).await, version(3));
    assert_eq!(get(&engine, &long("2.zip")).await, version(2));
    assert_eq!(names(&store).await, ["1.zip", "2.zip.delta", "reference.bin"]);
}

#[tokio::test]
async fn what_was_learnt_under_another_prefix_counts() {
    let store = left_by_an_earlier_writer().await;
    let engine = engine(&store);
    // The last delta of a space goes: the store is asked whether it honours conditions on deletes.
    for name in ["r/1.zip", "r/2.zip"] {
        engine.delete(&at(name)).await.expect("deleted");
    }
    store.reset();
    engine.put(&long("1.zip"), version(3).into(), &PutRequest::default()).await.expect("put");
    let counts = store.counts();
    assert_eq!((counts.head, counts.put, counts.delete), (1, 1, 1));
    assert_eq!(get(&engine, &long("1.zip")).await, version(3));
}

#[tokio::test]
async fn deltas_are_deleted_and_copied_over() {
    let store = left_by_an_earlier_writer().await;
    let engine = engine(&store);
    let report = engine.copy(&at("r/1.zip"), &long("2.zip"), &Default::default()).await.expect("copied");
    assert!(matches!(report.stored, StoredForm::Whole { .. }), "{report:?}");
    assert_eq!(get(&engine, &long("2.zip")).await, version(1));
    store.reset();
    // The reference stays, since it cannot be moved out of the way; nothing is tried that cannot be done.
    assert!(!engine.delete(&long("1.zip")).await.expect("deleted").reference_removed);
    assert!(
        store.requests().iter().all(|request| request.operation != Operation::Copy && request.at.key().len() <= 1024)
    );
    assert_eq!(names(&store).await, ["2.zip", "reference.bin"]);
}

#[tokio::test]
async fn a_lost_reference_is_named() {
    let store = left_by_an_earlier_writer().await;
    for lost in [long("reference.bin"), at("r/reference.bin")] {
        (&store as &dyn ObjectStore).delete_one(&lost, None).await.expect("deleted");
    }
    let error = engine(&store).get(&long("1.zip"), &GetRequest::default()).await.expect_err("lost");
    assert!(matches!(error, deltaglider_core::Error::ReferenceMissing { .. }), "{error:?}");
}
