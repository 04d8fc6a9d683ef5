//! The sealed entry's bytes, held still by vectors that another implementation can check too.

#![allow(clippy::print_stderr, reason = "a test that cannot be made has to say so")]

#[path = "support/keys.rs"]
mod support;

use std::io::Write;
use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use deltaglider_cache::entry::EntryId;
use deltaglider_cache::sealed::{self, Contents, Subject};
use deltaglider_core::keys::{CacheEncryptionKey, KeyError};
use deltaglider_core::seal::{SealReader, SealWriter};
use deltaglider_core::{RandomAccess, Sha256};
use zeroize::Zeroizing;

/// `name = value` lines; blank lines part the vectors.
const VECTORS: &str = include_str!("vectors/sealed-entry-v1.txt");

struct Made {
    header: Vec<u8>,
    body: Vec<u8>,
    name: String,
    key_id: String,
}

/// The content of a vector: byte `i` is `(i * 7 + i / 251) mod 256`.
fn plain(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 7 + i / 251) as u8).collect()
}

/// The inputs of a vector: key bytes 0, 1, 2, …; entry id 0x40, 0x41, …; data key 0x80, 0x81, …; nonce 0xc0, 0xc1, …
fn make(form: &str, length: usize) -> (CacheEncryptionKey, Subject, Contents, Made) {
    let key = CacheEncryptionKey::fill_with(|key| {
        *key = counting(0);
        Ok::<_, KeyError>(())
    })
    .expect("filled");
    let plain = plain(length);
    let subject = Subject { digest: Sha256::of(b"deltaglider"), form: form.to_owned() };
    let contents = Contents {
        entry: EntryId(counting(0x40)),
        data_key: Zeroizing::new(counting(0x80)),
        sha256: Sha256::of(&plain),
        length: length as u64,
        created: 1_767_225_600,
    };
    let header = sealed::seal(&key, &subject, &contents, counting(0xc0)).expect("sealed").to_vec();
    let binding = contents.binding(subject.digest);
    let mut writer = SealWriter::new(Vec::new(), &contents.body_key(), binding);
    writer.write_all(&plain).expect("written");
    let body = writer.finish().expect("finished");
    let made =
        Made { header, body, name: sealed::entry_name(&key, &subject).to_string(), key_id: key.id().to_string() };
    (key, subject, contents, made)
}

fn counting<const LENGTH: usize>(from: u8) -> [u8; LENGTH] {
    std::array::from_fn(|i| from + i as u8)
}

#[test]
fn the_vectors_are_what_is_written_and_are_read_back() {
    let mut checked = 0;
    for vector in VECTORS.split("\n\n") {
        let field = |name: &str| vector.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
        let Some(form) = field("form") else { continue };
        let length = field("length").and_then(|text| text.parse().ok()).expect("a length");
        let (key, subject, contents, made) = make(form, length);
        assert_eq!(field("key_id"), Some(made.key_id.as_str()));
        assert_eq!(field("name"), Some(made.name.as_str()));
        assert_eq!(field("header"), Some(hex::encode(&made.header).as_str()));
        assert_eq!(field("body_sha256"), Some(Sha256::of(&made.body).to_string().as_str()));
        if let Some(body) = field("body") {
            assert_eq!(body, hex::encode(&made.body));
        }

        let header = hex::decode(field("header").expect("a header")).expect("hexadecimal");
        let opened = sealed::open(&key, &subject, &header).expect("it opens");
        assert_eq!((opened.sha256, opened.length), (contents.sha256, contents.length));
        let body = Bytes::from(made.body);
        let reader = SealReader::new(body, &opened.body_key(), opened.binding(subject.digest)).expect("its length");
        assert_eq!((&reader as &dyn RandomAccess).read_vec(0, length).expect("read"), plain(length));
        checked += 1;
    }
    assert_eq!(checked, 3);
}

/// A reader in another language, written from the page alone.
#[test]
fn a_second_reader_opens_the_vectors() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let installed = root.join("target/servers/environment/bin/python");
    let has_the_aead = |python: &&Path| {
        let asked = "from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV; AESGCMSIV(bytes(32))";
        Command::new(python).args(["-c", asked]).output().is_ok_and(|output| output.status.success())
    };
    let Some(python) = [installed.as_path(), Path::new("python3")].into_iter().find(has_the_aead) else {
        eprintln!(
            "SKIPPED: Python's `cryptography` with AES-GCM-SIV is not there; `cargo xtask ci decoders` installs it"
        );
        return;
    };
    let mut command = Command::new(python);
    command.arg(root.join("tests/decoders/sealed_entry.py"));
    command.arg(root.join("crates/deltaglider-cache/tests/vectors/sealed-entry-v1.txt"));
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "3 vectors opened\n");
}
