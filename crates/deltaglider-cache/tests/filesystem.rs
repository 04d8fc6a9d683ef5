//! What the cache does on a disk: sharing, clearing, budgets, modes, leftovers.
#![cfg(unix)]

#[path = "support/keys.rs"]
mod support;

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use deltaglider_cache::{FilesystemCache, FilesystemConfig};
use deltaglider_core::cache::{CacheError, Lookup, PrunePolicy, ReferenceCache};
use deltaglider_core::keys::Lifetime;
use deltaglider_testkit::cache_conformance::{content, read, read_all};
use support::{TestKeys, all_files, key};

async fn open(place: &Path, keys: Arc<TestKeys>) -> FilesystemCache {
    FilesystemCache::open(FilesystemConfig::new(place), keys).await.expect("opened")
}

async fn persistent(place: &Path) -> FilesystemCache {
    open(place, TestKeys::new(1, Lifetime::Persistent)).await
}

fn headers(place: &Path) -> Vec<std::path::PathBuf> {
    all_files(&place.join("v1/headers"))
}

fn bodies(place: &Path) -> Vec<std::path::PathBuf> {
    all_files(&place.join("v1/bodies"))
}

fn set_age(path: &Path, age: Duration) {
    File::open(path).expect("opened").set_modified(SystemTime::now() - age).expect("set");
}

