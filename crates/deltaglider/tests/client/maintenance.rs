//! The maintenance task: what it does, when, and when it ends. Disk and memory are injected, and time is paused.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deltaglider::config::CacheBackend;
use deltaglider::core::cache::Freed;
use deltaglider::core::engine::ReferenceUse;
use deltaglider::maintenance::{Fill, MaintenanceReport, Readings, Reason, Volume};
use deltaglider::{Client, Maintenance, MaintenancePolicy};
use tokio::time::Instant;

use crate::fixture::{BUCKET, Fixture, KEY, OTHER_KEY, archive, persistent, put};

const MINUTE: Duration = Duration::from_secs(60);
const FULL: Fill = Fill { size: 1_000_000, used: 900_000 };

/// What disk and memory are said to be.
#[derive(Clone, Default)]
struct Injected(Arc<Mutex<(Option<Volume>, Option<Fill>)>>);

impl Injected {
    fn full() -> Self {
        let readings = Self::default();
        *readings.0.lock().expect("unpoisoned") = (Some(Volume { fill: FULL, in_memory: false }), Some(FULL));
        readings
    }
}

impl Readings for Injected {
    fn disk(&self, directory: &Path) -> Option<Volume> {
        assert!(directory.is_dir());
        self.0.lock().expect("unpoisoned").0
    }

    fn memory(&self) -> Option<Fill> {
        self.0.lock().expect("unpoisoned").1
    }
}

/// Puts the first archives of so many prefixes, each of which is a reference of its own, of 60 kB.
async fn fill(client: &Client, references: u8) {
    for number in 1..=references {
        let content: Vec<u8> = archive(1).into_iter().map(|byte| byte ^ number).collect();
        client.put_object().bucket(BUCKET).key(format!("{number}/v1.zip")).body(content).send().await.expect("put");
    }
}

async fn next(maintenance: &mut Maintenance) -> MaintenanceReport {
    let report = maintenance.next_report().await.expect("it runs");
    assert_eq!(report.error, None);
    report
}

async fn entries(client: &Client) -> u64 {
    client.cache_stats().await.expect("stats").entries
}

#[tokio::test(start_paused = true)]
async fn it_looks_at_once_and_then_every_quarter_of_an_hour() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    fill(&client, 1).await;
    let start = Instant::now();
    let mut maintenance = client.spawn_maintenance_with(MaintenancePolicy::default(), Injected::default());
    assert_eq!(maintenance.last_report(), None);
    for look in 1..=5 {
        let report = next(&mut maintenance).await;
        assert_eq!((report.look, report.freed), (look, Freed::default()));
        assert_eq!(maintenance.last_report(), Some(report));
        assert_eq!(start.elapsed().as_secs() / 60, (look - 1) * 15);
    }
    assert_eq!(entries(&client).await, 1);
}

#[tokio::test(start_paused = true)]
async fn it_clears_every_two_hours_where_it_is_told_to() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    let mut policy = MaintenancePolicy::default();
    policy.clear_every = Some(120 * MINUTE);
    let start = Instant::now();
    let mut maintenance = client.spawn_maintenance_with(policy, Injected::default());
    let (mut cleared, mut version) = (Vec::new(), 0);
    while start.elapsed() < 10 * 60 * MINUTE {
        let report = next(&mut maintenance).await;
        if report.reasons == [Reason::Interval] {
            assert_eq!(report.freed.entries, 1);
            cleared.push(start.elapsed().as_secs() / 60);
        }
        version += 1;
        put(&client, &format!("app/v{version}.zip"), version).await;
    }
    assert_eq!(cleared, [120, 240, 360, 480, 600]);
    assert_eq!(fixture.reference_gets(), 5, "one for each clear");
}

#[tokio::test(start_paused = true)]
async fn an_interval_shorter_than_that_of_the_looks_is_kept_as_well() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    let mut policy = MaintenancePolicy::default();
    policy.clear_every = Some(10 * MINUTE);
    let start = Instant::now();
    let mut maintenance = client.spawn_maintenance_with(policy, Injected::default());
    assert_eq!(next(&mut maintenance).await.reasons, []);
    for clear in 1..=6 {
        assert_eq!(next(&mut maintenance).await.reasons, [Reason::Interval]);
        assert_eq!(start.elapsed().as_secs() / 60, clear * 10);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cache_over_its_size_is_pruned_and_the_most_recent_stay() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    fill(&client, 5).await;
    let mut policy = MaintenancePolicy::default();
    let bytes = client.cache_stats().await.expect("stats").bytes;
    policy.max_bytes = Some(bytes / 2);
    let mut maintenance = client.spawn_maintenance_with(policy, Injected::default());
    let report = next(&mut maintenance).await;
    assert_eq!((report.reasons, report.freed.entries), (vec![Reason::Size], 3));
    let stats = client.cache_stats().await.expect("stats");
    assert!(stats.bytes <= bytes / 2 && stats.entries == 2, "{stats:?}");
    assert_eq!(next(&mut maintenance).await.reasons, []);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_relieved_by_what_is_too_much() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    fill(&client, 5).await;
    // 100 kB are too much: two entries of 60 kB.
    let readings = Injected::full();
    let mut maintenance = client.spawn_maintenance_with(MaintenancePolicy::default(), readings.clone());
    let report = next(&mut maintenance).await;
    assert_eq!((report.reasons, report.freed.entries), (vec![Reason::Disk], 2));
    readings.0.lock().expect("unpoisoned").0 = None;
    assert_eq!(next(&mut maintenance).await.reasons, [], "full memory does not touch what lies on disk");
    assert_eq!(entries(&client).await, 3);
}

