//! The zstd codec: its contract, random edits, segments, hostile frames and golden vectors.

use bytes::Bytes;
use deltaglider_core::codec::zstd::ZstdCodec;
use deltaglider_core::codec::{CodecError, CodecLimits, DeltaCodec, ReferenceSize};
use deltaglider_testkit::codec_conformance::{ROOMY, decode, encode, noise, text};
use proptest::prelude::*;

mod one_segment {
    use deltaglider_core::codec::zstd::ZstdCodec;

    deltaglider_testkit::delta_codec_conformance!(ZstdCodec::new());
}

mod many_segments {
    use deltaglider_core::codec::zstd::ZstdCodec;

    deltaglider_testkit::delta_codec_conformance!(ZstdCodec::with_segment_size(70_000));
}

fn frames(delta: &[u8]) -> usize {
    delta.windows(4).filter(|bytes| bytes == b"\x28\xb5\x2f\xfd").count()
}

#[test]
fn every_segment_uses_the_whole_reference() {
    let reference = noise(20, 400_000);
    // Backwards, so that each segment needs another part.
    let target: Vec<u8> = reference.chunks(50_000).rev().flatten().copied().collect();
    for (size, count) in [(50_000, 8), (150_000, 3), (400_000, 1), (1_000_000, 1)] {
        let codec = ZstdCodec::with_segment_size(size);
        let delta = encode(&codec, &reference, &target, ROOMY).expect("encoded");
        assert_eq!(frames(&delta), count);
        assert!(delta.len() < 2_000, "{} bytes for segments of {size}", delta.len());
        let (given, result) = decode(&ZstdCodec::new(), &reference, &delta, target.len() as u64, ROOMY);
        result.expect("decoded");
        assert!(given == target);
    }
}

#[test]
fn little_memory_makes_more_segments_of_the_same_target() {
    let codec = ZstdCodec::new();
    let reference = text(21, 2_000_000);
    let target = [text(22, 8_000_000), noise(23, 8_000_000)].concat();
    let limit = 14 << 20;
    assert!(codec.memory(ReferenceSize::Stored(reference.len() as u64), target.len() as u64, limit).is_some());
    let delta = encode(&codec, &reference, &target, limit).expect("encoded");
    assert!(frames(&delta) > 1);
    let (given, result) = decode(&codec, &reference, &delta, target.len() as u64, limit);
    result.expect("decoded");
    assert!(given == target);
}

#[test]
fn an_empty_target_is_one_empty_frame() {
    let delta = encode(&ZstdCodec::new(), b"reference", b"", ROOMY).expect("encoded");
    assert_eq!(frames(&delta), 1);
    let (_, result) = decode(&ZstdCodec::new(), b"reference", &delta, 0, ROOMY);
    result.expect("decoded");
}

#[test]
fn skippable_frames_hold_nothing() {
    let delta = encode(&ZstdCodec::new(), b"reference", b"the reference", ROOMY).expect("encoded");
    let skipped = [&b"\x50\x2a\x4d\x18\x03\0\0\0abc"[..], &delta, b"\x5f\x2a\x4d\x18\0\0\0\0"].concat();
    let (given, result) = decode(&ZstdCodec::new(), b"reference", &skipped, 13, ROOMY);
    result.expect("decoded");
    assert_eq!(given, b"the reference");
    // Four gigabytes to skip, and none there.
    let (given, result) = decode(&ZstdCodec::new(), b"", b"\x50\x2a\x4d\x18\xff\xff\xff\xff", 13, ROOMY);
    assert!(matches!(result, Err(CodecError::Damaged(_))) && given.is_empty());
}

#[test]
fn windows_and_sizes_are_bounded_before_they_are_allocated() {
    let memory = 64 << 20;
    let frame = |tail: &[u8]| [&b"\x28\xb5\x2f\xfd"[..], tail, &[0; 16]].concat();
    let result = |tail: &[u8], size| decode(&ZstdCodec::new(), b"reference", &frame(tail), size, memory).1;
    // A window of 2 GiB without a content size; of 3.75 TiB; a content of 1 GiB that the record allows, or not.
    assert!(matches!(result(&[0x00, 21 << 3], 100), Err(CodecError::Memory { .. })));
    assert!(matches!(result(&[0x00, 0xff], 100), Err(CodecError::Memory { .. })));
    assert!(matches!(result(&[0xa0, 0, 0, 0, 0x40], 1 << 30), Err(CodecError::Memory { .. })));
    assert!(matches!(result(&[0xa0, 0, 0, 0, 0x40], (1 << 30) - 1), Err(CodecError::TooLong(_))));
    assert!(matches!(result(&[0xe0, 255, 255, 255, 255, 255, 255, 255, 255], 100), Err(CodecError::TooLong(_))));
    // A dictionary that nobody has.
    assert!(matches!(result(&[0x21, 7, 1], 100), Err(CodecError::Damaged(_))));
}

