//! What the instructions of a window give.

use deltaglider_core::RandomAccess;
use deltaglider_core::codec::CodecError;

use super::address::AddressCache;
use super::code_table::{Instruction, Kind, TABLE};
use super::header::{cut, damaged};
use super::integer;

/// What a window copies from, beside itself.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'a> {
    /// Bytes in memory: from the start of the segment on, perhaps fewer than it claims.
    Held(&'a [u8]),
    /// Content that has to be read, and where the segment begins in it.
    Read(&'a dyn RandomAccess, u64),
}

impl Source<'_> {
    /// Appends bytes of the segment to `target`.
    #[inline]
    fn copy(&self, offset: u64, size: usize, target: &mut Vec<u8>) -> Result<(), CodecError> {
        match *self {
            Self::Held(bytes) => {
                let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..));
                target.extend_from_slice(rest.and_then(|rest| rest.get(..size)).ok_or_else(too_short)?);
            }
            Self::Read(content, start) => {
                let length = target.len();
                target.resize(length + size, 0);
                let offset = start.checked_add(offset).ok_or_else(too_short)?;
                if content.read_at(&mut target[length..], offset)? != size {
                    return Err(too_short());
                }
            }
        }
        Ok(())
    }
}

fn too_short() -> CodecError {
    damaged("it copies from beyond the end of the reference")
}

/// The sections of a window, unpacked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sections<'a> {
    pub(super) data: &'a [u8],
    pub(super) instructions: &'a [u8],
    pub(super) addresses: &'a [u8],
}

/// Fills `target`, which is empty and has room for them, with the `length` bytes that the sections give from a segment of
/// `segment` bytes of the source.
pub(super) fn apply(
    mut sections: Sections<'_>,
    source: Source<'_>,
    segment: u64,
    length: usize,
    target: &mut Vec<u8>,
) -> Result<(), CodecError> {
    let mut cache = AddressCache::new();
    while let Some((code, rest)) = sections.instructions.split_first() {
        sections.instructions = rest;
        for Instruction { kind, size } in TABLE[usize::from(*code)] {
            if kind == Kind::Noop {
                continue;
            }
            let size = match size {
                0 => integer::read(&mut sections.instructions).ok_or_else(cut)?,
                size => u64::from(size),
            };
            if size > (length - target.len()) as u64 {
                return Err(damaged("a window gives more than it says"));
            }
            let size = size as usize;
            match kind {
                Kind::Noop => {}
                Kind::Add => {
                    let (added, rest) = sections.data.split_at_checked(size).ok_or_else(cut)?;
                    target.extend_from_slice(added);
                    sections.data = rest;
                }
                Kind::Run => {
                    let (byte, rest) = sections.data.split_first().ok_or_else(cut)?;
                    target.resize(target.len() + size, *byte);
                    sections.data = rest;
                }
                Kind::Copy(mode) => {
                    let here = segment.checked_add(target.len() as u64).ok_or_else(cut)?;
                    let address = cache.read(&mut sections.addresses, mode, here).filter(|address| *address < here);
                    let address = address.ok_or_else(|| damaged("an address out of reach"))?;
                    copy(address, size, source, segment, target)?;
                }
            }
        }
    }
    if target.len() != length {
        return Err(damaged("a window gives less than it says"));
    }
    if !sections.data.is_empty() || !sections.addresses.is_empty() {
        return Err(damaged("a window holds what no instruction asks for"));
    }
    Ok(())
}

/// Appends bytes from an address, which is below that of the byte that comes next.
#[inline]
fn copy(
    address: u64,
    mut size: usize,
    source: Source<'_>,
    segment: u64,
    target: &mut Vec<u8>,
) -> Result<(), CodecError> {
    let mut from = 0;
    match segment.checked_sub(address) {
        // Source and window are one address space: a copy may begin in one and end in the other.
        Some(left) if left > 0 => {
            let first = usize::try_from(left).map_or(size, |left| left.min(size));
            source.copy(address, first, target)?;
            size -= first;
        }
        _ => from = (address - segment) as usize,
    }
    // A copy may reach into what it gives itself.
    while size > 0 {
        let step = size.min(target.len() - from);
        target.extend_from_within(from..from + step);
        size -= step;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(data: &[u8], instructions: &[u8], addresses: &[u8], length: usize) -> Result<Vec<u8>, CodecError> {
        let sections = Sections { data, instructions, addresses };
        let mut target = Vec::new();
        apply(sections, Source::Held(b"abcdefghijklmnop"), 16, length, &mut target)?;
        let mut read = Vec::new();
        let content = bytes::Bytes::from_static(b"--abcdefghijklmnop");
        apply(sections, Source::Read(&content, 2), 16, length, &mut read)?;
        assert_eq!(target, read);
        Ok(target)
    }

    #[test]
    fn the_example_of_the_rfc_is_applied() {
        // Section 3: COPY 4,0; ADD wxyz; COPY 4,4; COPY 12,24; RUN 4,z.
        let given = applied(b"wxyzz", &[20, 5, 20, 28, 0, 4], &[0, 4, 24], 28).expect("applied");
        assert_eq!(given, b"abcdwxyzefghefghefghefghzzzz");
    }

    #[test]
    fn a_copy_may_run_from_the_source_into_the_window() {
        let given = applied(b"XYZ", &[4, 23], &[14], 10).expect("applied");
        assert_eq!(given, b"XYZopXYZop");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let is_damaged = |data: &[u8], instructions: &[u8], addresses: &[u8], length| {
            assert!(matches!(applied(data, instructions, addresses, length), Err(CodecError::Damaged(_))));
        };
        is_damaged(b"", &[20], &[16], 4);
        is_damaged(b"", &[20], &[], 4);
        is_damaged(b"", &[20], &[0], 3);
        is_damaged(b"", &[20], &[0], 5);
        is_damaged(b"", &[20], &[0, 0], 4);
        is_damaged(b"x", &[20], &[0], 4);
        is_damaged(b"x", &[3], &[], 2);
        is_damaged(b"", &[0, 4], &[], 4);
        is_damaged(b"x", &[0], &[], 4);
        is_damaged(b"", &[19, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], &[0], 4);
    }

    #[test]
    fn a_segment_that_claims_more_than_there_is_fails_where_it_is_used() {
        let sections = Sections { data: b"", instructions: &[20], addresses: &[2] };
        let held = |bytes| apply(sections, Source::Held(bytes), 100, 4, &mut Vec::new());
        assert!(held(b"abcdef").is_ok());
        assert!(matches!(held(b"abcde"), Err(CodecError::Damaged(_))));
        let content = bytes::Bytes::from_static(b"abcde");
        for start in [0, 1, u64::MAX] {
            let read = apply(sections, Source::Read(&content, start), 100, 4, &mut Vec::new());
            assert!(matches!(read, Err(CodecError::Damaged(_))));
        }
    }
}
