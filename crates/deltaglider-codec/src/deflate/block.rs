//! Blocks of a DEFLATE stream (RFC 1951), read for whoever wants their content or their form.

use super::bits::BitReader;
use super::huffman::{Decoder, FIXED_DISTANCES, fixed_literals, is_complete, may_be_sent};

/// The symbol that ends a block.
pub(super) const END: usize = 256;
/// The largest distance.
pub(super) const WINDOW: usize = 32768;
/// The longest match.
pub(super) const LONGEST_MATCH: usize = 258;

/// Shortest match of each length symbol from 257.
pub(super) const LENGTH_BASE: [u16; 29] =
    [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
pub(super) const LENGTH_EXTRA: [u8; 29] =
    [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
/// Smallest distance of each distance symbol.
pub(super) const DISTANCE_BASE: [u16; 30] = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
    8193, 12289, 16385, 24577,
];
pub(super) const DISTANCE_EXTRA: [u8; 30] =
    [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
/// The order in which the lengths of the code of code lengths are sent.
pub(super) const LENGTH_CODE_ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// Codes that a dynamic block may have, of literals and lengths and of distances; the last two of each fixed set stand for nothing.
pub(super) const MOST_CODES: (usize, usize) = (286, 30);

/// What stands between two blocks of symbols.
#[derive(Debug)]
pub(super) enum BlockStart<'a> {
    /// Bytes as they are, and the bits that were skipped before them.
    Stored { padding: u8, bytes: &'a [u8] },
    /// Symbols in the code that the standard fixes.
    Fixed,
    /// Symbols in a code of the block's own.
    Dynamic(Box<Header>),
}

/// The codes of a dynamic block, as they are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// How many code lengths are sent for literals and lengths (257 to 286), and for distances (1 to 30).
    pub literals: usize,
    pub distances: usize,
    /// Lengths of the code of code lengths, in the order of sending: 4 to 19.
    pub length_code: Vec<u8>,
    /// The code lengths as they are run-length coded.
    pub runs: Vec<Run>,
}

/// One symbol of the code of code lengths, with the value of its extra bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// A code length, or 16 (the one before), 17 and 18 (zeros) for a run.
    pub symbol: u8,
    pub extra: u8,
}

impl Run {
    /// Bits of `extra`.
    pub(super) fn extra_bits(self) -> u32 {
        match self.symbol {
            16 => 2,
            17 => 3,
            18 => 7,
            _ => 0,
        }
    }

    /// Code lengths that it stands for.
    pub(super) fn repeats(self) -> usize {
        usize::from(self.extra)
            + match self.symbol {
                16 | 17 => 3,
                18 => 11,
                _ => 1,
            }
    }
}

impl Header {
    /// The code lengths of literals and lengths, then those of distances; None where the runs don't give just these.
    pub(super) fn lengths(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut lengths = Vec::with_capacity(self.literals + self.distances);
        for run in &self.runs {
            let length = match run.symbol {
                16 => *lengths.last()?,
                17 | 18 => 0,
                length => length,
            };
            if lengths.len() + run.repeats() > self.literals + self.distances {
                return None;
            }
            lengths.resize(lengths.len() + run.repeats(), length);
        }
        let distances = (lengths.len() == self.literals + self.distances).then(|| lengths.split_off(self.literals))?;
        Some((lengths, distances))
    }

    /// Bits that the header takes, without the three that begin a block.
    pub(super) fn bits(&self) -> usize {
        let length_of = |run: &Run| {
            let sent = LENGTH_CODE_ORDER.iter().position(|symbol| *symbol == usize::from(run.symbol));
            sent.and_then(|place| self.length_code.get(place)).copied().unwrap_or(0)
        };
        let runs: usize = self.runs.iter().map(|run| usize::from(length_of(run)) + run.extra_bits() as usize).sum();
        5 + 5 + 4 + 3 * self.length_code.len() + runs
    }

