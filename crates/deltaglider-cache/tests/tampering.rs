//! Damage of any kind is found: no wrong byte, no panic.

#[path = "support/keys.rs"]
mod support;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bytes::Bytes;
use deltaglider_cache::entry::EntryId;
use deltaglider_cache::sealed::{self, Contents, HeaderError, Subject};
use deltaglider_cache::{FilesystemCache, FilesystemConfig};
use deltaglider_core::cache::{Lookup, ReferenceCache};
use deltaglider_core::keys::Lifetime;
use deltaglider_core::seal::{SealReader, SealWriter};
use deltaglider_core::{RandomAccess, Sha256};
use deltaglider_testkit::cache_conformance::{content, read, read_all};
use support::{TestKeys, key};
use zeroize::Zeroizing;

fn sealed_header() -> (Subject, Contents, Vec<u8>) {
    let subject = Subject { digest: Sha256::of(b"reference"), form: "stored".to_owned() };
    let contents = Contents {
        entry: EntryId([3; 16]),
        data_key: Zeroizing::new([4; 32]),
        sha256: subject.digest,
        length: 9,
        created: 1_700_000_000,
    };
    let header = sealed::seal(&key(1), &subject, &contents, [5; 12]).expect("sealed");
    (subject, contents, header.to_vec())
}

#[test]
fn no_bit_of_a_header_can_be_flipped() {
    let (subject, _, header) = sealed_header();
    sealed::open(&key(1), &subject, &header).expect("intact");
    sealed::open_subject(&key(1), &header).expect("intact");
    for bit in 0..header.len() * 8 {
        let mut flipped = header.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let error = sealed::open(&key(1), &subject, &flipped).expect_err("damaged");
        match bit / 8 {
            6 => assert!(matches!(error, HeaderError::UnknownVersion(_)), "{bit}: {error}"),
            32..48 => assert!(matches!(error, HeaderError::UnknownKey(_)), "{bit}: {error}"),
            _ => assert!(matches!(error, HeaderError::Corrupt(_)), "{bit}: {error}"),
        }
    }
    for length in 0..header.len() {
        assert!(sealed::open(&key(1), &subject, &header[..length]).is_err());
        assert!(sealed::peek(&header[..length]).is_err());
    }
    assert!(sealed::open(&key(1), &subject, &[&header[..], &[0]].concat()).is_err());
}

#[test]
fn a_header_opens_under_its_own_key_and_subject_alone() {
    let (subject, contents, header) = sealed_header();
    let opened = sealed::open(&key(1), &subject, &header).expect("intact");
    assert_eq!((opened.entry, opened.length, opened.created), (contents.entry, 9, 1_700_000_000));
    assert_eq!(*opened.data_key, *contents.data_key);
    assert_eq!(sealed::open_subject(&key(1), &header).expect("intact"), subject);
    assert!(matches!(sealed::open(&key(2), &subject, &header), Err(HeaderError::UnknownKey(_))));
    let other = Subject { form: "expanded/1".to_owned(), ..subject.clone() };
    assert!(matches!(sealed::open(&key(1), &other, &header), Err(HeaderError::Corrupt(_))));
    let other = Subject { digest: Sha256::of(b"other"), ..subject.clone() };
    assert!(matches!(sealed::open(&key(1), &other, &header), Err(HeaderError::Corrupt(_))));
    let long = Subject { form: "x".repeat(64), ..subject };
    assert!(sealed::seal(&key(1), &long, &contents, [5; 12]).is_err());
}

/// A body with one byte changed.
#[derive(Debug)]
struct Flipped {
    body: Bytes,
    at: Arc<AtomicUsize>,
}

impl RandomAccess for Flipped {
    fn size(&self) -> u64 {
        self.body.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let read = self.body.read_at(buffer, offset)?;
        if let Some(byte) = self.at.load(Relaxed).checked_sub(offset as usize).and_then(|at| buffer[..read].get_mut(at))
        {
            *byte ^= 0x40;
        }
        Ok(read)
    }
}

