//! The cache of a client: what it saves, who shares it, and what is left of it.

use std::os::unix::fs::PermissionsExt;

use deltaglider::config::CacheBackend;
use deltaglider::core::engine::ReferenceUse;
use deltaglider::{Config, ErrorKind};

use crate::fixture::{BUCKET, Fixture, archive, get, put};

pub const KEY: &str = "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=";
const OTHER_KEY: &str = "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urqzA=";

/// Settings of a client with a persistent key, as the environment gives them.
pub fn persistent(fixture: &Fixture, key: &str) -> deltaglider::ClientBuilder {
    let directory = fixture.cache_directory();
    let config = Config::from_variables(|name| match name {
        "DG_CACHE_ENCRYPTION_KEY" => Some(key.into()),
        "DG_CACHE_DIR" => Some(directory.clone().into()),
        _ => None,
    });
    let mut config = config.expect("settings");
    std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o700)).expect("set");
    config.buckets = fixture.builder().into_config().buckets;
    deltaglider::Client::builder().config(config)
}

#[tokio::test]
async fn put_put_clear_put() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    put(&client, "app/v1.zip", 1).await;
    assert_eq!(put(&client, "app/v2.zip", 2).await.reference, ReferenceUse::Cached);
    assert_eq!(fixture.reference_gets(), 0);
    let freed = client.clear_cache().await.expect("cleared");
    assert_eq!((freed.entries, freed.failed), (1, 0));
    assert_eq!(put(&client, "app/v3.zip", 3).await.reference, ReferenceUse::Fetched);
    assert_eq!(put(&client, "app/v4.zip", 4).await.reference, ReferenceUse::Cached);
    assert_eq!(fixture.reference_gets(), 1);
    let stats = client.cache_stats().await.expect("stats");
    assert_eq!((stats.entries, stats.backend), (1, "filesystem"));
    assert!(stats.hits >= 2 && stats.misses >= 1, "{stats:?}");
}

#[tokio::test]
async fn many_puts_fetch_one_reference() {
    let fixture = Fixture::new();
    put(&fixture.client().await, "app/v0.zip", 0).await;
    let client = fixture.client().await;
    for version in 1..=6 {
        put(&client, &format!("app/v{version}.zip"), version).await;
    }
    assert_eq!(fixture.reference_gets(), 1);
    let stats = client.cache_stats().await.expect("stats");
    assert_eq!((stats.hits, stats.misses), (5, 1));
    fixture.store.reset();
    for version in 1..=6 {
        assert_eq!(get(&client, &format!("app/v{version}.zip")).await, archive(version));
    }
    assert_eq!((fixture.store.counts().get, fixture.store.counts().total()), (6, 6));
}

#[tokio::test]
async fn clients_with_one_persistent_key_share_the_cache() {
    let fixture = Fixture::new();
    let first = persistent(&fixture, KEY).build().await.expect("a client");
    put(&first, "app/v1.zip", 1).await;
    put(&first, "app/v2.zip", 2).await;
    let second = persistent(&fixture, KEY).build().await.expect("a client");
    assert_eq!(put(&second, "app/v3.zip", 3).await.reference, ReferenceUse::Cached);
    assert_eq!(get(&second, "app/v2.zip").await, archive(2));
    assert_eq!(fixture.reference_gets(), 0);
    let stats = second.cache_stats().await.expect("stats");
    assert_eq!((stats.hits, stats.misses), (2, 0));

    // What another key sealed is not read, and not harmed.
    let stranger = persistent(&fixture, OTHER_KEY).build().await.expect("a client");
    assert_eq!(put(&stranger, "app/v4.zip", 4).await.reference, ReferenceUse::Fetched);
    drop((first, second, stranger));
    let later = persistent(&fixture, KEY).build().await.expect("a client");
    assert_eq!(put(&later, "app/v5.zip", 5).await.reference, ReferenceUse::Cached);
    assert_eq!(later.clear_cache().await.expect("cleared").entries, 2);
}

#[tokio::test]
async fn a_cache_that_is_kept_is_cleared_without_having_been_used() {
    let fixture = Fixture::new();
    put(&persistent(&fixture, KEY).build().await.expect("a client"), "app/v1.zip", 1).await;
    let client = persistent(&fixture, KEY).build().await.expect("a client");
    assert_eq!(client.cache_stats().await.expect("stats").entries, 1);
    let client = persistent(&fixture, KEY).build().await.expect("a client");
    assert_eq!(client.clear_cache().await.expect("cleared").entries, 1);
}

#[tokio::test]
async fn clients_with_ephemeral_keys_share_nothing_and_leave_nothing() {
    let fixture = Fixture::new();
    let first = fixture.client().await;
    put(&first, "app/v1.zip", 1).await;
    let second = fixture.client().await;
    assert_eq!(put(&second, "app/v2.zip", 2).await.reference, ReferenceUse::Fetched);
    assert_eq!(fixture.cached().len(), 2);
    let clone = second.clone();
    drop((first, second));
    assert_eq!(fixture.cached().len(), 1, "the clone still holds its own");
    drop(clone);
    assert_eq!(fixture.cached(), Vec::<String>::new());
}

