//! Making, removing and listing buckets.

use std::sync::Arc;

use bytes::Bytes;
use deltaglider_core::Location;
use deltaglider_core::store::{BucketStore, ListRequest, ObjectStore, PutOptions, StoreErrorKind};
use futures::{StreamExt, future};

use super::assert_fails;

/// A new bucket is there for everybody, and holds nothing.
pub async fn a_new_bucket_is_listed_and_empty<S: BucketStore + ObjectStore, G>((store, _guard): (S, G)) {
    store.create_bucket("conformance-new").await.expect("made");
    assert_eq!(names(&store).await, ["conformance-new"]);
    assert_eq!(store.list(ListRequest::below("conformance-new", "")).count().await, 0);
    let at = Location::new("conformance-new", "a");
    store.put(&at, Bytes::from_static(b"content").into(), PutOptions::default()).await.expect("put");
    store.head(&at).await.expect("head");
}

/// A bucket that exists is not made again, and keeps its objects.
pub async fn a_bucket_is_made_once<S: BucketStore + ObjectStore, G>((store, _guard): (S, G)) {
    store.create_bucket("conformance-once").await.expect("made");
    let at = Location::new("conformance-once", "a");
    store.put(&at, Bytes::from_static(b"content").into(), PutOptions::default()).await.expect("put");
    assert_fails(store.create_bucket("conformance-once").await, StoreErrorKind::Conflict);
    store.head(&at).await.expect("still there");
}

/// Of eight makers one makes the bucket.
pub async fn a_bucket_has_exactly_one_maker<S: BucketStore + ObjectStore, G>((store, _guard): (S, G)) {
    let store = Arc::new(store);
    let makers: Vec<_> = (0..8)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.create_bucket("conformance-race").await.map_err(|error| error.kind) })
        })
        .collect();
    let outcomes: Vec<_> = future::join_all(makers).await.into_iter().map(|maker| maker.expect("joined")).collect();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    let losers = outcomes.iter().filter(|outcome| **outcome == Err(StoreErrorKind::Conflict)).count();
    assert_eq!(losers, 7, "{outcomes:?}");
}

/// A bucket that was removed is gone, and can be made again.
pub async fn a_removed_bucket_is_gone<S: BucketStore + ObjectStore, G>((store, _guard): (S, G)) {
    store.create_bucket("conformance-removed").await.expect("made");
    let at = Location::new("conformance-removed", "dir/a");
    store.put(&at, Bytes::from_static(b"content").into(), PutOptions::default()).await.expect("put");
    (&store as &dyn ObjectStore).delete_one(&at, None).await.expect("deleted");
    store.delete_bucket("conformance-removed").await.expect("removed");
    assert!(names(&store).await.is_empty());
    let put = store.put(&at, Bytes::from_static(b"content").into(), PutOptions::default()).await;
    assert_fails(put, StoreErrorKind::NoSuchBucket);
    store.create_bucket("conformance-removed").await.expect("made again");
}

/// A bucket that holds anything stays, and so does what it holds.
pub async fn a_bucket_with_objects_is_not_removed<S: BucketStore + ObjectStore, G>((store, _guard): (S, G)) {
    store.create_bucket("conformance-full").await.expect("made");
    let at = Location::new("conformance-full", "dir/a");
    store.put(&at, Bytes::from_static(b"content").into(), PutOptions::default()).await.expect("put");
    assert_fails(store.delete_bucket("conformance-full").await, StoreErrorKind::NotEmpty);
    store.head(&at).await.expect("still there");
}

/// What is not there cannot be removed.
pub async fn a_bucket_that_is_not_there_cannot_be_removed<S: BucketStore + ObjectStore, G>((store, _guard): (S, G)) {
    assert_fails(store.delete_bucket("a-bucket-that-nobody-made").await, StoreErrorKind::NoSuchBucket);
}

/// Buckets stand in the order of their names.
pub async fn buckets_are_listed_in_the_order_of_their_names<S: BucketStore + ObjectStore, G>((store, _guard): (S, G)) {
    for name in ["conformance-b", "conformance-a-2", "conformance-a", "conformance-c"] {
        store.create_bucket(name).await.expect("made");
    }
    assert_eq!(names(&store).await, ["conformance-a", "conformance-a-2", "conformance-b", "conformance-c"]);
}

/// The suite's own buckets; a server may hold others.
async fn names(store: &dyn BucketStore) -> Vec<String> {
    let buckets = store.list_buckets().await.expect("listed");
    buckets.into_iter().map(|bucket| bucket.name).filter(|name| name.starts_with("conformance-")).collect()
}
