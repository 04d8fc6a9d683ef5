//! What goes over the wire, and how often.

use std::collections::BTreeSet;

use bytes::Bytes;
use deltaglider_core::store::{
    Attributes, CopyOptions, DeleteTarget, ETag, ListRequest, ObjectStore, Placement, PutBody, PutMode, PutOptions,
    StoreErrorKind,
};
use deltaglider_s3::ChecksumPolicy;
use deltaglider_testkit::s3_server::{Conditions, Honour};
use futures::{StreamExt, TryStreamExt};

use crate::start::{BUCKET, MIB, at, content, start, start_with};

#[tokio::test]
async fn each_operation_is_one_request() {
    let (server, store) = start().await;
    store.put(&at("k"), content(1000).into(), PutOptions::default()).await.unwrap();
    store.head(&at("k")).await.unwrap();
    store.get(&at("k"), Default::default()).await.unwrap().bytes(MIB).await.unwrap();
    store.copy(&at("k"), &at("l"), CopyOptions::default()).await.unwrap();
    let _: Vec<_> = store.list(ListRequest::below(BUCKET, "")).try_collect().await.unwrap();
    (&store as &dyn ObjectStore).delete_one(&at("k"), None).await.unwrap();
    let expected = ["PutObject", "HeadObject", "GetObject", "CopyObject", "ListObjectsV2", "DeleteObject"];
    assert_eq!(server.log().operations(), expected);
}

#[tokio::test]
async fn nothing_is_sent_that_an_older_server_would_not_know() {
    let (server, store) = start().await;
    store.put(&at("k"), content(1000).into(), PutOptions::default()).await.unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content(70_000)).unwrap();
    store.put(&at("f"), PutBody::File(file.path().into()), PutOptions::default()).await.unwrap();
    for request in server.log().requests() {
        for name in ["x-amz-trailer", "x-amz-sdk-checksum-algorithm", "transfer-encoding", "x-amz-checksum-crc32"] {
            assert_eq!(request.header(name), None, "{name}");
        }
        assert!(request.header("content-length").is_some());
    }
    let (server, store) = start_with(|builder| builder.checksums(ChecksumPolicy::WhenSupported)).await;
    store.put(&at("k"), content(1000).into(), PutOptions::default()).await.unwrap();
    let request = &server.log().requests()[0];
    assert!(request.header("x-amz-checksum-crc32").is_some() || request.header("x-amz-trailer").is_some());
}

#[tokio::test]
async fn a_batch_brings_both_digests_and_answers_for_every_key() {
    let (server, store) = start().await;
    let keys: BTreeSet<String> = (0..1500).map(|n| format!("k{n}")).chain(["a\u{1}b".to_owned()]).collect();
    let put = futures::stream::iter(keys.clone()).for_each_concurrent(16, |key| {
        let store = store.clone();
        async move { drop(store.put(&at(&key), Bytes::new().into(), PutOptions::default()).await.unwrap()) }
    });
    put.await;
    server.log().reset();
    let targets: Vec<DeleteTarget> = keys.iter().map(|key| at(key).into()).collect();
    let deleted: Vec<_> = store.delete(futures::stream::iter(targets).boxed()).try_collect().await.unwrap();
    assert_eq!(deleted.iter().map(|at| at.key().to_owned()).collect::<BTreeSet<_>>(), keys);
    // What no XML can carry goes alone.
    assert_eq!(server.log().count("DeleteObjects"), 2);
    assert_eq!(server.log().count("DeleteObject"), 1);
    let batch = server.log().requests().into_iter().find(|request| request.operation == "DeleteObjects").unwrap();
    assert!(batch.header("content-md5").is_some() && batch.header("x-amz-checksum-crc32").is_some());
    assert_eq!(store.list(ListRequest::below(BUCKET, "")).count().await, 0);
}