    fn read(bits: &mut BitReader<'_>) -> Option<Self> {
        bits.refill();
        let literals = bits.take(5)? as usize + 257;
        let distances = bits.take(5)? as usize + 1;
        let sent = bits.take(4)? as usize + 4;
        let mut length_code = Vec::with_capacity(sent);
        let mut by_symbol = [0; 19];
        for &symbol in &LENGTH_CODE_ORDER[..sent] {
            bits.refill();
            let length = bits.take(3)? as u8;
            length_code.push(length);
            by_symbol[symbol] = length;
        }
        let is_allowed = literals <= MOST_CODES.0 && distances <= MOST_CODES.1 && is_complete(&by_symbol);
        let decoder = is_allowed.then(|| Decoder::new(&by_symbol))??;
        let mut runs = Vec::with_capacity(literals + distances);
        let mut given = 0;
        while given < literals + distances {
            bits.refill();
            let (symbol, length) = decoder.decode(bits.peek())?;
            bits.consume(length).then_some(())?;
            let mut run = Run { symbol: symbol as u8, extra: 0 };
            run.extra = bits.take(run.extra_bits())? as u8;
            given += run.repeats();
            runs.push(run);
        }
        Some(Self { literals, distances, length_code, runs })
    }
}

/// Takes what a stream consists of, in its order. `false` or `None` ends the reading.
pub(super) trait Sink {
    /// A block begins, the last one or not.
    fn start(&mut self, last: bool, block: BlockStart<'_>) -> Option<()>;
    /// A byte.
    fn literal(&mut self, byte: u8) -> bool;
    /// A copy of earlier bytes; `long_form` where 258 was sent as 227 and 31 more.
    fn copy(&mut self, length: usize, distance: usize, long_form: bool) -> bool;
    /// The end of a block of symbols.
    fn end(&mut self);
}

/// Reads the stream at the start of `input` to its end: its length in bytes and the bits that fill its last byte.
///
/// What is valid is what zlib takes, by the page `docs/formats/expanded-reference.md`: all readers of a delta have to agree on it.
/// None where it is invalid, cut short, or `sink` has had enough.
pub(super) fn read(input: &[u8], sink: &mut impl Sink) -> Option<(usize, u8)> {
    let mut bits = BitReader::new(input);
    loop {
        let (last, block, decoders) = start(&mut bits)?;
        sink.start(last, block)?;
        if let Some(decoders) = decoders {
            symbols(&mut bits, &decoders, sink)?;
            sink.end();
        }
        if last {
            let padding = bits.take_padding();
            return Some((bits.position(), padding));
        }
    }
}

/// Decodes the symbols of a block.
#[derive(Debug)]
pub(super) struct Decoders {
    literals: Decoder,
    distances: Decoder,
}

/// One symbol, with what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Symbol {
    /// A byte.
    Literal(u8),
    /// A copy of earlier bytes.
    Copy { length: usize, distance: usize, long_form: bool },
    /// The end of the block.
    End,
}

/// Reads the start of a block: whether it is the last, and what decodes its symbols, if it has any.
pub(super) fn start<'a>(bits: &mut BitReader<'a>) -> Option<(bool, BlockStart<'a>, Option<Decoders>)> {
    bits.refill();
    let last = bits.take(1)? == 1;
    let (block, lengths) = match bits.take(2)? {
        0 => {
            let padding = bits.take_padding();
            let &[a, b, c, d] = bits.take_bytes(4)?.first_chunk()?;
            let length = u16::from_le_bytes([a, b]);
            if length != !u16::from_le_bytes([c, d]) {
                return None;
            }
            let bytes = bits.take_bytes(usize::from(length))?;
            return Some((last, BlockStart::Stored { padding, bytes }, None));
        }
        1 => (BlockStart::Fixed, (fixed_literals().to_vec(), FIXED_DISTANCES.to_vec())),
        2 => {
            let header = Header::read(bits)?;
            let lengths = header
                .lengths()
                .filter(|(literals, distances)| literals[END] > 0 && may_be_sent(literals) && may_be_sent(distances))?;
            (BlockStart::Dynamic(Box::new(header)), lengths)
        }
        _ => return None,
    };
    let decoders = Decoders { literals: Decoder::new(&lengths.0)?, distances: Decoder::new(&lengths.1)? };
    Some((last, block, Some(decoders)))
}

