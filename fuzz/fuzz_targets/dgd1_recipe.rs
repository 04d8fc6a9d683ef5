//! Any bytes as the recipe in a directory, and any as what its frames hold: all else of the delta is in order.
#![no_main]

use deltaglider_codec::Dgd1Codec;
use deltaglider_codec::measure::{delta_of_recipe, recipe_of};
use deltaglider_core::codec::{CodecError, DeltaCodec};
use deltaglider_fuzz::{
    Bounded, PREPARED, VERSIONS, delta, joined, limits_within, second_deltas, seed, split, targets, within,
};
use libfuzzer_sys::fuzz_target;

fn seeds() -> Vec<Vec<u8>> {
    let deltas = targets().into_iter().map(|target| delta(&Dgd1Codec::default(), &PREPARED, &target));
    let parts = deltas.chain(second_deltas()).map(|delta| recipe_of(&PREPARED, &delta).expect("a delta"));
    let short = parts.filter(|(_, content)| content.len() < 1 << 13);
    short.filter_map(|(recipe, content)| joined(&recipe, &content)).collect()
}

fuzz_target!(init: seed(seeds), |input: &[u8]| {
    let Some((recipe, content)) = split(input) else { return };
    for (version, memory) in VERSIONS {
        let Some((delta, size)) = delta_of_recipe(version, &PREPARED, recipe, content) else { continue };
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
