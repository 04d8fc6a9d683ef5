//! Which copies a window is made of.

use super::index::{Index, Recent, word};
use super::instructions::Instructions;

/// Bytes that are compared at once.
const WORD: usize = 8;
/// A copy of so many bytes is taken without looking for a better one.
const LONG_ENOUGH: usize = 400;
/// Where a copy close by has so many bytes, none is sought in the whole reference.
const GOOD_ENOUGH: usize = 64;
/// After so many bytes that are new, every other one is passed over, and more later.
const PATIENCE: usize = 512;
const LONGEST_STEP: usize = 7;
/// A better copy may begin so many bytes later.
const LOOK_AHEAD: usize = 8;
/// What things cost, in parts of a byte of delta: an instruction, the address of one on a diagonal of the last few copies, and each
/// byte of another address. They are more than they take unpacked, since new bytes pack better where fewer copies cut them.
const BYTE: i64 = 64;
const INSTRUCTION: i64 = 136;
const KNOWN_ADDRESS: i64 = 16;
const ADDRESS_BYTE: i64 = 80;
/// A new byte costs as much of one as zstd makes of it, to this power: LZMA has seen more.
const SHARE_POWER: f64 = 1.3;
const LEAST_LITERAL: i64 = 5;
/// How bytes are sampled to see what they are worth.
const SAMPLES: usize = 8;
const SAMPLE: usize = 32 << 10;

/// A copy that could be made.
#[derive(Clone, Copy, Debug, Default)]
struct Match {
    /// Its start in the window, and in the reference.
    at: usize,
    from: usize,
    length: usize,
    /// What it saves.
    gain: i64,
}

/// Finds the copies of window after window.
pub(super) struct Matches<'a> {
    index: &'a Index<'a>,
    recent: Recent,
}

impl<'a> Matches<'a> {
    pub(super) fn new(index: &'a Index<'a>) -> Self {
        Self { index, recent: Recent::new() }
    }

    /// Tells what a window is made of.
    pub(super) fn find(&mut self, window: &[u8], instructions: &mut Instructions) {
        let literal = literal_cost(window);
        self.recent.clear();
        let mut search = Search { index: self.index, recent: &mut self.recent, window, literal, told: 0 };
        let mut at = 0;
        while at + WORD <= window.len() {
            let mut best = search.best(at, instructions);
            if best.gain <= 0 {
                let passed = at - search.told;
                at += (1 + passed / PATIENCE * 2).min(LONGEST_STEP);
                continue;
            }
            let mut ahead = 1;
            while ahead <= LOOK_AHEAD && best.length < LONG_ENOUGH && at + ahead + WORD <= window.len() {
                let next = search.best(at + ahead, instructions);
                if next.gain > best.gain {
                    best = next;
                    at += ahead;
                    ahead = 1;
                } else {
                    ahead += 1;
                }
            }
            instructions.add(&window[search.told..best.at]);
            instructions.copy(best.from as u64, best.length);
            let told = best.at + best.length;
            search.told = told;
            at = told;
        }
        instructions.add(&window[search.told..]);
    }
}

struct Search<'a, 'b> {
    index: &'a Index<'a>,
    recent: &'b mut Recent,
    window: &'b [u8],
    literal: i64,
    /// What comes before is told by instructions.
    told: usize,
}

impl Search<'_, '_> {
    /// The copy that saves most of those that hold this byte and the next ones.
    fn best(&mut self, at: usize, instructions: &Instructions) -> Match {
        let reference = self.index.reference();
        let (cache, here) = instructions.addresses();
        let wanted = word(self.window, at);
        let mut best = Match::default();
        let here_at = here + (at - self.told) as u64;
        for distance in cache.distances() {
            let Some(from) = here_at.checked_sub(distance).map(|from| from as usize) else { continue };
            if from + WORD <= reference.len() && (word(reference, from) ^ wanted).trailing_zeros() >= 32 {
                let found = self.extend(at, from, instructions);
                if found.gain > best.gain {
                    best = found;
                    if best.length >= GOOD_ENOUGH {
                        return best;
                    }
                }
            }
        }
        self.recent.move_to(self.window, at);
        if let Some(from) = self.recent.find(self.window, wanted).filter(|from| *from < at) {
            let found = self.extend_recent(at, from, instructions);
            if found.gain > best.gain {
                best = found;
            }
        }
        if best.length >= GOOD_ENOUGH {
            return best;
        }
        for from in self.index.find(wanted) {
            let found = self.extend(at, from, instructions);
            if found.gain > best.gain {
                best = found;
                if best.length >= LONG_ENOUGH {
                    break;
                }
            }
        }
        best
    }

    /// All that is the same around a place in the reference.
    #[inline]
    fn extend(&self, at: usize, from: usize, instructions: &Instructions) -> Match {
        let reference = self.index.reference();
        self.weigh(at, from, common_around(&self.window[self.told..], at - self.told, reference, from), 0, instructions)
    }

