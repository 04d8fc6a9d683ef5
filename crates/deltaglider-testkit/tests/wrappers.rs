//! The wrappers count and fail as they say.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use bytes::Bytes;
use deltaglider_core::Location;
use deltaglider_core::store::memory::MemoryStore;
use deltaglider_core::store::{GetOptions, ListRequest, ObjectStore, Operation, PutMode, PutOptions, StoreErrorKind};
use deltaglider_testkit::{CountingStore, Counts, Fault, FaultStore, Outcome};
use futures::{StreamExt, TryStreamExt};

fn at(key: &str) -> Location {
    Location::new("b", key)
}

async fn put(store: &dyn ObjectStore, key: &str) -> Result<(), StoreErrorKind> {
    let body = Bytes::from_static(b"0123456789").into();
    store.put(&at(key), body, PutOptions::default()).await.map(drop).map_err(|error| error.kind)
}

async fn read(store: &dyn ObjectStore, key: &str) -> Result<Bytes, StoreErrorKind> {
    let object = store.get(&at(key), GetOptions::default()).await.map_err(|error| error.kind)?;
    object.bytes(1000).await.map_err(|error| error.kind)
}

#[tokio::test]
async fn requests_are_logged_and_counted() {
    let store = CountingStore::new(Arc::new(MemoryStore::with_bucket("b")));
    for n in 0..3 {
        put(&store, &format!("k{n}")).await.unwrap();
    }
    read(&store, "k1").await.unwrap();
    store.head(&at("none")).await.unwrap_err();
    let request = ListRequest { page_size: Some(2), ..ListRequest::below("b", "") };
    assert_eq!(store.list(request).count().await, 3);
    (&store as &dyn ObjectStore).delete_one(&at("k1"), None).await.unwrap();

    let expected = Counts { get: 1, head: 1, put: 3, copy: 0, delete: 1, list: 2 };
    assert_eq!(store.counts(), expected);
    assert_eq!(store.counts().total(), 8);
    assert_eq!((store.bytes(Operation::Put), store.bytes(Operation::Get)), (30, 10));
    assert_eq!(store.requests()[4].outcome, Outcome::Failed(StoreErrorKind::NotFound));
    store.reset();
    assert_eq!(store.counts(), Counts::default());
}

#[tokio::test]
async fn a_fault_strikes_once_before_or_after_the_effect() {
    let store = FaultStore::new(Arc::new(MemoryStore::with_bucket("b")));
    store.fail_call(2, Fault::Before(StoreErrorKind::Throttled));
    store.fail(Operation::Put, 3, Fault::After(StoreErrorKind::Transient));
    put(&store, "a").await.unwrap();
    assert_eq!(put(&store, "b").await, Err(StoreErrorKind::Throttled));
    assert_eq!(read(&store, "b").await, Err(StoreErrorKind::NotFound));
    assert_eq!(put(&store, "c").await, Err(StoreErrorKind::Transient));
    assert_eq!(read(&store, "c").await.unwrap().len(), 10);
    put(&store, "d").await.unwrap();
    assert_eq!((store.struck(), store.calls()), (2, 6));
}

#[tokio::test]
async fn bodies_and_listings_are_cut() {
    let store = FaultStore::new(Arc::new(MemoryStore::with_bucket("b")));
    store.fail(Operation::Put, 1, Fault::Cut(4));
    assert_eq!(put(&store, "a").await, Err(StoreErrorKind::Transient));
    assert_eq!(read(&store, "a").await, Err(StoreErrorKind::NotFound));
    put(&store, "a").await.unwrap();
    store.fail(Operation::Get, 1, Fault::Cut(4));
    let mut body = store.get(&at("a"), GetOptions::default()).await.unwrap().body;
    assert_eq!(body.try_next().await.unwrap().unwrap(), "0123");
    assert_eq!(body.try_next().await.unwrap_err().kind, StoreErrorKind::Transient);
    put(&store, "b").await.unwrap();
    store.fail(Operation::List, 1, Fault::Cut(1));
    let entries: Vec<_> = store.list(ListRequest::below("b", "")).collect().await;
    assert!(entries.len() == 2 && entries[0].is_ok() && entries[1].is_err());
}

#[tokio::test]
async fn a_deletion_fails_target_by_target() {
    let store = FaultStore::new(Arc::new(MemoryStore::with_bucket("b")));
    for key in ["a", "b", "c"] {
        put(&store, key).await.unwrap();
    }
    store.fail(Operation::Delete, 2, Fault::Before(StoreErrorKind::Denied));
    let targets = futures::stream::iter(["a", "b", "c"].map(|key| at(key).into())).boxed();
    let answers: Vec<_> = store.delete(targets).map(|answer| answer.is_ok()).collect().await;
    assert_eq!(answers, [true, false, true]);
    assert!(read(&store, "b").await.is_ok());
}

#[tokio::test]
async fn a_call_is_sent_again_and_answered_the_second_time() {
    let store = FaultStore::new(Arc::new(MemoryStore::with_bucket("b")));
    store.fail_call(1, Fault::Again);
    let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    let put = store.put(&at("a"), Bytes::from_static(b"0123456789").into(), options).await;
    assert_eq!(put.unwrap_err().kind, StoreErrorKind::Conflict);
    assert_eq!(read(&store, "a").await.unwrap().len(), 10);
    let e_tag = store.head(&at("a")).await.unwrap().e_tag;
    store.fail_call(1, Fault::Again);
    let deleted = (&store as &dyn ObjectStore).delete_one(&at("a"), Some(e_tag)).await;
    assert_eq!(deleted.unwrap_err().kind, StoreErrorKind::NotFound);
}

#[tokio::test]
async fn a_call_is_held_before_or_after_its_effect() {
    for (fault, there) in [(Fault::HeldBefore, false), (Fault::HeldAfter, true)] {
        let store = FaultStore::new(Arc::new(MemoryStore::with_bucket("b")));
        // Dropped while it is held, and then let go on.
        for goes_on in [false, true] {
            store.fail(Operation::Put, 1, fault);
            let mut put = Box::pin(put(&store, "a"));
            tokio::select! {
                biased;
                _ = &mut put => panic!("it is held"),
                () = store.held() => {}
            }
            assert_eq!(read(&store, "a").await.is_ok(), there);
            if goes_on {
                store.release();
                put.await.unwrap();
                assert!(read(&store, "a").await.is_ok());
            }
        }
        store.fail(Operation::List, 1, fault);
        let mut listed = Box::pin(store.list(ListRequest::below("b", "")).count());
        tokio::select! {
            biased;
            _ = &mut listed => panic!("it is held"),
            () = store.held() => {}
        }
        put(&store, "b").await.unwrap();
        store.release();
        assert_eq!(listed.await, if there { 1 } else { 2 });
    }
}
