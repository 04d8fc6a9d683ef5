//! The codec `dgd1`: deltas between what is inside archives.

mod assembly;
mod budget;
mod decode;
mod directory;
mod encode;
#[cfg(feature = "measure")]
pub(crate) mod forged;
mod frames;
mod known;
mod prepared;
mod recipe;
mod second;
mod similar;
mod source;
mod streams;

use std::io::{Read, Write};
use std::ops::Range;

use bytes::Bytes;
use deltaglider_core::RandomAccess;
use deltaglider_core::cache::Form;
use deltaglider_core::codec::{CodecError, CodecId, CodecLimits, DeltaCodec, DeltaParts, ReferenceSize, check_range};

use self::budget::Budget;
use self::prepared::{Prepared, whole};
use crate::Effort;

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

impl Dgd1Codec {
    /// The codec, which spends as `effort` says.
    #[must_use]
    pub const fn new(effort: Effort) -> Self {
        Self { effort }
    }
}

impl DeltaCodec for Dgd1Codec {
    fn id(&self) -> CodecId {
        DGD1
    }

    fn reference_form(&self) -> Form {
        EXPANDED
    }

    fn prepare(&self, reference: Bytes, memory: u64) -> Result<Bytes, CodecError> {
        prepared::prepare(&reference, memory).map(Bytes::from)
    }

    fn restore(&self, prepared: &dyn RandomAccess, stored: &mut dyn Write) -> Result<(), CodecError> {
        Prepared::read(prepared)?.restore(stored)
    }

    fn memory(&self, reference: ReferenceSize, target_size: u64, limit: u64) -> Option<u64> {
        let (least, usual) = match reference {
            ReferenceSize::Stored(stored) => {
                let (preparing, held) = budget::usual_reference(stored);
                (budget::least(stored, target_size), budget::usual(held, target_size).max(preparing))
            }
            // An eighth for what is known of its streams.
            ReferenceSize::Prepared(prepared) => {
                let held = prepared.saturating_add(prepared / 8);
                (budget::least(held, target_size), budget::usual(held, target_size))
            }
        };
        let second = match (self.effort, reference) {
            (Effort::Max, ReferenceSize::Stored(stored)) => budget::usual_second(stored),
            // Of its form it is not known what it is the form of: at most as many bytes.
            (Effort::Max, ReferenceSize::Prepared(prepared)) => budget::usual_second(prepared),
            _ => 0,
        };
        (least <= limit).then(|| usual.max(least).saturating_add(second).min(limit))
    }

    fn encode(
        &self,
        reference: &dyn RandomAccess,
        target: &dyn RandomAccess,
        delta: &mut dyn Write,
        limits: &CodecLimits,
    ) -> Result<DeltaParts, CodecError> {
        Budget::share(reference.size(), target.size(), limits.memory, self.effort)?;
        let reference = Prepared::read(reference)?;
        let held = reference.memory() as u64;
        let budget = Budget::share(held, target.size(), limits.memory, self.effort)?;
        let target = whole(target)?;
        let second = match self.effort {
            Effort::Max => second::encode(&reference, &target, &budget, limits.memory, self.effort)?,
            _ => None,
        };
        let made = match second {
            // As with version 1, what takes so little is not tried otherwise.
            Some(second) if second.length() <= target.len() / 4 * 3 => second,
            Some(second) => {
                let first = encode::encode(&reference, &target, &budget, self.effort)?;
                if second.length() < first.length() { second } else { first }
            }
            None => encode::encode(&reference, &target, &budget, self.effort)?,
        };
        delta.write_all(&made.head)?;
        for frame in &made.frames {
            delta.write_all(frame)?;
        }
        Ok(made.parts)
    }

    fn decode(
        &self,
        reference: &dyn RandomAccess,
        delta: &mut dyn Read,
        target: &mut dyn Write,
        limits: &CodecLimits,
    ) -> Result<(), CodecError> {
        self.decode_range(reference, delta, 0..limits.target_size, target, limits)
    }

    /// Frames that a range does not touch are passed over; streams that it touches are made as a whole.
    fn decodes_ranges(&self) -> bool {
        true
    }

    fn decode_range(
        &self,
        reference: &dyn RandomAccess,
        delta: &mut dyn Read,
        range: Range<u64>,
        target: &mut dyn Write,
        limits: &CodecLimits,
    ) -> Result<(), CodecError> {
        check_range(&range, limits)?;
        if reference.size() > limits.memory {
            return Err(CodecError::Memory { needed: reference.size(), limit: limits.memory });
        }
        decode::decode(&Prepared::read(reference)?, delta, range, target, limits)
    }
}
