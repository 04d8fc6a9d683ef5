//! What is where in an expanded reference, and the bytes in which that is kept beside it.

use std::ops::Range;

use deltaglider_core::Sha256;

use super::Layout;
use crate::varint;

const VERSION: u8 = 1;
const HASH: usize = 16;
/// An entry has six lengths of at least one byte, and its hash.
const SHORTEST_ENTRY: usize = 6 + HASH;
const MAX_PATH: usize = 256;
const MAX_DEPTH: usize = 255;

/// Bytes that are no map, or not that of the form beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the map of the expanded reference is damaged")]
pub(crate) struct DamagedMap;

/// What is where in an expanded reference. Every range in it is inside what it is a range of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReferenceMap {
    /// Bytes of the reference.
    pub content: usize,
    /// Bytes of the body, at the start of the form.
    pub body: usize,
    /// All streams, each before those in it.
    pub streams: Vec<MappedStream>,
}

/// A stream of a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MappedStream {
    /// Which of the streams it is in; none where it is in the reference itself.
    pub parent: Option<usize>,
    /// Its compressed bytes in the reference, or in the plaintext of its parent.
    pub range: Range<usize>,
    /// Bytes of its plaintext, streams in it compressed.
    pub plain: usize,
    /// Its plaintext in the form, streams in it expanded.
    pub body: Range<usize>,
    /// Its compressed bytes in the form.
    pub packed: Range<usize>,
    /// The names that lead to it from its parent.
    pub path: Vec<u8>,
    /// The first half of the SHA-256 of its compressed bytes.
    pub hash: [u8; HASH],
}

/// What is kept of a stream; the rest follows from it.
struct Entry {
    depth: usize,
    /// Bytes since the stream before it in the same parent, or since the parent's start.
    gap: usize,
    packed: usize,
    plain: usize,
    path: Vec<u8>,
    hash: [u8; HASH],
}

impl ReferenceMap {
    /// The map of a content's expanded form.
    pub(crate) fn of(content: &[u8], layout: &Layout) -> Result<Self, DamagedMap> {
        let mut entries = Vec::new();
        collect(&mut entries, content, layout, 0);
        Self::derive(content.len(), entries).ok_or(DamagedMap)
    }

    /// The bytes that [`ReferenceMap::from_bytes`] reads.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        varint::write(&mut out, self.content);
        varint::write(&mut out, self.streams.len());
        let mut depths: Vec<usize> = Vec::with_capacity(self.streams.len());
        // Where the last stream of each depth ends in its parent.
        let mut ends: Vec<usize> = Vec::new();
        let mut before: &[u8] = &[];
        for stream in &self.streams {
            let depth = stream.parent.map_or(0, |parent| depths[parent] + 1);
            depths.push(depth);
            ends.truncate(depth + 1);
            ends.resize(depth + 1, 0);
            let gap = stream.range.start - ends[depth];
            ends[depth] = stream.range.end;
            let shared = before.iter().zip(&stream.path).take_while(|(one, other)| one == other).count();
            for length in [depth, gap, stream.range.len(), stream.plain, shared, stream.path.len() - shared] {
                varint::write(&mut out, length);
            }
            out.extend_from_slice(&stream.path[shared..]);
            out.extend_from_slice(&stream.hash);
            before = &stream.path;
        }
        out
    }

    /// Reads the map of a form of `form` bytes. Memory is at most thirty times the bytes read.
    pub(crate) fn from_bytes(bytes: &[u8], form: usize) -> Result<Self, DamagedMap> {
        let map = Self::read(bytes).ok_or(DamagedMap)?;
        let length = map.streams.last().map_or(map.body, |last| last.packed.end);
        if length == form { Ok(map) } else { Err(DamagedMap) }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (&VERSION, mut rest) = bytes.split_first()? else { return None };
        let content = varint::read(&mut rest)?;
        let count = varint::read(&mut rest).filter(|count| *count <= rest.len() / SHORTEST_ENTRY)?;
        let mut entries: Vec<Entry> = Vec::with_capacity(count);
        for _ in 0..count {
            let before = entries.last().map_or(&[][..], |entry| &entry.path);
            let entry = Entry::read(&mut rest, before)?;
            entries.push(entry);
        }
        if rest.is_empty() { Self::derive(content, entries) } else { None }
    }

    /// Derives all places from what is kept, where it holds together.
    fn derive(content: usize, entries: Vec<Entry>) -> Option<Self> {
        let mut streams: Vec<MappedStream> = Vec::with_capacity(entries.len());
        // The parents of the next stream: which, how long its plaintext is, and up to where that was passed.
        let mut open: Vec<(Option<usize>, usize, usize)> = vec![(None, content, 0)];
        let mut body = 0_usize;
        for entry in entries {
            while open.len() > entry.depth + 1 {
                body = close(&mut open, &mut streams, body)?;
            }
            // A child of the stream before it, at the deepest.
            if open.len() <= entry.depth {
                return None;
            }
            let (parent, plain, passed) = open.last_mut()?;
            let start = passed.checked_add(entry.gap)?;
            let end = start.checked_add(entry.packed).filter(|end| end <= plain)?;
            *passed = end;
            body = body.checked_add(entry.gap)?;
            let parent = *parent;
            open.push((Some(streams.len()), entry.plain, 0));
            let Entry { plain, path, hash, .. } = entry;
            streams.push(MappedStream { parent, range: start..end, plain, body: body..body, packed: 0..0, path, hash });
        }
        while !open.is_empty() {
            body = close(&mut open, &mut streams, body)?;
        }
        let mut packed = body;
        for stream in &mut streams {
            let end = packed.checked_add(stream.range.len())?;
            stream.packed = packed..end;
            packed = end;
        }
        Some(Self { content, body, streams })
    }
}

