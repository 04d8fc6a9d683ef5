//! zlib's deflate, made anew: the same bytes as zlib 1.2.5 and later give, and as Chromium's fork of it, which is
//! Node.js's, gives.
//!
//! It stands for the call that nearly all make: the whole input, one window of 32 KiB, no flush. Where zlib moves its
//! window and what it forgets then is told by `base`; apart from that, positions are those of the input.

use std::ops::Range;

use super::super::bits::BitWriter;
use super::super::block::LONGEST_MATCH;
use super::blocks::Blocks;
use crate::bytes::common;

const WINDOW: usize = 32768;
pub(super) const SHORTEST_MATCH: usize = 3;
/// Bytes that are wanted ahead of a position.
const AHEAD: usize = LONGEST_MATCH + SHORTEST_MATCH + 1;
pub(super) const LARGEST_DISTANCE: usize = WINDOW - AHEAD;
/// Copies of three bytes from farther away are not worth it.
pub(super) const TOO_FAR: usize = 4096;

/// What is so far away lies before any match.
const FAR: u16 = u16::MAX;

/// Programs that share the algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Family {
    /// Finds a match by three bytes.
    Zlib,
    /// Finds a match by four.
    Chromium,
    /// Ends blocks otherwise; its memory level is 8.
    Gzip,
}

/// zlib's strategies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Strategy {
    Default,
    Filtered,
    HuffmanOnly,
    Rle,
    Fixed,
}

/// What a stream was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Parameters {
    pub family: Family,
    /// 1 to 9.
    pub level: u8,
    /// 1 to 9.
    pub memory: u8,
    pub strategy: Strategy,
}

impl Parameters {
    /// Whether a match is weighed against that of the next byte.
    pub(super) fn is_lazy(self) -> bool {
        self.level >= 4 && !matches!(self.strategy, Strategy::HuffmanOnly | Strategy::Rle)
    }
}

/// What an encoder chooses for the next bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Token {
    /// Bytes that it stands for, 1 for a literal.
    pub length: u16,
    /// How far back they are copied from; 0 for a literal.
    pub distance: u16,
}

impl Token {
    pub(in super::super) const LITERAL: Self = Self { length: 1, distance: 0 };

    pub(in super::super) fn copy(length: usize, distance: usize) -> Self {
        Self { length: length as u16, distance: distance as u16 }
    }
}

/// The match at the position before, while it is weighed against that of the next one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weighed {
    length: usize,
    start: usize,
    pub(super) literal_waits: bool,
}

impl Weighed {
    pub(super) const NOTHING: Self = Self { length: SHORTEST_MATCH - 1, start: 0, literal_waits: false };
}

/// What a level stands for: zlib's `configuration_table`.
struct Search {
    good: usize,
    lazy: usize,
    nice: usize,
    chain: usize,
}

impl Search {
    fn of(level: u8) -> Self {
        let (good, lazy, nice, chain) = match level {
            1 => (4, 4, 8, 4),
            2 => (4, 5, 16, 8),
            3 => (4, 6, 32, 32),
            4 => (4, 4, 16, 16),
            5 => (8, 16, 32, 32),
            6 => (8, 16, 128, 128),
            7 => (8, 32, 128, 256),
            8 => (32, 128, 258, 1024),
            _ => (32, 258, 258, 4096),
        };
        Self { good, lazy, nice, chain }
    }
}

/// The stream that zlib gives for `plain`; None where it would be longer than `limit`, or is seen not to be `expected`.
pub(in super::super) fn deflate(
    plain: &[u8],
    parameters: Parameters,
    limit: usize,
    expected: Option<&[u8]>,
) -> Option<Vec<u8>> {
    let mut encoder = Encoder::new(plain, parameters, limit, expected);
    match parameters.strategy {
        Strategy::HuffmanOnly => encoder.literals_only(),
        Strategy::Rle => encoder.repeats_only(),
        _ if parameters.is_lazy() => encoder.slow(),
        _ => encoder.fast(),
    }?;
    encoder.finish()
}

pub(super) struct Encoder<'a> {
    pub(super) plain: &'a [u8],
    parameters: Parameters,
    search: Search,
    /// Start of the window; nothing at it or before it is found.
    base: usize,
    /// End of what the window holds.
    end: usize,
    slid: bool,
    pub(super) position: usize,
    /// All strings before it that may still be found are noted.
    inserted: usize,
    block_start: usize,
    /// The last position of each hash; 0 for none.
    head: Vec<u32>,
    /// How far before each position the one of the same hash is; [`FAR`] where it is no nearer.
    back: Box<[u16; WINDOW]>,
    hash_bits: u32,
    blocks: Blocks<'a>,
}

