//! What a target is put together from.

use std::ops::Range;

use crate::deflate::Kind;
use crate::packers::{NoPacker, Packer, SETTINGS};
use crate::varint;

/// Streams lie in one another so deep at most.
pub(super) const MAX_DEPTH: u8 = 8;

/// A part of a target, or of the plaintext of a stream in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The next so many bytes of the body.
    Plain(usize),
    /// Bytes of the expanded reference as they stand there.
    Copy { at: usize, length: usize },
    /// A compressed stream, made from the plaintext that its parts give and the next `side` bytes of the side.
    Stream { how: How, side: usize, length: usize, parts: Vec<Part> },
}

/// How a stream is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// As one of DEFLATE, of which the side tells.
    Deflate(Kind),
    /// By a packer, and nothing of the side. From version 2 on.
    Packed(Packer),
}

/// Why bytes are no parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    Damaged,
    /// They name a packer that is not known.
    Unknown(usize),
}

impl Part {
    /// Bytes that it gives.
    pub(super) fn given(&self) -> usize {
        match self {
            Self::Plain(length) | Self::Copy { length, .. } | Self::Stream { length, .. } => *length,
        }
    }
}

/// Sums over parts, each within what can be counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// Bytes that the parts give.
    pub(super) given: usize,
    /// Bytes of the body that they take.
    pub(super) body: usize,
    /// Bytes of the side that they take.
    pub(super) side: usize,
    /// Bytes of memory that making the largest stream again takes: its plaintext and itself, and those of the streams around it.
    pub(super) memory: usize,
    /// Bytes that the packer takes that takes most.
    pub(super) packer: usize,
}

/// The number of [`How::Packed`]; the others are those of the kinds.
const PACKED: usize = 4;

const PLAIN: usize = 0;
const COPY: usize = 1;
const STREAM: usize = 2;

/// Writes parts; copies tell how far they are from the end of the copy before, which is nothing for neighbours.
pub(super) fn write(parts: &[Part], out: &mut Vec<u8>) {
    write_parts(parts, &mut 0, out);
}

fn write_parts(parts: &[Part], copied: &mut usize, out: &mut Vec<u8>) {
    varint::write(out, parts.len());
    for part in parts {
        match part {
            Part::Plain(length) => varint::write(out, length << 2 | PLAIN),
            Part::Copy { at, length } => {
                varint::write(out, length << 2 | COPY);
                let distance = *at as i64 - *copied as i64;
                varint::write(out, ((distance << 1) ^ (distance >> 63)) as usize);
                *copied = at + length;
            }
            Part::Stream { how, side, length, parts } => {
                varint::write(out, length << 2 | STREAM);
                match how {
                    How::Deflate(kind) => {
                        varint::write(out, *kind as usize);
                        varint::write(out, *side);
                    }
                    How::Packed(packer) => {
                        let (number, settings) = packer.numbers();
                        let numbers = [PACKED, number, settings.len()].into_iter().chain(settings);
                        numbers.for_each(|number| varint::write(out, number));
                    }
                }
                write_parts(parts, copied, out);
            }
        }
    }
}

/// Whether parts need version 2, at any depth.
pub(super) fn has_packed(parts: &[Part]) -> bool {
    parts.iter().any(|part| match part {
        Part::Stream { how: How::Packed(_), .. } => true,
        Part::Stream { parts, .. } => has_packed(parts),
        _ => false,
    })
}

/// Reads parts of a version. Each byte read may give a part.
pub(super) fn read(bytes: &mut &[u8], version: u8) -> Result<Vec<Part>, Unread> {
    read_parts(bytes, &mut 0, MAX_DEPTH, version)
}

fn read_parts(bytes: &mut &[u8], copied: &mut usize, depth: u8, version: u8) -> Result<Vec<Part>, Unread> {
    // Each takes a byte at least.
    let count = varint::read(bytes).filter(|count| *count <= bytes.len()).ok_or(Unread::Damaged)?;
    let mut parts = Vec::with_capacity(count.min(1 << 12));
    for _ in 0..count {
        let head = number(bytes)?;
        let length = head >> 2;
        parts.push(match head & 3 {
            PLAIN => Part::Plain(length),
            COPY => read_copy(bytes, length, copied).ok_or(Unread::Damaged)?,
            STREAM => {
                let (how, side) = read_how(bytes, version)?;
                let depth = depth.checked_sub(1).ok_or(Unread::Damaged)?;
                Part::Stream { how, side, length, parts: read_parts(bytes, copied, depth, version)? }
            }
            _ => return Err(Unread::Damaged),
        });
    }
    Ok(parts)
}

fn number(bytes: &mut &[u8]) -> Result<usize, Unread> {
    varint::read(bytes).ok_or(Unread::Damaged)
}

