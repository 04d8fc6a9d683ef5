//! The local header before a member's data.

use std::ops::Range;

use super::super::fields::{u16_at, u32_at};
use super::Entry;

/// What every local header begins with.
pub(super) const SIGNATURE: &[u8] = b"PK\x03\x04";
const LENGTH: usize = 30;
/// The sizes stand behind the data.
const STREAMED: u16 = 1 << 3;

/// What a local header says of its member.
pub(super) struct LocalHeader<'a> {
    pub(super) name: &'a [u8],
    pub(super) flags: u16,
    pub(super) method: u16,
    /// Bytes in the archive and of plaintext, where they are known here.
    pub(super) sizes: Option<(usize, usize)>,
    /// Where the data begins.
    pub(super) data: usize,
}

impl<'a> LocalHeader<'a> {
    /// The header at `at`.
    pub(super) fn parse(archive: &'a [u8], at: usize) -> Option<Self> {
        let header = archive.get(at..)?;
        if !header.starts_with(SIGNATURE) {
            return None;
        }
        let flags = u16_at(header, 6)?;
        let (packed, size) = (u32_at(header, 18)?, u32_at(header, 22)?);
        let extra = LENGTH + usize::from(u16_at(header, 26)?);
        let data = extra + usize::from(u16_at(header, 28)?);
        header.get(..data)?;
        let known = flags & STREAMED == 0 && packed != u32::MAX && size != u32::MAX;
        let sizes = usize::try_from(packed).ok().zip(usize::try_from(size).ok()).filter(|_| known);
        Some(Self { name: &header[LENGTH..extra], flags, method: u16_at(header, 8)?, sizes, data: at + data })
    }
}

/// Where the data of a member is, if its local header is there and tells the same method.
pub(super) fn data(archive: &[u8], entry: &Entry<'_>) -> Option<Range<usize>> {
    let header = LocalHeader::parse(archive, entry.header).filter(|header| header.method == entry.method)?;
    let end = header.data.checked_add(entry.packed).filter(|end| *end <= archive.len())?;
    Some(header.data..end)
}
