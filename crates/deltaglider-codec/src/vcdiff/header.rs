//! The header of a delta and those of its windows: RFC 3284, section 4, with what xdelta3 adds.

use deltaglider_core::codec::CodecError;

use super::input::Input;
use super::integer;

/// What a delta begins with, the version included.
const MAGIC: [u8; 4] = [0xd6, 0xc3, 0xc4, 0];
const SECONDARY: u8 = 1;
const CODE_TABLE: u8 = 2;
const APPLICATION: u8 = 4;
/// An application header is two names and what they were packed with.
const LONGEST_APPLICATION: u64 = 64 << 10;

pub(super) const SOURCE: u8 = 1;
const TARGET: u8 = 2;
pub(super) const CHECKSUM: u8 = 4;
/// The most bytes that the header of a window takes.
pub(super) const LONGEST_WINDOW_HEADER: usize = 2 + 7 * integer::LONGEST + 4;

/// The number of LZMA among the secondary compressors of xdelta3.
pub(super) const LZMA: u8 = 2;

/// What holds for all windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileHeader {
    /// The number of the compressor that sections may be packed by.
    pub(super) secondary: Option<u8>,
    /// Names of target and source, and what both were unpacked from, as xdelta3 writes it.
    pub(super) application: Vec<u8>,
}

impl FileHeader {
    /// Takes the header from the front of a delta.
    pub(super) fn take(input: &mut Input<'_>) -> Result<Self, CodecError> {
        let bytes = input.fill(MAGIC.len() + 2 + integer::LONGEST)?;
        let mut rest = bytes.strip_prefix(&MAGIC).ok_or_else(|| damaged("it does not begin like one of VCDIFF"))?;
        let indicator = take_byte(&mut rest)?;
        if indicator & !(SECONDARY | CODE_TABLE | APPLICATION) != 0 {
            return Err(damaged(format!("unknown header indicator {indicator:#04x}")));
        }
        if indicator & CODE_TABLE != 0 {
            return Err(CodecError::Unsupported("a code table of its own, which xdelta3 never writes".into()));
        }
        let secondary = if indicator & SECONDARY != 0 { Some(take_byte(&mut rest)?) } else { None };
        let mut length = 0;
        if indicator & APPLICATION != 0 {
            length = integer::read(&mut rest).filter(|length| *length <= LONGEST_APPLICATION).ok_or_else(cut)? as usize;
        }
        let passed = bytes.len() - rest.len();
        input.take(passed);
        let application = input.fill(length)?.get(..length).ok_or_else(cut)?.to_vec();
        input.take(length);
        Ok(Self { secondary, application })
    }
}

/// The header of a delta whose sections LZMA packs, with an application header unless that is empty.
pub(super) fn written(application: &[u8]) -> Vec<u8> {
    let mut header = MAGIC.to_vec();
    if application.is_empty() {
        header.extend_from_slice(&[SECONDARY, LZMA]);
    } else {
        header.extend_from_slice(&[SECONDARY | APPLICATION, LZMA]);
        integer::write(&mut header, application.len() as u64);
        header.extend_from_slice(application);
    }
    header
}

/// Where copies of a window come from, beside the window itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// From earlier windows of the target, not from the source.
    pub(super) from_target: bool,
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// What is told of a window before its three sections: data, instructions and addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WindowHeader {
    pub(super) segment: Option<Segment>,
    /// Bytes of target that the window gives.
    pub(super) target: u64,
    /// Which sections are packed.
    pub(super) packed: [bool; 3],
    /// Bytes of each section as it stands there.
    pub(super) sections: [u64; 3],
    /// The Adler-32 of what the window gives.
    pub(super) checksum: Option<u32>,
}

impl WindowHeader {
    /// Reads the header at the front.
    pub(super) fn read(bytes: &mut &[u8]) -> Result<Self, CodecError> {
        let indicator = take_byte(bytes)?;
        if indicator & !(SOURCE | TARGET | CHECKSUM) != 0 || indicator & (SOURCE | TARGET) == SOURCE | TARGET {
            return Err(damaged(format!("unknown window indicator {indicator:#04x}")));
        }
        let mut segment = None;
        if indicator & (SOURCE | TARGET) != 0 {
            let (length, offset) = (take_integer(bytes)?, take_integer(bytes)?);
            if offset.checked_add(length).is_none() {
                return Err(damaged("a segment past the end of all files"));
            }
            segment = Some(Segment { from_target: indicator & TARGET != 0, offset, length });
        }
        let encoding = take_integer(bytes)?;
        let left = bytes.len();
        let target = take_integer(bytes)?;
        let packed = take_byte(bytes)?;
        if packed > 7 {
            return Err(damaged(format!("unknown delta indicator {packed:#04x}")));
        }
        let sections = [take_integer(bytes)?, take_integer(bytes)?, take_integer(bytes)?];
        let mut checksum = None;
        if indicator & CHECKSUM != 0 {
            let (value, rest) = bytes.split_first_chunk().ok_or_else(cut)?;
            checksum = Some(u32::from_be_bytes(*value));
            *bytes = rest;
        }
        let told = sections.iter().try_fold((left - bytes.len()) as u64, |sum, length| sum.checked_add(*length));
        if told != Some(encoding) {
            return Err(damaged("the length of a window is not that of its parts"));
        }
        Ok(Self { segment, target, packed: [1, 2, 4].map(|bit| packed & bit != 0), sections, checksum })
    }

