//! What is retried, what slows down, and what a lost answer looks like.

use std::time::{Duration, Instant};

use bytes::Bytes;
use deltaglider_core::store::{
    CopyOptions, DeleteTarget, GetOptions, ObjectStore, PutMode, PutOptions, StoreErrorKind,
};
use deltaglider_s3::S3Store;
use deltaglider_testkit::s3_server::ServerFault;
use futures::StreamExt;

use crate::start::{at, content, start, start_with};

#[tokio::test]
async fn passing_faults_are_retried() {
    let (server, store) = start().await;
    let throttled = ServerFault::Refuse(429, "TooManyRequests", "Slow down.");
    let changed =
        ServerFault::Refuse(400, "BadDigest", "The Content-MD5 you specified did not match what we received.");
    for fault in [ServerFault::slow_down(), ServerFault::internal_error(), ServerFault::Disconnect, throttled] {
        server.fail("PutObject", [1, 2], fault.clone());
        store.put(&at("k"), content(100).into(), PutOptions::default()).await.unwrap();
        server.fail("HeadObject", [1, 2], fault);
        assert_eq!(store.head(&at("k")).await.unwrap().size, 100);
    }
    server.fail("PutObject", [1, 2], changed.clone());
    store.put(&at("k"), content(100).into(), PutOptions::default()).await.unwrap();
    server.inject(move |_, _| Some(changed.clone()));
    let error = store.put(&at("k"), content(100).into(), PutOptions::default()).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (StoreErrorKind::Transient, "BadDigest"));
    server.heal();
    server.inject(|_, _| Some(ServerFault::internal_error()));
    server.log().reset();
    let error = store.head(&at("k")).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Transient);
    assert_eq!(server.log().total(), 5);
}

#[tokio::test]
async fn throttling_slows_the_whole_store_down_until_answers_come() {
    let (server, store) = start_with(|builder| builder.max_attempts(10)).await;
    store.put(&at("k"), content(10).into(), PutOptions::default()).await.unwrap();
    assert_eq!(store.allowed_concurrency(), 32);
    server.inject(|request, number| (request.operation == "GetObject" && number <= 40).then(ServerFault::slow_down));
    let reads = (0..200).map(|_| {
        let store = store.clone();
        async move { store.get(&at("k"), GetOptions::default()).await.unwrap().bytes(10).await.unwrap() }
    });
    let lowest = {
        let store = store.clone();
        let mut lowest = usize::MAX;
        let mut reads = futures::stream::iter(reads).buffer_unordered(200);
        while reads.next().await.is_some() {
            lowest = lowest.min(store.allowed_concurrency());
        }
        lowest
    };
    assert!(lowest <= 16, "{lowest}");
    assert!(store.allowed_concurrency() > lowest, "it recovers");
    assert!(server.log().most_at_a_time() <= 32);
}

#[tokio::test]
async fn throttling_is_bounded_in_time_and_not_in_number() {
    let (server, store) = start_with(|builder| builder.max_attempts(2).throttled_for(Duration::from_secs(60))).await;
    server.fail("PutObject", (1..=8).collect::<Vec<_>>(), ServerFault::slow_down());
    store.put(&at("k"), content(10).into(), PutOptions::default()).await.unwrap();
    server.fail("HeadObject", (1..=8).collect::<Vec<_>>(), ServerFault::Refuse(429, "TooManyRequests", ""));
    assert_eq!(store.head(&at("k")).await.unwrap().size, 10);
    // Whoever asks for one attempt gets one.
    let (server, store) = start_with(|builder| builder.max_attempts(1).throttled_for(Duration::from_secs(60))).await;
    server.inject(|_, _| Some(ServerFault::slow_down()));
    server.log().reset();
    assert_eq!(store.head(&at("k")).await.unwrap_err().kind, StoreErrorKind::Throttled);
    assert_eq!(server.log().total(), 1);
}

