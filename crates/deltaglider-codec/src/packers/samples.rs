//! Streams for the tests.

use super::{Format, Packer};

/// A stream of this format, by its usual settings.
pub(crate) fn pack(format: Format, plain: &[u8]) -> Vec<u8> {
    pack_by(&usual(format), plain)
}

/// What a packer gives.
pub(crate) fn pack_by(packer: &Packer, plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let all = packer.pack(plain, &mut |bytes| {
        out.extend_from_slice(bytes);
        true
    });
    assert!(all, "a packer packs");
    out
}

/// Settings that programs take by themselves.
pub(crate) fn usual(format: Format) -> Packer {
    let (number, settings): (usize, &[usize]) = match format {
        Format::Xz => (super::XZ, &[6, 4, 0]),
        Format::Bzip2 => (super::BZIP2, &[9]),
        Format::Zstd => (super::ZSTD, &[3, 3]),
    };
    Packer::read(number, settings).expect("it is known")
}
