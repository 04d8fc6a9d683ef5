//! Finds the encoder that gives a stream.

use super::super::block::{BlockStart, Sink, read};
use super::Encoder;
use super::zlib::{Family, Parameters, Strategy};

/// Plaintext that a candidate encodes at first, and then, before it encodes all.
const TRIALS: [usize; 2] = [8 << 10, 128 << 10];
/// What the end of a trial may tell otherwise: a match cut short, and the choice before it.
const UNSURE: usize = 1024;
/// Candidates that begin to encode all of a long plaintext, at most; most are seen to be others in their first block.
const FULL_TRIALS: usize = 8;

/// The side of the encoder that gives `stream`, proven; None where none does.
pub(in super::super) fn detect(stream: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
    let start = Start::read(stream, TRIALS[1]);
    let mut full_trials = 0;
    for encoder in candidates(start.memory) {
        if !start.agrees(encoder, plain) {
            continue;
        }
        if encoder.deflate(plain, stream.len(), Some(stream)).is_some_and(|other| other == stream) {
            return Some(encoder.side());
        }
        full_trials += usize::from(plain.len() > TRIALS[1]);
        if full_trials == FULL_TRIALS {
            break;
        }
    }
    None
}

/// The side of the encoder that begins `stream` as it is, the first one of all.
pub(in super::super) fn likely(stream: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
    let start = Start::read(stream, TRIALS[1]);
    candidates(start.memory).into_iter().find(|encoder| start.agrees(*encoder, plain)).map(Encoder::side)
}

/// Every encoder with every setting, the usual ones first.
fn candidates(memory: Option<u8>) -> Vec<Encoder> {
    let levels = [6, 9, 1, 5, 7, 8, 4, 3, 2];
    let memories = memory.map_or(vec![8, 9], |memory| vec![memory]);
    let zlib = |level, strategy| {
        let families = [Family::Zlib, Family::Chromium].into_iter();
        let memories = &memories;
        families.flat_map(move |family| {
            memories.iter().map(move |&memory| Encoder::Zlib(Parameters { family, level, memory, strategy }))
        })
    };
    let mut candidates = Vec::new();
    for level in levels {
        candidates.extend(zlib(level, Strategy::Default));
        let strategy = Strategy::Default;
        candidates.push(Encoder::Zlib(Parameters { family: Family::Gzip, level, memory: 8, strategy }));
    }
    for level in levels {
        candidates.extend(memories.iter().map(|&memory| Encoder::ZlibRs { level, memory }));
        candidates.push(Encoder::Miniz { level });
    }
    candidates.push(Encoder::Miniz { level: 10 });
    for strategy in [Strategy::HuffmanOnly, Strategy::Rle] {
        candidates.extend(zlib(6, strategy));
    }
    for strategy in [Strategy::Filtered, Strategy::Fixed] {
        for level in levels {
            candidates.extend(zlib(level, strategy));
        }
    }
    candidates
}

/// The tokens that a stream begins with.
struct Start {
    /// Length and distance of each copy, 1 and 0 for a literal.
    tokens: Vec<(u16, u16)>,
    /// zlib's memory level, told by the number of tokens in the first block that is not the last.
    memory: Option<u8>,
    /// Plaintext of the tokens.
    plain: usize,
    enough: usize,
    /// Whether the block is the first and another follows.
    tells_memory: bool,
}

impl Start {
    /// The tokens of the first `enough` bytes of plaintext, or a little more.
    fn read(stream: &[u8], enough: usize) -> Self {
        let mut start = Self { tokens: Vec::new(), memory: None, plain: 0, enough, tells_memory: true };
        // It ends by having had enough.
        let _ = read(stream, &mut start);
        start
    }

    /// Whether `encoder` begins in the same way.
    fn agrees(&self, encoder: Encoder, plain: &[u8]) -> bool {
        TRIALS.into_iter().filter(|trial| *trial < plain.len()).all(|trial| {
            let sure = trial - UNSURE;
            encoder.deflate(&plain[..trial], 2 * trial, None).is_some_and(|stream| {
                let other = Self::read(&stream, trial);
                let mut at = 0;
                for (token, other) in self.tokens.iter().zip(&other.tokens) {
                    if token != other {
                        break;
                    }
                    at += usize::from(token.0);
                }
                at >= sure
            })
        })
    }

    fn push(&mut self, length: usize, distance: usize) -> bool {
        self.tokens.push((length as u16, distance as u16));
        self.plain += length;
        self.plain < self.enough || self.tells_memory
    }
}

impl Sink for Start {
    fn start(&mut self, last: bool, block: BlockStart<'_>) -> Option<()> {
        self.tells_memory &= !last;
        if let BlockStart::Stored { bytes, .. } = block {
            // A stored block hides the tokens that it was made of.
            self.tells_memory = false;
            self.tokens.extend(bytes.iter().map(|_| (1, 0)));
            self.plain += bytes.len();
        }
        (self.plain < self.enough || self.tells_memory).then_some(())
    }

    fn literal(&mut self, _: u8) -> bool {
        self.push(1, 0)
    }

    fn copy(&mut self, length: usize, distance: usize, _: bool) -> bool {
        self.push(length, distance)
    }

    fn end(&mut self) {
        if self.tells_memory {
            let full = self.tokens.len() + 1;
            self.memory = (1..=9).find(|memory| 1 << (memory + 6) == full);
            self.tells_memory = false;
        }
    }
}