#[tokio::test]
async fn a_second_handle_with_the_same_key_hits_and_one_with_another_does_not() {
    let place = tempfile::tempdir().expect("a directory");
    let (entry, bytes) = content(1, 100_000);
    let first = persistent(place.path()).await;
    first.insert(&entry, Arc::new(bytes.clone())).await.expect("kept");
    let second = persistent(place.path()).await;
    assert_eq!(read(&second, &entry).await.as_deref(), Some(&*bytes));
    drop((first, second));
    let again = persistent(place.path()).await;
    assert_eq!(read(&again, &entry).await.as_deref(), Some(&*bytes), "after a restart");
    let stranger = open(place.path(), TestKeys::new(9, Lifetime::Persistent)).await;
    assert_eq!(read(&stranger, &entry).await, None);
    assert_eq!(stranger.stats().unknown_keys, 1);
    assert_eq!(read(&again, &entry).await.as_deref(), Some(&*bytes), "nothing was deleted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_cold_handles_one_fetches() {
    let place = tempfile::tempdir().expect("a directory");
    let (entry, bytes) = content(1, 100_000);
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let cache = persistent(place.path()).await;
        let (entry, bytes) = (entry.clone(), bytes.clone());
        tasks.push(tokio::spawn(async move {
            match cache.lookup(&entry).await.expect("a lookup does not fail") {
                Lookup::Hit(found) => {
                    assert_eq!(read_all(found).await.expect("read"), bytes);
                    0
                }
                Lookup::Miss(claim) => {
                    claim.progress();
                    tokio::task::yield_now().await;
                    cache.insert(&entry, Arc::new(bytes)).await.expect("kept");
                    1
                }
            }
        }));
    }
    let mut fetched = 0;
    for task in tasks {
        fetched += task.await.expect("no panic");
    }
    assert_eq!(fetched, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clearing_under_sixteen_tasks_gives_no_wrong_byte() {
    let place = tempfile::tempdir().expect("a directory");
    for lifetime in [Lifetime::Persistent, Lifetime::Ephemeral] {
        let cache = Arc::new(open(place.path(), TestKeys::new(1, lifetime)).await);
        let done = Arc::new(AtomicBool::new(false));
        let clearing = tokio::spawn({
            let (cache, done) = (Arc::clone(&cache), Arc::clone(&done));
            async move {
                while !done.load(Relaxed) {
                    assert_eq!(cache.clear().await.expect("cleared").failed, 0);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        });
        let tasks: Vec<_> = (0..16_u64)
            .map(|task| {
                let cache = Arc::clone(&cache);
                tokio::spawn(async move {
                    let contents: Vec<_> = (0..4).map(|seed| content(seed, 70_000 + seed as usize)).collect();
                    for step in 0..40 {
                        let (entry, bytes) = &contents[((task + step) % 4) as usize];
                        let found = match cache.lookup(entry).await.expect("a lookup does not fail") {
                            Lookup::Hit(found) => found,
                            Lookup::Miss(_claim) => cache.insert(entry, Arc::new(bytes.clone())).await.expect("kept"),
                        };
                        assert_eq!(read_all(found).await.expect("read"), **bytes);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no wrong byte");
        }
        done.store(true, Relaxed);
        clearing.await.expect("no panic");
        let stats = cache.stats();
        // An insert that a clear overtakes goes on without the cache; it does not fail.
        assert_eq!((stats.hits + stats.misses, stats.corruptions), (16 * 40, 0));
        cache.clear().await.expect("cleared");
        assert_eq!(cache.stats().entries, 0);
        let root = cache.stats().path.expect("on disk");
        assert!(all_files(&root).iter().all(|path| path.iter().any(|part| part == "locks")), "{:?}", all_files(&root));
        assert_eq!(fs::read_dir(&root).expect("listed").count(), 1, "no trash is left");
    }
}

#[tokio::test]
async fn plaintext_is_in_no_file_and_neither_is_a_key() {
    let place = tempfile::tempdir().expect("a directory");
    let cache = persistent(place.path()).await;
    let (entry, bytes) = content(7, 1 << 20);
    cache.insert(&entry, Arc::new(bytes.clone())).await.expect("kept");
    read(&cache, &entry).await.expect("a hit");
    for path in all_files(place.path()) {
        let written = fs::read(&path).expect("read");
        let name = path.to_string_lossy().into_owned();
        assert!(!name.contains(&entry.digest.to_string()), "{name}");
        let windows: std::collections::HashSet<&[u8]> = written.windows(64).collect();
        assert!(!bytes.chunks_exact(64).any(|window| windows.contains(window)), "{name}");
        assert!(!written.windows(32).any(|window| window == [1; 32]), "{name}");
    }
}

#[tokio::test]
async fn modes_are_for_the_owner_alone() {
    let place = tempfile::tempdir().expect("a directory");
    let root = place.path().join("cache");
    let cache = persistent(&root).await;
    let (entry, bytes) = content(1, 1000);
    cache.insert(&entry, Arc::new(bytes)).await.expect("kept");
    let Ok(Lookup::Miss(_claim)) = cache.lookup(&content(2, 10).0).await else { panic!("nothing is there") };
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o7777;
    for directory in ["", "v1", "v1/headers", "v1/bodies", "v1/locks"] {
        assert_eq!(mode(&root.join(directory)), 0o700, "{directory}");
    }
    let files = all_files(&root);
    assert_eq!(files.len(), 3);
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn directories_that_cannot_be_trusted_are_refused_in_words() {
    let place = tempfile::tempdir().expect("a directory");
    let refused = async |path: &Path, lifetime| match FilesystemCache::open(
        FilesystemConfig::new(path),
        TestKeys::new(1, lifetime),
    )
    .await
    {
        Err(CacheError::InsecureDirectory { reason, .. }) => reason,
        other => panic!("{other:?}"),
    };
    let open_to_all = place.path().join("open");
    fs::create_dir(&open_to_all).expect("made");
    fs::set_permissions(&open_to_all, fs::Permissions::from_mode(0o777)).expect("set");
    for lifetime in [Lifetime::Persistent, Lifetime::Ephemeral] {
        assert!(refused(&open_to_all, lifetime).await.contains("others may write to it"));
    }
    assert_eq!(fs::metadata(&open_to_all).expect("there").permissions().mode() & 0o777, 0o777, "nothing is changed");

    let mine = place.path().join("mine");
    fs::create_dir(&mine).expect("made");
    symlink(&mine, place.path().join("link")).expect("linked");
    assert!(refused(&place.path().join("link"), Lifetime::Persistent).await.contains("link"));
    fs::write(place.path().join("file"), "").expect("written");
    assert!(refused(&place.path().join("file"), Lifetime::Persistent).await.contains("no directory"));

    symlink(place.path(), mine.join("v1")).expect("linked");
    assert!(!refused(&mine, Lifetime::Persistent).await.is_empty());

    let foreign = place.path().join("foreign");
    fs::create_dir(&foreign).expect("made");
    // Only root can give a directory away; for others there is nothing to see here.
    if chown(&foreign, Some(12_345), None).is_ok() {
        for lifetime in [Lifetime::Persistent, Lifetime::Ephemeral] {
            assert!(refused(&foreign, lifetime).await.contains("belongs to user 12345"));
        }
    }

    let sticky = place.path().join("sticky");
    fs::create_dir(&sticky).expect("made");
    fs::set_permissions(&sticky, fs::Permissions::from_mode(0o1777)).expect("set");
    open(&sticky, TestKeys::new(1, Lifetime::Ephemeral)).await;
}

#[tokio::test]
async fn an_ephemeral_directory_goes_with_its_cache() {
    let place = tempfile::tempdir().expect("a directory");
    let count = || fs::read_dir(place.path()).expect("listed").count();
    let (entry, bytes) = content(1, 100_000);
    let one = open(place.path(), TestKeys::new(1, Lifetime::Ephemeral)).await;
    let other = open(place.path(), TestKeys::new(1, Lifetime::Ephemeral)).await;
    assert_eq!(count(), 2);
    let kept = one.insert(&entry, Arc::new(bytes.clone())).await.expect("kept");
    other.insert(&entry, Arc::new(bytes.clone())).await.expect("kept");
    drop(one);
    assert_eq!(count(), 1);
    assert_eq!(read_all(kept).await.expect("still readable"), bytes);
    assert!(read(&other, &entry).await.is_some());
    other.close().await.expect("closed");
    assert_eq!(count(), 0);
    drop(other);

    let cache = persistent(&place.path().join("kept")).await;
    cache.insert(&entry, Arc::new(bytes)).await.expect("kept");
    cache.close().await.expect("closed");
    drop(cache);
    assert_eq!(headers(&place.path().join("kept")).len(), 1);
}

#[tokio::test]
async fn what_dead_owners_left_is_swept_and_the_living_are_not() {
    let place = tempfile::tempdir().expect("a directory");
    let alive = open(place.path(), TestKeys::new(1, Lifetime::Ephemeral)).await;
    let (entry, bytes) = content(1, 1000);
    alive.insert(&entry, Arc::new(bytes)).await.expect("kept");
    // What a killed process leaves: its directory, without the lock.
    let orphan = place.path().join(format!("deltaglider-{}", "ab".repeat(16)));
    fs::create_dir_all(orphan.join("v1/headers")).expect("made");
    fs::write(orphan.join("v1/headers").join("cd".repeat(20)), "x").expect("written");
    let theirs = place.path().join("deltaglider-notes");
    fs::create_dir(&theirs).expect("made");
    let _other = open(place.path(), TestKeys::new(1, Lifetime::Ephemeral)).await;
    assert!(!orphan.exists());
    assert!(theirs.exists());
    assert!(read(&alive, &entry).await.is_some());
}

#[tokio::test]
async fn trash_and_bodies_without_headers_are_swept_at_the_start() {
    let place = tempfile::tempdir().expect("a directory");
    let root = place.path().join("cache");
    let cache = persistent(&root).await;
    let (entry, bytes) = content(1, 1000);
    cache.insert(&entry, Arc::new(bytes)).await.expect("kept");
    drop(cache);
    let trash = root.join(format!("trash-{}", "ab".repeat(16)));
    fs::create_dir_all(trash.join("bodies")).expect("made");
    fs::write(trash.join("bodies").join("cd".repeat(16)), "x").expect("written");
    let old = root.join("v1/bodies").join("01".repeat(16));
    let fresh = root.join("v1/bodies").join("02".repeat(16));
    for path in [&old, &fresh] {
        fs::write(path, "x").expect("written");
    }
    set_age(&old, Duration::from_secs(601));
    for body in bodies(&root) {
        if body != old && body != fresh {
            set_age(&body, Duration::from_secs(6000));
        }
    }
    let cache = persistent(&root).await;
    assert!(!trash.exists() && !old.exists() && fresh.exists());
    assert!(read(&cache, &entry).await.is_some());
}

#[tokio::test]
async fn clear_leaves_what_is_not_the_caches() {
    let place = tempfile::tempdir().expect("a directory");
    let root = place.path().join("cache");
    let cache = persistent(&root).await;
    let outside = place.path().join("outside");
    fs::create_dir(&outside).expect("made");
    fs::write(outside.join("precious"), "x").expect("written");
    let (entry, bytes) = content(1, 1000);
    cache.insert(&entry, Arc::new(bytes)).await.expect("kept");
    let foreign = ["notes.txt", "v1/notes.txt", "v1/headers/notes.txt", "v1/bodies/notes.txt", "v1/locks/notes.txt"];
    for path in foreign {
        fs::write(root.join(path), "mine").expect("written");
    }
    symlink(&outside, root.join("v1/bodies/link")).expect("linked");
    let freed = cache.clear().await.expect("cleared");
    assert_eq!((freed.entries, freed.failed), (1, 0));
    for path in foreign {
        assert_eq!(fs::read_to_string(root.join(path)).expect(path), "mine");
    }
    assert!(root.join("v1/bodies/link").is_symlink() && outside.join("precious").exists());
    assert_eq!((headers(&root).len(), cache.clear().await.expect("cleared").entries), (1, 0));
    assert_eq!(cache.stats().entries, 0);
}

#[tokio::test]
async fn a_directory_removed_behind_our_back_is_made_again() {
    let place = tempfile::tempdir().expect("a directory");
    let root = place.path().join("cache");
    let cache = persistent(&root).await;
    fs::remove_dir_all(&root).expect("removed");
    let (entry, bytes) = content(1, 1000);
    assert_eq!(cache.clear().await.expect("cleared").entries, 0);
    fs::remove_dir_all(&root).expect("removed");
    assert_eq!(read(&cache, &entry).await, None);
    cache.insert(&entry, Arc::new(bytes)).await.expect("kept");
    assert!(read(&cache, &entry).await.is_some());
}

#[tokio::test]
async fn the_least_recently_used_go_first() {
    let place = tempfile::tempdir().expect("a directory");
    let mut config = FilesystemConfig::new(place.path());
    config.max_bytes = 400_000;
    let cache = FilesystemCache::open(config, TestKeys::new(1, Lifetime::Persistent)).await.expect("opened");
    let contents: Vec<_> = (0..3).map(|seed| content(seed, 100_000)).collect();
    let mut known = Vec::new();
    for (age, (entry, bytes)) in contents.iter().enumerate() {
        cache.insert(entry, Arc::new(bytes.clone())).await.expect("kept");
        let fresh = headers(place.path()).into_iter().find(|path| !known.contains(path)).expect("a new header");
        set_age(&fresh, Duration::from_secs(3600 - age as u64));
        known.push(fresh);
    }
    assert!(read(&cache, &contents[0].0).await.is_some(), "the oldest, now just used");
    let (entry, bytes) = content(10, 150_000);
    cache.insert(&entry, Arc::new(bytes)).await.expect("kept");
    let stats = cache.stats();
    assert!(stats.bytes <= 400_000 && stats.evicted_for_budget > 0);
    assert!(read(&cache, &contents[0].0).await.is_some());
    assert_eq!(read(&cache, &contents[1].0).await, None);

    // A time to come is set to now, so that it goes when its turn has come.
    let ahead = SystemTime::now() + Duration::from_secs(86_400);
    File::open(&known[0]).expect("opened").set_modified(ahead).expect("set");
    assert!(read(&cache, &contents[0].0).await.is_some());
    assert!(fs::metadata(&known[0]).expect("there").modified().expect("known") <= SystemTime::now());
}

#[tokio::test]
async fn time_to_live_and_free_space_hold_by_themselves() {
    let place = tempfile::tempdir().expect("a directory");
    let mut config = FilesystemConfig::new(place.path());
    config.ttl = Some(Duration::from_secs(60));
    let cache = FilesystemCache::open(config.clone(), TestKeys::new(1, Lifetime::Persistent)).await.expect("opened");
    let (entry, bytes) = content(1, 1000);
    cache.insert(&entry, Arc::new(bytes.clone())).await.expect("kept");
    set_age(&headers(place.path())[0], Duration::from_secs(61));
    assert_eq!(read(&cache, &entry).await, None);
    assert_eq!((cache.stats().evicted_for_age, bodies(place.path()).len()), (1, 0));
    cache.insert(&entry, Arc::new(bytes.clone())).await.expect("kept");
    set_age(&headers(place.path())[0], Duration::from_secs(61));
    let pruned = cache.prune(&PrunePolicy { max_bytes: None, max_idle: Some(Duration::from_secs(60)) }).await;
    assert_eq!(pruned.expect("pruned").entries, 1);

    cache.insert(&entry, Arc::new(bytes)).await.expect("kept");
    config.min_free = Some(u64::MAX);
    let cache = FilesystemCache::open(config, TestKeys::new(1, Lifetime::Persistent)).await.expect("opened");
    let (other, other_bytes) = content(2, 1000);
    let given_back = cache.insert(&other, Arc::new(other_bytes.clone())).await.expect("goes on without the cache");
    assert_eq!(given_back.as_slice(), Some(&*other_bytes));
    let stats = cache.stats();
    assert_eq!((stats.entries, stats.bypasses, stats.evicted_for_space), (0, 1, 1));
}

#[tokio::test]
async fn a_new_key_opens_old_entries_and_rewrapping_retires_the_old_key() {
    let place = tempfile::tempdir().expect("a directory");
    let keys = TestKeys::new(1, Lifetime::Persistent);
    let cache = open(place.path(), Arc::clone(&keys)).await;
    let contents: Vec<_> = (0..5).map(|seed| content(seed, 70_000)).collect();
    for (entry, bytes) in &contents {
        cache.insert(entry, Arc::new(bytes.clone())).await.expect("kept");
    }
    let before: Vec<_> = bodies(place.path());
    keys.set(&[2, 1]);
    for (entry, _) in &contents {
        assert!(read(&cache, entry).await.is_some());
    }
    let done = cache.rewrap().await.expect("rewrapped");
    assert_eq!((done.rewrapped, done.current, done.unknown, done.failed), (5, 0, 0, 0));
    assert_eq!(bodies(place.path()), before, "bodies are not touched");
    assert_eq!(cache.rewrap().await.expect("rewrapped").current, 5);
    keys.set(&[2]);
    for (entry, bytes) in &contents {
        assert_eq!(read(&cache, entry).await.as_deref(), Some(&**bytes));
    }
    let stats = cache.stats();
    assert_eq!((stats.rewraps, stats.entries_by_key), (5, vec![(key(2).id(), 5)]));
    keys.set(&[3]);
    assert_eq!(cache.rewrap().await.expect("rewrapped").unknown, 5);
    assert_eq!(cache.purge_key(key(1).id()).await.expect("purged").entries, 0);
    assert_eq!(cache.purge_key(key(2).id()).await.expect("purged").entries, 5);
    assert!(headers(place.path()).is_empty() && bodies(place.path()).is_empty());
}

#[tokio::test]
async fn rewrapping_what_is_there_under_both_keys_leaves_one() {
    let place = tempfile::tempdir().expect("a directory");
    let (entry, bytes) = content(1, 70_000);
    let keys = TestKeys::new(1, Lifetime::Persistent);
    let cache = open(place.path(), Arc::clone(&keys)).await;
    cache.insert(&entry, Arc::new(bytes.clone())).await.expect("kept");
    keys.set(&[2]);
    cache.insert(&entry, Arc::new(bytes.clone())).await.expect("kept");
    assert_eq!(cache.stats().entries, 2);
    keys.set(&[2, 1]);
    let done = cache.rewrap().await.expect("rewrapped");
    assert_eq!((done.rewrapped, done.current), (1, 1));
    assert_eq!((headers(place.path()).len(), bodies(place.path()).len()), (1, 1));
    assert_eq!(read(&cache, &entry).await.as_deref(), Some(&*bytes));
}

/// Killed between its two steps, a rewrap leaves two headers that name one body.
#[tokio::test]
async fn a_rewrap_that_was_broken_off_is_finished_by_the_next() {
    let place = tempfile::tempdir().expect("a directory");
    let (entry, bytes) = content(1, 70_000);
    let keys = TestKeys::new(1, Lifetime::Persistent);
    let cache = open(place.path(), Arc::clone(&keys)).await;
    cache.insert(&entry, Arc::new(bytes.clone())).await.expect("kept");
    let old = headers(place.path())[0].clone();
    let old_header = fs::read(&old).expect("read");
    keys.set(&[2, 1]);
    assert_eq!(cache.rewrap().await.expect("rewrapped").rewrapped, 1);
    fs::write(&old, &old_header).expect("put back");
    let done = cache.rewrap().await.expect("rewrapped");
    assert_eq!((done.current, done.failed), (1, 0));
    assert_eq!((headers(place.path()).len(), bodies(place.path()).len()), (1, 1), "the body is the other header's too");
    keys.set(&[2]);
    assert_eq!(read(&cache, &entry).await.as_deref(), Some(&*bytes));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handles_that_rewrap_at_once_lose_nothing() {
    let place = tempfile::tempdir().expect("a directory");
    let first = open(place.path(), TestKeys::new(1, Lifetime::Persistent)).await;
    let contents: Vec<_> = (0..20).map(|seed| content(seed, 1000)).collect();
    for (entry, bytes) in &contents {
        first.insert(entry, Arc::new(bytes.clone())).await.expect("kept");
    }
    for round in 1..10 {
        let keys = [round + 1, round];
        let mut tasks = Vec::new();
        for _ in 0..4 {
            let cache = open(place.path(), TestKeys::ring(&keys, Lifetime::Persistent)).await;
            tasks.push(tokio::spawn(async move { cache.rewrap().await.expect("rewrapped") }));
        }
        for task in tasks {
            let done = task.await.expect("no panic");
            assert_eq!((done.failed, done.unknown), (0, 0), "{done:?}");
        }
        let cache = open(place.path(), TestKeys::new(round + 1, Lifetime::Persistent)).await;
        for (entry, bytes) in &contents {
            assert_eq!(read(&cache, entry).await.as_deref(), Some(&**bytes), "round {round}");
        }
        assert_eq!(cache.stats().entries_by_key, [(key(round + 1).id(), 20)]);
    }
}

#[tokio::test]
async fn an_unknown_key_is_asked_for_and_nothing_is_deleted() {
    let place = tempfile::tempdir().expect("a directory");
    let (entry, bytes) = content(1, 1000);
    let other = open(place.path(), TestKeys::new(2, Lifetime::Persistent)).await;
    other.insert(&entry, Arc::new(bytes.clone())).await.expect("kept");
    let keys = TestKeys::new(1, Lifetime::Persistent);
    keys.on_refresh(&[1, 2]);
    let cache = open(place.path(), keys).await;
    assert_eq!(read(&cache, &entry).await.as_deref(), Some(&*bytes), "the ring was refreshed");
    assert_eq!(cache.stats().unknown_keys, 1);
}

#[tokio::test]
async fn after_a_clear_with_an_ephemeral_key_copies_cannot_be_opened() {
    let place = tempfile::tempdir().expect("a directory");
    let cache = open(place.path(), TestKeys::new(1, Lifetime::Ephemeral)).await;
    let (entry, bytes) = content(1, 1000);
    cache.insert(&entry, Arc::new(bytes)).await.expect("kept");
    let root = cache.stats().path.expect("on disk");
    let copies: Vec<_> =
        all_files(&root).into_iter().map(|path| (path.clone(), fs::read(path).expect("read"))).collect();
    assert!(copies.len() >= 2);
    let id = cache.stats().key_id;
    cache.clear().await.expect("cleared");
    assert_ne!(cache.stats().key_id, id);
    for (path, bytes) in copies {
        fs::write(path, bytes).expect("put back");
    }
    assert_eq!(read(&cache, &entry).await, None);
}

#[tokio::test]
async fn after_a_clear_with_a_persistent_key_the_key_stays() {
    let place = tempfile::tempdir().expect("a directory");
    let cache = persistent(place.path()).await;
    let (entry, bytes) = content(1, 1000);
    for _ in 0..2 {
        cache.insert(&entry, Arc::new(bytes.clone())).await.expect("kept");
        let freed = cache.clear().await.expect("cleared");
        assert_eq!((freed.entries, freed.failed), (1, 0));
        assert!(freed.bytes >= 1000);
        assert_eq!(cache.stats().key_id, Some(key(1).id()));
        assert!(headers(place.path()).is_empty() && bodies(place.path()).is_empty());
    }
}

#[tokio::test]
async fn caches_with_ephemeral_keys_cannot_read_each_others_entries() {
    let place = tempfile::tempdir().expect("a directory");
    let (entry, bytes) = content(1, 70_000);
    let mut caches = Vec::new();
    for _ in 0..2 {
        let cache = open(place.path(), TestKeys::new(1, Lifetime::Ephemeral)).await;
        // A key of its own.
        cache.clear().await.expect("cleared");
        caches.push((cache.stats().path.expect("on disk"), cache));
    }
    let ((theirs, their_cache), (ours, our_cache)) = (&caches[0], &caches[1]);
    their_cache.insert(&entry, Arc::new(bytes.clone())).await.expect("kept");
    assert_eq!(read(our_cache, &entry).await, None);
    our_cache.insert(&entry, Arc::new(bytes.clone())).await.expect("kept");
    let our_header = headers(ours)[0].clone();
    // Their entry in our place, under our name and under its own.
    let their_header = headers(theirs)[0].clone();
    fs::copy(&their_header, &our_header).expect("copied");
    fs::copy(&their_header, our_header.with_file_name(their_header.file_name().expect("a name"))).expect("copied");
    for body in bodies(theirs) {
        fs::copy(&body, ours.join("v1/bodies").join(body.file_name().expect("a name"))).expect("copied");
    }
    assert_eq!(read(our_cache, &entry).await, None);
    assert_eq!(our_cache.stats().corruptions, 1);
    assert_eq!(read(their_cache, &entry).await.as_deref(), Some(&*bytes));
}
