//! Put, get, head, copy, delete.

use deltaglider::core::engine::ReferenceUse;
use deltaglider::core::store::{Attributes, ByteRange};
use deltaglider::{Client, Error, ErrorKind};

use crate::fixture::{BUCKET, Fixture, archive, get, put};

#[tokio::test]
async fn an_object_has_one_entity_tag_everywhere_and_in_every_form() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    put(&client, "app/v1.zip", 1).await;
    for (key, kind) in [("app/v2.zip", "delta"), ("app/v2.txt", "whole"), ("other/v2.zip", "delta")] {
        let put = put(&client, key, 2).await;
        assert_eq!(put.kind, kind, "{key}");
        let head = client.head_object().bucket(BUCKET).key(key).send().await.expect("head");
        let got = client.get_object().bucket(BUCKET).key(key).send().await.expect("got");
        let listed = client.list_objects_v2().bucket(BUCKET).prefix(key).send().await.expect("listed");
        assert_eq!((&head.e_tag, got.e_tag()), (&put.e_tag, put.e_tag.as_str()));
        assert_eq!(listed.contents[0].e_tag, put.e_tag);
        assert_eq!((head.size, got.content_length(), listed.contents[0].size), (60_000, 60_000, 60_000));
        assert_eq!((head.sha256, head.kind()), (Some(put.sha256), kind));
        assert_eq!(head.stored_size, put.stored_size);
        assert_eq!(got.body.collect().await.expect("read"), archive(2));
    }
}

#[tokio::test]
async fn a_put_says_what_became_of_it() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    let first = put(&client, "app/v1.zip", 1).await;
    assert_eq!((first.reference, first.size), (ReferenceUse::Created, 60_000));
    let second = put(&client, "app/v2.zip", 2).await;
    assert_eq!((second.kind, second.reference), ("delta", ReferenceUse::Cached));
    assert!(second.ratio < 0.01 && second.stored_size < 600 && second.sent == second.stored_size, "{second:?}");
    let whole = client.put_object().bucket(BUCKET).key("app/v3.zip").body(archive(3)).whole(true).send().await;
    let whole = whole.expect("put");
    assert_eq!((whole.kind, whole.ratio, whole.reference), ("whole", 1.0, ReferenceUse::None));
    assert!(whole.why_whole.is_some());
}

#[tokio::test]
async fn headers_and_metadata_come_back() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    put(&client, "app/v1.zip", 1).await;
    let put = client.put_object().bucket(BUCKET).key("app/v2.zip").body(archive(2));
    let put = put.metadata("Build", "17").content_type("application/zip").cache_control("no-cache");
    put.content_disposition("attachment").content_language("de").content_encoding("x").send().await.expect("put");
    let got = client.get_object().bucket(BUCKET).key("app/v2.zip").send().await.expect("got");
    assert_eq!(got.object.metadata, [("build".to_owned(), "17".to_owned())].into());
    assert_eq!(got.object.content_type.as_deref(), Some("application/zip"));
    assert_eq!(got.object.cache_control.as_deref(), Some("no-cache"));
    assert_eq!(got.object.content_disposition.as_deref(), Some("attachment"));
    assert_eq!(got.object.content_language.as_deref(), Some("de"));
    assert_eq!(got.object.content_encoding.as_deref(), Some("x"));
}

#[tokio::test]
async fn ranges_and_conditions_are_of_the_content() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    put(&client, "app/v1.zip", 1).await;
    put(&client, "app/v2.zip", 2).await;
    let get = || client.get_object().bucket(BUCKET).key("app/v2.zip");
    let part = get().range("bytes=29990-30019").send().await.expect("got");
    assert_eq!((part.range.clone(), part.content_length(), part.object.size), (29_990..30_020, 30, 60_000));
    assert_eq!(part.body.collect().await.expect("read"), archive(2)[29_990..30_020]);
    let last = get().byte_range(ByteRange::Last(10)).send().await.expect("got");
    assert_eq!(last.body.collect().await.expect("read"), archive(2)[59_990..]);
    let past = get().range("bytes=60000-").send().await.expect_err("past the end");
    assert_eq!(past.kind(), ErrorKind::InvalidRange);
    let tag = client.head_object().bucket(BUCKET).key("app/v2.zip").send().await.expect("head").e_tag;
    assert!(get().if_match(tag.as_str()).send().await.is_ok());
    assert_eq!(get().if_match("other").send().await.expect_err("other").kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn a_body_is_collected_streamed_read_and_written() {
    use futures::TryStreamExt;
    use tokio::io::AsyncReadExt;

    let fixture = Fixture::new();
    let client = fixture.client().await;
    put(&client, "app/v1.zip", 1).await;
    let body = || async { client.get_object().bucket(BUCKET).key("app/v1.zip").send().await.expect("got").body };
    let chunks: Vec<_> = body().await.try_collect().await.expect("streamed");
    assert_eq!(chunks.concat(), archive(1));
    let (mut read, mut written) = (Vec::new(), Vec::new());
    body().await.into_async_read().read_to_end(&mut read).await.expect("read");
    assert_eq!(body().await.write_to(&mut written).await.expect("written"), 60_000);
    assert!(read == archive(1) && written == read);
}

#[tokio::test]
async fn what_is_missing_is_told_before_any_request() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    let missing = |error: Error, text: &str| {
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert_eq!(error.to_string(), text);
    };
    missing(client.put_object().key("k").send().await.expect_err("no bucket"), "PutObject needs a bucket");
    missing(client.put_object().bucket(BUCKET).key("").send().await.expect_err("no key"), "PutObject needs a key");
    missing(client.get_object().bucket(BUCKET).send().await.expect_err("no key"), "GetObject needs a key");
    missing(client.head_object().key("k").send().await.expect_err("no bucket"), "HeadObject needs a bucket");
    missing(client.delete_object().bucket(BUCKET).send().await.expect_err("no key"), "DeleteObject needs a key");
    let many = client.delete_objects().bucket(BUCKET).key("a").key("");
    missing(many.send().await.expect_err("no key"), "DeleteObjects needs a key");
    let copy = client.copy_object().bucket(BUCKET).key("k");
    missing(copy.send().await.expect_err("no source"), "CopyObject needs a copy source");
    missing(client.list_objects_v2().send().await.expect_err("no bucket"), "ListObjectsV2 needs a bucket");
    missing(client.create_bucket().send().await.expect_err("no bucket"), "CreateBucket needs a bucket");
    assert!(client.get_object().bucket(BUCKET).key("k").range("0-9").send().await.is_err());
    assert_eq!(fixture.store.counts().total(), 0);
}

