//! The codec `vcdiff`: deltas of RFC 3284, as xdelta3 reads and writes them.

mod address;
mod code_table;
mod decode;
mod encode;
mod header;
mod history;
mod input;
mod integer;
mod outline;
mod packing;
mod secondary;
mod window;

use std::io::{Read, Write};

use deltaglider_core::RandomAccess;
use deltaglider_core::codec::{CodecError, CodecId, CodecLimits, DeltaCodec, DeltaParts, ReferenceSize};

use self::encode::Plan;
use self::header::FileHeader;
use self::input::Input;
use self::packing::{Packing, Tool};

/// Deltas that `xdelta3 -d` opens, and that it made.
///
/// The page `docs/formats/vcdiff.md` says what is read and what is written. Encoding holds the reference, an index of it and one
/// window; decoding holds one window at a time, what LZMA remembers, and earlier output as far as a window copies from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VcdiffCodec;

impl VcdiffCodec {
    /// Writes what a delta gives before it is packed again by the program that its header names; where it names none, the target.
    /// At most `limits.target_size` bytes are written, and how many is told: that of the content is recorded nowhere.
    ///
    /// # Errors
    /// As those of [`DeltaCodec::decode`].
    pub fn decode_unpacked(
        &self,
        reference: &dyn RandomAccess,
        delta: &mut dyn Read,
        content: &mut dyn Write,
        limits: &CodecLimits,
    ) -> Result<u64, CodecError> {
        decode::decode_unpacked(reference, delta, content, limits)
    }
}

impl DeltaCodec for VcdiffCodec {
    fn id(&self) -> CodecId {
        CodecId::VCDIFF
    }

    fn memory(&self, reference: ReferenceSize, target_size: u64, limit: u64) -> Option<u64> {
        Plan::choose(reference.bytes(), target_size, limit).ok().map(|plan| plan.memory())
    }

    fn encode(
        &self,
        reference: &dyn RandomAccess,
        target: &dyn RandomAccess,
        delta: &mut dyn Write,
        limits: &CodecLimits,
    ) -> Result<DeltaParts, CodecError> {
        encode::encode(reference, target, delta, limits)
    }

    fn decode(
        &self,
        reference: &dyn RandomAccess,
        delta: &mut dyn Read,
        target: &mut dyn Write,
        limits: &CodecLimits,
    ) -> Result<(), CodecError> {
        decode::decode(reference, delta, target, limits)
    }

    fn doubt(&self, delta: &mut dyn Read) -> Option<CodecError> {
        let header = FileHeader::take(&mut Input::new(delta)).ok()?;
        Packing::of(&header.application).target.map(Tool::doubt)
    }
}
