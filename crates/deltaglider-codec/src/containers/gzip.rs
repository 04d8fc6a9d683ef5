//! gzip (RFC 1952): members one behind the other, zeros between them, anything behind them.

use super::search::{Place, Search};

const TRAILER: usize = 8;
const HEADER_CRC: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

/// Whether a member's header stands at the start.
pub(super) fn begins(bytes: &[u8]) -> bool {
    header(bytes).is_some()
}

/// Takes the members.
pub(super) fn look(search: &mut Search<'_>, place: &Place) {
    let content = &search.content()[..place.range.end];
    let mut at = place.range.start;
    while let Some((length, name)) = header(&content[at..]) {
        let Some(end) = search.take_first(at + length..content.len(), || place.path_of(name)) else { return };
        at = (end + TRAILER).min(content.len());
        at += content[at..].iter().take_while(|byte| **byte == 0).count();
    }
}

/// The length of the header, and the name in it.
pub(crate) fn header(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let &[0x1f, 0x8b, 8, flags, ..] = bytes else { return None };
    if flags & RESERVED != 0 {
        return None;
    }
    let mut rest = bytes.get(10..)?;
    if flags & EXTRA != 0 {
        let length = usize::from(u16::from_le_bytes(*rest.first_chunk()?));
        rest = rest.get(2 + length..)?;
    }
    let mut name = &[][..];
    if flags & NAME != 0 {
        (name, rest) = text(rest)?;
    }
    if flags & COMMENT != 0 {
        (_, rest) = text(rest)?;
    }
    if flags & HEADER_CRC != 0 {
        rest = rest.get(2..)?;
    }
    Some((bytes.len() - rest.len(), name))
}

/// A text up to its NUL, and what is behind it.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::super::archives::{Gzip, find, noise, text_of};
    use super::*;

    #[test]
    fn every_field_of_the_header_is_passed() {
        let plain = text_of(3000);
        for flags in 0..32_u8 {
            let archive = Gzip { flags, name: b"a.json" }.member(&plain);
            let layout = find(&archive);
            assert_eq!(layout.streams.len(), 1, "{flags}");
            let stream = &layout.streams[0];
            assert_eq!(stream.range.end, archive.len() - TRAILER, "{flags}");
            assert_eq!(stream.plain, plain);
            assert_eq!(stream.path, if flags & NAME == 0 { &b""[..] } else { b"a.json" });
        }
    }

    #[test]
    fn a_reserved_flag_is_no_gzip() {
        let mut archive = Gzip::default().member(&text_of(3000));
        archive[3] = 1 << 5;
        assert!(find(&archive).streams.is_empty());
    }

    #[test]
    fn a_header_cut_short_is_none() {
        let archive = Gzip { flags: 31, name: b"a" }.member(&text_of(3000));
        let (length, _) = header(&archive).expect("it is whole");
        assert!((0..length).all(|end| header(&archive[..end]).is_none()));
    }

    #[test]
    fn members_stand_behind_each_other_with_zeros_and_garbage() {
        let (first, second) = (text_of(2000), noise(500));
        let mut archive = Gzip::default().member(&first);
        // Too short to be taken, and passed all the same.
        archive.extend(Gzip::default().member(b"short"));
        archive.extend([0; 700]);
        archive.extend(Gzip::default().member(&second));
        archive.extend(b"no gzip");
        archive.extend(Gzip::default().member(&first));
        let plains: Vec<_> = find(&archive).streams.into_iter().map(|stream| stream.plain).collect();
        assert_eq!(plains, [first, second]);
    }

    #[test]
    fn a_stream_cut_short_is_plain() {
        let archive = Gzip::default().member(&text_of(3000));
        assert!(find(&archive[..archive.len() - TRAILER - 1]).streams.is_empty());
        assert_eq!(find(&archive[..archive.len() - TRAILER]).streams.len(), 1);
    }
}
