//! Keys from a file that is replaced while it is in use, in all the ways in which secrets are mounted.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use deltaglider_core::keys::{CacheEncryptionKey, KeyId, KeyProvider, Lifetime};
use deltaglider_keys::FileKeys;
use deltaglider_keys::file::LOOK;
use deltaglider_keys::material::parse_key;
use tempfile::TempDir;

/// A directory with a key file.
struct Mount {
    directory: TempDir,
}

impl Mount {
    fn new(content: &str) -> Self {
        let mount = Self { directory: tempfile::tempdir().expect("a directory") };
        mount.write(content);
        mount
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("key")
    }

    /// Writes in place, as of a while ago: the file counts as settled.
    fn write(&self, content: &str) {
        fs::write(self.path(), content).expect("written");
        self.set_age(Duration::from_secs(60));
    }

    fn set_age(&self, age: Duration) {
        let file = fs::File::options().write(true).open(self.path()).expect("there");
        file.set_modified(SystemTime::now() - age).expect("set");
    }

    fn keys(&self) -> FileKeys {
        FileKeys::new(self.path())
    }
}

fn text(byte: u8) -> String {
    STANDARD.encode([byte; 32])
}

fn id(byte: u8) -> KeyId {
    parse_key(&text(byte), "").expect("a key").id()
}

/// The primary key's id, after the time until the next look.
async fn primary(keys: &FileKeys) -> KeyId {
    tokio::time::advance(LOOK).await;
    keys.key_ring().await.expect("a ring").primary.id()
}

#[tokio::test]
async fn every_form_of_a_key_is_accepted() {
    let bytes: [u8; 32] = std::array::from_fn(|i| 0xfb_u8.wrapping_add((i * 5) as u8) | 0xf0);
    let standard = STANDARD.encode(bytes);
    let double = STANDARD.encode(&standard);
    assert_eq!(double.len(), 60);
    let expected = parse_key(&standard, "").expect("a key").id();
    for content in [
        standard.clone(),
        format!("{standard}\n"),
        format!("{standard}\r\n"),
        STANDARD_NO_PAD.encode(bytes),
        URL_SAFE.encode(bytes),
        URL_SAFE_NO_PAD.encode(bytes),
        double,
        URL_SAFE.encode(URL_SAFE.encode(bytes)),
        format!("# the key of May\n{standard}\n{}\n", text(2)),
    ] {
        let ring = Mount::new(&content).keys().key_ring().await.expect(&content);
        assert_eq!(ring.primary.id(), expected, "{content}");
    }
}

#[tokio::test]
async fn anything_else_names_the_file_and_the_form_and_never_the_content() {
    let long = "A".repeat(40_000);
    let ten = (1..=10).map(text).collect::<Vec<_>>().join("\n");
    for content in [
        "",
        "\n",
        "secret-passphrase",
        &STANDARD.encode([7; 31]),
        &STANDARD.encode([7; 33]),
        &"07".repeat(32),
        &long,
        &ten,
    ] {
        let mount = Mount::new(content);
        let error = mount.keys().key_ring().await.expect_err("no key").to_string();
        assert!(error.contains(&*mount.path().to_string_lossy()), "{error}");
        assert!(error.contains("32 bytes in base64") && error.contains("deltaglider key generate"), "{error}");
        assert!(content.trim().is_empty() || !error.contains(content), "{error}");
    }
    let binary = Mount::new("");
    fs::write(binary.path(), [0xff; 32]).expect("written");
    let error = binary.keys().key_ring().await.expect_err("no text").to_string();
    assert!(error.contains(&*binary.path().to_string_lossy()), "{error}");
}

