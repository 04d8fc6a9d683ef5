//! Looks into one content, and by itself into the plaintexts found there, within one budget.

use std::ops::Range;

use super::{
    Inflate, Known, Layout, Limits, NotInflated, SHORTEST_STREAM, Stream, Version, ar, gzip, packed, tar, zip,
};
use crate::packers::{self, Format};

/// How often a member that is not compressed is looked into inside another: a tar in a zip in a tar.
const MAX_NESTING: u8 = 4;
/// No path is longer.
const MAX_PATH: usize = 256;
/// No byte of DEFLATE gives more than four matches of 258 bytes.
const MAX_RATIO: usize = 1032;

/// What is left of the limits.
#[derive(Debug)]
pub(super) struct Budget {
    expanded: usize,
    streams: usize,
    depth: u8,
    version: Version,
    /// Bytes that may still be read and unpacked for nothing: bounds the time of streams that turn out to be none.
    vain: usize,
    /// Bytes of plaintext that there is room for in memory. Unlike the rest it decides nothing but whether the search succeeds.
    room: usize,
    /// Bytes of plaintext held.
    held: usize,
    /// Bytes of plaintext that there should have been room for.
    starved: Option<usize>,
}

impl Budget {
    pub(super) fn new(limits: &Limits, length: usize, room: usize) -> Self {
        let vain = limits.expanded.saturating_add(length);
        let Limits { expanded, streams, depth, version } = *limits;
        Self { expanded, streams, depth, version, vain, room, held: 0, starved: None }
    }

    /// The room that was missing, where the search was ended for want of it.
    pub(super) fn starved(&self) -> Option<usize> {
        self.starved
    }
}

/// A range of the content that may be an archive.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) range: Range<usize>,
    pub(super) path: Vec<u8>,
    nesting: u8,
}

impl Place {
    /// A member that is not compressed.
    pub(super) fn member(&self, range: Range<usize>, name: &[u8]) -> Self {
        Self { range, path: self.path_of(name), nesting: self.nesting + 1 }
    }

    /// The path of a member.
    pub(super) fn path_of(&self, name: &[u8]) -> Vec<u8> {
        let name = &name[name.len().saturating_sub(MAX_PATH)..];
        let mut path = match (self.path.is_empty(), name.is_empty()) {
            (false, false) => [&self.path, &b"\0"[..], name].concat(),
            (false, true) => self.path.clone(),
            (true, _) => name.to_vec(),
        };
        path.drain(..path.len().saturating_sub(MAX_PATH));
        path
    }
}

