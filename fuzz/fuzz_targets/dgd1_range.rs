//! Any reference, any target, any range: what is decoded of the range is that part of the target.
#![no_main]

use bytes::Bytes;
use deltaglider_codec::{Dgd1Codec, Effort};
use deltaglider_core::codec::DeltaCodec;
use deltaglider_fuzz::{archives, joined, limits_within, seed, split, within};
use libfuzzer_sys::fuzz_target;

const MEMORY: u64 = 512 << 20;

fn seeds() -> Vec<Vec<u8>> {
    let archives: Vec<Vec<u8>> = archives().into_iter().filter(|archive| archive.len() < 4000).collect();
    let pairs = archives.windows(2).filter_map(|pair| joined(&pair[0], &pair[1]));
    pairs.map(|pair| [&[9, 0, 200, 0][..], &pair].concat()).collect()
}

fuzz_target!(init: seed(seeds), |input: &[u8]| {
    let Some((&[a, b, c, d], rest)) = input.split_first_chunk() else { return };
    let Some((reference, target)) = split(rest) else { return };
    let (reference, target) = (Bytes::copy_from_slice(reference), Bytes::copy_from_slice(target));
    let start = usize::from(u16::from_le_bytes([a, b])) % (target.len() + 1);
    let end = start + usize::from(u16::from_le_bytes([c, d])) % (target.len() - start + 1);
    let codec = Dgd1Codec::new([Effort::Default, Effort::Max][input.len() % 2]);
    let prepared = codec.prepare(reference, MEMORY).expect("prepared");
    let limits = limits_within(MEMORY, target.len() as u64);
    let mut delta = Vec::new();
    codec.encode(&prepared, &target, &mut delta, &limits).expect("encoded");
    let mut given = Vec::new();
    let range = start as u64..end as u64;
    within(MEMORY, || codec.decode_range(&prepared, &mut &delta[..], range, &mut given, &limits)).expect("decoded");
    assert!(given == target[start..end], "{start}..{end} of the target");
});
