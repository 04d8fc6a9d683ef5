//! The expanded form of a reference, version 1: its plaintext, and behind it the compressed streams.

#[cfg(test)]
use super::{DamagedMap, ReferenceMap};
use super::{Layout, Piece};

/// Puts the expanded plaintext in the place of every stream: the *body*.
#[cfg(test)]
pub(crate) fn expand(content: &[u8], layout: &Layout) -> Vec<u8> {
    let mut body = Vec::with_capacity(layout.expanded(content.len()));
    append_body(&mut body, content, layout);
    body
}

/// A reference as it is kept ready: whatever a delta points into is in `bytes`, at the places of `map`.
#[cfg(test)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExpandedReference {
    /// The body, then the compressed bytes of every stream.
    pub bytes: Vec<u8>,
    /// What is where.
    pub map: ReferenceMap,
}

#[cfg(test)]
impl ExpandedReference {
    /// Expands a content. Memory is that of the result beside the layout.
    pub(crate) fn new(content: &[u8], layout: &Layout) -> Result<Self, DamagedMap> {
        let mut bytes = Vec::new();
        append(&mut bytes, content, layout);
        Ok(Self { bytes, map: ReferenceMap::of(content, layout)? })
    }
}

/// Appends the expanded form of a content, of [`Layout::form`] bytes.
pub(crate) fn append(out: &mut Vec<u8>, content: &[u8], layout: &Layout) {
    append_body(out, content, layout);
    append_streams(out, content, layout);
}

impl Layout {
    /// Bytes of the expanded form of a content of `length` bytes.
    pub(crate) fn form(&self, length: usize) -> usize {
        self.expanded(length).saturating_add(self.packed())
    }

    /// Bytes of the body of a content of `length` bytes.
    fn expanded(&self, length: usize) -> usize {
        self.streams.iter().fold(length, |sum, stream| {
            (sum - stream.range.len()).saturating_add(stream.inner.expanded(stream.plain.len()))
        })
    }

    /// Compressed bytes of all streams.
    fn packed(&self) -> usize {
        self.streams.iter().map(|stream| stream.range.len() + stream.inner.packed()).sum()
    }
}

fn append_body(out: &mut Vec<u8>, content: &[u8], layout: &Layout) {
    for piece in layout.pieces(content.len()) {
        match piece {
            Piece::Plain(range) => out.extend_from_slice(&content[range]),
            Piece::Stream(stream) => append_body(out, &stream.plain, &stream.inner),
        }
    }
}

fn append_streams(out: &mut Vec<u8>, content: &[u8], layout: &Layout) {
    for stream in &layout.streams {
        out.extend_from_slice(&content[stream.range.clone()]);
        append_streams(out, &stream.plain, &stream.inner);
    }
}

#[cfg(test)]
mod tests {
    use super::super::archives::{Gzip, Tar, Zip, find, noise, text_of};
    use super::*;

    /// A tar.gz with a zip in it, a gzip in a deflated member of that, and a stored zip beside it.
    fn nested() -> Vec<u8> {
        let gz = Gzip { flags: 8, name: b"deep" }.member(&text_of(4000));
        let zip = Zip::default().deflated(b"a.gz", &gz).deflated(b"b.txt", &text_of(900)).finish();
        let tar = Tar::default().ustar(b"x.zip", b'0', &zip).ustar(b"y.bin", b'0', &noise(3000)).ustar(
            b"z.zip",
            b'0',
            &Zip::default().stored(b"x.zip", &zip).finish(),
        );
        [Gzip::default().member(&tar.finish()), b"garbage".to_vec()].concat()
    }

    #[test]
    fn the_body_has_all_plaintext() {
        let content = nested();
        let layout = find(&content);
        let body = expand(&content, &layout);
        let holds = |part: &[u8]| body.windows(part.len()).any(|window| window == part);
        assert!(holds(&text_of(4000)) && holds(&text_of(900)) && holds(&noise(3000)) && body.ends_with(b"garbage"));
        assert!(expand(b"plain", &find(b"plain")) == b"plain" && expand(b"", &find(b"")).is_empty());
    }

    #[test]
    fn the_map_leads_to_every_stream() {
        fn check(form: &ExpandedReference, content: &[u8], layout: &Layout, at: &mut usize, parent: Option<usize>) {
            for stream in &layout.streams {
                let (index, mapped) = (*at, &form.map.streams[*at]);
                *at += 1;
                assert_eq!((&mapped.range, &mapped.path, mapped.parent), (&stream.range, &stream.path, parent));
                assert_eq!(form.bytes[mapped.packed.clone()], content[stream.range.clone()]);
                assert_eq!(form.bytes[mapped.body.clone()], expand(&stream.plain, &stream.inner));
                assert_eq!(mapped.plain, stream.plain.len());
                check(form, &stream.plain, &stream.inner, at, Some(index));
            }
        }
        let content = nested();
        let layout = find(&content);
        let form = ExpandedReference::new(&content, &layout).expect("it fits");
        let mut count = 0;
        check(&form, &content, &layout, &mut count, None);
        assert_eq!((count, form.map.streams.len()), (7, 7));
        assert_eq!(form.bytes[..form.map.body], expand(&content, &layout));
        assert_eq!(form.map.streams.last().map(|last| last.packed.end), Some(form.bytes.len()));
        assert_eq!(form.map.content, content.len());
        // The same streams, once in the tar and once deeper: found by their hashes.
        let hashes: std::collections::BTreeSet<_> = form.map.streams.iter().map(|stream| stream.hash).collect();
        assert_eq!(hashes.len(), 4);
    }

    #[test]
    fn the_form_gives_the_content_back() {
        let content = nested();
        let ExpandedReference { bytes, map } = ExpandedReference::new(&content, &find(&content)).expect("it fits");
        let mut rebuilt = Vec::new();
        let mut body = 0;
        for stream in map.streams.iter().filter(|stream| stream.parent.is_none()) {
            rebuilt.extend_from_slice(&bytes[body..stream.body.start]);
            rebuilt.extend_from_slice(&bytes[stream.packed.clone()]);
            body = stream.body.end;
        }
        rebuilt.extend_from_slice(&bytes[body..map.body]);
        assert_eq!(rebuilt, content);
    }
}
