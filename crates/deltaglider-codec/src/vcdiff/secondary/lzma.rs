//! LZMA: an xz stream that is flushed at the end of each section and never ended.

use deltaglider_core::codec::CodecError;
use liblzma::stream::{Action, Check, Error, Filters, LzmaOptions, MatchFinder, Mode, Status, Stream};

use crate::vcdiff::header::damaged;
use crate::vcdiff::integer;

/// The largest dictionary, which is that of xdelta3's level 9.
pub(in crate::vcdiff) const DICTIONARY_LIMIT: u64 = 64 << 20;
/// What the decoder takes beside its dictionary, or more.
const DECODER: u64 = 1 << 20;

/// Unpacks one stream.
pub(in crate::vcdiff) struct Lzma {
    stream: Stream,
}

impl Lzma {
    pub(super) fn new() -> Result<Self, CodecError> {
        let stream = Stream::new_stream_decoder(DICTIONARY_LIMIT + DECODER, 0).map_err(failed)?;
        Ok(Self { stream })
    }

    /// Fills `section` from exactly these bytes of the stream.
    pub(super) fn unpack(&mut self, packed: &[u8], section: &mut [u8]) -> Result<(), CodecError> {
        let (mut read, mut written) = (0, 0);
        loop {
            let before = (self.stream.total_in(), self.stream.total_out());
            self.stream.process(&packed[read..], &mut section[written..], Action::Run).map_err(failed)?;
            let passed = ((self.stream.total_in() - before.0) as usize, (self.stream.total_out() - before.1) as usize);
            read += passed.0;
            written += passed.1;
            if (read, written) == (packed.len(), section.len()) {
                break;
            }
            if passed == (0, 0) {
                return Err(other_length());
            }
        }
        // What is left in the dictionary would come with the next section.
        let before = self.stream.total_out();
        self.stream.process(&[], &mut [0], Action::Run).map_err(failed)?;
        if self.stream.total_out() > before { Err(other_length()) } else { Ok(()) }
    }
}

/// How a stream is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::vcdiff) struct LzmaSettings {
    /// Bytes of dictionary, up to [`DICTIONARY_LIMIT`].
    pub(in crate::vcdiff) dictionary: u32,
    /// Takes less time, and finds less.
    pub(in crate::vcdiff) fast: bool,
}

/// For what is packed already, so many bytes of dictionary, which stay close to the processor.
const PACKED_DICTIONARY: u32 = 256 << 10;

impl LzmaSettings {
    /// The same, and less where the first bytes of the stream are packed.
    pub(in crate::vcdiff) fn for_packed(self, packed: bool) -> Self {
        let least = if packed { PACKED_DICTIONARY } else { self.dictionary };
        Self { dictionary: self.dictionary.min(least), fast: packed }
    }

    /// Bytes of memory that packing takes: for each byte of dictionary two and a half of content and nine of search trees and hashes.
    pub(in crate::vcdiff) fn memory(self) -> u64 {
        u64::from(self.dictionary) * 12 + (4 << 20)
    }
}

/// Packs one stream.
pub(in crate::vcdiff) struct LzmaEncoder {
    stream: Stream,
}

impl LzmaEncoder {
    pub(in crate::vcdiff) fn new(settings: LzmaSettings) -> Result<Self, CodecError> {
        let mut options = LzmaOptions::new_preset(6).map_err(failed)?;
        options.dict_size(settings.dictionary);
        if settings.fast {
            options.mode(Mode::Fast).match_finder(MatchFinder::HashChain4).nice_len(64).depth(4);
        } else {
            options.mode(Mode::Normal).match_finder(MatchFinder::BinaryTree4).nice_len(64);
        }
        let stream = Stream::new_stream_encoder(Filters::new().lzma2(&options), Check::None).map_err(failed)?;
        Ok(Self { stream })
    }

    /// The packed form of a section that is not empty, which begins with the section's length.
    pub(in crate::vcdiff) fn pack(&mut self, section: &[u8]) -> Result<Vec<u8>, CodecError> {
        let mut packed = Vec::with_capacity(section.len() / 2 + 64);
        integer::write(&mut packed, section.len() as u64);
        let start = self.stream.total_in();
        loop {
            if packed.capacity() - packed.len() < 64 {
                packed.reserve(packed.len());
            }
            let read = (self.stream.total_in() - start) as usize;
            if self.stream.process_vec(&section[read..], &mut packed, Action::SyncFlush).map_err(failed)?
                == Status::StreamEnd
            {
                return Ok(packed);
            }
        }
    }
}

fn other_length() -> CodecError {
    damaged("a section of another length than it says")
}

fn failed(error: Error) -> CodecError {
    match error {
        Error::Mem => CodecError::Io(std::io::ErrorKind::OutOfMemory.into()),
        Error::MemLimit => CodecError::Unsupported("an LZMA dictionary larger than those of xdelta3, 64 MiB".into()),
        other => damaged(format!("LZMA: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use deltaglider_testkit::codec_conformance::{noise, text};

    use super::*;

    #[test]
    fn sections_are_unpacked_one_by_one() {
        let settings = LzmaSettings { dictionary: 1 << 20, fast: false };
        let mut encoder = LzmaEncoder::new(settings).expect("an encoder");
        let mut decoder = Lzma::new().expect("a decoder");
        let sections = [text(1, 100_000), vec![7], text(1, 100_000), noise(2, 300_000), text(1, 50_000)];
        let mut lengths = Vec::new();
        for section in &sections {
            let packed = encoder.pack(section).expect("packed");
            let mut rest = &packed[..];
            assert_eq!(integer::read(&mut rest), Some(section.len() as u64));
            let mut given = vec![0; section.len()];
            decoder.unpack(rest, &mut given).expect("unpacked");
            assert!(given == *section);
            lengths.push(packed.len());
        }
        assert!(lengths[2] < 200, "a stream goes on from section to section: {lengths:?}");
    }

    #[test]
    fn sections_of_another_length_are_refused() {
        let settings = LzmaSettings { dictionary: 1 << 16, fast: false };
        let section = text(1, 1000);
        let packed = LzmaEncoder::new(settings).expect("an encoder").pack(&section).expect("packed");
        let unpack = |packed: &[u8], length| {
            let mut given = vec![0; length];
            Lzma::new().expect("a decoder").unpack(packed, &mut given).map(|()| given)
        };
        assert!(unpack(&packed[2..], 1000).is_ok_and(|given| given == section));
        for (packed, length) in [(&packed[2..], 1001), (&packed[2..], 999), (&packed[2..packed.len() - 9], 1000)] {
            assert!(matches!(unpack(packed, length), Err(CodecError::Damaged(_))), "{length}");
        }
        assert!(unpack(&[&packed[2..], b"more"].concat(), 1000).is_err());
    }

    #[test]
    fn a_dictionary_is_bounded() {
        let settings = LzmaSettings { dictionary: 96 << 20, fast: false };
        let packed = LzmaEncoder::new(settings).expect("an encoder").pack(b"abc").expect("packed");
        let result = Lzma::new().expect("a decoder").unpack(&packed[1..], &mut [0; 3]);
        assert!(matches!(result, Err(CodecError::Unsupported(_))), "{result:?}");
    }
}
