//! What moves and URLs need of the engine: deletes of what was looked at, and whole copies for a while.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use deltaglider_core::engine::{Engine, EngineParts, Limits, PutRequest, Source, StoredForm};
use deltaglider_core::policy::Policy;
use deltaglider_core::record::{Record, user_metadata};
use deltaglider_core::scratch::ScratchSpace;
use deltaglider_core::store::memory::MemoryStore;
use deltaglider_core::store::{Attributes, GetOptions, ObjectStore, Placement};
use deltaglider_core::{Error, Location};
use deltaglider_testkit::{CountingStore, MapCache};

fn bench() -> (Engine, CountingStore) {
    let store = CountingStore::new(Arc::new(MemoryStore::with_bucket("b")));
    let engine = Engine::new(EngineParts {
        store: Arc::new(store.clone()),
        cache: Arc::new(MapCache::default()),
        codecs: Vec::new(),
        writers: 1,
        policy: Policy::default(),
        limits: Limits::default(),
        scratch: ScratchSpace::new(std::env::temp_dir(), 1 << 20),
    });
    (engine, store)
}

fn at(key: &str) -> Location {
    Location::new("b", key)
}

fn archive(version: u8) -> Vec<u8> {
    let mut state = 42_u64;
    let mut content: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    })
    .take(40_000)
    .collect();
    content[20_000] = version;
    content
}

async fn put(engine: &Engine, key: &str, content: Vec<u8>) {
    let attributes = Attributes {
        content_type: Some("application/zip".to_owned()),
        metadata: [("mine".to_owned(), "yes".to_owned())].into(),
        ..Attributes::default()
    };
    let request = PutRequest { attributes, ..PutRequest::default() };
    engine.put(&at(key), Source::from(content), &request).await.expect("put");
}

#[tokio::test]
async fn what_was_written_to_meanwhile_is_not_deleted() {
    let (engine, _) = bench();
    for key in ["p/a.zip", "p/a.txt"] {
        put(&engine, key, archive(1)).await;
        let before = engine.head(&at(key)).await.expect("there");
        put(&engine, key, archive(2)).await;
        assert!(matches!(engine.delete_unchanged(&at(key), &before).await, Err(Error::SourceChanged)), "{key}");
        let now = engine.head(&at(key)).await.expect("still there");
        engine.delete_unchanged(&at(key), &now).await.expect("deleted");
        let gone = engine.delete_unchanged(&at(key), &now).await.expect_err("gone");
        assert!(gone.is_not_found(), "{key}");
    }
}

#[tokio::test]
async fn a_careful_delete_costs_a_head_and_the_deletes() {
    let (engine, store) = bench();
    put(&engine, "p/a.txt", b"text".to_vec()).await;
    let head = engine.head(&at("p/a.txt")).await.expect("there");
    store.reset();
    engine.delete_unchanged(&at("p/a.txt"), &head).await.expect("deleted");
    assert_eq!(store.counts().total(), 2);
}

#[tokio::test]
async fn a_whole_copy_lies_apart_and_says_when_it_expires() {
    let (engine, store) = bench();
    put(&engine, "p/1.zip", archive(1)).await;
    put(&engine, "p/2.zip", archive(2)).await;
    let head = engine.head(&at("p/2.zip")).await.expect("there");
    assert!(matches!(head.stored, StoredForm::Delta { .. }));
    let expires = UNIX_EPOCH + Duration::from_secs(2_000_000_000);
    let copy = engine.store_temporary(&at("p/2.zip"), expires, &Placement::default()).await.expect("copied");
    assert!(copy.key().starts_with(".deltaglider/tmp/") && copy.key().ends_with("_2.zip"), "{copy}");
    let stored = store.get(&copy, GetOptions::default()).await.expect("there");
    let attributes = stored.head.attributes.clone();
    assert_eq!(attributes.metadata.get("dg-expires-at").map(String::as_str), Some("2033-05-18T03:33:20.000000Z"));
    assert_eq!(attributes.content_type.as_deref(), Some("application/zip"));
    assert!(matches!(Record::read(&attributes.metadata), Ok(Record::Whole(_))));
    assert!(user_metadata(&attributes.metadata).is_empty());
    assert_eq!(stored.bytes(u64::MAX).await.expect("read"), Bytes::from(archive(2)));
    let another = engine.store_temporary(&at("p/2.zip"), expires, &Placement::default()).await.expect("copied");
    assert_ne!(copy, another);
    assert!(engine.store_temporary(&at("p/3.zip"), expires, &Placement::default()).await.is_err());
}
