//! The port to the delta codecs. `zstd` lives here; further formats come in beside it.

pub mod zstd;

use std::fmt::{self, Debug, Display};
use std::io::{self, Read, Write};
use std::ops::Range;

use bytes::Bytes;

use crate::RandomAccess;
use crate::cache::Form;

/// Names a codec in the stored record of every delta; never reused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CodecId(&'static str);

impl CodecId {
    /// Concatenated zstd frames with the reference as prefix.
    pub const ZSTD: CodecId = CodecId("zstd");
    /// RFC 3284 as xdelta3 writes it; also what a record without a codec means.
    pub const VCDIFF: CodecId = CodecId("vcdiff");

    /// An id of a further codec.
    #[must_use]
    pub const fn new(id: &'static str) -> Self {
        Self(id)
    }

    /// The id as it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl Display for CodecId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Debug for CodecId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Makes deltas and gives the targets back. Synchronous: the engine runs it on the blocking pool.
///
/// Contract, each line a test of the conformance suite:
/// - `restore` of what `prepare` gave is the reference as it is stored, byte for byte.
/// - `decode` of what `encode` wrote, with the same reference, gives the target byte for byte, an empty one too.
/// - `encode` writes the same delta for the same input.
/// - `decode` writes at most `limits.target_size` bytes, and never panics, whatever the delta holds.
/// - `decode_range` writes the bytes of the target in that range.
/// - With another reference, `decode` fails or gives other bytes; the caller compares digests.
/// - Both stay inside `limits.memory`, or fail with [`CodecError::Memory`] before they begin.
/// - An error of `delta.write` or `target.write` ends the call with it.
///
/// `reference` is the reference in the codec's own [form](Self::reference_form).
pub trait DeltaCodec: Debug + Send + Sync + 'static {
    /// The codec's name in the stored record.
    fn id(&self) -> CodecId;

    /// The form in which the codec takes references; where it is not the stored one, [`prepare`](Self::prepare) makes it.
    fn reference_form(&self) -> Form {
        Form::STORED
    }

    /// A stored reference in the codec's own form: always the same for the same reference, whatever the memory, which decides
    /// only whether it can be made. Takes at most `memory` bytes, the reference and what is given included.
    ///
    /// The stored form is the reference itself, which is given back and not copied.
    fn prepare(&self, reference: Bytes, memory: u64) -> Result<Bytes, CodecError> {
        let (needed, limit) = (reference.size(), memory);
        if needed > limit { Err(CodecError::Memory { needed, limit }) } else { Ok(reference) }
    }

    /// Writes the reference as it is stored from what [`prepare`](Self::prepare) gave.
    fn restore(&self, prepared: &dyn RandomAccess, stored: &mut dyn Write) -> Result<(), CodecError> {
        io::copy(&mut prepared.reader(), stored)?;
        Ok(())
    }

    /// Bytes of memory to allow for preparing an ordinary reference, encoding, and decoding again, the reference in memory
    /// included, the target not; `None` where no setting of the codec fits into `limit`.
    ///
    /// Where the reference is prepared already, this is enough to encode, and to decode what takes no more than usual; else a call
    /// may still fail with [`CodecError::Memory`], which says how much is enough.
    fn memory(&self, reference: ReferenceSize, target_size: u64, limit: u64) -> Option<u64>;

    /// Writes a delta that gives `target` from `reference`, and tells what became of the target's bytes.
    fn encode(
        &self,
        reference: &dyn RandomAccess,
        target: &dyn RandomAccess,
        delta: &mut dyn Write,
        limits: &CodecLimits,
    ) -> Result<DeltaParts, CodecError>;

    /// Writes the target that `delta` gives from `reference`.
    fn decode(
        &self,
        reference: &dyn RandomAccess,
        delta: &mut dyn Read,
        target: &mut dyn Write,
        limits: &CodecLimits,
    ) -> Result<(), CodecError>;

    /// Whether [`decode_range`](Self::decode_range) takes less than decoding all.
    fn decodes_ranges(&self) -> bool {
        false
    }

