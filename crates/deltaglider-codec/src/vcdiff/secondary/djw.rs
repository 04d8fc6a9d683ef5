//! DJW: up to eight static Huffman codes, one of them for each sector of a section.
//!
//! Bits fill each byte from the lowest; numbers come with their highest bit first. Then:
//!
//! | bits | what |
//! |---|---|
//! | 3 | codes, less one |
//! | 5 | bytes in a sector, in fives, less one; only where there are several codes |
//! | 4 | how many lengths follow, less seven |
//! | 4 each | lengths of the code by which code lengths are told; those that are missing are 0 |
//! | | the lengths of 256 symbols of each code, as [moved to the front](told) |
//! | 3 each | lengths of the code of selectors, one more than there are codes; only where there are several |
//! | | the code of each sector, moved to the front as well |
//! | | the symbols |

/// The longest code of a symbol.
const LONGEST: usize = 20;
/// Two for runs, and one for each length but the one at the front.
const LENGTH_SYMBOLS: usize = LONGEST + 2;
const LENGTHS_TOLD: usize = 7;
/// Code lengths as they are expected, the most likely first.
const LENGTHS: [u8; LONGEST + 1] = [0, 4, 5, 6, 7, 8, 9, 10, 3, 11, 2, 12, 13, 1, 14, 15, 16, 17, 18, 19, 20];
const SYMBOLS: usize = 256;
const SECTOR_UNIT: usize = 5;

/// Fills `section` from exactly these bytes; `None` where they are not what DJW writes.
pub(super) fn unpack(packed: &[u8], section: &mut [u8]) -> Option<()> {
    let mut bits = Bits { bytes: packed, left: 0, byte: 0 };
    let codes = bits.number(3)? as usize + 1;
    let sector = if codes > 1 { (bits.number(5)? as usize + 1) * SECTOR_UNIT } else { section.len() };
    let mut lengths = [0; LENGTH_SYMBOLS];
    let present = bits.number(4)? as usize + LENGTHS_TOLD;
    for length in lengths.get_mut(..present)? {
        *length = bits.number(4)? as u8;
    }
    let all = told(&mut bits, &Code::new(&lengths)?, &mut { LENGTHS }, codes * SYMBOLS, SYMBOLS)?;
    let symbols = all.chunks(SYMBOLS).map(Code::new).collect::<Option<Vec<_>>>()?;
    let mut chosen = vec![0];
    if codes > 1 {
        let lengths = (0..=codes).map(|_| bits.number(3).map(|length| length as u8)).collect::<Option<Vec<_>>>()?;
        let mut front: Vec<u8> = (0..=codes as u8).collect();
        chosen = told(&mut bits, &Code::new(&lengths)?, &mut front, section.len().div_ceil(sector), 0)?;
    }
    for (bytes, code) in section.chunks_mut(sector).zip(chosen) {
        let code = symbols.get(usize::from(code))?;
        for byte in bytes {
            *byte = code.symbol(&mut bits)?;
        }
    }
    bits.bytes.is_empty().then_some(())
}

/// Reads `count` values, each told by its place in a list whose last one moved to the front, with runs of what is at the front. A
/// value that is 0 `group` places before is 0 without a word.
fn told(bits: &mut Bits<'_>, code: &Code, front: &mut [u8], count: usize, group: usize) -> Option<Vec<u8>> {
    let mut values: Vec<u8> = Vec::with_capacity(count);
    let (mut run, mut weight, mut moved) = (0_usize, 0, false);
    while values.len() < count {
        if group > 0 && values.len() >= group && values[values.len() - group] == 0 {
            values.push(0);
        } else if run > 0 || moved {
            run = run.saturating_sub(1);
            moved = false;
            values.push(*front.first()?);
        } else {
            match usize::from(code.symbol(bits)?) {
                symbol @ (0 | 1) => {
                    run = (symbol + 1).checked_shl(weight)?;
                    weight += 1;
                }
                symbol => {
                    front.get_mut(..symbol)?.rotate_right(1);
                    (weight, moved) = (0, true);
                }
            }
        }
    }
    (run == 0).then_some(values)
}

struct Bits<'a> {
    bytes: &'a [u8],
    byte: u8,
    left: u32,
}

impl Bits<'_> {
    #[inline]
    fn bit(&mut self) -> Option<u32> {
        if self.left == 0 {
            let (&byte, rest) = self.bytes.split_first()?;
            (self.bytes, self.byte, self.left) = (rest, byte, 8);
        }
        let bit = self.byte & 1;
        self.byte >>= 1;
        self.left -= 1;
        Some(u32::from(bit))
    }

    fn number(&mut self, bits: u32) -> Option<u32> {
        (0..bits).try_fold(0, |number, _| Some(number << 1 | self.bit()?))
    }
}

/// A canonical Huffman code.
struct Code {
    /// How many symbols have a code of each length.
    counts: [u32; LONGEST + 1],
    /// Symbols in the order of their codes.
    symbols: Vec<u8>,
}

impl Code {
    /// The code with these lengths; `None` where there are more codes than fit.
    fn new(lengths: &[u8]) -> Option<Self> {
        let mut counts = [0; LONGEST + 1];
        for length in lengths {
            *counts.get_mut(usize::from(*length))? += 1;
        }
        counts[0] = 0;
        let mut symbols = Vec::with_capacity(lengths.len());
        let mut free = 1_u32;
        for (length, count) in counts.iter().enumerate().skip(1) {
            free = (free << 1).checked_sub(*count)?;
            let of_length = (0..=u8::MAX).zip(lengths).filter(|(_, other)| usize::from(**other) == length);
            symbols.extend(of_length.map(|(symbol, _)| symbol));
        }
        Some(Self { counts, symbols })
    }

    #[inline]
    fn symbol(&self, bits: &mut Bits<'_>) -> Option<u8> {
        let (mut code, mut first, mut passed) = (0, 0, 0);
        for count in &self.counts[1..] {
            code = code << 1 | bits.bit()?;
            if code - first < *count {
                return self.symbols.get((passed + code - first) as usize).copied();
            }
            passed += count;
            first = (first + count) << 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_unpacked_or_refused() {
        for seed in 0..2000 {
            let packed = deltaglider_testkit::codec_conformance::noise(seed, 300);
            for length in [1, 7, 400] {
                unpack(&packed, &mut vec![0; length]);
            }
        }
        assert_eq!(unpack(&[], &mut [0]), None);
    }
}
