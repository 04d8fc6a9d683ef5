//! Where in the reference the bytes of the target stand.

use super::instructions::Instructions;
use super::plan::Plan;

/// Bytes by which a position is found.
const HASHED: usize = 8;
/// The shortest copy from anywhere, and from where the last one would go on.
const SHORTEST: usize = 16;
const SHORTEST_NEAR: usize = 8;
/// Positions of one hash that are looked at.
const DEPTH: usize = 16;
/// A copy of so many bytes is taken without looking for a longer one.
const LONG_ENOUGH: usize = 256;
/// After so many bytes that are new, every other one is passed over, and more later.
const PATIENCE: usize = 512;
const LONGEST_STEP: usize = 7;
const NONE: u32 = u32::MAX;

/// Positions of the reference, by what stands there.
pub(super) struct Index<'a> {
    reference: &'a [u8],
    stride: usize,
    shift: u32,
    /// The last position of each hash, in strides.
    head: Vec<u32>,
    /// The position before each one, of the same hash.
    previous: Vec<u32>,
}

impl<'a> Index<'a> {
    pub(super) fn new(reference: &'a [u8], plan: &Plan) -> Self {
        let stride = plan.stride();
        let entries = plan.table_entries();
        let mut index = Self {
            reference,
            stride,
            shift: 64 - entries.trailing_zeros(),
            head: vec![NONE; entries as usize],
            previous: vec![NONE; reference.len() / stride],
        };
        for (slot, at) in (0..reference.len().saturating_sub(HASHED - 1)).step_by(stride).enumerate() {
            let hash = index.hash(word(reference, at));
            if let Some(previous) = index.previous.get_mut(slot) {
                *previous = index.head[hash];
                index.head[hash] = slot as u32;
            }
        }
        index
    }

    pub(super) fn reference(&self) -> &'a [u8] {
        self.reference
    }

    #[inline]
    fn hash(&self, word: u64) -> usize {
        (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }
}

/// A copy that could be made.
#[derive(Clone, Copy, Debug, Default)]
struct Match {
    /// Its start in the window, and in the reference.
    at: usize,
    from: usize,
    length: usize,
}

/// Finds the copies of window after window.
pub(super) struct Matches<'a> {
    index: &'a Index<'a>,
}

impl<'a> Matches<'a> {
    pub(super) fn new(index: &'a Index<'a>) -> Self {
        Self { index }
    }

    /// Tells what a window is made of.
    pub(super) fn find(&mut self, window: &[u8], instructions: &mut Instructions) {
        let mut told = 0;
        let mut at = 0;
        // Where the reference would go on behind the last copy, less the place in the window.
        let mut diagonal: Option<isize> = None;
        while at + HASHED <= window.len() {
            let near = diagonal.and_then(|diagonal| self.near(window, at, told, diagonal));
            let mut best = match near {
                Some(near) if near.length >= 32 => near,
                _ => {
                    let far = self.far(window, at, told);
                    match near {
                        Some(near) if near.length + 8 >= far.length => near,
                        _ => far,
                    }
                }
            };
            if best.length == 0 {
                let passed = at - told;
                at += (1 + passed / PATIENCE * 2).min(LONGEST_STEP);
                continue;
            }
            // A longer one may begin at the next byte.
            while best.length < LONG_ENOUGH && at + 1 + HASHED <= window.len() {
                let next = self.far(window, at + 1, told);
                if next.length <= best.length + 1 {
                    break;
                }
                best = next;
                at += 1;
            }
            instructions.add(&window[told..best.at]);
            instructions.copy(best.from as u64, best.length);
            told = best.at + best.length;
            at = told;
            diagonal = Some(best.from as isize - best.at as isize);
        }
        instructions.add(&window[told..]);
    }

    /// The copy on the same diagonal as the last one.
    fn near(&self, window: &[u8], at: usize, told: usize, diagonal: isize) -> Option<Match> {
        let from = at.checked_add_signed(diagonal)?;
        let reference = self.index.reference;
        if from + HASHED > reference.len() || word(reference, from) != word(window, at) {
            return None;
        }
        let found = self.extend(window, at, told, from);
        (found.length >= SHORTEST_NEAR).then_some(found)
    }

    /// The longest copy that is found from anywhere; of length 0 where there is none.
    fn far(&self, window: &[u8], at: usize, told: usize) -> Match {
        let index = self.index;
        let wanted = word(window, at);
        let mut slot = index.head[index.hash(wanted)];
        let mut best = Match::default();
        for _ in 0..DEPTH {
            if slot == NONE {
                break;
            }
            let from = slot as usize * index.stride;
            if word(index.reference, from) == wanted {
                let found = self.extend(window, at, told, from);
                if found.length > best.length {
                    best = found;
                    if best.length >= LONG_ENOUGH {
                        break;
                    }
                }
            }
            slot = index.previous[slot as usize];
        }
        if best.length >= SHORTEST { best } else { Match::default() }
    }

    /// All that is the same around a place that is.
    fn extend(&self, window: &[u8], at: usize, told: usize, from: usize) -> Match {
        let reference = self.index.reference;
        let forward = common(&window[at..], &reference[from..]);
        let before = window[told..at].iter().rev().zip(reference[..from].iter().rev());
        let back = before.take_while(|(one, other)| one == other).count();
        Match { at: at - back, from: from - back, length: back + forward }
    }
}

#[inline]
fn word(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
}

/// Bytes that both begin with.
#[inline]
fn common(one: &[u8], other: &[u8]) -> usize {
    let (words, others) = (one.chunks_exact(8), other.chunks_exact(8));
    let mut length = 0;
    for (word, other) in words.zip(others) {
        let differing = u64::from_le_bytes(word.try_into().unwrap_or_default())
            ^ u64::from_le_bytes(other.try_into().unwrap_or_default());
        if differing != 0 {
            return length + differing.trailing_zeros() as usize / 8;
        }
        length += 8;
    }
    length + one[length..].iter().zip(&other[length..]).take_while(|(one, other)| one == other).count()
}
