//! Any text as a key and as a URL: what stored names say is what they were made of.
#![no_main]

use deltaglider_core::delta_space::{StoredName, delta_form, logical_directory, stored_prefix, whole_form};
use deltaglider_core::{DeltaSpace, Location, Sha256, StoreUrl};
use deltaglider_fuzz::seed;
use libfuzzer_sys::fuzz_target;

fn seeds() -> Vec<Vec<u8>> {
    let keys = ["a/.dg/b/reference.bin", ".deltaglider.dgkey/x.delta.dgkey", "s3://b/k", "file:///a/b", ".dg/", "//"];
    keys.map(|key| key.as_bytes().to_vec()).into()
}

fuzz_target!(init: seed(seeds), |key: &str| {
    if let Ok(url) = key.parse::<StoreUrl>() {
        assert_eq!(url.to_string().parse::<StoreUrl>().as_ref(), Ok(&url));
    }
    let _ = StoredName::of(key);
    let object = Location::new("b", key);
    let stored = whole_form(&object);
    assert_eq!(StoredName::of(stored.key()), StoredName::Whole(key.to_owned()));
    if !key.is_empty()
        && !key.ends_with('/')
        && let Some(delta) = delta_form(&object)
    {
        assert_eq!(StoredName::of(delta.key()), StoredName::Delta(key.to_owned()));
    }
    let space = DeltaSpace::of(&object);
    assert_eq!(StoredName::of(space.reference().key()), StoredName::Reference);
    assert_eq!(StoredName::of(space.trash(&Sha256([0; 32]), 1).key()), StoredName::Internal);
    let directory = &key[..key.rfind('/').map_or(0, |slash| slash + 1)];
    assert_eq!(logical_directory(space.prefix()).as_deref(), Some(directory));
    for (at, _) in key.char_indices() {
        assert!(stored.key().starts_with(&stored_prefix(&key[..at])), "what begins with {:?} is listed", &key[..at]);
    }
});
