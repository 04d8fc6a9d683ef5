//! Sections that are packed: the secondary compressors of xdelta3.

mod djw;
mod fgk;
mod lzma;

use deltaglider_core::codec::CodecError;

pub(super) use self::lzma::{DICTIONARY_LIMIT, Lzma, LzmaEncoder, LzmaSettings};
use super::header::{FileHeader, LZMA, cut, damaged};
use super::integer;

const DJW: u8 = 1;
const FGK: u8 = 16;

/// Unpacks the sections of one delta. What LZMA and FGK have learned of a kind of section goes on from window to window.
pub(super) enum Secondary {
    /// No section may be packed.
    None,
    /// One xz stream for each kind of section.
    Lzma(Box<[Option<Lzma>; 3]>),
    /// Static Huffman codes, each section by itself.
    Djw,
    /// Adaptive Huffman codes, one tree for each kind of section.
    Fgk(Box<[fgk::Tree; 3]>),
}

impl Secondary {
    pub(super) fn new(header: &FileHeader) -> Result<Self, CodecError> {
        match header.secondary {
            None => Ok(Self::None),
            Some(LZMA) => Ok(Self::Lzma(Box::default())),
            Some(DJW) => Ok(Self::Djw),
            Some(FGK) => Ok(Self::Fgk(Box::default())),
            Some(other) => {
                Err(CodecError::Unsupported(format!("the secondary compressor {other}, which xdelta3 does not have")))
            }
        }
    }

    /// Unpacks a section of the kind that is the `kind`-th in a window: of at most `limit` bytes, which its own first bytes tell.
    pub(super) fn unpack(
        &mut self,
        kind: usize,
        mut packed: &[u8],
        limit: u64,
        section: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        let length = unpacked_length(&mut packed).ok_or_else(cut)?;
        if length == 0 || length > limit {
            return Err(damaged(format!("a section of {length} bytes")));
        }
        section.clear();
        section.resize(length as usize, 0);
        match self {
            Self::None => Err(damaged("a section is packed and no compressor is named")),
            Self::Lzma(streams) => {
                let stream = match &mut streams[kind] {
                    Some(stream) => stream,
                    none => none.insert(Lzma::new()?),
                };
                stream.unpack(packed, section)
            }
            Self::Djw => djw::unpack(packed, section).ok_or_else(|| damaged("a section that DJW did not pack")),
            Self::Fgk(trees) => {
                trees[kind].unpack(packed, section).ok_or_else(|| damaged("a section that FGK did not pack"))
            }
        }
    }
}

/// Takes the length of the unpacked section from the front of a packed one.
pub(super) fn unpacked_length(packed: &mut &[u8]) -> Option<u64> {
    integer::read(packed)
}
