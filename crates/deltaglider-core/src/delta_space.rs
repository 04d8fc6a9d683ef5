//! The delta space and the names that objects have in a bucket: logical keys, as users know them, and stored keys.
//!
//! | stored key | holds |
//! |---|---|
//! | `<space>/reference.bin` | the reference of the space |
//! | `<space>/<name>.delta` | the object `<space>/<name>`, as a delta |
//! | `<space>/<name>` | the object itself, whole |
//! | `<space>/.deltaglider/…`, `<space>/.dg/…` | internal, hidden |
//!
//! A user's own key that would fall on one of these names is *escaped*: the component in question gets the suffix `.dgkey`, and
//! so does one that looks escaped already. That is reversible, stays in its delta space, and keeps most of the order of keys.

use std::fmt;

use crate::location::MAX_KEY_BYTES;
use crate::{Location, Sha256};

const REFERENCE: &str = "reference.bin";
const DELTA_SUFFIX: &str = ".delta";
const ESCAPE_SUFFIX: &str = ".dgkey";
const TRASH: &str = ".deltaglider/trash/";
const PROBE: &str = ".deltaglider/probe/";
const TEMPORARY: &str = ".deltaglider/tmp/";
const INTERNAL_DIRECTORIES: [&str; 2] = [".deltaglider", ".dg"];

/// The objects that share a reference: those whose keys have the same prefix up to the last `/`. The bucket's root is one too.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeltaSpace {
    root: Location,
}

impl DeltaSpace {
    /// The space of an object, by its logical key.
    #[must_use]
    pub fn of(object: &Location) -> Self {
        Self::of_stored(&object.with_key(escape(object.key())))
    }

    /// The space of a stored key that is not an internal one.
    #[must_use]
    pub fn of_stored(stored: &Location) -> Self {
        let key = stored.key();
        let prefix = key.rfind('/').map_or("", |slash| &key[..=slash]);
        Self { root: stored.with_key(prefix) }
    }

    /// The space that a stored key is in, an internal one too.
    #[must_use]
    pub fn holding(stored: &Location) -> Self {
        let mut start = 0;
        for component in stored.key().split_inclusive('/') {
            if component.strip_suffix('/').is_some_and(|name| INTERNAL_DIRECTORIES.contains(&name)) {
                return Self { root: stored.with_key(&stored.key()[..start]) };
            }
            start += component.len();
        }
        Self::of_stored(stored)
    }

    /// The stored prefix: empty, or ending in `/`.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.root.key()
    }

    /// The bucket.
    #[must_use]
    pub fn bucket(&self) -> &str {
        self.root.bucket()
    }

    /// Where the reference is.
    #[must_use]
    pub fn reference(&self) -> Location {
        self.at(REFERENCE)
    }

    /// What the keys of trash copies of a reference begin with.
    #[must_use]
    pub fn trash_prefix(&self, digest: &Sha256) -> String {
        format!("{}{TRASH}{digest}-", self.prefix())
    }

    /// A trash key of its own for a reference.
    #[must_use]
    pub fn trash(&self, digest: &Sha256, random: u64) -> Location {
        self.root.with_key(format!("{}{random:016x}", self.trash_prefix(digest)))
    }

    /// A throw-away key, by which the store is asked what it honours.
    #[must_use]
    pub fn probe(&self, random: u64) -> Location {
        self.at(&format!("{PROBE}{random:016x}"))
    }

    /// Whether the prefix leaves room for every key that the space may need: the longest is that of a trash copy.
    #[must_use]
    pub fn fits_internal_keys(&self) -> bool {
        self.trash(&Sha256([0; 32]), 0).key().len() <= MAX_KEY_BYTES
    }

    fn at(&self, name: &str) -> Location {
        self.root.with_key(format!("{}{name}", self.prefix()))
    }
}

impl fmt::Display for DeltaSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

impl fmt::Debug for DeltaSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

