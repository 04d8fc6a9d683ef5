//! Bytes that can be read at any offset, wherever they lie.

use std::fmt::Debug;
use std::fs::File;
use std::io::{self, Read};

use bytes::Bytes;

/// Bytes of known size that can be read at any offset.
///
/// Reads block: call them on the blocking pool. The content does not change while the value lives.
pub trait RandomAccess: Debug + Send + Sync {
    /// Length in bytes.
    fn size(&self) -> u64;

    /// Fills `buffer` from `offset`; fewer bytes than asked for only where the content ends.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// The whole content, where it lies in memory as it is.
    fn as_slice(&self) -> Option<&[u8]> {
        None
    }
}

impl dyn RandomAccess + '_ {
    /// Reads from the beginning to the end.
    pub fn reader(&self) -> Reader<'_> {
        Reader { source: self, offset: 0 }
    }

    /// Reads the range `offset..offset + length` into a vector; an error where the content ends before.
    pub fn read_vec(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        let read = self.read_at(&mut bytes, offset)?;
        if read != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(bytes)
    }
}

/// A sequential reader over a [`RandomAccess`].
#[derive(Debug)]
pub struct Reader<'a> {
    source: &'a dyn RandomAccess,
    offset: u64,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

impl RandomAccess for Bytes {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn as_slice(&self) -> Option<&[u8]> {
        Some(self)
    }
}

/// An open file, with the length that it had when it was opened.
#[derive(Debug)]
pub struct FileAccess {
    file: File,
    size: u64,
}

impl FileAccess {
    /// Takes an open file; fails if its length cannot be read.
    pub fn new(file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        Ok(Self { file, size })
    }
}

impl RandomAccess for FileAccess {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let wanted = self.size.saturating_sub(offset).min(buffer.len() as u64) as usize;
        let mut read = 0;
        while read < wanted {
            match read_file_at(&self.file, &mut buffer[read..wanted], offset + read as u64) {
                // The file became shorter: the caller's digest will say so.
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }
}

#[cfg(unix)]
fn read_file_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_file_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn bytes_and_files_read_alike() {
        let content: Vec<u8> = (0..=255).cycle().take(1000).collect();
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(&content).expect("written");
        let bytes: &dyn RandomAccess = &Bytes::from(content.clone());
        let file: &dyn RandomAccess = &FileAccess::new(file).expect("opened");
        for source in [bytes, file] {
            assert_eq!(source.size(), 1000);
            assert_eq!(source.read_vec(990, 10).expect("read"), &content[990..]);
            assert!(source.read_vec(990, 11).is_err());
            assert_eq!(source.read_at(&mut [0; 4], 5000).expect("read"), 0);
            let mut all = Vec::new();
            source.reader().read_to_end(&mut all).expect("read");
            assert_eq!(all, content);
        }
    }
}
