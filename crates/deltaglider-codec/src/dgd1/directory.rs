//! What stands before the frames of a delta: a header of fixed length, and the directory.

use deltaglider_core::Sha256;
use deltaglider_core::codec::CodecError;

use super::frames::{self, Frame, damaged};
use super::recipe::{self, Extent, Part, Unread};
use crate::Effort;
use crate::varint;

const MAGIC: &[u8; 4] = b"DGD1";
/// The newest version. Its deltas point into version 2 of the expanded form, and have streams of version 2 in them.
const NEWEST: u8 = 2;
/// Magic number, version, three bytes that are 0, sizes of reference and target, their digests, lengths of the directory packed and
/// plain, and the first eight bytes of the SHA-256 of all that.
pub(super) const HEADER: usize = 4 + 4 + 8 + 8 + 32 + 32 + 4 + 4 + 8;
/// No directory is longer.
const LARGEST: usize = 256 << 20;

/// The header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// 1 or 2.
    pub(super) version: u8,
    /// Bytes of the reference as it is stored.
    pub(super) reference: u64,
    /// Bytes of the target.
    pub(super) target: u64,
    /// Digest of the reference.
    pub(super) reference_sha256: Sha256,
    /// Digest of the target.
    pub(super) target_sha256: Sha256,
    /// Bytes of the directory in the delta.
    pub(super) packed: usize,
    /// Bytes of the directory.
    pub(super) plain: usize,
}

/// What is known of a form of version 2 before it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Second {
    /// Bytes of it.
    pub(super) form: usize,
    /// Streams in it.
    pub(super) streams: usize,
}

/// What the target is put together from, and the frames that give body and side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Directory {
    /// The form that the delta points into, where that is of version 2.
    pub(super) second: Option<Second>,
    pub(super) parts: Vec<Part>,
    /// They stand in the delta in this order: side, then body.
    pub(super) side: Vec<Frame>,
    pub(super) body: Vec<Frame>,
}

impl Header {
    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&[self.version, 0, 0, 0]);
        out.extend_from_slice(&self.reference.to_le_bytes());
        out.extend_from_slice(&self.target.to_le_bytes());
        out.extend_from_slice(&self.reference_sha256.0);
        out.extend_from_slice(&self.target_sha256.0);
        out.extend_from_slice(&(self.packed as u32).to_le_bytes());
        out.extend_from_slice(&(self.plain as u32).to_le_bytes());
        let check = Sha256::of(&out);
        out.extend_from_slice(&check.0[..8]);
        out
    }

    pub(super) fn read(bytes: &[u8; HEADER]) -> Result<Self, CodecError> {
        let (head, check) = bytes.split_at(HEADER - 8);
        if &head[..4] != MAGIC {
            return Err(damaged("it does not begin as a delta of this codec does"));
        }
        // It stands there in every version.
        if Sha256::of(head).0[..8] != *check {
            return Err(damaged("its header fails its check"));
        }
        let version = head[4];
        if version > NEWEST {
            let newer =
                format!("a newer program: it is of version {version} of `dgd1`, and {NEWEST} is the newest known here");
            return Err(CodecError::Unsupported(newer));
        }
        if version == 0 || head[5..8] != [0; 3] {
            return Err(damaged("its header is of no version"));
        }
        let long = |at: usize| head[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let short = |at: usize| head[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes)) as usize;
        let digest = |at: usize| Sha256(*head[at..].first_chunk().unwrap_or(&[0; 32]));
        let header = Self {
            version,
            reference: long(8),
            target: long(16),
            reference_sha256: digest(24),
            target_sha256: digest(56),
            packed: short(88),
            plain: short(92),
        };
        let fits = header.plain <= LARGEST && header.packed <= header.plain + 1024;
        if fits { Ok(header) } else { Err(damaged("its directory is too long")) }
    }
}

impl Directory {
    /// Which version it is of.
    pub(super) fn version(&self) -> u8 {
        if self.second.is_some() { 2 } else { 1 }
    }

    /// The directory, packed, and how long it is otherwise.
    pub(super) fn write(&self) -> Result<(Vec<u8>, usize), CodecError> {
        let mut plain = Vec::new();
        if let Some(Second { form, streams }) = self.second {
            [form, streams].into_iter().for_each(|number| varint::write(&mut plain, number));
        }
        recipe::write(&self.parts, &mut plain);
        frames::write(&self.side, &mut plain);
        frames::write(&self.body, &mut plain);
        if plain.len() > LARGEST {
            return Err(CodecError::Io(std::io::Error::other("the target has too many parts")));
        }
        Ok((frames::pack(&plain, &[], Effort::Default)?, plain.len()))
    }

    /// Reads a directory, and tells what its parts come to. It fits to a form of version 1 that has `form` bytes and `streams`
    /// streams; one of version 2 tells itself which form it fits to.
    pub(super) fn read(
        packed: &[u8],
        header: &Header,
        form: usize,
        streams: usize,
    ) -> Result<(Self, Extent), CodecError> {
        let bytes = frames::unpack(packed, &[], header.plain)?;
        let mut rest = &bytes[..];
        let broken = || damaged("its directory does not hold together");
        let mut number = || varint::read(&mut rest).ok_or_else(broken);
        let second = match header.version {
            2 => Some(Second { form: number()?, streams: number()? }),
            _ => None,
        };
        let (form, streams) = second.map_or((form, streams), |second| (second.form, second.streams));
        let parts = recipe::read(&mut rest, header.version).map_err(|unread| match unread {
            Unread::Damaged => broken(),
            Unread::Unknown(packer) => {
                CodecError::Unsupported(format!("a newer program: its packer {packer} is not known here"))
            }
        })?;
        let lists = (|| {
            let side = frames::read(&mut rest, streams)?;
            let body = frames::read(&mut rest, form)?;
            let extent = recipe::extent(&parts, form)?;
            let sum = |frames: &[Frame]| frames.iter().try_fold(0_usize, |sum, frame| sum.checked_add(frame.plain));
            let whole = rest.is_empty() && sum(&side)? == extent.side && sum(&body)? == extent.body;
            whole.then_some((side, body, extent))
        })();
        let (side, body, extent) = lists.ok_or_else(broken)?;
        Ok((Self { second, parts, side, body }, extent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_version_is_no_damage() {
        let digest = Sha256([1; 32]);
        let header = Header {
            version: 2,
            reference: 1,
            target: 2,
            reference_sha256: digest,
            target_sha256: digest,
            packed: 3,
            plain: 4,
        };
        let read = |header: &Header| Header::read(header.write().first_chunk().expect("a header"));
        assert_eq!(read(&header).expect("read"), header);
        assert!(matches!(read(&Header { version: 0, ..header }), Err(CodecError::Damaged(_))));
        let error = read(&Header { version: 3, ..header }).expect_err("it is newer");
        assert!(matches!(&error, CodecError::Unsupported(_)), "{error:?}");
        assert_eq!(
            error.to_string(),
            "the delta needs a newer program: it is of version 3 of `dgd1`, and 2 is the newest known here"
        );
        let mut damaged = header.write();
        damaged[4] = 3;
        assert!(matches!(Header::read(damaged.first_chunk().expect("a header")), Err(CodecError::Damaged(_))));
    }
}