/// Where a bucket says what it asks of its clients.
#[must_use]
pub fn configuration(bucket: &str) -> Location {
    Location::new(bucket, ".deltaglider/config.json")
}

/// Where a whole copy of an object lies for a while: at the bucket's root, under a key that nobody can guess who is not told it.
#[must_use]
pub fn temporary(object: &Location, random: u128) -> Location {
    let mut key = format!(".deltaglider/tmp/{random:032x}_{}", object.name());
    while key.len() > MAX_KEY_BYTES {
        key.pop();
    }
    object.with_key(key)
}

/// Where the whole form of an object is stored.
#[must_use]
pub fn whole_form(object: &Location) -> Location {
    object.with_key(escape(object.key()))
}

/// Where the delta form of an object is stored; `None` where that key would be too long for S3.
#[must_use]
pub fn delta_form(object: &Location) -> Option<Location> {
    let key = format!("{}{DELTA_SUFFIX}", escape(object.key()));
    (key.len() <= MAX_KEY_BYTES).then(|| object.with_key(key))
}

/// Whether a logical key is stored under another name than its own.
#[must_use]
pub fn is_escaped(object: &Location) -> bool {
    escape(object.key()) != object.key()
}

/// Whether an object without our metadata may stand at a logical key that our own objects would be escaped from:
/// `reference.bin` and `*.delta` may, what is below an internal directory is hidden.
#[must_use]
pub fn may_be_foreign(object: &Location) -> bool {
    is_escaped(object) && !is_internal(object.key())
}

/// What a stored key says of itself; only the metadata tells whether a reference or a delta is ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredName {
    /// Below an internal directory: hidden.
    Internal,
    /// A reference, if it has our metadata; else the foreign object of that name.
    Reference,
    /// A delta of the logical key, if it has our metadata; else the foreign object of the stored name.
    Delta(String),
    /// The whole form of the logical key.
    Whole(String),
}

impl StoredName {
    /// Reads a stored key.
    #[must_use]
    pub fn of(stored_key: &str) -> Self {
        if is_internal(stored_key) {
            return Self::Internal;
        }
        let name = stored_key.rsplit('/').next().unwrap_or(stored_key);
        if name == REFERENCE {
            return Self::Reference;
        }
        match stored_key.strip_suffix(DELTA_SUFFIX) {
            Some(key) if name.len() > DELTA_SUFFIX.len() => Self::Delta(unescape(key)),
            _ => Self::Whole(unescape(stored_key)),
        }
    }
}

/// What an internal key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InternalName {
    /// A reference on its way out, or kept beside another one, by its digest.
    Trash(Sha256),
    /// A throw-away key, by which a store was asked what it honours.
    Probe,
    /// A whole copy of an object, for as long as a link to it is good.
    Temporary,
    /// Anything else: it is left alone.
    Other,
}

impl InternalName {
    /// Reads a stored key below an internal directory of a space.
    #[must_use]
    pub fn of(space: &DeltaSpace, stored_key: &str) -> Self {
        let Some(name) = stored_key.strip_prefix(space.prefix()) else { return Self::Other };
        if let Some(name) = name.strip_prefix(TRASH) {
            let digest = name.split_once('-').and_then(|(digest, _)| digest.parse().ok());
            return digest.map_or(Self::Other, Self::Trash);
        }
        if name.starts_with(PROBE) {
            return Self::Probe;
        }
        if name.starts_with(TEMPORARY) { Self::Temporary } else { Self::Other }
    }
}

/// The stored prefix under which everything is listed whose logical key begins with a logical prefix.
///
/// Complete components are escaped; of the last, incomplete one every stored form begins as it does itself.
#[must_use]
pub fn stored_prefix(logical_prefix: &str) -> String {
    match logical_prefix.rfind('/') {
        Some(slash) => format!("{}{}", escape_directories(&logical_prefix[..=slash]), &logical_prefix[slash + 1..]),
        None => logical_prefix.to_owned(),
    }
}