impl<'a> Encoder<'a> {
    pub(super) fn new(plain: &'a [u8], parameters: Parameters, limit: usize, expected: Option<&'a [u8]>) -> Self {
        let hash_bits = match parameters.family {
            Family::Zlib | Family::Gzip => u32::from(parameters.memory) + 7,
            Family::Chromium => (u32::from(parameters.memory) + 7).max(15),
        };
        // What zlib gives is never much longer than its input.
        let capacity = limit.min(plain.len() + plain.len() / 8 + 64);
        let symbols = if parameters.family == Family::Gzip { 1 << 15 } else { 1 << (parameters.memory + 6) } - 1;
        Self {
            plain,
            parameters,
            search: Search::of(parameters.level),
            base: 0,
            end: plain.len().min(2 * WINDOW),
            slid: false,
            position: 0,
            inserted: 0,
            block_start: 0,
            head: vec![0; 1 << hash_bits],
            back: Box::new([FAR; WINDOW]),
            hash_bits,
            blocks: Blocks::new(
                BitWriter::with_capacity(capacity),
                symbols,
                parameters.strategy == Strategy::Fixed,
                limit,
                expected,
            ),
        }
    }

    /// Bytes ahead in the window, which is filled where they are less than `wanted`.
    #[inline]
    fn ahead(&mut self, wanted: usize) -> usize {
        if self.end - self.position < wanted {
            self.fill();
        }
        self.end - self.position
    }

    #[cold]
    fn fill(&mut self) {
        if self.position - self.base >= WINDOW + LARGEST_DISTANCE {
            self.base += WINDOW;
            self.slid = true;
        }
        self.end = self.plain.len().min(self.base + 2 * WINDOW);
    }

    /// Notes the string at `position`; the one of the same hash before it, 0 for none.
    #[inline]
    fn insert(&mut self, position: usize) -> usize {
        let hash = match self.parameters.family {
            Family::Zlib | Family::Gzip => {
                let Some(three) = self.plain[position..].first_chunk() else { return 0 };
                hash_of_three(*three, self.hash_bits.div_ceil(3))
            }
            Family::Chromium => {
                let four = match self.plain[position..].first_chunk() {
                    Some(four) => *four,
                    None => std::array::from_fn(|index| self.beyond(position + index)),
                };
                hash_of_four(four)
            }
        };
        let slot = &mut self.head[(hash & ((1 << self.hash_bits) - 1)) as usize];
        let before = *slot;
        *slot = position as u32;
        self.back[position % WINDOW] = distance_back(position as u32, before);
        before as usize
    }

    /// Notes all strings of a range.
    fn insert_all(&mut self, range: Range<usize>) {
        let mask = (1 << self.hash_bits) - 1;
        // At the end of the input, strings are noted one by one.
        let whole = range.start..range.end.min(self.plain.len().saturating_sub(3)).max(range.start);
        let plain = &self.plain[range.start..];
        let (head, back) = (&mut self.head[..=mask as usize], &mut *self.back);
        let mut note = |position: usize, hash: u32| {
            let slot = &mut head[(hash & mask) as usize];
            back[position % WINDOW] = distance_back(position as u32, *slot);
            *slot = position as u32;
        };
        match self.parameters.family {
            Family::Zlib | Family::Gzip => {
                let shift = self.hash_bits.div_ceil(3);
                for (position, three) in whole.clone().zip(plain.windows(3)) {
                    note(position, hash_of_three([three[0], three[1], three[2]], shift));
                }
            }
            Family::Chromium => {
                for (position, four) in whole.clone().zip(plain.windows(4)) {
                    note(position, hash_of_four([four[0], four[1], four[2], four[3]]));
                }
            }
        }
        for position in whole.end..range.end {
            self.insert(position);
        }
    }

    /// The byte at `position`, past the end of the input too: what the window holds there.
    fn beyond(&self, position: usize) -> u8 {
        let stale = if self.slid { position.checked_sub(WINDOW) } else { None };
        self.plain.get(position).or_else(|| self.plain.get(stale?)).copied().unwrap_or(0)
    }

    /// Whether a match may begin at `found`.
    #[inline]
    fn is_near(&self, found: usize) -> bool {
        found > self.base && self.position - found <= LARGEST_DISTANCE
    }

