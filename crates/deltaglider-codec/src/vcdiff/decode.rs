//! From a delta to its target, window by window.

use std::io::{Read, Write};

use bytes::Bytes;
use deltaglider_core::RandomAccess;
use deltaglider_core::codec::{CodecError, CodecLimits};

use super::header::{FileHeader, LONGEST_WINDOW_HEADER, WindowHeader, cut, damaged};
use super::history::History;
use super::input::Input;
use super::outline::{Outline, window_memory};
use super::packing::{Packing, Tool};
use super::secondary::{DICTIONARY_LIMIT, Secondary};
use super::window::{self, Sections, Source};

/// So much of a delta is looked at before anything is written, where memory allows it.
const LOOK_AHEAD: u64 = 4 << 20;
/// Buffers, and the state of three decompressors beside their dictionaries.
pub(super) const BASE: u64 = 1 << 20;

/// So many bytes of a packed reference tell what may have packed the target.
const HEADER: usize = 10;

/// Writes the target that a delta gives, packed again where the encoder unpacked it.
pub(super) fn decode(
    reference: &dyn RandomAccess,
    delta: &mut dyn Read,
    target: &mut dyn Write,
    limits: &CodecLimits,
) -> Result<(), CodecError> {
    let mut room = Room::beside(reference, limits.memory)?;
    let mut input = Input::new(delta);
    let header = FileHeader::take(&mut input)?;
    let packing = Packing::of(&header.application);
    let unpacked = unpacked_reference(reference, packing.source, &mut room)?;
    let stored = reference;
    let reference = unpacked.as_ref().map_or(reference, |unpacked| unpacked as &dyn RandomAccess);
    let size = limits.target_size;
    let Some(tool) = packing.target else {
        let given = Windows { header: &header, reference, room, limit: size }.write(&mut input, target)?;
        return match given == size {
            true => Ok(()),
            false => Err(damaged(format!("it gives {given} bytes of {size}"))),
        };
    };
    // What is packed again lies in memory: unpacked, and packed.
    room.take(tool.packing_memory(size))?;
    let mut content = Vec::new();
    // It grows by doubling.
    let limit = room.left() / 3;
    room.take(limit * 2)?;
    let windows = Windows { header: &header, reference, room, limit };
    windows.write(&mut input, &mut content).map_err(|error| match error {
        CodecError::TooLong(_) => CodecError::Memory { needed: limits.memory.saturating_add(1), limit: limits.memory },
        other => other,
    })?;
    if stored.size() == size && unpacked.as_ref().is_some_and(|unpacked| *unpacked == content) {
        // The target is the reference itself, however it was packed.
        std::io::copy(&mut stored.reader(), target)?;
        return Ok(());
    }
    let beginning = stored.read_vec(0, HEADER.min(usize::try_from(stored.size()).unwrap_or(HEADER)))?;
    let packed = tool.pack(&content, size, &beginning)?;
    Ok(target.write_all(&packed)?)
}

/// Writes what a delta gives before it is packed again, at most `limits.target_size` bytes; tells how many.
pub(super) fn decode_unpacked(
    reference: &dyn RandomAccess,
    delta: &mut dyn Read,
    target: &mut dyn Write,
    limits: &CodecLimits,
) -> Result<u64, CodecError> {
    let mut room = Room::beside(reference, limits.memory)?;
    let mut input = Input::new(delta);
    let header = FileHeader::take(&mut input)?;
    let unpacked = unpacked_reference(reference, Packing::of(&header.application).source, &mut room)?;
    let reference = unpacked.as_ref().map_or(reference, |unpacked| unpacked as &dyn RandomAccess);
    Windows { header: &header, reference, room, limit: limits.target_size }.write(&mut input, target)
}

/// The reference unpacked, where the encoder took it so.
fn unpacked_reference(
    reference: &dyn RandomAccess,
    tool: Option<Tool>,
    room: &mut Room,
) -> Result<Option<Bytes>, CodecError> {
    let Some(tool) = tool else { return Ok(None) };
    let read;
    let packed = match reference.as_slice() {
        Some(slice) => slice,
        None => {
            room.take(reference.size())?;
            read = reference.read_vec(0, reference.size() as usize)?;
            &read
        }
    };
    let unpacked = tool.unpack(packed, room.left())?;
    let Some(unpacked) = unpacked else {
        let limit = room.limit;
        return Err(CodecError::Memory { needed: limit.saturating_add(1), limit });
    };
    room.take(unpacked.len() as u64)?;
    Ok(Some(unpacked.into()))
}

/// Memory that a call may use, and what it has used of it.
#[derive(Clone, Copy, Debug)]
struct Room {
    limit: u64,
    held: u64,
}

impl Room {
    /// What is left beside a reference in memory.
    fn beside(reference: &dyn RandomAccess, limit: u64) -> Result<Self, CodecError> {
        let mut room = Self { limit, held: 0 };
        room.take(if reference.as_slice().is_some() { reference.size() } else { 0 })?;
        room.take(BASE)?;
        Ok(room)
    }

    fn take(&mut self, bytes: u64) -> Result<(), CodecError> {
        let needed = self.held.saturating_add(bytes);
        if needed > self.limit {
            return Err(CodecError::Memory { needed, limit: self.limit });
        }
        self.held = needed;
        Ok(())
    }

    fn left(&self) -> u64 {
        self.limit - self.held
    }
}

/// The windows of a delta, whose header has been taken.
struct Windows<'a> {
    header: &'a FileHeader,
    reference: &'a dyn RandomAccess,
    room: Room,
    /// Bytes that may be written.
    limit: u64,
}

