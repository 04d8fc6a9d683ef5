//! The header of a zstd frame (RFC 8878, section 3.1.1.1), read before zstd allocates what it asks for.

/// The longest header: magic number, descriptor, window, dictionary id and content size.
pub(super) const MAX_HEADER: usize = 18;

const MAGIC: u32 = 0xfd2f_b528;
const SKIPPABLE: u32 = 0x184d_2a50;

/// What a frame asks of its decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameHeader {
    /// Skipped by every decoder: holds nothing of the target.
    Skippable,
    /// A part of the target.
    Data {
        /// How far matches reach, in bytes.
        window: u64,
        /// Length of what the frame gives, in bytes, where the header tells.
        content: Option<u64>,
    },
}

impl FrameHeader {
    /// Reads the header at the beginning of `bytes`; the error says what is wrong with it.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut rest = bytes;
        let magic = take(&mut rest, 4)? as u32;
        if magic & !0xf == SKIPPABLE {
            return Ok(Self::Skippable);
        }
        if magic != MAGIC {
            return Err("it is no zstd frame".to_owned());
        }
        let descriptor = take(&mut rest, 1)?;
        let single_segment = descriptor & 0x20 != 0;
        let window = if single_segment { None } else { Some(window(take(&mut rest, 1)?)) };
        take(&mut rest, [0, 1, 2, 4][(descriptor & 3) as usize])?;
        let content = match descriptor >> 6 {
            0 if single_segment => Some(take(&mut rest, 1)?),
            0 => None,
            1 => Some(take(&mut rest, 2)? + 256),
            2 => Some(take(&mut rest, 4)?),
            _ => Some(take(&mut rest, 8)?),
        };
        // A single segment always records its content, which is its window.
        Ok(Self::Data { window: window.or(content).unwrap_or(0), content })
    }
}

/// The window of a descriptor: an exponent in five bits, eighths in three.
fn window(descriptor: u64) -> u64 {
    let base = 1 << (10 + (descriptor >> 3));
    base + base / 8 * (descriptor & 7)
}

/// Takes a little-endian number of `length` bytes.
fn take(bytes: &mut &[u8], length: usize) -> Result<u64, String> {
    let (head, rest) = bytes.split_at_checked(length).ok_or("it ends inside a frame's header")?;
    *bytes = rest;
    Ok(head.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(tail: &[u8]) -> Result<FrameHeader, String> {
        FrameHeader::parse(&[&MAGIC.to_le_bytes(), tail].concat())
    }

    #[test]
    fn every_form_is_read() {
        let data = |window, content| Ok(FrameHeader::Data { window, content });
        assert_eq!(header(&[0x20, 7]), data(7, Some(7)));
        assert_eq!(header(&[0x60, 1, 1]), data(513, Some(513)));
        assert_eq!(header(&[0xa0, 0, 0, 1, 0]), data(65536, Some(65536)));
        assert_eq!(header(&[0xe0, 0, 0, 0, 0, 1, 0, 0, 0]), data(1 << 32, Some(1 << 32)));
        assert_eq!(header(&[0x00, 0x09]), data(2048 + 256, None));
        assert_eq!(header(&[0x01, 0xff, 9]), data((1 << 41) + (7 << 38), None));
        assert_eq!(header(&[0x83, 0, 1, 2, 3, 4, 5, 0, 0, 0]), data(1024, Some(5)));
        assert_eq!(FrameHeader::parse(&0x184d_2a5f_u32.to_le_bytes()), Ok(FrameHeader::Skippable));
    }

    #[test]
    fn damage_is_an_error() {
        assert!(FrameHeader::parse(b"").is_err());
        assert!(FrameHeader::parse(b"PK\x03\x04 and more").is_err());
        assert!(header(&[0xe0, 0, 0, 0]).is_err());
    }
}
