//! What is known of the streams of the reference: which bytes they are, and what they are named.

use std::collections::HashMap;
use std::ops::Range;

use deltaglider_core::Sha256;

use super::prepared::Prepared;
use crate::containers::{Layout, Stream};

/// The streams of the reference, and those of the target that are named like them.
#[derive(Debug)]
pub(super) struct Known {
    by_hash: HashMap<[u8; 16], Range<usize>>,
    names: Names,
    /// The streams of the target, by where they lie in memory, with the ones of the reference.
    alike: HashMap<usize, usize>,
}

/// Streams by their names, those of a name in their order.
#[derive(Debug, Default)]
struct Names {
    exact: HashMap<Vec<u8>, Vec<usize>>,
    /// With one sign for each number in them: versions are part of many names.
    numberless: HashMap<Vec<u8>, Vec<usize>>,
}

impl Known {
    pub(super) fn of(reference: &Prepared<'_>) -> Self {
        let mut known = Self { by_hash: HashMap::new(), names: Names::default(), alike: HashMap::new() };
        let mut names: Vec<Vec<u8>> = Vec::new();
        for (number, stream) in reference.map.streams.iter().enumerate() {
            known.by_hash.entry(stream.hash).or_insert_with(|| stream.packed.clone());
            let name = name_in(stream.parent.map(|parent| &names[parent][..]), &stream.path);
            known.names.numberless.entry(numberless(&name)).or_default().push(number);
            known.names.exact.entry(name.clone()).or_default().push(number);
            names.push(name);
        }
        known
    }

    /// Finds for each stream of a target the one of the reference that is named like it. The target must not be moved after it.
    pub(super) fn compare(&mut self, layout: &Layout) {
        let mut seen = HashMap::new();
        self.compare_within(layout, None, &mut seen);
    }

    fn compare_within(&mut self, layout: &Layout, parent: Option<&[u8]>, seen: &mut HashMap<Vec<u8>, usize>) {
        for stream in &layout.streams {
            let name = name_in(parent, &stream.path);
            self.compare_within(&stream.inner, Some(&name), seen);
            let found = self.names.exact.get(&name).or_else(|| self.names.numberless.get(&numberless(&name)));
            // Of several streams of a name, as the members of one gzip file are, the first is like the first.
            let before = seen.entry(name).or_insert(0);
            if let Some(number) = found.and_then(|found| found.get(*before).or(found.last())) {
                self.alike.insert(place(stream), *number);
            }
            *before += 1;
        }
    }

    /// The stream of the reference that is named as one of the target is.
    pub(super) fn alike(&self, stream: &Stream) -> Option<usize> {
        self.alike.get(&place(stream)).copied()
    }

    /// Where exactly these bytes stand in the expanded reference.
    pub(super) fn copy_of(&self, stream: &[u8]) -> Option<usize> {
        let hash: [u8; 16] = *Sha256::of(stream).0.first_chunk()?;
        // The hash is that of the same bytes, by all that is known of SHA-256; the delta is proven before it is used in any case.
        self.by_hash.get(&hash).filter(|range| range.len() == stream.len()).map(|range| range.start)
    }
}

/// Where a stream lies, which tells it from all others.
pub(super) fn place(stream: &Stream) -> usize {
    std::ptr::from_ref(stream).addr()
}

/// The name of a stream within all streams around it.
fn name_in(parent: Option<&[u8]>, path: &[u8]) -> Vec<u8> {
    match parent {
        Some(parent) => [parent, &b"\0\0"[..], path].concat(),
        None => path.to_vec(),
    }
}

/// A name with one sign for each number in it.
fn numberless(name: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(name.len());
    for &byte in name {
        match byte {
            b'0'..=b'9' if out.last() == Some(&b'0') => {}
            b'0'..=b'9' => out.push(b'0'),
            _ => out.push(byte),
        }
    }
    out
}
