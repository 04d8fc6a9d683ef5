//! A delta as it comes in: what is read ahead, and what is taken.

use std::io::{self, Read};

/// Bytes that are read beyond what is asked for.
const CHUNK: usize = 64 << 10;

/// Reads a delta in order; nothing that it claims makes the buffer larger than what it holds.
pub(super) struct Input<'a> {
    source: &'a mut dyn Read,
    buffer: Vec<u8>,
    taken: usize,
    ended: bool,
}

impl<'a> Input<'a> {
    pub(super) fn new(source: &'a mut dyn Read) -> Self {
        Self { source, buffer: Vec::new(), taken: 0, ended: false }
    }

    /// What comes next: at least `wanted` bytes, or fewer where the delta ends.
    pub(super) fn fill(&mut self, wanted: usize) -> io::Result<&[u8]> {
        if self.buffer.len() - self.taken < wanted && !self.ended {
            self.buffer.drain(..self.taken);
            self.taken = 0;
            let more = (wanted - self.buffer.len()).saturating_add(CHUNK) as u64;
            let read = (&mut *self.source).take(more).read_to_end(&mut self.buffer)?;
            self.ended = (read as u64) < more;
        }
        Ok(&self.buffer[self.taken..])
    }

    /// Passes bytes that [`fill`](Self::fill) gave.
    pub(super) fn take(&mut self, bytes: usize) {
        self.taken += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_in_order() {
        let content: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
        let mut source = &content[..];
        let mut input = Input::new(&mut source);
        let mut given = Vec::new();
        for wanted in [1, 5, 70_000, 3, 100_000].into_iter().cycle() {
            let bytes = input.fill(wanted).expect("read");
            let bytes = bytes[..wanted.min(bytes.len())].to_vec();
            input.take(bytes.len());
            if bytes.is_empty() {
                break;
            }
            given.extend(bytes);
        }
        assert!(given == content);
        assert!(input.fill(1).expect("read").is_empty());
    }
}
