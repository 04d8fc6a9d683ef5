//! Small and full disks: the budget, the floor of free space and the time-to-live hold by themselves, and no operation fails.
//!
//! The disks are mounted in memory, which takes root; without, the test says so and does nothing.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stderr, reason = "a test that cannot be made has to say so")]

#[path = "support/engine.rs"]
mod engine;
#[path = "support/keys.rs"]
mod support;

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use deltaglider_cache::{FilesystemCache, FilesystemConfig};
use deltaglider_core::cache::{CacheStats, ReferenceCache};
use deltaglider_core::engine::ReferenceUse;
use deltaglider_core::keys::Lifetime;
use engine::Bench;
use support::{TestKeys, all_files};

const MIB: u64 = 1 << 20;

/// A disk of so many MiB; unmounted when it is dropped.
struct Disk {
    place: tempfile::TempDir,
}

impl Disk {
    /// `None` where it cannot be mounted.
    fn mount(mib: u64) -> Option<Self> {
        let place = tempfile::tempdir().expect("a directory");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mib}m,mode=0700"), "tmpfs"]).arg(place.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!("SKIPPED: a disk of {mib} MiB cannot be mounted here; run this test as root");
        }
        mounted.then_some(Self { place })
    }

    fn path(&self) -> &Path {
        self.place.path()
    }

    fn cache(&self) -> PathBuf {
        self.path().join("cache")
    }

    /// Bytes that may still be written.
    fn free(&self) -> u64 {
        let output = Command::new("stat").args(["-f", "-c", "%a %S"]).arg(self.path()).output().expect("stat runs");
        let text = String::from_utf8(output.stdout).expect("text");
        text.split_whitespace().map(|number| number.parse::<u64>().expect("a number")).product()
    }

    /// Takes all that is left but so many bytes.
    fn fill(&self, but: u64) {
        let mut file = fs::File::create(self.path().join("somebody-elses")).expect("made");
        let block = vec![7; MIB as usize];
        let mut left = self.free().saturating_sub(but);
        while left > 0 {
            let portion = left.min(MIB) as usize;
            if file.write_all(&block[..portion]).is_err() {
                return;
            }
            left -= portion as u64;
        }
    }

    async fn open(&self, change: impl FnOnce(&mut FilesystemConfig)) -> Arc<FilesystemCache> {
        let mut config = FilesystemConfig::new(self.cache());
        change(&mut config);
        Arc::new(FilesystemCache::open(config, TestKeys::new(1, Lifetime::Persistent)).await.expect("opened"))
    }

    /// Bytes that the cache's files take.
    fn taken(&self) -> u64 {
        all_files(&self.cache()).iter().filter_map(|path| fs::metadata(path).ok()).map(|file| file.blocks() * 512).sum()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).status();
    }
}

/// Puts and gets in more delta spaces than the cache can hold; looks at the disk after each operation.
async fn work(bench: &Bench, cache: &Arc<FilesystemCache>, look: impl Fn(&CacheStats)) {
    let engine = bench.engine(Arc::clone(cache) as _);
    for space in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        for version in 0..2 {
            bench.put(&engine, space, version).await.expect("no put fails");
            look(&cache.stats());
            bench.get(&engine, space, version).await.expect("no get fails");
            look(&cache.stats());
        }
    }
}

#[tokio::test]
async fn the_floor_of_free_space_holds_and_nothing_fails() {
    for mib in [16, 64] {
        let Some(disk) = Disk::mount(mib) else { return };
        let cache = disk.open(|_| {}).await;
        let bench = Bench::new((mib * MIB / 5) as usize);
        let floor = mib * MIB / 20;
        work(&bench, &cache, |_| assert!(disk.free() >= floor, "{} of {mib} MiB are free", disk.free())).await;
        let stats = cache.stats();
        assert!(stats.evicted_for_space > 0 && stats.entries > 0 && stats.hits > 0, "{stats:?}");
        assert_eq!(stats.bytes, disk.taken());

        // Where the user asks for more to be left.
        let cache = disk.open(|config| config.min_free = Some(mib * MIB / 2)).await;
        work(&bench, &cache, |_| {}).await;
        assert!(disk.free() >= mib * MIB / 2, "{} of {mib} MiB are free", disk.free());
    }
}

