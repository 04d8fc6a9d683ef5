//! Whatever the target: to encode it takes a bounded time of the processors, in proportion to reference and target.
//!
//! Alone in its program, since the time of the whole process is measured.
#![cfg(unix)]

use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use deltaglider_codec::{Dgd1Codec, Effort};
use deltaglider_core::codec::{CodecLimits, DeltaCodec};
use deltaglider_testkit::codec_conformance::{ROOMY, noise, prepared, text};
use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::time::{ClockId, clock_gettime};

/// The time that all threads of this process had of the processors.
fn used() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().expect("a time that has passed")
}

fn gzip(plain: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(plain).expect("written");
    encoder.finish().expect("finished")
}

/// Bytes of zeros in a bomb.
const BOMB: usize = 10_000_000;

/// What takes long to look into, or holds much more than its length: at most some hundred kilobytes each.
fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    const SIZE: usize = 300_000;
    let repeated = |part: &[u8]| part.iter().copied().cycle().take(SIZE).collect::<Vec<u8>>();
    let bomb = gzip(&vec![0; BOMB], 9);
    let tiny: Vec<u8> = (0..SIZE as u64 / 60).flat_map(|seed| gzip(&text(seed, 60), 6)).collect();
    let heads =
        |head: &[u8]| -> Vec<u8> { (0..SIZE as u64 / 40).flat_map(|seed| [head, &noise(seed, 12)].concat()).collect() };
    vec![
        ("noise", noise(1, SIZE)),
        ("zeros", vec![0; SIZE]),
        ("a short period", repeated(b"abcdefg")),
        ("a period as long as a chunk of zstd's", repeated(&noise(2, 65_537))),
        ("text, packed as much as can be", gzip(&text(3, 3 * SIZE), 9)),
        ("a bomb", bomb.clone()),
        ("bombs in a bomb", gzip(&bomb.repeat(4), 9)),
        ("many small streams", tiny),
        ("heads of gzip before nothing", heads(b"\x1f\x8b\x08\0\0\0\0\0\0\x03")),
        (
            "heads of zip before nothing",
            heads(b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0\xff\xff\xff\x7f\xff\xff\xff\x7f\x01\0\0\0m"),
        ),
    ]
}

/// Seconds of the processors for each megabyte of reference and target, and for each megabyte that is unpacked. What is measured is
/// in docs/codec.md; this leaves room for a slower machine.
const BOUNDS: [(Effort, f64, f64); 3] =
    [(Effort::Fast, 8.0, 0.05), (Effort::Default, 8.0, 0.05), (Effort::Max, 20.0, 0.5)];

#[test]
fn the_time_to_encode_is_bounded() {
    let reference = gzip(&text(9, 3_000_000), 6);
    for (effort, stored, unpacked) in BOUNDS {
        let codec = Dgd1Codec::new(effort);
        let form = Bytes::from(prepared(&codec, &reference));
        for (name, target) in hostile() {
            let bombs = ["a bomb", "bombs in a bomb"].iter().position(|bomb| *bomb == name);
            let plain = bombs.map_or(0, |nested| if nested == 1 { 4 * BOMB } else { BOMB });
            let bound = stored * (reference.len() + target.len()) as f64 / 1e6 + unpacked * plain as f64 / 1e6;
            let limits = CodecLimits { memory: ROOMY, target_size: target.len() as u64 };
            let (target, before) = (Bytes::from(target), used());
            codec.encode(&form, &target, &mut Vec::new(), &limits).expect(name);
            let took = (used() - before).as_secs_f64();
            println!("{effort:?}: {name}: {took:.2} s, bound {bound:.2}");
            assert!(took <= bound, "{effort:?}: {name}: {took:.2} s, where {bound:.2} are the bound");
        }
    }
}
