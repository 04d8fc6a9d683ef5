//! Streams of xz, bzip2 and zstd, unpacked and made again bit for bit by the libraries of these programs.
//!
//! A stream is kept as its content and a [`Packer`]: which library packs, at which settings. The libraries are built from source,
//! since what they give changes with their version: another version is another packer.

mod bzip2;
#[cfg(test)]
pub(crate) mod samples;
mod xz;
mod zstd;

use crate::deflate::{Inflated, NotInflated};

/// Unpacking takes so many bytes of memory beside twice the content: a window of zstd, with what it needs besides.
pub(crate) const UNPACKING: usize = 132 << 20;

/// No packer has more settings.
pub(crate) const SETTINGS: usize = 8;

/// What a stream is packed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    Xz,
    Bzip2,
    Zstd,
}

/// A library, and the settings with which it packs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packer {
    /// liblzma 5.8, as xz calls it.
    Xz(xz::Settings),
    /// libbz2 1.0.8 at a level.
    Bzip2(u8),
    /// libzstd 1.5.7, as zstd calls it.
    Zstd(zstd::Settings),
}

/// Numbers and settings that no packer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoPacker {
    /// Another version may have it.
    Unknown(usize),
    /// Nothing has it.
    Damaged,
}

/// Numbers of packers: they stand in a stored format and are never reused.
const XZ: usize = 1;
const BZIP2: usize = 2;
const ZSTD: usize = 3;

impl Format {
    /// What begins as a stream of this format does.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        let magics: [(&[u8], Self); 3] =
            [(b"\xfd7zXZ\0", Self::Xz), (b"BZh", Self::Bzip2), (b"\x28\xb5\x2f\xfd", Self::Zstd)];
        magics.into_iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, format)| format)
    }

    /// No byte of a stream gives more than so many, nearly.
    pub(crate) fn ratio(self) -> usize {
        match self {
            Self::Xz => 1 << 13,
            Self::Bzip2 => 1 << 20,
            Self::Zstd => 1 << 16,
        }
    }

    /// Bytes between a stream and the next of the same file, as far as they begin `rest`.
    pub(crate) fn padding(self, rest: &[u8]) -> usize {
        match self {
            Self::Xz => rest.iter().take_while(|byte| **byte == 0).count(),
            Self::Bzip2 => 0,
            Self::Zstd => zstd::skippable(rest),
        }
    }
}

impl Packer {
    /// The packer with this number and these settings.
    pub(crate) fn read(number: usize, settings: &[usize]) -> Result<Self, NoPacker> {
        let packer = match (number, settings) {
            (XZ, &[preset, check, block]) => xz::Settings::read(preset, check, block).map(Self::Xz),
            (BZIP2, &[level]) => u8::try_from(level).ok().filter(|level| (1..=9).contains(level)).map(Self::Bzip2),
            (ZSTD, &[level, flags]) => zstd::Settings::read(level, flags).map(Self::Zstd),
            (XZ | BZIP2 | ZSTD, _) => None,
            (other, _) => return Err(NoPacker::Unknown(other)),
        };
        packer.ok_or(NoPacker::Damaged)
    }

    /// Its number and its settings.
    pub(crate) fn numbers(&self) -> (usize, Vec<usize>) {
        match self {
            Self::Xz(settings) => (XZ, settings.numbers().to_vec()),
            Self::Bzip2(level) => (BZIP2, vec![usize::from(*level)]),
            Self::Zstd(settings) => (ZSTD, settings.numbers().to_vec()),
        }
    }

    /// Bytes of memory that packing `plain` bytes takes, beside these and what they are packed into.
    pub(crate) fn memory(&self, plain: usize) -> usize {
        match self {
            Self::Xz(settings) => settings.memory(),
            Self::Bzip2(_) => bzip2::MEMORY,
            Self::Zstd(settings) => settings.memory(plain),
        }
    }

    /// Packs, and hands on what comes until the receiver has enough; whether all was packed and taken.
    fn pack(&self, plain: &[u8], taken: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        let packed = match self {
            Self::Xz(settings) => settings.pack(plain, taken),
            Self::Bzip2(level) => bzip2::pack(*level, plain, taken),
            Self::Zstd(settings) => settings.pack(plain, taken),
        };
        packed.is_some()
    }

    /// Whether it gives exactly `stream`.
    fn gives(&self, stream: &[u8], plain: &[u8]) -> bool {
        let mut rest = stream;
        self.pack(plain, &mut |bytes| match rest.strip_prefix(bytes) {
            Some(behind) => {
                rest = behind;
                true
            }
            None => false,
        }) && rest.is_empty()
    }

    /// The stream of exactly `length` bytes that it gives.
    pub(crate) fn rebuild(&self, plain: &[u8], length: usize) -> Option<Vec<u8>> {
        let mut stream: Vec<u8> = Vec::new();
        stream.try_reserve_exact(length).ok()?;
        let packed = self.pack(plain, &mut |bytes| {
            let fits = stream.len() + bytes.len() <= length;
            if fits {
                stream.extend_from_slice(bytes);
            }
            fits
        });
        (packed && stream.len() == length).then_some(stream)
    }
}

/// Unpacks the stream at the start of `input`, into at most `limit` bytes.
///
/// Takes memory for about twice what comes out, and [`UNPACKING`].
pub(crate) fn unpack(format: Format, input: &[u8], limit: usize) -> Result<Inflated, NotInflated> {
    match format {
        Format::Xz => xz::unpack(input, limit),
        Format::Bzip2 => bzip2::unpack(input, limit),
        Format::Zstd => zstd::unpack(input, limit),
    }
}

/// The packer that gives exactly `stream` from its content in at most `memory` bytes beside both, proven; None where there is none.
pub(crate) fn detect(format: Format, stream: &[u8], plain: &[u8], memory: usize) -> Option<Packer> {
    let fits = |packer: &Packer| packer.memory(plain.len()) <= memory && packer.gives(stream, plain);
    match format {
        Format::Xz => xz::candidates(stream, plain, memory).into_iter().map(Packer::Xz).find(fits),
        Format::Bzip2 => bzip2::level(stream).map(Packer::Bzip2).filter(fits),
        Format::Zstd => zstd::candidates(stream, plain, memory).into_iter().map(Packer::Zstd).find(fits),
    }
}

/// Collects what a decoder gives, up to a limit.
struct Unpacked {
    plain: Vec<u8>,
    limit: usize,
    piece: Vec<u8>,
}

/// Decoders give so many bytes at a time.
const PIECE: usize = 1 << 16;

impl Unpacked {
    fn within(limit: usize) -> Self {
        Self { plain: Vec::new(), limit, piece: vec![0; PIECE] }
    }

    /// All of it.
    fn finish(mut self, length: usize) -> Inflated {
        self.plain.shrink_to_fit();
        Inflated { plain: self.plain, length }
    }

    fn take(&mut self, bytes: usize) -> Result<(), NotInflated> {
        if bytes > self.limit - self.plain.len() {
            return Err(NotInflated::TooLong);
        }
        self.plain.extend_from_slice(&self.piece[..bytes]);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
