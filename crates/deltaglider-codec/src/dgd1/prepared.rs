//! The reference as this codec takes it: its digest, the map of its streams, and its expanded form.

use std::borrow::Cow;
use std::io::Write;

use deltaglider_core::codec::CodecError;
use deltaglider_core::{RandomAccess, Sha256};

use super::budget;
use super::directory::Second;
use super::frames::{damaged, out_of_memory};
use crate::containers::{self, Limits, ReferenceMap};
use crate::deflate;

const MAGIC: &[u8; 4] = b"DGX1";
/// Magic number, digest and length of the map.
const HEADER: usize = 4 + 32 + 4;

/// A prepared reference, read.
#[derive(Debug)]
pub(super) struct Prepared<'a> {
    bytes: Cow<'a, [u8]>,
    form: usize,
    /// Bytes of memory that are held beside it: those of the form of version 1, where this is one of version 2.
    beside: Option<usize>,
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
        Ok(Self { bytes, form, beside: None, sha256, map })
    }

    /// The expanded form.
    pub(super) fn form(&self) -> &[u8] {
        &self.bytes[self.form..]
    }

    /// What deltas tell of it, where it is of version 2.
    pub(super) fn as_second(&self) -> Option<Second> {
        self.beside.map(|_| Second { form: self.form().len(), streams: self.map.streams.len() })
    }

    /// The compressed bytes of a stream.
    pub(super) fn stream(&self, number: usize) -> Option<&[u8]> {
        Some(&self.form()[self.map.streams.get(number)?.packed.clone()])
    }

    /// Bytes in memory.
    pub(super) fn memory(&self) -> usize {
        self.beside.unwrap_or(0) + in_memory(self.bytes.len(), self.map.streams.len())
    }

    /// Bytes in memory of this form and of one of version 2 that is made of it, or that making it takes.
    pub(super) fn memory_with(&self, second: Second) -> (u64, usize) {
        let making = budget::second(self.memory(), self.map.content, second.form);
        (making, self.memory().saturating_add(in_memory(second.form, second.streams)))
    }

    /// The form of version 2, made of the reference that this one gives, within `memory` bytes, this one included.
    pub(super) fn second(&self, memory: u64) -> Result<Prepared<'static>, CodecError> {
        let beside = self.memory();
        let mut content = Vec::new();
        content.try_reserve_exact(self.map.content).map_err(|_| out_of_memory())?;
        self.restore(&mut content)?;
        let room = budget::room_for_second(beside, content.len(), memory)?;
        let limits = Limits::within(expanded_limit(content.len())).second();
        let layout = containers::layout_within(&content, &limits, room, &deflate::inflate).map_err(|starved| {
            CodecError::Memory { needed: budget::second(beside, content.len(), starved.needed), limit: memory }
        })?;
        let map = ReferenceMap::of(&content, &layout).map_err(|error| damaged(&error.to_string()))?;
        let mut form = Vec::new();
        form.try_reserve_exact(layout.form(content.len())).map_err(|_| out_of_memory())?;
        containers::append(&mut form, &content, &layout);
        Ok(Prepared { bytes: Cow::Owned(form), form: 0, beside: Some(beside), sha256: self.sha256, map })
    }

    /// Writes the reference as it is stored: the plain parts of the body, and the streams between them as they were.
    pub(super) fn restore(&self, stored: &mut dyn Write) -> Result<(), CodecError> {
        let form = self.form();
        let mut passed = 0;
        for stream in self.map.streams.iter().filter(|stream| stream.parent.is_none()) {
            stored.write_all(&form[passed..stream.body.start])?;
            stored.write_all(&form[stream.packed.clone()])?;
            passed = stream.body.end;
        }
        stored.write_all(&form[passed..self.map.body])?;
        Ok(())
    }
}

fn in_memory(bytes: usize, streams: usize) -> usize {
    bytes.saturating_add(streams.saturating_mul(200))
}

/// Prepares a reference, within `memory` bytes, itself included.
pub(super) fn prepare(content: &[u8], memory: u64) -> Result<Vec<u8>, CodecError> {
    let room = budget::room_for_expanding(content.len(), memory)?;
    let limits = Limits::within(expanded_limit(content.len()));
    let layout = containers::layout_within(content, &limits, room, &deflate::inflate).map_err(|starved| {
        CodecError::Memory { needed: budget::expanding(content.len(), starved.needed), limit: memory }
    })?;
    let map = ReferenceMap::of(content, &layout).map_err(|error| damaged(&error.to_string()))?.to_bytes();
    let mut prepared = Vec::new();
    prepared.try_reserve_exact(HEADER + map.len() + layout.form(content.len())).map_err(|_| out_of_memory())?;
    prepared.extend_from_slice(MAGIC);
    prepared.extend_from_slice(&Sha256::of(content).0);
    let length = u32::try_from(map.len()).map_err(|_| out_of_memory())?;
    prepared.extend_from_slice(&length.to_le_bytes());
    prepared.extend_from_slice(&map);
    containers::append(&mut prepared, content, &layout);
    Ok(prepared)
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