#[tokio::test]
async fn a_panic_leaves_nothing_either() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    put(&client, "app/v1.zip", 1).await;
    assert_eq!(fixture.cached().len(), 1);
    let task = tokio::spawn(async move {
        let _client = client;
        panic!("as planned");
    });
    assert!(task.await.expect_err("panicked").is_panic());
    assert_eq!(fixture.cached(), Vec::<String>::new());
}

#[tokio::test]
async fn nothing_is_opened_before_it_is_needed() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    put(&client, "a.txt", 1).await;
    client.clear_cache().await.expect("cleared");
    assert_eq!(client.cache_stats().await.expect("stats").limit, 10 << 30);
    client.list_objects_v2().bucket(BUCKET).send().await.expect("listed");
    assert_eq!(fixture.cached(), Vec::<String>::new());
}

#[tokio::test]
async fn closing_ends_the_cache_for_all_clones() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    put(&client, "app/v1.zip", 1).await;
    put(&client, "app/v2.zip", 2).await;
    client.clone().close().await.expect("closed");
    assert_eq!(fixture.cached(), Vec::<String>::new());
    let put = client.put_object().bucket(BUCKET).key("app/v3.zip").body(archive(3));
    assert_eq!(put.send().await.expect_err("closed").kind(), ErrorKind::Config);
    client.close().await.expect("closed again");
    let unused = fixture.client().await;
    unused.close().await.expect("closed");
    assert!(unused.clear_cache().await.is_err());
}

#[tokio::test]
async fn a_directory_that_others_may_write_is_refused_before_anything_is_stored() {
    let fixture = Fixture::new();
    let client = persistent(&fixture, KEY).build().await.expect("a client");
    std::fs::set_permissions(fixture.cache_directory(), std::fs::Permissions::from_mode(0o777)).expect("set");
    let put = client.put_object().bucket(BUCKET).key("app/v1.zip").body(archive(1)).send();
    let error = put.await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains(&*fixture.cache_directory().to_string_lossy()), "{error}");
    assert_eq!(fixture.store.counts().put, 0);
}

#[tokio::test]
async fn a_cache_in_memory_writes_no_file() {
    let fixture = Fixture::new();
    let client = fixture.builder().cache_backend(CacheBackend::Memory).build().await.expect("a client");
    put(&client, "app/v1.zip", 1).await;
    assert_eq!(put(&client, "app/v2.zip", 2).await.reference, ReferenceUse::Cached);
    let stats = client.cache_stats().await.expect("stats");
    assert_eq!((stats.backend, stats.entries, stats.limit, stats.hits), ("memory", 1, 100 << 20, 1));
    assert_eq!(fixture.cached(), Vec::<String>::new());
}

#[tokio::test]
async fn a_reference_over_the_budget_is_fetched_each_time() {
    let fixture = Fixture::new();
    let builder = fixture.builder().cache_backend(CacheBackend::Memory).cache_memory_size(30_000);
    let client = builder.build().await.expect("a client");
    put(&client, "app/v1.zip", 1).await;
    assert_eq!(put(&client, "app/v2.zip", 2).await.reference, ReferenceUse::Fetched);
    assert_eq!(get(&client, "app/v2.zip").await, archive(2));
    assert!(client.cache_stats().await.expect("stats").bypasses > 0);
}

#[tokio::test]
async fn one_reference_is_evicted_by_its_prefix() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    for prefix in ["app/", "app/x/", ""] {
        let archive: Vec<u8> = archive(1).into_iter().map(|byte| byte ^ prefix.len() as u8).collect();
        client.put_object().bucket(BUCKET).key(format!("{prefix}v1.zip")).body(archive).send().await.expect("put");
    }
    assert_eq!(client.cache_stats().await.expect("stats").entries, 3);
    assert!(client.evict_cache(BUCKET, "app").await.expect("evicted"));
    assert!(!client.evict_cache(BUCKET, "app/").await.expect("gone already"));
    assert!(client.evict_cache(BUCKET, "").await.expect("evicted"));
    assert!(!client.evict_cache(BUCKET, "nothing").await.expect("nothing there"));
    assert_eq!(client.cache_stats().await.expect("stats").entries, 1);
}

#[tokio::test]
async fn the_directory_of_a_cache_is_made_and_is_its_owners_alone() {
    let fixture = Fixture::new();
    let directory = fixture.directory.path().join("not/there/yet");
    let mut config = persistent(&fixture, KEY).into_config();
    config.cache.directory = Some(directory.clone());
    let client = deltaglider::Client::from_config(config).await.expect("a client");
    assert!(!directory.exists());
    put(&client, "app/v1.zip", 1).await;
    assert_eq!(std::fs::metadata(&directory).expect("there").permissions().mode() & 0o777, 0o700);
    client.close().await.expect("closed");
    assert!(directory.exists());
}
