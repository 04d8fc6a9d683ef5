//! Any file as one that holds keys: keys, or an error that tells nothing of what stands there.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use deltaglider_core::keys::KeyProvider;
use deltaglider_fuzz::{directory, seed, wait};
use deltaglider_keys::FileKeys;
use deltaglider_keys::file::OLD_LIMIT;
use libfuzzer_sys::fuzz_target;

static FILE: LazyLock<PathBuf> = LazyLock::new(|| directory("key_file").join("keys"));

fn seeds() -> Vec<Vec<u8>> {
    let key = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";
    [key.to_owned(), format!("# old\n\n{key}\r\n  {key}\n"), vec![key; 9].join("\n"), "a passphrase".to_owned()]
        .map(String::into_bytes)
        .into()
}

fuzz_target!(init: seed(seeds), |input: &[u8]| {
    std::fs::write(&*FILE, input).expect("written");
    match wait(FileKeys::new(&*FILE).key_ring()) {
        Ok(ring) => assert!(ring.decrypt_only.len() <= OLD_LIMIT),
        Err(error) => {
            let told = error.to_string();
            let lines = String::from_utf8_lossy(input);
            let secret = lines.lines().map(str::trim).find(|line| line.len() > 30 && told.contains(*line));
            assert_eq!(secret, None, "{told}");
        }
    }
});
