//! Frames: parts of body and side, each a zstd frame with what it resembles as its prefix.

use std::borrow::Cow;
use std::io;
use std::ops::Range;

use deltaglider_core::codec::CodecError;
use zstd::zstd_safe::{self, CCtx, CParameter, DCtx, ParamSwitch, Strategy};

use crate::Effort;
use crate::varint;

/// No frame gives more bytes.
pub(super) const LARGEST: usize = 64 << 20;
/// No prefix is longer: a match reaches 2 GiB at most.
pub(super) const LONGEST_PREFIX: usize = 1 << 30;

/// One frame, as the directory tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Bytes that it gives.
    pub(super) plain: usize,
    /// Bytes that it takes in the delta.
    pub(super) packed: usize,
    /// What its prefix is put together from: of the body, ranges of the expanded reference; of the side, the numbers of streams of
    /// the reference, whose tokens it is.
    pub(super) prefix: Vec<Range<usize>>,
}

/// Writes a list of frames.
pub(super) fn write(frames: &[Frame], out: &mut Vec<u8>) {
    varint::write(out, frames.len());
    for frame in frames {
        for length in [frame.plain, frame.packed, frame.prefix.len()] {
            varint::write(out, length);
        }
        let mut end = 0;
        for range in &frame.prefix {
            // Ranges ascend and are apart.
            varint::write(out, range.start - end);
            varint::write(out, range.len());
            end = range.end;
        }
    }
}

/// Reads a list of frames, whose prefixes are within `reference`; `None` where it is none.
pub(super) fn read(bytes: &mut &[u8], reference: usize) -> Option<Vec<Frame>> {
    // Each takes three bytes at least, and each range two.
    let count = varint::read(bytes).filter(|count| *count <= bytes.len() / 3)?;
    let mut frames = Vec::with_capacity(count);
    for _ in 0..count {
        let plain = varint::read(bytes).filter(|plain| (1..=LARGEST).contains(plain))?;
        let packed = varint::read(bytes).filter(|packed| *packed <= zstd_safe::compress_bound(plain))?;
        let ranges = varint::read(bytes).filter(|ranges| *ranges <= bytes.len() / 2)?;
        let mut prefix: Vec<Range<usize>> = Vec::with_capacity(ranges);
        let mut length = 0_usize;
        for _ in 0..ranges {
            let start = prefix.last().map_or(0, |last| last.end).checked_add(varint::read(bytes)?)?;
            let taken = varint::read(bytes)?;
            let end = start.checked_add(taken).filter(|end| *end <= reference)?;
            length = length.checked_add(taken).filter(|length| *length <= LONGEST_PREFIX)?;
            prefix.push(start..end);
        }
        frames.push(Frame { plain, packed, prefix });
    }
    Some(frames)
}

/// The bytes of ranges, one behind the other; borrowed where there is one range.
pub(super) fn gather<'a>(bytes: &'a [u8], ranges: &[Range<usize>]) -> Cow<'a, [u8]> {
    match ranges {
        [] => Cow::Borrowed(&[]),
        [range] => Cow::Borrowed(&bytes[range.clone()]),
        ranges => {
            let mut gathered = Vec::with_capacity(ranges.iter().map(ExactSizeIterator::len).sum());
            ranges.iter().for_each(|range| gathered.extend_from_slice(&bytes[range.clone()]));
            Cow::Owned(gathered)
        }
    }
}

/// Bytes of tables that the encoder takes for a frame and its prefix.
pub(super) fn tables(reach: usize, effort: Effort) -> usize {
    let window_log = window_log(reach);
    let search = search(window_log, effort);
    let chain = if search.chains { 4 << search.chain_log } else { 0 };
    (5 << search.hash_log) + chain + (8 << far_log(window_log)) + (4 << 20)
}

/// How zstd searches, all of it named: a level's meaning changes with the version.
struct Search {
    strategy: Strategy,
    chains: bool,
    hash_log: u32,
    chain_log: u32,
    search_log: u32,
    min_match: u32,
    target_length: u32,
}

fn search(window_log: u32, effort: Effort) -> Search {
    let hash_log = window_log.saturating_sub(2).clamp(10, 26);
    match effort {
        Effort::Fast => Search {
            strategy: Strategy::ZSTD_greedy,
            chains: false,
            hash_log,
            chain_log: 6,
            search_log: 3,
            min_match: 5,
            target_length: 16,
        },
        Effort::Default => Search {
            strategy: Strategy::ZSTD_lazy2,
            chains: false,
            hash_log,
            chain_log: 6,
            search_log: 6,
            min_match: 5,
            target_length: 32,
        },
        Effort::Max => Search {
            strategy: Strategy::ZSTD_btultra2,
            chains: true,
            hash_log,
            chain_log: window_log.clamp(10, 27),
            search_log: 7,
            min_match: 3,
            target_length: 256,
        },
    }
}

