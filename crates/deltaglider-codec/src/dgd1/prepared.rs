//! The reference as this codec takes it: its digest, the map of its streams, and its expanded form.

use std::borrow::Cow;

use deltaglider_core::codec::CodecError;
use deltaglider_core::{RandomAccess, Sha256};

use super::frames::{damaged, out_of_memory};
use crate::containers::{self, ExpandedReference, Layout, Limits, ReferenceMap};
use crate::deflate;

const MAGIC: &[u8; 4] = b"DGX1";
/// Magic number, digest and length of the map.
const HEADER: usize = 4 + 32 + 4;

/// A prepared reference, read.
#[derive(Debug)]
pub(super) struct Prepared<'a> {
    bytes: Cow<'a, [u8]>,
    form: usize,
    pub(super) sha256: Sha256,
    pub(super) map: ReferenceMap,
}

impl<'a> Prepared<'a> {
    /// Reads a prepared reference, which lies in memory as a whole then.
    pub(super) fn read(content: &'a dyn RandomAccess) -> Result<Self, CodecError> {
        let bytes = whole(content)?;
        let parts = (|| {
            let (header, rest) = bytes.split_at_checked(HEADER)?;
            let (magic, header) = header.split_at(MAGIC.len());
            let (sha256, length) = header.split_at(32);
            let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
            let (map, form) = rest.split_at_checked(length).filter(|_| magic == MAGIC)?;
            Some((Sha256(sha256.try_into().ok()?), ReferenceMap::from_bytes(map, form.len()).ok()?, HEADER + length))
        })();
        let (sha256, map, form) = parts.ok_or_else(|| damaged("the reference was not prepared for this codec"))?;
        Ok(Self { bytes, form, sha256, map })
    }

    /// The expanded form.
    pub(super) fn form(&self) -> &[u8] {
        &self.bytes[self.form..]
    }

    /// Bytes in memory.
    pub(super) fn memory(&self) -> usize {
        self.bytes.len() + self.map.streams.len() * 200
    }
}

/// Prepares a reference.
pub(super) fn prepare(content: &[u8]) -> Result<Vec<u8>, CodecError> {
    let layout = layout(content, expanded_limit(content.len()));
    let expanded = ExpandedReference::new(content, &layout).map_err(|error| damaged(&error.to_string()))?;
    let map = expanded.map.to_bytes();
    let mut prepared = Vec::new();
    prepared.try_reserve_exact(HEADER + map.len() + expanded.bytes.len()).map_err(|_| out_of_memory())?;
    prepared.extend_from_slice(MAGIC);
    prepared.extend_from_slice(&Sha256::of(content).0);
    let length = u32::try_from(map.len()).map_err(|_| out_of_memory())?;
    prepared.extend_from_slice(&length.to_le_bytes());
    prepared.extend_from_slice(&map);
    prepared.extend_from_slice(&expanded.bytes);
    Ok(prepared)
}

/// The streams of a content, with at most `expanded` bytes of plaintext.
pub(super) fn layout(content: &[u8], expanded: usize) -> Layout {
    let inflate = |bytes: &[u8], limit: usize| {
        deflate::inflate(bytes, limit)
            .map(|inflated| containers::Inflated { plain: inflated.plain, length: inflated.length })
    };
    containers::layout(content, &Limits::within(expanded), &inflate)
}

/// Plaintext of a reference in all, a part of the form's version: whoever reads a delta expands its reference to the same.
pub(super) fn expanded_limit(content: usize) -> usize {
    content.saturating_mul(32).saturating_add(64 << 20).min(2 << 30)
}

/// The content in memory as a whole.
pub(super) fn whole(content: &dyn RandomAccess) -> Result<Cow<'_, [u8]>, CodecError> {
    if let Some(slice) = content.as_slice() {
        return Ok(Cow::Borrowed(slice));
    }
    let length = usize::try_from(content.size()).map_err(|_| out_of_memory())?;
    Ok(Cow::Owned(content.read_vec(0, length)?))
}
