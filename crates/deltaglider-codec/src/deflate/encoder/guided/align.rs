//! Finds where a plaintext goes on like another one: the encoder's affair, no format depends on it.
//!
//! Fingerprints that stand in the other one once lead from place to place, as far as they stand in the same order in both: the longest
//! such chain, as *patience diff* takes it (B. Cohen; the longest increasing subsequence by M. Fredman, *On computing the length of
//! longest increasing subsequences*, 1975).

use super::guide::Stretch;
use crate::bytes::common;
use crate::fingerprints::{SAMPLED, sample};

/// So often what lies between two places is looked at by itself.
const DEPTH: u8 = 6;

/// The stretches of `plain` that `other` has, in the same order. Takes memory for half of both.
pub(super) fn align(other: &[u8], plain: &[u8]) -> Vec<Stretch> {
    let mut places = Vec::new();
    lead(&prints(other), &prints(plain), DEPTH, &mut places);
    let mut stretches = Vec::new();
    let alike = common(plain, other);
    let (mut at, mut there) = (alike, alike);
    for (next, next_there) in places {
        if next < at || next_there < there {
            continue;
        }
        // What is before the place may be the same as well.
        let back = plain[at..next].iter().rev().zip(other[there..next_there].iter().rev());
        let back = back.take_while(|(a, b)| a == b).count();
        let (from, from_there) = (next - back, next_there - back);
        if from_there - there != from - at {
            stretches.push(Stretch { at: from, from: from_there });
        }
        let alike = common(&plain[next..], &other[next_there..]);
        (at, there) = (next + alike, next_there + alike);
    }
    stretches
}

/// Fingerprints with the places where they end, in their order.
type Prints = Vec<(u32, u32)>;

fn prints(content: &[u8]) -> Prints {
    let mut prints = Vec::with_capacity(content.len() >> SAMPLED);
    sample(content, |hash, at| prints.push(((hash >> 20) as u32, at as u32)));
    prints
}

/// Appends the places that lead from start to end of both, in order: those that are alike in one way only, and between them those
/// that are so there.
fn lead(other: &[(u32, u32)], plain: &[(u32, u32)], depth: u8, places: &mut Vec<(usize, usize)>) {
    let chain = in_order(&pairs(other, plain));
    if chain.is_empty() {
        return;
    }
    let (mut other_from, mut plain_from) = (0, 0);
    for &(at, there) in chain.iter().chain([&(plain.len() as u32, other.len() as u32)]) {
        let (at, there) = (at as usize, there as usize);
        if depth > 0 && at > plain_from && there > other_from {
            lead(&other[other_from..there], &plain[plain_from..at], depth - 1, places);
        }
        if let (Some(print), Some(other_print)) = (plain.get(at), other.get(there)) {
            places.push((print.1 as usize, other_print.1 as usize));
        }
        (plain_from, other_from) = (at + 1, there + 1);
    }
}

/// Numbers of the same fingerprint in both, where it stands in `other` once, in the order of `plain`.
fn pairs(other: &[(u32, u32)], plain: &[(u32, u32)]) -> Vec<(u32, u32)> {
    const NONE: u32 = u32::MAX;
    const SEVERAL: u32 = u32::MAX - 1;
    let entries = (2 * other.len()).next_power_of_two();
    let slot = |hash: u32| hash as usize & (entries - 1);
    let mut table = vec![(0_u32, NONE); entries];
    for (number, &(hash, _)) in other.iter().enumerate() {
        let entry = &mut table[slot(hash)];
        // The first of two that share a slot stays, unless it is seen again.
        match entry.1 {
            NONE => *entry = (hash, number as u32),
            _ if entry.0 == hash => entry.1 = SEVERAL,
            _ => {}
        }
    }
    let mut pairs = Vec::new();
    for (number, &(hash, _)) in plain.iter().enumerate() {
        let (tag, there) = table[slot(hash)];
        if tag == hash && there < SEVERAL {
            pairs.push((number as u32, there));
        }
    }
    pairs
}

/// The longest chain of pairs that ascend on both sides.
fn in_order(pairs: &[(u32, u32)]) -> Prints {
    // The last pair of the best chain of each length, and the pair before each one.
    let mut ends: Vec<u32> = Vec::new();
    let mut before: Vec<u32> = Vec::with_capacity(pairs.len());
    for (number, pair) in pairs.iter().enumerate() {
        let length = ends.partition_point(|end| pairs[*end as usize].1 < pair.1);
        before.push(length.checked_sub(1).map_or(u32::MAX, |last| ends[last]));
        match ends.get_mut(length) {
            Some(end) => *end = number as u32,
            None => ends.push(number as u32),
        }
    }
    let mut chain = Vec::with_capacity(ends.len());
    let mut last = ends.last().copied();
    while let Some(number) = last.filter(|number| *number != u32::MAX) {
        chain.push(pairs[number as usize]);
        last = Some(before[number as usize]);
    }
    chain.reverse();
    chain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deflate::samples::sample;

    /// Applies the stretches: bytes of `plain` that stand where they say, less those that don't.
    fn alike(other: &[u8], plain: &[u8]) -> (usize, usize) {
        let stretches = align(other, plain);
        assert!(stretches.windows(2).all(|two| two[0].at < two[1].at && two[0].from < two[1].from), "{stretches:?}");
        let mut shift = 0;
        let mut next = stretches.iter().peekable();
        let same = (0..plain.len()).filter(|&at| {
            if let Some(stretch) = next.next_if(|stretch| stretch.at == at) {
                shift = stretch.from as isize - at as isize;
            }
            at.checked_add_signed(shift).and_then(|there| other.get(there)) == Some(&plain[at])
        });
        (same.count(), stretches.len())
    }

    #[test]
    fn what_was_put_in_and_taken_out_is_gone_around() {
        let other = sample(200_000);
        let plain = [&other[..50_000], b"something new", &other[50_000..90_000], &other[91_000..]].concat();
        let (same, stretches) = alike(&other, &plain);
        assert!(same >= plain.len() - 13 && stretches == 2, "{same} of {} in {stretches}", plain.len());
    }

    #[test]
    fn what_stands_in_both_twice_is_told_apart_by_what_is_around_it() {
        let (part, other) = (sample(30_000), sample(400_000));
        let three = [&other[100_000..200_000], &part, &other[200_000..300_000], &part, &other[300_000..]].concat();
        let plain = [&three[..120_000], b"new", &three[120_000..250_000], b"and new", &three[250_000..]].concat();
        let (same, stretches) = alike(&three, &plain);
        assert!(same + 1000 > plain.len() && stretches < 5, "{same} of {} in {stretches}", plain.len());
    }

    #[test]
    fn what_is_not_alike_has_no_stretches() {
        let noise = deltaglider_testkit::codec_conformance::noise(1, 100_000);
        assert_eq!(align(&sample(100_000), &noise), []);
        assert_eq!(align(&[], &noise), []);
        assert_eq!(align(&noise, &[]), []);
    }
}