/// The logical form of a stored prefix that ends in `/`; `None` where it is internal.
#[must_use]
pub fn logical_directory(stored_prefix: &str) -> Option<String> {
    (!is_internal(stored_prefix)).then(|| unescape(stored_prefix))
}

/// Whether a stored key lies below an internal directory.
fn is_internal(key: &str) -> bool {
    let mut components = key.split('/');
    components.next_back();
    components.any(|component| INTERNAL_DIRECTORIES.contains(&component))
}

fn escape(key: &str) -> String {
    let slash = key.rfind('/').map_or(0, |slash| slash + 1);
    let (directories, name) = key.split_at(slash);
    let mut escaped = escape_directories(directories);
    escaped.push_str(name);
    if is_internal_name(without_escapes(name)) {
        escaped.push_str(ESCAPE_SUFFIX);
    }
    escaped
}

fn escape_directories(directories: &str) -> String {
    map_directories(directories, |component| {
        if INTERNAL_DIRECTORIES.contains(&without_escapes(component)) {
            format!("{component}{ESCAPE_SUFFIX}")
        } else {
            component.to_owned()
        }
    })
}

fn unescape(key: &str) -> String {
    let slash = key.rfind('/').map_or(0, |slash| slash + 1);
    let (directories, name) = key.split_at(slash);
    let mut plain = map_directories(directories, |component| match component.strip_suffix(ESCAPE_SUFFIX) {
        Some(shorter) if INTERNAL_DIRECTORIES.contains(&without_escapes(shorter)) => shorter.to_owned(),
        _ => component.to_owned(),
    });
    match name.strip_suffix(ESCAPE_SUFFIX) {
        Some(shorter) if is_internal_name(without_escapes(shorter)) => plain.push_str(shorter),
        _ => plain.push_str(name),
    }
    plain
}

/// Applies `map` to each component of a prefix that is empty or ends in `/`.
fn map_directories(directories: &str, map: impl Fn(&str) -> String) -> String {
    let mut mapped = String::with_capacity(directories.len());
    for component in directories.split_terminator('/') {
        mapped.push_str(&map(component));
        mapped.push('/');
    }
    mapped
}

fn is_internal_name(name: &str) -> bool {
    name == REFERENCE || (name.ends_with(DELTA_SUFFIX) && name.len() > DELTA_SUFFIX.len())
}

