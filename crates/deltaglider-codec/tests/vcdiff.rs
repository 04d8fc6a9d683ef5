//! `vcdiff` keeps the contract of every codec, and reads what xdelta3 wrote.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use deltaglider_codec::VcdiffCodec;
use deltaglider_core::codec::{CodecError, CodecLimits, DeltaCodec, ReferenceSize};
use deltaglider_testkit::codec_conformance::{ROOMY, decode, encode, noise, text};
use proptest::prelude::*;

mod contract {
    deltaglider_testkit::delta_codec_conformance!(deltaglider_codec::VcdiffCodec);
}

/// Deltas that xdelta3 wrote, with how their reference and their target are packed; those of an empty name are empty.
const VECTORS: [(&str, &str, &str); 18] = [
    ("lzma", "plain", "plain"),
    ("windows", "plain", "plain"),
    ("none", "plain", "plain"),
    ("djw", "plain", "plain"),
    ("djw-windows", "plain", "plain"),
    ("fgk", "plain", "plain"),
    ("bare", "plain", "plain"),
    ("fast", "plain", "plain"),
    ("alone", "", "plain"),
    ("empty-target", "plain", ""),
    ("gzip", "gzip", "gzip"),
    ("bzip2", "bzip2", "bzip2"),
    ("xz", "xz", "xz"),
    ("xz-threads", "xz", "xz-threads"),
    ("gzip-9", "gzip", "gzip-9"),
    ("gzip-zlib", "gzip", "gzip-zlib"),
    ("gzip-python", "gzip-python", "gzip-python"),
    ("gzip-same", "gzip", ""),
];

