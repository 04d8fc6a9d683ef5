//! Whole objects made deltas where they are, and deltas made plain objects again, with every request failing once.

use std::sync::Arc;

use bytes::Bytes;
use deltaglider_core::engine::{
    Engine, EngineParts, GetRequest, Limits, Migrated, PutRequest, Rehydrated, Source, StoredForm,
};
use deltaglider_core::policy::Policy;
use deltaglider_core::progress::silent;
use deltaglider_core::record::Record;
use deltaglider_core::scratch::ScratchSpace;
use deltaglider_core::store::memory::MemoryStore;
use deltaglider_core::store::{Attributes, GetOptions, ListRequest, ObjectStore, PutBody, PutOptions, StoreErrorKind};
use deltaglider_core::{Error, Location, Sha256};
use deltaglider_testkit::{CountingStore, Counts, Fault, FaultStore, MapCache};
use futures::TryStreamExt;

fn at(key: &str) -> Location {
    Location::new("b", key)
}

fn engine(store: Arc<dyn ObjectStore>) -> Engine {
    Engine::new(EngineParts {
        store,
        cache: Arc::new(MapCache::default()),
        codecs: Vec::new(),
        writers: 1,
        policy: Policy::default(),
        limits: Limits::default(),
        scratch: ScratchSpace::new(std::env::temp_dir(), 1 << 20),
    })
}

fn version(n: u8) -> Vec<u8> {
    let mut content: Vec<u8> = (0u32..300).flat_map(|block| Sha256::of(&block.to_le_bytes()).0).collect();
    content[1000..1008].fill(n);
    content
}

fn attributes() -> Attributes {
    Attributes {
        content_type: Some("application/zip".into()),
        cache_control: Some("max-age=60".into()),
        metadata: [("owner".into(), "ann".into())].into(),
        ..Attributes::default()
    }
}

async fn put(engine: &Engine, key: &str, content: Vec<u8>) {
    let request = PutRequest { attributes: attributes(), ..PutRequest::default() };
    engine.put(&at(key), Source::from(content), &request).await.expect("put");
}

async fn put_foreign(store: &dyn ObjectStore, key: &str, content: Vec<u8>) {
    let options = PutOptions { attributes: attributes(), ..PutOptions::default() };
    store.put(&at(key), PutBody::Bytes(content.into()), options).await.expect("put");
}

async fn get(engine: &Engine, key: &str) -> Vec<u8> {
    let got = engine.get(&at(key), &GetRequest::default()).await.expect("got");
    assert_eq!(got.head.attributes, attributes());
    got.body.try_collect::<Vec<Bytes>>().await.expect("read").concat()
}

/// What anybody sees who knows nothing of deltas.
async fn plain(store: &dyn ObjectStore, key: &str) -> Vec<u8> {
    let object = store.get(&at(key), GetOptions::default()).await.expect("there");
    assert_eq!(object.head.attributes, attributes());
    assert_eq!(Record::read(&object.head.attributes.metadata), Ok(Record::Foreign));
    object.bytes(u64::MAX).await.expect("read").to_vec()
}

async fn stored(store: &dyn ObjectStore) -> Vec<String> {
    let listed = store.list(ListRequest::below("b", "")).map_ok(|entry| entry.name().to_owned());
    listed.try_collect().await.expect("listed")
}

fn memory() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::with_bucket("b"))
}

#[tokio::test]
async fn a_space_becomes_plain_and_its_reference_goes_last() {
    let store = memory();
    let engine = engine(store.clone());
    for n in 1..=3 {
        put(&engine, &format!("p/a-{n}.zip"), version(n)).await;
    }
    put(&engine, "p/note.txt", b"text".to_vec()).await;
    for name in ["a-1.zip", "a-2.zip", "a-3.zip", "note.txt"] {
        let report = engine.rehydrate(&at(&format!("p/{name}")), &silent()).await.expect("done");
        assert_eq!(report.outcome, Rehydrated::Done, "{name}");
        let again = engine.rehydrate(&at(&format!("p/{name}")), &silent()).await.expect("done");
        assert_eq!((again.outcome, again.moved), (Rehydrated::Already, 0), "{name}");
    }
    assert!(engine.release_reference(&at("p/a-1.zip")).await.expect("asked"));
    assert_eq!(stored(&*store).await, ["p/a-1.zip", "p/a-2.zip", "p/a-3.zip", "p/note.txt"]);
    for n in 1..=3 {
        assert_eq!(plain(&*store, &format!("p/a-{n}.zip")).await, version(n));
    }
    assert_eq!(plain(&*store, "p/note.txt").await, b"text");
}