    /// Bytes of all sections.
    pub(super) fn body(&self) -> u64 {
        // The length of the window is the sum of its parts, so this does not overflow.
        self.sections.iter().sum()
    }

    /// How long each section may be when it is unpacked: each instruction gives a byte at least, and takes eleven at most, ten of
    /// address beside it.
    pub(super) fn longest_sections(&self) -> [u64; 3] {
        let longest = integer::LONGEST as u64;
        [1, longest + 1, longest].map(|each| self.target.saturating_mul(each))
    }
}

fn take_byte(bytes: &mut &[u8]) -> Result<u8, CodecError> {
    let (&byte, rest) = bytes.split_first().ok_or_else(cut)?;
    *bytes = rest;
    Ok(byte)
}

fn take_integer(bytes: &mut &[u8]) -> Result<u64, CodecError> {
    integer::read(bytes).ok_or_else(cut)
}

/// The error of a delta that is cut short.
pub(super) fn cut() -> CodecError {
    damaged("it is cut short")
}

/// The error of a delta that says what cannot be.
pub(super) fn damaged(reason: impl Into<String>) -> CodecError {
    CodecError::Damaged(reason.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(mut bytes: &[u8]) -> Result<FileHeader, CodecError> {
        FileHeader::take(&mut Input::new(&mut bytes))
    }

    #[test]
    fn headers_of_xdelta3_are_read() {
        // `xdelta3 -e -9 -s h e`.
        let delta = [&b"\xd6\xc3\xc4\0\x05\x02\x05e//h/"[..], &[4, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1]].concat();
        let mut source = &delta[..];
        let mut input = Input::new(&mut source);
        let header = FileHeader::take(&mut input).expect("a header");
        assert_eq!(header, FileHeader { secondary: Some(LZMA), application: b"e//h/".to_vec() });
        let mut rest = input.fill(1).expect("read");
        let window = WindowHeader::read(&mut rest).expect("a window");
        assert_eq!((window.segment, window.target, window.sections), (None, 0, [0; 3]));
        assert_eq!((window.packed, window.checksum), ([false; 3], Some(1)));
        assert!(rest.is_empty());
    }

    #[test]
    fn what_is_no_header_is_refused() {
        assert!(header(b"\xd6\xc3\xc4\0\0").is_ok());
        for bytes in [&b""[..], b"\xd6\xc3\xc4", b"\xd6\xc3\xc4\0", b"\xd6\xc3\xc4S\0", b"\xd6\xc3\xc4\0\x08"] {
            assert!(matches!(header(bytes), Err(CodecError::Damaged(_))), "{bytes:x?}");
        }
        assert!(matches!(header(b"\xd6\xc3\xc4\0\x04\x05name"), Err(CodecError::Damaged(_))));
        assert!(matches!(header(b"\xd6\xc3\xc4\0\x04\xff\xff\xff\x7f"), Err(CodecError::Damaged(_))));
        assert!(matches!(header(b"\xd6\xc3\xc4\0\x02\x01\x01"), Err(CodecError::Unsupported(_))));
    }

    #[test]
    fn what_is_no_window_is_refused() {
        let good = [1, 5, 2, 8, 5, 0, 2, 1, 0, b'a', b'b', 2];
        assert!(WindowHeader::read(&mut &good[..]).is_ok());
        for (at, value) in [(0, 3), (0, 8), (3, 9), (5, 8)] {
            let mut bad = good;
            bad[at] = value;
            assert!(matches!(WindowHeader::read(&mut &bad[..]), Err(CodecError::Damaged(_))), "{at}: {value}");
        }
        for end in 0..9 {
            assert!(WindowHeader::read(&mut &good[..end]).is_err());
        }
    }
}
