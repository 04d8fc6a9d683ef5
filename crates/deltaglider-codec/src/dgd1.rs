//! The codec `dgd1`: deltas between what is inside archives.

mod budget;
mod decode;
mod directory;
mod encode;
mod frames;
mod prepared;
mod recipe;
mod similar;

use std::io::{Read, Write};

use deltaglider_core::RandomAccess;
use deltaglider_core::cache::Form;
use deltaglider_core::codec::{CodecError, CodecId, CodecLimits, DeltaCodec};

use self::budget::Budget;
use self::prepared::{Prepared, whole};
use crate::Effort;
use crate::deflate::Kind;

/// The deltas of this codec.
pub const DGD1: CodecId = CodecId::new("dgd1");

/// A reference, its streams inflated, behind a map of them.
pub const EXPANDED: Form = Form::prepared("expanded/1");

/// Makes deltas between what is inside archives: gzip, zip and what is made of it, tar, and these in one another.
///
/// Compressed streams that stand in the reference are copied; changed ones are inflated, packed with what they resemble in the
/// reference, and made again bit for bit. The page `docs/formats/dgd1.md` says what is written.
///
/// Reference and target lie in memory, with the plaintext of the target's streams as far as the limit allows: what is beyond it is
/// packed as it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dgd1Codec {
    effort: Effort,
}

/// What became of the bytes of a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// Bytes of the target in streams that stand in the reference.
    pub copied: u64,
    /// In streams that an encoder of ours makes again from their plaintext.
    pub encoder: u64,
    /// In streams that are made again from their tokens.
    pub tokens: u64,
    /// In streams that are kept as they are.
    pub raw: u64,
    /// Bytes that are in no stream, those in streams included.
    pub plain: u64,
    /// Bytes of the delta that say how streams are made again.
    pub side: u64,
    /// Bytes of the delta that hold plaintext.
    pub body: u64,
}

impl Outcome {
    fn made(&mut self, kind: Kind, length: u64) {
        let sum = match kind {
            Kind::Encoder => &mut self.encoder,
            Kind::Tokens => &mut self.tokens,
        };
        *sum += length;
    }
}

impl Dgd1Codec {
    /// The codec, which spends as `effort` says.
    #[must_use]
    pub const fn new(effort: Effort) -> Self {
        Self { effort }
    }

    /// Encodes as [`DeltaCodec::encode`] does, and tells what became of the target's bytes.
    pub fn encode_telling(
        &self,
        reference: &dyn RandomAccess,
        target: &dyn RandomAccess,
        delta: &mut dyn Write,
        limits: &CodecLimits,
    ) -> Result<Outcome, CodecError> {
        Budget::share(reference.size(), target.size(), limits.memory, self.effort)?;
        let reference = Prepared::read(reference)?;
        let held = reference.memory() as u64;
        let budget = Budget::share(held, target.size(), limits.memory, self.effort)?;
        let made = encode::encode(&reference, &whole(target)?, &budget, self.effort)?;
        delta.write_all(&made.head)?;
        for frame in &made.frames {
            delta.write_all(frame)?;
        }
        Ok(made.outcome)
    }
}

impl DeltaCodec for Dgd1Codec {
    fn id(&self) -> CodecId {
        DGD1
    }

    fn reference_form(&self) -> Form {
        EXPANDED
    }

    fn prepare(
        &self,
        reference: &dyn RandomAccess,
        prepared: &mut dyn Write,
        limits: &CodecLimits,
    ) -> Result<(), CodecError> {
        let needed = budget::least(reference.size(), 0);
        if needed > limits.memory {
            return Err(CodecError::Memory { needed, limit: limits.memory });
        }
        prepared.write_all(&prepared::prepare(&whole(reference)?)?)?;
        Ok(())
    }

    fn memory(&self, reference_size: u64, target_size: u64, limit: u64) -> Option<u64> {
        let least = budget::least(reference_size, target_size);
        (least <= limit).then(|| budget::usual(reference_size, target_size).max(least).min(limit))
    }

    fn encode(
        &self,
        reference: &dyn RandomAccess,
        target: &dyn RandomAccess,
        delta: &mut dyn Write,
        limits: &CodecLimits,
    ) -> Result<(), CodecError> {
        self.encode_telling(reference, target, delta, limits).map(drop)
    }

    fn decode(
        &self,
        reference: &dyn RandomAccess,
        delta: &mut dyn Read,
        target: &mut dyn Write,
        limits: &CodecLimits,
    ) -> Result<(), CodecError> {
        if reference.size() > limits.memory {
            return Err(CodecError::Memory { needed: reference.size(), limit: limits.memory });
        }
        decode::decode(&Prepared::read(reference)?, delta, target, limits)
    }
}
