//! DEFLATE streams, taken apart and made again bit for bit.
//!
//! A stream is kept as its plaintext and a *side*: what an encoder chose. The kinds of side are told in
//! [`encoder`] and [`tokens`].

mod bits;
mod block;
mod encoder;
mod huffman;
mod inflate;
#[cfg(test)]
pub(crate) mod samples;
mod symbols;
mod tokens;
mod trees;
mod varint;
mod walk;

pub(crate) use encoder::{Version, guide_reach};

/// What a stream gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Inflated {
    /// The plaintext.
    pub plain: Vec<u8>,
    /// Bytes of input that the stream takes, the last partial byte included.
    pub length: usize,
}

/// Why a stream gives nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotInflated {
    /// It is invalid, or cut short.
    Invalid,
    /// It gives more than it may.
    TooLong,
}

/// The ways to keep a stream. The numbers stand in a stored format and are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// The side names an encoder and its settings.
    Encoder = 1,
    /// The side tells all that the encoder chose.
    Tokens = 2,
    /// The side names an encoder, and another version of the stream that tells most of its choices.
    Guided = 3,
}

impl Kind {
    /// The kind with this number.
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Encoder),
            2 => Some(Self::Tokens),
            3 => Some(Self::Guided),
            _ => None,
        }
    }
}

/// What is kept of a stream besides its plaintext.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Representation {
    /// How the side is read.
    pub kind: Kind,
    /// Not packed: zstd makes tokens much smaller, above all after those of another version of the stream.
    pub side: Vec<u8>,
}

impl Representation {
    /// The side that names the encoder, where there is one.
    pub(crate) fn encoder(&self) -> Option<&[u8]> {
        match self.kind {
            Kind::Encoder => Some(&self.side),
            Kind::Guided => self.side.get(..encoder::SIDE),
            Kind::Tokens => None,
        }
    }
}

/// What goes wrong where a stream is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DeflateError {
    /// Plaintext and side are not those of a stream of the recorded length.
    #[error("the parts of a DEFLATE stream don't fit each other")]
    Damaged,
}

/// Inflates the raw DEFLATE stream at the start of `input`, into at most `limit` bytes.
///
/// Takes memory for about twice what comes out, whatever `limit` is.
pub(crate) fn inflate(input: &[u8], limit: usize) -> Result<Inflated, NotInflated> {
    inflate::inflate(input, limit)
}

/// The cheapest way to keep exactly `stream`, whose plaintext is `plain`, proven by making the stream again; None where
/// none works.
///
/// An encoder costs four bytes and wins; tokens keep what none of them makes.
pub(crate) fn represent(stream: &[u8], plain: &[u8]) -> Option<Representation> {
    match encoder::detect(stream, plain) {
        Some(side) => Some(Representation { kind: Kind::Encoder, side }),
        None => represent_tokens(stream, plain),
    }
}

/// Does the same with the encoders alone that one of these sides names.
pub(crate) fn represent_by(sides: &[Vec<u8>], stream: &[u8], plain: &[u8]) -> Option<Representation> {
    match sides.iter().find(|side| encoder::gives(side, stream, plain)) {
        Some(side) => Some(Representation { kind: Kind::Encoder, side: side.clone() }),
        None => represent_tokens(stream, plain),
    }
}

/// Whether the encoder that a side names gives exactly `stream` from its plaintext.
pub(crate) fn gives(side: &[u8], stream: &[u8], plain: &[u8]) -> bool {
    encoder::gives(side, stream, plain)
}

/// Keeps exactly `stream` as tokens, proven; None where it is no stream with this plaintext.
pub(crate) fn represent_tokens(stream: &[u8], plain: &[u8]) -> Option<Representation> {
    let side = tokens(stream)?;
    let is_proven = tokens::rebuild(plain, &side, stream.len()).as_deref() == Ok(stream);
    is_proven.then_some(Representation { kind: Kind::Tokens, side })
}

