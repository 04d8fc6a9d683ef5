//! The store in a directory keeps the contract of the port, and its own promises.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use deltaglider_core::Location;
use deltaglider_core::store::local::LocalStore;
use deltaglider_core::store::memory::MemoryStore;
use deltaglider_core::store::{
    Attributes, BucketStore, ListRequest, ObjectStore, Promises, PutMode, PutOptions, StoreErrorKind,
};
use deltaglider_testkit::conformance::{Subject, assert_fails, keys::every_one_is_a_key};
use futures::{TryStreamExt, future};
use tempfile::TempDir;

deltaglider_testkit::object_store_conformance!(|| async {
    let (store, directory) = store().await;
    (store, "bucket", directory)
});

deltaglider_testkit::bucket_store_conformance!(|| async {
    let directory = directory();
    (LocalStore::open(directory.path().to_owned()), directory)
});

/// A directory in memory where there is one: a suite of small objects is mostly waiting for the disk.
fn directory() -> TempDir {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { tempfile::tempdir_in(shared).unwrap() } else { tempfile::tempdir().unwrap() }
}

async fn store() -> (LocalStore, TempDir) {
    let directory = directory();
    let store = LocalStore::open(directory.path().to_owned());
    store.create_bucket("bucket").await.unwrap();
    (store, directory)
}

/// A store with an empty bucket, beside the bucket's directory.
async fn subject() -> (Subject, PathBuf) {
    let (store, directory) = store().await;
    let path = directory.path().join("bucket");
    (Subject::from((store, "bucket", directory)), path)
}

fn staging(bucket: &Path) -> PathBuf {
    bucket.join(".deltaglider-store/staging")
}

/// Everything below a directory, but for the bucket's own.
fn tree(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut unread = vec![directory.to_owned()];
    while let Some(next) = unread.pop() {
        for entry in fs::read_dir(next).unwrap().map(Result::unwrap) {
            if entry.file_name() != ".deltaglider-store" {
                found.push(entry.path());
                if entry.file_type().unwrap().is_dir() {
                    unread.push(entry.path());
                }
            }
        }
    }
    found
}

#[tokio::test]
async fn an_object_is_a_file_that_begins_with_its_content() {
    let (subject, bucket) = subject().await;
    subject.put("es/1.0/a.zip", "the content").await;
    let file = fs::read(bucket.join("es/1.0/a.zip.object")).unwrap();
    assert!(file.starts_with(b"the content{\"key\":\"es/1.0/a.zip\",\"size\":11,"));
    assert!(file.ends_with(b"DGLOCAL1"));
}

#[tokio::test]
async fn two_handles_on_a_directory_are_one_store() {
    let (first, directory) = store().await;
    let second: Arc<dyn ObjectStore> = Arc::new(LocalStore::open(directory.path().to_owned()));
    let stores = [Arc::new(first) as Arc<dyn ObjectStore>, second];
    let create = |n: usize| {
        let (store, options) = (stores[n % 2].clone(), PutOptions { mode: PutMode::Create, ..PutOptions::default() });
        async move {
            let body = Bytes::from(n.to_string()).into();
            store.put(&Location::new("bucket", "a/b"), body, options).await.map_err(|error| error.kind)
        }
    };
    let outcomes = future::join_all((0..16).map(create)).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    let at = Location::new("bucket", "a/b");
    let heads = future::try_join_all(stores.iter().map(|store| store.head(&at))).await.unwrap();
    assert_eq!(heads[0], heads[1]);
}

#[tokio::test]
async fn what_a_killed_writer_left_is_swept_and_a_live_one_is_spared() {
    let (subject, bucket) = subject().await;
    let [dead, alive] = ["dead", "alive"].map(|name| staging(&bucket).join(name));
    fs::write(&dead, "half an obj").unwrap();
    let writer = fs::File::create(&alive).unwrap();
    writer.lock().unwrap();
    subject.put("a", "content").await;
    assert!(!dead.exists() && alive.exists());
    assert_eq!(subject.keys().await, ["a"]);
    // The sweep comes once a handle.
    drop(writer);
    subject.put("b", "content").await;
    assert!(alive.exists());
    let again = LocalStore::open(bucket.parent().unwrap().to_owned());
    again.put(&subject.at("c"), Bytes::new().into(), PutOptions::default()).await.unwrap();
    assert!(fs::read_dir(staging(&bucket)).unwrap().next().is_none());
}

