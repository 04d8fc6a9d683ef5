//! tar: ustar, pax and GNU, with members looked into where they stand.

mod header;

use self::header::{BLOCK, Header, Kind};
use super::search::{Place, Search};

/// Whether a header stands at the start.
pub(super) fn begins(bytes: &[u8]) -> bool {
    Header::parse(bytes).is_some()
}

/// What the entries before a member say of it.
#[derive(Default)]
struct Said<'a> {
    name: Option<&'a [u8]>,
    size: Option<usize>,
}

/// Looks into the members.
pub(super) fn look(search: &mut Search<'_>, place: &Place) {
    let content = &search.content()[..place.range.end];
    let mut at = place.range.start;
    let mut said = Said::default();
    while let Some(block) = content.get(at..).and_then(|rest| rest.get(..BLOCK)) {
        // The end of an archive; another may stand behind it.
        if block.iter().all(|byte| *byte == 0) {
            at += BLOCK;
            continue;
        }
        let Some(header) = Header::parse(block) else { return };
        let Some(start) = header.data(content, at) else { return };
        let size = match header.kind() {
            Kind::Pax | Kind::LongName | Kind::About => header.size(),
            Kind::File | Kind::Other => said.size.unwrap_or(header.size()),
            Kind::Bare => 0,
        };
        let Some(data) = start.checked_add(size).and_then(|end| content.get(start..end)) else { return };
        match header.kind() {
            Kind::Pax => said.pax(data),
            Kind::LongName => said.name = Some(until_nul(data)),
            Kind::About => {}
            Kind::File => {
                let name = header.name();
                let member = place.member(start..start + size, said.name.unwrap_or(&name));
                search.look(&member);
                said = Said::default();
            }
            Kind::Bare | Kind::Other => said = Said::default(),
        }
        let Some(next) = size.checked_next_multiple_of(BLOCK).and_then(|padded| start.checked_add(padded)) else {
            return;
        };
        at = next;
    }
}

impl<'a> Said<'a> {
    /// Takes the records of a pax header, each `LENGTH KEY=VALUE\n`, up to one that is none.
    fn pax(&mut self, mut records: &'a [u8]) {
        while let Some((record, rest)) = pax_record(records) {
            if let Some(name) = record.strip_prefix(b"path=") {
                self.name = Some(name);
            } else if let Some(size) = record.strip_prefix(b"size=") {
                self.size = decimal(size);
            }
            records = rest;
        }
    }
}

/// The key and value of the first record, and what is behind it.
fn pax_record(records: &[u8]) -> Option<(&[u8], &[u8])> {
    let digits = records.iter().take(20).position(|byte| *byte == b' ')?;
    let length = decimal(&records[..digits])?;
    let record = records.get(digits + 1..length)?.strip_suffix(b"\n")?;
    Some((record, &records[length..]))
}

/// Digits and nothing else: no sign either.
fn decimal(digits: &[u8]) -> Option<usize> {
    let digits = str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))?;
    digits.parse().ok()
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::archives::{Gzip, Tar, Zip, find, text_of};
    use super::*;

    fn gz() -> Vec<u8> {
        Gzip::default().member(&text_of(3000))
    }

    fn paths(archive: &[u8]) -> Vec<Vec<u8>> {
        find(archive).streams.into_iter().map(|stream| stream.path).collect()
    }

    #[test]
    fn members_are_looked_into() {
        let zip = Zip::default().deflated(b"x.txt", &text_of(2000)).finish();
        let archive = Tar::default()
            .ustar(b"plain", b'0', &text_of(100))
            .ustar(b"a.gz", b'0', &gz())
            .ustar(b"old.gz", 0, &gz())
            .ustar(b"b.zip", b'0', &zip)
            .finish();
        assert_eq!(paths(&archive), [&b"a.gz"[..], b"old.gz", b"b.zip\0x.txt"]);
    }

    #[test]
    fn long_names_and_sizes_of_pax_and_gnu_are_known() {
        let name = [b"very/long/".repeat(12), b"name.gz".to_vec()].concat();
        let archive = Tar::default()
            .pax(&[(b"mtime", b"1.5"), (b"path", &name)])
            .ustar(b"short", b'0', &gz())
            .ustar(b"././@LongLink", b'L', &[&name[..], b"\0"].concat())
            .ustar(b"././@LongLink", b'K', b"link\0")
            .ustar(b"short", b'0', &gz())
            .pax(&[(b"size", gz().len().to_string().as_bytes())])
            .sized(b"size.gz", b"00000000000\0", &gz())
            .sized(b"binary.gz", &[&[0x80, 0, 0, 0][..], &(gz().len() as u64).to_be_bytes()].concat(), &gz())
            .finish();
        assert_eq!(paths(&archive), [&name[..], &name, b"size.gz", b"binary.gz"]);
    }

    #[test]
    fn what_has_no_data_has_none_whatever_its_size() {
        let archive = Tar::default().header(b"dir/", b'5', b"00000007777\0").ustar(b"a.gz", b'0', &gz()).finish();
        assert_eq!(paths(&archive), [b"a.gz"]);
    }

    #[test]
    fn archives_stand_behind_each_other() {
        let one = Tar::default().ustar(b"a.gz", b'0', &gz()).finish();
        let two = Tar::default().ustar(b"b.gz", b'0', &gz()).finish();
        assert_eq!(paths(&[one, two].concat()), [b"a.gz", b"b.gz"]);
    }

    #[test]
    fn sizes_that_lie_end_the_walk() {
        for size in [&b"77777777777\0"[..], &[0x80, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255], &[0xff; 12]] {
            let archive = Tar::default().ustar(b"a.gz", b'0', &gz()).header(b"b", b'0', size).finish();
            assert_eq!(paths(&archive), [b"a.gz"]);
        }
        let archive = Tar::default().pax(&[(b"size", b"18446744073709551615")]).ustar(b"a.gz", b'0', &gz()).finish();
        assert!(paths(&archive).is_empty());
    }

    #[test]
    fn records_of_pax_that_are_none_end_the_records() {
        for records in
            [&b"99 path=a\n"[..], b"3 p\n", b"0 path=a\n", b"x path=a\n", b"11path=abc\n", b"10 path=ab", b"+9 path=\n"]
        {
            let mut said = Said::default();
            said.pax(records);
            assert!(said.name.is_none(), "{records:?}");
        }
    }
}
