//! Any metadata as a record, and any metadata of a user beside what is written.
#![no_main]

use std::time::UNIX_EPOCH;

use deltaglider_core::codec::CodecId;
use deltaglider_core::record::{
    DeltaFacts, Record, delta_metadata, original_name, reference_metadata, user_metadata, whole_metadata,
};
use deltaglider_core::store::Metadata;
use deltaglider_core::{ContentDigest, DeltaSpace, Location, Sha256};
use deltaglider_fuzz::seed;
use libfuzzer_sys::fuzz_target;

fn seeds() -> Vec<Vec<u8>> {
    let digest = ContentDigest::of(b"abc");
    let user = Metadata::from([("colour".to_owned(), "red".to_owned())]);
    ["a/b.zip", "größe 1.zip", ""]
        .iter()
        .flat_map(|key| {
            let object = Location::new("b", *key);
            let reference = DeltaSpace::of(&object).reference();
            let (codec, reference_sha256) = (CodecId::new("dgd1"), Sha256::of(b""));
            let facts = DeltaFacts { codec, reference: &reference, reference_sha256, size: 9 };
            [
                (*key, reference_metadata(&object, &digest, UNIX_EPOCH)),
                (*key, whole_metadata(&object, &digest, UNIX_EPOCH, &user)),
                (*key, delta_metadata(&object, &digest, &facts, UNIX_EPOCH, &user)),
            ]
        })
        .map(|(key, metadata)| {
            let fields = metadata.iter().map(|(name, value)| format!("{name}\0{value}"));
            std::iter::once(key.to_owned()).chain(fields).collect::<Vec<_>>().join("\0").into_bytes()
        })
        .collect()
}

/// Whether any store takes a value as it is.
fn is_plain(value: &str) -> bool {
    value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && value.trim() == value
}

fuzz_target!(init: seed(seeds), |input: &str| {
    let mut words = input.split('\0').map(str::to_owned);
    let object = Location::new("b", words.next().unwrap_or_default());
    let mut metadata = Metadata::new();
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        metadata.insert(name, value);
    }
    let foreign = Record::read(&metadata) == Ok(Record::Foreign);
    assert!(!foreign || user_metadata(&metadata) == metadata, "what is not ours is the user's");
    let _ = original_name(&metadata);

    let digest = ContentDigest::of(input.as_bytes());
    let reference = DeltaSpace::of(&object).reference();
    let (codec, reference_sha256) = (CodecId::new("dgd1"), Sha256::of(b"reference"));
    let facts = DeltaFacts { codec, reference: &reference, reference_sha256, size: 9 };
    let written = [
        reference_metadata(&object, &digest, UNIX_EPOCH),
        whole_metadata(&object, &digest, UNIX_EPOCH, &metadata),
        delta_metadata(&object, &digest, &facts, UNIX_EPOCH, &metadata),
    ];
    for (kind, stored) in written.iter().enumerate() {
        let (read, content) = match Record::read(stored).expect("a record") {
            Record::Reference(content) => (0, content),
            Record::Whole(content) => (1, content),
            Record::Delta(delta) => {
                assert_eq!((delta.codec.as_str(), delta.reference_sha256), ("dgd1", Some(reference_sha256)));
                assert!(delta.reference_key.is_none_or(|key| key == reference.key()), "the reference's key, or none");
                (2, delta.content)
            }
            Record::Foreign => panic!("what we wrote is ours"),
        };
        assert_eq!(read, kind);
        assert_eq!((content.sha256, content.size), (Some(digest.sha256), Some(digest.size)));
        assert!(user_metadata(stored) == if kind == 0 { Metadata::new() } else { metadata.clone() });
        assert!(original_name(stored).is_none_or(|name| name == object.name()), "the object's name, or none");
        let ours = stored.iter().filter(|(name, _)| name.starts_with("dg-"));
        ours.for_each(|(name, value)| assert!(is_plain(value), "{name} is {value:?}"));
    }
});