#[tokio::test]
async fn placement_goes_with_puts_copies_and_uploads() {
    let (server, store) = start_with(|builder| builder.multipart_threshold(5 * MIB).part_size(5 * MIB)).await;
    let placement = Placement {
        storage_class: Some("STANDARD_IA".into()),
        acl: Some("bucket-owner-full-control".into()),
        server_side_encryption: Some("aws:kms".into()),
        sse_kms_key_id: Some("key-1".into()),
        ..Placement::default()
    };
    let options = PutOptions { placement: placement.clone(), ..PutOptions::default() };
    store.put(&at("small"), content(10).into(), options.clone()).await.unwrap();
    store.put(&at("large"), content(6 * MIB).into(), options).await.unwrap();
    let options = CopyOptions { placement, ..CopyOptions::default() };
    store.copy(&at("small"), &at("copy"), options).await.unwrap();
    for operation in ["PutObject", "CreateMultipartUpload", "CopyObject"] {
        let request = server.log().requests().into_iter().find(|request| request.operation == operation).unwrap();
        assert_eq!(request.header("x-amz-storage-class"), Some("STANDARD_IA"), "{operation}");
        assert_eq!(request.header("x-amz-acl"), Some("bucket-owner-full-control"), "{operation}");
        assert_eq!(request.header("x-amz-server-side-encryption"), Some("aws:kms"), "{operation}");
        assert_eq!(request.header("x-amz-server-side-encryption-aws-kms-key-id"), Some("key-1"), "{operation}");
    }
}

#[tokio::test]
async fn what_is_not_ascii_is_refused_before_it_is_sent() {
    let (server, store) = start().await;
    let attributes = Attributes { metadata: [("a".into(), "ü".into())].into(), ..Attributes::default() };
    let options = PutOptions { attributes, ..PutOptions::default() };
    let error = store.put(&at("k"), Bytes::new().into(), options).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Invalid);
    assert_eq!(server.log().total(), 0);
}

#[tokio::test]
async fn a_server_without_conditions_is_seen_as_it_is() {
    let (server, store) = start().await;
    let create = || PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    server.set_conditions(Conditions { create: Honour::Refused, ..Conditions::default() });
    let error = store.put(&at("k"), Bytes::new().into(), create()).await.unwrap_err();
    assert_eq!((error.kind, error.status), (StoreErrorKind::Unsupported, Some(501)));
    server.set_conditions(Conditions::ignored());
    for _ in 0..2 {
        store.put(&at("k"), Bytes::new().into(), create()).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_compares_tags_as_text_gets_them_bare() {
    let (server, store) = start().await;
    server.set_conditions(Conditions { update: Honour::Bare, complete: Honour::Bare, ..Conditions::default() });
    let first = store.put(&at("k"), Bytes::from_static(b"1").into(), PutOptions::default()).await.unwrap();
    let update = |tag: &ETag| PutOptions { mode: PutMode::Update(tag.clone()), ..PutOptions::default() };
    let put = async |text: &'static str, tag: &ETag| {
        store.put(&at("k"), Bytes::from_static(text.as_bytes()).into(), update(tag)).await
    };

    // What is truly another one is refused, whatever the form: a put, a head for the form, and one for whether there is an object.
    let before = server.log().total();
    let other = ETag::new("00000000000000000000000000000000");
    assert_eq!(put("x", &other).await.unwrap_err().kind, StoreErrorKind::Conflict);
    assert_eq!(server.log().total() - before, 3);
    // The first one that is refused for nothing: refused, looked at, sent again.
    let second = put("2", &first.e_tag).await.unwrap();
    assert_eq!(server.log().total() - before, 6);
    // From then on it costs nothing.
    let third = put("3", &second.e_tag).await.unwrap();
    assert_eq!(put("x", &second.e_tag).await.unwrap_err().kind, StoreErrorKind::Conflict);
    assert_eq!(server.log().total() - before, 9);
    let stream = futures::stream::iter([Ok(Bytes::from(vec![4; 6 << 20]))]).boxed();
    let parts = PutBody::Stream { size: None, stream };
    let fourth = store.put(&at("k"), parts, update(&third.e_tag)).await.unwrap();
    assert_eq!(store.head(&at("k")).await.unwrap().e_tag, fourth.e_tag);
}

#[tokio::test]
async fn request_ids_come_through() {
    let (server, store) = start().await;
    server.inject(|_, _| Some(deltaglider_testkit::s3_server::ServerFault::Refuse(403, "AccessDenied", "Not you.")));
    let error = store.get(&at("k"), Default::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "An error occurred (AccessDenied) when calling the GetObject operation: Not you.");
    assert_eq!(error.request_id.as_deref(), Some("TESTKIT"));
}
