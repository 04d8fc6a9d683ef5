//! What the frames of a delta give, unpacked as it is needed.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::Range;

use deltaglider_core::codec::CodecError;

use super::frames::{self, Frame, damaged};
use crate::threads::spread;

/// Frames that hold the bytes which are wanted of all that a list of them gives.
pub(super) struct Source<'a> {
    /// Those that were not read yet.
    frames: &'a [Frame],
    /// Bytes in the delta of the frames behind them.
    behind: u64,
    /// What was unpacked and is still wanted, with where it begins.
    ready: VecDeque<(usize, Vec<u8>)>,
    /// Where the last of it ends.
    end: usize,
}

impl<'a> Source<'a> {
    /// Passes over the frames before the first one that has bytes of `wanted`.
    pub(super) fn open(frames: &'a [Frame], wanted: &Range<usize>, delta: &mut dyn Read) -> Result<Self, CodecError> {
        let (mut passed, mut start) = (0, 0);
        while let Some(frame) = frames.get(passed).filter(|frame| start + frame.plain <= wanted.start) {
            start += frame.plain;
            passed += 1;
        }
        let (mut taken, mut end) = (passed, start);
        while let Some(frame) = frames.get(taken).filter(|_| end < wanted.end && !wanted.is_empty()) {
            end += frame.plain;
            taken += 1;
        }
        skip(delta, packed(&frames[..passed]))?;
        let behind = packed(&frames[taken..]);
        // Of nothing all is there.
        let start = if wanted.is_empty() { wanted.end } else { start };
        Ok(Self { frames: &frames[passed..taken], behind, ready: VecDeque::new(), end: start })
    }

    /// Passes over the frames that are not wanted and were not read.
    pub(super) fn close(&self, delta: &mut dyn Read) -> Result<(), CodecError> {
        skip(delta, packed(self.frames) + self.behind)
    }

    /// Unpacks until what is before `end` is there.
    pub(super) fn fill<'p>(
        &mut self,
        end: usize,
        delta: &mut dyn Read,
        threads: usize,
        prefix: &(impl Fn(&Frame) -> Result<Cow<'p, [u8]>, CodecError> + Sync),
    ) -> Result<(), CodecError> {
        while self.end < end {
            let (batch, rest) = self.frames.split_at(threads.min(self.frames.len()));
            if batch.is_empty() {
                return Err(damaged("its frames end too early"));
            }
            self.frames = rest;
            let mut read = Vec::with_capacity(batch.len());
            for frame in batch {
                let mut packed = vec![0; frame.packed];
                read_exact(delta, &mut packed)?;
                read.push((frame, packed));
            }
            let unpacked =
                spread(&read, threads, |(frame, packed)| frames::unpack(packed, prefix(frame)?.as_ref(), frame.plain));
            for plain in unpacked {
                let plain = plain?;
                let start = self.end;
                self.end += plain.len();
                self.ready.push_back((start, plain));
            }
        }
        Ok(())
    }

    /// Drops what lies wholly before `at`.
    pub(super) fn release(&mut self, at: usize) {
        while self.ready.front().is_some_and(|(start, plain)| start + plain.len() <= at) {
            self.ready.pop_front();
        }
    }

    /// The bytes of a range that was filled and not released, piece by piece.
    pub(super) fn pieces(&self, range: Range<usize>) -> impl Iterator<Item = &[u8]> {
        let first = self.ready.partition_point(|(start, plain)| start + plain.len() <= range.start);
        let frames = self.ready.range(first..).take_while(move |(start, _)| *start < range.end);
        frames.map(move |(start, plain)| &plain[range.start.saturating_sub(*start)..plain.len().min(range.end - start)])
    }

    /// The same, together.
    pub(super) fn bytes(&self, range: Range<usize>) -> Cow<'_, [u8]> {
        let length = range.len();
        let mut pieces = self.pieces(range);
        match pieces.next() {
            Some(first) if first.len() < length => {
                let mut bytes = Vec::with_capacity(length);
                bytes.extend_from_slice(first);
                pieces.for_each(|piece| bytes.extend_from_slice(piece));
                bytes.into()
            }
            Some(first) => first.into(),
            None => Cow::Borrowed(&[]),
        }
    }
}

pub(super) fn read_exact(delta: &mut dyn Read, buffer: &mut [u8]) -> Result<(), CodecError> {
    delta.read_exact(buffer).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => too_short(),
        _ => CodecError::Io(error),
    })
}

fn skip(delta: &mut dyn Read, bytes: u64) -> Result<(), CodecError> {
    match io::copy(&mut delta.take(bytes), &mut io::sink())? {
        skipped if skipped == bytes => Ok(()),
        _ => Err(too_short()),
    }
}

fn too_short() -> CodecError {
    damaged("it ends too early")
}

fn packed(frames: &[Frame]) -> u64 {
    frames.iter().map(|frame| frame.packed as u64).sum()
}
