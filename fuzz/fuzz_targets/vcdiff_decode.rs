//! Any bytes as a delta of `vcdiff`; the last six tell how long the target is, and which reference of the vectors is its.
#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use deltaglider_codec::VcdiffCodec;
use deltaglider_core::codec::{CodecError, DeltaCodec};
use deltaglider_fuzz::{Bounded, MEMORY, REFERENCE, delta, limits, seed, targets, vector, within};
use libfuzzer_sys::fuzz_target;

/// The reference of the other seeds, and those that xdelta3 had, by how they are packed.
static REFERENCES: LazyLock<Vec<Bytes>> = LazyLock::new(|| {
    let packed = ["plain", "gzip", "bzip2", "xz"].map(|name| vector(&format!("vcdiff/{name}.reference")));
    [REFERENCE.clone()].into_iter().chain(packed.map(Bytes::from)).collect()
});

/// Deltas by xdelta3, and which reference is theirs.
const VECTORS: [(&str, &str, u8); 14] = [
    ("lzma", "plain", 1),
    ("windows", "plain", 1),
    ("none", "plain", 1),
    ("djw", "plain", 1),
    ("djw-windows", "plain", 1),
    ("fgk", "plain", 1),
    ("bare", "plain", 1),
    ("fast", "plain", 1),
    ("alone", "plain", 1),
    ("gzip", "gzip", 2),
    ("gzip-9", "gzip-9", 2),
    ("gzip-named", "gzip-named", 2),
    ("bzip2", "bzip2", 3),
    ("xz", "xz", 4),
];

fn sized(delta: &[u8], target: usize, reference: u8) -> Vec<u8> {
    [delta, &(target as u32).to_le_bytes(), &[reference, 0]].concat()
}

fn seeds() -> Vec<Vec<u8>> {
    let by_xdelta3 = VECTORS.iter().map(|(name, target, reference)| {
        let target = vector(&format!("vcdiff/{target}.target")).len();
        sized(&vector(&format!("vcdiff/{name}.delta")), target, *reference)
    });
    let ours = targets().into_iter().map(|target| sized(&delta(&VcdiffCodec, &REFERENCE, &target), target.len(), 0));
    by_xdelta3.chain(ours).collect()
}

fuzz_target!(init: seed(seeds), |input: &[u8]| {
    let Some((mut delta, &[a, b, c, d, reference, _])) = input.split_last_chunk() else { return };
    let size = u64::from(u32::from_le_bytes([a, b, c, d]));
    let reference = &REFERENCES[usize::from(reference) % REFERENCES.len()];
    let mut target = Bounded { rest: size };
    let result = within(MEMORY, || VcdiffCodec.decode(reference, &mut delta, &mut target, &limits(size)));
    match result {
        Ok(()) => assert_eq!(target.rest, 0, "the whole target is given"),
        Err(CodecError::Memory { .. }) => assert_eq!(target.rest, size, "memory is asked for before anything is written"),
        Err(
            CodecError::Damaged(_) | CodecError::TooLong(_) | CodecError::Unsupported(_) | CodecError::NotRepacked(_),
        ) => {}
        Err(error) => panic!("{error:?}"),
    }
});
