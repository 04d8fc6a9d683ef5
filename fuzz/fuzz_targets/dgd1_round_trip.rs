//! Any reference and any target: the reference is restored, and the target given back by a delta that is not much longer.
#![no_main]

use bytes::Bytes;
use deltaglider_codec::{Dgd1Codec, Effort};
use deltaglider_core::codec::DeltaCodec;
use deltaglider_fuzz::{MEMORY, archives, joined, limits, seed, split, within};
use libfuzzer_sys::fuzz_target;

fn seeds() -> Vec<Vec<u8>> {
    let archives: Vec<Vec<u8>> = archives().into_iter().filter(|archive| archive.len() < 4000).collect();
    archives.windows(2).flat_map(|pair| [joined(&pair[0], &pair[1]), joined(&pair[0], &pair[0])]).flatten().collect()
}

fuzz_target!(init: seed(seeds), |input: &[u8]| {
    let Some((reference, target)) = split(input) else { return };
    let (reference, target) = (Bytes::copy_from_slice(reference), Bytes::copy_from_slice(target));
    let codec = Dgd1Codec::new([Effort::Fast, Effort::Default, Effort::Max][input.len() % 3]);
    let prepared = within(MEMORY, || codec.prepare(reference.clone(), MEMORY)).expect("prepared");
    let mut restored = Vec::new();
    codec.restore(&prepared, &mut restored).expect("restored");
    assert!(restored == reference, "the reference comes back");
    let limits = limits(target.len() as u64);
    let mut delta = Vec::new();
    within(MEMORY, || codec.encode(&prepared, &target, &mut delta, &limits)).expect("encoded");
    assert!(delta.len() <= target.len() + 1024, "{} bytes of {}", delta.len(), target.len());
    let mut given = Vec::new();
    within(MEMORY, || codec.decode(&prepared, &mut &delta[..], &mut given, &limits)).expect("decoded");
    assert!(given == target, "the target comes back");
});