impl Windows<'_> {
    /// Writes what the windows give, and tells how much that is.
    fn write(mut self, input: &mut Input<'_>, target: &mut dyn Write) -> Result<u64, CodecError> {
        let mut secondary = Secondary::new(self.header)?;
        let mut history = self.prepare(input, &secondary)?;
        let mut content = Vec::new();
        let mut sections: [Vec<u8>; 3] = Default::default();
        let mut written = 0;
        loop {
            let ahead = input.fill(LONGEST_WINDOW_HEADER)?;
            if ahead.is_empty() {
                return Ok(written);
            }
            let mut rest = ahead;
            let header = WindowHeader::read(&mut rest)?;
            let passed = ahead.len() - rest.len();
            if header.target > self.limit - written {
                return Err(CodecError::TooLong(self.limit));
            }
            self.check(&header, [0; 3], written)?;
            input.take(passed);
            let body = header.body() as usize;
            let mut rest = input.fill(body)?.get(..body).ok_or_else(cut)?;
            let mut stored = [&[][..]; 3];
            let mut unpacked = [0; 3];
            for (kind, length) in header.sections.iter().enumerate() {
                (stored[kind], rest) = rest.split_at(*length as usize);
                if header.packed[kind] {
                    let mut told = stored[kind];
                    unpacked[kind] = super::secondary::unpacked_length(&mut told).ok_or_else(cut)?;
                }
            }
            self.check(&header, unpacked, written)?;
            let longest = header.longest_sections();
            for kind in 0..3 {
                if header.packed[kind] {
                    secondary.unpack(kind, stored[kind], longest[kind], &mut sections[kind])?;
                }
            }
            let [data, instructions, addresses] =
                [0, 1, 2].map(|kind| if header.packed[kind] { &sections[kind][..] } else { stored[kind] });
            let (source, segment) = self.source(&header, &history, written)?;
            content.clear();
            content.reserve_exact(header.target as usize);
            let sections = Sections { data, instructions, addresses };
            window::apply(sections, source, segment, header.target as usize, &mut content)?;
            if header.checksum.is_some_and(|checksum| checksum != zlib_rs::adler32::adler32(1, &content)) {
                return Err(damaged(
                    "a window of another checksum than it says: made against another reference, perhaps",
                ));
            }
            input.take(body);
            history.pass(written, &content);
            target.write_all(&content)?;
            written += content.len() as u64;
        }
    }

    /// Looks ahead, and takes the memory that is seen to be needed. Nothing is written yet.
    fn prepare(&mut self, input: &mut Input<'_>, secondary: &Secondary) -> Result<History, CodecError> {
        let wanted = LOOK_AHEAD.min(self.room.left() / 8) as usize;
        let ahead = input.fill(wanted)?;
        let ended = ahead.len() < wanted;
        let mut outline = Outline::read(ahead, ended);
        self.room.take(ahead.len() as u64 * 2)?;
        if outline.target > self.limit {
            return Err(CodecError::TooLong(self.limit));
        }
        if matches!(secondary, Secondary::Lzma(_)) {
            let dictionaries = outline.streams.iter().map(|bytes| DICTIONARY_LIMIT.min(*bytes)).sum();
            self.room.take(dictionaries)?;
        }
        if !outline.whole && !outline.wanted.is_empty() {
            // Those that have not come in may want anything.
            outline.wanted = vec![std::ops::Range { start: 0, end: self.limit }];
        }
        outline.wanted.retain(|range| range.end <= self.limit);
        let history = History::new(outline.wanted);
        self.room.take(history.size())?;
        let needed = self.room.held.saturating_add(outline.window);
        if needed > self.room.limit {
            return Err(CodecError::Memory { needed, limit: self.room.limit });
        }
        Ok(history)
    }

    /// Refuses a window for which there is no memory.
    fn check(&self, header: &WindowHeader, unpacked: [u64; 3], written: u64) -> Result<(), CodecError> {
        let (needed, limit) = (self.room.held.saturating_add(window_memory(header, unpacked)), self.room.limit);
        if needed <= limit {
            Ok(())
        } else if written == 0 {
            Err(CodecError::Memory { needed, limit })
        } else {
            // Too late for another attempt with more memory.
            Err(damaged(format!("a window that takes {needed} bytes of memory, of {limit}, far behind the first one")))
        }
    }

    /// What a window copies from, and how long that claims to be.
    fn source<'b>(
        &'b self,
        header: &WindowHeader,
        history: &'b History,
        written: u64,
    ) -> Result<(Source<'b>, u64), CodecError> {
        let Some(segment) = header.segment else { return Ok((Source::Held(&[]), 0)) };
        if segment.from_target {
            let range = segment.offset..segment.offset + segment.length;
            if range.end > written {
                return Err(damaged("it copies from output that comes later"));
            }
            let held = history.get(range).ok_or_else(|| {
                CodecError::Unsupported("a window far behind the first one that copies from earlier output".into())
            })?;
            return Ok((Source::Held(held), segment.length));
        }
        let Some(reference) = self.reference.as_slice() else {
            return Ok((Source::Read(self.reference, segment.offset), segment.length));
        };
        let from = usize::try_from(segment.offset).ok().and_then(|offset| reference.get(offset..)).unwrap_or_default();
        let length = usize::try_from(segment.length).unwrap_or(usize::MAX).min(from.len());
        Ok((Source::Held(&from[..length]), segment.length))
    }
}