fn file(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/vcdiff");
    fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Reference, delta and target of a vector.
fn vector((delta, reference, target): (&str, &str, &str)) -> [Vec<u8>; 3] {
    let packed = |name: &str, side| if name.is_empty() { Vec::new() } else { file(&format!("{name}.{side}")) };
    let target = if delta == "gzip-same" { file("gzip.reference") } else { packed(target, "target") };
    [packed(reference, "reference"), file(&format!("{delta}.delta")), target]
}

#[test]
fn what_xdelta3_wrote_is_read() {
    for names in VECTORS {
        let [reference, delta, target] = vector(names);
        let (given, result) = decode(&VcdiffCodec, &reference, &delta, target.len() as u64, ROOMY);
        result.unwrap_or_else(|error| panic!("{}: {error}", names.0));
        assert!(given == target, "{}", names.0);
    }
}

#[test]
fn a_target_that_was_packed_otherwise_is_told_and_its_content_given() {
    let (reference, delta, target) = (file("gzip.reference"), file("gzip-named.delta"), file("gzip-named.target"));
    let (given, result) = decode(&VcdiffCodec, &reference, &delta, target.len() as u64, ROOMY);
    let Err(CodecError::NotRepacked(reason)) = result else { panic!("{result:?}") };
    assert!(reason.contains("`gzip`") && given.is_empty(), "{reason}");
    let mut content = Vec::new();
    let limits = CodecLimits { memory: ROOMY, target_size: ROOMY };
    let reference = Bytes::from(reference);
    VcdiffCodec.decode_unpacked(&reference, &mut &delta[..], &mut content, &limits).expect("unpacked");
    assert!(content == file("plain.target"));
}

#[test]
fn a_target_that_was_packed_again_is_in_doubt() {
    for (name, in_doubt) in [("gzip", true), ("xz", true), ("lzma", false), ("bare", false)] {
        let delta = file(&format!("{name}.delta"));
        let doubt = VcdiffCodec.doubt(&mut &delta[..]);
        assert_eq!(matches!(doubt, Some(CodecError::NotRepacked(_))), in_doubt, "{name}");
    }
    assert!(VcdiffCodec.doubt(&mut &b"no delta"[..]).is_none());
}

#[test]
fn against_a_packed_reference_a_delta_is_made_as_xdelta3_reads_it() {
    // The header of what is written, by reference and target.
    let cases = [
        ("gzip", "gzip", &b"\x05/G//G"[..]),
        ("bzip2", "gzip", b"\x05/G//B"),
        ("gzip", "bzip2", b"\x05/B//G"),
        ("gzip", "gzip-9", b"\x04///G"),
        ("gzip", "gzip-named", b"\x04///G"),
        ("xz", "xz", b"\x04///Y"),
        ("xz", "plain", b"\x04///Y"),
        ("plain", "gzip", b""),
    ];
    for (reference, target, application) in cases {
        let (reference, target) = (file(&format!("{reference}.reference")), file(&format!("{target}.target")));
        let delta = encode(&VcdiffCodec, &reference, &target, ROOMY).expect("encoded");
        let indicator = if application.is_empty() { 1 } else { 5 };
        assert!(delta[4] == indicator && delta[6..].starts_with(application), "{:?}", &delta[..20]);
        let (given, result) = decode(&VcdiffCodec, &reference, &delta, target.len() as u64, ROOMY);
        result.expect("decoded");
        assert!(given == target);
    }
    for broken in [&b"\x1f\x8b and no more"[..], b"BZh", b"\xfd7zXZ\0\0", b"\x1f\x9d\x90abc"] {
        let target = text(1, 5000);
        let delta = encode(&VcdiffCodec, broken, &target, ROOMY).expect("encoded");
        let (given, result) = decode(&VcdiffCodec, broken, &delta, target.len() as u64, ROOMY);
        result.expect("decoded");
        assert!(given == target);
    }
}

#[test]
fn unpacking_is_bounded() {
    for names in VECTORS.iter().filter(|(delta, ..)| ["gzip", "bzip2", "xz"].contains(delta)) {
        let [reference, delta, target] = vector(*names);
        let mut failed = false;
        for memory in (0..60).map(|step| 1_u64 << (step / 2) << 4 << (step % 2)) {
            match decode(&VcdiffCodec, &reference, &delta, target.len() as u64, memory.min(ROOMY)) {
                (given, Ok(())) => assert!(given == target, "{}", names.0),
                (given, Err(CodecError::Memory { needed, limit })) => {
                    assert!(needed > limit && given.is_empty(), "{}", names.0);
                    failed = true;
                }
                (_, Err(error)) => panic!("{}: {error:?}", names.0),
            }
        }
        assert!(failed, "{}", names.0);
    }
}

#[test]
fn damaged_deltas_of_xdelta3_are_refused_or_decoded() {
    for names in VECTORS {
        let [reference, delta, target] = vector(names);
        let size = target.len() as u64;
        // Each attempt packs again.
        let step = if reference.len() == 24_000 { 3 } else { 97 };
        for at in (0..delta.len()).step_by(step) {
            for flip in [1, 0x40, 0xff] {
                let mut damaged = delta.clone();
                damaged[at] ^= flip;
                let (given, _) = decode(&VcdiffCodec, &reference, &damaged, size, 256 << 20);
                assert!(given.len() <= target.len(), "{}: byte {at}", names.0);
            }
        }
        for cut in (0..delta.len()).step_by(step * 7) {
            let (given, result) = decode(&VcdiffCodec, &reference, &delta[..cut], size, ROOMY);
            assert!(given.len() <= target.len());
            assert!(result.is_err() || target.is_empty(), "{}: cut at {cut}", names.0);
        }
    }
}

/// A delta of these windows, without anything packed.
fn windows(windows: &[&[u8]]) -> Vec<u8> {
    [&[0xd6, 0xc3, 0xc4, 0, 0][..], &windows.concat()].concat()
}

#[test]
fn windows_may_copy_from_earlier_output() {
    // ADD abcdefgh; then a segment of 4 bytes of the target from 2 on: COPY 4,0 and ADD xy; then one over both windows.
    let first = [&[0, 14, 8, 0, 8, 1, 0][..], b"abcdefgh", &[9]].concat();
    let second = [2, 4, 2, 10, 6, 0, 2, 2, 1, b'x', b'y', 20, 3, 0];
    let third = [2, 6, 6, 7, 6, 0, 0, 1, 1, 22, 0];
    let delta = windows(&[&first, &second, &third]);
    let (given, result) = decode(&VcdiffCodec, b"", &delta, 20, ROOMY);
    result.expect("decoded");
    assert_eq!(given, b"abcdefghcdefxyghcdef");

    let later = windows(&[&first, &[2, 4, 5, 7, 4, 0, 0, 1, 1, 20, 0]]);
    assert!(matches!(decode(&VcdiffCodec, b"", &later, 12, ROOMY).1, Err(CodecError::Damaged(_))));
}

#[test]
fn what_is_not_read_is_named() {
    let unsupported = |delta: &[u8]| {
        let (_, result) = decode(&VcdiffCodec, b"", delta, 8, ROOMY);
        let Err(CodecError::Unsupported(what)) = result else { panic!("{result:?}") };
        what
    };
    assert!(unsupported(&[0xd6, 0xc3, 0xc4, 0, 2, 4, 4, 3]).contains("code table"));
    assert!(unsupported(&[0xd6, 0xc3, 0xc4, 0, 1, 3]).contains("secondary compressor 3"));
    let compressed = [&[0xd6, 0xc3, 0xc4, 0, 4, 6][..], b"a/Z/b/", &[0, 5, 0, 0, 0, 0, 0]].concat();
    assert!(unsupported(&compressed).contains("compress"));
}

#[test]
fn targets_of_many_windows_come_back() {
    let reference = text(1, 3_000_000);
    let target =
        [&reference[1_000_000..], &noise(2, 2_000_000), &reference[..2_500_000], &text(3, 14_000_000)].concat();
    let delta = encode(&VcdiffCodec, &reference, &target, ROOMY).expect("encoded");
    let (given, result) = decode(&VcdiffCodec, &reference, &delta, target.len() as u64, ROOMY);
    result.expect("decoded");
    assert!(given == target);
    let least = VcdiffCodec.memory(ReferenceSize::Stored(3_000_000), target.len() as u64, 64 << 20).expect("fits");
    assert!(least <= 64 << 20);
    let delta = encode(&VcdiffCodec, &reference, &target, least).expect("encoded");
    let (given, result) = decode(&VcdiffCodec, &reference, &delta, target.len() as u64, least);
    result.expect("decoded");
    assert!(given == target);
}

/// Bytes with repeats in them.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        (any::<u8>(), 0..300_usize).prop_map(|(byte, length)| vec![byte; length]),
        (0..4_u64, 0..3000_usize).prop_map(|(seed, length)| text(seed, length)),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_target_comes_back(reference in content(), target in content(), cuts in prop::collection::vec((0..5000_usize, 1..900_usize), 0..6)) {
        let mut target = target;
        for (at, length) in cuts {
            let at = at.min(reference.len());
            target.extend_from_slice(&reference[at..(at + length).min(reference.len())]);
        }
        let delta = encode(&VcdiffCodec, &reference, &target, ROOMY).expect("encoded");
        let (given, result) = decode(&VcdiffCodec, &reference, &delta, target.len() as u64, ROOMY);
        prop_assert!(result.is_ok(), "{result:?}");
        prop_assert!(given == target);
        prop_assert!(delta.len() <= target.len() + 100);
    }

    #[test]
    fn any_windows_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400), indicator in 0..8_u8, size in 0..5000_u64) {
        let delta = [&[0xd6, 0xc3, 0xc4, 0, indicator][..], &bytes].concat();
        let (given, _) = decode(&VcdiffCodec, &text(1, 2000), &delta, size, 64 << 20);
        prop_assert!(given.len() as u64 <= size);
    }
}