fn read_copy(bytes: &mut &[u8], length: usize, copied: &mut usize) -> Option<Part> {
    let folded = varint::read(bytes)? as u64;
    let distance = (folded >> 1) as i64 ^ -((folded & 1) as i64);
    let at = usize::try_from(i64::try_from(*copied).ok()?.checked_add(distance)?).ok()?;
    *copied = at.checked_add(length)?;
    Some(Part::Copy { at, length })
}

fn read_how(bytes: &mut &[u8], version: u8) -> Result<(How, usize), Unread> {
    let how = number(bytes)?;
    if how != PACKED || version < 2 {
        let kind = u8::try_from(how).ok().and_then(Kind::from_number).ok_or(Unread::Damaged)?;
        return Ok((How::Deflate(kind), number(bytes)?));
    }
    let packer = number(bytes)?;
    let count = varint::read(bytes).filter(|count| *count <= SETTINGS).ok_or(Unread::Damaged)?;
    let settings = (0..count).map(|_| number(bytes)).collect::<Result<Vec<_>, _>>()?;
    match Packer::read(packer, &settings) {
        Ok(packer) => Ok((How::Packed(packer), 0)),
        Err(NoPacker::Unknown(packer)) => Err(Unread::Unknown(packer)),
        Err(NoPacker::Damaged) => Err(Unread::Damaged),
    }
}

/// Sums the parts up; `None` where a copy is outside the reference, or where the sums cannot be counted.
pub(super) fn extent(parts: &[Part], reference: usize) -> Option<Extent> {
    let mut sum = Extent::default();
    for part in parts {
        match part {
            Part::Plain(length) => {
                sum.given = sum.given.checked_add(*length)?;
                sum.body = sum.body.checked_add(*length)?;
            }
            Part::Copy { at, length } => {
                at.checked_add(*length).filter(|end| *end <= reference)?;
                sum.given = sum.given.checked_add(*length)?;
            }
            Part::Stream { how, side, length, parts } => {
                let inner = extent(parts, reference)?;
                sum.given = sum.given.checked_add(*length)?;
                sum.body = sum.body.checked_add(inner.body)?;
                sum.side = sum.side.checked_add(inner.side)?.checked_add(*side)?;
                // A stretch takes two bytes of the side, and 32 in memory.
                let read = if *how == How::Deflate(Kind::Guided) { side.checked_mul(16)? } else { 0 };
                let own = inner.given.checked_add(*length)?.checked_add(*side)?.checked_add(read)?;
                sum.memory = sum.memory.max(inner.memory.checked_add(own)?);
                let packer = if let How::Packed(packer) = how { packer.memory(inner.given) } else { 0 };
                sum.packer = sum.packer.max(inner.packer).max(packer);
            }
        }
    }
    Some(sum)
}

/// The parts that give a range of what all parts give, and what they take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selection<'a> {
    pub(super) parts: &'a [Part],
    /// Bytes that the first of them gives before the range.
    pub(super) before: usize,
    /// Bytes of the range.
    pub(super) length: usize,
    /// What is taken of the body.
    pub(super) body: Range<usize>,
    /// What is taken of the side.
    pub(super) side: Range<usize>,
    /// Bytes of memory that making the largest stream again takes.
    pub(super) memory: usize,
    /// Bytes that the packer takes that takes most.
    pub(super) packer: usize,
}

/// Selects the parts that give `range`, which is within what they give; their sums can be counted.
pub(super) fn select(parts: &[Part], range: Range<usize>) -> Selection<'_> {
    let length = range.len();
    let (mut first, mut at, mut body, mut side) = (0, 0, 0, 0);
    while let Some(part) = parts.get(first).filter(|part| at + part.given() <= range.start) {
        let own = extent_of(part);
        (at, body, side) = (at + own.given, body + own.body, side + own.side);
        first += 1;
    }
    let before = range.start - at;
    let skipped = if matches!(parts.get(first), Some(Part::Plain(_))) { before } else { 0 };
    let (body_range, side_range) = (body + skipped..body + skipped, side..side);
    let mut selection =
        Selection { parts: &[], before, length, body: body_range, side: side_range, memory: 0, packer: 0 };
    let mut taken = first;
    while let Some(part) = parts.get(taken).filter(|_| at < range.end) {
        let own = extent_of(part);
        let beyond = match part {
            Part::Plain(_) => (at + own.given).saturating_sub(range.end),
            _ => 0,
        };
        body += own.body;
        selection.body.end = body - beyond;
        selection.side.end += own.side;
        selection.memory = selection.memory.max(own.memory);
        selection.packer = selection.packer.max(own.packer);
        at += own.given;
        taken += 1;
    }
    selection.parts = &parts[first..taken];
    selection
}

