//! The client over HTTP, with signatures, against a server in the process.

use std::time::Duration;

use deltaglider::config::Credentials;
use deltaglider::core::Error as EngineError;
use deltaglider::core::engine::ReferenceUse;
use deltaglider::core::store::{ListEntry, ListRequest, ObjectStore};
use deltaglider::{Client, ClientBuilder, Error, ErrorKind};
use deltaglider_testkit::S3Server;
use futures::TryStreamExt;

use crate::fixture::{BUCKET, archive, get, put};

fn builder(server: &S3Server, cache: &tempfile::TempDir) -> ClientBuilder {
    Client::builder()
        .endpoint_url(server.endpoint())
        .region("us-east-1")
        .credentials(Credentials::new(server.access_key(), server.secret_key(), None))
        .cache_directory(cache.path())
}

#[tokio::test]
async fn an_object_has_one_entity_tag_over_http_too() {
    let cache = tempfile::tempdir().expect("a directory");
    let server = S3Server::start().await.expect("a server");
    let client = builder(&server, &cache).build().await.expect("a client");
    assert!(server.log().requests().is_empty(), "making a client asks nothing");
    client.create_bucket().bucket(BUCKET).send().await.expect("made");
    put(&client, "app/v1.zip", 1).await;
    server.log().reset();
    let put = put(&client, "app/v2.zip", 2).await;
    assert_eq!((put.kind, put.reference), ("delta", ReferenceUse::Cached));
    assert_eq!(server.log().operations(), ["HeadObject", "PutObject", "HeadObject"]);

    server.log().reset();
    let got = client.get_object().bucket(BUCKET).key("app/v2.zip").send().await.expect("got");
    assert_eq!((got.e_tag(), got.reference), (put.e_tag.as_str(), ReferenceUse::Cached));
    assert_eq!(got.body.collect().await.expect("read"), archive(2));
    assert_eq!(server.log().operations(), ["GetObject"]);
    let head = client.head_object().bucket(BUCKET).key("app/v2.zip").send().await.expect("head");
    let listed = client.list_objects_v2().bucket(BUCKET).prefix("app/v2").send().await.expect("listed");
    assert_eq!((&head.e_tag, &listed.contents[0].e_tag), (&put.e_tag, &put.e_tag));
    assert_eq!(listed.contents[0].size, 60_000);
    let buckets = client.list_buckets().send().await.expect("listed").buckets;
    assert_eq!(buckets[0].name, BUCKET);
}

#[tokio::test]
async fn urls_are_signed_for_whole_objects_and_for_copies_of_deltas() {
    let cache = tempfile::tempdir().expect("a directory");
    let server = S3Server::start().await.expect("a server");
    let client = builder(&server, &cache).build().await.expect("a client");
    client.create_bucket().bucket(BUCKET).send().await.expect("made");
    put(&client, "app/v1.zip", 1).await;
    client.put_object().bucket(BUCKET).key("notes.txt").body("a").send().await.expect("put");
    let hour = Duration::from_secs(3600);
    let whole = client.presign(&format!("s3://{BUCKET}/notes.txt"), hour).await.expect("signed");
    assert!(whole.expose().starts_with(&format!("{}/{BUCKET}/notes.txt?", server.endpoint())), "{}", whole.expose());
    let delta = format!("s3://{BUCKET}/app/v1.zip");
    let refused = client.presign(&delta, hour).await.expect_err("a delta");
    assert!(matches!(refused, Error::Engine(EngineError::StoredAsDelta { .. })), "{refused}");
    let copy = client.presign_copy(&delta, hour).await.expect("signed");
    assert!(copy.expose().contains("/.deltaglider/tmp/"), "{}", copy.expose());
    assert!(client.presign(&format!("s3://{BUCKET}"), hour).await.is_err());
}

#[tokio::test]
async fn a_bucket_has_an_access_control_list() {
    let cache = tempfile::tempdir().expect("a directory");
    let server = S3Server::start().await.expect("a server");
    let client = builder(&server, &cache).build().await.expect("a client");
    client.create_bucket().bucket(BUCKET).send().await.expect("made");
    client.put_bucket_acl().bucket(BUCKET).acl("public-read").send().await.expect("set");
    let list = client.get_bucket_acl().bucket(BUCKET).send().await.expect("read");
    let rights: Vec<&str> = list.grants.iter().map(|grant| grant.permission.as_str()).collect();
    assert_eq!(rights, ["FULL_CONTROL", "READ"]);
    assert!(client.put_bucket_acl().bucket(BUCKET).send().await.is_err());
}

