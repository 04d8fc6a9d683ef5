//! Files that xdelta3 unpacks before it makes a delta, and packs again behind it, by other programs.
//!
//! Its application header says so: `target/tool/source/tool`, or the first two alone. What was packed by that program's defaults
//! comes back; what was packed otherwise does not, and xdelta3 would give other bytes without a word.

use std::io::Read;

use bzip2::Compression;
use deltaglider_core::codec::CodecError;
use liblzma::stream::{CONCATENATED, Check, MtStreamBuilder, Stream};

use super::header::damaged;
use crate::deflate::{self, Kind};

/// A program that packs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tool {
    Gzip,
    Bzip2,
    Xz,
    Compress,
}

/// What target and source were unpacked from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Packing {
    pub(super) target: Option<Tool>,
    pub(super) source: Option<Tool>,
}

impl Packing {
    /// Reads an application header. One that is not xdelta3's own says nothing.
    pub(super) fn of(application: &[u8]) -> Self {
        let parts: Vec<&[u8]> = application.split(|byte| *byte == b'/').collect();
        match parts[..] {
            [_, target] => Self { target: Tool::named(target), source: None },
            [_, target, _, source] => Self { target: Tool::named(target), source: Tool::named(source) },
            _ => Self::default(),
        }
    }
}

/// The level of gzip itself that it takes by itself.
const GZIP_LEVEL: u8 = 6;
/// The other levels of gzip, and those of the libraries that write its format, the likeliest first.
const GZIP_LEVELS: [u8; 9] = [9, 6, 1, 2, 3, 4, 5, 7, 8];
/// What wrote a gzip file says on which system: Unix, by gzip itself and by zlib there.
const UNIX: u8 = 3;
const GZIP_ENDS: u64 = 18;
const BZIP2_LEVEL: u32 = 9;
const XZ_LEVEL: u32 = 6;
/// The memory that unpacking an `.xz` takes beside its content: what its level 9 asks for.
const XZ_DECODER: u64 = 66 << 20;
/// More than bzip2 takes, either way.
const BZIP2: u64 = 10 << 20;

/// An application header that names no file.
pub(super) fn application(target: Option<Tool>, source: Tool) -> Vec<u8> {
    format!("/{}//{}", target.map_or("", Tool::identifier), source.identifier()).into_bytes()
}

/// So many bytes of a file tell what packed it.
pub(super) const MAGIC: usize = 6;
const MAGICS: [(&[u8], Tool); 4] =
    [(b"\x1f\x8b", Tool::Gzip), (b"BZh", Tool::Bzip2), (b"\xfd7zXZ\0", Tool::Xz), (b"\x1f\x9d", Tool::Compress)];