fn extent_of(part: &Part) -> Extent {
    extent(std::slice::from_ref(part), usize::MAX).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> Vec<Part> {
        let inner = vec![Part::Plain(5), Part::Copy { at: 3, length: 7 }];
        vec![
            Part::Copy { at: 1000, length: 300 },
            Part::Plain(46),
            Part::Copy { at: 1300, length: 1 << 40 },
            Part::Stream { how: How::Deflate(Kind::Tokens), side: 9, length: 70, parts: inner },
            Part::Plain(0),
        ]
    }

    #[test]
    fn parts_read_back() {
        let mut bytes = Vec::new();
        write(&parts(), &mut bytes);
        let mut rest = &bytes[..];
        assert_eq!(read(&mut rest, 1), Ok(parts()));
        assert!(rest.is_empty());
        for cut in 0..bytes.len() {
            assert_eq!(read(&mut &bytes[..cut], 1), Err(Unread::Damaged), "{cut}");
        }
    }

    #[test]
    fn packers_are_of_version_2() {
        let packer = Packer::read(2, &[9]).expect("it is known");
        let inner = vec![
            Part::Plain(500),
            Part::Stream {
                how: How::Packed(Packer::read(1, &[6, 4, 0]).expect("it is known")),
                side: 0,
                length: 70,
                parts: vec![Part::Plain(300)],
            },
        ];
        let parts = vec![Part::Stream { how: How::Packed(packer), side: 0, length: 90, parts: inner }];
        assert!(has_packed(&parts) && !has_packed(&super::tests::parts()));
        let sum = extent(&parts, 0).expect("it can be counted");
        assert_eq!((sum.given, sum.body, sum.side, sum.memory), (90, 800, 0, 570 + 90 + 300 + 70));
        assert!(sum.packer > 90 << 20, "that of xz: {sum:?}");
        let mut bytes = Vec::new();
        write(&parts, &mut bytes);
        assert_eq!(read(&mut &bytes[..], 2), Ok(parts));
        assert_eq!(read(&mut &bytes[..], 1), Err(Unread::Damaged), "of version 1 it is none");
        for cut in 0..bytes.len() {
            assert_eq!(read(&mut &bytes[..cut], 2), Err(Unread::Damaged), "{cut}");
        }
        // One stream, 90 << 2 | 2 in two bytes, 4, the packer, how many settings.
        assert_eq!(bytes[..6], [1, 0xea, 2, 4, 2, 1]);
        for (at, byte, expected) in
            [(4, 99, Unread::Unknown(99)), (5, 9, Unread::Damaged), (5, 0, Unread::Damaged), (6, 10, Unread::Damaged)]
        {
            let mut lying = bytes.clone();
            lying[at] = byte;
            assert_eq!(read(&mut &lying[..], 2), Err(expected), "{at} {byte}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nest = |depth: u8| {
            let innermost = vec![Part::Plain(1)];
            let wrap = |parts, _| vec![Part::Stream { how: How::Deflate(Kind::Encoder), side: 1, length: 3, parts }];
            let mut bytes = Vec::new();
            write(&(0..depth).fold(innermost, wrap), &mut bytes);
            read(&mut &bytes[..], 1)
        };
        assert!(nest(MAX_DEPTH).is_ok());
        assert!(nest(MAX_DEPTH + 1).is_err());
    }

    #[test]
    fn extents_are_sums() {
        let sum = extent(&parts(), usize::MAX).expect("they can be counted");
        assert_eq!(sum, Extent { given: 300 + 46 + (1 << 40) + 70, body: 51, side: 9, memory: 12 + 70 + 9, packer: 0 });
        assert_eq!(extent(&parts(), 1299), None, "a copy past the end");
        assert_eq!(extent(&[Part::Plain(usize::MAX), Part::Plain(1)], 0), None);
    }

    #[test]
    fn a_range_takes_what_it_needs() {
        let stream = |length| {
            let parts = vec![Part::Plain(5), Part::Copy { at: 3, length: 7 }];
            Part::Stream { how: How::Deflate(Kind::Tokens), side: 9, length, parts }
        };
        let parts = vec![Part::Plain(10), stream(20), Part::Copy { at: 0, length: 30 }, stream(40), Part::Plain(50)];
        let taken = |range: Range<usize>| {
            let Selection { parts: taken, before, body, side, .. } = select(&parts, range);
            let first = taken.as_ptr() as usize - parts.as_ptr() as usize;
            (first / size_of::<Part>(), taken.len(), before, body, side)
        };
        assert_eq!(taken(0..150), (0, 5, 0, 0..70, 0..18));
        assert_eq!(taken(3..5), (0, 1, 3, 3..5, 0..0));
        assert_eq!(taken(3..11), (0, 2, 3, 3..15, 0..9));
        assert_eq!(taken(29..31), (1, 2, 19, 10..15, 0..9));
        assert_eq!(taken(30..60), (2, 1, 0, 15..15, 9..9));
        assert_eq!(taken(70..110), (3, 2, 10, 15..30, 9..18));
        assert_eq!(taken(101..150), (4, 1, 1, 21..70, 18..18));
        assert_eq!(taken(150..150), (5, 0, 0, 70..70, 18..18));
        assert_eq!(select(&parts, 0..150).memory, extent(&parts, 100).expect("it can be counted").memory);
    }
}
