//! xz, by liblzma 5.8.

use liblzma::stream::{Action, Check, MtStreamBuilder, PRESET_EXTREME, Status, Stream};

use super::{PIECE, Unpacked};
use crate::deflate::{Inflated, NotInflated};

/// Unpacking takes what a dictionary of 64 MiB does, that of level 9, and no more: the next one in the format has 96 MiB.
const DECODER: u64 = 72 << 20;
/// Bytes of the header of a stream, and of its footer.
const ENDS: usize = 12;
/// The dictionaries of the presets, as the header of a block has them.
const DICTIONARIES: [u8; 10] = [12, 16, 18, 20, 20, 22, 22, 24, 26, 28];
/// Presets whose dictionary is this one differ in so many bytes, or do not in many more.
const PROBE: usize = 1 << 15;
/// The sizes in the header of a block have four bytes for blocks of this size and more, and three for a block of level 0.
const BLOCK: usize = 1 << 21;
const BLOCK_OF_LEVEL_0: usize = 1 << 20;
/// No block is larger that one thread keeps in memory.
const LARGEST_BLOCK: usize = 1 << 31;

/// How xz packs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// A level, and 16 more for the extreme ones.
    preset: u8,
    /// The number of the check, as the header has it.
    check: u8,
    /// Bytes of a block, as with several threads; 0 for one block without sizes, as xz wrote by itself up to 5.4.
    block: usize,
}

impl Settings {
    pub(super) fn read(preset: usize, check: usize, block: usize) -> Option<Self> {
        let (preset, check) = (u8::try_from(preset).ok()?, u8::try_from(check).ok()?);
        let own = Self { preset, check, block };
        (preset & 15 <= 9 && preset < 32 && block <= LARGEST_BLOCK && own.check().is_some()).then_some(own)
    }

    pub(super) fn numbers(&self) -> [usize; 3] {
        [usize::from(self.preset), usize::from(self.check), self.block]
    }

    pub(super) fn memory(&self) -> usize {
        // Of one block without sizes, less: there is no buffer for a block.
        match self.builder(self.block.max(1)).map(|builder| builder.memusage()) {
            Some(bytes) => usize::try_from(bytes).unwrap_or(usize::MAX),
            None => usize::MAX,
        }
    }

    fn check(&self) -> Option<Check> {
        match self.check {
            0 => Some(Check::None),
            1 => Some(Check::Crc32),
            4 => Some(Check::Crc64),
            10 => Some(Check::Sha256),
            _ => None,
        }
    }

    fn preset(&self) -> u32 {
        u32::from(self.preset & 15) | if self.preset & 16 == 0 { 0 } else { PRESET_EXTREME }
    }

    fn builder(&self, block: usize) -> Option<MtStreamBuilder> {
        let mut builder = MtStreamBuilder::new();
        builder.threads(1).preset(self.preset()).check(self.check()?).block_size(block as u64);
        Some(builder)
    }

    pub(super) fn pack(&self, plain: &[u8], taken: &mut dyn FnMut(&[u8]) -> bool) -> Option<()> {
        let mut encoder = match self.block {
            0 => Stream::new_easy_encoder(self.preset(), self.check()?).ok()?,
            block => self.builder(block)?.encoder().ok()?,
        };
        let mut piece = vec![0; PIECE];
        loop {
            let (read, given) = (encoder.total_in() as usize, encoder.total_out());
            let status = encoder.process(&plain[read..], &mut piece, Action::Finish).ok()?;
            let came = (encoder.total_out() - given) as usize;
            if !taken(&piece[..came]) {
                return None;
            }
            match status {
                Status::StreamEnd => return Some(()),
                Status::MemNeeded => return None,
                _ => {}
            }
        }
    }

    /// Whether the first block of `stream` begins as this preset has it: that costs little, whatever the blocks are.
    fn begins(&self, block: &[u8], plain: &[u8]) -> bool {
        let alone = Self { block: 0, ..*self };
        // What stands before the block's content, with its header of twelve bytes.
        let (mut passed, mut rest) = (2 * ENDS, &block[..block.len().min(PROBE)]);
        let mut differs = false;
        alone.pack(plain, &mut |bytes| {
            let skipped = passed.min(bytes.len());
            passed -= skipped;
            let bytes = &bytes[skipped..];
            let length = bytes.len().min(rest.len());
            differs |= bytes[..length] != rest[..length];
            rest = &rest[length..];
            !differs && !rest.is_empty()
        });
        !differs
    }
}

