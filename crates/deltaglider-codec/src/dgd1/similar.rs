//! Finds the ranges of a reference that a part of a target resembles: the encoder's affair, no format depends on it.

use std::ops::Range;

use crate::bytes::common;
use crate::fingerprints::{SAMPLED, WINDOW, sample};

/// Ranges are made of blocks of so many bytes.
const BLOCK: usize = 1 << 15;
/// Fingerprints that a block of the reference shares with one of the target before it is taken for alike.
const LEAST_SHARED: u16 = 3;

/// What a place beside a copy counts for, in fingerprints.
const BESIDE: u32 = 4;
/// A stretch of the reference that is copied is at least so long: what tells of it takes about six bytes, and bytes beside what was
/// changed help to pack that.
const SHORTEST_COPY: usize = 512;

/// The fingerprints of a reference.
#[derive(Debug)]
pub(super) struct Fingerprints<'a> {
    reference: &'a [u8],
    /// Tag of a fingerprint and where it ends, at the place that its hash names; the last one stays.
    table: Vec<(u32, u32)>,
    mask: usize,
}

/// A stretch of a content that stands in the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Copied {
    /// Where it is in the content.
    pub(super) within: Range<usize>,
    /// Where it begins in the reference.
    pub(super) from: usize,
}

impl<'a> Fingerprints<'a> {
    /// Takes those of `reference`: an eighth to a quarter of its bytes.
    pub(super) fn of(reference: &'a [u8]) -> Self {
        let entries = (reference.len() >> SAMPLED).next_power_of_two().max(1 << 8);
        let mut own = Self { reference, table: vec![(0, u32::MAX); entries], mask: entries - 1 };
        sample(reference, |hash, at| {
            let slot = own.slot(hash);
            own.table[slot] = (hash as u32, at as u32);
        });
        own
    }

    fn slot(&self, hash: u64) -> usize {
        (hash >> 20) as usize & self.mask
    }

    /// Where the fingerprint ends in the reference.
    fn find(&self, hash: u64) -> Option<usize> {
        let (tag, at) = self.table[self.slot(hash)];
        (at != u32::MAX && tag == hash as u32).then_some(at as usize)
    }

    /// The long stretches of `content` that stand in the reference, ascending and apart; `from` is where the copy before it ended.
    pub(super) fn copies(&self, content: &[u8], from: usize) -> Vec<Copied> {
        let mut copies: Vec<Copied> = Vec::new();
        let (mut end, mut from) = (0, from);
        sample(content, |hash, at| {
            if at < end {
                return;
            }
            // As before rather than somewhere else: such a copy takes fewer bytes.
            let before = from + (at - end);
            let window = &content[at + 1 - WINDOW.min(at + 1)..=at];
            let as_before = (before + 1).checked_sub(window.len()).and_then(|start| self.reference.get(start..=before));
            let found = if as_before == Some(window) { Some(before) } else { self.find(hash) };
            let Some(there) = found else { return };
            let back = content[end..=at].iter().rev().zip(self.reference[..=there].iter().rev());
            let back = back.take_while(|(one, other)| one == other).count();
            let ahead = common(&content[at + 1..], &self.reference[there + 1..]);
            if back + ahead >= SHORTEST_COPY {
                let within = at + 1 - back..at + 1 + ahead;
                end = within.end;
                from = there + 1 + ahead;
                copies.push(Copied { within, from: there + 1 - back });
            }
        });
        copies
    }

    /// The ranges that `part` resembles, ascending and apart, of at most `limit` bytes in all. What was copied before and behind it
    /// ends and begins at the places `beside`.
    pub(super) fn alike(&self, part: &[u8], beside: &[usize], limit: usize) -> Vec<Range<usize>> {
        if self.reference.len() <= limit {
            return if self.reference.is_empty() {
                Vec::new()
            } else {
                std::iter::once(0..self.reference.len()).collect()
            };
        }
        let blocks = self.reference.len().div_ceil(BLOCK);
        let mut shared = vec![0_u16; blocks];
        let mut wanted = vec![0_u32; blocks];
        let mut touched = Vec::new();
        for piece in part.chunks(BLOCK) {
            sample(piece, |hash, _| {
                if let Some(block) = self.find(hash).map(|at| at / BLOCK) {
                    if shared[block] == 0 {
                        touched.push(block);
                    }
                    shared[block] = shared[block].saturating_add(1);
                }
            });
            for block in touched.drain(..) {
                let count = std::mem::take(&mut shared[block]);
                if count >= LEAST_SHARED {
                    wanted[block] += u32::from(count);
                }
            }
        }
        for at in beside {
            if let Some(count) = wanted.get_mut(at / BLOCK) {
                *count += BESIDE;
            }
        }
        self.choose(&wanted, limit)
    }

    /// The blocks that share most, with their neighbours, until there are enough.
    fn choose(&self, wanted: &[u32], limit: usize) -> Vec<Range<usize>> {
        let mut order: Vec<usize> = (0..wanted.len()).filter(|&block| wanted[block] > 0).collect();
        order.sort_by_key(|&block| (std::cmp::Reverse(wanted[block]), block));
        let mut taken = vec![false; wanted.len()];
        let mut left = limit / BLOCK;
        for block in order {
            for near in block.saturating_sub(1)..(block + 2).min(taken.len()) {
                if left > 0 && !taken[near] {
                    taken[near] = true;
                    left -= 1;
                }
            }
        }
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for block in (0..taken.len()).filter(|&block| taken[block]) {
            let range = block * BLOCK..((block + 1) * BLOCK).min(self.reference.len());
            match ranges.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => ranges.push(range),
            }
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use deltaglider_testkit::codec_conformance::noise;

    use super::*;

    #[test]
    fn what_moved_is_found() {
        let reference = noise(1, 4 << 20);
        let prints = Fingerprints::of(&reference);
        let part =
            [&noise(2, 100_001)[..], &reference[1_000_003..1_200_000], &reference[3_000_000..3_100_000]].concat();
        let found = prints.alike(&part, &[], 1 << 20);
        for wanted in [1_000_003..1_200_000, 3_000_000..3_100_000] {
            assert!(found.iter().any(|range| range.start <= wanted.start && range.end >= wanted.end), "{found:?}");
        }
        let bytes: usize = found.iter().map(ExactSizeIterator::len).sum();
        assert!(bytes < 500_000, "{found:?}");
    }

    #[test]
    fn nothing_is_found_where_nothing_is_alike() {
        let reference = noise(3, 2 << 20);
        let prints = Fingerprints::of(&reference);
        assert!(prints.alike(&noise(4, 1 << 20), &[], 1 << 20).is_empty());
        assert!(prints.alike(&vec![0; 1 << 20], &[], 1 << 20).is_empty());
        assert!(Fingerprints::of(&[]).alike(&noise(5, 1000), &[], 1 << 20).is_empty());
    }

    #[test]
    fn the_limit_holds() {
        let reference = noise(6, 2 << 20);
        let found = Fingerprints::of(&reference).alike(&reference, &[], 1 << 19);
        assert_eq!(found.iter().map(ExactSizeIterator::len).sum::<usize>(), 1 << 19);
    }
}
