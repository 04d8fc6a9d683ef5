//! What is logged: an ailing device once, damage with its name, and never a key.
#![cfg(unix)]

#[path = "support/engine.rs"]
mod engine;
#[path = "support/faulty.rs"]
mod faulty;
#[path = "support/log.rs"]
mod log;
#[path = "support/keys.rs"]
mod support;

use std::fs;
use std::io::ErrorKind::Other;
use std::sync::Arc;

use deltaglider_cache::encrypted::PATIENCE;
use deltaglider_cache::filesystem::FilesystemEntries;
use deltaglider_cache::{EncryptedCache, FilesystemCache, FilesystemConfig};
use deltaglider_core::cache::ReferenceCache;
use deltaglider_core::keys::Lifetime;
use engine::Bench;
use faulty::{Faults, Faulty};
use log::Log;
use support::{TestKeys, all_files, key};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ailing_device_is_logged_once() {
    let log = Log::begin();
    let place = tempfile::tempdir().expect("a directory");
    let store = FilesystemEntries::open(FilesystemConfig::new(place.path()), Lifetime::Persistent).expect("opened");
    let faults = Faults::default();
    let store = Faulty { store, faults: faults.clone() };
    let cache = EncryptedCache::over(store, TestKeys::new(1, Lifetime::Persistent), PATIENCE).await.expect("opened");
    let bench = Bench::new(70_000);
    let engine = bench.engine(Arc::new(cache));
    faults.inject(|_, _| Some(Other));
    for version in 0..20 {
        bench.put(&engine, "a", version).await.expect("put");
        bench.get(&engine, "a", version).await.expect("got");
    }
    let text = log.text();
    let warnings: Vec<_> = text.lines().filter(|line| line.contains("WARN")).collect();
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    assert!(warnings[0].contains("switched off for a while"), "{warnings:#?}");
}

/// The bytes of a key in every form that a log or a file could show.
fn shapes(bytes: &[u8]) -> Vec<Vec<u8>> {
    let encoded = hex::encode(bytes);
    let listed = bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    vec![bytes.to_vec(), encoded.to_uppercase().into_bytes(), encoded.into_bytes(), listed.into_bytes()]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_key_is_in_a_log_or_in_a_file() {
    let log = Log::begin();
    let place = tempfile::tempdir().expect("a directory");
    let keys = TestKeys::new(0xa7, Lifetime::Persistent);
    let open = async || {
        let cache = FilesystemCache::open(FilesystemConfig::new(place.path()), Arc::clone(&keys) as _).await;
        Arc::new(cache.expect("opened"))
    };
    let cache = open().await;
    let bench = Bench::new(200_000);
    let engine = bench.engine(Arc::clone(&cache) as _);
    for version in 0..3 {
        bench.put(&engine, "a", version).await.expect("put");
    }
    keys.set(&[0xb9, 0xa7]);
    assert_eq!(cache.rewrap().await.expect("rewrapped").rewrapped, 1);
    bench.get(&engine, "a", 2).await.expect("got");
    for body in all_files(&place.path().join("v1/bodies")) {
        fs::write(&body, "x").expect("written");
    }
    bench.get(&engine, "a", 2).await.expect("got");
    let files = all_files(place.path());
    assert!(files.len() >= 2, "{files:?}");
    let mut written: Vec<_> = files.into_iter().map(|path| fs::read(path).expect("read")).collect();
    let shown = format!("{cache:?} {keys:?} {:?} {engine:?}", cache.stats());
    cache.clear().await.expect("cleared");
    let text = log.text();
    assert!(text.contains("decryption failed"), "{text}");
    written.extend([text.into_bytes(), shown.into_bytes()]);

    for byte in [0xa7, 0xb9] {
        let mut secrets = shapes(&[byte; 32]);
        for purpose in [&b"wrapping key"[..], b"subject key", b"name key"] {
            let mut derived = [0; 32];
            key(byte).derive(purpose, &mut derived);
            secrets.extend(shapes(&derived));
        }
        for secret in secrets {
            let found = written.iter().any(|written| written.windows(secret.len()).any(|window| window == secret));
            assert!(!found, "{}", String::from_utf8_lossy(&secret));
        }
    }
}