#[test]
fn no_byte_of_a_body_can_be_flipped_and_no_end_cut_off() {
    let (_, plain) = content(1, 2 * 65_536 + 100);
    let (_, mut contents, _) = sealed_header();
    contents.length = plain.size();
    let (body_key, binding) = (contents.body_key(), contents.binding(Sha256::of(&plain)));
    let mut writer = SealWriter::new(Vec::new(), &body_key, binding);
    io::Write::write_all(&mut writer, &plain).expect("written");
    let body = Bytes::from(writer.finish().expect("finished"));
    let at = Arc::new(AtomicUsize::new(usize::MAX));
    let flipped = Flipped { body: body.clone(), at: Arc::clone(&at) };
    let reader = SealReader::new(flipped, &body_key, binding).expect("its length");
    assert_eq!((&reader as &dyn RandomAccess).read_vec(0, plain.len()).expect("intact"), plain);

    // Where nothing is optimised, one byte of each block, and all bytes where chunks and tags begin and end.
    let step = 65_536 + 16;
    let near_an_end = |byte: usize| byte % step < 32 || byte % step >= step - 32 || byte >= 2 * step;
    let mut chunk = vec![0; 65_536];
    for byte in (0..body.len()).filter(|&byte| !cfg!(debug_assertions) || byte % 16 == 7 || near_an_end(byte)) {
        at.store(byte, Relaxed);
        let index = byte / step;
        let error = reader.read_at(&mut chunk, index as u64 * 65_536).expect_err("damaged");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
    for length in 0..body.len() {
        assert!(SealReader::new(body.slice(..length), &body_key, binding).is_err());
    }
}

struct Disk {
    place: tempfile::TempDir,
    cache: FilesystemCache,
}

async fn disk() -> Disk {
    let place = tempfile::tempdir().expect("a directory");
    let config = FilesystemConfig::new(place.path());
    let cache = FilesystemCache::open(config, TestKeys::new(1, Lifetime::Persistent)).await.expect("opened");
    Disk { place, cache }
}

fn only_file(place: &Path, room: &str) -> PathBuf {
    let files = support::all_files(&place.join("v1").join(room));
    assert_eq!(files.len(), 1);
    files[0].clone()
}

/// Every byte of a body of three chunks, changed in the file itself, while a reader holds it.
#[cfg(unix)]
#[tokio::test]
async fn no_byte_of_a_body_on_disk_can_be_flipped() {
    use std::os::unix::fs::FileExt;

    let Disk { place, cache } = disk().await;
    let (entry, plain) = content(1, 2 * 65_536 + 100);
    cache.insert(&entry, Arc::new(plain.clone())).await.expect("kept");
    let file = fs::File::options().read(true).write(true).open(only_file(place.path(), "bodies")).expect("opened");
    let Ok(Lookup::Hit(found)) = cache.lookup(&entry).await else { panic!("it is there") };
    let (step, length) = (65_536 + 16, file.metadata().expect("known").len());
    let (mut chunk, nothing) = (vec![0; 65_536], vec![0; 65_536]);
    for at in 0..length {
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).expect("read");
        file.write_all_at(&[byte[0] ^ 0x04], at).expect("written");
        let error = found.read_at(&mut chunk, at / step * 65_536).expect_err("damaged");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{at}");
        assert!(chunk == nothing, "{at}: nothing of it is shown");
        file.write_all_at(&byte, at).expect("written");
    }
    assert_eq!(read_all(found).await.expect("intact again"), plain);
    assert_eq!((cache.stats().corruptions, cache.stats().entries), (1, 0), "dropped at the first");
}

#[tokio::test]
async fn whatever_is_damaged_on_disk_is_dropped_and_a_miss() {
    let Disk { place, cache } = disk().await;
    for room in ["headers", "bodies"] {
        for damage in 0..if room == "headers" { 332 } else { 40 } {
            let (entry, bytes) = content(1000 + damage, 140_000);
            cache.insert(&entry, Arc::new(bytes.clone())).await.expect("kept");
            let path = only_file(place.path(), room);
            let mut damaged = fs::read(&path).expect("read");
            let length = damaged.len();
            match (room, damage) {
                ("headers", at) => damaged[at as usize] ^= 1 << (at % 8),
                (_, 0) => damaged.truncate(length - 1),
                (_, 1) => damaged.clear(),
                (_, 2) => damaged.push(0),
                (_, 3) => damaged[..131_104].rotate_left(65_552),
                (_, at) => damaged[(at * 3_600) as usize % length] ^= 1,
            }
            fs::write(&path, damaged).expect("written");
            if let Lookup::Hit(found) = cache.lookup(&entry).await.expect("a lookup does not fail") {
                assert_eq!(room, "bodies", "{damage}");
                read_all(found).await.expect_err("damaged");
            }
            let stats = cache.stats();
            if (room, damage) == ("headers", 6) {
                assert_eq!((stats.entries, stats.corruptions), (1, damage), "a later version is left alone");
                fs::remove_file(only_file(place.path(), "headers")).expect("removed");
                fs::remove_file(only_file(place.path(), "bodies")).expect("removed");
            } else {
                assert_eq!(stats.entries, 0, "{room} {damage}");
                for body in support::all_files(&place.path().join("v1/bodies")) {
                    // Where the header does not say which body is its own, the sweep finds it later.
                    fs::remove_file(body).expect("removed");
                }
            }
            assert_eq!(read(&cache, &entry).await, None, "{room} {damage}");
        }
    }
    assert_eq!(cache.stats().corruptions, 331 + 40);
}

#[tokio::test]
async fn a_header_under_another_name_is_damage() {
    let Disk { place, cache } = disk().await;
    let (entry, bytes) = content(1, 1000);
    cache.insert(&entry, Arc::new(bytes)).await.expect("kept");
    let header = fs::read(only_file(place.path(), "headers")).expect("read");
    let (other, other_bytes) = content(2, 1000);
    cache.insert(&other, Arc::new(other_bytes.clone())).await.expect("kept");
    for path in support::all_files(&place.path().join("v1/headers")) {
        fs::write(path, &header).expect("written");
    }
    assert_eq!(read(&cache, &other).await, None);
    assert_eq!(cache.stats().corruptions, 1);
    cache.insert(&other, Arc::new(other_bytes.clone())).await.expect("kept");
    assert_eq!(read(&cache, &other).await.as_deref(), Some(&*other_bytes));
}

#[tokio::test]
async fn damaged_twice_in_a_row_is_gone_around() {
    let Disk { place, cache } = disk().await;
    let (entry, bytes) = content(1, 1000);
    for _ in 0..2 {
        cache.insert(&entry, Arc::new(bytes.clone())).await.expect("kept");
        let path = only_file(place.path(), "bodies");
        fs::write(&path, vec![0; 1016]).expect("written");
        let Ok(Lookup::Hit(found)) = cache.lookup(&entry).await else { panic!("the header is intact") };
        read_all(found).await.expect_err("damaged");
    }
    let given_back = cache.insert(&entry, Arc::new(bytes.clone())).await.expect("gone around");
    assert_eq!(given_back.as_slice(), Some(&*bytes));
    assert_eq!((cache.stats().bypasses, cache.stats().entries), (1, 0));
    let (other, other_bytes) = content(2, 1000);
    cache.insert(&other, Arc::new(other_bytes)).await.expect("kept");
    assert!(read(&cache, &other).await.is_some(), "others are not concerned");
}
