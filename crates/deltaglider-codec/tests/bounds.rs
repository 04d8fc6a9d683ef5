//! Whatever the reference and the target: the target comes back, and its delta takes at most 1 KiB more than the target.

use std::io::Write as _;

use deltaglider_codec::{Dgd1Codec, Effort, VcdiffCodec};
use deltaglider_core::codec::DeltaCodec;
use deltaglider_core::codec::zstd::ZstdCodec;
use deltaglider_testkit::codec_conformance::{ROOMY, decode, encode, noise, text};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use proptest::prelude::*;

/// What a delta may take beyond its target, in bytes.
const MOST: usize = 1024;

/// A stretch of a file.
#[derive(Clone, Debug)]
enum Piece {
    Noise(u8, usize),
    Text(u8, usize),
    /// One byte over and over.
    Run(u8, usize),
    Gzip(u32, Vec<Piece>),
    /// A member of a zip, without a directory at the end.
    Member(u32, Vec<Piece>),
    /// Bytes that begin as an archive does and go on as none.
    Forged(u8, usize),
    /// A part of the other file: where it begins, and its length, both in 65536ths.
    Shared(u16, u16),
}

fn bytes(pieces: &[Piece], other: &[u8]) -> Vec<u8> {
    pieces.iter().flat_map(|piece| piece.bytes(other)).collect()
}

impl Piece {
    fn bytes(&self, other: &[u8]) -> Vec<u8> {
        match self {
            Self::Noise(seed, length) => noise((*seed).into(), *length),
            Self::Text(seed, length) => text((*seed).into(), *length),
            Self::Run(byte, length) => vec![*byte; *length],
            Self::Gzip(level, pieces) => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::new(*level));
                encoder.write_all(&bytes(pieces, other)).expect("written");
                encoder.finish().expect("finished")
            }
            Self::Member(level, pieces) => {
                let plain = bytes(pieces, other);
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(*level));
                encoder.write_all(&plain).expect("written");
                let packed = encoder.finish().expect("finished");
                let (length, whole) = ((packed.len() as u32).to_le_bytes(), (plain.len() as u32).to_le_bytes());
                let head = b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0";
                [&head[..], &length, &whole, &[1, 0, 0, 0], b"m", &packed].concat()
            }
            Self::Forged(which, length) => {
                const HEADS: [&[u8]; 7] = [
                    b"\x1f\x8b\x08\0\0\0\0\0\0\x03",
                    b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0\xff\xff\xff\x7f\xff\xff\xff\x7f\x01\0\0\0m",
                    b"\xfd7zXZ\0\0\x04",
                    b"BZh91AY&SY",
                    b"\x28\xb5\x2f\xfd\xa4",
                    b"!<arch>\n",
                    b"DGD1",
                ];
                [HEADS[usize::from(*which) % HEADS.len()], &noise((*which).into(), *length)].concat()
            }
            Self::Shared(at, length) => {
                let place = |share: u16| other.len() * usize::from(share) / 65536;
                let rest = &other[place(*at)..];
                rest[..rest.len() * usize::from(*length) / 65536].to_vec()
            }
        }
    }
}

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let length = prop_oneof![0..40_usize, 0..3000_usize, 0..40_000_usize];
    let leaf = prop_oneof![
        (0..8_u8, length.clone()).prop_map(|(seed, length)| Piece::Noise(seed, length)),
        (0..8_u8, length.clone()).prop_map(|(seed, length)| Piece::Text(seed, length)),
        (any::<u8>(), length.clone()).prop_map(|(byte, length)| Piece::Run(byte, length)),
        (any::<u8>(), length).prop_map(|(which, length)| Piece::Forged(which, length)),
        (any::<u16>(), any::<u16>()).prop_map(|(at, length)| Piece::Shared(at, length)),
    ];
    let packed = leaf.prop_recursive(2, 12, 3, |inner| {
        let inner = prop::collection::vec(inner, 0..3);
        prop_oneof![
            (0..10_u32, inner.clone()).prop_map(|(level, pieces)| Piece::Gzip(level, pieces)),
            (0..10_u32, inner).prop_map(|(level, pieces)| Piece::Member(level, pieces)),
        ]
    });
    prop::collection::vec(packed, 0..5)
}

fn codecs() -> Vec<(&'static str, Box<dyn DeltaCodec>)> {
    vec![
        ("zstd", Box::new(ZstdCodec::default())),
        ("vcdiff", Box::new(VcdiffCodec)),
        ("dgd1, fast", Box::new(Dgd1Codec::new(Effort::Fast))),
        ("dgd1", Box::new(Dgd1Codec::default())),
        ("dgd1, max", Box::new(Dgd1Codec::new(Effort::Max))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_delta_is_exact_and_hardly_larger_than_its_target(first in pieces(), second in pieces()) {
        let reference = bytes(&first, b"");
        let target = bytes(&second, &reference);
        for (name, codec) in codecs() {
            let delta = encode(&*codec, &reference, &target, ROOMY).expect(name);
            prop_assert!(delta.len() <= target.len() + MOST, "{name}: {} of {}", delta.len(), target.len());
            let (given, result) = decode(&*codec, &reference, &delta, target.len() as u64, ROOMY);
            prop_assert!(result.is_ok(), "{name}: {result:?}");
            prop_assert!(given == target, "{name}");
        }
    }
}
