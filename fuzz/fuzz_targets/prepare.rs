//! Any bytes as a reference: it is prepared within the memory, or does not fit into it, and is restored.
#![no_main]

use bytes::Bytes;
use deltaglider_codec::Dgd1Codec;
use deltaglider_core::codec::{CodecError, DeltaCodec};
use deltaglider_fuzz::{MEMORY, archives, seed, within};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: seed(archives), |input: &[u8]| {
    let reference = Bytes::copy_from_slice(input);
    let codec = Dgd1Codec::default();
    let prepared = match within(MEMORY, || codec.prepare(reference, MEMORY)) {
        Ok(prepared) => prepared,
        Err(CodecError::Memory { .. }) => return,
        Err(error) => panic!("{error:?}"),
    };
    let mut restored = Vec::new();
    codec.restore(&prepared, &mut restored).expect("restored");
    assert!(restored == input, "the reference comes back");
});
