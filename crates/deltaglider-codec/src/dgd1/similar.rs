//! Finds the ranges of a reference that a part of a target resembles: the encoder's affair, no format depends on it.

use std::ops::Range;

use crate::fingerprints::{SAMPLED, sample};

/// Ranges are made of blocks of so many bytes.
const BLOCK: usize = 1 << 15;
/// Fingerprints that a block of the reference shares with one of the target before it is taken for alike.
const LEAST_SHARED: u16 = 3;

/// The fingerprints of a reference.
#[derive(Debug)]
pub(super) struct Fingerprints {
    /// Tag and block of a fingerprint, at the place that its hash names; the last one stays.
    table: Vec<(u32, u32)>,
    mask: usize,
    length: usize,
}

impl Fingerprints {
    /// Takes those of `content`: eight bytes for each 32 of it.
    pub(super) fn of(content: &[u8]) -> Self {
        let entries = (content.len() >> (SAMPLED - 1)).next_power_of_two().max(1 << 8);
        let mut own = Self { table: vec![(0, u32::MAX); entries], mask: entries - 1, length: content.len() };
        sample(content, |hash, at| {
            let slot = own.slot(hash);
            own.table[slot] = (hash as u32, (at / BLOCK) as u32);
        });
        own
    }

    fn slot(&self, hash: u64) -> usize {
        (hash >> 20) as usize & self.mask
    }

    /// The ranges that `part` resembles, ascending and apart, of at most `limit` bytes in all.
    pub(super) fn alike(&self, part: &[u8], limit: usize) -> Vec<Range<usize>> {
        let blocks = self.length.div_ceil(BLOCK);
        let mut shared = vec![0_u16; blocks];
        let mut wanted = vec![0_u32; blocks];
        let mut touched = Vec::new();
        for piece in part.chunks(BLOCK) {
            sample(piece, |hash, _| {
                let (tag, block) = self.table[self.slot(hash)];
                if block != u32::MAX && tag == hash as u32 {
                    if shared[block as usize] == 0 {
                        touched.push(block as usize);
                    }
                    shared[block as usize] = shared[block as usize].saturating_add(1);
                }
            });
            for block in touched.drain(..) {
                let count = std::mem::take(&mut shared[block]);
                if count >= LEAST_SHARED {
                    wanted[block] += u32::from(count);
                }
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
            let range = block * BLOCK..((block + 1) * BLOCK).min(self.length);
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
        let found = prints.alike(&part, 1 << 20);
        for wanted in [1_000_003..1_200_000, 3_000_000..3_100_000] {
            assert!(found.iter().any(|range| range.start <= wanted.start && range.end >= wanted.end), "{found:?}");
        }
        let bytes: usize = found.iter().map(ExactSizeIterator::len).sum();
        assert!(bytes < 500_000, "{found:?}");
    }

    #[test]
    fn nothing_is_found_where_nothing_is_alike() {
        let prints = Fingerprints::of(&noise(3, 1 << 20));
        assert!(prints.alike(&noise(4, 1 << 20), 1 << 20).is_empty());
        assert!(prints.alike(&vec![0; 1 << 20], 1 << 20).is_empty());
        assert!(Fingerprints::of(&[]).alike(&noise(5, 1000), 1 << 20).is_empty());
    }

    #[test]
    fn the_limit_holds() {
        let reference = noise(6, 2 << 20);
        let found = Fingerprints::of(&reference).alike(&reference, 1 << 19);
        assert_eq!(found.iter().map(ExactSizeIterator::len).sum::<usize>(), 1 << 19);
    }
}
