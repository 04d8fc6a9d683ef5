//! `dgd1` keeps the contract of every codec, and gives archives back bit for bit.

use std::io::Write as _;

use bytes::Bytes;
use deltaglider_codec::{Dgd1Codec, Effort};
use deltaglider_core::codec::{CodecError, CodecLimits, DeltaCodec, ReferenceSize};
use deltaglider_testkit::codec_conformance::{ROOMY, decode, encode, noise, prepared, text};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};

mod contract {
    deltaglider_testkit::delta_codec_conformance!(deltaglider_codec::Dgd1Codec::default());
}

fn gzip(plain: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(plain).expect("written");
    encoder.finish().expect("finished")
}

/// A zip with a central directory, without checksums: nothing here reads those.
fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut central = Vec::new();
    for (name, plain) in members {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
        encoder.write_all(plain).expect("written");
        let packed = encoder.finish().expect("finished");
        let mut fields = vec![20, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        fields.extend_from_slice(&(packed.len() as u32).to_le_bytes());
        fields.extend_from_slice(&(plain.len() as u32).to_le_bytes());
        fields.extend_from_slice(&(name.len() as u16).to_le_bytes());
        fields.extend_from_slice(&[0, 0]);
        central.extend_from_slice(b"PK\x01\x02\x14\x00");
        central.extend_from_slice(&fields);
        central.extend_from_slice(&[0; 10]);
        central.extend_from_slice(&(out.len() as u32).to_le_bytes());
        central.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"PK\x03\x04");
        out.extend_from_slice(&fields);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(&packed);
    }
    let (at, length, count) = (out.len() as u32, central.len() as u32, members.len() as u16);
    out.extend_from_slice(&central);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    out.extend_from_slice(&[count.to_le_bytes(), count.to_le_bytes()].concat());
    out.extend_from_slice(&[length.to_le_bytes(), at.to_le_bytes()].concat());
    out.extend_from_slice(&[0, 0]);
    out
}

/// A text with a changed line in the middle.
fn edited(plain: &[u8]) -> Vec<u8> {
    let mut edited = plain.to_vec();
    let middle = edited.len() / 2;
    edited.splice(middle..middle + 3, b"another line altogether\n".iter().copied());
    edited
}

fn is_small_and_exact(codec: Dgd1Codec, reference: &[u8], target: &[u8], most: usize) {
    let delta = encode(&codec, reference, target, ROOMY).expect("encoded");
    let (given, result) = decode(&codec, reference, &delta, target.len() as u64, ROOMY);
    result.expect("decoded");
    assert!(given == target);
    assert!(delta.len() <= most, "{} bytes of delta for {} of target", delta.len(), target.len());
}

#[test]
fn a_changed_gzip_is_made_again_from_what_changed_in_it() {
    let plain = text(1, 400_000);
    // What miniz makes at its lowest level is kept as tokens, since no encoder of ours makes it again.
    for (level, most) in [(1, 20_000), (6, 600), (9, 600)] {
        let (reference, target) = (gzip(&plain, level), gzip(&edited(&plain), level));
        for effort in [Effort::Fast, Effort::Default, Effort::Max] {
            // The less is spent, the more tokens are good enough.
            let most = if effort == Effort::Max { most } else { most.max(2500) };
            is_small_and_exact(Dgd1Codec::new(effort), &reference, &target, most);
        }
    }
}

#[test]
fn tokens_are_kept_where_they_are_much_like_those_of_the_reference() {
    let parts = |effort, reference: &[u8], target: &[u8]| {
        let codec = Dgd1Codec::new(effort);
        let limits = CodecLimits { memory: ROOMY, target_size: target.len() as u64 };
        let form = Bytes::from(prepared(&codec, reference));
        let mut delta = Vec::new();
        let told = codec.encode(&form, &Bytes::copy_from_slice(target), &mut delta, &limits).expect("encoded");
        let (given, result) = decode(&codec, reference, &delta, target.len() as u64, ROOMY);
        result.expect("decoded");
        assert!(given == target);
        (told.tokens > 0, told.reencoded > 0)
    };
    let plain = text(11, 3_000_000);
    let all_over: Vec<u8> = plain.chunks(4000).flat_map(|line| [line, b"changed\n"].concat()).collect();
    // Versions are part of names: the file is named in the header of its gzip.
    let named = |name: &str, plain: &[u8]| {
        let stream = gzip(plain, 9);
        [&b"\x1f\x8b\x08\x08\0\0\0\0\0\x03"[..], name.as_bytes(), b"\0", &stream[10..]].concat()
    };
    let reference = named("app-1.9.0.tar", &plain);
    let alike = named("app-1.10.0.tar", &[&plain[..2_800_000], &edited(&plain[2_800_000..])].concat());
    let other = named("app-2.0.0.tar", &all_over);
    assert_eq!(parts(Effort::Default, &reference, &alike), (true, false));
    assert_eq!(parts(Effort::Fast, &reference, &alike), (true, false));
    assert_eq!(parts(Effort::Max, &reference, &alike), (false, true));
    assert_eq!(parts(Effort::Default, &reference, &other), (false, true));
    assert_eq!(parts(Effort::Default, &named("other", &plain), &alike), (false, true));
}

