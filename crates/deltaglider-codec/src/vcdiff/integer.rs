//! Integers of RFC 3284: seven bits to a byte, the highest first, the top bit set in all but the last.

/// The most bytes that one takes.
pub(super) const LONGEST: usize = 10;

/// Takes an integer from the front; `None` where it is cut short or has more than 64 bits.
pub(super) fn read(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for (at, &byte) in bytes.iter().enumerate() {
        if value > u64::MAX >> 7 {
            return None;
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            *bytes = &bytes[at + 1..];
            return Some(value);
        }
    }
    None
}

/// Appends an integer.
pub(super) fn write(out: &mut Vec<u8>, value: u64) {
    for at in (1..length(value)).rev() {
        out.push((value >> (7 * at)) as u8 | 0x80);
    }
    out.push(value as u8 & 0x7f);
}

/// Bytes that an integer takes.
pub(super) fn length(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        for value in [0, 1, 127, 128, 16_383, 16_384, 123_456_789, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            write(&mut bytes, value);
            assert_eq!(bytes.len(), length(value));
            assert!(bytes.len() <= LONGEST);
            let mut rest = &[&bytes[..], b"rest"].concat()[..];
            assert_eq!((read(&mut rest), rest), (Some(value), &b"rest"[..]));
            assert_eq!(read(&mut &bytes[..bytes.len() - 1]), None);
        }
    }

    #[test]
    fn the_example_of_the_rfc_is_read() {
        assert_eq!(read(&mut &[0b1011_1010, 0b1110_1111, 0b1001_1010, 0b0001_0101][..]), Some(123_456_789));
    }

    #[test]
    fn more_than_64_bits_are_refused() {
        assert_eq!(read(&mut &[0xff; 11][..]), None);
        assert_eq!(read(&mut &[&[0x82][..], &[0xff; 8], &[0x7f]].concat()[..]), None);
        assert_eq!(read(&mut &[&[0x80; 12][..], &[5]].concat()[..]), Some(5));
    }
}