    /// Writes `range` of the target that `delta` gives from `reference`.
    ///
    /// No digest tells of a range: it is as good as the reference, which is to be proven before, and as the checks that the codec
    /// has of what it reads. Decodes all and keeps the range, unless [`decodes_ranges`](Self::decodes_ranges) says otherwise.
    fn decode_range(
        &self,
        reference: &dyn RandomAccess,
        delta: &mut dyn Read,
        range: Range<u64>,
        target: &mut dyn Write,
        limits: &CodecLimits,
    ) -> Result<(), CodecError> {
        check_range(&range, limits)?;
        let mut cut = Cut { skip: range.start, left: range.end - range.start, inner: target };
        self.decode(reference, delta, &mut cut, limits)
    }

    /// Why a delta that was decoded may have given other bytes than were put, although nothing is damaged; `None` where it may not.
    /// Reads the beginning of the delta.
    fn doubt(&self, delta: &mut dyn Read) -> Option<CodecError> {
        let _ = delta;
        None
    }
}

/// How long a reference is, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceSize {
    /// Bytes of the reference as it is stored.
    Stored(u64),
    /// Bytes of the reference in the codec's own form.
    Prepared(u64),
}

impl ReferenceSize {
    /// Bytes, of whichever form.
    #[must_use]
    pub fn bytes(self) -> u64 {
        match self {
            Self::Stored(bytes) | Self::Prepared(bytes) => bytes,
        }
    }
}

/// What became of the bytes of a target, and what the bytes of its delta are for.
///
/// A compressed stream counts with its compressed bytes, and what is in it with its own: the first six may come to more than the
/// target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeltaParts {
    /// Bytes of the target in compressed streams that stand in the reference.
    pub copied: u64,
    /// In compressed streams that an encoder makes again from their plaintext.
    pub reencoded: u64,
    /// In compressed streams that are made again from their tokens.
    pub tokens: u64,
    /// In streams of xz, bzip2 and zstd that the library of the program makes again from their content.
    pub repacked: u64,
    /// In compressed streams that are kept as they are.
    pub raw: u64,
    /// Bytes outside of streams, at every depth, packed with what they resemble in the reference.
    pub plain: u64,
    /// Bytes of the delta that say how streams are made again.
    pub side: u64,
    /// Bytes of the delta that hold what is plain.
    pub body: u64,
}

/// Bounds of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodecLimits {
    /// Bytes of memory to use at most.
    pub memory: u64,
    /// Recorded size of the target: nothing is written past it.
    pub target_size: u64,
}

/// Refuses a range that is not within the target.
///
/// # Errors
/// [`CodecError::Io`] of the kind `InvalidInput`.
pub fn check_range(range: &Range<u64>, limits: &CodecLimits) -> Result<(), CodecError> {
    if range.start <= range.end && range.end <= limits.target_size {
        return Ok(());
    }
    let text = format!("the range {range:?} is not within the {} bytes of the target", limits.target_size);
    Err(io::Error::new(io::ErrorKind::InvalidInput, text).into())
}

/// Passes on a range of what is written.
struct Cut<'a> {
    skip: u64,
    left: u64,
    inner: &'a mut dyn Write,
}

impl Write for Cut<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let skipped = self.skip.min(bytes.len() as u64) as usize;
        let taken = self.left.min((bytes.len() - skipped) as u64) as usize;
        self.inner.write_all(&bytes[skipped..skipped + taken])?;
        self.skip -= skipped as u64;
        self.left -= taken as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// What goes wrong in a codec.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The delta is damaged, or was made against another reference.
    #[error("the delta is damaged: {0}")]
    Damaged(String),
    /// The delta gives more than the recorded size.
    #[error("the delta gives more than the recorded {0} bytes")]
    TooLong(u64),
    /// The delta is in order, and needs what this codec does not have.
    #[error("the delta needs {0}")]
    Unsupported(String),
    /// The delta gives its content, and not the packed form in which it was put: what made it had unpacked it.
    #[error("the content cannot be packed again as it was: {0}")]
    NotRepacked(String),
    /// More memory is needed than may be used.
    #[error("{needed} bytes of memory are needed and {limit} may be used; allow more with --memory or DG_MEMORY")]
    Memory {
        /// Bytes needed, or more.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// Reading or writing failed.
    #[error("reading or writing failed")]
    Io(#[from] io::Error),
}
