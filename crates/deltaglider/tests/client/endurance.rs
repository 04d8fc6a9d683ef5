//! What has to hold for as long as an application runs: clears under load, and no need of them.
//!
//! Each test runs for `DG_TEST_SECONDS`, a short time unless that is set, and prints its figures.
#![allow(clippy::print_stdout, reason = "the figures of a long run are what it is for")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use deltaglider::config::CacheBackend;
use deltaglider::core::engine::ReferenceUse;
use deltaglider::{Client, ClientBuilder};

use crate::fixture::{Fixture, KEY, archive, get, persistent, put};

const TASKS: u64 = 16;
const SPACES: u64 = 4;

/// Operations a second that sixteen tasks have done at least, while the cache is cleared all the time: 125 to 310 were measured, without
/// the optimiser's help, on two cores with others' work beside.
const RATE: f64 = 20.0;
/// Puts a second that one task has done at least; 116 to 217 were measured.
const PUT_RATE: f64 = 10.0;

/// Fails where less was done than by any build that works. A wait for something that never comes shows in nothing else.
fn keeps_up(what: &str, done: u64, took: Duration, least: f64) {
    let rate = done as f64 / took.as_secs_f64();
    println!("{what}: {rate:.1} a second");
    assert!(rate >= least, "{what}: {done} in {took:?}, which is {rate:.1} a second and not {least}");
}

fn seconds() -> Duration {
    let asked = std::env::var("DG_TEST_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(asked.unwrap_or(2))
}

#[derive(Default)]
struct Load {
    operations: AtomicU64,
    hits: AtomicU64,
    over: AtomicBool,
}

/// One of those who put and get: under a name of its own, beside others in its delta space.
async fn work(client: Client, load: Arc<Load>, task: u64) {
    let key = format!("space-{}/task-{task}.zip", task % SPACES);
    for version in (1000 * task).. {
        if load.over.load(Relaxed) {
            return;
        }
        let report = put(&client, &key, version).await;
        load.hits.fetch_add(u64::from(report.reference == ReferenceUse::Cached), Relaxed);
        assert!(get(&client, &key).await == archive(version), "wrong bytes: {key} {version}");
        load.operations.fetch_add(2, Relaxed);
    }
}

/// Sixteen tasks put and get while the cache is cleared every 10 ms: none of them fails, and no byte is wrong.
async fn clears_under_load(builder: ClientBuilder, what: &str) {
    let client = builder.build().await.expect("a client");
    let load = Arc::new(Load::default());
    let tasks: Vec<_> = (0..TASKS).map(|task| tokio::spawn(work(client.clone(), Arc::clone(&load), task))).collect();
    let began = Instant::now();
    let mut every = tokio::time::interval(Duration::from_millis(10));
    let mut clears = 0;
    while began.elapsed() < seconds() {
        every.tick().await;
        assert_eq!(client.clear_cache().await.expect("cleared").failed, 0, "{what}");
        clears += 1;
    }
    load.over.store(true, Relaxed);
    for task in tasks {
        task.await.expect("no operation failed, no byte was wrong");
    }
    keeps_up(what, load.operations.load(Relaxed), began.elapsed(), RATE);
    let (operations, hits) = (load.operations.load(Relaxed), load.hits.load(Relaxed));
    let stats = client.cache_stats().await.expect("stats");
    println!("{what}: {operations} operations, {hits} puts with a hit, {clears} clears; {stats:?}");
    assert!(clears > 1 && hits > 0, "{what}: {clears} {hits}");
    assert_eq!((stats.corruptions, stats.unknown_keys), (0, 0), "{what}");

    // One fetch after a clear, then none.
    client.clear_cache().await.expect("cleared");
    assert_eq!(client.cache_stats().await.expect("stats").entries, 0, "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clears_under_load_on_disk_with_an_ephemeral_key() {
    let fixture = Fixture::new();
    clears_under_load(fixture.builder(), "on disk, ephemeral").await;
    assert_eq!(fixture.cached(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clears_under_load_on_disk_with_a_persistent_key() {
    let fixture = Fixture::new();
    clears_under_load(persistent(&fixture, KEY, None), "on disk, persistent").await;
    let left = fixture.files();
    assert!(left.iter().all(|path| path.iter().any(|part| part == "locks")), "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clears_under_load_in_memory() {
    let fixture = Fixture::new();
    clears_under_load(fixture.builder().cache_backend(CacheBackend::Memory), "in memory").await;
    assert_eq!(fixture.cached(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_clear_the_next_use_fetches_once_then_none_does() {
    for memory in [false, true] {
        let fixture = Fixture::new();
        let backend = if memory { CacheBackend::Memory } else { CacheBackend::Filesystem };
        let client = fixture.builder().cache_backend(backend).build().await.expect("a client");
        put(&client, "app/v1.zip", 1).await;
        for round in 2..6 {
            client.clear_cache().await.expect("cleared");
            fixture.store.reset();
            assert_eq!(put(&client, "app/v2.zip", round).await.reference, ReferenceUse::Fetched);
            for _ in 0..3 {
                assert_eq!(put(&client, "app/v3.zip", round).await.reference, ReferenceUse::Cached);
                assert_eq!(get(&client, "app/v2.zip").await, archive(round));
            }
            assert_eq!(fixture.reference_gets(), 1);
        }
    }
}

/// A cache is never in need of a clear: however much is put to one delta space, it holds one copy of one reference.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn puts_to_one_delta_space_leave_one_cached_copy() {
    const LEAST: u64 = 500;
    for kept in [false, true] {
        let fixture = Fixture::new();
        put(&fixture.client().await, "app/first.zip", 0).await;
        let builder = if kept { persistent(&fixture, KEY, None) } else { fixture.builder() };
        let client = builder.build().await.expect("a client");
        fixture.store.reset();
        let (began, mut puts, mut hits) = (Instant::now(), 0, 0);
        while puts < LEAST || began.elapsed() < seconds() {
            puts += 1;
            let report = put(&client, &format!("app/v{}.zip", puts % 100), puts).await;
            hits += u64::from(report.reference == ReferenceUse::Cached);
        }
        println!("{puts} puts, {hits} hits");
        keeps_up("puts to one delta space", puts, began.elapsed(), PUT_RATE);
        assert_eq!((hits, fixture.reference_gets()), (puts - 1, 1), "one fetch in all");
        let stats = client.cache_stats().await.expect("stats");
        assert_eq!((stats.entries, stats.hits, stats.misses), (1, puts - 1, 1));
        let files = |room: &str| fixture.files().iter().filter(|path| path.iter().any(|part| part == room)).count();
        assert_eq!((files("headers"), files("bodies")), (1, 1));
        assert!(stats.bytes < 80_000, "{}", stats.bytes);
    }
}
