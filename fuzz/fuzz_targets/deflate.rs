//! Any bytes as a DEFLATE stream: whatever inflates is kept in every way and made again.
#![no_main]

use deltaglider_codec::measure::{inflate, rebuild, represent, tokens};
use deltaglider_fuzz::{archives, seed};
use libfuzzer_sys::fuzz_target;

fn seeds() -> Vec<Vec<u8>> {
    // The streams of gzip files without names and of zip files begin at these places.
    archives().iter().flat_map(|archive| (0..80).filter_map(|at| stream(archive.get(at..)?))).collect()
}

fn stream(bytes: &[u8]) -> Option<Vec<u8>> {
    let (plain, length) = inflate(bytes, 1 << 17)?;
    (plain.len() > 100).then(|| bytes[..length].to_vec())
}

fuzz_target!(init: seed(seeds), |input: &[u8]| {
    let Some((plain, length)) = inflate(input, 1 << 17) else {
        let _ = tokens(input);
        return;
    };
    let stream = &input[..length];
    let side = tokens(stream).expect("what inflates has tokens");
    assert!(rebuild(2, &plain, &side, length, &[]).as_deref() == Some(stream), "its tokens make it again");
    // Every encoder is tried, which takes a thousand times as long.
    if plain.len() > 1 << 13 || !input.len().is_multiple_of(64) {
        return;
    }
    let (kind, side) = represent(stream, &plain).expect("what inflates is kept");
    assert!(rebuild(kind, &plain, &side, length, &[]).as_deref() == Some(stream), "what is kept makes it again");
});
