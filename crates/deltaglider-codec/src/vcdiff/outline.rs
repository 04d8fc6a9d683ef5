//! What is ahead in a delta: the headers of the windows that have come in already, before anything is written.

use std::ops::Range;

use super::header::WindowHeader;
use super::secondary;

/// Sizes that the headers tell, and nothing that they hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outline {
    /// All windows were there.
    pub(super) whole: bool,
    /// Bytes of target that the windows give.
    pub(super) target: u64,
    /// Bytes of memory that the largest window takes.
    pub(super) window: u64,
    /// Bytes of packed sections of each kind, unpacked.
    pub(super) streams: [u64; 3],
    /// Ranges of the target that later windows copy from.
    pub(super) wanted: Vec<Range<u64>>,
}

impl Outline {
    /// Reads the headers of windows in the front of a delta, which is all of it where `ended`. What is wrong with them shows when
    /// they are decoded.
    pub(super) fn read(mut ahead: &[u8], ended: bool) -> Self {
        let mut outline = Self::default();
        while !ahead.is_empty() {
            let Ok(header) = WindowHeader::read(&mut ahead) else { return outline };
            if let Some(segment) = header.segment.filter(|segment| segment.from_target) {
                outline.wanted.push(segment.offset..segment.offset + segment.length);
            }
            let mut unpacked = header.sections;
            let mut at = 0;
            for (kind, length) in header.sections.iter().enumerate() {
                if header.packed[kind] {
                    let section = usize::try_from(at).ok().and_then(|at| ahead.get(at..)).unwrap_or_default();
                    let told = secondary::unpacked_length(&mut &*section).unwrap_or(0);
                    unpacked[kind] = told.min(header.longest_sections()[kind]);
                    outline.streams[kind] = outline.streams[kind].saturating_add(unpacked[kind]);
                }
                at += length;
            }
            outline.window = outline.window.max(window_memory(&header, unpacked));
            outline.target = outline.target.saturating_add(header.target);
            let Some(rest) = usize::try_from(header.body()).ok().and_then(|body| ahead.get(body..)) else {
                return outline;
            };
            ahead = rest;
        }
        outline.whole = ended;
        outline
    }
}

/// Bytes of memory that a window takes with unpacked sections of these lengths: those, what they are unpacked from, in a buffer that
/// grows by doubling, and what they give.
pub(super) fn window_memory(header: &WindowHeader, unpacked: [u64; 3]) -> u64 {
    let sections = (header.packed.iter().zip(unpacked)).filter(|(packed, _)| **packed).map(|(_, length)| length);
    let buffer = header.body().saturating_mul(2);
    sections.fold(buffer.saturating_add(header.target), u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A window of 8 bytes that copies from earlier output.
    const COPYING: [u8; 12] = [2, 5, 2, 8, 8, 0, 2, 1, 0, b'a', b'b', 2];
    /// One of 9 bytes whose data were packed from 7.
    const PACKED: [u8; 9] = [0, 7, 9, 1, 1, 1, 0, 7, 2];

    #[test]
    fn sizes_are_told_before_anything_is_decoded() {
        let outline = Outline::read(&[&COPYING[..], &PACKED, &COPYING].concat(), true);
        assert_eq!((outline.whole, outline.target, outline.streams), (true, 25, [7, 0, 0]));
        assert_eq!(outline.wanted, [2..7, 2..7]);
        assert_eq!(outline.window, 9 + 4 + 7);
    }

    #[test]
    fn what_has_not_come_in_is_not_told() {
        let delta = [&COPYING[..], &PACKED].concat();
        assert!(!Outline::read(&delta, false).whole);
        for cut in 1..delta.len() {
            if cut != COPYING.len() {
                assert!(!Outline::read(&delta[..cut], true).whole, "{cut}");
            }
        }
    }
}
