//! Packers give what the libraries give, and streams that were made to harm are bounded.

use deltaglider_testkit::codec_conformance::{noise, text};
use proptest::prelude::*;

use super::samples::{pack, pack_by, usual};
use super::*;

const FORMATS: [Format; 3] = [Format::Xz, Format::Bzip2, Format::Zstd];
const MEMORY: usize = 1 << 30;

/// Contents with much and with nothing in common with themselves, none at all, and longer than a block of any kind.
fn contents() -> Vec<Vec<u8>> {
    vec![Vec::new(), b"a".to_vec(), text(1, 3000), noise(2, 70_000), [text(3, 120_000), noise(4, 40_000)].concat()]
}

/// Every packer that the tests have time for.
fn packers() -> Vec<(Format, Packer)> {
    let xz = [[0, 4, 0], [3, 1, 0], [6, 4, 0], [6, 10, 1 << 16], [22, 0, 1 << 21], [0, 4, 1 << 20]];
    let zstd = [[1, 0], [3, 3], [3, 7], [3, 11], [9, 4], [19, 2], [5, 5], [12, 1]];
    let of = |format, number, settings: &[usize]| (format, Packer::read(number, settings).expect("it is known"));
    let xz = xz.iter().map(|settings| of(Format::Xz, XZ, settings));
    let bzip2 = [1, 9].map(|level| of(Format::Bzip2, BZIP2, &[level]));
    let zstd = zstd.iter().map(|settings| of(Format::Zstd, ZSTD, settings));
    xz.chain(bzip2).chain(zstd).collect()
}

#[test]
fn streams_are_found_to_be_of_their_packers() {
    let contents = contents();
    let plain = contents.last().expect("there are some");
    for (format, packer) in packers() {
        let stream = pack_by(&packer, plain);
        let found = detect(format, &stream, plain, MEMORY);
        let again = found.and_then(|found| found.rebuild(plain, stream.len()));
        assert!(again.as_ref() == Some(&stream), "{packer:?} {found:?}");
        assert_eq!(detect(format, &stream, plain, packer.memory(plain.len()) / 4), None, "{packer:?} without memory");
        let mut other = stream.clone();
        let middle = other.len() / 2;
        other[middle] ^= 1;
        assert_eq!(detect(format, &other, plain, MEMORY), None, "{packer:?}");
        assert_eq!(packer.rebuild(plain, stream.len() - 1), None);
        assert_eq!(packer.rebuild(plain, stream.len() + 1), None);
    }
}

#[test]
fn what_was_packed_is_unpacked_and_packed_again() {
    for plain in contents() {
        for (format, packer) in packers() {
            let stream = pack_by(&packer, &plain);
            let unpacked = unpack(format, &[&stream[..], b"behind"].concat(), plain.len()).expect("it is whole");
            assert!(unpacked.plain == plain && unpacked.length == stream.len(), "{packer:?}");
            assert_eq!(packer.rebuild(&plain, stream.len()).as_deref(), Some(&stream[..]), "{packer:?}");
            if !plain.is_empty() {
                assert_eq!(unpack(format, &stream, plain.len() - 1), Err(NotInflated::TooLong), "{packer:?}");
            }
            let (number, settings) = packer.numbers();
            assert_eq!(Packer::read(number, &settings), Ok(packer));
            assert!(settings.len() <= SETTINGS);
        }
    }
}

#[test]
fn settings_that_nothing_has_are_refused() {
    for settings in [&[6, 4][..], &[10, 4, 0], &[32, 4, 0], &[6, 2, 0], &[6, 4, usize::MAX], &[261, 4, 0], &[6, 260, 0]]
    {
        assert_eq!(Packer::read(XZ, settings), Err(NoPacker::Damaged), "{settings:?}");
    }
    for settings in [&[][..], &[0], &[10], &[257]] {
        assert_eq!(Packer::read(BZIP2, settings), Err(NoPacker::Damaged), "{settings:?}");
    }
    for settings in [&[3][..], &[0, 0], &[23, 0], &[3, 16], &[3, 14], &[3, 8], &[259, 2]] {
        assert_eq!(Packer::read(ZSTD, settings), Err(NoPacker::Damaged), "{settings:?}");
    }
    assert_eq!(Packer::read(0, &[]), Err(NoPacker::Unknown(0)));
    assert_eq!(Packer::read(4, &[1]), Err(NoPacker::Unknown(4)));
}

#[test]
fn the_libraries_are_those_that_the_format_names() {
    // What they give is part of the format: another version is another packer.
    assert_eq!(::zstd::zstd_safe::version_number(), 10_507);
    let digests: Vec<_> = packers()
        .iter()
        .map(|(_, packer)| deltaglider_core::Sha256::of(&pack_by(packer, &text(9, 60_000))).to_string()[..8].to_owned())
        .collect();
    assert_eq!(digests.join(" "), include_str!("../../tests/vectors/packers.txt").trim_end());
}

