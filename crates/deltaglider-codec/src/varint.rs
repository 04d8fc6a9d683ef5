//! Lengths in as few bytes as they need: seven bits each, the lowest first, the top bit set in all but the last (LEB128).

/// Appends a length.
pub(crate) fn write(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes a length from the front; `None` where it is cut short or too large.
pub(crate) fn read(bytes: &mut &[u8]) -> Option<usize> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if bits > u64::MAX >> shift {
            return None;
        }
        value |= bits << shift;
        if byte < 0x80 {
            return usize::try_from(value).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        for value in [0, 1, 127, 128, 300, 16_383, 16_384, u32::MAX as usize, usize::MAX] {
            let mut bytes = Vec::new();
            write(&mut bytes, value);
            let mut rest = &bytes[..];
            assert_eq!((read(&mut rest), rest.len()), (Some(value), 0));
            assert_eq!(read(&mut &bytes[..bytes.len() - 1]), None);
        }
        assert_eq!(read(&mut &[0xff; 10][..]), None);
        assert_eq!(read(&mut &[0x80; 10][..]), None);
    }
}
