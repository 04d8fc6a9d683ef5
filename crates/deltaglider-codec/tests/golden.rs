//! Golden vectors of `dgd1`: what was written once is read for ever, and what is written now is like it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use deltaglider_codec::{Dgd1Codec, Effort};
use deltaglider_testkit::codec_conformance::{ROOMY, decode, encode};

/// What the encoder was allowed where it was not as much as anything takes; `tests/decoders/dgd1_vectors.py` has the same.
const MEMORY: [(&str, u64); 2] = [("frames", 96 << 20), ("raw", 40 << 20)];
/// So begin the names of what is of version 2, which the highest effort writes; the same is in that file.
const SECOND: &str = "second-";
/// Bytes by which a delta may differ in length from the one that is kept, and the share of its length that is added to them.
const LENIENCE: (usize, usize) = (64, 16);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/dgd1")
}

fn file(name: &str) -> Vec<u8> {
    fs::read(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The names of the deltas without `.delta`, such as `zip`, or `zip.2` for a later one with the same reference and target.
fn deltas() -> Vec<String> {
    let entries = fs::read_dir(folder()).expect("the folder is there");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut deltas: Vec<String> = names.filter_map(|name| name.strip_suffix(".delta").map(str::to_owned)).collect();
    deltas.sort();
    deltas
}

fn vector(delta: &str) -> &str {
    delta.split('.').next().unwrap_or(delta)
}

fn memory(vector: &str) -> u64 {
    MEMORY.iter().find(|(name, _)| *name == vector).map_or(ROOMY, |(_, memory)| *memory)
}

#[test]
fn every_delta_that_was_written_gives_its_target() {
    let deltas = deltas();
    assert!(deltas.len() >= 20, "{}", deltas.len());
    for name in deltas {
        let (reference, target) = (format!("{}.reference", vector(&name)), format!("{}.target", vector(&name)));
        let (reference, target, delta) = (file(&reference), file(&target), file(&format!("{name}.delta")));
        let (given, result) = decode(&Dgd1Codec::default(), &reference, &delta, target.len() as u64, ROOMY);
        result.unwrap_or_else(|error| panic!("{name}.delta: {error}"));
        assert_eq!(delta[4], if name.starts_with(SECOND) { 2 } else { 1 }, "{name}.delta");
        assert!(given == target, "{name}.delta gives another target");
    }
}

#[test]
fn what_is_written_now_is_like_what_was_written() {
    let deltas = deltas();
    let vectors: BTreeSet<&str> = deltas.iter().map(|delta| vector(delta)).collect();
    let mut unlike = String::new();
    for vector in vectors {
        let (reference, target) = (file(&format!("{vector}.reference")), file(&format!("{vector}.target")));
        let effort = if vector.starts_with(SECOND) { Effort::Max } else { Effort::Default };
        let now = encode(&Dgd1Codec::new(effort), &reference, &target, memory(vector)).expect(vector).len();
        let kept = deltas.iter().filter(|delta| self::vector(delta) == vector);
        let kept: Vec<usize> = kept.map(|delta| file(&format!("{delta}.delta")).len()).collect();
        if !kept.iter().any(|kept| kept.abs_diff(now) <= LENIENCE.0 + kept / LENIENCE.1) {
            unlike.push_str(&format!("{vector}: {now} bytes now, {kept:?} in what is kept\n"));
        }
    }
    assert!(
        unlike.is_empty(),
        "The encoder writes deltas of another length than the vectors:\n{unlike}\
         It may, if that is what was meant. The vectors stay as they are, since deltas like them are stored; put what is \
         written now beside them, as tests/vectors/dgd1/README.md tells."
    );
}