#[tokio::test]
async fn a_file_that_is_not_there_or_no_file_is_an_error_with_a_remedy() {
    let mount = Mount::new("");
    for path in [mount.directory.path().join("none"), mount.directory.path().to_owned()] {
        let error = FileKeys::new(&path).key_ring().await.expect_err("no file").to_string();
        assert!(error.contains(&*path.to_string_lossy()) && error.contains("check its path"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_written_again_is_read_again() {
    let mount = Mount::new(&text(1));
    let keys = mount.keys();
    assert_eq!(keys.lifetime(), Lifetime::Persistent);
    assert_eq!(keys.key_ring().await.expect("a ring").primary.id(), id(1));
    mount.write(&format!("{}\n{}\n", text(2), text(1)));
    // At most one look a second: what is served meanwhile is what was read.
    assert_eq!(keys.key_ring().await.expect("a ring").primary.id(), id(1));
    assert_eq!(primary(&keys).await, id(2));
    let ring = keys.key_ring().await.expect("a ring");
    assert_eq!(ring.decrypt_only.iter().map(CacheEncryptionKey::id).collect::<Vec<_>>(), [id(1)]);
    assert!(ring.created.is_some_and(|created| created < SystemTime::now()));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_replaced_by_a_rename_is_read_again() {
    let mount = Mount::new(&text(1));
    let keys = mount.keys();
    assert_eq!(primary(&keys).await, id(1));
    let (other, age) = (mount.directory.path().join("other"), fs::metadata(mount.path()).expect("there"));
    fs::write(&other, text(2)).expect("written");
    // The same length and the same time: only the inode tells.
    fs::File::options()
        .write(true)
        .open(&other)
        .expect("there")
        .set_modified(age.modified().expect("known"))
        .expect("set");
    fs::rename(other, mount.path()).expect("replaced");
    assert_eq!(primary(&keys).await, id(2));
}

#[tokio::test(start_paused = true)]
async fn a_link_that_is_swapped_is_followed_again() {
    // As Kubernetes mounts secrets: key -> ..data/key, and ..data -> ..the_version, which is swapped by a rename.
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    for (version, byte) in [("..one", 1), ("..two", 2)] {
        fs::create_dir(at(version)).expect("made");
        fs::write(at(version).join("key"), text(byte)).expect("written");
    }
    symlink("..one", at("..data")).expect("linked");
    symlink("..data/key", at("key")).expect("linked");
    let keys = FileKeys::new(at("key"));
    assert_eq!(primary(&keys).await, id(1));
    symlink("..two", at("..data_tmp")).expect("linked");
    fs::rename(at("..data_tmp"), at("..data")).expect("swapped");
    fs::remove_dir_all(at("..one")).expect("removed");
    assert_eq!(primary(&keys).await, id(2));
}

#[tokio::test(start_paused = true)]
async fn the_last_good_keys_stay_while_the_file_is_away_or_malformed() {
    let mount = Mount::new(&text(1));
    let keys = mount.keys();
    assert_eq!(primary(&keys).await, id(1));
    mount.write("half a k");
    assert_eq!(primary(&keys).await, id(1));
    assert_eq!(primary(&keys).await, id(1));
    fs::remove_file(mount.path()).expect("removed");
    assert_eq!(primary(&keys).await, id(1));
    mount.write(&text(2));
    assert_eq!(primary(&keys).await, id(2));
}

#[tokio::test(start_paused = true)]
async fn a_change_within_the_clock_of_the_file_system_is_seen() {
    let mount = Mount::new(&text(1));
    mount.set_age(Duration::ZERO);
    let before = fs::metadata(mount.path()).expect("there").modified().expect("known");
    let keys = mount.keys();
    assert_eq!(primary(&keys).await, id(1));
    // In place, of the same length, and with the same time.
    fs::write(mount.path(), text(2)).expect("written");
    fs::File::options().write(true).open(mount.path()).expect("there").set_modified(before).expect("set");
    assert_eq!(primary(&keys).await, id(2));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_has_the_file_looked_at_at_once() {
    let mount = Mount::new(&text(1));
    let keys = mount.keys();
    assert_eq!(primary(&keys).await, id(1));
    assert!(!keys.refresh().await.expect("looked"));
    mount.write(&text(2));
    tokio::time::advance(LOOK / 2).await;
    assert!(keys.refresh().await.expect("looked"));
    assert_eq!(keys.key_ring().await.expect("a ring").primary.id(), id(2));
    assert!(!keys.renew().await.expect("persistent keys stay"));
}
