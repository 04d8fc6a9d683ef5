//! Temporary space: in memory while it is small, sealed on disk beyond that.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use bytes::Bytes;

use crate::random_access::FileAccess;
use crate::seal::{Binding, BodyKey, SealReader, SealWriter};
use crate::{RandomAccess, Sha256};

/// Where scratch goes and how much of each content stays in memory.
///
/// On disk there is only ciphertext, in files without a name (Linux; elsewhere unlinked at once) under keys that are made for
/// one content each and never written: nothing is left behind, whatever becomes of the process.
#[derive(Clone, Debug)]
pub struct ScratchSpace {
    directory: PathBuf,
    in_memory: u64,
}

impl ScratchSpace {
    /// Space in `directory`, which must exist, for each content that is larger than `in_memory` bytes.
    #[must_use]
    pub fn new(directory: PathBuf, in_memory: u64) -> Self {
        Self { directory, in_memory }
    }

    /// Begins a scratch content.
    #[must_use]
    pub fn writer(&self) -> ScratchWriter {
        ScratchWriter { space: self.clone(), place: Place::Memory(Vec::new()) }
    }
}

/// A scratch content being written; dropped, it leaves nothing.
///
/// Writes block where they spill. A full disk, a missing directory and the like are the error of the write that meets them, and
/// of every later one.
#[derive(Debug)]
pub struct ScratchWriter {
    space: ScratchSpace,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Memory(Vec<u8>),
    Disk { writer: Box<SealWriter<File>>, key: BodyKey, binding: Binding },
    Failed { size: u64 },
}

impl ScratchWriter {
    /// Bytes written so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        match &self.place {
            Place::Memory(bytes) => bytes.len() as u64,
            Place::Disk { writer, .. } => writer.written(),
            Place::Failed { size } => *size,
        }
    }

    /// Drops what was written.
    pub(crate) fn emptied(self) -> Self {
        self.space.writer()
    }

    /// Ends writing; the content can be read until the value is dropped.
    pub fn finish(self) -> io::Result<Scratch> {
        Ok(Scratch(match self.place {
            Place::Memory(bytes) => Content::Memory(bytes.into()),
            Place::Disk { writer, key, binding } => {
                let file = FileAccess::new(writer.finish()?)?;
                Content::Disk(Box::new(SealReader::new(file, &key, binding)?))
            }
            Place::Failed { .. } => return Err(failed_before()),
        }))
    }

    /// Moves what is in memory to disk.
    fn spill(&mut self) -> io::Result<()> {
        let Place::Memory(bytes) = &self.place else { return Ok(()) };
        let file = tempfile::tempfile_in(&self.space.directory)?;
        let mut outcome = Ok(());
        let key = BodyKey::fill_with(|key| outcome = getrandom::fill(key));
        outcome.map_err(io::Error::other)?;
        // The key is random and seals this content alone: there is nothing else to tell it from.
        let binding = Binding { digest: Sha256([0; 32]), entry: [0; 16], length: None };
        let mut writer = Box::new(SealWriter::new(file, &key, binding));
        writer.write_all(bytes)?;
        self.place = Place::Disk { writer, key, binding };
        Ok(())
    }

    fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Place::Memory(held) = &mut self.place {
            if held.len() as u64 + bytes.len() as u64 <= self.space.in_memory {
                held.extend_from_slice(bytes);
                return Ok(bytes.len());
            }
            self.spill()?;
        }
        match &mut self.place {
            Place::Disk { writer, .. } => writer.write(bytes),
            Place::Memory(_) | Place::Failed { .. } => Err(failed_before()),
        }
    }
}

impl Write for ScratchWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.write_some(bytes);
        if written.is_err() {
            self.place = Place::Failed { size: self.size() };
        }
        written
    }

    /// Does nothing: what is on disk cannot be read before [`finish`](Self::finish).
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn failed_before() -> io::Error {
    io::Error::other("the scratch content could not be written")
}

/// A finished scratch content.
#[derive(Debug)]
pub struct Scratch(Content);

#[derive(Debug)]
enum Content {
    Memory(Bytes),
    Disk(Box<SealReader<FileAccess>>),
}

impl Scratch {
    /// The content where it lies in memory; `None` where it was sealed to disk.
    #[must_use]
    pub fn bytes(&self) -> Option<Bytes> {
        match &self.0 {
            Content::Memory(bytes) => Some(bytes.clone()),
            Content::Disk(_) => None,
        }
    }

    fn content(&self) -> &dyn RandomAccess {
        match &self.0 {
            Content::Memory(bytes) => bytes,
            Content::Disk(reader) => &**reader,
        }
    }
}

impl RandomAccess for Scratch {
    fn size(&self) -> u64 {
        self.content().size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.content().read_at(buffer, offset)
    }

    fn as_slice(&self) -> Option<&[u8]> {
        self.content().as_slice()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(space: &ScratchSpace, content: &[u8]) -> Scratch {
        let mut writer = space.writer();
        for portion in content.chunks(7000) {
            writer.write_all(portion).expect("written");
        }
        assert_eq!(writer.size(), content.len() as u64);
        writer.finish().expect("finished")
    }

    #[test]
    fn small_in_memory_large_on_disk_and_nothing_with_a_name() {
        let directory = tempfile::tempdir().expect("a directory");
        let space = ScratchSpace::new(directory.path().to_owned(), 10_000);
        let content: Vec<u8> = (0..=250).cycle().take(200_000).collect();
        for (length, in_memory) in [(0, true), (10_000, true), (10_001, false), (65_536, false), (200_000, false)] {
            let scratch = written(&space, &content[..length]);
            assert_eq!(scratch.bytes().is_some(), in_memory, "{length}");
            assert_eq!(scratch.size(), length as u64);
            assert_eq!((&scratch as &dyn RandomAccess).read_vec(0, length).expect("read"), &content[..length]);
            assert_eq!(std::fs::read_dir(directory.path()).expect("listed").count(), 0);
        }
    }

    #[test]
    fn no_plaintext_reaches_the_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut writer = ScratchSpace::new(directory.path().to_owned(), 64).writer();
        let canary = b"unmistakable words that must never be on any disk, whatever happens";
        for _ in 0..4000 {
            writer.write_all(canary).expect("written");
        }
        let Place::Disk { writer, .. } = writer.place else { panic!("spilled") };
        let file = FileAccess::new(writer.finish().expect("finished")).expect("opened");
        let bytes = (&file as &dyn RandomAccess).read_vec(0, file.size() as usize).expect("read");
        assert!(bytes.len() > 4000 * canary.len());
        assert!(!bytes.windows(16).any(|window| window == &canary[..16]));
    }

    #[test]
    fn a_disk_that_fails_is_an_error_of_the_write_and_of_all_later_ones() {
        let space = ScratchSpace::new(PathBuf::from("/nowhere/at/all"), 4);
        let mut writer = space.writer();
        writer.write_all(b"abcd").expect("in memory");
        assert_eq!(writer.write_all(b"e").expect_err("no directory").kind(), io::ErrorKind::NotFound);
        assert!(writer.write_all(b"e").is_err());
        assert!(writer.finish().is_err());
    }
}