/// Keeps exactly `stream` by one of the encoders that these sides name, guided by another version of it, proven; None where that
/// takes a side of more than `most` bytes. Without sides, the encoder is found first.
pub(crate) fn represent_guided(
    sides: &[Vec<u8>],
    stream: &[u8],
    plain: &[u8],
    other: Version<'_>,
    most: usize,
) -> Option<Representation> {
    let side = match sides {
        [] => encoder::guided_side(&[encoder::likely(stream, plain)?], stream, plain, other, most),
        sides => encoder::guided_side(sides, stream, plain, other, most),
    }?;
    Some(Representation { kind: Kind::Guided, side })
}

/// Makes a stream of exactly `length` bytes again from what [`represent`] gave; `streams` gives those of the reference by their
/// numbers.
///
/// Whatever the parts hold, it ends, does not panic, and takes memory in proportion to them.
pub(crate) fn rebuild<'a>(
    kind: Kind,
    plain: &[u8],
    side: &[u8],
    length: usize,
    streams: &dyn Fn(usize) -> Option<&'a [u8]>,
) -> Result<Vec<u8>, DeflateError> {
    let stream = match kind {
        Kind::Encoder => encoder::rebuild(plain, side, length).ok_or(DeflateError::Damaged),
        Kind::Tokens => tokens::rebuild(plain, side, length),
        Kind::Guided => encoder::rebuild_guided(plain, side, length, streams).ok_or(DeflateError::Damaged),
    }?;
    if stream.len() == length { Ok(stream) } else { Err(DeflateError::Damaged) }
}

