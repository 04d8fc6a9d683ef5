//! Opens a sealed body at any offset.

use std::io;
use std::sync::{Mutex, PoisonError};

use zeroize::Zeroizing;

use super::threads::{for_each_part, processors};
use super::{Binding, BodyKey, CHUNK, ChunkCipher, SealError, TAG, plain_length, sealed_length};
use crate::RandomAccess;

/// A read of so much or more for each thread is opened by several: starting one costs a tenth of that.
const PER_THREAD: usize = 1 << 20;

/// A sealed body, opened: gives the content at any offset, and not one byte that is not authentic.
///
/// Memory is one chunk and its sealed form for each thread, whatever the content's size; a read touches the chunks of its range
/// alone, and one of 2 MiB and more is opened by up to four threads.
/// Damage is an [`io::Error`] of kind `InvalidData` that holds a [`SealError`].
#[derive(Debug)]
pub struct SealReader<S> {
    source: S,
    cipher: ChunkCipher,
    length: u64,
    /// The chunk that was opened last for a read of less than a chunk.
    opened: Mutex<Opened>,
}

#[derive(Default)]
struct Opened {
    index: Option<u64>,
    plain: Zeroizing<Vec<u8>>,
    sealed: Vec<u8>,
}

impl<S: RandomAccess> SealReader<S> {
    /// Takes a sealed body; fails where its length is not that of the content that it is bound to, or no length at all.
    pub fn new(source: S, key: &BodyKey, binding: Binding) -> Result<Self, SealError> {
        let sealed = source.size();
        let length = plain_length(sealed).ok_or(SealError::Length)?;
        if binding.length.is_some_and(|bound| sealed_length(bound) != Some(sealed)) {
            return Err(SealError::Length);
        }
        let opened = Mutex::default();
        Ok(Self { source, cipher: ChunkCipher::new(key, binding), length, opened })
    }

    /// Opens chunk `index` into `out`, which is as long as the chunk.
    fn open_chunk(&self, index: u64, out: &mut [u8], sealed: &mut Vec<u8>) -> io::Result<()> {
        let last = index == self.last_chunk();
        let at = index * (CHUNK + TAG) as u64;
        if let Some(body) = self.source.as_slice() {
            let chunk = usize::try_from(at).ok().and_then(|at| body.get(at..)?.get(..out.len() + TAG));
            return Ok(self.cipher.open(index, last, chunk.ok_or(SealError::Chunk(index))?, out)?);
        }
        sealed.resize(out.len() + TAG, 0);
        if self.source.read_at(sealed, at)? != sealed.len() {
            return Err(SealError::Chunk(index).into());
        }
        Ok(self.cipher.open(index, last, sealed, out)?)
    }

    /// Fills `buffer` from `offset`; the content does not end before.
    fn read_range(&self, buffer: &mut [u8], offset: u64, opened: &mut Opened) -> io::Result<()> {
        let mut read = 0;
        while read < buffer.len() {
            let at = offset + read as u64;
            let index = at / CHUNK as u64;
            let within = (at % CHUNK as u64) as usize;
            let length = self.chunk_length(index);
            let taken = (length - within).min(buffer.len() - read);
            let out = &mut buffer[read..read + taken];
            if opened.index == Some(index) {
                out.copy_from_slice(&opened.plain[within..within + taken]);
            } else if taken == length {
                self.open_chunk(index, out, &mut opened.sealed)?;
            } else {
                opened.index = None;
                opened.plain.resize(length, 0);
                self.open_chunk(index, &mut opened.plain, &mut opened.sealed)?;
                opened.index = Some(index);
                out.copy_from_slice(&opened.plain[within..within + taken]);
            }
            read += taken;
        }
        Ok(())
    }

    /// Does the same on several threads, or on fewer where they cannot be had. A part ends where a chunk does.
    fn read_by_threads(&self, mut buffer: &mut [u8], mut offset: u64, threads: usize) -> io::Result<()> {
        let part = (buffer.len() / threads).next_multiple_of(CHUNK);
        let mut parts = Vec::with_capacity(threads + 1);
        while !buffer.is_empty() {
            let length = (part - (offset % CHUNK as u64) as usize).min(buffer.len());
            let (out, rest) = std::mem::take(&mut buffer).split_at_mut(length);
            parts.push((out, offset));
            (buffer, offset) = (rest, offset + length as u64);
        }
        for_each_part(parts, threads, |(out, at)| self.read_range(out, at, &mut Opened::default()))
    }

    fn last_chunk(&self) -> u64 {
        self.length.saturating_sub(1) / CHUNK as u64
    }

