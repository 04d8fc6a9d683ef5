//! Any plaintext and side as those of a DEFLATE stream: a stream of the length asked for, or none.
#![no_main]

use deltaglider_codec::measure::{inflate, rebuild, represent, tokens};
use deltaglider_fuzz::{archives, joined, seed, split, within};
use libfuzzer_sys::fuzz_target;

fn seeds() -> Vec<Vec<u8>> {
    let seeds = archives().into_iter().flat_map(|archive| {
        let (plain, length) = (0..80).find_map(|at| inflate(archive.get(at..)?, 1 << 14)).filter(|(_, n)| *n > 100)?;
        let at = (0..80).find(|at| inflate(&archive[*at..], 1 << 14).is_some_and(|(_, found)| found == length))?;
        let stream = &archive[at..at + length];
        let length = u16::try_from(length).ok()?.to_le_bytes();
        let (kind, side) = represent(stream, &plain)?;
        let made = joined(&[&length[..], &[kind], &side].concat(), &plain)?;
        Some([made, joined(&[&length[..], &[2], &tokens(stream)?].concat(), &plain)?])
    });
    seeds.flatten().collect()
}

fuzz_target!(init: seed(seeds), |input: &[u8]| {
    let Some((head, plain)) = split(input) else { return };
    let Some((length, [kind, side @ ..])) = head.split_first_chunk() else { return };
    let length = usize::from(u16::from_le_bytes(*length));
    // The tables of an encoder, and what the parts give.
    let memory = (4 << 20) + 64 * (plain.len() + side.len() + length);
    let Some(stream) = within(memory as u64, || rebuild(*kind, plain, side, length)) else { return };
    assert_eq!(stream.len(), length);
});
