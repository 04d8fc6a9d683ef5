//! Fingerprints of a content: a gear hash's values at content-defined places, as content-defined chunking takes its borders (Xia et
//! al., *FastCDC*, USENIX ATC 2016). The same 64 bytes are found wherever they stand.

/// One place in so many is taken for a fingerprint, on average: 1 << 6.
pub(crate) const SAMPLED: u32 = 6;
/// No two fingerprints end nearer to each other: repeated bytes could give one at each.
const APART: usize = 16;
/// Bytes that a fingerprint is of.
pub(crate) const WINDOW: usize = 64;

/// Calls `found` with each fingerprint and where it ends. Of a run of the same one, as repeated bytes give, the first counts.
pub(crate) fn sample(content: &[u8], mut found: impl FnMut(u64, usize)) {
    let mut hash = 0_u64;
    let (mut last, mut next) = (0, WINDOW - 1);
    for (at, &byte) in content.iter().enumerate() {
        hash = (hash << 1).wrapping_add(GEAR[usize::from(byte)]);
        if hash >> (64 - SAMPLED) == 0 && at >= next && hash != last {
            (last, next) = (hash, at + APART);
            found(hash, at);
        }
    }
}

/// A random number for each byte (splitmix64).
const GEAR: [u64; 256] = {
    let mut table = [0; 256];
    let mut state = 0_u64;
    let mut byte = 0;
    while byte < 256 {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        table[byte] = mixed ^ (mixed >> 31);
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use deltaglider_testkit::codec_conformance::noise;

    use super::*;

    #[test]
    fn the_same_bytes_have_the_same_fingerprints_wherever_they_stand() {
        let (content, before) = (noise(1, 100_000), noise(2, 777));
        let of = |content: &[u8]| {
            let mut found = Vec::new();
            sample(content, |hash, at| found.push((hash, at)));
            found
        };
        let (plain, moved) = (of(&content), of(&[&before[..], &content].concat()));
        assert!((1000..2000).contains(&plain.len()), "{}", plain.len());
        let moved: Vec<_> = moved.into_iter().filter(|(_, at)| *at >= 777 + 63).collect();
        assert_eq!(moved, plain.iter().map(|(hash, at)| (*hash, at + 777)).collect::<Vec<_>>());
        assert!(of(&[0; 10_000]).len() < 2);
        // Of such a pair each byte would give one.
        assert!(of(&[0x35, 0x90].repeat(5000)).len() <= 10_000 / APART);
    }
}