/// Passes what is left of the innermost parent; gives where the body is then.
fn close(open: &mut Vec<(Option<usize>, usize, usize)>, streams: &mut [MappedStream], body: usize) -> Option<usize> {
    let (stream, plain, passed) = open.pop()?;
    let body = body.checked_add(plain - passed)?;
    if let Some(stream) = stream {
        streams[stream].body.end = body;
    }
    Some(body)
}

impl Entry {
    fn read(rest: &mut &[u8], before: &[u8]) -> Option<Self> {
        let mut length = || varint::read(rest);
        let depth = length().filter(|depth| *depth < MAX_DEPTH)?;
        let (gap, packed, plain, shared, own) = (length()?, length()?, length()?, length()?, length()?);
        let name = rest.get(..own).filter(|_| own <= MAX_PATH)?;
        let path = [before.get(..shared)?, name].concat();
        *rest = &rest[own..];
        let (&hash, behind) = rest.split_first_chunk()?;
        *rest = behind;
        (path.len() <= MAX_PATH).then_some(Self { depth, gap, packed, plain, path, hash })
    }
}

fn collect(entries: &mut Vec<Entry>, content: &[u8], layout: &Layout, depth: usize) {
    let mut end = 0;
    for stream in &layout.streams {
        let packed = &content[stream.range.clone()];
        let mut hash = [0; HASH];
        hash.copy_from_slice(&Sha256::of(packed).0[..HASH]);
        entries.push(Entry {
            depth,
            gap: stream.range.start - end,
            packed: packed.len(),
            plain: stream.plain.len(),
            path: stream.path.clone(),
            hash,
        });
        end = stream.range.end;
        collect(entries, &stream.plain, &stream.inner, depth + 1);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ExpandedReference;
    use super::super::archives::{Gzip, Tar, Zip, find, text_of};
    use super::*;

    fn form() -> ExpandedReference {
        let gz = Gzip { flags: 8, name: b"deep" }.member(&text_of(4000));
        let zip = Zip::default().deflated(b"a.gz", &gz).deflated(b"a.txt", &text_of(900)).finish();
        let tar = Tar::default().ustar(b"x.zip", b'0', &zip).ustar(b"y.zip", b'0', &zip).finish();
        let content = [Gzip::default().member(&tar), Gzip::default().member(&gz)].concat();
        ExpandedReference::new(&content, &find(&content)).expect("it fits")
    }

    #[test]
    fn what_was_written_is_read() {
        let form = form();
        assert_eq!(form.map.streams.len(), 9);
        let bytes = form.map.to_bytes();
        assert_eq!(ReferenceMap::from_bytes(&bytes, form.bytes.len()), Ok(form.map.clone()));
        assert_eq!(ReferenceMap::from_bytes(&bytes, form.bytes.len() - 1), Err(DamagedMap));
        assert_eq!(ReferenceMap::from_bytes(&[&bytes[..], b"x"].concat(), form.bytes.len()), Err(DamagedMap));
        for end in 0..bytes.len() {
            assert_eq!(ReferenceMap::from_bytes(&bytes[..end], form.bytes.len()), Err(DamagedMap), "{end}");
        }
    }

    #[test]
    fn a_map_without_streams_is_three_bytes() {
        let form = ExpandedReference::new(b"plain", &find(b"plain")).expect("it fits");
        assert_eq!(form.map.to_bytes(), [VERSION, 5, 0]);
        assert_eq!(ReferenceMap::from_bytes(&[VERSION, 5, 0], 5), Ok(form.map));
        assert_eq!(ReferenceMap::from_bytes(&[2, 5, 0], 5), Err(DamagedMap));
    }

    proptest! {
        #[test]
        fn a_changed_map_stays_inside_the_form(at in any::<proptest::sample::Index>(), byte in any::<u8>()) {
            let form = form();
            let mut bytes = form.map.to_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(map) = ReferenceMap::from_bytes(&bytes, form.bytes.len()) {
                prop_assert!(map.body <= form.bytes.len());
                for stream in &map.streams {
                    prop_assert!(stream.body.start <= stream.body.end && stream.body.end <= map.body);
                    prop_assert!(stream.packed.start >= map.body && stream.packed.end <= form.bytes.len());
                    let parent = stream.parent.map_or(map.content, |parent| map.streams[parent].plain);
                    prop_assert!(stream.range.start <= stream.range.end && stream.range.end <= parent);
                    prop_assert_eq!(stream.packed.len(), stream.range.len());
                }
            }
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), form in 0..1000_usize) {
            let _ = ReferenceMap::from_bytes(&[&[VERSION], &bytes[..]].concat(), form);
        }
    }
}
