//! Sealed bodies: a content in chunks, each encrypted and authenticated, readable at any offset.
//!
//! AES-256-GCM-SIV (RFC 8452) in chunks of 64 KiB, each followed by its 16-byte tag; the last chunk is shorter, and an empty
//! content is one empty chunk. The nonces follow STREAM (Hoang, Reyhanitabar, Rogaway, Vizár, CRYPTO 2015): the index of the
//! chunk and whether it is the last. The page `docs/formats/sealed-entry.md` has the bytes.

mod parts;
mod reader;
mod threads;
mod writer;

use aes_gcm_siv::aead::inout::InOutBuf;
use aes_gcm_siv::{AeadInOut, Aes256GcmSiv, KeyInit};
use zeroize::Zeroizing;

pub use self::parts::{SEALED_PART, seal_parts};
pub use self::reader::SealReader;
pub use self::writer::SealWriter;
use crate::Sha256;

/// Bytes of plaintext in a chunk; only the last one has fewer.
pub const CHUNK: usize = 1 << CHUNK_LOG2;
/// The chunk size as a power of two.
pub const CHUNK_LOG2: u8 = 16;
/// Bytes of the tag behind each chunk.
pub const TAG: usize = 16;
/// The longest content that can be sealed, in bytes (256 TiB).
pub const MAX_LENGTH: u64 = 1 << 48;

/// Length of the sealed body of a content of `length` bytes; `None` past [`MAX_LENGTH`].
#[must_use]
pub fn sealed_length(length: u64) -> Option<u64> {
    (length <= MAX_LENGTH).then(|| length + chunks(length) * TAG as u64)
}

/// Length of the content of a sealed body of `sealed` bytes; `None` where no content has such a body.
#[must_use]
pub fn plain_length(sealed: u64) -> Option<u64> {
    let chunks = sealed.div_ceil((CHUNK + TAG) as u64);
    sealed.checked_sub(chunks * TAG as u64).filter(|&length| sealed_length(length) == Some(sealed))
}

fn chunks(length: u64) -> u64 {
    length.div_ceil(CHUNK as u64).max(1)
}

/// A key that seals one body and no other; zeroized on drop.
#[derive(Clone)]
pub struct BodyKey(Zeroizing<[u8; 32]>);

impl BodyKey {
    /// Makes a key that `fill` writes in place.
    #[must_use]
    pub fn fill_with(fill: impl FnOnce(&mut [u8; 32])) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        fill(&mut bytes);
        Self(bytes)
    }
}

impl std::fmt::Debug for BodyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BodyKey")
    }
}

/// What a body belongs to: every chunk is bound to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Digest of the reference that the entry is for.
    pub digest: Sha256,
    /// Random id of the entry.
    pub entry: [u8; 16],
    /// Length of the content in bytes; `None` where it is not known before the first chunk is sealed (scratch alone), and the
    /// final flag is all that says where the content ends.
    pub length: Option<u64>,
}

/// A sealed body is not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The body's length is not that of the content.
    #[error("the sealed body has the wrong length")]
    Length,
    /// A chunk fails its tag.
    #[error("chunk {0} of the sealed body is damaged")]
    Chunk(u64),
    /// More than [`MAX_LENGTH`], or another length than was announced.
    #[error("the content has another length than was announced")]
    Announced,
}

impl From<SealError> for std::io::Error {
    fn from(error: SealError) -> Self {
        Self::new(std::io::ErrorKind::InvalidData, error)
    }
}

impl SealError {
    /// Finds the seal's own error in an I/O error: damage, as opposed to a failing device.
    #[must_use]
    pub fn of(error: &std::io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }
}

/// Seals and opens the chunks of one body.
struct ChunkCipher {
    cipher: Aes256GcmSiv,
    binding: Binding,
}

impl ChunkCipher {
    fn new(key: &BodyKey, binding: Binding) -> Self {
        Self { cipher: Aes256GcmSiv::new((&*key.0).into()), binding }
    }

    /// Encrypts a chunk, in place or to elsewhere, and gives its tag.
    fn seal(&self, index: u64, last: bool, chunk: InOutBuf<'_, '_, u8>) -> [u8; TAG] {
        self.cipher
            .encrypt_inout_detached(&nonce(index, last).into(), &self.associated_data(index, last), chunk)
            .expect("a chunk is shorter than the limit of the AEAD")
            .into()
    }

    /// Decrypts `sealed`, a chunk and its tag, into `out`, which is zeroed if the tag is wrong.
    fn open(&self, index: u64, last: bool, sealed: &[u8], out: &mut [u8]) -> Result<(), SealError> {
        let damaged = SealError::Chunk(index);
        let (chunk, tag) = sealed.split_last_chunk::<TAG>().ok_or(damaged)?;
        let buffer = InOutBuf::new(chunk, out).map_err(|_| damaged)?;
        let associated_data = self.associated_data(index, last);
        self.cipher.decrypt_inout_detached(&nonce(index, last).into(), &associated_data, buffer, tag.into()).map_err(
            |_| {
                // The AEAD decrypts before it verifies: nothing of it may be seen.
                out.fill(0);
                damaged
            },
        )
    }

    /// Digest, entry id, index, final flag, length.
    fn associated_data(&self, index: u64, last: bool) -> [u8; 65] {
        let mut data = [0; 65];
        data[..32].copy_from_slice(&self.binding.digest.0);
        data[32..48].copy_from_slice(&self.binding.entry);
        data[48..56].copy_from_slice(&index.to_be_bytes());
        data[56] = u8::from(last);
        data[57..].copy_from_slice(&self.binding.length.unwrap_or(u64::MAX).to_be_bytes());
        data
    }
}

impl std::fmt::Debug for ChunkCipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ChunkCipher").field(&self.binding).finish()
    }
}

/// The index in 11 bytes, big-endian, and the final flag in the twelfth.
fn nonce(index: u64, last: bool) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[3..11].copy_from_slice(&index.to_be_bytes());
    nonce[11] = u8::from(last);
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_follow_from_one_another() {
        let chunk = CHUNK as u64;
        for (length, sealed) in
            [(0, 16), (1, 17), (chunk, chunk + 16), (chunk + 1, chunk + 33), (2 * chunk, 2 * chunk + 32)]
        {
            assert_eq!(sealed_length(length), Some(sealed));
            assert_eq!(plain_length(sealed), Some(length));
        }
        for sealed in [0, 1, 15, chunk + 17, chunk + 32] {
            assert_eq!(plain_length(sealed), None, "{sealed}");
        }
        assert_eq!(sealed_length(MAX_LENGTH + 1), None);
        assert_eq!(plain_length(u64::MAX), None);
        assert!(sealed_length(MAX_LENGTH).is_some());
    }

    #[test]
    fn nonces_differ_by_index_and_end() {
        assert_eq!(nonce(1, false), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
        assert_eq!(nonce(256, true), [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1]);
    }
}