/// The settings that may give a stream, the likeliest first.
pub(super) fn candidates(stream: &[u8], plain: &[u8], memory: usize) -> Vec<Settings> {
    shape(stream, plain.len()).map_or(Vec::new(), |shape| {
        // The higher of two with one dictionary is what is written by default.
        let levels = (0..10_u8).rev().filter(|level| DICTIONARIES[usize::from(*level)] == shape.dictionary);
        let presets = levels.flat_map(|level| [level, level | 16]);
        let settings = presets.map(|preset| Settings { preset, check: shape.check, block: 0 });
        let possible = settings
            .filter(|settings| settings.memory() <= memory && settings.begins(shape.block, &plain[..shape.first]));
        possible.flat_map(|settings| shape.blocks.iter().map(move |&block| Settings { block, ..settings })).collect()
    })
}

/// What the headers of a stream tell.
struct Shape<'a> {
    check: u8,
    dictionary: u8,
    /// The first block, behind its header; all of what follows that where its length is not told.
    block: &'a [u8],
    /// Bytes that it gives.
    first: usize,
    /// What its blocks may have been bounded by.
    blocks: Vec<usize>,
}

fn shape(stream: &[u8], plain: usize) -> Option<Shape<'_>> {
    let check = *stream.get(7)?;
    let header = stream.get(ENDS..)?;
    let length = (usize::from(*header.first()?) + 1) * 4;
    let (flags, mut rest) = (*header.get(1)?, header.get(2..length)?);
    // One filter, with both sizes before it or none of them.
    let has_sizes = match flags {
        0 => false,
        0xc0 => true,
        _ => return None,
    };
    let mut block = &header[length..];
    if has_sizes {
        let packed = crate::varint::read(&mut rest)?;
        crate::varint::read(&mut rest)?;
        block = block.get(..packed)?;
    }
    let &[0x21, 1, dictionary, ..] = rest else { return None };
    let (count, first) = blocks(stream)?;
    let blocks = match (has_sizes, count) {
        (false, 0 | 1) => vec![0],
        (false, _) => return None,
        (true, 1) => vec![plain.max(BLOCK), BLOCK_OF_LEVEL_0],
        (true, _) => vec![first],
    };
    (first <= plain).then_some(Shape { check, dictionary, block, first, blocks })
}

/// How many blocks a stream has, and how many bytes the first of them gives: its index says so.
fn blocks(stream: &[u8]) -> Option<(usize, usize)> {
    let footer = stream.len().checked_sub(ENDS)?;
    let size = u32::from_le_bytes(*stream.get(footer + 4..)?.first_chunk()?) as usize;
    let start = footer.checked_sub(size.checked_add(1)?.checked_mul(4)?)?;
    let mut index = stream.get(start + 1..footer)?;
    let count = crate::varint::read(&mut index)?;
    crate::varint::read(&mut index)?;
    Some((count, crate::varint::read(&mut index)?))
}

pub(super) fn unpack(input: &[u8], limit: usize) -> Result<Inflated, NotInflated> {
    let mut decoder = Stream::new_stream_decoder(DECODER, 0).map_err(|_| NotInflated::Invalid)?;
    let mut unpacked = Unpacked::within(limit);
    loop {
        let (read, given) = (decoder.total_in() as usize, decoder.total_out());
        let status = decoder.process(&input[read..], &mut unpacked.piece, Action::Run);
        let status = status.map_err(|_| NotInflated::Invalid)?;
        let (taken, came) = (decoder.total_in() as usize - read, (decoder.total_out() - given) as usize);
        unpacked.take(came)?;
        match status {
            Status::StreamEnd => return Ok(unpacked.finish(read + taken)),
            _ if taken == 0 && came == 0 => return Err(NotInflated::Invalid),
            _ => {}
        }
    }
}
