//! Files that are made, and what edits make of them.

use crate::random::Random;

/// The most bytes of a file that is made.
const LARGEST: u64 = 40_000_000;
/// Bytes that one edit takes or gives, at most.
const EDIT: u64 = 20_000;

/// A reference and a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) reference: Vec<u8>,
    pub(super) target: Vec<u8>,
}

impl Content {
    /// A pair of any size, mostly small, whose target is mostly made from the reference.
    pub(super) fn random(random: &mut Random) -> Self {
        let reference = file(random);
        let target = if random.below(8) == 0 { file(random) } else { edited(random, &reference) };
        Self { reference, target }
    }
}

fn file(random: &mut Random) -> Vec<u8> {
    let most = [1, 100, 10_000, 1_000_000, 1_000_000, 10_000_000, LARGEST][random.below(7) as usize];
    let size = random.below(most + 1) as usize;
    let mut bytes = Vec::with_capacity(size);
    while bytes.len() < size {
        let rest = size - bytes.len();
        let piece = if random.below(2) == 0 { rest } else { rest.min(random.below(1_000_000) as usize + 1) };
        append(random, piece, &mut bytes);
    }
    bytes
}

/// Appends noise, text, a run, or a repeat.
fn append(random: &mut Random, size: usize, bytes: &mut Vec<u8>) {
    let end = bytes.len() + size;
    match random.below(5) {
        0 | 1 => {
            while bytes.len() < end {
                bytes.extend_from_slice(&random.number().to_le_bytes());
            }
        }
        2 | 3 => {
            while bytes.len() < end {
                let word = random.below(3000);
                bytes.extend_from_slice(format!("w{:x} ", word * word * 7919).as_bytes());
            }
        }
        _ => {
            let period = random.below(300) as usize + 1;
            let unit: Vec<u8> = (0..period).map(|_| random.number() as u8).collect();
            bytes.extend(unit.iter().cycle().take(size));
        }
    }
    bytes.truncate(end);
}

/// What insertions, deletions, changes, moves, copies and runs make of a file.
fn edited(random: &mut Random, reference: &[u8]) -> Vec<u8> {
    let edits = [0, 1, 5, 50, 500][random.below(5) as usize];
    let mut places: Vec<usize> = (0..edits).map(|_| random.below(reference.len() as u64 + 1) as usize).collect();
    places.sort_unstable();
    let mut target = Vec::with_capacity(reference.len());
    let mut at = 0;
    for place in places {
        target.extend_from_slice(&reference[at.min(place)..place]);
        at = at.max(place);
        let most = if random.below(2) == 0 { 16 } else { EDIT };
        let size = random.below(most) as usize + 1;
        match random.below(5) {
            0 => append(random, size, &mut target),
            1 => at = (at + size).min(reference.len()),
            2 => {
                append(random, size, &mut target);
                at = (at + size).min(reference.len());
            }
            3 => {
                let from = random.below(reference.len() as u64 + 1) as usize;
                target.extend_from_slice(&reference[from..(from + size).min(reference.len())]);
            }
            _ => {
                let from = random.below(target.len() as u64 + 1) as usize;
                target.extend_from_within(from..(from + size).min(target.len()));
            }
        }
    }
    target.extend_from_slice(&reference[at..]);
    target
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_the_same_for_the_same_seed_and_of_all_sizes() {
        let sizes: Vec<usize> = (0..24).map(|seed| Content::random(&mut Random::new(seed)).target.len()).collect();
        assert_eq!(Content::random(&mut Random::new(3)), Content::random(&mut Random::new(3)));
        assert!(sizes.iter().any(|size| *size < 10_000) && sizes.iter().any(|size| *size > 1_000_000), "{sizes:?}");
        assert!(sizes.iter().all(|size| *size < 2 * LARGEST as usize));
    }
}