#[tokio::test]
async fn internal_names_are_left_where_they_are() {
    let store = memory();
    let engine = engine(store.clone());
    put(&engine, "p/reference.bin", b"mine".to_vec()).await;
    let report = engine.rehydrate(&at("p/reference.bin"), &silent()).await.expect("done");
    assert_eq!(report.outcome, Rehydrated::Reserved);
    assert_eq!(get(&engine, "p/reference.bin").await, b"mine");
    let head = engine.head(&at("p/reference.bin")).await.expect("there");
    put(&engine, "q/a.zip", version(1)).await;
    let error = engine.holds_plain(&at("q/reference.bin"), &head).await.expect_err("ours");
    assert!(matches!(error, Error::Invalid(_)), "{error}");
}

#[tokio::test]
async fn a_whole_object_that_may_be_newer_is_left_alone() {
    let store = memory();
    let engine = engine(store.clone());
    put(&engine, "p/a.zip", version(1)).await;
    put_foreign(&*store, "p/a.zip", version(2)).await;
    let error = engine.rehydrate(&at("p/a.zip"), &silent()).await.expect_err("doubtful");
    assert!(matches!(error, Error::Contended { .. }), "{error}");
    let error = engine.migrate(&at("p/a.zip"), 9600, &PutRequest::default()).await.expect_err("doubtful");
    assert!(matches!(error, Error::Contended { .. }), "{error}");
    assert_eq!(stored(&*store).await, ["p/a.zip", "p/a.zip.delta", "p/reference.bin"]);
    // What the writer of a delta left there is older, and goes.
    put(&engine, "p/a.zip", version(3)).await;
    assert_eq!(engine.rehydrate(&at("p/a.zip"), &silent()).await.expect("done").outcome, Rehydrated::Done);
    assert_eq!(plain(&*store, "p/a.zip").await, version(3));
}

#[tokio::test]
async fn rehydration_goes_on_wherever_it_was_broken_off() {
    for lost in [false, true] {
        for n in 1.. {
            let store = memory();
            put(&engine(store.clone()), "p/a.zip", version(1)).await;
            put(&engine(store.clone()), "p/b.zip", version(2)).await;
            let faulty = FaultStore::new(store.clone());
            let kind = StoreErrorKind::Transient;
            faulty.fail_call(n, if lost { Fault::After(kind) } else { Fault::Before(kind) });
            let broken = engine(Arc::new(faulty.clone()));
            let first = broken.rehydrate(&at("p/b.zip"), &silent()).await;
            let struck = faulty.struck() > 0;
            assert_eq!(get(&engine(store.clone()), "p/b.zip").await, version(2), "{n} {lost} {first:?}");
            engine(store.clone()).rehydrate(&at("p/b.zip"), &silent()).await.expect("goes on");
            assert_eq!(plain(&*store, "p/b.zip").await, version(2), "{n} {lost}");
            assert_eq!(stored(&*store).await, ["p/a.zip.delta", "p/b.zip", "p/reference.bin"], "{n} {lost}");
            if !struck {
                break;
            }
        }
    }
}

#[tokio::test]
async fn whole_objects_become_deltas_and_go() {
    let store = memory();
    let engine = engine(store.clone());
    for n in 1..=3 {
        put_foreign(&*store, &format!("p/a-{n}.zip"), version(n)).await;
    }
    put_foreign(&*store, "p/note.txt", b"text".to_vec()).await;
    let other: Vec<u8> = (1000u32..1300).flat_map(|block| Sha256::of(&block.to_le_bytes()).0).collect();
    put_foreign(&*store, "p/other.zip", other.clone()).await;
    for n in 1..=3 {
        let report = engine.migrate(&at(&format!("p/a-{n}.zip")), 9600, &PutRequest::default()).await.expect("done");
        assert!(matches!(report.outcome, Migrated::Delta { whole_removed: true, .. }), "{report:?}");
    }
    for name in ["p/note.txt", "p/other.zip"] {
        let report = engine.migrate(&at(name), 9600, &PutRequest::default()).await.expect("done");
        assert!(matches!(report.outcome, Migrated::Whole(_)), "{report:?}");
    }
    let expected =
        ["p/a-1.zip.delta", "p/a-2.zip.delta", "p/a-3.zip.delta", "p/note.txt", "p/other.zip", "p/reference.bin"];
    assert_eq!(stored(&*store).await, expected);
    assert_eq!(get(&engine, "p/a-2.zip").await, version(2));
    assert_eq!(plain(&*store, "p/other.zip").await, other);
    let gone = engine.migrate(&at("p/none.zip"), 9600, &PutRequest::default()).await.expect("done");
    assert_eq!(gone.outcome, Migrated::Gone);
}

