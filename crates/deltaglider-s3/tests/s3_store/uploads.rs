//! Uploads in parts: when, in which pieces, and what is left of those that fail.

use bytes::Bytes;
use deltaglider_core::Location;
use deltaglider_core::store::{
    Attributes, BodyStream, BucketStore, CopyOptions, GetOptions, ObjectStore, PutBody, PutMode, PutOptions,
    StoreError, StoreErrorKind,
};
use deltaglider_s3::S3Store;
use deltaglider_testkit::S3Server;
use deltaglider_testkit::s3_server::{Conditions, Honour, Limits, ServerFault};
use futures::{StreamExt, stream};
use tokio::sync::oneshot;

use crate::start::{MIB, at, content, start_with};

async fn start() -> (S3Server, S3Store) {
    start_with(|builder| builder.multipart_threshold(10 * MIB).part_size(5 * MIB)).await
}

fn pieces(whole: &Bytes) -> BodyStream {
    let whole = whole.clone();
    let size = 300_000;
    let pieces = (0..whole.len().div_ceil(size)).map(move |index| {
        let from = index * size;
        Ok(whole.slice(from..whole.len().min(from + size)))
    });
    stream::iter(pieces.collect::<Vec<_>>()).boxed()
}

async fn read(store: &S3Store, at: &Location) -> Bytes {
    store.get(at, GetOptions::default()).await.unwrap().bytes(100 * MIB).await.unwrap()
}

#[tokio::test]
async fn size_decides_between_one_request_and_parts() {
    let (server, store) = start().await;
    let attributes = Attributes { content_type: Some("a/b".into()), ..Attributes::default() };
    for (size, parts) in [(0, 0), (10 * MIB, 0), (10 * MIB + 1, 3), (12 * MIB, 3)] {
        let whole = content(size);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &whole).unwrap();
        let bodies = [
            PutBody::Bytes(whole.clone()),
            PutBody::File(file.path().into()),
            PutBody::Stream { size: Some(size), stream: pieces(&whole) },
        ];
        for body in bodies {
            server.log().reset();
            let shown = format!("{body:?}");
            let options = PutOptions { attributes: attributes.clone(), ..PutOptions::default() };
            let receipt = store.put(&at("k"), body, options).await.unwrap();
            assert_eq!(server.log().count("UploadPart"), parts, "{shown}");
            assert_eq!(server.log().count("PutObject"), usize::from(parts == 0), "{shown}");
            let head = store.head(&at("k")).await.unwrap();
            assert_eq!((head.e_tag, head.attributes), (receipt.e_tag, attributes.clone()));
            assert_eq!(read(&store, &at("k")).await, whole);
        }
    }
    assert!(server.uploads().is_empty());
}

#[tokio::test]
async fn a_stream_of_unknown_length_is_one_request_if_it_ends_within_a_part() {
    let (server, store) = start().await;
    for (size, requests) in [(0, 1), (5 * MIB - 1, 1), (5 * MIB, 3), (11 * MIB, 5)] {
        let whole = content(size);
        server.log().reset();
        let body = PutBody::Stream { size: None, stream: pieces(&whole) };
        store.put(&at("k"), body, PutOptions::default()).await.unwrap();
        assert_eq!(server.log().total(), requests, "{size} bytes: {:?}", server.log().operations());
        assert_eq!(read(&store, &at("k")).await, whole);
    }
}

#[tokio::test]
async fn a_conditional_put_of_what_can_be_sent_again_is_one_request() {
    let (server, store) = start().await;
    let create = || PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    store.put(&at("k"), content(12 * MIB).into(), create()).await.unwrap();
    assert_eq!(server.log().operations(), ["PutObject"]);
    let body = || PutBody::Stream { size: None, stream: pieces(&content(12 * MIB)) };
    let error = store.put(&at("k"), body(), create()).await.unwrap_err();
    assert!(error.is_conflict(), "{error}");
    assert!(server.uploads().is_empty());
    store.put(&at("l"), body(), create()).await.unwrap();
    server.set_conditions(Conditions { complete: Honour::Refused, ..Conditions::default() });
    let error = store.put(&at("m"), body(), create()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unsupported);
    assert!(server.uploads().is_empty());
}