    /// The longest match among those of the chain from `found` that is longer than `best`, else `best`; where it is.
    #[inline]
    fn longest(&self, mut found: usize, mut best: usize, ahead: usize) -> (usize, usize) {
        if best >= ahead {
            return (ahead, 0);
        }
        let mut chain = if best >= self.search.good { self.search.chain >> 2 } else { self.search.chain };
        let nice = self.search.nice.min(ahead);
        let oldest = self.base.max(self.position.saturating_sub(LARGEST_DISTANCE));
        let plain = self.plain;
        let scan = &plain[self.position..self.position + ahead.min(LONGEST_MATCH)];
        let mut start = 0;
        let mut last = [scan[best - 1], scan[best]];
        loop {
            // What ends otherwise is no longer.
            if plain[found + best - 1..].first_chunk() == Some(&last) {
                let length = common(scan, &plain[found..]);
                if length > best {
                    (best, start) = (length, found);
                    if length >= nice {
                        break;
                    }
                    last = [scan[best - 1], scan[best]];
                }
            }
            found = found.saturating_sub(usize::from(self.back[found % WINDOW]));
            chain -= 1;
            if found <= oldest || chain == 0 {
                break;
            }
        }
        (best, start)
    }

    /// Whether gzip ends the block before it is full, having looked at all before `position`.
    #[inline]
    fn ends_early(&self, position: usize) -> bool {
        self.parameters.family == Family::Gzip
            && self.parameters.level > 2
            && self.blocks.shrinks_well(position - self.block_start)
    }

    /// Ends the block, whose last byte is before `end`.
    #[inline]
    fn flush(&mut self, end: usize) -> Option<()> {
        let bytes = &self.plain[self.block_start..end];
        self.blocks.flush(bytes, self.block_start >= self.base, false)?;
        self.block_start = end;
        Some(())
    }

    /// Levels 1 to 3: the first match is taken.
    fn fast(&mut self) -> Option<()> {
        loop {
            let ahead = self.ahead(AHEAD);
            if ahead == 0 {
                return Some(());
            }
            let found = if ahead >= SHORTEST_MATCH { self.insert(self.position) } else { 0 };
            let (length, start) =
                if self.is_near(found) { self.longest(found, SHORTEST_MATCH - 1, ahead) } else { (0, 0) };
            let is_full;
            if length >= SHORTEST_MATCH {
                is_full = self.blocks.copy(length, self.position - start) || self.ends_early(self.position);
                if length <= self.search.lazy && ahead - length >= SHORTEST_MATCH {
                    self.insert_all(self.position + 1..self.position + length);
                }
                self.position += length;
            } else {
                is_full = self.blocks.literal(self.plain[self.position]) || self.ends_early(self.position);
                self.position += 1;
            }
            if is_full {
                self.flush(self.position)?;
            }
        }
    }

    /// Levels 4 to 9: a match is taken unless the next byte begins a longer one.
    fn slow(&mut self) -> Option<()> {
        let (mut weighed, mut at) = (Weighed::NOTHING, 0);
        while let Some(token) = self.weigh(&mut weighed) {
            self.put(at, token)?;
            at += usize::from(token.length);
        }
        Some(())
    }

    /// The next token; None at the end. After a literal, the match behind it is known in `weighed` already, and `position` is behind
    /// that.
    #[inline]
    pub(super) fn weigh(&mut self, weighed: &mut Weighed) -> Option<Token> {
        loop {
            let ahead = self.ahead(AHEAD);
            if ahead == 0 {
                break;
            }
            let found = if ahead >= SHORTEST_MATCH { self.note() } else { 0 };
            let (before, mut start) = (weighed.length, 0);
            let mut length = SHORTEST_MATCH - 1;
            if before < self.search.lazy && self.is_near(found) {
                (length, start) = self.longest(found, before, ahead);
                let filtered = self.parameters.strategy == Strategy::Filtered;
                let too_far = length == SHORTEST_MATCH && self.position - start > TOO_FAR;
                if length <= 5 && (filtered || too_far) {
                    length = SHORTEST_MATCH - 1;
                }
            }
            if before >= SHORTEST_MATCH && length <= before {
                let token = Token::copy(before, self.position - 1 - weighed.start);
                self.position += before - 1;
                *weighed = Weighed::NOTHING;
                return Some(token);
            }
            let literal_waited =
                std::mem::replace(weighed, Weighed { length, start, literal_waits: true }).literal_waits;
            self.position += 1;
            if literal_waited {
                return Some(Token::LITERAL);
            }
        }
        std::mem::take(&mut weighed.literal_waits).then_some(Token::LITERAL)
    }

    /// Notes the string at the position and those before it that are not noted yet; the one of the same hash before it, 0 for none.
    #[inline]
    fn note(&mut self) -> usize {
        if self.position < self.inserted {
            // It was looked at before, and the token of then was not taken.
            return self.position.saturating_sub(usize::from(self.back[self.position % WINDOW]));
        }
        self.insert_all(self.inserted.max(self.position.saturating_sub(WINDOW))..self.position);
        self.inserted = self.position + 1;
        self.insert(self.position)
    }

