//! The contract of `DeltaCodec`, one test a line: run by every codec through `delta_codec_conformance!`.

use std::io::{self, Write};

use bytes::Bytes;
use deltaglider_core::RandomAccess;
use deltaglider_core::codec::{CodecError, CodecLimits, DeltaCodec, ReferenceSize};

/// Memory that is enough for every case of the suite.
pub const ROOMY: u64 = 1 << 30;

/// Makes one `#[test]` of each line of the contract, for the codec that the expression gives.
#[macro_export]
macro_rules! delta_codec_conformance {
    ($codec:expr) => {
        $crate::delta_codec_conformance!(
            $codec;
            a_prepared_reference_is_restored,
            preparing_is_bounded,
            decode_gives_the_target,
            encode_is_deterministic,
            ranges_are_parts_of_the_target,
            decode_stays_within_the_recorded_size,
            decode_survives_damage,
            another_reference_does_not_give_the_target,
            memory_is_bounded,
            failed_writes_end_the_call,
        );
    };
    ($codec:expr; $($name:ident,)+) => {
        $(
            #[test]
            fn $name() {
                $crate::codec_conformance::$name(&$codec);
            }
        )+
    };
}

/// Bytes that no codec can make smaller, the same for the same seed (xorshift64*).
#[must_use]
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Lines of text with the variety of a source file, the same for the same seed.
#[must_use]
pub fn text(seed: u64, length: usize) -> Vec<u8> {
    const WORDS: [&str; 8] = ["reference", "target", "delta", "store", "bucket", "the", "of", "{\n"];
    let mut bytes = Vec::with_capacity(length + 16);
    for byte in noise(seed, length) {
        bytes.extend_from_slice(WORDS[usize::from(byte & 7)].as_bytes());
        bytes.push(if byte > 200 { b'\n' } else { b' ' });
        if bytes.len() >= length {
            break;
        }
    }
    bytes.truncate(length);
    bytes
}

/// Pairs of reference and target, each with what it shows.
#[must_use]
pub fn pairs() -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let packed = noise(1, 300_000);
    let plain = text(2, 300_000);
    let mut edited = packed.clone();
    edited.splice(100_000..100_100, noise(3, 5_000));
    edited.drain(10_000..12_000);
    let moved = [&plain[200_000..], b"between", &plain[..200_000]].concat();
    let mut dictionary = vec![0x37, 0xa4, 0x30, 0xec];
    dictionary.extend_from_slice(&plain);
    vec![
        ("both empty", Vec::new(), Vec::new()),
        ("an empty target", plain.clone(), Vec::new()),
        ("an empty reference", Vec::new(), plain.clone()),
        ("one byte each", vec![1], vec![2]),
        ("the target is the reference", packed.clone(), packed.clone()),
        ("packed bytes with insertion and deletion", packed.clone(), edited),
        ("plain bytes that moved", plain.clone(), moved),
        ("nothing in common", packed, plain.clone()),
        ("a reference that begins like a zstd dictionary", dictionary, plain),
    ]
}

/// The delta of two byte strings.
pub fn encode(codec: &dyn DeltaCodec, reference: &[u8], target: &[u8], memory: u64) -> Result<Vec<u8>, CodecError> {
    let mut delta = Vec::new();
    let limits = CodecLimits { memory, target_size: target.len() as u64 };
    codec.encode(&shared(&prepared(codec, reference)), &shared(target), &mut delta, &limits)?;
    Ok(delta)
}

/// A reference in the codec's own form.
#[must_use]
pub fn prepared(codec: &dyn DeltaCodec, reference: &[u8]) -> Vec<u8> {
    codec.prepare(shared(reference), ROOMY).expect("a reference that fits").to_vec()
}

/// What the codec writes for a delta, and how the call ends.
pub fn decode(
    codec: &dyn DeltaCodec,
    reference: &[u8],
    delta: &[u8],
    target_size: u64,
    memory: u64,
) -> (Vec<u8>, Result<(), CodecError>) {
    let mut target = Vec::new();
    let limits = CodecLimits { memory, target_size };
    let result = codec.decode(&shared(&prepared(codec, reference)), &mut &delta[..], &mut target, &limits);
    (target, result)
}

/// `restore` of what `prepare` gave is the reference as it is stored, byte for byte.
pub fn a_prepared_reference_is_restored(codec: &dyn DeltaCodec) {
    for (name, reference, _) in pairs() {
        let form = prepared(codec, &reference);
        for form in [&shared(&form) as &dyn RandomAccess, &Unmapped(form)] {
            let mut stored = Vec::new();
            codec.restore(form, &mut stored).expect(name);
            assert!(stored == reference, "{name}");
        }
    }
}