#[test]
fn a_frame_without_a_content_size_stays_within_the_record() {
    // A window of 128 KiB, no content size, no checksum; one last block repeats a byte 128 Ki times.
    let long = b"\x28\xb5\x2f\xfd\x00\x38\x03\x00\x10\x2a";
    let (given, result) = decode(&ZstdCodec::new(), b"", long, 128 << 10, ROOMY);
    result.expect("decoded");
    assert!(given == vec![0x2a; 128 << 10]);
    let (given, result) = decode(&ZstdCodec::new(), b"", long, (128 << 10) - 1, ROOMY);
    assert!(matches!(result, Err(CodecError::TooLong(_))));
    assert!(given.len() < 128 << 10);
}

#[test]
fn golden_deltas_are_read_for_ever() {
    let reference = include_bytes!("golden/reference.bin");
    let target = include_bytes!("golden/target.bin");
    let deltas: [(&str, &[u8]); 3] = [
        ("one frame", include_bytes!("golden/one-frame.delta")),
        ("three frames", include_bytes!("golden/three-frames.delta")),
        ("by the zstd command 1.5.4", include_bytes!("golden/zstd-command.delta")),
    ];
    for (name, delta) in deltas {
        let (given, result) = decode(&ZstdCodec::new(), reference, delta, target.len() as u64, ROOMY);
        result.expect(name);
        assert!(given == target, "{name}");
    }
    let empty = include_bytes!("golden/empty.delta");
    decode(&ZstdCodec::new(), reference, empty, 0, ROOMY).1.expect("an empty target");
}

/// Ties the golden inputs to their recipe, so that another implementation can make them.
#[test]
fn golden_inputs_are_what_the_generators_give() {
    let reference = text(30, 12_000);
    let target = [&reference[4_000..], &noise(31, 500), &reference[..4_000], b"the end"].concat();
    assert!(include_bytes!("golden/reference.bin")[..] == reference);
    assert!(include_bytes!("golden/target.bin")[..] == target);
}

/// One change of a target.
#[derive(Clone, Debug)]
enum Edit {
    Insert(usize, Vec<u8>),
    Delete(usize, usize),
    Move(usize, usize, usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (any::<usize>(), prop::collection::vec(any::<u8>(), 0..300)).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        (any::<usize>(), 0..5_000_usize).prop_map(|(at, length)| Edit::Delete(at, length)),
        (any::<usize>(), 0..5_000_usize, any::<usize>()).prop_map(|(from, length, to)| Edit::Move(from, length, to)),
    ]
}

fn apply(target: &mut Vec<u8>, edit: Edit) {
    let within = |at: usize, length: usize| at % (length + 1);
    match edit {
        Edit::Insert(at, bytes) => {
            let at = within(at, target.len());
            target.splice(at..at, bytes);
        }
        Edit::Delete(at, length) => {
            let at = within(at, target.len());
            let end = (at + length).min(target.len());
            target.drain(at..end);
        }
        Edit::Move(from, length, to) => {
            let from = within(from, target.len());
            let end = (from + length).min(target.len());
            let moved: Vec<u8> = target.drain(from..end).collect();
            let to = within(to, target.len());
            target.splice(to..to, moved);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn edited_targets_come_back(
        seed in any::<u64>(),
        packed in any::<bool>(),
        length in 0..60_000_usize,
        edits in prop::collection::vec(edit(), 0..8),
        segment in prop_oneof![Just(1_000_u64), Just(20_000), Just(1 << 29)],
    ) {
        let reference = if packed { noise(seed, length) } else { text(seed, length) };
        let mut target = reference.clone();
        for edit in edits {
            apply(&mut target, edit);
        }
        let delta = encode(&ZstdCodec::with_segment_size(segment), &reference, &target, ROOMY).expect("encoded");
        let (given, result) = decode(&ZstdCodec::new(), &reference, &delta, target.len() as u64, ROOMY);
        prop_assert!(result.is_ok(), "{:?}", result);
        prop_assert!(given == target);
    }

    #[test]
    fn mutated_deltas_never_panic(
        changes in prop::collection::vec((any::<usize>(), any::<u8>()), 1..6),
        cut in any::<usize>(),
        doubled in any::<bool>(),
    ) {
        let reference = text(40, 30_000);
        let target = [&reference[10_000..], &noise(41, 1_000), &reference[..5_000]].concat();
        let mut delta = encode(&ZstdCodec::with_segment_size(9_000), &reference, &target, ROOMY).expect("encoded");
        for (at, byte) in changes {
            let at = at % delta.len();
            delta[at] = byte;
        }
        delta.truncate(delta.len() - cut % 50);
        if doubled {
            delta = delta.repeat(2);
        }
        let limit = target.len() as u64;
        let mut given = Vec::new();
        let limits = CodecLimits { memory: 16 << 20, target_size: limit };
        let _ = ZstdCodec::new().decode(&Bytes::from(reference), &mut &delta[..], &mut given, &limits);
        prop_assert!(given.len() as u64 <= limit);
    }
}