    /// All that is the same around an earlier place in the window.
    #[inline]
    fn extend_recent(&self, at: usize, from: usize, instructions: &Instructions) -> Match {
        let around = common_around(&self.window[self.told..], at - self.told, self.window, from);
        self.weigh(at, from, around, self.index.reference().len(), instructions)
    }

    #[inline]
    fn weigh(
        &self,
        at: usize,
        from: usize,
        (back, forward): (usize, usize),
        base: usize,
        instructions: &Instructions,
    ) -> Match {
        let (at, from, length) = (at - back, base + from - back, back + forward);
        let (cache, here) = instructions.addresses();
        let here = here + (at - self.told) as u64;
        let address = match cache.is_known(from as u64, here) {
            true => KNOWN_ADDRESS,
            false => ADDRESS_BYTE * cache.cost(from as u64, here) as i64,
        };
        Match { at, from, length, gain: length as i64 * self.literal - INSTRUCTION - address }
    }
}

/// Bytes before and behind a place that stand around another one as well.
#[inline]
fn common_around(window: &[u8], at: usize, other: &[u8], from: usize) -> (usize, usize) {
    let before = window[..at].iter().rev().zip(other[..from].iter().rev());
    (before.take_while(|(one, other)| one == other).count(), common(&window[at..], &other[from..]))
}

/// What a new byte of a window costs.
fn literal_cost(window: &[u8]) -> i64 {
    ((packed_share(window).powf(SHARE_POWER) * BYTE as f64) as i64).max(LEAST_LITERAL)
}

/// What zstd leaves of the bytes of a window, as a share of them.
pub(super) fn packed_share(window: &[u8]) -> f64 {
    let step = (window.len() / SAMPLES).max(1);
    let sample: Vec<u8> = window.chunks(step).flat_map(|piece| &piece[..piece.len().min(SAMPLE)]).copied().collect();
    let packed = zstd::bulk::compress(&sample, 3).map_or(sample.len(), |packed| packed.len());
    (packed as f64 / sample.len().max(1) as f64).min(1.0)
}

/// Bytes that both begin with.
#[inline]
fn common(one: &[u8], other: &[u8]) -> usize {
    let (words, others) = (one.chunks_exact(WORD), other.chunks_exact(WORD));
    let mut length = 0;
    for (word, other) in words.zip(others) {
        let differing = u64::from_le_bytes(word.try_into().unwrap_or_default())
            ^ u64::from_le_bytes(other.try_into().unwrap_or_default());
        if differing != 0 {
            return length + differing.trailing_zeros() as usize / 8;
        }
        length += WORD;
    }
    length + one[length..].iter().zip(&other[length..]).take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use deltaglider_testkit::codec_conformance::{noise, text};

    use super::super::plan::Plan;
    use super::*;
    use crate::vcdiff::window::{self, Sections, Source};

    /// What a window's instructions hold: bytes of data, of codes and of addresses.
    fn found(reference: &[u8], window: &[u8]) -> [usize; 3] {
        let plan = Plan::choose(reference.len() as u64, window.len() as u64, 1 << 30).expect("fits");
        let index = Index::new(reference, &plan);
        let mut instructions = Instructions::default();
        instructions.clear(reference.len() as u64);
        Matches::new(&index).find(window, &mut instructions);
        let [data, codes, addresses] = instructions.sections();
        let mut given = Vec::new();
        let sections = Sections { data, instructions: codes, addresses };
        window::apply(sections, Source::Held(reference), reference.len() as u64, window.len(), &mut given)
            .expect("applied");
        assert!(given == window);
        [data, codes, addresses].map(<[u8]>::len)
    }

    #[test]
    fn what_moved_is_copied() {
        let reference = noise(1, 300_000);
        let window = [&reference[200_001..], b"between", &reference[..200_001]].concat();
        let [data, codes, addresses] = found(&reference, &window);
        assert!((7..40).contains(&data) && codes < 20 && addresses < 20, "{data} {codes} {addresses}");
    }

    #[test]
    fn changed_bytes_are_told_alone() {
        let reference = noise(2, 200_000);
        let mut window = reference.clone();
        window.iter_mut().step_by(1000).for_each(|byte| *byte ^= 1);
        let [data, ..] = found(&reference, &window);
        assert!((200..260).contains(&data), "{data}");
    }

    #[test]
    fn repeats_of_all_kinds_are_taken() {
        for window in [vec![7; 100_000], b"ab".repeat(50_000), noise(3, 30_000).repeat(3)] {
            let [data, ..] = found(b"", &window);
            assert!(data < 40_000, "{data} of {}", window.len());
            assert!(found(&window, &window)[0] <= 8);
        }
        for short in [&b""[..], b"a", b"abcdefg", b"abcdefgh"] {
            assert_eq!(found(&text(1, 100), short)[0], short.len());
            found(short, &text(1, 100));
        }
    }
}
