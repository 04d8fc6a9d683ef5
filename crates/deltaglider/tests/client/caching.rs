//! The cache of a client: what it saves, who shares it, and what is left of it.

use std::os::unix::fs::PermissionsExt;

use deltaglider::ErrorKind;
use deltaglider::config::CacheBackend;
use deltaglider::core::engine::ReferenceUse;

use crate::fixture::{BUCKET, Fixture, KEY, OTHER_KEY, archive, get, persistent, put};

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

#[tokio::test(flavor = "multi_thread")]
async fn readers_and_writers_that_are_short_of_memory_do_not_wait_for_each_other() {
    let fixture = Fixture::new();
    let first = fixture.client().await;
    for version in 0..2 {
        put(&first, &format!("app/v{version}.zip"), version).await;
    }
    // Enough for one codec run at a time.
    let client = fixture.builder().memory(200 << 20).build().await.expect("a client");
    let rounds = async {
        for round in 0..4 {
            client.clear_cache().await.expect("cleared");
            let tasks: Vec<_> = (0..12)
                .map(|task| {
                    let client = client.clone();
                    tokio::spawn(async move {
                        if task % 2 == 0 {
                            put(&client, &format!("app/w{round}-{task}.zip"), task).await;
                        } else {
                            assert_eq!(get(&client, "app/v1.zip").await, archive(1));
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.expect("done");
            }
        }
    };
    // Whoever waits for a fetch that makes no progress gives up after 30 seconds.
    tokio::time::timeout(std::time::Duration::from_secs(25), rounds).await.expect("nobody waits in vain");
}

#[tokio::test]
async fn clients_with_one_persistent_key_share_the_cache() {
    let fixture = Fixture::new();
    let first = persistent(&fixture, KEY, None).build().await.expect("a client");
    put(&first, "app/v1.zip", 1).await;
    put(&first, "app/v2.zip", 2).await;
    let second = persistent(&fixture, KEY, None).build().await.expect("a client");
    assert_eq!(put(&second, "app/v3.zip", 3).await.reference, ReferenceUse::Cached);
    assert_eq!(get(&second, "app/v2.zip").await, archive(2));
    assert_eq!(fixture.reference_gets(), 0);
    let stats = second.cache_stats().await.expect("stats");
    assert_eq!((stats.hits, stats.misses), (2, 0));

    // What another key sealed is not read, and not harmed.
    let stranger = persistent(&fixture, OTHER_KEY, None).build().await.expect("a client");
    assert_eq!(put(&stranger, "app/v4.zip", 4).await.reference, ReferenceUse::Fetched);
    drop((first, second, stranger));
    let later = persistent(&fixture, KEY, None).build().await.expect("a client");
    assert_eq!(put(&later, "app/v5.zip", 5).await.reference, ReferenceUse::Cached);
    assert_eq!(later.clear_cache().await.expect("cleared").entries, 2);
}

#[tokio::test]
async fn a_cache_that_is_kept_is_cleared_without_having_been_used() {
    let fixture = Fixture::new();
    put(&persistent(&fixture, KEY, None).build().await.expect("a client"), "app/v1.zip", 1).await;
    let client = persistent(&fixture, KEY, None).build().await.expect("a client");
    assert_eq!(client.cache_stats().await.expect("stats").entries, 1);
    let client = persistent(&fixture, KEY, None).build().await.expect("a client");
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
    let client = persistent(&fixture, KEY, None).build().await.expect("a client");
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
    let mut config = persistent(&fixture, KEY, None).into_config();
    config.cache.directory = Some(directory.clone());
    let client = deltaglider::Client::from_config(config).await.expect("a client");
    assert!(!directory.exists());
    put(&client, "app/v1.zip", 1).await;
    assert_eq!(std::fs::metadata(&directory).expect("there").permissions().mode() & 0o777, 0o700);
    client.close().await.expect("closed");
    assert!(directory.exists());
}
