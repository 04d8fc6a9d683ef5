//! Bits as DEFLATE packs them: the lowest of a byte first.

/// Reads bits from bytes.
#[derive(Debug)]
pub(super) struct BitReader<'a> {
    input: &'a [u8],
    /// The byte that is read into `held` next.
    at: usize,
    /// Bits read and not taken yet; above `count` there may be bits of the bytes that follow.
    held: u64,
    count: u32,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self { input, at: 0, held: 0, count: 0 }
    }

    /// Holds at least 56 bits, or all that are left.
    #[inline]
    pub(super) fn refill(&mut self) {
        if let Some(word) = self.input.get(self.at..).and_then(<[u8]>::first_chunk::<8>) {
            self.held |= u64::from_le_bytes(*word) << self.count;
            self.at += (63 - self.count) as usize >> 3;
            self.count |= 56;
        } else {
            while self.count < 56 && self.at < self.input.len() {
                self.held |= u64::from(self.input[self.at]) << self.count;
                self.at += 1;
                self.count += 8;
            }
        }
    }

    /// The bits held, the next one lowest; past the end of the input there are zeros.
    #[inline]
    pub(super) fn peek(&self) -> u64 {
        self.held
    }

    /// Takes `bits` of the bits held; false where fewer are.
    #[inline]
    pub(super) fn consume(&mut self, bits: u32) -> bool {
        if bits > self.count {
            return false;
        }
        self.held >>= bits;
        self.count -= bits;
        true
    }

    /// Takes `bits` (up to 32) of the bits held; None where fewer are.
    #[inline]
    pub(super) fn take(&mut self, bits: u32) -> Option<u32> {
        let value = (self.held & ((1 << bits) - 1)) as u32;
        self.consume(bits).then_some(value)
    }

    /// Takes what is left of the current byte: the value of these bits.
    pub(super) fn take_padding(&mut self) -> u8 {
        let bits = self.count & 7;
        let padding = (self.held & ((1 << bits) - 1)) as u8;
        self.consume(bits);
        padding
    }

    /// Takes whole bytes, after the padding was taken; None where fewer are left.
    pub(super) fn take_bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let start = self.position();
        let bytes = self.input.get(start..start.checked_add(length)?)?;
        (self.at, self.held, self.count) = (start + length, 0, 0);
        Some(bytes)
    }

    /// Bytes of which any bit was taken.
    pub(super) fn position(&self) -> usize {
        self.at - (self.count >> 3) as usize
    }
}

/// Writes bits into bytes.
#[derive(Debug)]
pub(super) struct BitWriter {
    output: Vec<u8>,
    held: u64,
    count: u32,
}

impl BitWriter {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { output: Vec::with_capacity(bytes), held: 0, count: 0 }
    }

    /// Puts the low `count` bits, at most 32, of `bits`, which has no others.
    #[inline]
    pub(super) fn put(&mut self, bits: u32, count: u32) {
        self.held |= u64::from(bits) << self.count;
        self.count += count;
        if self.count >= 32 {
            self.output.extend_from_slice(&(self.held as u32).to_le_bytes());
            self.held >>= 32;
            self.count -= 32;
        }
    }

    /// Fills the current byte with the low bits of `padding`.
    pub(super) fn pad(&mut self, padding: u8) {
        let free = self.count.wrapping_neg() & 7;
        self.put(u32::from(padding) & ((1 << free) - 1), free);
        while self.count > 0 {
            self.output.push(self.held as u8);
            self.held >>= 8;
            self.count -= 8;
        }
    }

    /// Puts whole bytes, after [`pad`](Self::pad).
    pub(super) fn put_bytes(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    /// Bytes that are complete, up to four of them left out.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.output.len()
    }

    /// The bytes that are complete, up to four of them left out.
    pub(super) fn written(&self) -> &[u8] {
        &self.output
    }

    /// The bytes, after [`pad`](Self::pad).
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_back_in_their_order() {
        let mut writer = BitWriter::with_capacity(0);
        let bits: Vec<(u32, u32)> =
            (1..2000u32).map(|n| (n.wrapping_mul(0x9e37_79b9) >> (31 - n % 31), n % 31 + 1)).collect();
        for &(value, count) in &bits {
            writer.put(value, count);
        }
        writer.pad(0xff);
        writer.put_bytes(b"tail");
        let bytes = writer.into_bytes();
        let mut reader = BitReader::new(&bytes);
        for &(value, count) in &bits {
            reader.refill();
            assert_eq!(reader.take(count), Some(value));
        }
        reader.take_padding();
        assert_eq!(reader.take_bytes(4), Some(&b"tail"[..]));
        assert_eq!(reader.position(), bytes.len());
        reader.refill();
        assert_eq!(reader.take(1), None);
    }
}
