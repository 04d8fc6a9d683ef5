//! Bodies that break off.

use deltaglider_core::store::{ByteRange, GetOptions, ObjectStore, PutOptions, StoreErrorKind};
use deltaglider_testkit::s3_server::ServerFault;
use futures::{StreamExt, TryStreamExt};

use crate::start::{MIB, at, content, start};

#[tokio::test]
async fn a_broken_body_goes_on_where_it_broke() {
    let (server, store) = start().await;
    let whole = content(3 * MIB);
    store.put(&at("k"), whole.clone().into(), PutOptions::default()).await.unwrap();
    server.log().reset();
    server.fail("GetObject", [1, 2], ServerFault::CutBody(1_000_000));
    let read = store.get(&at("k"), GetOptions::default()).await.unwrap().bytes(4 * MIB).await.unwrap();
    assert_eq!(read, whole);
    let requests = server.log().requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[1].header("range"), Some("bytes=1000000-3145727"));
    assert!(requests[1].header("if-match").is_some());

    server.fail("GetObject", [1], ServerFault::CutBody(10));
    let options = GetOptions { range: Some(ByteRange::Bounded(100, 200)), if_match: None };
    let part = store.get(&at("k"), options).await.unwrap().bytes(MIB).await.unwrap();
    assert_eq!(part, whole.slice(100..200));
}

#[tokio::test]
async fn a_body_that_only_breaks_ends_in_an_error() {
    let (server, store) = start().await;
    store.put(&at("k"), content(1000).into(), PutOptions::default()).await.unwrap();
    server.log().reset();
    server.inject(|request, _| (request.operation == "GetObject").then_some(ServerFault::CutBody(0)));
    let object = store.get(&at("k"), GetOptions::default()).await.unwrap();
    let error = object.body.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (StoreErrorKind::Transient, "IncompleteBody"));
    assert_eq!(server.log().count("GetObject"), 5);
}

#[tokio::test]
async fn a_body_never_changes_in_the_middle() {
    let (server, store) = start().await;
    store.put(&at("k"), content(MIB).into(), PutOptions::default()).await.unwrap();
    server.fail("GetObject", [1], ServerFault::CutBody(1000));
    let object = store.get(&at("k"), GetOptions::default()).await.unwrap();
    store.put(&at("k"), content(2 * MIB).into(), PutOptions::default()).await.unwrap();
    let error = object.body.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Conflict);
}

#[tokio::test]
async fn bodies_are_read_without_a_permit() {
    let (server, store) = crate::start::start_with(|builder| builder.concurrency(1.try_into().unwrap())).await;
    store.put(&at("k"), content(MIB).into(), PutOptions::default()).await.unwrap();
    server.fail("GetObject", [1, 2], ServerFault::CutBody(1000));
    let mut one = store.get(&at("k"), GetOptions::default()).await.unwrap();
    let other = store.get(&at("k"), GetOptions::default()).await.unwrap();
    one.body.next().await.unwrap().unwrap();
    assert_eq!(other.bytes(MIB).await.unwrap(), content(MIB));
    one.body.try_collect::<Vec<_>>().await.unwrap();
}