/// `prepare` gives the same whatever memory it may use, or fails with `Memory`.
pub fn preparing_is_bounded(codec: &dyn DeltaCodec) {
    let reference = text(12, 3_000_000);
    let form = prepared(codec, &reference);
    for memory in [ROOMY, 64 << 20, 16 << 20, 6 << 20, 1 << 20, 0] {
        match codec.prepare(shared(&reference), memory) {
            Ok(given) => assert!(given == form && memory >= form.len() as u64),
            Err(CodecError::Memory { needed, limit }) => assert!(needed > limit && limit == memory),
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// `decode` of what `encode` wrote, with the same reference, gives the target byte for byte, an empty one too.
/// Content that lies in memory and content that has to be read are the same to a codec.
pub fn decode_gives_the_target(codec: &dyn DeltaCodec) {
    for (name, reference, target) in pairs() {
        let delta = encode(codec, &reference, &target, ROOMY).expect(name);
        let (given, result) = decode(codec, &reference, &delta, target.len() as u64, ROOMY);
        result.expect(name);
        assert!(given == target, "{name}");

        let mut read = Vec::new();
        let limits = CodecLimits { memory: ROOMY, target_size: target.len() as u64 };
        let mut delta = OneByteAtATime(&delta);
        codec.decode(&Unmapped(prepared(codec, &reference)), &mut delta, &mut read, &limits).expect(name);
        assert!(read == target, "{name}, read");
    }
}

/// `encode` writes the same delta for the same input, wherever the input lies.
pub fn encode_is_deterministic(codec: &dyn DeltaCodec) {
    for (name, reference, target) in pairs() {
        let delta = encode(codec, &reference, &target, ROOMY).expect(name);
        assert!(delta == encode(codec, &reference, &target, ROOMY).expect(name), "{name}");

        let mut read = Vec::new();
        let limits = CodecLimits { memory: ROOMY, target_size: target.len() as u64 };
        codec.encode(&Unmapped(prepared(codec, &reference)), &Unmapped(target), &mut read, &limits).expect(name);
        assert!(delta == read, "{name}, read");
    }
}

/// `decode_range` writes the bytes of the target in that range, and refuses one that is not within it.
pub fn ranges_are_parts_of_the_target(codec: &dyn DeltaCodec) {
    for (name, reference, target) in pairs() {
        let delta = encode(codec, &reference, &target, ROOMY).expect(name);
        let form = prepared(codec, &reference);
        let size = target.len() as u64;
        let limits = CodecLimits { memory: ROOMY, target_size: size };
        let mut ranges = vec![0..size, 0..0, size..size, 0..size.min(1), size.saturating_sub(1)..size];
        for ends in noise(13, 128).chunks_exact(16) {
            let [start, end] = [0, 8].map(|at| {
                let number = u64::from_le_bytes(ends[at..at + 8].try_into().expect("eight bytes"));
                number % (size + 1)
            });
            ranges.push(start.min(end)..start.max(end));
        }
        for range in ranges {
            let mut given = Vec::new();
            codec
                .decode_range(&Unmapped(form.clone()), &mut &delta[..], range.clone(), &mut given, &limits)
                .expect(name);
            assert!(given == target[range.start as usize..range.end as usize], "{name}: {range:?}");
        }
        let mut given = Vec::new();
        let beyond = codec.decode_range(&shared(&form), &mut &delta[..], 0..size + 1, &mut given, &limits);
        assert!(beyond.is_err() && given.is_empty(), "{name}");
    }
}

/// `decode` writes at most `limits.target_size` bytes, and says so where the delta gives more.
pub fn decode_stays_within_the_recorded_size(codec: &dyn DeltaCodec) {
    for (name, reference, target) in pairs() {
        let delta = encode(codec, &reference, &target, ROOMY).expect(name);
        for recorded in [0, 1, target.len() / 2, target.len().saturating_sub(1)] {
            if recorded < target.len() {
                let (given, result) = decode(codec, &reference, &delta, recorded as u64, ROOMY);
                assert!(matches!(result, Err(CodecError::TooLong(bytes)) if bytes == recorded as u64), "{name}");
                assert!(given.len() <= recorded, "{name}");
            }
        }
        let (_, result) = decode(codec, &reference, &delta, target.len() as u64 + 1, ROOMY);
        assert!(matches!(result, Err(CodecError::Damaged(_))), "{name}: a delta that gives too little");
    }
}

/// `decode` never panics and never writes too much, whatever the delta holds.
pub fn decode_survives_damage(codec: &dyn DeltaCodec) {
    let reference = text(4, 20_000);
    let target = [&reference[5_000..15_000], &noise(5, 2_000), &reference[..3_000]].concat();
    let delta = encode(codec, &reference, &target, ROOMY).expect("encoded");
    let size = target.len() as u64;
    for cut in 0..delta.len() {
        let (given, result) = decode(codec, &reference, &delta[..cut], size, ROOMY);
        assert!(result.is_err(), "cut at {cut}");
        assert!(given.len() <= target.len());
    }
    for at in 0..delta.len() {
        for flip in [1, 0x20, 0x80, 0xff] {
            let mut damaged = delta.clone();
            damaged[at] ^= flip;
            let (given, result) = decode(codec, &reference, &damaged, size, ROOMY);
            assert!(given.len() <= target.len());
            if let Err(error) = result {
                let known = matches!(
                    error,
                    CodecError::Damaged(_)
                        | CodecError::TooLong(_)
                        | CodecError::Memory { .. }
                        | CodecError::Unsupported(_)
                        | CodecError::NotRepacked(_)
                );
                assert!(known, "byte {at} with {flip:#x}: {error:?}");
            }
        }
    }
    for seed in 0..200 {
        let (given, _) = decode(codec, &reference, &noise(seed, 200), size, ROOMY);
        assert!(given.len() <= target.len());
    }
    let (given, result) = decode(codec, &reference, &[], size, ROOMY);
    assert!(result.is_err() && given.is_empty());
}

/// With another reference, `decode` fails or gives other bytes.
pub fn another_reference_does_not_give_the_target(codec: &dyn DeltaCodec) {
    let reference = noise(6, 100_000);
    let target = [&reference[50_000..], &reference[..50_000]].concat();
    let delta = encode(codec, &reference, &target, ROOMY).expect("encoded");
    for other in [noise(7, 100_000), noise(7, 10_000), Vec::new(), reference[1..].to_vec()] {
        let (given, result) = decode(codec, &other, &delta, target.len() as u64, ROOMY);
        assert!(result.is_err() || given != target);
        assert!(given.len() <= target.len());
    }
}

/// Both stay inside `limits.memory`, or fail with `Memory` before they begin: what `memory` tells is enough, and where
/// it tells nothing, nothing is written.
pub fn memory_is_bounded(codec: &dyn DeltaCodec) {
    let reference = text(8, 3_000_000);
    let target = [&reference[1_000_000..], &noise(9, 6_000_000)].concat();
    let sizes = (reference.len() as u64, target.len() as u64);
    let form = prepared(codec, &reference);
    let size = ReferenceSize::Prepared(form.len() as u64);
    let needed = codec.memory(size, sizes.1, ROOMY).expect("fits");
    assert!(needed <= ROOMY);
    assert!(codec.memory(ReferenceSize::Stored(sizes.0), sizes.1, ROOMY).is_some_and(|needed| needed <= ROOMY));
    for limit in [needed, needed - 1, needed / 2, needed / 3, 1 << 20, 1, 0] {
        let told = codec.memory(size, sizes.1, limit);
        assert!(told.is_none_or(|told| told <= limit));
        let mut delta = Vec::new();
        let limits = CodecLimits { memory: limit, target_size: sizes.1 };
        match codec.encode(&Unmapped(form.clone()), &shared(&target), &mut delta, &limits) {
            Ok(_) => {
                let mut given = Vec::new();
                codec.decode(&Unmapped(form.clone()), &mut &delta[..], &mut given, &limits).expect("decoded");
                assert!(given == target);
            }
            Err(CodecError::Memory { needed, limit: named }) => {
                assert!(told.is_none() && needed > limit && named == limit && delta.is_empty());
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    let delta = encode(codec, &reference, &target, ROOMY).expect("encoded");
    let (given, result) = decode(codec, &reference, &delta, sizes.1, 1000);
    assert!(matches!(result, Err(CodecError::Memory { limit: 1000, .. })) && given.is_empty());
}

/// An error of `delta.write` or `target.write` ends the call with it, at the first write that fails.
pub fn failed_writes_end_the_call(codec: &dyn DeltaCodec) {
    let reference = text(10, 400_000);
    let target = noise(11, 2_000_000);
    let limits = CodecLimits { memory: ROOMY, target_size: target.len() as u64 };
    let delta = encode(codec, &reference, &target, ROOMY).expect("encoded");
    let reference = prepared(codec, &reference);
    for accepted in [0, 1, 500_000] {
        let mut writer = Full { room: accepted, failures: 0 };
        let result = codec.encode(&shared(&reference), &shared(&target), &mut writer, &limits);
        assert!(matches!(result, Err(CodecError::Io(error)) if error.kind() == io::ErrorKind::StorageFull));
        assert_eq!(writer.failures, 1);
        let mut writer = Full { room: accepted, failures: 0 };
        let result = codec.decode(&shared(&reference), &mut &delta[..], &mut writer, &limits);
        assert!(matches!(result, Err(CodecError::Io(error)) if error.kind() == io::ErrorKind::StorageFull));
        assert_eq!(writer.failures, 1);
    }
}

fn shared(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

/// Content that has to be read: no slice of it is given.
#[derive(Debug)]
struct Unmapped(Vec<u8>);

impl RandomAccess for Unmapped {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|at| self.0.get(at..)).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
}

/// A reader that never gives more than a byte.
struct OneByteAtATime<'a>(&'a [u8]);

impl io::Read for OneByteAtATime<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(1);
        self.0.read(&mut buffer[..length])
    }
}

/// A writer with room for so many bytes, which counts what it refused.
struct Full {
    room: usize,
    failures: usize,
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.room == 0 {
            self.failures += 1;
            return Err(io::ErrorKind::StorageFull.into());
        }
        let length = bytes.len().min(self.room);
        self.room -= length;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