#[tokio::test(start_paused = true)]
async fn full_memory_is_relieved_of_a_cache_in_memory() {
    let fixture = Fixture::new();
    let client = fixture.builder().cache_backend(CacheBackend::Memory).build().await.expect("a client");
    fill(&client, 5).await;
    let mut maintenance = client.spawn_maintenance_with(MaintenancePolicy::default(), Injected::full());
    let report = next(&mut maintenance).await;
    assert_eq!((report.reasons, report.freed.entries), (vec![Reason::Memory], 2));
    assert_eq!(entries(&client).await, 3);
}

#[tokio::test(start_paused = true)]
async fn entries_follow_a_rotation_of_the_key() {
    let fixture = Fixture::new();
    fill(&persistent(&fixture, KEY, None).build().await.expect("a client"), 2).await;
    let client = persistent(&fixture, OTHER_KEY, Some(KEY)).build().await.expect("a client");
    let mut maintenance = client.spawn_maintenance_with(MaintenancePolicy::default(), Injected::default());
    let report = next(&mut maintenance).await;
    assert_eq!((report.rewrapped.rewrapped, report.rewrapped.failed), (2, 0));
    let stats = client.cache_stats().await.expect("stats");
    assert_eq!(stats.entries_by_key, [(stats.key_id.expect("a key"), 2)]);
    assert_eq!(next(&mut maintenance).await.rewrapped.current, 2);

    // The old key is not needed any more.
    let client = persistent(&fixture, OTHER_KEY, None).build().await.expect("a client");
    let content: Vec<u8> = archive(2).into_iter().map(|byte| byte ^ 1).collect();
    let put = client.put_object().bucket(BUCKET).key("1/v2.zip").body(content).send().await.expect("put");
    assert_eq!((put.reference, fixture.reference_gets()), (ReferenceUse::Cached, 0));
}

#[tokio::test(start_paused = true)]
async fn it_keeps_no_client_alive() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    fill(&client, 1).await;
    let mut maintenance = client.spawn_maintenance_with(MaintenancePolicy::default(), Injected::default());
    next(&mut maintenance).await;
    assert_eq!(fixture.cached().len(), 1);
    drop(client);
    assert_eq!(fixture.cached(), Vec::<String>::new());
    assert_eq!(maintenance.next_report().await, None, "it has ended");
}

#[tokio::test(start_paused = true)]
async fn it_ends_with_its_handle_and_when_the_client_is_closed() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    fill(&client, 1).await;
    let readings = Injected::default();
    let running = || Arc::strong_count(&readings.0) > 1;
    let maintenance = client.spawn_maintenance_with(MaintenancePolicy::default(), readings.clone());
    maintenance.stop().await;
    assert!(!running());

    drop(client.spawn_maintenance_with(MaintenancePolicy::default(), readings.clone()));
    while running() {
        tokio::task::yield_now().await;
    }

    let mut maintenance = client.spawn_maintenance_with(MaintenancePolicy::default(), readings.clone());
    next(&mut maintenance).await;
    client.close().await.expect("closed");
    assert_eq!(maintenance.next_report().await, None);
    assert!(!running());
}

#[tokio::test(start_paused = true)]
async fn an_unused_cache_is_not_opened_for_it() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    let mut maintenance = client.spawn_maintenance_with(MaintenancePolicy::default(), Injected::full());
    assert_eq!(next(&mut maintenance).await.reasons, []);
    assert_eq!(fixture.cached(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn trouble_is_reported_and_the_next_look_tries_again() {
    let fixture = Fixture::new();
    let client = persistent(&fixture, KEY, None).build().await.expect("a client");
    let allow = |mode| {
        std::fs::set_permissions(fixture.cache_directory(), std::fs::Permissions::from_mode(mode)).expect("set");
    };
    allow(0o777);
    let mut maintenance = client.spawn_maintenance_with(MaintenancePolicy::default(), Injected::default());
    let error = maintenance.next_report().await.expect("it runs").error.expect("an error");
    assert!(error.contains("cannot be used"), "{error}");
    allow(0o700);
    assert_eq!(next(&mut maintenance).await.look, 2);
}
