//! Keys, and contents that are put under them.

use std::ops::Range;
use std::sync::OnceLock;

use bytes::Bytes;
use deltaglider::core::store::{Attributes, Metadata};
use deltaglider::core::{Md5, Sha256};

pub const BUCKET: &str = "model";

/// In four delta spaces, one within another; names that are never a delta, and two that a user has in common with us.
pub const KEYS: [&str; 9] = [
    "a/1.zip",
    "a/1.zip.delta",
    "a/2.zip",
    "a/3.zip",
    "a/deep/1.zip",
    "a/notes.txt",
    "a/reference.bin",
    "b/1.zip",
    "top.zip",
];

/// Keys under which anybody may put a plain object: none of them has a name of ours.
pub const PLAIN: [&str; 4] = ["a/1.zip", "a/2.zip", "a/notes.txt", "b/1.zip"];

pub const PREFIXES: [&str; 4] = ["", "a/", "a/deep/", "b/"];

/// Number of a content.
pub type Id = u8;

/// How many there are.
pub const CONTENTS: Id = 12;

/// Metadata that say which content they belong to.
const OF: &str = "of";

/// The content of a number: nothing, little, versions of three files, and one in several pieces.
pub fn content(id: Id) -> &'static Bytes {
    static ALL: OnceLock<Vec<Bytes>> = OnceLock::new();
    &ALL.get_or_init(|| (0..CONTENTS).map(make).collect())[usize::from(id)]
}

fn make(id: Id) -> Bytes {
    let mut bytes = match id {
        0 => Vec::new(),
        1 => noise(1, 100),
        2..=5 => noise(2, 6000),
        6 | 7 => noise(3, 5000),
        8 => [noise(4, 500), noise(2, 6000)].concat(),
        9 => noise(2, 6000)[..4500].to_vec(),
        _ => noise(5, 300_000),
    };
    if matches!(id, 3..=5 | 7 | 11) {
        bytes[1000 + usize::from(id)] ^= id;
    }
    bytes.into()
}

fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

pub fn metadata(id: Id) -> Metadata {
    [(OF.to_owned(), id.to_string())].into()
}

pub fn attributes(id: Id) -> Attributes {
    Attributes { metadata: metadata(id), ..Attributes::default() }
}

/// The content that metadata belong to.
///
/// # Panics
/// Where there is none.
pub fn told(metadata: &Metadata) -> Id {
    let id = metadata.get(OF).and_then(|text| text.parse().ok());
    id.unwrap_or_else(|| panic!("these metadata were never put: {metadata:?}"))
}

/// The content of this digest.
///
/// # Panics
/// Where there is none.
pub fn of_digest(digest: Sha256) -> Id {
    static ALL: OnceLock<Vec<Sha256>> = OnceLock::new();
    let all = ALL.get_or_init(|| (0..CONTENTS).map(|id| Sha256::of(content(id))).collect());
    let found = all.iter().position(|known| *known == digest);
    found.unwrap_or_else(|| panic!("a content that was never put: {digest}")) as Id
}

/// The entity tag of a content, without quotes.
pub fn e_tag(id: Id) -> &'static str {
    static ALL: OnceLock<Vec<String>> = OnceLock::new();
    &ALL.get_or_init(|| (0..CONTENTS).map(|id| Md5::of(content(id)).to_string()).collect())[usize::from(id)]
}

/// A part of a content.
pub fn part(id: Id, range: &Range<u64>) -> Option<&'static [u8]> {
    content(id).get(range.start as usize..range.end as usize)
}