/// The side of exactly `stream` as tokens, whichever kind [`represent`] would choose: the prefix with which zstd packs
/// the tokens of another version. None where it is no stream. What it gives for a stream is part of the stored format.
pub(crate) fn tokens(stream: &[u8]) -> Option<Vec<u8>> {
    tokens::tokens(stream)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::samples::{empty_block, odd_streams, sample, streams, valid_stream};
    use super::*;

    /// Takes a stream apart in every way and makes it again.
    fn round_trip(stream: &[u8], plain: &[u8]) {
        let inflated = inflate(stream, plain.len()).unwrap();
        assert_eq!((&inflated.plain[..], inflated.length), (plain, stream.len()));
        if !plain.is_empty() {
            assert_eq!(inflate(stream, plain.len() - 1), Err(NotInflated::TooLong), "the limit holds");
        }
        let tokens = represent_tokens(stream, plain).unwrap();
        let Representation { kind, side } = represent(stream, plain).unwrap();
        assert!(side.len() <= tokens.side.len() || kind != Kind::Tokens);
        assert_eq!(rebuild(kind, plain, &side, stream.len(), &|_| None).as_deref(), Ok(stream));
        for length in [0, stream.len() + 1] {
            assert_eq!(rebuild(kind, plain, &side, length, &|_| None), Err(DeflateError::Damaged));
        }
    }

    #[test]
    fn encoders_are_found_by_what_they_give() {
        let plain = sample(150_000);
        for (name, stream) in streams(&plain) {
            let representation = represent(&stream, &plain).unwrap();
            assert_eq!((representation.kind, representation.side.len()), (Kind::Encoder, 4), "{name}");
            assert_eq!(
                rebuild(Kind::Encoder, &plain, &representation.side, stream.len(), &|_| None),
                Ok(stream),
                "{name}"
            );
        }
    }

    #[test]
    fn short_streams_come_back() {
        for length in [0, 1, 3, 4, 300] {
            let plain = sample(length);
            for (_, stream) in streams(&plain) {
                round_trip(&stream, &plain);
            }
        }
    }

    #[test]
    fn odd_streams_come_back() {
        for stream in odd_streams() {
            let plain = inflate(&stream, 1 << 20).unwrap().plain;
            round_trip(&stream, &plain);
        }
    }

    #[test]
    fn streams_of_gnu_gzip_come_back() {
        let files =
            [&include_bytes!("../tests/vectors/gnu-gzip-1.gz")[..], include_bytes!("../tests/vectors/gnu-gzip-9.gz")];
        for file in files {
            let stream = &file[10..file.len() - 8];
            let plain = inflate(stream, 1 << 20).unwrap().plain;
            round_trip(stream, &plain);
            assert_eq!(represent(stream, &plain).unwrap().kind, Kind::Encoder);
        }
    }

    /// By an implementation that follows zlib in what it takes.
    fn inflated_by_another(stream: &[u8], limit: usize) -> Option<Vec<u8>> {
        let mut output = vec![0; limit];
        let config = zlib_rs::InflateConfig { window_bits: -15 };
        let (plain, code) = zlib_rs::decompress_slice(&mut output, stream, config);
        (code == zlib_rs::ReturnCode::Ok).then(|| plain.to_vec())
    }

    #[test]
    fn a_stream_is_what_zlib_takes_for_one() {
        // What a reference expands to is stored in deltas, so that all readers have to agree on what they take.
        let streams = streams(&sample(400));
        let (mut state, mut valid) = (1_u64, 0);
        for case in 0..12_000 {
            let mut stream = streams[case % streams.len()].1.clone();
            for _ in 0..1 + case % 3 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let bit = (state >> 33) as usize % (8 * stream.len().min(60));
                stream[bit / 8] ^= 1 << (bit % 8);
            }
            let inflated = inflate(&stream, 1 << 16).ok().map(|inflated| inflated.plain);
            valid += usize::from(inflated.is_some());
            assert!(inflated == inflated_by_another(&stream, 1 << 16), "{stream:02x?}");
        }
        assert!(valid > 100, "{valid}");
    }

    #[test]
    fn codes_that_leave_some_over_are_no_stream() {
        // Lengths of the code of code lengths for 18, 0, 1 and 2, and the code lengths: each set as it is, and with one code left over.
        for (literals, distances, is_stream) in [
            (&[(b'a', 1), (0, 1)][..], &[][..], true),
            (&[(b'a', 1), (0, 1)], &[1], true),
            (&[(b'a', 1), (0, 1)], &[1, 1], true),
            (&[(0, 1)], &[], true),
            (&[(b'a', 1), (0, 2)], &[1, 1], false),
            (&[(0, 2)], &[], false),
            (&[(b'a', 1), (0, 1)], &[2], false),
            (&[(b'a', 1), (0, 1)], &[1, 2], false),
            (&[(b'a', 1), (b'b', 1)], &[], false),
        ] {
            let stream = empty_block(literals, distances);
            assert_eq!(inflated_by_another(&stream, 10).is_some(), is_stream, "{literals:?} {distances:?}");
            assert_eq!(inflate(&stream, 10).is_ok(), is_stream, "{literals:?} {distances:?}");
        }
    }

    #[test]
    fn a_lying_limit_allocates_nothing() {
        let inflated = inflate(&[3, 0], usize::MAX).unwrap();
        assert_eq!((inflated.plain.capacity(), inflated.length), (0, 2));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn valid_streams_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let stream = valid_stream(&bytes);
            let plain = inflate(&stream, 1 << 20).unwrap().plain;
            let side = tokens(&stream).unwrap();
            prop_assert_eq!(rebuild(Kind::Tokens, &plain, &side, stream.len(), &|_| None), Ok(stream));
        }

        #[test]
        fn damaged_streams_and_sides_never_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..200), at in any::<usize>(), bit in 0..8u32, cut in any::<usize>()
        ) {
            let mut stream = valid_stream(&bytes);
            let plain = inflate(&stream, 1 << 20).unwrap().plain;
            let mut side = tokens(&stream).unwrap();
            let length = stream.len();
            let place = at % stream.len();
            stream[place] ^= 1 << bit;
            let _ = (inflate(&stream, 1 << 16), tokens(&stream), inflate(&stream[..cut % length], 1 << 16));
            let place = at % side.len();
            side[place] ^= 1 << bit;
            for kind in [Kind::Encoder, Kind::Tokens] {
                let _ = rebuild(kind, &plain, &side, length, &|_| None);
                let _ = rebuild(kind, &plain, &side[..cut % side.len()], length, &|_| None);
                let _ = rebuild(kind, &plain[..cut % (plain.len() + 1)], &side, length, &|_| None);
                let _ = rebuild(kind, &plain, &bytes, length, &|_| None);
            }
        }
    }
}
