//! Writes codes and symbols.

use super::bits::BitWriter;
use super::block::{
    DISTANCE_BASE, DISTANCE_EXTRA, END, Header, LENGTH_BASE, LENGTH_CODE_ORDER, LENGTH_EXTRA, distance_symbol,
    length_symbol,
};
use super::huffman::{codes, fits};

/// A copy of earlier bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copy {
    pub length: usize,
    pub distance: usize,
    /// Whether 258 is sent as 227 and 31 more.
    pub long_form: bool,
}

/// Writes the header of a dynamic block: its codes.
pub(super) fn put_header(bits: &mut BitWriter, header: &Header) -> Option<Codes> {
    let mut by_symbol = [0; 19];
    bits.put((header.literals - 257) as u32, 5);
    bits.put((header.distances - 1) as u32, 5);
    bits.put((header.length_code.len() - 4) as u32, 4);
    for (&length, symbol) in header.length_code.iter().zip(LENGTH_CODE_ORDER) {
        if length > 7 {
            return None;
        }
        bits.put(u32::from(length), 3);
        by_symbol[symbol] = length;
    }
    let (literals, distances) = header.lengths()?;
    if !fits(&by_symbol) || !fits(&literals) || !fits(&distances) {
        return None;
    }
    let length_codes = codes(&by_symbol);
    for run in &header.runs {
        let (code, length) = length_codes[usize::from(run.symbol)];
        if length == 0 {
            return None;
        }
        bits.put(code, length);
        bits.put(u32::from(run.extra), run.extra_bits());
    }
    Some(Codes::new(&literals, &distances))
}

/// The codes of a block; length 0 for a symbol that has none.
#[derive(Debug)]
pub(super) struct Codes {
    literals: Vec<(u32, u32)>,
    distances: Vec<(u32, u32)>,
}

impl Codes {
    pub(super) fn new(literals: &[u8], distances: &[u8]) -> Self {
        let mut codes = Self { literals: codes(literals), distances: codes(distances) };
        codes.literals.resize(288, (0, 0));
        codes.distances.resize(32, (0, 0));
        codes
    }

    /// Writes a copy; whether it could be written.
    #[inline]
    pub(super) fn put_copy(&self, bits: &mut BitWriter, copy: Copy) -> bool {
        let symbol = length_symbol(copy.length, copy.long_form);
        let (code, length) = self.literals[END + 1 + symbol];
        bits.put(code, length);
        bits.put((copy.length - usize::from(LENGTH_BASE[symbol])) as u32, u32::from(LENGTH_EXTRA[symbol]));
        let symbol = distance_symbol(copy.distance);
        let (code, distance) = self.distances[symbol];
        bits.put(code, distance);
        bits.put((copy.distance - usize::from(DISTANCE_BASE[symbol])) as u32, u32::from(DISTANCE_EXTRA[symbol]));
        length > 0 && distance > 0
    }

    /// Writes a byte; whether it could be written.
    #[inline]
    pub(super) fn put_literal(&self, bits: &mut BitWriter, byte: u8) -> bool {
        let (code, length) = self.literals[usize::from(byte)];
        bits.put(code, length);
        length > 0
    }

    /// Writes the end of the block; whether it could be written.
    pub(super) fn put_end(&self, bits: &mut BitWriter) -> bool {
        let (code, length) = self.literals[END];
        bits.put(code, length);
        length > 0
    }
}
