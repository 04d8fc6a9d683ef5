//! Archives that other programs wrote, expanded as the second maker of the form in `tests/decoders` has them.

use deltaglider_core::Sha256;

use super::ExpandedReference;
use super::archives::find;

const EXPECTED: &str = include_str!("../../tests/vectors/containers/expected.txt");

macro_rules! vectors {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_bytes!(concat!("../../tests/vectors/containers/", $name)).as_slice())),*]
    };
}

/// By Python 3.11 (`zipfile`, `tarfile`), Info-ZIP 3.0, OpenJDK 17, GNU tar 1.34 and gzip 1.12.
const VECTORS: [(&str, &[u8]); 14] = vectors![
    "gnu-gzip-members.gz",
    "gnu-gzip-name.gz",
    "gnu-tar.tar.gz",
    "infozip-encrypted.zip",
    "infozip-pipe.zip",
    "infozip-sfx.zip",
    "infozip-zip64.zip",
    "infozip.zip",
    "java-manifest.jar",
    "java.jar",
    "python-tarfile-gnu.tar.gz",
    "python-tarfile-pax.tar.gz",
    "python-zipfile-pipe.zip",
    "python-zipfile.zip",
];

#[test]
fn archives_of_other_programs_expand_as_the_page_says() {
    let lines = VECTORS.map(|(name, content)| {
        let ExpandedReference { bytes, map } = ExpandedReference::new(content, &find(content)).expect("it fits");
        format!("{name} {} {} {}\n", map.streams.len(), Sha256::of(&bytes), Sha256::of(&map.to_bytes()))
    });
    assert_eq!(lines.concat(), EXPECTED);
}
