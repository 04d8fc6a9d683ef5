//! What is told of keys: each access by an event, and the key itself nowhere.
#![cfg(unix)]

#[path = "support/logged.rs"]
mod logged;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use deltaglider_core::keys::KeyProvider;
use deltaglider_keys::environment::KEY;
use deltaglider_keys::file::LOOK;
use deltaglider_keys::material::parse_key;
use deltaglider_keys::{EnvironmentKeys, EphemeralKeys, FileKeys};
use logged::{assert_hidden, log};

/// A key that nothing else holds.
fn key(first: u8) -> [u8; 32] {
    std::array::from_fn(|i| first.wrapping_add((i as u8).wrapping_mul(37)) | 1)
}

fn id(key: [u8; 32]) -> String {
    parse_key(&STANDARD.encode(key), "").expect("a key").id().to_string()
}

fn outcome(key: [u8; 32], outcome: &str) -> (Option<String>, String) {
    (Some(id(key)), outcome.to_owned())
}

#[tokio::test]
async fn keys_of_the_environment_are_told_of_and_never_told() {
    log();
    let (new, old) = (key(11), key(12));
    let keys = EnvironmentKeys::from_values(&STANDARD.encode(new), Some(&STANDARD.encode(old))).expect("keys");
    assert!(EnvironmentKeys::from_values("secret-passphrase", None).is_err());
    let told = log().accesses(KEY);
    for expected in [outcome(new, "loaded"), outcome(old, "loaded to decrypt only"), (None, "malformed".to_owned())] {
        assert!(told.contains(&expected), "{told:?}");
    }
    let ring = keys.key_ring().await.expect("a ring");
    let shown = format!("{keys:?} {ring:?} {} {}", ring.primary.id(), keys.source());
    for key in [new, old] {
        assert_hidden(&shown, key, "a text");
        assert_hidden(&log().text(), key, "the log");
    }
    assert!(!log().text().contains("secret-passphrase"));
}

#[tokio::test]
async fn ephemeral_keys_are_told_of() {
    log();
    let keys = EphemeralKeys::new().expect("random");
    let first = keys.key_ring().await.expect("a ring").primary.id().to_string();
    keys.renew().await.expect("renewed");
    let second = keys.key_ring().await.expect("a ring").primary.id().to_string();
    let told = log().accesses(&keys.source());
    assert_ne!(first, second);
    for id in [first, second] {
        assert!(told.contains(&(Some(id), "loaded".to_owned())), "{told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_changes_is_told_of_and_never_told() {
    log();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("key");
    let (old, new) = (key(21), key(22));
    let write = |content: &str| {
        fs::write(&path, content).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
        let past = std::time::SystemTime::now() - Duration::from_secs(60);
        fs::File::options().write(true).open(&path).expect("there").set_modified(past).expect("set");
    };
    write(&STANDARD.encode(old));
    let keys = FileKeys::new(&path);
    keys.key_ring().await.expect("a ring");
    for content in ["secret-passphrase 2", &format!("{}\n{}", STANDARD.encode(new), STANDARD.encode(old))] {
        write(content);
        tokio::time::advance(LOOK).await;
        keys.key_ring().await.expect("a ring");
    }
    let expected = [
        outcome(old, "loaded"),
        (None, "malformed".to_owned()),
        outcome(new, "changed"),
        outcome(old, "changed to decrypt only"),
    ];
    assert_eq!(log().accesses(&path.display().to_string()), expected);
    for key in [old, new] {
        assert_hidden(&format!("{keys:?}"), key, "a text");
        assert_hidden(&log().text(), key, "the log");
    }
    assert!(!log().text().contains("secret-passphrase 2"));
}

#[tokio::test]
async fn a_file_of_ones_own_that_others_may_read_or_write_is_taken_with_a_warning() {
    log();
    let directory = tempfile::tempdir().expect("a directory");
    for (mode, warning) in [(0o600, None), (0o644, Some("may read")), (0o666, Some("may write"))] {
        let path = directory.path().join(format!("{mode:o}"));
        fs::write(&path, STANDARD.encode(key(31))).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
        FileKeys::new(&path).key_ring().await.expect("it is taken");
        let text = log().text();
        let said = text.lines().find(|line| line.contains(" WARN ") && line.contains(&*path.to_string_lossy()));
        assert_eq!(said.is_some(), warning.is_some(), "{said:?}");
        assert!(said.is_none_or(|said| said.contains(warning.unwrap_or_default())), "{said:?}");
    }
}

#[test]
fn the_search_finds_what_it_looks_for() {
    let key = key(41);
    for written in logged::encodings(key) {
        let held = std::panic::catch_unwind(|| assert_hidden(&format!("x{written}y"), key, "a text"));
        assert!(held.is_err(), "{written}");
    }
}