#[test]
fn memory_is_what_libraries_say() {
    let memory =
        |number, settings: &[usize], plain| Packer::read(number, settings).expect("it is known").memory(plain) >> 20;
    // As the manual of xz has it: 3, 94 and 674 MiB.
    assert!(
        [(0, 3), (6, 94), (9, 674)].iter().all(|&(preset, told)| memory(XZ, &[preset, 4, 0], 0).abs_diff(told) <= 1)
    );
    assert!(memory(XZ, &[6, 4, 24 << 20], 0) > 94 + 24, "a block is held besides");
    assert!(memory(XZ, &[6, 4, 1 << 31], 0) > 2000, "however large it is");
    // A stranger's delta may say that a stream holds any number of bytes.
    for flags in 0..16 {
        if let Ok(packer) = Packer::read(ZSTD, &[19, flags]) {
            assert!(packer.memory(usize::MAX) >= packer.memory(1 << 40), "flags {flags}");
        }
    }
    // zstd allocates no more than that for one thread.
    for level in [1, 3, 9, 19] {
        let mut encoder = ::zstd::zstd_safe::CCtx::create();
        encoder.set_parameter(::zstd::zstd_safe::CParameter::CompressionLevel(level)).expect("a level");
        let (plain, mut out) = (text(5, 1 << 20), vec![0; 2 << 20]);
        let mut output = ::zstd::zstd_safe::OutBuffer::around(&mut out[..]);
        let mut input = ::zstd::zstd_safe::InBuffer::around(&plain);
        encoder
            .compress_stream2(&mut output, &mut input, ::zstd::zstd_safe::zstd_sys::ZSTD_EndDirective::ZSTD_e_continue)
            .expect("packed");
        assert!(encoder.sizeof() >> 20 <= memory(ZSTD, &[level as usize, 0], plain.len()), "{level}");
    }
}

#[test]
fn bombs_stop_at_the_limit() {
    let zeros = vec![0; 64 << 20];
    for format in FORMATS {
        let bomb = pack(format, &zeros);
        assert!(bomb.len() < zeros.len() / 5000, "{format:?}: {}", bomb.len());
        assert!(zeros.len() / bomb.len() <= format.ratio(), "{format:?}: {}", bomb.len());
        assert_eq!(unpack(format, &bomb, 1 << 20), Err(NotInflated::TooLong), "{format:?}");
    }
}

#[test]
fn large_dictionaries_and_windows_are_none() {
    // A frame whose window has 2^28 bytes, and one of 2^27 with a raw block.
    let frame = |window: u8| [&b"\x28\xb5\x2f\xfd\0"[..], &[(window - 10) << 3], b"\x19\0\0abc"].concat();
    assert_eq!(unpack(Format::Zstd, &frame(28), 100), Err(NotInflated::Invalid));
    assert_eq!(unpack(Format::Zstd, &frame(27), 100).expect("it is whole").plain, b"abc");
    // Dictionaries of 96 MiB, and of 64.
    let mut options = liblzma::stream::LzmaOptions::new_preset(6).expect("a preset");
    let mut with = |dictionary: u32| {
        let mut filters = liblzma::stream::Filters::new();
        filters.lzma2(options.dict_size(dictionary));
        let mut encoder =
            liblzma::stream::Stream::new_stream_encoder(&filters, liblzma::stream::Check::Crc32).expect("an encoder");
        let mut out = Vec::with_capacity(1000);
        encoder.process_vec(b"abc", &mut out, liblzma::stream::Action::Finish).expect("packed");
        unpack(Format::Xz, &out, 100).map(|unpacked| unpacked.plain)
    };
    assert_eq!(with(96 << 20), Err(NotInflated::Invalid));
    assert_eq!(with(64 << 20), Ok(b"abc".to_vec()));
}

#[test]
fn what_the_programs_hand_over_is_padded() {
    assert_eq!(Format::Xz.padding(&[0, 0, 0, 0, 1]), 4);
    assert_eq!(Format::Bzip2.padding(&[0, 0, 0, 0, 1]), 0);
    assert_eq!(Format::Zstd.padding(b"\x5f\x2a\x4d\x18\x01\0\0\0a\x50\x2a\x4d\x18\0\0\0\0\x28"), 17);
    assert_eq!(Format::Zstd.padding(b"\x5f\x2a\x4d\x18\x02\0\0\0a"), 0);
    assert_eq!(Format::Zstd.padding(b"\x50\x2a\x4d\x18\xff\xff\xff\xff"), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_streams_end_and_do_not_panic(
        format in 0..3_usize, changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let plain = text(7, 20_000);
        let mut stream = pack(FORMATS[format], &plain);
        for (at, byte) in changes {
            let at = at.index(stream.len());
            stream[at] = byte;
        }
        if let Some(cut) = cut {
            stream.truncate(cut.index(stream.len()));
        }
        let unpacked = unpack(FORMATS[format], &stream, 1 << 20);
        if let Ok(unpacked) = unpacked {
            prop_assert!(unpacked.plain.len() <= 1 << 20 && unpacked.length <= stream.len());
        }
        // Whatever is found gives exactly these bytes.
        if let Some(packer) = detect(FORMATS[format], &stream, &plain, MEMORY) {
            prop_assert_eq!(packer.rebuild(&plain, stream.len()), Some(stream));
        }
    }

    #[test]
    fn any_settings_end(number in 0..5_usize, settings in proptest::collection::vec(0..30_usize, 0..4)) {
        if let Ok(packer) = Packer::read(number, &settings)
            && packer.memory(1000) < 256 << 20
        {
            let _ = packer.rebuild(&text(8, 1000), 300);
        }
        prop_assert!(usual(Format::Xz).memory(0) > 1 << 20);
    }
}
