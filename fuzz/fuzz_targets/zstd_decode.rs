//! Any bytes as a delta of `zstd`.
#![no_main]

use deltaglider_core::codec::zstd::ZstdCodec;
use deltaglider_core::codec::{CodecError, DeltaCodec};
use deltaglider_fuzz::{Bounded, MEMORY, REFERENCE, delta, limits, seed, targets, within};
use libfuzzer_sys::fuzz_target;

fn seeds() -> Vec<Vec<u8>> {
    let codecs = [ZstdCodec::new(), ZstdCodec::with_segment_size(1000)];
    let sized = |codec, target: &bytes::Bytes| {
        let size = u32::try_from(target.len()).expect("short").to_le_bytes();
        [&delta(codec, &REFERENCE, target)[..], &size].concat()
    };
    targets().iter().flat_map(|target| codecs.iter().map(move |codec| sized(codec, target))).collect()
}

fuzz_target!(init: seed(seeds), |input: &[u8]| {
    let Some((mut delta, size)) = input.split_last_chunk() else { return };
    let size = u64::from(u32::from_le_bytes(*size));
    let mut target = Bounded { rest: size };
    let result = within(MEMORY, || ZstdCodec::new().decode(&*REFERENCE, &mut delta, &mut target, &limits(size)));
    match result {
        Ok(()) => assert_eq!(target.rest, 0, "the whole target is given"),
        Err(CodecError::Damaged(_) | CodecError::Memory { .. } | CodecError::TooLong(_)) => {}
        Err(error) => panic!("{error:?}"),
    }
});
