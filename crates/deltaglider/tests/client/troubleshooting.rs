//! What users ask for help with, each situation brought about: see "Troubleshooting" in `docs/CACHE_MANAGEMENT.md`.

use std::io::{self, Write};
use std::sync::{Mutex, Once, PoisonError};

use deltaglider::core::cache::PrunePolicy;
use deltaglider::core::engine::ReferenceUse;
use deltaglider::{Client, Error};

use crate::fixture::{BUCKET, Fixture, KEY, OTHER_KEY, archive, get, persistent, put};

/// Puts the first archive of a prefix, which becomes a reference of its own.
async fn put_reference(client: &Client, number: u8) -> Result<(), Error> {
    let content: Vec<u8> = archive(1).into_iter().map(|byte| byte ^ number).collect();
    client.put_object().bucket(BUCKET).key(format!("{number}/v1.zip")).body(content).send().await.map(drop)
}

#[tokio::test]
async fn a_cache_that_is_too_large_keeps_its_budget_and_can_be_made_smaller() {
    let fixture = Fixture::new();
    let budget = 200_000;
    let client = fixture.builder().cache_size(budget).build().await.expect("a client");
    for number in 0..20 {
        put_reference(&client, number).await.expect("put");
        let stats = client.cache_stats().await.expect("stats");
        assert!(stats.bytes <= budget, "{stats:?}");
    }
    let stats = client.cache_stats().await.expect("stats");
    assert!(stats.evicted_for_budget >= 17 && stats.entries > 0, "{stats:?}");

    let smaller = PrunePolicy { max_bytes: Some(stats.bytes - 1), max_idle: None };
    assert_eq!(client.prune_cache(&smaller).await.expect("pruned").entries, 1);
    assert_eq!(client.clear_cache().await.expect("cleared").entries, stats.entries - 1);
    assert_eq!(client.cache_stats().await.expect("stats").bytes, 0);
}

#[tokio::test]
async fn a_full_disk_costs_requests_and_nothing_else() {
    let fixture = Fixture::new();
    let mut config = fixture.builder().into_config();
    // More than any disk has is to stay free.
    config.cache.min_free = Some(1 << 60);
    let client = Client::from_config(config).await.expect("a client");
    put(&client, "app/v1.zip", 1).await;
    assert_eq!(put(&client, "app/v2.zip", 2).await.reference, ReferenceUse::Fetched);
    assert_eq!(get(&client, "app/v2.zip").await, archive(2));
    let stats = client.cache_stats().await.expect("stats");
    assert!(stats.bypasses >= 2 && stats.entries == 0, "{stats:?}");
}

#[tokio::test]
async fn after_a_rotation_without_the_old_key_entries_are_missed_and_not_harmed() {
    let fixture = Fixture::new();
    put(&persistent(&fixture, KEY, None).build().await.expect("a client"), "app/v1.zip", 1).await;
    let client = persistent(&fixture, OTHER_KEY, None).build().await.expect("a client");
    assert_eq!(put(&client, "app/v2.zip", 2).await.reference, ReferenceUse::Fetched);
    assert_eq!(get(&client, "app/v1.zip").await, archive(1));
    let stats = client.cache_stats().await.expect("stats");
    assert_eq!((stats.entries_by_key.len(), stats.corruptions), (2, 0));
    assert!(stats.unknown_keys > 0, "{stats:?}");

    // With the old key beside the new one, nothing is missed.
    let client = persistent(&fixture, OTHER_KEY, Some(KEY)).build().await.expect("a client");
    assert_eq!(client.rewrap_cache().await.expect("rewrapped").unknown, 0);
}

#[tokio::test]
async fn a_damaged_entry_is_told_as_decryption_failed_and_fetched_again() {
    static BEGIN: Once = Once::new();
    BEGIN.call_once(|| tracing_subscriber::fmt().with_ansi(false).with_writer(|| Log).init());
    let fixture = Fixture::new();
    let client = persistent(&fixture, KEY, None).build().await.expect("a client");
    put(&client, "app/v1.zip", 1).await;
    let bodies = std::fs::read_dir(fixture.cache_directory().join("v1/bodies")).expect("listed");
    for body in bodies {
        let path = body.expect("an entry").path();
        let mut content = std::fs::read(&path).expect("read");
        content[30_000] ^= 1;
        std::fs::write(&path, content).expect("written");
    }
    assert_eq!(put(&client, "app/v2.zip", 2).await.kind, "delta");
    assert_eq!((get(&client, "app/v2.zip").await, fixture.reference_gets()), (archive(2), 1));
    let stats = client.cache_stats().await.expect("stats");
    assert_eq!((stats.corruptions, stats.entries), (1, 1));
    let digest = deltaglider::core::Sha256::of(&archive(1)).to_string();
    let log = LOG.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let log = String::from_utf8(log).expect("text");
    assert!(log.lines().any(|line| line.contains("decryption failed") && line.contains(&digest)), "{log}");
}

#[tokio::test]
async fn tests_do_not_see_each_others_cache_even_in_one_directory() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.client().await, fixture.client().await);
    put(&one, "app/v1.zip", 1).await;
    assert_eq!(put(&one, "app/v2.zip", 2).await.reference, ReferenceUse::Cached);
    assert_eq!(put(&other, "app/v3.zip", 3).await.reference, ReferenceUse::Fetched);
    one.clear_cache().await.expect("cleared");
    assert_eq!(put(&other, "app/v4.zip", 4).await.reference, ReferenceUse::Cached);
    let entries = |stats: deltaglider::core::cache::CacheStats| (stats.entries, stats.path.expect("a path"));
    let (one, other) = (one.cache_stats().await.expect("stats"), other.cache_stats().await.expect("stats"));
    let ((cleared, at), (kept, elsewhere)) = (entries(one), entries(other));
    assert_eq!((cleared, kept), (0, 1));
    assert_ne!(at, elsewhere);
}

/// What all tests of this process log.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
