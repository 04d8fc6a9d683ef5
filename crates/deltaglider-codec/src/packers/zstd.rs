//! zstd, by libzstd 1.5.7.

use zstd::zstd_safe::{CCtx, CParameter, DCtx, DParameter, InBuffer, OutBuffer, zstd_sys::ZSTD_EndDirective};

use super::{PIECE, Unpacked};
use crate::deflate::{Inflated, NotInflated};

/// No larger window is unpacked: `zstd` asks its user for more as well.
const LARGEST_WINDOW: u32 = 27;
/// The program hands on so many bytes at a time.
const INPUT: usize = 1 << 17;
/// The windows of the levels from 1 on, as powers of two, for contents that are large or of unknown size.
const WINDOWS: [u8; 22] = [19, 20, 21, 21, 21, 21, 21, 21, 22, 22, 22, 22, 22, 22, 22, 22, 23, 23, 23, 25, 26, 27];
/// The levels, those that programs take by themselves first: dpkg, zstd, makepkg, and the highest.
const LEVELS: [u8; 22] = [19, 3, 20, 22, 21, 18, 9, 6, 12, 15, 1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16, 17];

const CHECKSUM: usize = 1;
const SIZED: usize = 2;
const THREADED: usize = 4;
const AT_ONCE: usize = 8;

/// How zstd packs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    level: u8,
    flags: usize,
}

/// How the content is handed on, which decides where blocks end: all but the first.
const WAYS: [usize; 3] = [THREADED, 0, AT_ONCE];

impl Settings {
    pub(super) fn read(level: usize, flags: usize) -> Option<Self> {
        let level = u8::try_from(level).ok().filter(|level| (1..=22).contains(level))?;
        let is_known = flags < 16 && flags & (THREADED | AT_ONCE) != THREADED | AT_ONCE;
        (is_known && (flags & AT_ONCE == 0 || flags & SIZED != 0)).then_some(Self { level, flags })
    }

    pub(super) fn numbers(&self) -> [usize; 2] {
        [usize::from(self.level), self.flags]
    }

    fn has(&self, flag: usize) -> bool {
        self.flags & flag != 0
    }

    pub(super) fn memory(&self, plain: usize) -> usize {
        let window = u32::from(WINDOWS[usize::from(self.level) - 1]);
        let window = if self.has(SIZED) { window.min(log_of(plain)) } else { window };
        // Tables of twelve bytes a position, the window, and what does not grow with it.
        let one = (13_usize << window) + (8 << 20);
        let one = if self.has(AT_ONCE) { one.saturating_add(zstd::zstd_safe::compress_bound(plain)) } else { one };
        // A job has four windows; four jobs are held, one more is packed into, and one has a window before it.
        if self.has(THREADED) { one.saturating_add(24_usize << window).saturating_add(8 << 20) } else { one }
    }

    pub(super) fn pack(&self, plain: &[u8], taken: &mut dyn FnMut(&[u8]) -> bool) -> Option<()> {
        let mut encoder = CCtx::try_create()?;
        let parameters = [
            CParameter::CompressionLevel(i32::from(self.level)),
            CParameter::ChecksumFlag(self.has(CHECKSUM)),
            CParameter::ContentSizeFlag(self.has(SIZED)),
            CParameter::NbWorkers(u32::from(self.has(THREADED))),
        ];
        for parameter in parameters {
            encoder.set_parameter(parameter).ok()?;
        }
        if self.has(SIZED) {
            encoder.set_pledged_src_size(Some(plain.len() as u64)).ok()?;
        }
        if self.has(AT_ONCE) {
            let mut packed: Vec<u8> = Vec::new();
            packed.try_reserve_exact(zstd::zstd_safe::compress_bound(plain.len())).ok()?;
            encoder.compress2(&mut packed, plain).ok()?;
            return taken(&packed).then_some(());
        }
        let mut piece = vec![0; PIECE];
        for input in plain.chunks(INPUT) {
            let mut input = InBuffer::around(input);
            while input.pos() < input.src.len() {
                let mut output = OutBuffer::around(&mut piece[..]);
                encoder.compress_stream2(&mut output, &mut input, ZSTD_EndDirective::ZSTD_e_continue).ok()?;
                if !taken(output.as_slice()) {
                    return None;
                }
            }
        }
        loop {
            let mut output = OutBuffer::around(&mut piece[..]);
            let mut input = InBuffer::around(&[]);
            let left = encoder.compress_stream2(&mut output, &mut input, ZSTD_EndDirective::ZSTD_e_end).ok()?;
            if !taken(output.as_slice()) {
                return None;
            }
            if left == 0 {
                return Some(());
            }
        }
    }

