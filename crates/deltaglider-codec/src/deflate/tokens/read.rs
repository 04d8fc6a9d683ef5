//! Makes a stream from its plaintext and its form.

use super::super::DeflateError;
use super::super::bits::BitWriter;
use super::super::block::{END, Header, LENGTH_CODE_ORDER, MOST_CODES, Run, distance_symbol, length_symbol};
use super::super::huffman::{FIXED_DISTANCES, fixed_literals};
use super::super::symbols::{Codes, put_header};
use super::super::trees::Frequencies;
use super::super::varint;
use super::cursor::Cursor;
use super::flag;

/// The stream of `length` bytes with this plaintext and form.
pub(in super::super) fn rebuild(plain: &[u8], side: &[u8], length: usize) -> Result<Vec<u8>, DeflateError> {
    stream(plain, side, length).ok_or(DeflateError::Damaged)
}

fn stream(plain: &[u8], side: &[u8], length: usize) -> Option<Vec<u8>> {
    let (&padding, mut side) = side.split_first()?;
    let mut section_lengths = [0; 3];
    for section in &mut section_lengths {
        *section = usize::try_from(varint::take(&mut side)?).ok()?;
    }
    let [blocks, runs, copies] = section_lengths;
    let mut section = |length: usize| side.split_off(..length);
    let (mut blocks, runs) = (section(blocks)?, section(runs)?);
    let (lengths, low, high) = (section(copies)?, section(copies)?, section(copies)?);
    let mut cursor = Cursor::new(plain, runs, [lengths, low, high], side)?;
    let mut bits = BitWriter::with_capacity(length.min(6 * plain.len() + side.len() + 1024));
    loop {
        let last = block(&mut blocks, &mut cursor, &mut bits, length)?;
        if bits.len() > length {
            return None;
        }
        if last {
            break;
        }
    }
    bits.pad(padding);
    let stream = bits.into_bytes();
    (stream.len() == length && blocks.is_empty() && cursor.is_done()).then_some(stream)
}

/// Writes the next block; whether it is the last.
fn block(blocks: &mut &[u8], cursor: &mut Cursor<'_>, bits: &mut BitWriter, limit: usize) -> Option<bool> {
    let flags = take_byte(blocks)?;
    let kind = (flags & flag::KIND) >> flag::KIND_SHIFT;
    if flags & !flag::ALL != 0 {
        return None;
    }
    let last = flags & flag::LAST;
    bits.put(u32::from(last), 1);
    bits.put(u32::from(kind), 2);
    if kind == 0 {
        let padding = if flags & flag::PADDING == 0 { 0 } else { take_byte(blocks)? };
        let bytes = cursor.bytes(varint::take(blocks)?)?;
        let length = u16::try_from(bytes.len()).ok()?;
        bits.pad(padding);
        bits.put_bytes(&length.to_le_bytes());
        bits.put_bytes(&(!length).to_le_bytes());
        bits.put_bytes(bytes);
        return Some(last == 1);
    }
    let tokens = varint::take(blocks)?;
    let codes = match (kind, flags & flag::HEADER) {
        (1, 0) => Codes::new(&fixed_literals(), &FIXED_DISTANCES),
        (2, 0) => {
            let mut frequencies = Frequencies::new();
            cursor.clone().tokens(tokens, |literals, copy| {
                for &byte in literals {
                    frequencies.literals[usize::from(byte)] += 1;
                }
                if let Some(copy) = copy {
                    frequencies.literals[END + 1 + length_symbol(copy.length, copy.long_form)] += 1;
                    frequencies.distances[distance_symbol(copy.distance)] += 1;
                }
                true
            })?;
            put_header(bits, &frequencies.header())?
        }
        (2, _) => put_header(bits, &take_header(blocks)?)?,
        _ => return None,
    };
    let mut complete = true;
    cursor.tokens(tokens, |literals, copy| {
        for &byte in literals {
            complete &= codes.put_literal(bits, byte);
        }
        if let Some(copy) = copy {
            complete &= codes.put_copy(bits, copy);
        }
        bits.len() <= limit
    })?;
    complete &= codes.put_end(bits);
    complete.then_some(last == 1)
}

fn take_byte(input: &mut &[u8]) -> Option<u8> {
    input.split_off_first().copied()
}

/// Takes a header as it stands in the section.
fn take_header(blocks: &mut &[u8]) -> Option<Header> {
    let literals = usize::from(take_byte(blocks)?) + 257;
    let distances = usize::from(take_byte(blocks)?) + 1;
    let sent = usize::from(take_byte(blocks)?);
    if literals > MOST_CODES.0 || distances > MOST_CODES.1 || !(4..=LENGTH_CODE_ORDER.len()).contains(&sent) {
        return None;
    }
    let length_code = blocks.split_off(..sent)?.to_vec();
    let mut header = Header { literals, distances, length_code, runs: Vec::new() };
    let mut given = 0;
    while given < literals + distances {
        let run = match take_byte(blocks)? {
            length @ 0..16 => Run { symbol: length, extra: 0 },
            byte @ 16..20 => Run { symbol: 16, extra: byte - 16 },
            byte @ 20..28 => Run { symbol: 17, extra: byte - 20 },
            byte @ 28..156 => Run { symbol: 18, extra: byte - 28 },
            _ => return None,
        };
        given += run.repeats();
        header.runs.push(run);
    }
    Some(header)
}
