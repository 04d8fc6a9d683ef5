//! Huffman codes given by their lengths, as in RFC 1951.

/// The longest code of literals, lengths and distances.
const LONGEST: usize = 15;
/// Codes up to this length are decoded by one look into a table.
const DIRECT: u32 = 10;

/// Decodes symbols of one code.
#[derive(Debug)]
pub(super) struct Decoder {
    /// `symbol << 4 | length` for the next bits; 0 where the code is longer, or none.
    table: [u16; 1 << DIRECT],
    /// Codes of each length.
    counts: [u16; LONGEST + 1],
    /// Symbols in the order of their codes.
    symbols: [u16; 288],
}

impl Decoder {
    /// The code with these lengths, 0 for a symbol that has none; None where they give more codes than there are.
    ///
    /// Codes may be left over, and are no symbol's.
    pub(super) fn new(lengths: &[u8]) -> Option<Self> {
        let mut counts = [0u16; LONGEST + 1];
        for &length in lengths {
            counts[usize::from(length)] += 1;
        }
        counts[0] = 0;
        let mut free = 1i32;
        let mut first = [0u16; LONGEST + 2];
        for length in 1..=LONGEST {
            free = (free << 1) - i32::from(counts[length]);
            if free < 0 {
                return None;
            }
            first[length + 1] = first[length] + counts[length];
        }
        let mut decoder = Self { table: [0; 1 << DIRECT], counts, symbols: [0; 288] };
        for (symbol, &length) in lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
            let place = &mut first[usize::from(length)];
            decoder.symbols[usize::from(*place)] = symbol as u16;
            *place += 1;
        }
        for (symbol, (code, length)) in codes(lengths).into_iter().enumerate() {
            if (1..=DIRECT).contains(&length) {
                let entry = (symbol as u16) << 4 | length as u16;
                for slot in decoder.table[code as usize..].iter_mut().step_by(1 << length) {
                    *slot = entry;
                }
            }
        }
        Some(decoder)
    }

    /// The symbol that `bits` begin with and the length of its code; None where there is none.
    #[inline]
    pub(super) fn decode(&self, bits: u64) -> Option<(u16, u32)> {
        let entry = self.table[(bits & ((1 << DIRECT) - 1)) as usize];
        if entry == 0 { self.decode_long(bits) } else { Some((entry >> 4, u32::from(entry & 15))) }
    }

    #[cold]
    fn decode_long(&self, mut bits: u64) -> Option<(u16, u32)> {
        let (mut code, mut first, mut index) = (0u32, 0u32, 0u32);
        for length in 1..=LONGEST {
            code |= (bits & 1) as u32;
            bits >>= 1;
            let count = u32::from(self.counts[length]);
            if code < first + count {
                return Some((self.symbols[(index + code - first) as usize], length as u32));
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }
}

/// Code, first bit lowest, and length of each symbol. The lengths give no more codes than there are.
pub(super) fn codes(lengths: &[u8]) -> Vec<(u32, u32)> {
    let mut next = [0u32; LONGEST + 2];
    for &length in lengths {
        next[usize::from(length) + 1] += 1;
    }
    next[1] = 0;
    for length in 1..=LONGEST {
        next[length + 1] = (next[length] + next[length + 1]) << 1;
    }
    let mut codes = Vec::with_capacity(lengths.len());
    for &length in lengths {
        let code = &mut next[usize::from(length)];
        codes.push(match u32::from(length) {
            0 => (0, 0),
            length => (code.reverse_bits() >> (32 - length), length),
        });
        *code += 1;
    }
    codes
}

/// Whether the lengths give no more codes than there are.
pub(super) fn fits(lengths: &[u8]) -> bool {
    taken(lengths) <= 1 << LONGEST
}

/// Whether the lengths give just as many codes as there are.
pub(super) fn is_complete(lengths: &[u8]) -> bool {
    taken(lengths) == 1 << LONGEST
}

/// Whether a stream may have these lengths for its literals or distances: complete ones, a single code of one bit, or none.
pub(super) fn may_be_sent(lengths: &[u8]) -> bool {
    is_complete(lengths) || lengths.iter().map(|length| u32::from(*length)).sum::<u32>() <= 1
}

/// The share of the codes that the lengths give, in units of the longest.
fn taken(lengths: &[u8]) -> u32 {
    lengths.iter().filter(|length| **length > 0).map(|length| 1u32 << (LONGEST - usize::from(*length))).sum()
}

/// Lengths of the literal and length codes of a fixed block.
pub(super) fn fixed_literals() -> [u8; 288] {
    std::array::from_fn(|symbol| match symbol {
        144..256 => 9,
        256..280 => 7,
        _ => 8,
    })
}

/// Lengths of the distance codes of a fixed block; the last two stand for nothing.
pub(super) const FIXED_DISTANCES: [u8; 32] = [5; 32];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        let codes = codes(&[3, 3, 3, 3, 3, 2, 4, 4]);
        let written: Vec<u32> = codes.iter().map(|(code, length)| code.reverse_bits() >> (32 - length)).collect();
        assert_eq!(written, [2, 3, 4, 5, 6, 0, 14, 15]);
    }

    #[test]
    fn every_code_is_decoded_long_ones_too() {
        let mut lengths = vec![0u8; 288];
        for (symbol, length) in lengths.iter_mut().enumerate().take(15) {
            *length = symbol as u8 + 1;
        }
        lengths[287] = 15;
        for lengths in [&lengths[..], &fixed_literals(), &FIXED_DISTANCES] {
            let decoder = Decoder::new(lengths).unwrap();
            assert!(fits(lengths));
            for (symbol, (code, length)) in
                codes(lengths).into_iter().enumerate().filter(|(_, (_, length))| *length > 0)
            {
                assert_eq!(decoder.decode(u64::from(code) | !0 << length), Some((symbol as u16, length)));
            }
        }
    }

    #[test]
    fn too_many_codes_are_refused_and_missing_ones_found() {
        assert!(Decoder::new(&[1, 1, 1]).is_none());
        assert!(!fits(&[1, 1, 1]));
        assert_eq!(Decoder::new(&[0, 1]).unwrap().decode(0), Some((1, 1)));
        assert_eq!(Decoder::new(&[0, 1]).unwrap().decode(1), None);
        assert_eq!(Decoder::new(&[0, 0]).unwrap().decode(0), None);
    }
}
