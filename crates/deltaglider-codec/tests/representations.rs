//! How the streams of real encoders are kept: each pair of vectors is two versions of a file, compressed by the same program.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bytes::Bytes;
use deltaglider_codec::{Dgd1Codec, Effort};
use deltaglider_core::codec::{CodecLimits, DeltaCodec, DeltaParts};
use deltaglider_testkit::codec_conformance::{ROOMY, decode, prepared};

fn vector(version: u8, name: &str) -> Vec<u8> {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/encoders");
    fs::read(vectors.join(version.to_string()).join(name)).expect("a vector")
}

fn names() -> Vec<String> {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/encoders/1");
    let entries = fs::read_dir(vectors).expect("the vectors");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Which representations the streams got, and how many bytes the delta has.
fn kept(name: &str, effort: Effort) -> (String, usize) {
    let codec = Dgd1Codec::new(effort);
    let (reference, target) = (vector(1, name), vector(2, name));
    let limits = CodecLimits { memory: ROOMY, target_size: target.len() as u64 };
    let mut delta = Vec::new();
    let form = Bytes::from(prepared(&codec, &reference));
    let told = codec.encode(&form, &Bytes::from(target.clone()), &mut delta, &limits).expect(name);
    let (given, result) = decode(&codec, &reference, &delta, target.len() as u64, ROOMY);
    result.expect(name);
    assert!(given == target, "{name}");
    (said(&told), delta.len())
}

fn said(told: &DeltaParts) -> String {
    let streams = [
        ("copied", told.copied),
        ("encoder", told.reencoded),
        ("tokens", told.tokens),
        ("packer", told.repacked),
        ("raw", told.raw),
    ];
    let used: Vec<&str> = streams.iter().filter(|(_, bytes)| *bytes > 0).map(|(name, _)| *name).collect();
    if used.is_empty() { "plain".to_owned() } else { used.join(" ") }
}

#[test]
fn every_encoder_is_kept_as_is_told() {
    let expected = include_str!("vectors/representations.txt");
    let expected: BTreeMap<&str, &str> = expected.lines().filter_map(|line| line.split_once(": ")).collect();
    let mut found = String::new();
    for name in names() {
        let (how, bytes) = kept(&name, Effort::Default);
        println!("{name}: {how}, {bytes} of {} bytes", vector(2, &name).len());
        if expected.get(&*name) != Some(&&*how) {
            found.push_str(&format!("{name}: {how}\n"));
        }
    }
    assert!(found.is_empty(), "otherwise than vectors/representations.txt says:\n{found}");
}

#[test]
fn what_is_packed_otherwise_is_made_again_at_the_highest_effort() {
    let packed = names().into_iter().filter(|name| !name.ends_with(".gz") && !name.ends_with(".zip"));
    let (mut found, mut count) = (String::new(), 0);
    for name in packed {
        let (how, bytes) = kept(&name, Effort::Max);
        println!("{name}: {how}, {bytes} of {} bytes", vector(2, &name).len());
        count += 1;
        // Those of zstd 1.5.4 are not what 1.5.7 gives, but for the lowest level.
        let expected = match &*name {
            "zstd-3.zst" | "zstd-19.zst" => "plain",
            "dpkg-deb-6.deb" => "copied packer",
            _ => "packer",
        };
        if how != expected {
            found.push_str(&format!("{name}: {how}\n"));
        }
    }
    assert!(found.is_empty() && count > 10, "of {count}, otherwise than expected:\n{found}");
}