impl Tool {
    /// The program that xdelta3 takes a file to be packed by.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        MAGICS.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, tool)| *tool)
    }

    /// Whether the program gives exactly this file from its content, wherever it is installed. What xz gives depends on its version.
    pub(super) fn gives(self, packed: &[u8], content: &[u8]) -> bool {
        let size = packed.len() as u64;
        match self {
            Self::Gzip => gives_gzip(packed, content),
            Self::Bzip2 => self.pack(content, size, &[]).is_ok_and(|again| again == packed),
            Self::Xz | Self::Compress => false,
        }
    }

    fn identifier(self) -> &'static str {
        match self {
            Self::Gzip => "G",
            Self::Bzip2 => "B",
            Self::Xz => "Y",
            Self::Compress => "Z",
        }
    }

    fn named(name: &[u8]) -> Option<Self> {
        let tools = [Self::Gzip, Self::Bzip2, Self::Xz, Self::Compress];
        tools.into_iter().find(|tool| tool.identifier().as_bytes() == name)
    }

    /// The program's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Compress => "compress",
        }
    }

    /// What a file gives when it is unpacked; `None` where that takes more than `memory` bytes. One that is not packed gives itself.
    pub(super) fn unpack(self, packed: &[u8], memory: u64) -> Result<Option<Vec<u8>>, CodecError> {
        let unreadable = || damaged(format!("the reference is not what {} gives", self.name()));
        match self {
            Self::Compress => Err(unsupported()),
            _ if Self::of(packed) != Some(self) => Ok(copied(packed, memory)),
            Self::Gzip => match gunzip(packed, memory / 2) {
                Ok(content) => Ok(Some(content)),
                Err(deflate::NotInflated::TooLong) => Ok(None),
                Err(deflate::NotInflated::Invalid) => Err(unreadable()),
            },
            Self::Bzip2 => read(bzip2::read::MultiBzDecoder::new(packed), memory, BZIP2).map_err(|_| unreadable()),
            Self::Xz => {
                let stream = Stream::new_stream_decoder(XZ_DECODER, CONCATENATED).map_err(|_| unreadable())?;
                let decoder = liblzma::read::XzDecoder::new_stream(packed, stream);
                read(decoder, memory, XZ_DECODER).map_err(|_| unreadable())
            }
        }
    }

    /// Bytes of memory that packing takes beside the content, for a file of `size` bytes.
    pub(super) fn packing_memory(self, size: u64) -> u64 {
        size.saturating_mul(2).saturating_add(match self {
            Self::Gzip | Self::Compress => 1 << 20,
            Self::Bzip2 => BZIP2,
            // Its tables, and a block of 24 MiB with what it is packed into.
            Self::Xz => 160 << 20,
        })
    }

    /// The content as the program packs it, in `size` bytes.
    ///
    /// Its defaults are tried first, then, for gzip, its other levels, then those of zlib, which other programs write the format
    /// with: what has another length cannot be what was put. The `reference`, as it is stored, was most likely packed in the same
    /// way.
    pub(super) fn pack(self, content: &[u8], size: u64, reference: &[u8]) -> Result<Vec<u8>, CodecError> {
        let packed = match self {
            Self::Compress => return Err(unsupported()),
            Self::Gzip => gzip(content, size, reference),
            Self::Bzip2 => packed_by(bzip2::read::BzEncoder::new(content, Compression::new(BZIP2_LEVEL)), size),
            Self::Xz => {
                // As xz did it up to 5.4, and with several threads, as it does since 5.6.
                let by_one = || Stream::new_easy_encoder(XZ_LEVEL, Check::Crc64);
                let by_many = || MtStreamBuilder::new().threads(1).preset(XZ_LEVEL).check(Check::Crc64).encoder();
                let pack = |stream| packed_by(liblzma::read::XzEncoder::new_stream(content, stream), size);
                by_one().ok().and_then(pack).or_else(|| by_many().ok().and_then(pack))
            }
        };
        packed.ok_or_else(|| self.not_repacked(content.len() as u64))
    }

    /// The error of a target that the program does not give again.
    fn not_repacked(self, content: u64) -> CodecError {
        let name = self.name();
        CodecError::NotRepacked(format!(
            "xdelta3 unpacked it before it made the delta, and it was not packed by `{name}` or as a library would; {content} bytes of \
             content are whole, and `xdelta3 -d -R` gives them unpacked"
        ))
    }

    /// Why what was packed again may have another digest.
    pub(super) fn doubt(self) -> CodecError {
        let name = self.name();
        CodecError::NotRepacked(format!(
            "xdelta3 unpacked it before it made the delta, and `{name}` had written something else into it than it does by default, \
             such as a time; the content is whole, and `xdelta3 -d -R` gives it unpacked"
        ))
    }
}

fn unsupported() -> CodecError {
    CodecError::Unsupported("a file that `compress` packed, which is neither unpacked nor packed here".into())
}

fn copied(bytes: &[u8], memory: u64) -> Option<Vec<u8>> {
    (bytes.len() as u64 <= memory).then(|| bytes.to_vec())
}

/// All that comes, in a buffer that grows by doubling; `None` where that and what the decoder takes is more than `memory`.
fn read(decoder: impl Read, memory: u64, taken: u64) -> std::io::Result<Option<Vec<u8>>> {
    let limit = memory.saturating_sub(taken) / 2;
    let mut content = Vec::new();
    decoder.take(limit.saturating_add(1)).read_to_end(&mut content)?;
    Ok((content.len() as u64 <= limit).then_some(content))
}

