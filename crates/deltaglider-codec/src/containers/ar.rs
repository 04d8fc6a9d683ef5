//! ar, which Debian's packages are: members looked into where they stand. Version 2 of the form knows it.

use super::search::{Place, Search};

const MAGIC: &[u8] = b"!<arch>\n";
const HEADER: usize = 60;

/// Whether an archive begins at the start.
pub(super) fn begins(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Looks into the members.
pub(super) fn look(search: &mut Search<'_>, place: &Place) {
    let content = &search.content()[..place.range.end];
    let mut at = place.range.start + MAGIC.len();
    while let Some((name, size)) = content.get(at..).and_then(|rest| header(rest.get(..HEADER)?)) {
        let start = at + HEADER;
        if size > content.len() - start {
            return;
        }
        search.look(&place.member(start..start + size, name));
        // Members begin at even places.
        at = start + size + size % 2;
    }
}

/// Name and size of a member, where this is its header.
fn header(header: &[u8]) -> Option<(&[u8], usize)> {
    let (fields, end) = header.split_last_chunk::<2>()?;
    let digits = fields[48..58].trim_ascii_end();
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let size = str::from_utf8(digits).ok().filter(|_| is_number && end == b"`\n")?.parse().ok()?;
    let name = fields[..16].trim_ascii_end();
    Some((name.strip_suffix(b"/").unwrap_or(name), size))
}

#[cfg(test)]
mod tests {
    use super::super::archives::{Gzip, ar, find, find_2, text_of};

    #[test]
    fn members_are_looked_into_by_version_2_alone() {
        let gz = Gzip::default().member(&text_of(3000));
        let archive = ar(&[(b"debian-binary", b"2.0\n"), (b"odd", b"a"), (b"a.gz", &gz), (b"b.gz/", &gz)]);
        let paths: Vec<_> = find_2(&archive).streams.into_iter().map(|stream| stream.path).collect();
        assert_eq!(paths, [b"a.gz", b"b.gz"]);
        assert!(find(&archive).streams.is_empty());
    }

    #[test]
    fn headers_that_lie_end_the_walk() {
        let gz = Gzip::default().member(&text_of(3000));
        let whole = ar(&[(b"a.gz", &gz), (b"b.gz", &gz)]);
        let second = 8 + 60 + gz.len().next_multiple_of(2);
        for (at, byte) in [(58, b'x'), (59, b'x'), (48, b'-'), (48, b'9'), (50, b' ')] {
            let mut archive = whole.clone();
            archive[second + at] = byte;
            assert_eq!(find_2(&archive).streams.len(), 1, "{at} {byte}");
        }
        assert_eq!(find_2(&whole[..whole.len() - 2]).streams.len(), 1);
        assert!(find_2(&whole[..8]).streams.is_empty());
    }
}