#[tokio::test]
async fn the_budget_holds() {
    for mib in [16, 64] {
        let Some(disk) = Disk::mount(mib) else { return };
        let budget = mib * MIB / 2;
        let cache = disk.open(|config| config.max_bytes = budget).await;
        let bench = Bench::new((mib * MIB / 8) as usize);
        work(&bench, &cache, |stats| assert!(stats.bytes <= budget && disk.taken() <= budget, "{stats:?}")).await;
        let stats = cache.stats();
        assert!(stats.evicted_for_budget > 0 && stats.evicted_for_space == 0 && stats.entries > 0, "{stats:?}");
    }
}

#[tokio::test]
async fn a_full_disk_fails_nothing() {
    let Some(disk) = Disk::mount(16) else { return };
    // Full from the first moment, full with entries there, and not even the floor is wanted.
    let bench = Bench::new(MIB as usize);
    let cache = disk.open(|_| {}).await;
    disk.fill(0);
    work(&bench, &cache, |_| {}).await;
    assert_eq!((cache.stats().entries, cache.stats().hits), (0, 0));
    assert!(cache.stats().bypasses > 0);

    for min_free in [None, Some(0)] {
        fs::remove_file(disk.path().join("somebody-elses")).expect("removed");
        let cache = disk.open(|config| config.min_free = min_free).await;
        let engine = bench.engine(Arc::clone(&cache) as _);
        bench.get(&engine, "a", 0).await.expect("got");
        assert_eq!(bench.get(&engine, "a", 0).await.expect("got"), ReferenceUse::Cached);
        disk.fill(0);
        work(&bench, &cache, |_| {}).await;
        assert!(cache.stats().evicted_for_space > 0, "{:?}", cache.stats());
    }

    // A directory cannot even be made: operations go on without the cache.
    fs::remove_dir_all(disk.cache()).expect("removed");
    fs::remove_file(disk.path().join("somebody-elses")).expect("removed");
    let cache = disk.open(|_| {}).await;
    fs::remove_dir_all(disk.cache()).expect("removed");
    disk.fill(0);
    work(&bench, &cache, |_| {}).await;
    cache.clear().await.expect("cleared");
    fs::remove_file(disk.path().join("somebody-elses")).expect("removed");
    let engine = bench.engine(Arc::clone(&cache) as _);
    bench.get(&engine, "a", 0).await.expect("got");
    assert_eq!(bench.get(&engine, "a", 0).await.expect("got"), ReferenceUse::Cached, "and it recovers");
}

#[tokio::test]
async fn what_nobody_uses_goes_by_itself() {
    let Some(disk) = Disk::mount(16) else { return };
    let ttl = Duration::from_secs(600);
    let cache = disk.open(|config| config.ttl = Some(ttl)).await;
    let bench = Bench::new(MIB as usize);
    let engine = bench.engine(Arc::clone(&cache) as _);
    for space in ["a", "b", "c"] {
        bench.put(&engine, space, 0).await.expect("put");
    }
    assert_eq!(cache.stats().entries, 3);
    for header in all_files(&disk.cache().join("v1/headers")) {
        let long_ago = SystemTime::now() - ttl;
        fs::File::open(header).and_then(|file| file.set_modified(long_ago)).expect("set");
    }
    // One by its lookup, the others when the next handle begins.
    bench.put(&engine, "a", 1).await.expect("put");
    assert_eq!((cache.stats().entries, cache.stats().evicted_for_age), (3, 1), "fetched again");
    let next = disk.open(|config| config.ttl = Some(ttl)).await;
    assert_eq!((next.stats().entries, next.stats().evicted_for_age), (1, 2));
}