#[test]
fn unchanged_members_of_a_zip_are_copied() {
    let (one, two, three) = (text(2, 200_000), noise(3, 100_000), text(4, 300_000));
    let reference = zip(&[("one", &one), ("two", &two), ("three", &three)]);
    let target = zip(&[("first", &three), ("two", &two), ("one", &edited(&one))]);
    let codec = Dgd1Codec::default();
    is_small_and_exact(codec, &reference, &target, 900);

    let form = Bytes::from(prepared(&codec, &reference));
    let limits = CodecLimits { memory: ROOMY, target_size: target.len() as u64 };
    let told = codec.encode(&form, &Bytes::from(target), &mut Vec::new(), &limits).expect("encoded");
    assert!(told.copied > 100_000 && told.reencoded > 10_000, "{told:?}");
    assert_eq!((told.tokens, told.raw), (0, 0), "{told:?}");
}

#[test]
fn archives_in_archives_are_looked_into() {
    let (one, two) = (text(5, 200_000), text(6, 100_000));
    let inner = |one: &[u8]| zip(&[("a.txt", one), ("b.gz", &gzip(&two, 9))]);
    let outer = |one: &[u8]| gzip(&zip(&[("in.zip", &inner(one)), ("noise", &noise(7, 50_000))]), 6);
    is_small_and_exact(Dgd1Codec::default(), &outer(&one), &outer(&edited(&one)), 1500);
}

#[test]
fn where_plaintext_may_not_be_kept_streams_stay_as_they_are() {
    let plain = text(8, 3_000_000);
    let (reference, target) = (gzip(&plain, 6), gzip(&edited(&plain), 6));
    let codec = Dgd1Codec::default();
    let form = prepared(&codec, &reference);
    let fits =
        |limit: &u64| codec.memory(ReferenceSize::Prepared(form.len() as u64), target.len() as u64, *limit).is_some();
    let limit = (1..).map(|step| step << 20).find(fits).expect("there is one") + (1 << 20);
    let delta = encode(&codec, &reference, &target, limit).expect("encoded");
    let (given, result) = decode(&codec, &reference, &delta, target.len() as u64, limit);
    result.expect("decoded");
    assert!(given == target && delta.len() > 100_000);
}

#[test]
fn a_reference_is_prepared_to_the_same_under_any_limit() {
    let codec = Dgd1Codec::default();
    let reference = Bytes::from([gzip(&text(9, 2_000_000), 6), gzip(&text(10, 1_000_000), 6)].concat());
    let form = prepared(&codec, &reference);
    let mut outcomes = (0, 0);
    for memory in (0..40).map(|step| (8 << 20) + step * (256 << 10)) {
        match codec.prepare(reference.clone(), memory) {
            Ok(again) => {
                assert!(form == again);
                outcomes.0 += 1;
            }
            Err(CodecError::Memory { needed, limit }) => {
                assert!(needed > limit && limit == memory);
                outcomes.1 += 1;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!(outcomes.0 > 0 && outcomes.1 > 0, "{outcomes:?}");
}

#[test]
fn damaged_members_need_no_memory() {
    let codec = Dgd1Codec::default();
    // A header of gzip, and nothing behind it that could be inflated.
    let reference = Bytes::from([&b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..], &[7; 1000]].concat());
    let form = prepared(&codec, &reference);
    assert!(codec.prepare(reference, 9 << 20).expect("prepared") == form);
}