#[tokio::test]
async fn nothing_is_left_of_puts_and_deletes() {
    let (subject, bucket) = subject().await;
    let key = format!("a/{}/..//b", "long".repeat(100));
    for n in 0..5 {
        subject.put(&key, &n.to_string()).await;
        assert_fails(subject.put_with(&key, "x", PutMode::Create).await, StoreErrorKind::Conflict);
    }
    subject.put("a/c", "stays").await;
    subject.store.delete_one(&subject.at(&key), None).await.unwrap();
    assert_eq!(tree(&bucket).len(), 2);
    subject.store.delete_one(&subject.at("a/c"), None).await.unwrap();
    assert_eq!(tree(&bucket), Vec::<PathBuf>::new());
    assert_eq!(tree(&staging(&bucket)), Vec::<PathBuf>::new());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn no_file_stays_open() {
    let (subject, bucket) = subject().await;
    subject.put("a/b", "content").await;
    subject.read("a/b").await.unwrap();
    subject.keys().await;
    subject.store.delete_one(&subject.at("a/b"), None).await.unwrap();
    let open = fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    assert_eq!(open.filter(|path| path.starts_with(&bucket)).collect::<Vec<_>>(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn every_control_character_is_part_of_a_key() {
    let (subject, _) = subject().await;
    let keys: Vec<String> = (0..32_u8).chain([127]).map(|byte| format!("a{}b", char::from(byte))).collect();
    every_one_is_a_key(&subject, &keys).await;
}

#[tokio::test]
async fn components_longer_than_a_name_are_listed_in_order() {
    let (subject, _) = subject().await;
    // A directory of the rest of a long component holds what belongs between components of other lengths.
    let long = "k".repeat(198);
    let mut keys: Vec<String> = ["", "a", "%", "a%", "aa", "aaa", "%/x", "aaa/x", "aa%%%%", "~", "~~", "~~~", "~~~/y"]
        .map(|end| long.clone() + end)
        .into();
    keys.push("k".repeat(1024));
    every_one_is_a_key(&subject, &keys).await;
}

#[cfg(unix)]
#[tokio::test]
async fn symbolic_links_are_not_followed() {
    let (subject, bucket) = subject().await;
    subject.put("dir/a", "content").await;
    let elsewhere = bucket.parent().unwrap().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::copy(bucket.join("dir/a.object"), elsewhere.join("a.object")).unwrap();
    std::os::unix::fs::symlink(&elsewhere, bucket.join("link")).unwrap();
    std::os::unix::fs::symlink("a.object", bucket.join("dir/b.object")).unwrap();
    for key in ["link/a", "dir/b"] {
        assert_fails(subject.store.head(&subject.at(key)).await, StoreErrorKind::Denied);
        assert_fails(subject.put_with(key, "x", PutMode::Overwrite).await, StoreErrorKind::Denied);
        assert_fails(subject.store.delete_one(&subject.at(key), None).await, StoreErrorKind::Denied);
    }
    assert_fails(subject.put_with("link/new", "x", PutMode::Create).await, StoreErrorKind::Denied);
    assert_eq!(subject.keys().await, ["dir/a"]);
    assert_eq!(tree(&elsewhere), [elsewhere.join("a.object")]);
    let below: Result<Vec<_>, _> = subject.store.list(subject.below("link/")).try_collect().await;
    assert_fails(below, StoreErrorKind::Denied);
}

#[tokio::test]
async fn a_damaged_object_is_an_error_to_readers_and_no_obstacle_to_others() {
    let (subject, bucket) = subject().await;
    for key in ["a", "b", "c"] {
        subject.put(key, "content").await;
    }
    let path = bucket.join("b.object");
    for damage in
        [Bytes::new(), Bytes::from_static(b"something else"), fs::read(bucket.join("a.object")).unwrap().into()]
    {
        fs::write(&path, &damage).unwrap();
        let error = subject.store.head(&subject.at("b")).await.unwrap_err();
        assert_eq!((error.kind, error.code.as_str()), (StoreErrorKind::Damaged, "DamagedObject"));
        assert_eq!(subject.keys().await, ["a", "b", "c"]);
        assert_fails(subject.put_with("b", "x", PutMode::Create).await, StoreErrorKind::Conflict);
    }
    subject.put("b", "repaired").await;
    assert_eq!(subject.read("b").await.as_deref(), Ok("repaired"));
    fs::write(&path, "x").unwrap();
    subject.store.delete_one(&subject.at("b"), None).await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn foreign_files_are_left_alone() {
    let (subject, bucket) = subject().await;
    subject.put("dir/a", "content").await;
    for name in ["README", "dir/notes.txt", "%61.object", "dir/%zz.object"] {
        fs::write(bucket.join(name), "x").unwrap();
    }
    assert_eq!(subject.keys().await, ["dir/a"]);
    subject.store.delete_one(&subject.at("dir/a"), None).await.unwrap();
    assert!(bucket.join("dir/notes.txt").exists());
    let store = LocalStore::open(bucket.parent().unwrap().to_owned());
    assert_fails(store.delete_bucket("bucket").await, StoreErrorKind::NotEmpty);
}

#[tokio::test]
async fn a_bucket_adopts_an_empty_directory_and_no_other() {
    let directory = directory();
    let store = LocalStore::open(directory.path().join("deep/er"));
    assert!(store.list_buckets().await.unwrap().is_empty());
    store.create_bucket("new").await.unwrap();
    fs::create_dir(store.root().join("empty")).unwrap();
    store.create_bucket("empty").await.unwrap();
    fs::create_dir(store.root().join("foreign")).unwrap();
    fs::write(store.root().join("foreign/file"), "x").unwrap();
    let error = store.create_bucket("foreign").await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Conflict);
    assert!(error.message.contains("is not empty and no store: it holds file"), "{error}");
    fs::write(store.root().join("file"), "x").unwrap();
    store.create_bucket("file").await.unwrap_err();
    for name in ["", ".", "..", "a/b", ".deltaglider-x"] {
        assert_fails(store.create_bucket(name).await, StoreErrorKind::Invalid);
        assert_fails(store.delete_bucket(name).await, StoreErrorKind::NoSuchBucket);
    }
    let buckets: Vec<String> = store.list_buckets().await.unwrap().into_iter().map(|bucket| bucket.name).collect();
    assert_eq!(buckets, ["empty", "new"]);
}

#[tokio::test]
async fn a_store_of_a_later_version_is_not_touched() {
    let (subject, bucket) = subject().await;
    fs::write(bucket.join(".deltaglider-store/format"), "2\n").unwrap();
    assert_fails(subject.put_with("a", "x", PutMode::Overwrite).await, StoreErrorKind::Unsupported);
    assert_fails(subject.store.head(&subject.at("a")).await, StoreErrorKind::Unsupported);
}

#[tokio::test]
async fn a_bucket_is_found_on_a_path() {
    let (subject, bucket) = subject().await;
    subject.put("sub/a", "content").await;
    let text = bucket.to_str().unwrap();
    for (rest, key) in [
        ("", ""),
        ("/", ""),
        ("/a", "a"),
        ("/a/b.zip", "a/b.zip"),
        ("/a/", "a/"),
        ("//a", "/a"),
        ("/a//b", "a//b"),
        ("/..", ".."),
        ("/../x", "../x"),
        ("/sub/../b", "sub/../b"),
        ("/./b", "./b"),
        ("/sub/../../bucket/a", "sub/../../bucket/a"),
        ("/.deltaglider-store/a", ".deltaglider-store/a"),
        ("/%41 ?#", "%41 ?#"),
    ] {
        let (store, name, found) = LocalStore::locate(Path::new(&format!("{text}{rest}"))).unwrap().expect(rest);
        assert_eq!((name.as_str(), found.as_str()), ("bucket", key), "{rest:?}");
        assert_eq!(store.root(), bucket.parent().unwrap());
    }
    let inner = LocalStore::open(bucket.parent().unwrap().join("x"));
    inner.create_bucket("y").await.unwrap();
    let (store, name, key) = LocalStore::locate(&bucket.parent().unwrap().join("x/../x//y/k")).unwrap().unwrap();
    assert_eq!((name.as_str(), key.as_str()), ("y", "k"));
    assert_eq!(store.list_buckets().await.unwrap().len(), 1);
    assert!(LocalStore::locate(bucket.parent().unwrap()).unwrap().is_none());
    assert!(LocalStore::locate(Path::new("/")).unwrap().is_none());
    assert_fails(LocalStore::locate(Path::new("a/b")), StoreErrorKind::Invalid);
}

#[tokio::test]
async fn the_limits_of_s3_hold() {
    let (store, _directory) = store().await;
    assert_eq!(store.promises(), Promises::Kept);
    let put = |key: String, metadata: usize| {
        let store = store.clone();
        async move {
            let metadata = [("n".into(), "v".repeat(metadata))].into();
            let options =
                PutOptions { attributes: Attributes { metadata, ..Attributes::default() }, ..PutOptions::default() };
            let put = store.put(&Location::new("bucket", key), Bytes::new().into(), options).await;
            put.map(drop).map_err(|error| (error.kind, error.code))
        }
    };
    for key in ["\u{1}", "/", "a/"] {
        assert_eq!(put(key.repeat(1024 / key.len()), 2047).await, Ok(()), "{key:?}");
    }
    assert_eq!(put("k".repeat(1025), 0).await, Err((StoreErrorKind::Invalid, "KeyTooLongError".into())));
    assert_eq!(put("k".into(), 2048).await, Err((StoreErrorKind::Invalid, "MetadataTooLarge".into())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn puts_and_deletes_of_a_directory_do_not_meet() {
    let (subject, bucket) = subject().await;
    let tasks = (0..8).map(|n| {
        let (store, at) = (subject.store.clone(), subject.at(&format!("d/e/f/{n}")));
        tokio::spawn(async move {
            for _ in 0..50 {
                store.put(&at, Bytes::from_static(b"content").into(), PutOptions::default()).await.unwrap();
                store.head(&at).await.unwrap();
                store.delete_one(&at, None).await.unwrap();
            }
        })
    });
    future::try_join_all(tasks).await.unwrap();
    assert_eq!(tree(&bucket), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_listing_misses_nothing_that_is_replaced_meanwhile() {
    let (subject, _) = subject().await;
    let subject = Arc::new(subject);
    let keys: Vec<String> = (0..300).map(|n| format!("d/{n:03}")).collect();
    subject.put_all(keys.clone()).await;
    let done = Arc::new(AtomicBool::new(false));
    let writer = {
        let (subject, keys, done) = (subject.clone(), keys.clone(), done.clone());
        tokio::spawn(async move {
            for key in keys.iter().cycle() {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                subject.put(key, "another").await;
            }
        })
    };
    for _ in 0..50 {
        assert_eq!(subject.keys().await, keys);
    }
    done.store(true, Ordering::Relaxed);
    writer.await.unwrap();
}

/// A delta is put in place of a whole object, and the other way round: one of both names is there at any time.
#[tokio::test]
async fn a_listing_sees_what_came_in_place_of_what_has_gone() {
    for directory in ["", "d/"] {
        for (first, second) in [("b", "b.delta"), ("b.delta", "b")] {
            let (subject, _) = subject().await;
            let [before, first, second, after] = ["a", first, second, "c"].map(|name| format!("{directory}{name}"));
            subject.put_all([&before, &first, &after].map(String::clone)).await;
            let request = ListRequest { page_size: Some(1), ..ListRequest::below("bucket", "") };
            let mut listing = subject.store.list(request).map_ok(|entry| entry.name().to_owned());
            assert_eq!(listing.try_next().await.unwrap(), Some(before));
            subject.put(&second, "the same").await;
            subject.store.delete_one(&Location::new("bucket", first), None).await.unwrap();
            assert_eq!(listing.try_collect::<Vec<_>>().await.unwrap(), [second, after], "{directory:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_bucket_is_removed_between_puts_and_never_below_them() {
    let (store, _directory) = store().await;
    for round in 0..30 {
        let at = Location::new("bucket", format!("d/{round}"));
        let put = {
            let (store, at) = (store.clone(), at.clone());
            tokio::spawn(async move { store.put(&at, Bytes::new().into(), PutOptions::default()).await })
        };
        let removed = store.delete_bucket("bucket").await;
        match put.await.unwrap() {
            Ok(_) => {
                assert_fails(removed, StoreErrorKind::NotEmpty);
                (&store as &dyn ObjectStore).delete_one(&at, None).await.unwrap();
            }
            Err(error) => {
                assert_eq!(error.kind, StoreErrorKind::NoSuchBucket, "{error}");
                removed.unwrap();
                store.create_bucket("bucket").await.unwrap();
            }
        }
    }
}

mod model {
    //! Any keys, any listing: the directory answers what memory answers.

    use proptest::prelude::*;

    use super::*;

    fn key() -> impl Strategy<Value = String> {
        let piece = prop_oneof!["a", "b", "/", "-", "0", "%", ".", "ü", "~", "k{199}"].prop_map(|text: String| text);
        proptest::collection::vec(piece, 1..6).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn listings_agree(
            keys in proptest::collection::btree_set(key(), 1..40),
            requests in proptest::collection::vec(
                (prop_oneof![Just(String::new()), key()], proptest::option::of(key()), 0..3_usize, 1..9_u32),
                20,
            ),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let (local, _directory) = store().await;
                let memory = MemoryStore::with_bucket("bucket");
                for key in &keys {
                    let at = Location::new("bucket", key.as_str());
                    local.put(&at, Bytes::new().into(), PutOptions::default()).await.unwrap();
                    memory.put(&at, Bytes::new().into(), PutOptions::default()).await.unwrap();
                }
                for (prefix, start_after, delimiter, page_size) in requests {
                    let request = ListRequest {
                        delimiter: [None, Some("/"), Some("-")][delimiter].map(str::to_owned),
                        start_after,
                        page_size: Some(page_size),
                        ..ListRequest::below("bucket", prefix)
                    };
                    let [local, memory] = [local.list(request.clone()), memory.list(request.clone())]
                        .map(|entries| entries.map_ok(|entry| entry.name().to_owned()).try_collect::<Vec<_>>());
                    assert_eq!(local.await.unwrap(), memory.await.unwrap(), "{request:?}");
                }
            });
        }
    }
}
