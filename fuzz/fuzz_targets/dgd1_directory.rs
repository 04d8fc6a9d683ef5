//! Any bytes as the directory of a delta, and any as its frames, behind a header in order.
#![no_main]

use deltaglider_codec::Dgd1Codec;
use deltaglider_codec::measure::{delta_of_directory, directory_of};
use deltaglider_core::codec::{CodecError, DeltaCodec};
use deltaglider_fuzz::{
    Bounded, PREPARED, VERSIONS, delta, joined, limits_within, second_deltas, seed, split, targets, within,
};
use libfuzzer_sys::fuzz_target;

fn seeds() -> Vec<Vec<u8>> {
    let deltas = targets().into_iter().map(|target| delta(&Dgd1Codec::default(), &PREPARED, &target));
    let parts = deltas.chain(second_deltas()).map(|delta| directory_of(&delta).expect("a delta"));
    parts.filter_map(|(directory, frames)| joined(&directory, &frames)).collect()
}

fuzz_target!(init: seed(seeds), |input: &[u8]| {
    let Some((directory, frames)) = split(input) else { return };
    for (version, memory) in VERSIONS {
        let (delta, size) = delta_of_directory(version, &PREPARED, directory, frames).expect("a delta");
        let mut target = Bounded { rest: size };
        let limits = limits_within(memory, size);
        let result = within(memory, || Dgd1Codec::default().decode(&*PREPARED, &mut &delta[..], &mut target, &limits));
        match result {
            Ok(()) => assert_eq!(target.rest, 0, "the whole target is given"),
            Err(CodecError::Damaged(_) | CodecError::Memory { .. } | CodecError::Unsupported(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
});