fn window_log(reach: usize) -> u32 {
    reach.next_power_of_two().ilog2().clamp(10, 31)
}

fn far_log(window_log: u32) -> u32 {
    window_log.saturating_sub(5).clamp(10, 27)
}

/// Packs `plain` with `prefix` before it.
pub(super) fn pack(plain: &[u8], prefix: &[u8], effort: Effort) -> Result<Vec<u8>, CodecError> {
    let window_log = window_log(plain.len() + prefix.len());
    let search = search(window_log, effort);
    let mut context = CCtx::try_create().ok_or_else(out_of_memory)?;
    for parameter in [
        CParameter::WindowLog(window_log),
        CParameter::Strategy(search.strategy),
        CParameter::HashLog(search.hash_log),
        CParameter::ChainLog(search.chain_log),
        CParameter::SearchLog(search.search_log),
        CParameter::MinMatch(search.min_match),
        CParameter::TargetLength(search.target_length),
        CParameter::UseRowMatchFinder(ParamSwitch::Enable),
        CParameter::EnableLongDistanceMatching(true),
        CParameter::LdmHashLog(far_log(window_log)),
        CParameter::LdmHashRateLog(5),
        CParameter::LdmBucketSizeLog(4),
        CParameter::LdmMinMatch(64),
        CParameter::ContentSizeFlag(true),
        CParameter::ChecksumFlag(true),
        // Otherwise the result depends on where the prefix happens to lie in memory.
        CParameter::DeterministicRefPrefix(true),
    ] {
        context.set_parameter(parameter).map_err(encoder_error)?;
    }
    context.ref_prefix(prefix).map_err(encoder_error)?;
    let mut packed = Vec::with_capacity(zstd_safe::compress_bound(plain.len()));
    context.compress2(&mut packed, plain).map_err(encoder_error)?;
    packed.shrink_to_fit();
    Ok(packed)
}

/// Gives what was packed, which is `plain` bytes long; its checksum is proven.
pub(super) fn unpack(packed: &[u8], prefix: &[u8], plain: usize) -> Result<Vec<u8>, CodecError> {
    let mut context = DCtx::try_create().ok_or_else(out_of_memory)?;
    context.ref_prefix(prefix).map_err(decoder_error)?;
    let mut given = Vec::new();
    given.try_reserve_exact(plain).map_err(|_| out_of_memory())?;
    context.decompress(&mut given, packed).map_err(decoder_error)?;
    if given.len() == plain { Ok(given) } else { Err(damaged("a frame is not as long as its entry says")) }
}

pub(super) fn damaged(what: &str) -> CodecError {
    CodecError::Damaged(what.to_owned())
}

pub(super) fn out_of_memory() -> CodecError {
    CodecError::Io(io::ErrorKind::OutOfMemory.into())
}

fn encoder_error(code: usize) -> CodecError {
    CodecError::Io(io::Error::other(zstd_safe::get_error_name(code)))
}

fn decoder_error(code: usize) -> CodecError {
    CodecError::Damaged(zstd_safe::get_error_name(code).to_owned())
}

#[cfg(test)]
mod tests {
    use deltaglider_testkit::codec_conformance::{noise, text};

    use super::*;

    #[test]
    fn frames_unpack_with_their_prefix_alone() {
        let prefix = text(1, 300_000);
        let plain = [&prefix[100_000..200_000], &noise(2, 1000), &prefix[..50_000]].concat();
        for effort in [Effort::Fast, Effort::Default, Effort::Max] {
            let packed = pack(&plain, &prefix, effort).expect("packed");
            assert!(packed.len() < 2000, "{effort:?}: {}", packed.len());
            assert!(unpack(&packed, &prefix, plain.len()).expect("unpacked") == plain);
            assert!(unpack(&packed, &prefix, plain.len() - 1).is_err());
            assert!(unpack(&packed, &prefix, plain.len() + 1).is_err());
            assert!(unpack(&packed, &prefix[1..], plain.len()).is_err());
            assert!(pack(&plain, &prefix, effort).expect("packed") == packed);
        }
    }

    #[test]
    fn lists_read_back() {
        let frames = vec![
            Frame { plain: 10, packed: 12, prefix: vec![0..5, 9..20] },
            Frame { plain: LARGEST, packed: 0, prefix: Vec::new() },
        ];
        let mut bytes = Vec::new();
        write(&frames, &mut bytes);
        assert_eq!(read(&mut &bytes[..], 20), Some(frames));
        assert_eq!(read(&mut &bytes[..], 19), None, "a prefix past the end");
        for cut in 0..bytes.len() {
            assert_eq!(read(&mut &bytes[..cut], 20), None);
        }
    }
}
