//! The central directory, found from the end of the archive.

use super::super::fields::{u16_at, u32_at, u64_at};

const END: &[u8] = b"PK\x05\x06";
const END_LENGTH: usize = 22;
const END_64: &[u8] = b"PK\x06\x06";
const END_64_LENGTH: usize = 56;
const LOCATOR: &[u8] = b"PK\x06\x07";
const LOCATOR_LENGTH: usize = 20;
const RECORD: &[u8] = b"PK\x01\x02";
const RECORD_LENGTH: usize = 46;
const ZIP64_FIELD: u16 = 1;

/// Where the directory is.
#[derive(Debug)]
pub(super) struct Directory<'a> {
    archive: &'a [u8],
    start: usize,
    end: usize,
    /// What is before the archive: offsets count from here.
    base: usize,
}

/// What the directory says of a member.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) name: &'a [u8],
    pub(super) flags: u16,
    pub(super) method: u16,
    /// Bytes in the archive.
    pub(super) packed: usize,
    /// Bytes of plaintext.
    pub(super) size: usize,
    /// Where its local header is.
    pub(super) header: usize,
}

impl<'a> Directory<'a> {
    /// The directory of the last end record that leads to one.
    pub(super) fn find(archive: &'a [u8]) -> Option<Self> {
        let last = archive.len().checked_sub(END_LENGTH)?;
        let first = last.saturating_sub(usize::from(u16::MAX));
        // The first byte by itself: this runs over the end of every member of a tar.
        let mut starts = archive[first..=last].iter().enumerate().rev().filter(|(_, byte)| **byte == END[0]);
        starts.find_map(|(at, _)| Self::at_end(archive, first + at))
    }

    fn at_end(archive: &'a [u8], end: usize) -> Option<Self> {
        archive[end..].strip_prefix(END)?;
        let comment = usize::from(u16_at(archive, end + 20)?);
        archive.get(end + END_LENGTH..)?.get(..comment)?;
        let count = u16_at(archive, end + 10)?;
        let (size, offset) = (u32_at(archive, end + 12)?, u32_at(archive, end + 16)?);
        let wide = (count == u16::MAX || size == u32::MAX || offset == u32::MAX)
            .then(|| Self::at_wide_end(archive, end))
            .flatten();
        wide.or_else(|| Self::new(archive, end, usize::try_from(size).ok()?, usize::try_from(offset).ok()?))
    }

    /// Zip64's end record stands just before its locator. Where the locator leads is not asked: what is before the archive moves it.
    fn at_wide_end(archive: &'a [u8], end: usize) -> Option<Self> {
        let locator = end.checked_sub(LOCATOR_LENGTH).filter(|at| archive[*at..].starts_with(LOCATOR))?;
        let end = locator.checked_sub(END_64_LENGTH).filter(|at| archive[*at..].starts_with(END_64))?;
        Self::new(archive, end, u64_at(archive, end + 40)?, u64_at(archive, end + 48)?)
    }

    /// The directory stands before its end record, whatever is before the archive; else where the record says.
    fn new(archive: &'a [u8], end: usize, size: usize, offset: usize) -> Option<Self> {
        let record_at = |start: &usize| archive[..end].get(*start..).is_some_and(|rest| rest.starts_with(RECORD));
        if let Some(start) = end.checked_sub(size).filter(record_at).filter(|start| *start >= offset) {
            return Some(Self { archive, start, end, base: start - offset });
        }
        let end = offset.checked_add(size).filter(|given| *given <= end)?;
        Some(offset).filter(record_at).map(|start| Self { archive, start, end, base: 0 })
    }

    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// The members in the directory's order. How many it should have is not asked: more than 65 535 don't fit into the old field.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'a>> {
        let base = self.base;
        let mut rest = &self.archive[self.start..self.end];
        std::iter::from_fn(move || {
            let record = rest.starts_with(RECORD).then_some(rest)?;
            let length = |at| u16_at(record, at).map(usize::from);
            let extra = RECORD_LENGTH + length(28)?;
            let comment = extra + length(30)?;
            rest = record.get(comment + length(32)?..)?;
            Some(entry(&record[..extra], &record[extra..comment], base))
        })
        .flatten()
    }
}

fn entry<'a>(record: &'a [u8], extra: &[u8], base: usize) -> Option<Entry<'a>> {
    let mut wide = zip64_field(extra);
    let mut length = |at| match u32_at(record, at)? {
        u32::MAX if wide.len() >= 8 => {
            let length = u64_at(wide, 0)?;
            wide = &wide[8..];
            Some(length)
        }
        length => usize::try_from(length).ok(),
    };
    // The order of the fields of zip64, which has only those that are needed.
    let (size, packed, offset) = (length(24)?, length(20)?, length(42)?);
    Some(Entry {
        name: &record[RECORD_LENGTH..],
        flags: u16_at(record, 8)?,
        method: u16_at(record, 10)?,
        packed,
        size,
        header: base.checked_add(offset)?,
    })
}

/// The zip64 field among the extra ones.
fn zip64_field(mut extra: &[u8]) -> &[u8] {
    while let (Some(id), Some(length)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        let Some((field, rest)) = extra[4..].split_at_checked(usize::from(length)) else { break };
        if id == ZIP64_FIELD {
            return field;
        }
        extra = rest;
    }
    &[]
}
