//! The client for tests, used as tests use it: side by side, each with its own.

use deltaglider::core::engine::ReferenceUse;

use crate::program::archive;
use example::{BUCKET, TestClient};

#[path = "../../examples/test_client.rs"]
mod example;

/// What a test does with it: it begins with nothing, and finds what it put.
async fn put_and_get(version: u64) {
    let client = TestClient::new().await.unwrap();
    assert!(client.list_objects_v2().bucket(BUCKET).send().await.unwrap().contents.is_empty());
    let (first, second) = (archive(64 << 10, version), archive(64 << 10, version + 1));
    let put = client.put_object().bucket(BUCKET).key("app/v1.zip").body(first.clone()).send().await.unwrap();
    assert_eq!(put.reference, ReferenceUse::Created, "nobody else's reference is seen");
    assert!(put.e_tag.as_str().starts_with('"') && put.e_tag.as_str().len() > 2);
    let put = client.put_object().bucket(BUCKET).key("app/v2.zip").body(second.clone()).send().await.unwrap();
    assert_eq!((put.kind, put.reference), ("delta", ReferenceUse::Cached));
    for (key, content) in [("app/v1.zip", first), ("app/v2.zip", second)] {
        let got = client.get_object().bucket(BUCKET).key(key).send().await.unwrap();
        assert_eq!(got.body.collect().await.unwrap(), content);
    }
    let stats = client.cache_stats().await.unwrap();
    assert_eq!((stats.backend, stats.entries, stats.misses), ("memory", 1, 0));
}

#[tokio::test]
async fn one() {
    put_and_get(10).await;
}

#[tokio::test]
async fn another_beside_it() {
    put_and_get(20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_at_a_time() {
    let tests: Vec<_> = (0..16).map(|test| tokio::spawn(put_and_get(test * 10))).collect();
    for test in tests {
        test.await.unwrap();
    }
}

#[test]
fn it_runs_as_a_program_too() {
    example::main().unwrap();
}