/// A server that takes a body and says nothing is left long before the body could have been too slow.
#[tokio::test]
async fn an_upload_that_makes_no_progress_ends_soon_and_a_slow_one_does_not() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let store = S3Store::builder()
        .endpoint_url(format!("http://{}", listener.local_addr().unwrap()))
        .region("us-east-1")
        .static_credentials("a", "b", None)
        .read_timeout(Some(Duration::from_millis(300)))
        .max_attempts(1)
        .build()
        .unwrap();
    const SIZE: u64 = 16 << 20;
    tokio::spawn(async move {
        // The first one is taken slowly, and answered; the second one is taken, and not answered.
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut taken, mut buffer) = (0, vec![0; 1 << 20]);
        while taken < SIZE {
            tokio::time::sleep(Duration::from_millis(100)).await;
            taken += stream.read(&mut buffer).await.unwrap() as u64;
        }
        let answer = b"HTTP/1.1 200 OK\r\nETag: \"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        drop(stream);
        let (mut stream, _) = listener.accept().await.unwrap();
        while stream.read(&mut buffer).await.unwrap() > 0 {}
    });
    store.put(&at("k"), content(SIZE).into(), PutOptions::default()).await.unwrap();
    let began = Instant::now();
    let error = store.put(&at("k"), content(SIZE).into(), PutOptions::default()).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (StoreErrorKind::Transient, "RequestTimeout"));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[tokio::test]
async fn throttling_that_does_not_end_is_throttled() {
    let (server, store) = start().await;
    server.inject(|_, _| Some(ServerFault::slow_down()));
    for error in [
        store.get(&at("k"), GetOptions::default()).await.unwrap_err(),
        store.head(&at("k")).await.unwrap_err(),
        store.put(&at("k"), Bytes::new().into(), PutOptions::default()).await.unwrap_err(),
    ] {
        assert_eq!(error.kind, StoreErrorKind::Throttled, "{error}");
    }
    assert!(store.allowed_concurrency() < 32);
}

/// The store cannot know its own success from another's: it says `Conflict`, and that it was a retry.
#[tokio::test]
async fn a_lost_answer_to_a_create_is_a_conflict_that_says_so() {
    let (server, store) = start().await;
    let create = || PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    for (key, fault) in [("a", ServerFault::LoseAnswer), ("b", ServerFault::LieAbout(500, "InternalError"))] {
        server.fail("PutObject", [1], fault);
        let error = store.put(&at(key), content(100).into(), create()).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Conflict);
        assert!(error.message.contains("after a retry"), "{error}");
        assert_eq!(store.head(&at(key)).await.unwrap().size, 100);
    }
    server.heal();
    let error = store.put(&at("a"), content(100).into(), create()).await.unwrap_err();
    assert!(error.is_conflict() && !error.message.contains("after a retry"), "{error}");
    server.fail("PutObject", [1], ServerFault::slow_down());
    let error = store.put(&at("a"), content(100).into(), create()).await.unwrap_err();
    assert!(error.is_conflict() && !error.message.contains("after a retry"), "throttled is not done: {error}");
}

#[tokio::test]
async fn a_lost_answer_to_a_conditional_delete_or_copy_says_so() {
    let (server, store) = start().await;
    let tag = store.put(&at("k"), content(100).into(), PutOptions::default()).await.unwrap().e_tag;
    server.fail("CopyObject", [1], ServerFault::LoseAnswer);
    let options = CopyOptions { mode: PutMode::Create, ..CopyOptions::default() };
    let error = store.copy(&at("k"), &at("l"), options).await.unwrap_err();
    assert!(error.is_conflict() && error.message.contains("after a retry"), "{error}");

    server.fail("DeleteObject", [1], ServerFault::LoseAnswer);
    let target = DeleteTarget { at: at("k"), if_match: Some(tag) };
    let error = store.delete(futures::stream::iter([target]).boxed()).next().await.unwrap().unwrap_err();
    assert!(error.is_not_found() && error.message.contains("after a retry"), "{error}");
}

#[tokio::test]
async fn a_lost_answer_to_an_overwrite_is_no_trouble() {
    let (server, store) = start().await;
    server.fail("PutObject", [1], ServerFault::LoseAnswer);
    store.put(&at("k"), content(100).into(), PutOptions::default()).await.unwrap();
    server.fail("DeleteObject", [1], ServerFault::LoseAnswer);
    (&store as &dyn ObjectStore).delete_one(&at("k"), None).await.unwrap();
}

#[tokio::test]
async fn no_error_but_absence_means_absent() {
    let (server, store) = start().await;
    for (status, code) in
        [(403, "AccessDenied"), (500, "NoSuchKey"), (503, "SlowDown"), (404, "NoSuchBucket"), (404, "Odd")]
    {
        server.inject(move |_, _| Some(ServerFault::Refuse(status, code, "")));
        let error = store.get(&at("k"), GetOptions::default()).await.unwrap_err();
        assert!(!error.is_not_found(), "{status} {code}: {:?}", error.kind);
    }
}