    /// Passes over a token without a search, as far as the window moves by it.
    #[inline]
    pub(super) fn pass(&mut self, at: usize) {
        self.position = at;
        self.ahead(AHEAD);
        if at + 1 < self.plain.len() {
            self.position = at + 1;
            self.ahead(AHEAD);
        }
    }

    /// Adds the token that begins at `at`, and ends the block where it is full. None where the stream is seen to be another.
    #[inline]
    pub(super) fn put(&mut self, at: usize, token: Token) -> Option<()> {
        let end = at + usize::from(token.length);
        let is_literal = token.distance == 0;
        let is_full = match is_literal {
            true => self.blocks.literal(self.plain[at]),
            false => self.blocks.copy(usize::from(token.length), usize::from(token.distance)),
        };
        // The last literal is added when all is over.
        if (is_full || self.ends_early(at + 1)) && !(is_literal && end == self.plain.len()) {
            self.flush(end)?;
        }
        Some(())
    }

    /// The stream, when all tokens are in it.
    pub(super) fn finish(mut self) -> Option<Vec<u8>> {
        // zlib comes to the end as to any other place, and the window may move there.
        self.position = self.plain.len();
        self.ahead(AHEAD);
        self.blocks.flush(&self.plain[self.block_start..], self.block_start >= self.base, true)?;
        Some(self.blocks.into_stream())
    }

    /// Only runs of one byte are copied.
    fn repeats_only(&mut self) -> Option<()> {
        loop {
            let ahead = self.ahead(LONGEST_MATCH + 1);
            if ahead == 0 {
                return Some(());
            }
            let mut length = 0;
            if ahead >= SHORTEST_MATCH && self.position > 0 {
                let scan = &self.plain[self.position..self.position + ahead.min(LONGEST_MATCH)];
                let byte = self.plain[self.position - 1];
                length = scan.iter().take_while(|other| **other == byte).count();
            }
            let is_full;
            if length >= SHORTEST_MATCH {
                is_full = self.blocks.copy(length, 1);
                self.position += length;
            } else {
                is_full = self.blocks.literal(self.plain[self.position]);
                self.position += 1;
            }
            if is_full {
                self.flush(self.position)?;
            }
        }
    }

    /// Nothing is copied.
    fn literals_only(&mut self) -> Option<()> {
        while self.ahead(1) > 0 {
            let is_full = self.blocks.literal(self.plain[self.position]);
            self.position += 1;
            if is_full {
                self.flush(self.position)?;
            }
        }
        Some(())
    }
}

#[inline]
fn hash_of_three([a, b, c]: [u8; 3], shift: u32) -> u32 {
    u32::from(a) << (2 * shift) ^ u32::from(b) << shift ^ u32::from(c)
}

#[inline]
fn hash_of_four(four: [u8; 4]) -> u32 {
    u32::from_le_bytes(four).wrapping_mul(66521).wrapping_add(66521) >> 16
}

/// What stands in `back` for a position and the one before it.
#[inline]
fn distance_back(position: u32, before: u32) -> u16 {
    (position - before).min(u32::from(FAR)) as u16
}

#[cfg(test)]
mod tests {
    use deltaglider_core::Sha256;

    use super::*;
    use crate::deflate::samples::sample;

    #[test]
    fn every_setting_gives_the_bytes_of_zlib() {
        compare(Family::Zlib, include_str!("../../../tests/vectors/zlib.txt"));
    }

    #[test]
    fn every_setting_gives_the_bytes_of_node() {
        compare(Family::Chromium, include_str!("../../../tests/vectors/node.txt"));
    }

    #[test]
    fn every_level_gives_the_bytes_of_gzip() {
        compare(Family::Gzip, include_str!("../../../tests/vectors/gzip.txt"));
    }

    /// Makes streams anew that are known by their digests.
    fn compare(family: Family, vectors: &str) {
        let plain = sample(300_000);
        let strategies = [Strategy::Default, Strategy::Filtered, Strategy::HuffmanOnly, Strategy::Rle, Strategy::Fixed];
        for line in vectors.lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split(' ').collect();
            let number = |field: usize| fields[field].parse::<usize>().unwrap();
            let strategy = strategies[number(3)];
            let parameters = Parameters { family, level: number(1) as u8, memory: number(2) as u8, strategy };
            let stream = deflate(&plain[..number(0)], parameters, number(4), None).unwrap();
            let digest: String = Sha256::of(&stream).0[..8].iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!((stream.len(), &digest[..]), (number(4), fields[5]), "{line}");
        }
    }

    #[test]
    fn the_limit_ends_the_work() {
        let parameters = Parameters { family: Family::Zlib, level: 6, memory: 8, strategy: Strategy::Default };
        assert!(deflate(&sample(300_000), parameters, 1000, None).is_none());
    }
}
