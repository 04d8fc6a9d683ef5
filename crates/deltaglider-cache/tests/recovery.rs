//! Whatever is done to the entries on disk: the user's operation succeeds with the right bytes, the entry is dropped, and its
//! reference is fetched once.
#![cfg(unix)]

#[path = "support/engine.rs"]
mod engine;
#[path = "support/keys.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deltaglider_cache::sealed::HEADER_LENGTH;
use deltaglider_cache::{FilesystemCache, FilesystemConfig};
use deltaglider_core::cache::ReferenceCache;
use deltaglider_core::engine::{Engine, ReferenceUse};
use deltaglider_core::keys::Lifetime;
use deltaglider_core::seal::{CHUNK, TAG};
use engine::Bench;
use support::{TestKeys, all_files, key};

/// The place of the magic's last byte but one: a version that is not known, whose file is left alone.
const VERSION_AT: usize = 6;
const SEALED_CHUNK: usize = CHUNK + TAG;

/// An entry's two files.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    header: (PathBuf, Vec<u8>),
    body: (PathBuf, Vec<u8>),
}

impl Entry {
    /// Puts the files where they belong.
    fn restore(&self) {
        for (path, bytes) in [&self.header, &self.body] {
            fs::write(path, bytes).expect("written");
        }
    }

    fn is_on_disk(&self) -> bool {
        fs::read(&self.header.0).is_ok_and(|bytes| bytes == self.header.1)
    }
}

/// Delta spaces with two versions each, and a cache with their references on disk.
struct Disk {
    bench: Bench,
    engine: Engine,
    cache: Arc<FilesystemCache>,
    _place: tempfile::TempDir,
    entries: Vec<Entry>,
}

impl Disk {
    async fn with(spaces: &[&str], size: usize) -> Self {
        let place = tempfile::tempdir().expect("a directory");
        let keys = TestKeys::new(1, Lifetime::Persistent);
        let cache = FilesystemCache::open(FilesystemConfig::new(place.path()), keys).await.expect("opened");
        let cache = Arc::new(cache);
        let bench = Bench::new(size);
        let engine = bench.engine(Arc::clone(&cache) as _);
        let mut entries: Vec<Entry> = Vec::new();
        for space in spaces {
            bench.put(&engine, space, 0).await.expect("put");
            bench.put(&engine, space, 1).await.expect("put");
            let fresh = |room: &str, known: &dyn Fn(&Entry) -> &Path| {
                let files = all_files(&place.path().join("v1").join(room));
                let path = files.into_iter().find(|path| !entries.iter().any(|entry| known(entry) == *path));
                let path = path.expect("a new file");
                let bytes = fs::read(&path).expect("read");
                (path, bytes)
            };
            let entry = Entry {
                header: fresh("headers", &|entry| &entry.header.0),
                body: fresh("bodies", &|entry| &entry.body.0),
            };
            entries.push(entry);
        }
        Self { bench, engine, cache, _place: place, entries }
    }

    /// Gets a delta while its entry is damaged, and once more; `kept` where the damaged file is left alone.
    async fn expect_recovery(&self, space: &str, kept: bool, what: &dyn std::fmt::Display) {
        let before = self.cache.stats().corruptions;
        self.bench.store.reset();
        let used = self.bench.get(&self.engine, space, 1).await.expect("the operation succeeds");
        assert_eq!((used, self.bench.reference_gets()), (ReferenceUse::Fetched, 1), "{what}");
        assert_eq!(self.cache.stats().corruptions - before, u64::from(!kept), "{what}");
        let used = self.bench.get(&self.engine, space, 1).await.expect("the operation succeeds");
        let expected = if kept { (ReferenceUse::Fetched, 2) } else { (ReferenceUse::Cached, 1) };
        assert_eq!((used, self.bench.reference_gets()), expected, "{what}");
        // Also so that the damage that was is forgotten: a second time in a row would be gone around.
        self.cache.clear().await.expect("cleared");
    }
}

#[tokio::test]
async fn any_bit_of_the_header() {
    let disk = Disk::with(&["a"], 2000).await;
    let entry = &disk.entries[0];
    for bit in 0..HEADER_LENGTH * 8 {
        entry.restore();
        let mut header = entry.header.1.clone();
        header[bit / 8] ^= 1 << (bit % 8);
        fs::write(&entry.header.0, &header).expect("written");
        disk.expect_recovery("a", bit / 8 == VERSION_AT, &format_args!("bit {bit}")).await;
    }
}

#[tokio::test]
async fn any_byte_of_a_small_body_and_any_length() {
    let disk = Disk::with(&["a"], 200).await;
    let entry = &disk.entries[0];
    let (header, body) = (&entry.header.1, &entry.body.1);
    for at in 0..body.len() {
        entry.restore();
        let mut flipped = body.clone();
        flipped[at] ^= 0x10;
        fs::write(&entry.body.0, &flipped).expect("written");
        disk.expect_recovery("a", false, &format_args!("byte {at} of the body")).await;
    }
    let longer = |bytes: &[u8]| [bytes, &[0]].concat();
    for length in (0..body.len()).chain([body.len() + 1]) {
        entry.restore();
        fs::write(&entry.body.0, longer(body).get(..length).expect("as long")).expect("written");
        disk.expect_recovery("a", false, &format_args!("{length} bytes of the body")).await;
    }
    for length in (0..header.len()).chain([header.len() + 1]) {
        entry.restore();
        fs::write(&entry.header.0, longer(header).get(..length).expect("as long")).expect("written");
        disk.expect_recovery("a", false, &format_args!("{length} bytes of the header")).await;
    }
}

