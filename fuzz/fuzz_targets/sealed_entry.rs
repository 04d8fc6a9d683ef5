//! Any bytes as the header of a sealed entry: what opens is what was sealed.
#![no_main]

use std::sync::LazyLock;

use deltaglider_cache::entry::EntryId;
use deltaglider_cache::sealed::{Contents, HEADER_LENGTH, Subject, open, open_subject, peek, seal};
use deltaglider_core::Sha256;
use deltaglider_core::keys::CacheEncryptionKey;
use deltaglider_fuzz::seed;
use libfuzzer_sys::fuzz_target;
use zeroize::Zeroizing;

type Entry = (Subject, [u8; HEADER_LENGTH]);

/// Two entries under one key.
static SEALED: LazyLock<(CacheEncryptionKey, [Entry; 2])> = LazyLock::new(|| {
    let Ok(key) = CacheEncryptionKey::fill_with(|key| {
        key.fill(1);
        Ok::<_, std::convert::Infallible>(())
    });
    let entries = [(1, "stored"), (2, "expanded/1")].map(|(number, form)| {
        let subject = Subject { digest: Sha256([number; 32]), form: form.to_owned() };
        let contents = Contents {
            entry: EntryId([number; 16]),
            data_key: Zeroizing::new([number; 32]),
            sha256: Sha256([number; 32]),
            length: number.into(),
            created: 5,
        };
        let header = seal(&key, &subject, &contents, [number; 12]).expect("sealed");
        (subject, header)
    });
    (key, entries)
});

fn seeds() -> Vec<Vec<u8>> {
    SEALED.1.iter().map(|(_, header)| header.to_vec()).collect()
}

fuzz_target!(init: seed(seeds), |header: &[u8]| {
    let (key, entries) = &*SEALED;
    let clear = peek(header);
    for (subject, sealed) in entries {
        let intact = sealed == header;
        let opened = open(key, subject, header);
        assert_eq!(opened.is_ok(), intact, "what was sealed opens, as what it is, and nothing else");
        assert!(opened.is_err() || clear.is_ok());
        let named = open_subject(key, header);
        assert!(!intact || named.as_ref() == Ok(subject));
        // The payload stands behind what the subject is bound to.
        let before = entries.iter().any(|(_, other)| header.len() == HEADER_LENGTH && header[..236] == other[..236]);
        assert!(named.is_err() || before, "a subject that was never sealed is told of no header");
    }
});
