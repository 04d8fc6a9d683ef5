//! Seals a content as it is written.

use std::io::{self, Write};

use super::{Binding, BodyKey, CHUNK, ChunkCipher, MAX_LENGTH, SealError, TAG};

/// Writes the sealed body of a content to `out`, one chunk at a time, each by one `write_all`.
///
/// Memory is one chunk. The body is whole only once [`finish`](Self::finish) has been called; after an error it never is.
#[derive(Debug)]
pub struct SealWriter<W> {
    out: W,
    cipher: ChunkCipher,
    chunk: Vec<u8>,
    index: u64,
    written: u64,
}

impl<W: Write> SealWriter<W> {
    /// A body under `key`, bound to `binding`; a key must seal one body only.
    #[must_use]
    pub fn new(out: W, key: &BodyKey, binding: Binding) -> Self {
        let chunk = Vec::with_capacity(CHUNK + TAG);
        Self { out, cipher: ChunkCipher::new(key, binding), chunk, index: 0, written: 0 }
    }

    /// Bytes of the content that were written so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Seals the last chunk and gives `out` back; fails with [`SealError::Announced`] where the content is not as long as the
    /// binding says.
    pub fn finish(mut self) -> io::Result<W> {
        if self.cipher.binding.length.is_some_and(|length| length != self.written) {
            return Err(SealError::Announced.into());
        }
        self.seal_chunk(true)?;
        Ok(self.out)
    }

    fn seal_chunk(&mut self, last: bool) -> io::Result<()> {
        let tag = self.cipher.seal(self.index, last, self.chunk.as_mut_slice().into());
        self.chunk.extend_from_slice(&tag);
        self.out.write_all(&self.chunk)?;
        self.chunk.clear();
        self.index += 1;
        Ok(())
    }
}

impl<W: Write> Write for SealWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full chunk is held back until it is known not to be the last one.
        if self.chunk.len() == CHUNK && !bytes.is_empty() {
            self.seal_chunk(false)?;
        }
        let taken = bytes.len().min(CHUNK - self.chunk.len());
        let written = self.written + taken as u64;
        if written > self.cipher.binding.length.unwrap_or(MAX_LENGTH) {
            return Err(SealError::Announced.into());
        }
        self.chunk.extend_from_slice(&bytes[..taken]);
        self.written = written;
        Ok(taken)
    }

    /// Does nothing: a chunk is sealed when it is full.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
