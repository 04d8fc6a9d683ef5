//! Any bytes as a prepared reference: it is read, or told to be damaged.
#![no_main]

use bytes::Bytes;
use deltaglider_codec::Dgd1Codec;
use deltaglider_core::codec::{CodecError, DeltaCodec};
use deltaglider_fuzz::{MEMORY, archives, seed};
use libfuzzer_sys::fuzz_target;

fn seeds() -> Vec<Vec<u8>> {
    let references = archives().into_iter().map(Bytes::from);
    let prepared = references.map(|reference| Dgd1Codec::default().prepare(reference, MEMORY).expect("prepared"));
    prepared.filter(|prepared| prepared.len() < 1 << 14).map(Vec::from).collect()
}

fuzz_target!(init: seed(seeds), |input: &[u8]| {
    let mut restored = Vec::new();
    match Dgd1Codec::default().restore(&Bytes::copy_from_slice(input), &mut restored) {
        Ok(()) => assert!(restored.len() <= 2 * input.len(), "{} bytes of {}", restored.len(), input.len()),
        Err(CodecError::Damaged(_)) => {}
        Err(error) => panic!("{error:?}"),
    }
});
