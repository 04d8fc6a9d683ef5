//! Vectors by real encoders: every one of them is what its name says, and opens to the plaintext that it was made of.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::{DeflateDecoder, MultiGzDecoder};

/// Signatures of a zip's records, and the lengths of their fixed parts.
const LOCAL: (&[u8], usize) = (b"PK\x03\x04", 30);
const CENTRAL: (&[u8], usize) = (b"PK\x01\x02", 46);
const END: (&[u8], usize) = (b"PK\x05\x06", 22);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/encoders")
}

/// The vectors that the page names: encoder, levels and format.
fn named() -> BTreeSet<String> {
    let page = fs::read_to_string(folder().join("README.md")).expect("the page is there");
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| name "));
    rows.flat_map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let file = |level: &str| {
            let level = if level == "-2" { "huffman" } else { level };
            format!("{}-{level}.{}", cells[1], cells[2])
        };
        cells[3].split(' ').map(file).collect::<Vec<_>>()
    })
    .collect()
}

fn number(bytes: &[u8], at: usize, length: usize) -> usize {
    bytes[at..at + length].iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// The one member of a zip that is not a directory, or `jar`'s manifest: its name, method and compressed bytes.
fn member(zip: &[u8]) -> (String, usize, &[u8]) {
    let end = zip.windows(END.0.len()).rposition(|window| window == END.0).expect("a zip has an end");
    let mut at = number(zip, end + 16, 4);
    for _ in 0..number(zip, end + 10, 2) {
        assert_eq!(&zip[at..at + 4], CENTRAL.0);
        let (name, extra, comment) = (number(zip, at + 28, 2), number(zip, at + 30, 2), number(zip, at + 32, 2));
        let called = String::from_utf8_lossy(&zip[at + CENTRAL.1..at + CENTRAL.1 + name]).into_owned();
        if !called.starts_with("META-INF/") {
            let (method, size, local) = (number(zip, at + 10, 2), number(zip, at + 20, 4), number(zip, at + 42, 4));
            assert_eq!(&zip[local..local + 4], LOCAL.0);
            let begin = local + LOCAL.1 + number(zip, local + 26, 2) + number(zip, local + 28, 2);
            return (called, method, &zip[begin..begin + size]);
        }
        at += CENTRAL.1 + name + extra + comment;
    }
    panic!("the zip has no member");
}

/// The last file in the last member of a package of Debian: a tar in xz.
fn file_in_package(package: &[u8]) -> Vec<u8> {
    let magic = package.windows(6).rposition(|window| window == b"\xfd7zXZ\0").expect("it has a member in xz");
    let mut tar = Vec::new();
    liblzma::read::XzDecoder::new(&package[magic..]).read_to_end(&mut tar).expect("it is whole");
    let mut headers = (0..tar.len()).step_by(512).filter(|at| tar[at + 257..].starts_with(b"ustar"));
    let header = headers.next_back().expect("it has files");
    let digits = String::from_utf8_lossy(&tar[header + 124..header + 135]);
    let size = usize::from_str_radix(&digits, 8).expect("a size");
    tar[header + 512..][..size].to_vec()
}

fn opened(name: &str, vector: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    let extension = name.rsplit('.').next().unwrap_or_default();
    let unpacked = match extension {
        "xz" => liblzma::read::XzDecoder::new(vector).read_to_end(&mut content),
        "bz2" => bzip2::read::BzDecoder::new(vector).read_to_end(&mut content),
        "zst" => zstd::stream::read::Decoder::new(vector).expect("a decoder").read_to_end(&mut content),
        "deb" => return file_in_package(vector),
        _ => Ok(0),
    };
    if unpacked.unwrap_or_else(|error| panic!("{name}: {error}")) > 0 {
        return content;
    }
    if name.ends_with(".gz") {
        assert_eq!(vector[..3], [0x1f, 0x8b, 8], "{name}");
        MultiGzDecoder::new(vector).read_to_end(&mut content).unwrap_or_else(|error| panic!("{name}: {error}"));
        return content;
    }
    let (_, method, packed) = member(vector);
    match method {
        0 => content.extend_from_slice(packed),
        8 => {
            let mut decoder = DeflateDecoder::new(packed);
            decoder.read_to_end(&mut content).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(decoder.total_in(), packed.len() as u64, "{name}");
        }
        other => panic!("{name}: method {other}"),
    }
    content
}

fn vectors(version: u8) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder().join(version.to_string())).expect("the folder is there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let named = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    paths.iter().map(|path| (named(path), fs::read(path).expect("read"))).collect()
}

#[test]
fn every_vector_opens_to_its_plaintext() {
    for version in [1, 2] {
        let plaintext = fs::read(folder().join(format!("plaintext-{version}.bin"))).unwrap();
        for (name, vector) in vectors(version) {
            assert!(opened(&name, &vector) == plaintext, "{version}/{name} holds something else");
        }
    }
}

#[test]
fn the_vectors_are_those_that_the_page_names() {
    let named = named();
    assert!(named.len() > 90, "{}", named.len());
    for version in [1, 2] {
        let found: BTreeSet<String> = vectors(version).into_iter().map(|(name, _)| name).collect();
        assert_eq!(found, named, "version {version}");
    }
}

#[test]
fn the_encoders_are_of_many_kinds() {
    // What a codec does for one encoder says little of the next: most of them choose matches of their own.
    let deflated = |name: &str| name.ends_with(".gz") || name.ends_with(".zip");
    let distinct: BTreeSet<Vec<u8>> = vectors(1)
        .into_iter()
        .filter(|(name, _)| deflated(name))
        .map(
            |(name, vector)| {
                if name.ends_with(".gz") { vector[10..vector.len() - 8].to_vec() } else { member(&vector).2.to_vec() }
            },
        )
        .collect();
    assert!(distinct.len() >= 50, "only {} streams differ", distinct.len());
}
