//! Takes the form of a stream down.

use super::super::block::{BlockStart, END, Header, Sink, distance_symbol, length_symbol, read};
use super::super::trees::Frequencies;
use super::super::varint;
use super::flag;

/// The token side of exactly `stream`; None where it is no stream.
pub(in super::super) fn tokens(stream: &[u8]) -> Option<Vec<u8>> {
    let mut writer = Writer::default();
    let (length, padding) = read(stream, &mut writer)?;
    (length == stream.len()).then(|| writer.finish(padding))
}

/// The sections as they grow, and what of the stream they don't hold yet.
#[derive(Default)]
struct Writer {
    blocks: Vec<u8>,
    runs: Vec<u8>,
    lengths: Vec<u8>,
    low: Vec<u8>,
    high: Vec<u8>,
    long_forms: Vec<u8>,
    block: Option<Block>,
    /// Literals since the last copy.
    run: u64,
    /// Copies since the last one in the long form.
    since_long_form: u64,
    plain: usize,
}

/// The block of symbols that is being read.
struct Block {
    flags: u8,
    header: Option<Box<Header>>,
    tokens: u64,
    frequencies: Box<Frequencies>,
}

impl Writer {
    fn finish(self, padding: u8) -> Vec<u8> {
        let Self { blocks, runs, lengths, low, high, long_forms, .. } = self;
        let mut side = Vec::with_capacity(64 + blocks.len() + runs.len() + 3 * lengths.len() + long_forms.len());
        side.push(padding);
        for length in [blocks.len(), runs.len(), lengths.len()] {
            varint::put(&mut side, length as u64);
        }
        for section in [blocks, runs, lengths, low, high, long_forms] {
            side.extend_from_slice(&section);
        }
        side
    }
}

impl Sink for Writer {
    fn start(&mut self, last: bool, block: BlockStart<'_>) -> Option<()> {
        let mut flags = if last { flag::LAST } else { 0 };
        let header = match block {
            BlockStart::Stored { padding, bytes } => {
                let blocks = &mut self.blocks;
                if padding == 0 {
                    blocks.push(flags);
                } else {
                    blocks.extend([flags | flag::PADDING, padding]);
                }
                varint::put(blocks, bytes.len() as u64);
                self.plain += bytes.len();
                return Some(());
            }
            BlockStart::Fixed => {
                flags |= 1 << flag::KIND_SHIFT;
                None
            }
            BlockStart::Dynamic(header) => {
                flags |= 2 << flag::KIND_SHIFT;
                Some(header)
            }
        };
        self.block = Some(Block { flags, header, tokens: 0, frequencies: Box::new(Frequencies::new()) });
        Some(())
    }

    #[inline]
    fn literal(&mut self, byte: u8) -> bool {
        let Some(block) = &mut self.block else { return false };
        block.tokens += 1;
        block.frequencies.literals[usize::from(byte)] += 1;
        self.run += 1;
        self.plain += 1;
        true
    }

    #[inline]
    fn copy(&mut self, length: usize, distance: usize, long_form: bool) -> bool {
        let Some(block) = &mut self.block else { return false };
        if distance > self.plain {
            return false;
        }
        block.tokens += 1;
        block.frequencies.literals[END + 1 + length_symbol(length, long_form)] += 1;
        block.frequencies.distances[distance_symbol(distance)] += 1;
        varint::put(&mut self.runs, self.run);
        self.run = 0;
        self.lengths.push((length - 3) as u8);
        let [low, high] = ((distance - 1) as u16).to_le_bytes();
        self.low.push(low);
        self.high.push(high);
        if long_form {
            varint::put(&mut self.long_forms, self.since_long_form);
            self.since_long_form = 0;
        } else {
            self.since_long_form += 1;
        }
        self.plain += length;
        true
    }

    fn end(&mut self) {
        let Some(mut block) = self.block.take() else { return };
        let header = block.header.filter(|header| **header != block.frequencies.header());
        if header.is_some() {
            block.flags |= flag::HEADER;
        }
        let blocks = &mut self.blocks;
        blocks.push(block.flags);
        varint::put(blocks, block.tokens);
        if let Some(header) = header {
            blocks.extend([
                (header.literals - 257) as u8,
                (header.distances - 1) as u8,
                header.length_code.len() as u8,
            ]);
            blocks.extend_from_slice(&header.length_code);
            blocks.extend(header.runs.iter().map(|run| match run.symbol {
                16 => 16 + run.extra,
                17 => 20 + run.extra,
                18 => 28 + run.extra,
                length => length,
            }));
        }
    }
}