#[tokio::test]
async fn chunks_in_another_place_and_of_another_entry() {
    let disk = Disk::with(&["a", "b"], 3 * CHUNK).await;
    let (a, b) = (&disk.entries[0], &disk.entries[1]);
    let chunk = |entry: &Entry, index: usize| entry.body.1[index * SEALED_CHUNK..][..SEALED_CHUNK].to_vec();
    for first in 0..3 {
        for second in 0..first {
            a.restore();
            let mut swapped = a.body.1.clone();
            swapped[first * SEALED_CHUNK..][..SEALED_CHUNK].copy_from_slice(&chunk(a, second));
            swapped[second * SEALED_CHUNK..][..SEALED_CHUNK].copy_from_slice(&chunk(a, first));
            fs::write(&a.body.0, &swapped).expect("written");
            disk.expect_recovery("a", false, &format_args!("chunks {first} and {second} swapped")).await;
        }
        for theirs in 0..3 {
            a.restore();
            let mut foreign = a.body.1.clone();
            foreign[first * SEALED_CHUNK..][..SEALED_CHUNK].copy_from_slice(&chunk(b, theirs));
            fs::write(&a.body.0, &foreign).expect("written");
            disk.expect_recovery("a", false, &format_args!("chunk {theirs} of another entry as chunk {first}")).await;
        }
    }
}

#[tokio::test]
async fn headers_and_bodies_of_another_entry() {
    let disk = Disk::with(&["a", "b"], 10_000).await;
    let (a, b) = (&disk.entries[0], &disk.entries[1]);
    let restore = || [a, b].map(Entry::restore);
    restore();
    fs::write(&a.body.0, &b.body.1).expect("written");
    disk.expect_recovery("a", false, &"the body of another entry").await;
    restore();
    fs::write(&a.header.0, &b.header.1).expect("written");
    disk.expect_recovery("a", false, &"the header of another entry").await;
    // Both at once, and each other's: an entry as a whole under the name of another.
    restore();
    fs::write(&a.header.0, &b.header.1).expect("written");
    fs::write(&b.header.0, &a.header.1).expect("written");
    for space in ["a", "b"] {
        disk.bench.store.reset();
        assert_eq!(disk.bench.get(&disk.engine, space, 1).await.expect("got"), ReferenceUse::Fetched);
        assert_eq!(disk.bench.get(&disk.engine, space, 1).await.expect("got"), ReferenceUse::Cached);
        assert_eq!(disk.bench.reference_gets(), 1);
    }
}

#[tokio::test]
async fn a_lost_body_and_a_lost_header() {
    let disk = Disk::with(&["a"], 10_000).await;
    let entry = &disk.entries[0];
    for path in [&entry.body.0, &entry.header.0] {
        disk.cache.clear().await.expect("cleared");
        entry.restore();
        fs::remove_file(path).expect("removed");
        disk.bench.store.reset();
        assert_eq!(disk.bench.get(&disk.engine, "a", 1).await.expect("got"), ReferenceUse::Fetched);
        assert_eq!(disk.bench.get(&disk.engine, "a", 1).await.expect("got"), ReferenceUse::Cached);
        assert_eq!((disk.bench.reference_gets(), disk.cache.stats().corruptions), (1, 0));
    }
}

/// An AEAD alone cannot tell the two: the id of the key does.
#[tokio::test]
async fn a_wrong_key_is_told_from_damage() {
    let disk = Disk::with(&["a"], 10_000).await;
    let entry = &disk.entries[0];
    let place = disk.cache.stats().path.expect("on disk");
    let stranger = FilesystemCache::open(FilesystemConfig::new(&place), TestKeys::new(2, Lifetime::Persistent));
    let stranger = Arc::new(stranger.await.expect("opened"));
    let engine = disk.bench.engine(Arc::clone(&stranger) as _);
    assert_eq!(disk.bench.get(&engine, "a", 1).await.expect("got"), ReferenceUse::Fetched);
    let stats = stranger.stats();
    assert_eq!((stats.unknown_keys, stats.corruptions), (1, 0), "another key: nothing is deleted");
    assert!(entry.is_on_disk());
    assert_eq!(stranger.purge_key(key(2).id()).await.expect("purged").entries, 1);
    assert_eq!(disk.bench.get(&disk.engine, "a", 1).await.expect("got"), ReferenceUse::Cached);

    let mut damaged = entry.body.1.clone();
    damaged[17] ^= 1;
    fs::write(&entry.body.0, damaged).expect("written");
    assert_eq!(disk.bench.get(&disk.engine, "a", 1).await.expect("got"), ReferenceUse::Fetched);
    let stats = disk.cache.stats();
    assert_eq!((stats.unknown_keys, stats.corruptions), (0, 1), "the right key: the entry is dropped");
    assert!(!entry.is_on_disk());
}
