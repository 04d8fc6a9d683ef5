//! Any plaintext and side as those of a DEFLATE stream: a stream of the length asked for, or none.
#![no_main]

use std::sync::LazyLock;

use deltaglider_codec::measure::{guide, inflate, rebuild, represent, tokens};
use deltaglider_fuzz::{archives, joined, seed, split, within};
use libfuzzer_sys::fuzz_target;

/// The streams that archives hold, as far as they are not too long, with their plaintext.
fn streams() -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    archives().into_iter().filter_map(|archive| {
        let (at, (plain, length)) = (0..80).find_map(|at| {
            let found = inflate(archive.get(at..)?, 1 << 14).filter(|(_, length)| *length > 100)?;
            Some((at, found))
        })?;
        Some((archive[at..at + length].to_vec(), plain))
    })
}

/// The one that guides the others.
static OTHER: LazyLock<Vec<u8>> = LazyLock::new(|| streams().next().map_or(Vec::new(), |(stream, _)| stream));

fn seeds() -> Vec<Vec<u8>> {
    let seeds = streams().flat_map(|(stream, plain)| {
        let length = u16::try_from(stream.len()).unwrap_or_default().to_le_bytes();
        let sides = [
            represent(&stream, &plain),
            tokens(&stream).map(|side| (2, side)),
            guide(&stream, &plain, &OTHER).map(|side| (3, side)),
        ];
        let seed = |(kind, side): (u8, Vec<u8>)| joined(&[&length[..], &[kind], &side].concat(), &plain);
        sides.into_iter().flatten().filter_map(seed).collect::<Vec<_>>()
    });
    seeds.collect()
}

fuzz_target!(init: seed(seeds), |input: &[u8]| {
    let Some((head, plain)) = split(input) else { return };
    let Some((length, [kind, side @ ..])) = head.split_first_chunk() else { return };
    let length = usize::from(u16::from_le_bytes(*length));
    // The tables of an encoder, and what the parts give.
    let memory = (4 << 20) + 64 * (plain.len() + side.len() + length);
    let Some(stream) = within(memory as u64, || rebuild(*kind, plain, side, length, &OTHER)) else { return };
    assert_eq!(stream.len(), length);
});