/// The search through one content.
pub(super) struct Search<'a> {
    content: &'a [u8],
    inflate: &'a Inflate<'a>,
    known: &'a Known<'a>,
    budget: &'a mut Budget,
    depth: u8,
    streams: Vec<Stream>,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        content: &'a [u8],
        inflate: &'a Inflate<'a>,
        known: &'a Known<'a>,
        budget: &'a mut Budget,
        depth: u8,
    ) -> Self {
        Self { content, inflate, known, budget, depth, streams: Vec::new() }
    }

    pub(super) fn run(mut self) -> Layout {
        self.look(&Place { range: 0..self.content.len(), path: Vec::new(), nesting: 0 });
        Layout { streams: self.streams }
    }

    pub(super) fn content(&self) -> &'a [u8] {
        self.content
    }

    /// Takes the streams of a place, whatever it is.
    pub(super) fn look(&mut self, place: &Place) {
        let spent = self.depth >= self.budget.depth || self.budget.streams == 0;
        if spent || place.nesting > MAX_NESTING || place.range.len() < SHORTEST_STREAM {
            return;
        }
        let bytes = &self.content[place.range.clone()];
        if gzip::begins(bytes) {
            gzip::look(self, place);
        } else if tar::begins(bytes) {
            tar::look(self, place);
        } else if self.budget.version == Version::One {
            zip::look(self, place);
        } else if ar::begins(bytes) {
            ar::look(self, place);
        } else if let Some(format) = Format::of(bytes) {
            packed::look(self, place, format);
        } else {
            zip::look(self, place);
        }
    }

    /// Takes the stream that fills `range` and gives `size` bytes; says whether it did.
    pub(super) fn take(&mut self, range: Range<usize>, size: usize, path: impl FnOnce() -> Vec<u8>) -> bool {
        let length = range.len();
        if length < SHORTEST_STREAM {
            return false;
        }
        if self.budget.streams > 0
            && let known @ Some(_) = (self.known)(&self.content[range.clone()])
        {
            self.budget.streams -= 1;
            let (plain, inner) = (Vec::new(), Layout::default());
            self.streams.push(Stream { format: None, range, path: path(), plain, inner, known });
            return true;
        }
        if size > self.budget.expanded {
            return false;
        }
        self.take_if(range, None, size, path, |found, plain| found == length && plain == size).is_some()
    }

    /// Takes the stream at the start of `range`, whatever its length; gives where it ends, even if it is too short to be taken.
    pub(super) fn take_first(&mut self, range: Range<usize>, path: impl FnOnce() -> Vec<u8>) -> Option<usize> {
        self.take_if(range, None, self.budget.expanded, path, |_, _| true)
    }

    /// Takes the stream of this format at the start of `range`, and gives where it ends, in the same way.
    pub(super) fn take_packed(
        &mut self,
        range: Range<usize>,
        format: Format,
        path: impl FnOnce() -> Vec<u8>,
    ) -> Option<usize> {
        self.take_if(range, Some(format), self.budget.expanded, path, |_, _| true)
    }

    fn take_if(
        &mut self,
        range: Range<usize>,
        format: Option<Format>,
        limit: usize,
        path: impl FnOnce() -> Vec<u8>,
        fits: impl FnOnce(usize, usize) -> bool,
    ) -> Option<usize> {
        if self.budget.streams == 0 || self.budget.vain == 0 || self.budget.starved.is_some() {
            return None;
        }
        let input = &self.content[range.clone()];
        let room = self.budget.room - self.budget.held;
        let (unpacked, ratio) = match format {
            None => ((self.inflate)(input, limit.min(room)), MAX_RATIO),
            Some(format) => (packers::unpack(format, input, limit.min(room)), format.ratio()),
        };
        let unpacked = match unpacked {
            Ok(unpacked) if unpacked.length <= input.len() => unpacked,
            Err(NotInflated::TooLong) if room < limit => {
                self.budget.starved = Some(self.budget.room.saturating_add(1));
                return None;
            }
            _ => {
                self.waste(input.len(), limit.min(input.len().saturating_mul(ratio)));
                return None;
            }
        };
        let (length, plain) = (unpacked.length, unpacked.plain);
        if !fits(length, plain.len()) {
            self.waste(input.len(), plain.len());
            return None;
        }
        let end = range.start + length;
        if length < SHORTEST_STREAM {
            self.waste(length, plain.len());
            return Some(end);
        }
        self.budget.expanded = self.budget.expanded.saturating_sub(plain.len());
        self.budget.held += plain.len();
        self.budget.streams -= 1;
        let inner = Search::new(&plain, self.inflate, self.known, self.budget, self.depth + 1).run();
        self.streams.push(Stream { format, range: range.start..end, path: path(), plain, inner, known: None });
        Some(end)
    }

    fn waste(&mut self, input: usize, output: usize) {
        self.budget.vain = self.budget.vain.saturating_sub(input.saturating_add(output));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_keeps_its_end() {
        let root = Place { range: 0..0, path: Vec::new(), nesting: 0 };
        let tar = root.member(0..0, b"libs/a.jar");
        assert_eq!(tar.path_of(b"A.class"), b"libs/a.jar\0A.class");
        assert_eq!(tar.path_of(b""), b"libs/a.jar");
        assert_eq!(root.path_of(b""), b"");
        let long = tar.path_of(&[b'x'; 300]);
        assert_eq!(long, [b'x'; MAX_PATH]);
        assert_eq!(tar.path_of(&[b'x'; 250])[..6], *b"a.jar\0");
    }
}