    fn chunk_length(&self, index: u64) -> usize {
        (self.length - index * CHUNK as u64).min(CHUNK as u64) as usize
    }
}

impl<S: RandomAccess> RandomAccess for SealReader<S> {
    fn size(&self) -> u64 {
        self.length
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if self.length == 0 {
            // That there is nothing must be authentic too: its one chunk is a tag alone.
            self.open_chunk(0, &mut [], &mut Vec::new())?;
        }
        let wanted = self.length.saturating_sub(offset).min(buffer.len() as u64) as usize;
        let threads = (wanted / PER_THREAD).min(processors());
        if threads > 1 {
            self.read_by_threads(&mut buffer[..wanted], offset, threads)?;
        } else {
            // Readers beside one another do not wait: who finds the chunk in use opens one of its own.
            match self.opened.try_lock() {
                Ok(mut opened) => self.read_range(&mut buffer[..wanted], offset, &mut opened)?,
                Err(_) => self.read_range(&mut buffer[..wanted], offset, &mut Opened::default())?,
            }
        }
        Ok(wanted)
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Opened").field(&self.index).finish()
    }
}

impl<S> SealReader<S> {
    /// Forgets the chunk that was opened last and gives the source back.
    pub fn into_source(self) -> S {
        let opened = self.opened.into_inner().unwrap_or_else(PoisonError::into_inner);
        drop(opened);
        self.source
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use bytes::Bytes;

    use super::super::SealWriter;
    use super::super::threads::MAX_THREADS;
    use super::*;
    use crate::Sha256;
    use crate::random_access::FileAccess;

    fn key() -> BodyKey {
        BodyKey::fill_with(|key| key.fill(7))
    }

    fn binding(length: Option<u64>) -> Binding {
        Binding { digest: Sha256::of(b"reference"), entry: [9; 16], length }
    }

    fn content(length: usize) -> Vec<u8> {
        (0..length as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
    }

    fn sealed(content: &[u8], binding: Binding) -> Vec<u8> {
        let mut writer = SealWriter::new(Vec::new(), &key(), binding);
        // Odd portions, so that they do not end where chunks end.
        for portion in content.chunks(10_007) {
            writer.write_all(portion).expect("written");
        }
        writer.finish().expect("finished")
    }

    #[test]
    fn every_length_reads_back_from_memory_and_from_a_file() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5] {
            let content = content(length);
            for binding in [binding(None), binding(Some(length as u64))] {
                let body = sealed(&content, binding);
                assert_eq!(Some(body.len() as u64), sealed_length(length as u64));
                let mut file = tempfile::tempfile().expect("a file");
                file.write_all(&body).expect("written");
                let file: &dyn RandomAccess =
                    &SealReader::new(FileAccess::new(file).expect("opened"), &key(), binding).expect("its length fits");
                let memory: &dyn RandomAccess =
                    &SealReader::new(Bytes::from(body), &key(), binding).expect("its length fits");
                for reader in [file, memory] {
                    assert_eq!(reader.size(), length as u64);
                    assert_eq!(reader.read_vec(0, length).expect("read"), content);
                    let mut all = Vec::new();
                    reader.reader().read_to_end(&mut all).expect("read");
                    assert_eq!(all, content);
                    assert_eq!(reader.read_at(&mut [0; 4], length as u64 + 9).expect("read"), 0);
                }
            }
        }
    }

    #[test]
    fn any_range_reads_back() {
        let content = content(3 * CHUNK + 100);
        let binding = binding(Some(content.len() as u64));
        let reader: &dyn RandomAccess =
            &SealReader::new(Bytes::from(sealed(&content, binding)), &key(), binding).expect("its length fits");
        for at in [0, 1, CHUNK - 1, CHUNK, CHUNK + 7, 2 * CHUNK, 3 * CHUNK, 3 * CHUNK + 99] {
            for length in [1, 100, CHUNK, 2 * CHUNK + 3] {
                let end = content.len().min(at + length);
                let mut buffer = vec![0; length];
                let read = reader.read_at(&mut buffer, at as u64).expect("read");
                assert_eq!(&buffer[..read], &content[at..end]);
            }
        }
    }

