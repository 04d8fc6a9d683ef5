//! Any bytes as a stream of xz, bzip2 or zstd, and any numbers as a packer: what is unpacked is bounded, and what is found to give a
//! stream gives it.
#![no_main]

use deltaglider_codec::measure::{packer_of, repacked, unpacked};
use deltaglider_fuzz::{packed, seed, within};
use libfuzzer_sys::fuzz_target;

/// Bytes that may come out.
const LIMIT: usize = 1 << 20;
/// What C allocates is not seen, and bounded by what packers tell.
const MEMORY: u64 = 16 << 20;
/// Bytes that a packer may tell that it takes.
const PACKER: usize = 128 << 20;

fuzz_target!(init: seed(packed), |input: &[u8]| {
    within(MEMORY, || {
        if let Some((plain, length)) = unpacked(input, LIMIT) {
            assert!(plain.len() <= LIMIT && length <= input.len());
            if let Some((number, settings)) = packer_of(&input[..length], &plain, PACKER) {
                assert!(repacked(number, &settings, &plain, length, PACKER).as_deref() == Some(&input[..length]));
            }
        }
        if let Some((&[number, count], rest)) = input.split_first_chunk()
            && let Some((settings, plain)) = rest.split_at_checked((count % 5).into())
        {
            let settings: Vec<usize> = settings.iter().map(|setting| (*setting).into()).collect();
            let made = repacked(number.into(), &settings, plain, input.len(), PACKER);
            assert!(made.is_none_or(|made| made.len() == input.len()));
        }
    });
});