#[tokio::test]
async fn a_failed_upload_is_aborted() {
    let (server, store) = start().await;
    server.inject(|request, number| {
        (request.operation == "UploadPart" && number >= 2).then_some(ServerFault::Refuse(403, "AccessDenied", ""))
    });
    let error = store.put(&at("k"), content(20 * MIB).into(), PutOptions::default()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Denied);
    assert!(server.uploads().is_empty());
    server.heal();

    let broken = pieces(&content(12 * MIB)).chain(stream::once(async {
        Err(StoreError::new(
            deltaglider_core::store::Operation::Get,
            &at("x"),
            StoreErrorKind::Other,
            "the source broke",
        ))
    }));
    let body = PutBody::Stream { size: None, stream: broken.boxed() };
    let error = store.put(&at("k"), body, PutOptions::default()).await.unwrap_err();
    assert_eq!(error.message, "the source broke");
    for declared in [11 * MIB, 13 * MIB] {
        let body = PutBody::Stream { size: Some(declared), stream: pieces(&content(12 * MIB)) };
        let error = store.put(&at("k"), body, PutOptions::default()).await.unwrap_err();
        assert_eq!((error.kind, error.code.as_str()), (StoreErrorKind::Invalid, "IncompleteBody"));
    }
    assert!(server.uploads().is_empty());
    assert!(store.head(&at("k")).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_dropped_upload_is_aborted() {
    let (server, store) = start().await;
    let (stalled, reached) = oneshot::channel();
    let endless = pieces(&content(12 * MIB)).chain(stream::once(async move {
        stalled.send(()).unwrap();
        futures::future::pending().await
    }));
    let upload = tokio::spawn({
        let store = store.clone();
        let body = PutBody::Stream { size: None, stream: endless.boxed() };
        async move { store.put(&at("k"), body, PutOptions::default()).await }
    });
    reached.await.unwrap();
    assert_eq!(server.uploads().len(), 1);
    upload.abort();
    assert!(upload.await.unwrap_err().is_cancelled());
    while !server.uploads().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(store.head(&at("k")).await.unwrap_err().is_not_found());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_dropped_before_it_has_its_id_is_aborted() {
    let (server, store) = start().await;
    for _ in 0..20 {
        let upload = tokio::spawn({
            let (store, whole) = (store.clone(), content(12 * MIB));
            async move { store.put(&at("k"), whole.into(), PutOptions::default()).await }
        });
        // Often before the answer has arrived.
        while server.uploads().is_empty() {
            std::hint::spin_loop();
        }
        upload.abort();
        drop(upload.await);
        store.settled().await;
        assert_eq!(server.uploads(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_lost_answer_to_the_completion_is_found_out() {
    let (server, store) = start().await;
    server.fail("CompleteMultipartUpload", [1], ServerFault::LoseAnswer);
    let whole = content(12 * MIB);
    let receipt = store.put(&at("k"), whole.clone().into(), PutOptions::default()).await.unwrap();
    assert_eq!(server.log().count("CompleteMultipartUpload"), 2);
    assert_eq!(store.head(&at("k")).await.unwrap().e_tag, receipt.e_tag);
    assert_eq!(read(&store, &at("k")).await, whole);
}

#[tokio::test]
async fn parts_are_retried_by_themselves() {
    let (server, store) = start().await;
    server.fail("UploadPart", [2], ServerFault::Disconnect);
    let whole = content(16 * MIB);
    store.put(&at("k"), PutBody::Stream { size: None, stream: pieces(&whole) }, PutOptions::default()).await.unwrap();
    assert_eq!(server.log().count("UploadPart"), 5);
    assert_eq!(read(&store, &at("k")).await, whole);
}

#[tokio::test]
async fn what_is_too_large_to_copy_is_copied_in_parts() {
    let (server, store) = start_with(|builder| builder.copy_part_size(MIB)).await;
    let attributes = Attributes {
        content_type: Some("a/b".into()),
        metadata: [("n".into(), "v".into())].into(),
        ..Attributes::default()
    };
    let whole = content(5 * MIB / 2);
    let options = PutOptions { attributes: attributes.clone(), ..PutOptions::default() };
    let tag = store.put(&at("a b+ü"), whole.clone().into(), options).await.unwrap().e_tag;
    server.set_limits(Limits { copy: MIB });
    server.log().reset();
    let options = CopyOptions { source_if_match: Some(tag), mode: PutMode::Create, ..CopyOptions::default() };
    store.copy(&at("a b+ü"), &at("l"), options.clone()).await.unwrap();
    assert_eq!(server.log().count("UploadPartCopy"), 3);
    assert_eq!(store.head(&at("l")).await.unwrap().attributes, attributes);
    assert_eq!(read(&store, &at("l")).await, whole);
    assert!(store.copy(&at("a b+ü"), &at("l"), options).await.unwrap_err().is_conflict());
    assert!(server.uploads().is_empty());
}

#[tokio::test]
async fn unfinished_uploads_are_listed_and_aborted() {
    let (server, store) = start().await;
    let uploads = store.uploads().expect("it has such");
    let mut hanging = Vec::new();
    for key in ["p/a b", "p/ä", "q/x"] {
        let first = stream::iter([Ok(content(6 * MIB))]);
        let body = PutBody::Stream { size: None, stream: first.chain(stream::pending()).boxed() };
        let store = store.clone();
        hanging.push(tokio::spawn(async move { store.put(&at(key), body, PutOptions::default()).await }));
    }
    while server.uploads().len() < 3 || server.log().count("UploadPart") < 3 {
        tokio::task::yield_now().await;
    }
    let found = uploads.list_uploads("bucket", "p/").await.unwrap();
    assert_eq!(found.iter().map(|upload| upload.at.key()).collect::<Vec<_>>(), ["p/a b", "p/ä"]);
    assert!(found.iter().all(|upload| upload.begun.elapsed().unwrap_or_default().as_secs() < 600));
    assert_eq!(uploads.list_uploads("bucket", "").await.unwrap().len(), 3);
    for upload in &found {
        uploads.abort_upload(upload).await.unwrap();
        uploads.abort_upload(upload).await.unwrap();
    }
    assert_eq!(uploads.list_uploads("bucket", "").await.unwrap().len(), 1);
    assert_eq!(uploads.list_uploads("none", "").await.unwrap_err().kind, StoreErrorKind::NoSuchBucket);
    hanging.iter().for_each(tokio::task::JoinHandle::abort);
}

/// What a server receives it can hold against what was sent, in whatever way it was.
#[tokio::test]
async fn every_body_comes_with_its_digest() {
    let (server, store) = start().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let large = content(18 << 20);
    std::fs::write(file.path(), &large).unwrap();
    let digest = |bytes: &[u8]| aws_smithy_types::base64::encode(deltaglider_core::Md5::of(bytes).0);
    let sent = || {
        let requests = server.log().requests().into_iter();
        let bodies = requests.filter(|request| ["PutObject", "UploadPart"].contains(&request.operation));
        let mut digests: Vec<_> = bodies.map(|request| request.header("content-md5").unwrap().to_owned()).collect();
        server.log().reset();
        digests.sort();
        digests
    };
    store.put(&at("bytes"), content(1000).into(), PutOptions::default()).await.unwrap();
    assert_eq!(sent(), [digest(&content(1000))]);
    let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    store.put(&at("file"), PutBody::File(file.path().into()), create).await.unwrap();
    assert_eq!(sent(), [digest(&large)]);
    store.put(&at("parts"), PutBody::File(file.path().into()), PutOptions::default()).await.unwrap();
    let in_parts = sent();
    assert!(in_parts.len() > 1, "{in_parts:?}");
    assert!(in_parts.contains(&digest(&large[..5 << 20])), "{in_parts:?}");
    let stream = PutBody::Stream { size: None, stream: futures::stream::iter([Ok(large.clone())]).boxed() };
    store.put(&at("stream"), stream, PutOptions::default()).await.unwrap();
    assert_eq!(sent(), in_parts);
}
