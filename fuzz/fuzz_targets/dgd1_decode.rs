//! Any bytes as a delta of `dgd1`.
#![no_main]

use deltaglider_codec::Dgd1Codec;
use deltaglider_core::codec::{CodecError, DeltaCodec};
use deltaglider_fuzz::{Bounded, MEMORY, PREPARED, delta, limits, seed, targets, within};
use libfuzzer_sys::fuzz_target;

fn seeds() -> Vec<Vec<u8>> {
    targets().iter().map(|target| delta(&Dgd1Codec::default(), &PREPARED, target)).collect()
}

fuzz_target!(init: seed(seeds), |input: &[u8]| {
    let mut delta = input;
    // As the header says, where it says something that can be recorded.
    let size = input.get(16..24).and_then(|size| size.try_into().ok()).map_or(0, u64::from_le_bytes);
    let mut target = Bounded { rest: size };
    let result = within(MEMORY, || Dgd1Codec::default().decode(&*PREPARED, &mut delta, &mut target, &limits(size)));
    match result {
        Ok(()) => assert_eq!(target.rest, 0, "the whole target is given"),
        Err(CodecError::Damaged(_) | CodecError::Memory { .. } | CodecError::Unsupported(_)) => {}
        Err(error) => panic!("{error:?}"),
    }
});
