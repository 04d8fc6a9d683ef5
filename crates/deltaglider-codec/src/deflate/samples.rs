//! Streams for the tests of the room.

use super::bits::BitWriter;
use super::encoder::samples::every_encoder;
use super::huffman::{FIXED_DISTANCES, fixed_literals};
use super::symbols::{Codes, Copy, put_header};
use super::trees::Frequencies;

/// Numbers, noise and runs; `tests/vectors/zlib.txt` is made of the same.
pub(super) fn sample(length: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut bytes = Vec::new();
    while bytes.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        match (state >> 33) % 600 {
            kind @ 0..20 => bytes.extend(std::iter::repeat_n((state >> 40) as u8, kind as usize * 20)),
            20..60 => bytes.extend_from_slice(&state.to_le_bytes()),
            kind => bytes.extend_from_slice(format!("{};", kind * kind / 97).as_bytes()),
        }
    }
    bytes.truncate(length);
    bytes
}

/// What each encoder gives with each setting, and its name.
pub(super) fn streams(plain: &[u8]) -> Vec<(String, Vec<u8>)> {
    every_encoder(plain)
}

/// A stream that `choices` choose: blocks of every kind, copies of every length and distance.
pub(crate) fn valid_stream(choices: &[u8]) -> Vec<u8> {
    let mut bits = BitWriter::with_capacity(0);
    let mut plain = 0;
    for block in choices.chunks(40) {
        let kind = block[0] % 3;
        bits.put(u32::from(kind) << 1, 3);
        if kind == 0 {
            bits.pad(block[0]);
            bits.put_bytes(&(block.len() as u16).to_le_bytes());
            bits.put_bytes(&(!(block.len() as u16)).to_le_bytes());
            bits.put_bytes(block);
            plain += block.len();
            continue;
        }
        let codes = if kind == 1 {
            Codes::new(&fixed_literals(), &FIXED_DISTANCES)
        } else {
            let mut frequencies = Frequencies::new();
            for (index, count) in frequencies.literals.iter_mut().enumerate() {
                *count = 1 + u32::from(block[index % block.len()]);
            }
            for (index, count) in frequencies.distances.iter_mut().enumerate() {
                *count = 1 + u32::from(block[index % block.len()]);
            }
            put_header(&mut bits, &frequencies.header()).unwrap()
        };
        for four in block.chunks(4) {
            let &[a, b, c, d] = four else { continue };
            codes.put_literal(&mut bits, a);
            plain += 1;
            let distance = usize::from(u16::from_le_bytes([b, c])) % plain.min(32768) + 1;
            let length = usize::from(d) + 3;
            codes.put_copy(&mut bits, Copy { length, distance, long_form: length == 258 && a % 2 == 0 });
            plain += length;
        }
        codes.put_end(&mut bits);
    }
    // An empty last block, and odd bits after it.
    bits.put(0b011, 3);
    bits.put(0, 7);
    bits.pad(choices.first().copied().unwrap_or(0));
    bits.into_bytes()
}

/// A dynamic block with nothing in it: symbols with their code lengths, the end of the block as 0, and those of distances.
pub(super) fn empty_block(literals: &[(u8, u8)], distances: &[u8]) -> Vec<u8> {
    let mut lengths = [0; 257];
    for &(symbol, length) in literals {
        lengths[if symbol == 0 { 256 } else { usize::from(symbol) }] = length;
    }
    let mut bits = BitWriter::with_capacity(0);
    bits.put(0b101, 3);
    // One distance at least, eighteen lengths of the code of code lengths, which has 0, 1 and 2.
    bits.put(0, 5);
    bits.put(distances.len().max(1) as u32 - 1, 5);
    bits.put(14, 4);
    for symbol in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1] {
        bits.put([1, 2, 2].get(symbol).copied().unwrap_or(0), 3);
    }
    let none = [0];
    for &length in lengths.iter().chain(if distances.is_empty() { &none } else { distances }) {
        let (code, count) = [(0b0, 1), (0b01, 2), (0b11, 2)][usize::from(length)];
        bits.put(code, count);
    }
    // The end of the block has the last code of its length.
    let end = u32::from(lengths[256]);
    bits.put(if literals.len() == 1 { 0 } else { (1 << end) - 1 }, end.max(1));
    bits.pad(0);
    bits.into_bytes()
}

/// Streams at the edges of the format.
pub(super) fn odd_streams() -> Vec<Vec<u8>> {
    let fixed = Codes::new(&fixed_literals(), &FIXED_DISTANCES);
    let mut far = BitWriter::with_capacity(0);
    for _ in 0..2 {
        // Stored blocks after odd bits, an empty one too, as flushes leave them.
        far.put(0, 3);
        far.pad(0b10101);
        far.put_bytes(&[0, 0, 0xff, 0xff]);
        far.put(0, 3);
        far.pad(0);
        far.put_bytes(&[0xff, 0x7f, 0, 0x80]);
        far.put_bytes(&[b'x'; 32767]);
    }
    far.put(0b011, 3);
    fixed.put_literal(&mut far, 200);
    for long_form in [true, false, true] {
        fixed.put_copy(&mut far, Copy { length: 258, distance: 32768, long_form });
    }
    fixed.put_copy(&mut far, Copy { length: 3, distance: 1, long_form: false });
    fixed.put_end(&mut far);
    far.pad(0x7f);
    let all: Vec<u8> = (0..=255).cycle().take(4000).collect();
    vec![far.into_bytes(), vec![3, 0], vec![1, 0, 0, 0xff, 0xff], valid_stream(&all), valid_stream(&[2; 4000])]
}
