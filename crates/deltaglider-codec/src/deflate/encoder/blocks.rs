//! Blocks as zlib ends, counts and writes them.

use super::super::bits::BitWriter;
use super::super::block::{DISTANCE_EXTRA, END, LENGTH_EXTRA, distance_symbol, length_symbol};
use super::super::huffman::{FIXED_DISTANCES, fixed_literals};
use super::super::symbols::{Codes, Copy, put_header};
use super::super::trees::Frequencies;

/// The blocks written and the one that is being gathered.
pub(super) struct Blocks<'a> {
    bits: BitWriter,
    /// Distance, 0 for a literal; length or byte.
    symbols: Vec<(u16, u16)>,
    /// Symbols that fill a block.
    full: usize,
    frequencies: Frequencies,
    always_fixed: bool,
    limit: usize,
    /// What the stream must be, as far as it matters.
    expected: Option<&'a [u8]>,
    /// Bytes compared with it.
    compared: usize,
}

impl<'a> Blocks<'a> {
    /// Blocks of at most `full` symbols, in at most `limit` bytes.
    pub(super) fn new(
        bits: BitWriter,
        full: usize,
        always_fixed: bool,
        limit: usize,
        expected: Option<&'a [u8]>,
    ) -> Self {
        let (symbols, frequencies) = (Vec::with_capacity(full), Frequencies::new());
        Self { bits, symbols, full, frequencies, always_fixed, limit, expected, compared: 0 }
    }

    /// Adds a byte; whether the block is full.
    #[inline]
    pub(super) fn literal(&mut self, byte: u8) -> bool {
        self.frequencies.literals[usize::from(byte)] += 1;
        self.symbols.push((0, u16::from(byte)));
        self.symbols.len() == self.full
    }

    /// Adds a copy; whether the block is full.
    #[inline]
    pub(super) fn copy(&mut self, length: usize, distance: usize) -> bool {
        self.frequencies.literals[END + 1 + length_symbol(length, false)] += 1;
        self.frequencies.distances[distance_symbol(distance)] += 1;
        self.symbols.push((distance as u16, length as u16));
        self.symbols.len() == self.full
    }

    /// Whether gzip takes the symbols for better packed than average, looking at each 4096th: `bytes` were taken in.
    #[inline]
    pub(super) fn shrinks_well(&self, bytes: usize) -> bool {
        self.symbols.len() & 0xfff == 0 && self.is_half(bytes)
    }

    fn is_half(&self, bytes: usize) -> bool {
        let distances = self.frequencies.distances.iter().zip(DISTANCE_EXTRA);
        let bits: usize = distances.map(|(count, extra)| *count as usize * (5 + usize::from(extra))).sum();
        let copies = self.frequencies.distances.iter().sum::<u32>() as usize;
        let packed = (self.symbols.len() * 8 + bits) >> 3;
        copies < self.symbols.len() / 2 && packed < bytes / 2
    }

    /// Writes the block in the form that is the shortest; as it is only where the window holds all of it. None where
    /// the limit is passed.
    pub(super) fn flush(&mut self, bytes: &[u8], may_store: bool, last: bool) -> Option<()> {
        let header = self.frequencies.header();
        let (literals, distances) = header.lengths()?;
        let dynamic = header.bits() + self.frequencies.bits(&literals, &distances);
        let fixed = self.frequencies.bits(&fixed_literals(), &FIXED_DISTANCES);
        let (dynamic, fixed) = ((dynamic + 3 + 7) >> 3, (fixed + 3 + 7) >> 3);
        let is_fixed = self.always_fixed || fixed <= dynamic;
        let last = u32::from(last);
        if may_store && bytes.len() + 4 <= if is_fixed { fixed } else { dynamic } {
            let length = u16::try_from(bytes.len()).ok()?;
            self.bits.put(last, 3);
            self.bits.pad(0);
            self.bits.put_bytes(&length.to_le_bytes());
            self.bits.put_bytes(&(!length).to_le_bytes());
            self.bits.put_bytes(bytes);
        } else if is_fixed {
            self.bits.put(last | 1 << 1, 3);
            self.put(&Codes::new(&fixed_literals(), &FIXED_DISTANCES));
        } else {
            self.bits.put(last | 2 << 1, 3);
            let codes = put_header(&mut self.bits, &header)?;
            self.put(&codes);
        }
        self.symbols.clear();
        self.frequencies = Frequencies::new();
        if let Some(expected) = self.expected {
            let written = self.bits.written();
            (expected.get(self.compared..written.len())? == &written[self.compared..]).then_some(())?;
            self.compared = written.len();
        }
        (self.bits.len() <= self.limit).then_some(())
    }

    fn put(&mut self, codes: &Codes) {
        for &(distance, value) in &self.symbols {
            if distance == 0 {
                codes.put_literal(&mut self.bits, value as u8);
            } else {
                let copy = Copy { length: usize::from(value), distance: usize::from(distance), long_form: false };
                codes.put_copy(&mut self.bits, copy);
            }
        }
        codes.put_end(&mut self.bits);
    }

    /// The stream, after its last block.
    pub(super) fn into_stream(mut self) -> Vec<u8> {
        self.bits.pad(0);
        self.bits.into_bytes()
    }
}

impl Frequencies {
    /// Bits that all symbols take with codes of these lengths.
    fn bits(&self, literals: &[u8], distances: &[u8]) -> usize {
        let sum = |frequencies: &[u32], lengths: &[u8], extra: &dyn Fn(usize) -> u8| {
            let symbols = frequencies.iter().zip(lengths).enumerate();
            symbols
                .map(|(symbol, (count, length))| *count as usize * usize::from(length + extra(symbol)))
                .sum::<usize>()
        };
        let length_extra = |symbol: usize| if symbol > END { LENGTH_EXTRA[symbol - END - 1] } else { 0 };
        sum(&self.literals, literals, &length_extra) + sum(&self.distances, distances, &|symbol| DISTANCE_EXTRA[symbol])
    }
}