    #[test]
    fn large_ranges_read_back_by_several_threads() {
        let content = content(5 * PER_THREAD + 4321);
        let binding = binding(Some(content.len() as u64));
        let reader = SealReader::new(Bytes::from(sealed(&content, binding)), &key(), binding).expect("its length fits");
        for at in [0, 1, CHUNK - 1, CHUNK, PER_THREAD + 77] {
            for length in [2 * PER_THREAD, 3 * PER_THREAD + 1, content.len()] {
                for threads in 1..=MAX_THREADS {
                    let end = content.len().min(at + length);
                    let mut buffer = vec![0; end - at];
                    reader.read_by_threads(&mut buffer, at as u64, threads).expect("read");
                    assert!(buffer == content[at..end], "{at}, {length}, {threads}");
                }
            }
        }
        let mut body = sealed(&content, binding);
        body[4 * PER_THREAD] ^= 1;
        let reader = SealReader::new(Bytes::from(body), &key(), binding).expect("its length fits");
        let error = reader.read_at(&mut vec![0; content.len()], 0).expect_err("damaged");
        assert!(SealError::of(&error).is_some(), "{error}");
    }

    #[test]
    fn damage_cutting_and_reordering_are_found() {
        let content = content(2 * CHUNK + 100);
        let binding = binding(Some(content.len() as u64));
        let body = sealed(&content, binding);
        let whole = |body: Vec<u8>, binding: Binding, key: BodyKey| {
            let reader = SealReader::new(Bytes::from(body), &key, binding).map_err(io::Error::from)?;
            (&reader as &dyn RandomAccess).read_vec(0, reader.size() as usize)
        };
        assert_eq!(whole(body.clone(), binding, key()).expect("intact"), content);

        let step = CHUNK + TAG;
        let mut swapped = body.clone();
        swapped[..2 * step].rotate_left(step);
        let mut cases = vec![("swapped", swapped, binding, key())];
        cases.push((
            "cut at a chunk",
            body[..2 * step].to_vec(),
            Binding { length: Some(2 * CHUNK as u64), ..binding },
            key(),
        ));
        cases.push(("cut, length unknown", body[..2 * step].to_vec(), Binding { length: None, ..binding }, key()));
        cases.push(("cut inside", body[..step + 20].to_vec(), binding, key()));
        cases.push(("longer", [&body[..], &[0; 4]].concat(), binding, key()));
        cases.push(("empty", Vec::new(), binding, key()));
        cases.push(("another digest", body.clone(), Binding { digest: Sha256::of(b"other"), ..binding }, key()));
        cases.push(("another entry", body.clone(), Binding { entry: [8; 16], ..binding }, key()));
        cases.push(("another length", body.clone(), Binding { length: None, ..binding }, key()));
        cases.push(("another key", body.clone(), binding, BodyKey::fill_with(|key| key.fill(8))));
        for at in (0..body.len()).step_by(4099).chain([step - 1, step, body.len() - 1]) {
            let mut flipped = body.clone();
            flipped[at] ^= 1;
            cases.push(("flipped", flipped, binding, key()));
        }
        for (case, body, binding, key) in cases {
            let error = whole(body, binding, key).expect_err(case);
            assert!(SealError::of(&error).is_some(), "{case}: {error}");
        }
    }

    #[test]
    fn nothing_at_all_is_authentic_too() {
        for at in 0..TAG {
            let mut body = sealed(&[], binding(None));
            body[at] ^= 1;
            let reader = SealReader::new(Bytes::from(body), &key(), binding(None)).expect("its length fits");
            for buffer in [&mut [][..], &mut [0; 4]] {
                let error = reader.read_at(buffer, 0).expect_err("damaged");
                assert!(SealError::of(&error).is_some(), "{error}");
            }
        }
    }

    #[test]
    fn nothing_of_a_damaged_chunk_is_shown() {
        let content = content(CHUNK);
        let mut body = sealed(&content, binding(None));
        body[5] ^= 1;
        let reader = SealReader::new(Bytes::from(body), &key(), binding(None)).expect("its length fits");
        let mut buffer = vec![0xaa; CHUNK];
        assert!(reader.read_at(&mut buffer, 0).is_err());
        assert!(buffer.iter().all(|&byte| byte == 0));
        let mut part = [0xaa; 64];
        assert!(reader.read_at(&mut part, 100).is_err());
        assert!(reader.read_at(&mut part, 100).is_err(), "a failed chunk is not remembered");
    }

    #[test]
    fn another_length_than_announced_is_an_error() {
        let mut writer = SealWriter::new(Vec::new(), &key(), binding(Some(3)));
        writer.write_all(b"ab").expect("written");
        assert!(writer.finish().is_err());
        let mut writer = SealWriter::new(Vec::new(), &key(), binding(Some(3)));
        assert!(writer.write_all(b"abcd").is_err());
    }
}
