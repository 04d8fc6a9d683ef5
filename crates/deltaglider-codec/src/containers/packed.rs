//! xz, bzip2 and zstd: streams one behind the other, and what their formats have between them. Version 2 of the form knows them.

use super::search::{Place, Search};
use crate::packers::Format;

/// Takes the streams.
pub(super) fn look(search: &mut Search<'_>, place: &Place, format: Format) {
    let content = &search.content()[..place.range.end];
    let mut at = place.range.start;
    while Format::of(&content[at..]) == Some(format) {
        let Some(end) = search.take_packed(at..content.len(), format, || place.path.clone()) else { return };
        at = end + format.padding(&content[end..]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::archives::{Gzip, Tar, ar, find, find_2, inflate, noise, pack, text_of};
    use super::super::{Limits, layout};
    use super::*;

    #[test]
    fn what_is_packed_is_looked_into() {
        for format in [Format::Xz, Format::Bzip2, Format::Zstd] {
            let gz = Gzip::default().member(&text_of(3000));
            let tar = Tar::default().ustar(b"a.gz", b'0', &gz).finish();
            let deb = ar(&[(b"data.tar", &pack(format, &tar))]);
            let layout = find_2(&deb);
            assert_eq!(layout.streams.len(), 1, "{format:?}");
            let stream = &layout.streams[0];
            assert_eq!((stream.format, &stream.path[..]), (Some(format), &b"data.tar"[..]));
            assert!(stream.plain == tar);
            assert_eq!(stream.inner.streams.len(), 1);
            assert_eq!((stream.inner.streams[0].format, &stream.inner.streams[0].path[..]), (None, &b"a.gz"[..]));
            assert!(find(&deb).streams.is_empty());
        }
    }

    #[test]
    fn streams_stand_behind_each_other() {
        let (one, two) = (text_of(2000), text_of(2500));
        for (format, between) in [
            (Format::Xz, &[0; 8][..]),
            (Format::Xz, b""),
            (Format::Bzip2, b""),
            (Format::Zstd, b"\x5a\x2a\x4d\x18\x03\0\0\0abc\x50\x2a\x4d\x18\0\0\0\0"),
            (Format::Zstd, b""),
        ] {
            let file = [&pack(format, &one), between, &pack(format, &two), b"behind"].concat();
            let plains: Vec<_> = find_2(&file).streams.into_iter().map(|stream| stream.plain).collect();
            assert!(plains == [&one[..], &two], "{format:?}");
            let cut = file.len() - b"behind".len() - 1;
            assert_eq!(find_2(&file[..cut]).streams.len(), 1, "{format:?}");
        }
    }

    #[test]
    fn what_unpacks_for_nothing_is_bounded() {
        let good = pack(Format::Zstd, &text_of(2000));
        for format in [Format::Xz, Format::Bzip2, Format::Zstd] {
            // Of zeros alone, bzip2's would be too short to be looked at.
            let bomb = pack(format, &[noise(100), vec![0; 4 << 20]].concat());
            // Cut short, and too long for the limit.
            for broken in [&bomb[..bomb.len() - 1], &bomb] {
                let found = |count: usize| {
                    let mut members = vec![(&b"broken"[..], broken); count];
                    members.push((b"good", &good));
                    let limits = Limits::within(1 << 20).second();
                    layout(&ar(&members), &limits, &inflate).streams.len()
                };
                // Each counts for all that might have come, and twice as much may come for nothing.
                assert_eq!((found(0), found(1), found(2)), (1, 1, 0), "{format:?}");
            }
        }
    }
}
