//! Finds the compressed streams of archives, however deep, and makes the expanded form of a reference.
//!
//! What is not understood is plain: nothing here fails. The rules are those of `docs/formats/expanded-reference.md`; both sides
//! of a delta follow them, so a change of them is a new version.

mod ar;
mod expanded;
mod fields;
mod gzip;
mod map;
mod packed;
mod search;
mod tar;
mod zip;

#[cfg(test)]
mod archives;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod vectors;

use std::ops::Range;

pub(crate) use self::expanded::append;
#[cfg(test)]
pub(crate) use self::expanded::{ExpandedReference, expand};
pub(crate) use self::gzip::header as gzip_header;
#[cfg(test)]
pub(crate) use self::map::DamagedMap;
pub(crate) use self::map::ReferenceMap;
use self::search::{Budget, Search};
use crate::deflate::{Inflated, NotInflated};
use crate::packers::Format;

/// A stream with fewer compressed bytes stays plain: what it takes to describe one is more than it can save.
pub(crate) const SHORTEST_STREAM: usize = 64;

/// Inflates the raw DEFLATE stream at the start of the bytes, into at most as many bytes as the second argument says.
pub(crate) type Inflate<'a> = dyn Fn(&[u8], usize) -> Result<Inflated, NotInflated> + 'a;

/// Tells where a compressed stream stands already.
pub(crate) type Known<'a> = dyn Fn(&[u8]) -> Option<usize> + 'a;

/// Bounds of one search. The layout depends on them: whoever has to find it again keeps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bytes of plaintext in all, that of streams in streams included.
    pub expanded: usize,
    /// How many streams may lie in one another; 0 finds none.
    pub depth: u8,
    /// Streams in all.
    pub streams: usize,
    /// Which formats are known.
    pub version: Version,
}

/// A version of the rules by which streams are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// DEFLATE in gzip, zip and tar.
    One,
    /// xz, bzip2, zstd and ar besides.
    Two,
}

impl Limits {
    /// Four streams in one another and a million in all, as version 1 has them, with `expanded` bytes of plaintext.
    pub(crate) const fn within(expanded: usize) -> Self {
        Self { expanded, depth: 4, streams: 1 << 20, version: Version::One }
    }

    /// The same limits, for version 2.
    pub(crate) const fn second(self) -> Self {
        Self { version: Version::Two, ..self }
    }
}

/// Where the compressed streams of a content are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The streams by position; they do not overlap, and what is between them is plain.
    pub streams: Vec<Stream>,
}

/// A compressed stream, unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    /// What it is packed in; none for raw DEFLATE.
    pub format: Option<Format>,
    /// Where it is in its parent: the content, or the plaintext of the stream around it.
    pub range: Range<usize>,
    /// The names that lead to it from its parent, joined by NUL: at most the last 256 bytes of them, or none.
    pub path: Vec<u8>,
    /// What it unpacks to; nothing where it is known.
    pub plain: Vec<u8>,
    /// The streams in `plain`.
    pub inner: Layout,
    /// Where it stands already, if that is known: such a stream is not unpacked.
    pub known: Option<usize>,
}

/// A part of a content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Bytes that stay as they are, never none.
    Plain(Range<usize>),
    /// A stream.
    Stream(&'a Stream),
}

impl Layout {
    /// Bytes of plaintext of all streams.
    pub(crate) fn plaintext(&self) -> usize {
        self.streams.iter().map(|stream| stream.plain.len() + stream.inner.plaintext()).sum()
    }

    /// Whether any stream, however deep, is one that version 2 alone knows.
    pub(crate) fn has_packed(&self) -> bool {
        self.streams.iter().any(|stream| stream.format.is_some() || stream.inner.has_packed())
    }

    /// The parts of a content of `length` bytes, one behind the other.
    pub(crate) fn pieces(&self, length: usize) -> impl Iterator<Item = Piece<'_>> {
        let starts = self.streams.iter().map(|stream| stream.range.start).chain([length]);
        let ends = [0].into_iter().chain(self.streams.iter().map(|stream| stream.range.end));
        let streams = self.streams.iter().map(Some).chain([None]);
        ends.zip(starts).zip(streams).flat_map(|((end, start), stream)| {
            let plain = (end < start).then_some(Piece::Plain(end..start));
            plain.into_iter().chain(stream.map(Piece::Stream))
        })
    }
}

/// Finds the streams of a content.
///
/// The same bytes and limits give the same layout for ever. Never fails: beyond a limit, in the order in which they stand, streams
/// are left as plain bytes. Memory is that of the plaintext and at most five times the directories and
/// compressed streams for what is known of them; time grows with the content and the plaintext.
#[cfg(test)]
pub(crate) fn layout(content: &[u8], limits: &Limits, inflate: &Inflate<'_>) -> Layout {
    layout_but(content, limits, inflate, &|_| None)
}

/// Finds the same streams, and inflates those alone of which `known` does not tell where they stand.
pub(crate) fn layout_but(content: &[u8], limits: &Limits, inflate: &Inflate<'_>, known: &Known<'_>) -> Layout {
    let mut budget = Budget::new(limits, content.len(), usize::MAX);
    Search::new(content, inflate, known, &mut budget, 0).run()
}

/// Finds the same streams with at most `room` bytes of plaintext in memory at a time; where they need more, says how much at least.
pub(crate) fn layout_within(
    content: &[u8],
    limits: &Limits,
    room: usize,
    inflate: &Inflate<'_>,
) -> Result<Layout, Starved> {
    let mut budget = Budget::new(limits, content.len(), room);
    let layout = Search::new(content, inflate, &|_| None, &mut budget, 0).run();
    match budget.starved() {
        None => Ok(layout),
        Some(needed) => Err(Starved { needed }),
    }
}

/// The plaintext of a content does not fit into the memory that there is for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Starved {
    /// Bytes of plaintext that there would have to be room for, at least.
    pub needed: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(range: Range<usize>) -> Stream {
        Stream { format: None, range, path: Vec::new(), plain: Vec::new(), inner: Layout::default(), known: None }
    }

    #[test]
    fn pieces_cover_the_content() {
        let layout = Layout { streams: vec![stream(0..2), stream(2..5), stream(7..9)] };
        let ranges: Vec<_> = layout
            .pieces(9)
            .map(|piece| match piece {
                Piece::Plain(range) => (false, range),
                Piece::Stream(stream) => (true, stream.range.clone()),
            })
            .collect();
        assert_eq!(ranges, [(true, 0..2), (true, 2..5), (false, 5..7), (true, 7..9)]);
        assert_eq!(Layout::default().pieces(0).count(), 0);
        assert_eq!(Layout::default().pieces(3).collect::<Vec<_>>(), [Piece::Plain(0..3)]);
    }
}