    /// Whether `frame` begins, up to the end of its first block, as these settings have it in whichever way: that costs little.
    fn begins(&self, frame: &[u8], plain: &[u8]) -> bool {
        let Some(mut rest) = first_block(frame).and_then(|end| frame.get(..end)) else { return false };
        let mut differs = false;
        self.pack(plain, &mut |bytes| {
            let length = bytes.len().min(rest.len());
            differs |= bytes[..length] != rest[..length];
            rest = &rest[length..];
            !differs && !rest.is_empty()
        });
        !differs
    }
}

/// Bytes of the header of a frame, and of its first block.
fn first_block(frame: &[u8]) -> Option<usize> {
    let descriptor = *frame.get(4)?;
    let is_single = usize::from(descriptor >> 5 & 1);
    let size = match descriptor >> 6 {
        0 => is_single,
        log => 1 << log,
    };
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let start = 4 + 1 + (1 - is_single) + dictionary + size;
    let &[a, b, c] = frame.get(start..)?.first_chunk()?;
    let header = u32::from_le_bytes([a, b, c, 0]) as usize;
    let length = if header >> 1 & 3 == 1 { 1 } else { header >> 3 };
    Some(start + 3 + length)
}

/// The settings that may give a frame, the likeliest first.
pub(super) fn candidates(frame: &[u8], plain: &[u8], memory: usize) -> Vec<Settings> {
    let Some(&descriptor) = frame.get(4) else { return Vec::new() };
    let is_single = descriptor & 0x20 != 0;
    let is_sized = is_single || descriptor >> 6 != 0;
    let flags = if is_sized { SIZED } else { 0 } | if descriptor & 4 != 0 { CHECKSUM } else { 0 };
    // Whole powers of two are all that levels have.
    let window =
        if is_single { None } else { frame.get(5).filter(|window| **window & 7 == 0).map(|window| (window >> 3) + 10) };
    let fits = |level: &u8| {
        let own = WINDOWS[usize::from(*level) - 1];
        match window {
            // The window is the content, which each level with a larger one has.
            None => is_single && plain.len() <= 1 << own.max(18),
            Some(window) => window == own,
        }
    };
    let levels = LEVELS.into_iter().filter(fits);
    let begins = |level: &u8| {
        let settings = Settings { level: *level, flags };
        settings.memory(plain.len()) <= memory && settings.begins(frame, plain)
    };
    let levels = levels.filter(begins);
    let ways = WAYS.into_iter().filter(|way| is_sized || *way != AT_ONCE);
    levels.flat_map(|level| ways.clone().map(move |way| Settings { level, flags: flags | way })).collect()
}

/// Bytes of the skippable frames at the start of `rest`.
pub(super) fn skippable(rest: &[u8]) -> usize {
    let mut passed = 0;
    while let Some((&[first, b'\x2a', b'\x4d', b'\x18', a, b, c, d], behind)) =
        rest.get(passed..).and_then(|rest| rest.split_first_chunk())
        && first & 0xf0 == 0x50
        && behind.len() >= u32::from_le_bytes([a, b, c, d]) as usize
    {
        passed += 8 + u32::from_le_bytes([a, b, c, d]) as usize;
    }
    passed
}

pub(super) fn unpack(input: &[u8], limit: usize) -> Result<Inflated, NotInflated> {
    let invalid = |_| NotInflated::Invalid;
    let mut decoder = DCtx::try_create().ok_or(NotInflated::Invalid)?;
    decoder.set_parameter(DParameter::WindowLogMax(LARGEST_WINDOW)).map_err(invalid)?;
    let mut unpacked = Unpacked::within(limit);
    let mut input = InBuffer::around(input);
    loop {
        let read = input.pos();
        let mut output = OutBuffer::around(&mut unpacked.piece[..]);
        let left = decoder.decompress_stream(&mut output, &mut input).map_err(invalid)?;
        let came = output.pos();
        unpacked.take(came)?;
        if left == 0 {
            return Ok(unpacked.finish(input.pos()));
        }
        if came == 0 && input.pos() == read {
            return Err(NotInflated::Invalid);
        }
    }
}

/// The logarithm of the power of two that holds so many bytes, as zstd has it for windows. Of the most bytes that can be counted,
/// the power itself can not.
fn log_of(bytes: usize) -> u32 {
    usize::BITS - (bytes.max(1 << 10) - 1).leading_zeros()
}
