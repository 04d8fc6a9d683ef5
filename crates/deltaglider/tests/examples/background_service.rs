//! The background service: flat memory and disk without any clear, and with one every two hours.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use deltaglider::core::store::Operation;
use deltaglider::core::store::memory::MemoryStore;
use deltaglider::{Client, MaintenancePolicy};
use deltaglider_testkit::CountingStore;

use crate::program::{BUCKET, World, archive};
use crate::seconds;

#[path = "../../examples/background_service.rs"]
#[allow(dead_code, reason = "its `main` runs in a child process")]
mod example;

/// 1000 in the long run.
fn uploads() -> u64 {
    (50 * seconds()).min(1000)
}

/// Puts the next version in the place of a file, whole.
fn change(file: &Path, size: usize, version: u64) {
    let next = file.with_extension("next");
    std::fs::write(&next, archive(size, version)).unwrap();
    std::fs::rename(next, file).unwrap();
}

/// Within 5 %.
fn is_flat(before: u64, after: u64) -> bool {
    before.abs_diff(after) * 20 <= before
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_and_disk_stay_flat_without_a_clear() {
    let world = World::new().await;
    let file = world.path("state.tar");
    change(&file, 1 << 20, 0);
    let prefix = format!("s3://{BUCKET}/state/");
    let uploads = uploads();
    let arguments = [file.to_str().unwrap(), &prefix, "0.001"];
    // As the guide tells services: otherwise memory rises by an arena when another thread comes to encode, sooner or later.
    let mut service = world.start("background_service", &arguments, &[("MALLOC_ARENA_MAX", "1")]);
    let mut taken = Vec::new();
    for upload in 0..uploads {
        let line = service.line();
        change(&file, 1 << 20, upload + 1);
        assert!(line.starts_with(&format!("uploaded s3://{BUCKET}/state/{upload:06}.tar")), "{line}");
        if upload == uploads / 2 || upload == uploads - 1 {
            taken.push((service.memory("VmRSS"), world.cache_bytes()));
        }
    }
    println!("after {} and {uploads} uploads, memory and cache: {taken:?}", uploads / 2);
    // Of 50 uploads some are still the first of their kind, and the process grows by what they need once. What is kept of each of
    // them shows all the same: it is a mebibyte.
    let leaks = taken[1].0 > taken[0].0 + ((uploads - uploads / 2) << 18);
    assert!(!leaks && (uploads < 1000 || is_flat(taken[0].0, taken[1].0)), "{taken:?}");
    assert!(is_flat(taken[0].1, taken[1].1), "{taken:?}");
    assert!(taken[1].1 > 1 << 20, "the reference is cached: {taken:?}");
    assert_eq!(world.reference_gets(), 0);

    service.terminate();
    let (code, out, errors) = service.end();
    assert_eq!(code, Some(0), "{errors}");
    assert!(out.lines().last().unwrap().starts_with("ended in order after"), "{out}");
    assert!(world.cached().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_clear_every_two_hours_costs_one_reference_each() {
    let (directory, memory) = (tempfile::tempdir().unwrap(), MemoryStore::with_bucket(BUCKET));
    let store = CountingStore::new(Arc::new(memory.clone()));
    let builder = Client::builder().store(Arc::new(store.clone()), Arc::new(memory));
    let client = builder.cache_directory(directory.path()).build().await.unwrap();
    let file = directory.path().join("state.tar");
    let minute = Duration::from_secs(60);
    let every = 1000 * minute / u32::try_from(uploads()).unwrap();
    change(&file, 64 << 10, 0);
    let changing = tokio::spawn({
        let file = file.clone();
        // Between two uploads, so that each finds another content.
        async move {
            tokio::time::sleep(every / 2).await;
            for version in 1.. {
                change(&file, 64 << 10, version);
                tokio::time::sleep(every).await;
            }
        }
    });
    let backup = example::Backup { file, prefix: format!("s3://{BUCKET}/state/"), every };
    let mut policy = MaintenancePolicy::default();
    policy.clear_every = Some(120 * minute);
    // How full this machine is must not matter here.
    (policy.max_disk, policy.max_memory) = (None, None);

    let stop = tokio::time::sleep(1000 * minute - every / 2);
    assert_eq!(example::run(&client, &backup, policy, stop).await.unwrap(), uploads());
    changing.abort();
    let is_fetch = |request: &&deltaglider_testkit::Request| {
        request.operation == Operation::Get && request.at.name() == "reference.bin"
    };
    assert_eq!(store.requests().iter().filter(is_fetch).count(), 8);
    let stats = client.cache_stats().await.unwrap();
    assert_eq!((stats.entries, stats.hits + stats.misses), (1, uploads() - 1));
    assert_eq!(stats.misses, 8);
}