#[tokio::test]
async fn what_is_not_there_has_its_kind() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    for key in ["a.txt", "a.zip"] {
        let error = client.get_object().bucket(BUCKET).key(key).send().await.expect_err("absent");
        assert!(error.is_not_found(), "{error:?}");
        assert_eq!(error.as_store_error().map(|error| error.code.as_str()), Some("NoSuchKey"));
        let error = client.head_object().bucket("nowhere").key(key).send().await.expect_err("absent");
        assert_eq!(error.kind(), ErrorKind::NoSuchBucket);
        client.delete_object().bucket(BUCKET).key(key).send().await.expect("no error");
    }
}

#[tokio::test]
async fn the_last_delta_takes_its_reference_along() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    for version in 1..=3 {
        put(&client, &format!("app/v{version}.zip"), version).await;
    }
    client.delete_object().bucket(BUCKET).key("app/v1.zip").send().await.expect("deleted");
    assert_eq!(get(&client, "app/v3.zip").await, archive(3));
    let output = client.delete_objects().bucket(BUCKET).keys(["app/v2.zip", "app/v3.zip", "app/v9.zip"]).send().await;
    let output = output.expect("deleted");
    assert_eq!((output.deleted.len(), output.errors.len()), (3, 0));
    use deltaglider::core::store::ObjectStore;
    use futures::StreamExt;
    let request = deltaglider::core::store::ListRequest::below(BUCKET, "app/");
    assert_eq!(fixture.memory.list(request).count().await, 0);
}

#[tokio::test]
async fn copies_stay_what_they_are_within_a_store_and_between_two() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    put(&client, "app/v1.zip", 1).await;
    let original = put(&client, "app/v2.zip", 2).await;
    let copy = client.copy_object().copy_source(BUCKET, "app/v2.zip").bucket(BUCKET).key("app/copy.zip");
    let copied = copy.send().await.expect("copied");
    assert_eq!((copied.e_tag, copied.sent, copied.kind), (original.e_tag.clone(), 0, "delta"));
    assert_eq!(get(&client, "app/copy.zip").await, archive(2));

    let local = format!("file://{}/local", fixture.directory.path().display());
    client.create_bucket().bucket(&local).send().await.expect("made");
    let attributes = Attributes { content_type: Some("x/y".to_owned()), ..Attributes::default() };
    let copy = client.copy_object().copy_source(BUCKET, "app/v2.zip").bucket(&local).key("a/v2.zip");
    let copied = copy.replace_attributes(attributes).send().await.expect("copied");
    assert_eq!(copied.e_tag, original.e_tag);
    let info = client.object_info(&format!("{local}/a/v2.zip")).await.expect("head");
    assert_eq!((info.content_type.as_deref(), info.sha256), (Some("x/y"), Some(original.sha256)));
    let absent = client.copy_object().copy_source(BUCKET, "nothing.zip").bucket(&local).key("x");
    assert!(absent.send().await.expect_err("absent").is_not_found());
}

#[tokio::test]
async fn a_directory_is_a_store_of_buckets() {
    let directory = tempfile::tempdir().expect("a directory");
    let client = Client::builder().local(directory.path()).build().await.expect("a client");
    client.create_bucket().bucket(BUCKET).send().await.expect("made");
    assert_eq!(client.create_bucket().bucket(BUCKET).send().await.expect_err("there").kind(), ErrorKind::Conflict);
    put(&client, "app/v1.zip", 1).await;
    assert_eq!(put(&client, "app/v2.zip", 2).await.kind, "delta");
    let buckets = client.list_buckets().send().await.expect("listed").buckets;
    assert_eq!(buckets.iter().map(|bucket| bucket.name.as_str()).collect::<Vec<_>>(), [BUCKET]);

    // The same objects by URL, and by the URL of their bucket.
    let url = format!("file://{}/{BUCKET}", directory.path().display());
    let other = Client::builder().build().await.expect("a client");
    let got = other.get_object().bucket(&url).key("app/v2.zip").send().await.expect("got");
    assert_eq!(got.body.collect().await.expect("read"), archive(2));
    let error = other.get_object().bucket(format!("{url}/app")).key("v2.zip").send().await.expect_err("no bucket");
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert_eq!(other.delete_bucket().bucket(&url).send().await.expect_err("not empty").kind(), ErrorKind::Conflict);
    let error = other.place(&format!("file://{}/nowhere/x", directory.path().display())).expect_err("no store");
    assert_eq!(error.kind(), ErrorKind::NoSuchBucket);
    assert!(error.to_string().contains("deltaglider mb file:///"), "{error}");
}
