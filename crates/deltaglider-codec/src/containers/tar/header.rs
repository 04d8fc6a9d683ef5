//! The header of a tar entry, in one block.

/// Headers and data begin at multiples of it.
pub(super) const BLOCK: usize = 512;

/// What an entry means for the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file, with data worth a look.
    File,
    /// Pax records about the next entry.
    Pax,
    /// GNU's name of the next entry.
    LongName,
    /// Something else about what comes.
    About,
    /// A link, device or directory: no data, whatever its size.
    Bare,
    /// Data that is no file.
    Other,
}

/// A header whose sum is right.
pub(super) struct Header<'a> {
    block: &'a [u8; BLOCK],
    size: usize,
}

impl<'a> Header<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let block = bytes.first_chunk()?;
        let size = usize::try_from(number(&block[124..136])?).ok()?;
        let sum = number(&block[148..156])?;
        let (mut unsigned, mut signed) = (0_i64, 0_i64);
        for (at, &byte) in block.iter().enumerate() {
            let byte = if (148..156).contains(&at) { b' ' } else { byte };
            unsigned += i64::from(byte);
            signed += i64::from(byte.cast_signed());
        }
        let right = [unsigned, signed].map(u64::try_from).contains(&Ok(sum));
        right.then_some(Self { block, size })
    }

    pub(super) fn kind(&self) -> Kind {
        match self.block[156] {
            b'0' | 0 | b'7' => Kind::File,
            b'x' => Kind::Pax,
            b'L' => Kind::LongName,
            b'g' | b'K' => Kind::About,
            b'1'..=b'6' => Kind::Bare,
            _ => Kind::Other,
        }
    }

    /// Bytes of data as the header has them.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn name(&self) -> Vec<u8> {
        let name = super::until_nul(&self.block[..100]);
        let prefix = super::until_nul(&self.block[345..500]);
        if &self.block[257..263] == b"ustar\0" && !prefix.is_empty() {
            [prefix, b"/", name].concat()
        } else {
            name.to_vec()
        }
    }

    /// Where the data of the entry whose header stands at `at` begins: a sparse file of the old GNU kind has more blocks of header.
    pub(super) fn data(&self, content: &[u8], at: usize) -> Option<usize> {
        let mut start = at + BLOCK;
        let mut more = self.block[156] == b'S' && self.block[482] != 0;
        while more {
            more = *content.get(start + 504)? != 0;
            start += BLOCK;
        }
        Some(start)
    }
}

/// Octal digits up to a NUL or a space, none of them being 0; or, by GNU, 0x80 and a number in bytes, the highest first.
fn number(field: &[u8]) -> Option<u64> {
    if let [0x80, bytes @ ..] = field {
        return bytes.iter().try_fold(0_u64, |value, byte| value.checked_mul(256)?.checked_add(u64::from(*byte)));
    }
    let field = field.trim_ascii_start();
    let digits = field.iter().position(|byte| matches!(byte, 0 | b' ')).unwrap_or(field.len());
    field[..digits].iter().try_fold(0_u64, |value, byte| match byte {
        b'0'..=b'7' => Some(value << 3 | u64::from(byte - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::archives::Tar;
    use super::*;

    #[test]
    fn numbers_are_octal_or_binary() {
        assert_eq!(number(b"00000000644\0"), Some(0o644));
        assert_eq!(number(b"   644 \0"), Some(0o644));
        assert_eq!(number(b"77777777777 "), Some(0o77_777_777_777));
        assert_eq!(number(&[0; 12]), Some(0));
        assert_eq!(number(b"0000000064x\0"), None);
        assert_eq!(number(b"00000000008\0"), None);
        assert_eq!(number(&[0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2]), Some((1 << 32) + 2));
        assert_eq!(number(&[0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2]), None);
        assert_eq!(number(&[0xff; 12]), None);
    }

    #[test]
    fn a_name_has_its_prefix_where_the_header_is_ustar() {
        let tar = Tar::default().ustar(b"name", b'0', b"").finish();
        let mut block: [u8; BLOCK] = *tar.first_chunk().expect("a block");
        block[345..348].copy_from_slice(b"dir");
        assert_eq!(Header { block: &block, size: 0 }.name(), b"dir/name");
        block[257..265].copy_from_slice(b"ustar  \0");
        assert_eq!(Header { block: &block, size: 0 }.name(), b"name");
    }

    #[test]
    fn a_wrong_sum_is_no_header() {
        let tar = Tar::default().ustar(b"name", b'0', b"").finish();
        assert!(Header::parse(&tar).is_some());
        let mut wrong = tar.clone();
        wrong[0] ^= 1;
        assert!(Header::parse(&wrong).is_none());
        assert!(Header::parse(&tar[..BLOCK - 1]).is_none());
        assert!(Header::parse(&[0; BLOCK]).is_none());
    }
}
