//! `dgd1` looks into xz, bzip2, zstd and Debian's packages where it is asked to spend all it can, and nowhere else.

use std::io::Read;

use bytes::Bytes;
use deltaglider_codec::{Dgd1Codec, Effort};
use deltaglider_core::codec::{CodecError, CodecLimits, DeltaCodec, DeltaParts};
use deltaglider_testkit::codec_conformance::{ROOMY, decode, noise, prepared, text};

const MAX: Dgd1Codec = Dgd1Codec::new(Effort::Max);
const VERSION: usize = 4;

fn read(mut encoder: impl Read) -> Vec<u8> {
    let mut packed = Vec::new();
    encoder.read_to_end(&mut packed).expect("packed");
    packed
}

fn xz(plain: &[u8]) -> Vec<u8> {
    read(liblzma::read::XzEncoder::new(plain, 6))
}

/// As dpkg and new versions of xz do it, in blocks of this size.
fn xz_in_blocks(plain: &[u8], block: u64) -> Vec<u8> {
    let mut builder = liblzma::stream::MtStreamBuilder::new();
    let stream = builder.threads(2).preset(1).check(liblzma::stream::Check::Crc64).block_size(block).encoder();
    read(liblzma::read::XzEncoder::new_stream(plain, stream.expect("an encoder")))
}

fn bzip2(plain: &[u8]) -> Vec<u8> {
    read(bzip2::read::BzEncoder::new(plain, bzip2::Compression::new(9)))
}

fn zstd(plain: &[u8], threads: u32) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 9).expect("an encoder");
    encoder.include_checksum(true).expect("set");
    encoder.multithread(threads).expect("set");
    std::io::Write::write_all(&mut encoder, plain).expect("packed");
    encoder.finish().expect("packed")
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    read(flate2::read::GzEncoder::new(plain, flate2::Compression::new(6)))
}