/// What an encoder gives, where it has `size` bytes.
fn packed_by(encoder: impl Read, size: u64) -> Option<Vec<u8>> {
    let mut packed = Vec::new();
    encoder.take(size.saturating_add(1)).read_to_end(&mut packed).ok()?;
    (packed.len() as u64 == size).then_some(packed)
}

/// The members of a gzip file, unpacked, one behind the other; what is behind them is passed over.
fn gunzip(packed: &[u8], limit: u64) -> Result<Vec<u8>, deflate::NotInflated> {
    let mut limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut content = Vec::new();
    let mut rest = packed;
    while let Some((length, _)) = crate::containers::gzip_header(rest) {
        let stream = &rest[length..];
        let member = deflate::inflate(stream, limit)?;
        limit -= member.plain.len();
        if content.is_empty() {
            content = member.plain;
        } else {
            content.extend_from_slice(&member.plain);
        }
        rest = stream.get(member.length + 8..).unwrap_or_default();
        let zeros = rest.iter().take_while(|byte| **byte == 0).count();
        rest = &rest[zeros..];
    }
    if rest.len() == packed.len() { Err(deflate::NotInflated::Invalid) } else { Ok(content) }
}

/// What `gzip -c` makes of what it reads from a pipe: no name, no time. By another encoder of the format where that has another
/// length.
fn gzip(content: &[u8], size: u64, reference: &[u8]) -> Option<Vec<u8>> {
    let length = usize::try_from(size.checked_sub(GZIP_ENDS)?).ok()?;
    // Libraries of some languages do not say which system it is.
    let system = reference.get(9).copied().filter(|_| reference.starts_with(b"\x1f\x8b")).unwrap_or(UNIX);
    let by_gzip = std::iter::once(GZIP_LEVEL).chain(GZIP_LEVELS).map(|level| (gzip_encoder(level), UNIX));
    let by_zlib = [8, 9].into_iter().flat_map(|memory| GZIP_LEVELS.map(|level| ([1, level, memory, 0], system)));
    let (gzip_first, zlib_first) = (by_gzip.clone().chain(by_zlib.clone()), by_zlib.chain(by_gzip));
    // Of short contents both make the same stream, so what the reference says of its system decides.
    let encoders: Vec<_> = if system == UNIX { gzip_first.collect() } else { zlib_first.collect() };
    let (encoder, system, stream) = encoders.into_iter().find_map(|(encoder, system)| {
        let stream = deflate::rebuild(Kind::Encoder, content, &encoder, length, &|_| None).ok()?;
        Some((encoder, system, stream))
    })?;
    let (head, tail) = gzip_ends(encoder[1], system, content);
    Some([&head[..], &stream, &tail].concat())
}

/// Whether a file is what gzip makes of its content by itself.
fn gives_gzip(packed: &[u8], content: &[u8]) -> bool {
    let (head, tail) = gzip_ends(GZIP_LEVEL, UNIX, content);
    let stream = packed.strip_prefix(&head).and_then(|rest| rest.strip_suffix(&tail));
    stream.is_some_and(|stream| deflate::gives(&gzip_encoder(GZIP_LEVEL), stream, content))
}

/// GNU gzip's encoder has one memory level and one strategy.
fn gzip_encoder(level: u8) -> [u8; 4] {
    [5, level, 8, 0]
}

/// What stands before and behind the stream.
fn gzip_ends(level: u8, system: u8, content: &[u8]) -> ([u8; 10], [u8; 8]) {
    let extra = match level {
        9 => 2,
        1 => 4,
        _ => 0,
    };
    let [a, b, c, d] = zlib_rs::crc32::crc32(0, content).to_le_bytes();
    let [e, f, g, h] = (content.len() as u32).to_le_bytes();
    ([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, extra, system], [a, b, c, d, e, f, g, h])
}
