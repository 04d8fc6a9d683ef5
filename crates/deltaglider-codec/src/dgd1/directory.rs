//! What stands before the frames of a delta: a header of fixed length, and the directory.

use deltaglider_core::Sha256;
use deltaglider_core::codec::CodecError;

use super::frames::{self, Frame, damaged};
use super::recipe::{self, Extent, Part};
use crate::Effort;

const MAGIC: &[u8; 4] = b"DGD1";
const VERSION: u8 = 1;
/// Magic number, version, three bytes that are 0, sizes of reference and target, their digests, lengths of the directory packed and
/// plain, and the first eight bytes of the SHA-256 of all that.
pub(super) const HEADER: usize = 4 + 4 + 8 + 8 + 32 + 32 + 4 + 4 + 8;
/// No directory is longer.
const LARGEST: usize = 256 << 20;

/// The header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
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

/// What the target is put together from, and the frames that give body and side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Directory {
    pub(super) parts: Vec<Part>,
    /// They stand in the delta in this order: side, then body.
    pub(super) side: Vec<Frame>,
    pub(super) body: Vec<Frame>,
}

impl Header {
    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&[VERSION, 0, 0, 0]);
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
        if head[4] != VERSION || head[5..8] != [0; 3] {
            return Err(CodecError::Damaged(format!("it is of version {}, and {VERSION} is known", head[4])));
        }
        if Sha256::of(head).0[..8] != *check {
            return Err(damaged("its header fails its check"));
        }
        let long = |at: usize| head[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let short = |at: usize| head[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes)) as usize;
        let digest = |at: usize| Sha256(*head[at..].first_chunk().unwrap_or(&[0; 32]));
        let header = Self {
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
    /// The directory, packed, and how long it is otherwise.
    pub(super) fn write(&self) -> Result<(Vec<u8>, usize), CodecError> {
        let mut plain = Vec::new();
        recipe::write(&self.parts, &mut plain);
        frames::write(&self.side, &mut plain);
        frames::write(&self.body, &mut plain);
        if plain.len() > LARGEST {
            return Err(CodecError::Io(std::io::Error::other("the target has too many parts")));
        }
        Ok((frames::pack(&plain, &[], Effort::Default)?, plain.len()))
    }

    /// Reads a directory that fits to a form of `form` bytes with `streams` streams, and tells what its parts come to.
    pub(super) fn read(packed: &[u8], plain: usize, form: usize, streams: usize) -> Result<(Self, Extent), CodecError> {
        let bytes = frames::unpack(packed, &[], plain)?;
        let parts = (|| {
            let mut rest = &bytes[..];
            let parts = recipe::read(&mut rest)?;
            let side = frames::read(&mut rest, streams)?;
            let body = frames::read(&mut rest, form)?;
            let extent = recipe::extent(&parts, form)?;
            let sum = |frames: &[Frame]| frames.iter().try_fold(0_usize, |sum, frame| sum.checked_add(frame.plain));
            let whole = rest.is_empty() && sum(&side)? == extent.side && sum(&body)? == extent.body;
            whole.then_some((Self { parts, side, body }, extent))
        })();
        parts.ok_or_else(|| damaged("its directory does not hold together"))
    }
}