#[tokio::test]
async fn everything_below_a_prefix_is_deleted_and_nothing_beside_it() {
    let cache = tempfile::tempdir().expect("a directory");
    let server = S3Server::start().await.expect("a server");
    let client = builder(&server, &cache).build().await.expect("a client");
    client.create_bucket().bucket(BUCKET).send().await.expect("made");
    for key in ["app/v1.zip", "app/v2.zip", "app/sub/v1.zip", "app2/v1.zip"] {
        put(&client, key, 1).await;
    }
    client.put_object().bucket(BUCKET).key("app/notes.txt").body("a").send().await.expect("put");
    let gone = client.delete_prefix(&format!("s3://{BUCKET}/app")).await.expect("deleted");
    assert!(gone.errors.is_empty(), "{:?}", gone.errors);
    let mut keys: Vec<_> = gone.deleted.iter().map(|at| at.key().to_owned()).collect();
    keys.sort();
    assert_eq!(keys, ["app/notes.txt", "app/sub/v1.zip", "app/v1.zip", "app/v2.zip"]);
    let store: &dyn ObjectStore = server.store();
    let left: Vec<_> = store.list(ListRequest::below(BUCKET, "")).try_collect().await.expect("listed");
    let keys = left.iter().filter_map(|entry| match entry {
        ListEntry::Object(object) => Some(object.key.as_str()),
        ListEntry::Prefix(_) => None,
    });
    assert_eq!(keys.collect::<Vec<_>>(), ["app2/reference.bin", "app2/v1.zip.delta"]);
    let none = client.delete_prefix(&format!("s3://{BUCKET}/app/")).await.expect("deleted");
    assert!(none.deleted.is_empty() && none.errors.is_empty());
    let lost = client.delete_prefix("s3://nowhere/").await.expect("asked");
    assert!(matches!(lost.errors[0].kind(), ErrorKind::NoSuchBucket), "{:?}", lost.errors);
}

#[tokio::test]
async fn a_cleared_cache_costs_one_more_request() {
    let cache = tempfile::tempdir().expect("a directory");
    let server = S3Server::start().await.expect("a server");
    let client = builder(&server, &cache).build().await.expect("a client");
    client.create_bucket().bucket(BUCKET).send().await.expect("made");
    put(&client, "app/v1.zip", 1).await;
    client.clear_cache().await.expect("cleared");
    server.log().reset();
    assert_eq!(put(&client, "app/v2.zip", 2).await.reference, ReferenceUse::Fetched);
    assert_eq!(server.log().operations(), ["HeadObject", "GetObject", "PutObject", "HeadObject"]);
    assert_eq!(get(&client, "app/v2.zip").await, archive(2));
    drop(client);
    assert_eq!(std::fs::read_dir(cache.path()).expect("listed").count(), 0);
}

#[tokio::test]
async fn errors_have_their_kind() {
    let cache = tempfile::tempdir().expect("a directory");
    let server = S3Server::start().await.expect("a server");
    let client = builder(&server, &cache).build().await.expect("a client");
    let put = client.put_object().bucket("nowhere").key("a.txt").body("x").send();
    assert_eq!(put.await.expect_err("no bucket").kind(), ErrorKind::NoSuchBucket);
    client.create_bucket().bucket(BUCKET).send().await.expect("made");
    let get = client.get_object().bucket(BUCKET).key("a.txt").send();
    assert_eq!(get.await.expect_err("no object").kind(), ErrorKind::NotFound);
    let stranger = builder(&server, &cache).credentials(Credentials::new("AKIASTRANGER", "wrong", None));
    let stranger = stranger.build().await.expect("a client");
    let get = stranger.get_object().bucket(BUCKET).key("a.txt").send();
    assert_eq!(get.await.expect_err("a stranger").kind(), ErrorKind::Credentials);
    let wrong = Client::builder().endpoint_url("localhost:9000").build().await.expect_err("no URL");
    assert_eq!(wrong.kind(), ErrorKind::Config);
    let wrong = Client::builder().max_ratio(f64::NAN).build().await.expect_err("no ratio");
    assert_eq!(wrong.kind(), ErrorKind::Config);
}
