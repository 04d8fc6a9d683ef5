//! Any file as one that holds keys: keys, or an error that is the same whatever stands there.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use deltaglider_core::keys::KeyProvider;
use deltaglider_fuzz::{directory, seed, wait};
use deltaglider_keys::FileKeys;
use deltaglider_keys::file::OLD_LIMIT;
use libfuzzer_sys::fuzz_target;

static FILE: LazyLock<PathBuf> = LazyLock::new(|| directory("key_file").join("keys"));

/// What is said of a file that holds no keys, and of one that is no text. Whether a text of an input stands in an error could not be
/// asked: the fuzzer reads errors, and makes inputs of them.
static SAID: LazyLock<[String; 2]> =
    LazyLock::new(|| [&b"x"[..], b"\xff"].map(|input| read(input).expect_err("no keys")));

/// How many keys that only open a file of these bytes holds, or what is said of it.
fn read(input: &[u8]) -> Result<usize, String> {
    std::fs::write(&*FILE, input).expect("written");
    let ring = wait(FileKeys::new(&*FILE).key_ring()).map_err(|error| error.to_string())?;
    Ok(ring.decrypt_only.len())
}

fn seeds() -> Vec<Vec<u8>> {
    let key = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";
    [key.to_owned(), format!("# old\n\n{key}\r\n  {key}\n"), vec![key; 9].join("\n"), "a passphrase".to_owned()]
        .map(String::into_bytes)
        .into()
}

fuzz_target!(init: seed(seeds), |input: &[u8]| match read(input) {
    Ok(old) => assert!(old <= OLD_LIMIT),
    Err(told) => assert!(SAID.contains(&told), "{told}"),
});