impl Decoders {
    /// The next symbol; None where there is none.
    #[inline]
    pub(super) fn next(&self, bits: &mut BitReader<'_>) -> Option<Symbol> {
        bits.refill();
        let (symbol, length) = self.literals.decode(bits.peek())?;
        bits.consume(length).then_some(())?;
        match usize::from(symbol) {
            END => Some(Symbol::End),
            byte @ 0..END => Some(Symbol::Literal(byte as u8)),
            symbol => {
                let (length, distance, long_form) = copy(bits, symbol, &self.distances)?;
                Some(Symbol::Copy { length, distance, long_form })
            }
        }
    }
}

fn symbols(bits: &mut BitReader<'_>, decoders: &Decoders, sink: &mut impl Sink) -> Option<()> {
    let Decoders { literals, distances } = decoders;
    loop {
        bits.refill();
        // The longest copy takes 48 bits, so up to 8 more may go to a literal before it.
        let (mut symbol, mut length) = literals.decode(bits.peek())?;
        if length <= 8 && symbol < END as u16 {
            if !bits.consume(length) || !sink.literal(symbol as u8) {
                return None;
            }
            (symbol, length) = literals.decode(bits.peek())?;
        }
        bits.consume(length).then_some(())?;
        let symbol = usize::from(symbol);
        if symbol < END {
            if !sink.literal(symbol as u8) {
                return None;
            }
            continue;
        }
        if symbol == END {
            return Some(());
        }
        let (length, distance, long_form) = copy(bits, symbol, distances)?;
        if !sink.copy(length, distance, long_form) {
            return None;
        }
    }
}

/// Length and distance of the copy whose first symbol was taken, and whether 258 was sent as 227 and 31 more.
#[inline]
fn copy(bits: &mut BitReader<'_>, symbol: usize, distances: &Decoder) -> Option<(usize, usize, bool)> {
    let symbol = symbol - END - 1;
    let extra = bits.take(u32::from(*LENGTH_EXTRA.get(symbol)?))?;
    let length = usize::from(LENGTH_BASE[symbol]) + extra as usize;
    let long_form = length == LONGEST_MATCH && symbol == 27;
    let (symbol, code) = distances.decode(bits.peek())?;
    bits.consume(code).then_some(())?;
    let symbol = usize::from(symbol);
    let extra = bits.take(u32::from(*DISTANCE_EXTRA.get(symbol)?))?;
    Some((length, usize::from(DISTANCE_BASE[symbol]) + extra as usize, long_form))
}

/// The length symbol of a copy, less 257.
#[inline]
pub(super) fn length_symbol(length: usize, long_form: bool) -> usize {
    if length == LONGEST_MATCH {
        return 28 - usize::from(long_form);
    }
    LENGTHS[length] as usize
}

/// The distance symbol of a copy.
#[inline]
pub(super) fn distance_symbol(distance: usize) -> usize {
    let value = (distance - 1) as u32;
    if value < 4 {
        return value as usize;
    }
    let bits = 31 - value.leading_zeros();
    (2 * bits + (value >> (bits - 1) & 1)) as usize
}

const LENGTHS: [u8; LONGEST_MATCH + 1] = {
    let mut table = [0; LONGEST_MATCH + 1];
    let mut length = 3;
    let mut symbol = 0;
    while length < LONGEST_MATCH {
        if symbol < 27 && length >= LENGTH_BASE[symbol + 1] as usize {
            symbol += 1;
        }
        table[length] = symbol as u8;
        length += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_hold_their_lengths_and_distances() {
        for length in 3..=LONGEST_MATCH {
            let symbol = length_symbol(length, false);
            let base = usize::from(LENGTH_BASE[symbol]);
            assert!((base..base + (1 << LENGTH_EXTRA[symbol])).contains(&length));
        }
        assert_eq!(length_symbol(258, true), 27);
        for distance in 1..=WINDOW {
            let symbol = distance_symbol(distance);
            let base = usize::from(DISTANCE_BASE[symbol]);
            assert!((base..base + (1 << DISTANCE_EXTRA[symbol])).contains(&distance));
        }
    }
}