fn without_escapes(mut component: &str) -> &str {
    while let Some(shorter) = component.strip_suffix(ESCAPE_SUFFIX) {
        component = shorter;
    }
    component
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stored(key: &str) -> String {
        whole_form(&Location::new("b", key)).key().to_owned()
    }

    #[test]
    fn ordinary_keys_are_their_own_stored_keys() {
        for key in
            ["a", "a/b.zip", "/a", "a//b", "..", ".delta", "a/.delta", "x.dgkey", ".deltaglider", "referencexbin"]
        {
            assert_eq!(stored(key), key);
            assert_eq!(StoredName::of(key), StoredName::Whole(key.to_owned()));
        }
    }

    #[test]
    fn internal_names_are_escaped() {
        for (key, escaped) in [
            ("reference.bin", "reference.bin.dgkey"),
            ("a/x.delta", "a/x.delta.dgkey"),
            ("a/x.delta.dgkey", "a/x.delta.dgkey.dgkey"),
            (".deltaglider/x", ".deltaglider.dgkey/x"),
            ("a/.dg/b/reference.bin", "a/.dg.dgkey/b/reference.bin.dgkey"),
        ] {
            assert_eq!(stored(key), escaped);
            assert_eq!(StoredName::of(escaped), StoredName::Whole(key.to_owned()));
        }
    }

    #[test]
    fn stored_names_say_what_they_are() {
        assert_eq!(StoredName::of("a/reference.bin"), StoredName::Reference);
        assert_eq!(StoredName::of("a/x.zip.delta"), StoredName::Delta("a/x.zip".into()));
        assert_eq!(StoredName::of("a/x.delta.delta"), StoredName::Delta("a/x.delta".into()));
        assert_eq!(StoredName::of("a/.deltaglider/trash/x"), StoredName::Internal);
        assert_eq!(StoredName::of(".dg/x.delta"), StoredName::Internal);
    }

    #[test]
    fn a_space_is_the_prefix_up_to_the_last_slash() {
        let space = DeltaSpace::of(&Location::new("b", "r/es/app.zip"));
        assert_eq!(space.prefix(), "r/es/");
        assert_eq!(space.reference(), Location::new("b", "r/es/reference.bin"));
        assert_eq!(DeltaSpace::of(&Location::new("b", "app.zip")).reference().key(), "reference.bin");
        assert_eq!(DeltaSpace::of(&Location::new("b", "/app.zip")).reference().key(), "/reference.bin");
    }

    #[test]
    fn internal_keys_belong_to_the_space_above() {
        let space = |key| DeltaSpace::holding(&Location::new("b", key)).prefix().to_owned();
        assert_eq!(space("r/.deltaglider/trash/x"), "r/");
        assert_eq!(space(".deltaglider/tmp/a/b"), "");
        assert_eq!(space("r/.dg/x/.deltaglider/y"), "r/");
        assert_eq!(
            (space("r/es/app.zip"), space("app.zip"), space("r/.deltaglider")),
            ("r/es/".into(), String::new(), "r/".into())
        );
    }

    #[test]
    fn internal_keys_say_what_they_are_for() {
        let space = DeltaSpace::of(&Location::new("b", "r/app.zip"));
        let digest = Sha256::of(b"x");
        assert_eq!(InternalName::of(&space, space.trash(&digest, 7).key()), InternalName::Trash(digest));
        assert_eq!(InternalName::of(&space, space.probe(7).key()), InternalName::Probe);
        assert_eq!(InternalName::of(&space, "r/.deltaglider/tmp/x.zip"), InternalName::Temporary);
        for other in ["r/.deltaglider/trash/x", "r/.dg/x", "s/.deltaglider/tmp/x", "r/.deltaglider/stats/x.json"] {
            assert_eq!(InternalName::of(&space, other), InternalName::Other, "{other}");
        }
    }

    #[test]
    fn a_delta_name_must_fit() {
        assert!(delta_form(&Location::new("b", "k".repeat(1018))).is_some());
        assert!(delta_form(&Location::new("b", "k".repeat(1019))).is_none());
    }

    fn key() -> impl Strategy<Value = String> {
        let component = prop_oneof![
            Just("reference.bin".to_owned()),
            Just(".deltaglider".to_owned()),
            Just(".dg".to_owned()),
            "[a-z.]{0,6}",
        ];
        let suffixed = (component, prop::collection::vec(prop_oneof![Just(".dgkey"), Just(".delta")], 0..4))
            .prop_map(|(component, suffixes)| component + &suffixes.concat());
        prop::collection::vec(suffixed, 1..4).prop_map(|components| components.join("/"))
    }

    proptest! {
        #[test]
        fn escaping_is_reversible_and_never_internal(key in key()) {
            let stored = stored(&key);
            prop_assert_eq!(StoredName::of(&stored), StoredName::Whole(key.clone()));
            // A key that ends in `/` has no name, and no name that may be a delta.
            prop_assume!(!key.is_empty() && !key.ends_with('/'));
            let delta = delta_form(&Location::new("b", key.as_str())).expect("short");
            prop_assert_eq!(StoredName::of(delta.key()), StoredName::Delta(key));
        }

        #[test]
        fn a_stored_prefix_lists_every_stored_form(key in key(), cut in 0usize..30) {
            let prefix = &key[..cut.min(key.len())];
            let stored = stored(&key);
            prop_assert!(stored.starts_with(&stored_prefix(prefix)), "{} {}", stored, stored_prefix(prefix));
        }
    }
}
