//! The plaintext of a stream.

use super::block::{BlockStart, LONGEST_MATCH, Sink, read};
use super::{Inflated, NotInflated};

/// What the buffer begins with, at most.
const FIRST_BUFFER: usize = 64 << 10;

/// Inflates the raw DEFLATE stream at the start of `input`.
pub(super) fn inflate(input: &[u8], limit: usize) -> Result<Inflated, NotInflated> {
    let mut output = Output { bytes: Vec::new(), length: 0, limit, too_long: false };
    let Some((length, _)) = read(input, &mut output) else {
        return Err(if output.too_long { NotInflated::TooLong } else { NotInflated::Invalid });
    };
    output.bytes.truncate(output.length);
    output.bytes.shrink_to_fit();
    Ok(Inflated { plain: output.bytes, length })
}

struct Output {
    /// What was written, and room for more.
    bytes: Vec<u8>,
    length: usize,
    limit: usize,
    /// Whether there was more than the limit allows.
    too_long: bool,
}

impl Output {
    /// Makes room for `more` bytes; false where they are too many.
    #[inline]
    fn reserve(&mut self, more: usize) -> bool {
        self.bytes.len() - self.length >= more || self.grow(more)
    }

    #[cold]
    fn grow(&mut self, more: usize) -> bool {
        if more > self.limit - self.length {
            self.too_long = true;
            return false;
        }
        // Doubled, so that it follows what comes out; a little over the limit, so that copies need not be counted.
        let doubled = (2 * self.bytes.len()).max(FIRST_BUFFER).min(self.limit.saturating_add(LONGEST_MATCH));
        let size = doubled.max(self.length + more);
        self.bytes.reserve_exact(size - self.bytes.len());
        self.bytes.resize(size, 0);
        true
    }
}

impl Sink for Output {
    fn start(&mut self, _: bool, block: BlockStart<'_>) -> Option<()> {
        if let BlockStart::Stored { bytes, .. } = block {
            self.reserve(bytes.len()).then_some(())?;
            self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
            self.length += bytes.len();
        }
        self.too_long = self.length > self.limit;
        (!self.too_long).then_some(())
    }

    #[inline]
    fn literal(&mut self, byte: u8) -> bool {
        if self.length >= self.limit || !self.reserve(1) {
            self.too_long = true;
            return false;
        }
        self.bytes[self.length] = byte;
        self.length += 1;
        true
    }

    #[inline]
    fn copy(&mut self, length: usize, distance: usize, _: bool) -> bool {
        if distance > self.length {
            return false;
        }
        if length > self.limit - self.length || !self.reserve(length) {
            self.too_long = true;
            return false;
        }
        let (start, end) = (self.length, self.length + length);
        let from = start - distance;
        self.length = end;
        if distance >= 16 && end + 16 <= self.bytes.len() {
            // By sixteen bytes, past the end: what stands there is not written yet.
            let (mut from, mut to) = (from, start);
            while to < end {
                let Some(chunk) = self.bytes[from..].first_chunk::<16>() else { return false };
                let chunk = *chunk;
                self.bytes[to..to + 16].copy_from_slice(&chunk);
                (from, to) = (from + 16, to + 16);
            }
        } else if distance == 1 {
            let byte = self.bytes[from];
            self.bytes[start..end].fill(byte);
        } else {
            for to in start..end {
                self.bytes[to] = self.bytes[to - distance];
            }
        }
        true
    }

    fn end(&mut self) {}
}
