//! A cache in memory takes what it says it holds, and gives it back at once when it is cleared: measured at the process, which this
//! test has to itself.
#![cfg(target_os = "linux")]

#[path = "support/keys.rs"]
mod support;

use std::fs;
use std::sync::Arc;

use bytes::Bytes;
use deltaglider_cache::{MemoryCache, MemoryConfig};
use deltaglider_core::Sha256;
use deltaglider_core::cache::{CacheKey, ReferenceCache};
use deltaglider_core::keys::Lifetime;
use support::TestKeys;

const MIB: usize = 1 << 20;
/// The third and its tags end a little behind a huge page, where another one would take half as much again.
const SIZES: [usize; 4] = [MIB / 4, MIB, 4 * MIB, 16 * MIB];

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("read");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it is told");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib * 1024
}

#[tokio::test]
async fn it_takes_what_it_holds_and_clearing_frees_it() {
    let keys = TestKeys::new(1, Lifetime::Ephemeral);
    let cache = MemoryCache::open(MemoryConfig::new(80 << 20), keys).await.expect("opened");
    // Whatever the process takes once and keeps, for each size.
    for size in SIZES {
        let bytes = Bytes::from(vec![0; size]);
        cache.insert(&CacheKey::stored(Sha256::of(&bytes)), Arc::new(bytes)).await.expect("kept");
    }
    cache.clear().await.expect("cleared");
    for size in SIZES {
        let before = resident();
        for number in 0..(64 * MIB / size) as u64 {
            let mut bytes = vec![0; size];
            bytes[..8].copy_from_slice(&number.to_le_bytes());
            let entry = CacheKey::stored(Sha256::of(&bytes));
            cache.insert(&entry, Arc::new(Bytes::from(bytes))).await.expect("kept");
        }
        assert_eq!(cache.stats().entries, (64 * MIB / size) as u64);
        let full = resident();
        let freed = cache.clear().await.expect("cleared");
        // The allocator may keep what the last content took.
        let most = before + freed.bytes * 11 / 10 + size as u64;
        assert!(full <= most, "{size}: {before} before, {full} full, {freed:?}");
        let after = resident();
        assert!(freed.bytes >= 64 << 20 && full >= before + freed.bytes * 9 / 10, "{before} {full} {freed:?}");
        assert!(full - after >= freed.bytes * 9 / 10, "{size}: {before} before, {full} full, {after} cleared");
    }
}