#[tokio::test]
async fn migration_goes_on_wherever_it_was_broken_off() {
    for lost in [false, true] {
        for n in 1.. {
            let store = memory();
            put(&engine(store.clone()), "p/a.zip", version(1)).await;
            put_foreign(&*store, "p/b.zip", version(2)).await;
            let faulty = FaultStore::new(store.clone());
            let kind = StoreErrorKind::Transient;
            faulty.fail_call(n, if lost { Fault::After(kind) } else { Fault::Before(kind) });
            let broken = engine(Arc::new(faulty.clone()));
            let first = broken.migrate(&at("p/b.zip"), 9600, &PutRequest::default()).await;
            let struck = faulty.struck() > 0;
            assert_eq!(get(&engine(store.clone()), "p/b.zip").await, version(2), "{n} {lost} {first:?}");
            engine(store.clone()).migrate(&at("p/b.zip"), 9600, &PutRequest::default()).await.expect("goes on");
            assert_eq!(get(&engine(store.clone()), "p/b.zip").await, version(2), "{n} {lost}");
            assert_eq!(stored(&*store).await, ["p/a.zip.delta", "p/b.zip.delta", "p/reference.bin"], "{n} {lost}");
            if !struck {
                break;
            }
        }
    }
}

#[tokio::test]
async fn requests_are_as_documented() {
    let counted = CountingStore::new(memory());
    let engine = engine(Arc::new(counted.clone()));
    put(&engine, "p/a.zip", version(1)).await;
    put_foreign(&counted, "p/b.zip", version(2)).await;
    let before = counted.counts();
    engine.migrate(&at("p/b.zip"), 9600, &PutRequest::default()).await.expect("done");
    let cost = difference(counted.counts(), before);
    assert_eq!((cost.get, cost.head, cost.put, cost.delete), (1, 5, 1, 1), "{cost:?}");
    let before = counted.counts();
    engine.rehydrate(&at("p/b.zip"), &silent()).await.expect("done");
    let cost = difference(counted.counts(), before);
    assert_eq!((cost.get, cost.head, cost.put, cost.delete), (2, 2, 1, 1), "{cost:?}");
    let before = counted.counts();
    engine.rehydrate(&at("p/b.zip"), &silent()).await.expect("done");
    let cost = difference(counted.counts(), before);
    assert_eq!((cost.get, cost.head, cost.put, cost.delete), (0, 2, 0, 0), "{cost:?}");
    assert!(matches!(
        engine.head(&at("p/b.zip")).await.expect("there").stored,
        StoredForm::Whole { .. } | StoredForm::Foreign { .. }
    ));
}

fn difference(after: Counts, before: Counts) -> Counts {
    Counts {
        get: after.get - before.get,
        head: after.head - before.head,
        put: after.put - before.put,
        delete: after.delete - before.delete,
        ..Counts::default()
    }
}

#[tokio::test]
async fn samples_store_nothing() {
    let counted = CountingStore::new(memory());
    let engine = engine(Arc::new(counted.clone()));
    let sampler = engine.sampler(None, Source::from(version(1)), 9600).await.expect("prepared").expect("fits");
    let small = sampler.delta_size(Source::from(version(2))).await.expect("encoded").expect("a delta");
    assert!(small < 500, "{small}");
    let other: Vec<u8> = (1000u32..1300).flat_map(|block| Sha256::of(&block.to_le_bytes()).0).collect();
    assert_eq!(sampler.delta_size(Source::from(other)).await.expect("encoded"), None);
    assert_eq!(counted.counts(), Counts::default());
}