/// A tar of files without much of a header.
fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, content) in files {
        let mut block = [0; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        block[148..156].copy_from_slice(b"        ");
        block[156] = b'0';
        let sum: u32 = block.iter().copied().map(u32::from).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend_from_slice(&block);
        out.extend_from_slice(content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

/// A package of Debian.
fn deb(data: &[u8], extension: &str) -> Vec<u8> {
    let control = xz(&tar(&[("control", b"Package: a\n")]));
    let data_name = format!("data.tar.{extension}");
    let mut out = b"!<arch>\n".to_vec();
    for (name, content) in [("debian-binary", &b"2.0\n"[..]), ("control.tar.xz", &control), (&data_name, data)] {
        out.extend_from_slice(format!("{name:<16}1700000000  0     0     100644  {:<10}`\n", content.len()).as_bytes());
        out.extend_from_slice(content);
        out.resize(out.len().next_multiple_of(2), b'\n');
    }
    out
}

/// A text with a changed line in the middle.
fn edited(plain: &[u8]) -> Vec<u8> {
    let mut edited = plain.to_vec();
    let middle = edited.len() / 2;
    edited.splice(middle..middle + 3, b"another line altogether\n".iter().copied());
    edited
}

fn encoded(codec: Dgd1Codec, reference: &[u8], target: &[u8], memory: u64) -> (Vec<u8>, DeltaParts) {
    let limits = CodecLimits { memory, target_size: target.len() as u64 };
    let mut delta = Vec::new();
    let form = Bytes::from(prepared(&codec, reference));
    let told = codec.encode(&form, &Bytes::copy_from_slice(target), &mut delta, &limits).expect("encoded");
    (delta, told)
}

/// Encodes and decodes; the decoder is that of another effort.
fn round_trip(reference: &[u8], target: &[u8]) -> (Vec<u8>, DeltaParts) {
    let (delta, told) = encoded(MAX, reference, target, ROOMY);
    let (given, result) = decode(&Dgd1Codec::default(), reference, &delta, target.len() as u64, ROOMY);
    result.expect("decoded");
    assert!(given == target);
    (delta, told)
}

/// The packed forms of a content that the tests make.
fn packings(plain: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("xz", xz(plain)),
        ("xz in blocks", xz_in_blocks(plain, 70_000)),
        ("xz in one block", xz_in_blocks(plain, 1 << 22)),
        ("bzip2", bzip2(plain)),
        ("zstd", zstd(plain, 0)),
        // One job of a thread.
        ("zstd with threads", zstd(&plain.repeat(4), 2)),
    ]
}

#[test]
fn what_is_packed_anew_is_made_again_from_what_changed_in_it() {
    let plain = [text(1, 160_000), noise(2, 40_000)].concat();
    let versions = packings(&plain).into_iter().zip(packings(&edited(&plain)));
    for ((name, reference), (_, target)) in versions {
        let (delta, told) = round_trip(&reference, &target);
        assert_eq!(delta[VERSION], 2, "{name}");
        assert!(delta.len() < 900, "{name}: {} bytes", delta.len());
        assert_eq!(told.repacked, target.len() as u64, "{name}: {told:?}");
    }
}

#[test]
fn packages_are_looked_into_to_the_members_of_their_archives() {
    let (manual, program) = (text(3, 100_000), noise(4, 100_000));
    let data = |manual: &[u8]| tar(&[("usr/share/man/a.1.gz", &gzip(manual)), ("usr/bin/a", &program)]);
    for pack in [xz, bzip2, |plain: &[u8]| zstd(plain, 2)] {
        let (reference, target) = (deb(&pack(&data(&manual)), "xz"), deb(&pack(&data(&edited(&manual))), "xz"));
        let (delta, told) = round_trip(&reference, &target);
        assert!(delta.len() < 1400, "{} bytes", delta.len());
        // Its control archive is the same, and copied.
        assert!(told.repacked > 100_000 && told.copied > 50 && told.reencoded + told.tokens > 1000, "{told:?}");
    }
}

#[test]
fn ranges_are_parts_of_the_whole() {
    let plain = text(5, 300_000);
    let (one, two) = (deb(&bzip2(&plain), "bz2"), deb(&bzip2(&edited(&plain)), "bz2"));
    let (reference, target) = ([&one[..], &noise(6, 3000)].concat(), [&two[..], &noise(6, 3000)].concat());
    let (delta, _) = round_trip(&reference, &target);
    let form = Bytes::from(prepared(&MAX, &reference));
    let limits = CodecLimits { memory: ROOMY, target_size: target.len() as u64 };
    for range in [0..0, 0..200, 190..5000, target.len() - 3100..target.len() - 2900, 0..target.len()] {
        let mut given = Vec::new();
        let wanted = range.start as u64..range.end as u64;
        MAX.decode_range(&form, &mut &delta[..], wanted, &mut given, &limits).expect("decoded");
        assert!(given == target[range.clone()], "{range:?}");
    }
}

#[test]
fn deltas_that_need_no_packer_are_of_version_1() {
    let (one, two) = (text(7, 50_000), text(8, 50_000));
    let unchanged = tar(&[("a.xz", &xz(&one)), ("b", &one)]);
    let changed = tar(&[("a.xz", &xz(&one)), ("b", &edited(&one))]);
    for (reference, target) in
        [(&unchanged, &changed), (&gzip(&one), &gzip(&edited(&one))), (&xz(&one), &edited(&one)), (&one, &two)]
    {
        let (delta, told) = round_trip(reference, target);
        assert_eq!((delta[VERSION], told.repacked), (1, 0), "{told:?}");
    }
    let (reference, target) = (xz(&one), xz(&edited(&one)));
    for effort in [Effort::Fast, Effort::Default] {
        let (delta, told) = encoded(Dgd1Codec::new(effort), &reference, &target, ROOMY);
        assert_eq!((delta[VERSION], told.repacked), (1, 0), "{told:?}");
    }
}

#[test]
fn what_no_packer_gives_stays_as_it_is() {
    let plain = text(9, 50_000);
    let mut reserved = zstd(&plain, 0);
    // A bit of the header that decoders do not look at.
    reserved[4] |= 1 << 4;
    let (delta, told) = round_trip(&zstd(&edited(&plain), 0), &reserved);
    assert_eq!((delta[VERSION], told.repacked), (1, 0), "{told:?}");
    // In one file some are made again and others not.
    let target = tar(&[("a.zst", &reserved), ("b.zst", &zstd(&edited(&plain), 0))]);
    let (_, told) = round_trip(&tar(&[("a.zst", &zstd(&plain, 0)), ("b.zst", &zstd(&plain, 0))]), &target);
    assert!(told.repacked > 0 && told.raw == reserved.len() as u64, "{told:?}");
}

#[test]
fn memory_is_told_before_it_is_taken() {
    let plain = text(10, 100_000);
    let (reference, target) = (xz(&plain), xz(&edited(&plain)));
    let (delta, _) = round_trip(&reference, &target);
    assert_eq!(delta[VERSION], 2);
    let needed = match decode(&MAX, &reference, &delta, target.len() as u64, 64 << 20).1 {
        Err(CodecError::Memory { needed, .. }) => needed,
        other => panic!("{other:?}"),
    };
    // The tables of liblzma at level 6 are most of it, and what unpacking takes.
    assert!((94 << 20..200 << 20).contains(&needed), "{needed}");
    let (given, result) = decode(&MAX, &reference, &delta, target.len() as u64, needed);
    result.expect("as much as was told is enough");
    assert!(given == target);
    let (_, result) = decode(&MAX, &reference, &delta, target.len() as u64, needed - 1);
    assert!(matches!(result, Err(CodecError::Memory { .. })), "{result:?}");
    // Where it does not fit, the delta is one of version 1, and decoded in the same memory.
    for memory in [96 << 20, 160 << 20, 256 << 20, 400 << 20] {
        let (delta, _) = encoded(MAX, &reference, &target, memory);
        let (given, result) = decode(&MAX, &reference, &delta, target.len() as u64, memory);
        result.expect("decoded");
        assert!(given == target);
    }
}

#[test]
fn changed_deltas_give_the_target_or_an_error() {
    let plain = text(11, 4000);
    let (reference, target) = (bzip2(&plain), [bzip2(&edited(&plain)), gzip(&plain)].concat());
    let (delta, _) = round_trip(&reference, &target);
    assert_eq!(delta[VERSION], 2);
    for at in 0..delta.len() {
        let mut changed = delta.clone();
        changed[at] ^= 1 << (at % 8);
        let (given, result) = decode(&MAX, &reference, &changed, target.len() as u64, ROOMY);
        // The digest of the target stands in the header, which has one of its own.
        assert!(result.is_err() || given == target, "byte {at}");
        assert!(given.len() <= target.len());
    }
}
