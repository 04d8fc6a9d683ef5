//! Archives made to harm, and bytes that are none: bounded work, and never a panic.

use std::cell::Cell;

use proptest::prelude::*;

use super::archives::{Gzip, Member, Tar, Zip, deflate, find, inflate, noise, text_of};
use super::{ExpandedReference, Inflated, Layout, Limits, expand, layout};

/// What a search cost.
#[derive(Debug, Default)]
struct Spent {
    calls: Cell<usize>,
    given: Cell<usize>,
    wanted: Cell<usize>,
}

fn search(content: &[u8], limits: &Limits) -> (Layout, Spent) {
    let spent = Spent::default();
    let counted = |input: &[u8], limit: usize| {
        spent.calls.set(spent.calls.get() + 1);
        spent.wanted.set(spent.wanted.get().max(limit));
        let inflated = inflate(input, limit);
        let output =
            inflated.as_ref().map_or(limit.min(input.len().saturating_mul(1032)), |found: &Inflated| found.plain.len());
        spent.given.set(spent.given.get().saturating_add(output));
        inflated
    };
    let found = layout(content, limits, &counted);
    assert!(count(&found) <= limits.streams && plaintext(&found) <= limits.expanded && depth(&found) <= limits.depth);
    check(content.len(), &found);
    (found, spent)
}

fn count(layout: &Layout) -> usize {
    layout.streams.iter().map(|stream| 1 + count(&stream.inner)).sum()
}

fn plaintext(layout: &Layout) -> usize {
    layout.streams.iter().map(|stream| stream.plain.len() + plaintext(&stream.inner)).sum()
}

fn depth(layout: &Layout) -> u8 {
    layout.streams.iter().map(|stream| 1 + depth(&stream.inner)).max().unwrap_or(0)
}

/// Ranges ascend inside their parent and do not overlap.
fn check(length: usize, layout: &Layout) {
    let mut end = 0;
    for stream in &layout.streams {
        assert!(stream.range.start >= end && stream.range.start < stream.range.end && stream.range.end <= length);
        assert!(stream.path.len() <= 256);
        end = stream.range.end;
        check(stream.plain.len(), &stream.inner);
    }
}

const MIB: usize = 1 << 20;

#[test]
fn a_zip_of_zips_of_zips_stops_at_its_limits() {
    let mut bomb = vec![0; 4 * MIB];
    for level in 0..6_u8 {
        let names: Vec<_> = (0..16_u8).map(|name| [b'a' + name, b'0' + level]).collect();
        bomb = names.iter().fold(Zip::default(), |zip, name| zip.deflated(name, &bomb)).finish();
    }
    let (found, _) = search(&bomb, &Limits { depth: 200, ..Limits::within(20 * MIB) });
    assert!(plaintext(&found) > 12 * MIB);
    let (found, spent) = search(&bomb, &Limits { depth: 2, ..Limits::within(20 * MIB) });
    assert_eq!((count(&found), spent.calls.get()), (16 + 16 * 16, 16 + 16 * 16));
    let (found, spent) = search(&bomb, &Limits { streams: 5, ..Limits::within(20 * MIB) });
    assert_eq!((count(&found), spent.calls.get()), (5, 5));
    assert_eq!(search(&bomb, &Limits { depth: 0, ..Limits::within(20 * MIB) }).1.calls.get(), 0);
    assert_eq!(search(&bomb, &Limits::within(0)).1.calls.get(), 0);
}

#[test]
fn members_that_quote_each_other_are_taken_once() {
    // Every header is the stored block of the stream before it, and all end in the same kernel.
    let kernel = deflate(&vec![0; 4 * MIB]);
    let mut data = kernel.clone();
    let mut size = 4 * MIB;
    let mut listed = vec![Member {
        name: b"0",
        method: 8,
        flags: 0,
        packed: data.len() as u32,
        size: size as u32,
        data: Vec::new(),
    }];
    let mut starts = vec![data.len()];
    for _ in 0..200 {
        let mut local = Zip::default();
        local.local(&Member { data: Vec::new(), ..listed[listed.len() - 1].clone() });
        let header = local.members;
        let length = header.len() as u16;
        starts.push(data.len() + header.len());
        data = [&[0][..], &length.to_le_bytes(), &(!length).to_le_bytes(), &header, &data].concat();
        size += header.len();
        listed.push(Member { packed: data.len() as u32, size: size as u32, ..listed[0].clone() });
    }
    let mut zip = Zip::default();
    let outer = Member { data, ..listed[listed.len() - 1].clone() };
    zip.local(&outer);
    // A local header here is 35 bytes.
    let end = zip.members.len();
    let archive =
        listed.iter().zip(&starts).fold(zip, |zip, (member, start)| zip.listed(member, end - start - 35)).finish();
    let (found, spent) = search(&archive, &Limits::within(1 << 30));
    assert_eq!((count(&found), spent.calls.get()), (1, 1));
    let (found, spent) = search(&archive, &Limits::within(size - 1));
    assert_eq!(count(&found), 1);
    assert!(spent.calls.get() <= 2);
}

#[test]
fn streams_that_turn_out_to_be_none_cost_no_more_than_the_limit() {
    // A thousand members, all over the same data, whose sizes are wrong by one.
    let plain = vec![0; MIB];
    let member = Member { size: MIB as u32 - 1, ..Member::deflated(b"x", &plain) };
    let mut zip = Zip::default();
    zip.local(&member);
    let archive = (0..1000).fold(zip, |zip, _| zip.listed(&member, 0)).finish();
    let (found, spent) = search(&archive, &Limits::within(10 * MIB));
    assert_eq!(count(&found), 0);
    assert!(spent.calls.get() <= 12 && spent.given.get() <= 13 * MIB, "{spent:?}");

    // Headers of gzip, each with all that is behind it.
    let gz = Gzip::default().member(&plain);
    let archive = (0..1000).fold(Tar::default(), |tar, _| tar.ustar(b"x", b'0', &gz[..500])).finish();
    let (found, spent) = search(&archive, &Limits::within(10 * MIB));
    assert_eq!(count(&found), 0);
    assert!(spent.given.get() <= 12 * MIB, "{spent:?}");
}

#[test]
fn blocks_that_give_nothing_cost_no_more_than_the_limit() {
    // Stored blocks of zero bytes: all of the input is read for nothing.
    let data = [0, 0, 0, 0xff, 0xff].repeat(MIB / 5);
    let member = Member { name: b"x", method: 8, flags: 0, packed: data.len() as u32, size: 1, data };
    let mut zip = Zip::default();
    zip.local(&member);
    let archive = (0..10_000).fold(zip, |zip, _| zip.listed(&member, 0)).finish();
    let (found, spent) = search(&archive, &Limits::within(10 * MIB));
    assert_eq!(count(&found), 0);
    assert!(spent.calls.get() <= 13, "{spent:?}");
}

#[test]
fn a_large_plaintext_is_neither_made_nor_asked_for_past_the_limit() {
    // What is declared is not even begun.
    let member = Member { size: 3 << 30, ..Member::deflated(b"x", &text_of(5000)) };
    let archive = Zip::default().member(&member).deflated(b"y", &text_of(5000)).finish();
    let (found, spent) = search(&archive, &Limits::within(MIB));
    assert_eq!((count(&found), spent.calls.get()), (1, 1));
    // gzip doesn't tell before: as much as is allowed, and what comes behind it is still found.
    let large = Gzip::default().member(&vec![0; 5 * MIB]);
    let archive = Tar::default()
        .ustar(b"large.gz", b'0', &large)
        .ustar(b"small.gz", b'0', &Gzip::default().member(&text_of(5000)))
        .finish();
    let (found, spent) = search(&archive, &Limits::within(MIB));
    assert_eq!((count(&found), spent.wanted.get()), (1, MIB));
    assert_eq!(found.streams[0].path, b"small.gz");
}

#[test]
fn time_is_linear_in_the_members() {
    let member = Member::deflated(b"a/name/of/usual/length.txt", &text_of(200));
    let mut zip = Zip::default();
    for _ in 0..100_000 {
        zip = zip.member(&member);
    }
    let archive = zip.clone().finish();
    let calls = Cell::new(0);
    // The streams are known: what is left is the search itself.
    let known = |input: &[u8], _: usize| {
        calls.set(calls.get() + 1);
        Ok(Inflated { plain: vec![0; 200], length: input.len().min(member.data.len()) })
    };
    assert_eq!(layout(&archive, &Limits::within(1 << 30), &known).streams.len(), 100_000);
    assert_eq!(layout(&zip.members, &Limits::within(1 << 30), &known).streams.len(), 100_000);
    assert_eq!(calls.get(), 200_000);

    let gz = Gzip::default().member(&text_of(200));
    let archive = (0..100_000).fold(Tar::default(), |tar, _| tar.ustar(b"x.gz", b'0', &gz)).finish();
    let known = |_: &[u8], _: usize| Ok(Inflated { plain: vec![0; 200], length: gz.len() - 18 });
    assert_eq!(layout(&archive, &Limits::within(1 << 30), &known).streams.len(), 100_000);
}

#[test]
fn members_in_members_end_at_a_bound() {
    let mut archive = Zip::default().deflated(b"x", &text_of(500)).finish();
    for _ in 0..4 {
        archive = Zip::default().stored(b"in", &archive).finish();
    }
    assert_eq!(count(&search(&archive, &Limits::within(MIB)).0), 1);
    archive = Zip::default().stored(b"in", &archive).finish();
    assert_eq!(count(&search(&archive, &Limits::within(MIB)).0), 0);
}

#[test]
fn a_short_stream_is_plain() {
    // Stored blocks are five bytes longer than what is in them.
    let stream = |length: usize| {
        let plain = noise(length);
        let length = length as u16;
        [&[1][..], &length.to_le_bytes(), &(!length).to_le_bytes(), &plain].concat()
    };
    for (length, expected) in [(63, 0), (64, 1)] {
        let data = stream(length - 5);
        assert_eq!(data.len(), length);
        let member = Member {
            name: b"x",
            method: 8,
            flags: 0,
            packed: length as u32,
            size: length as u32 - 5,
            data: data.clone(),
        };
        assert_eq!(find(&Zip::default().member(&member).finish()).streams.len(), expected);
        let gzip = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0][..], &data, &[0; 8]].concat();
        assert_eq!(find(&gzip).streams.len(), expected);
    }
}

/// One of each kind, with others in it.
fn archives() -> Vec<Vec<u8>> {
    let gz = Gzip { flags: 31, name: b"a.json" }.member(&text_of(700));
    let zip = Zip { block: noise(50), ..Zip::default() }
        .deflated(b"a", &text_of(400))
        .streamed(b"b", &gz)
        .stored(b"c.gz", &gz);
    let wide = Zip { zip64: true, prefix: noise(20), ..Zip::default() }.deflated(b"a", &text_of(400)).finish();
    let tar = Tar::default()
        .pax(&[(b"path", b"a/long/name.zip")])
        .ustar(b"x", b'0', &zip.clone().finish())
        .ustar(b"y.zip", b'0', &wide)
        .finish();
    vec![zip.members.clone(), zip.finish(), wide, Gzip::default().member(&tar), [gz.clone(), gz].concat(), tar]
}

proptest! {
    #[test]
    fn any_bytes_have_a_layout(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let limits = Limits::within(MIB);
        for magic in [&b""[..], b"\x1f\x8b\x08\x1f", b"PK\x03\x04", b"PK\x05\x06"] {
            let content = [magic, &bytes].concat();
            search(&content, &limits);
            search(&[&bytes[..], magic, &[0; 18]].concat(), &limits);
        }
    }

    #[test]
    fn changed_archives_have_a_layout(
        which in 0..6_usize,
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<proptest::sample::Index>(),
        cuts in any::<bool>(),
        expanded in 0..8000_usize,
    ) {
        let mut content = archives().swap_remove(which);
        for (at, byte) in changes {
            let at = at.index(content.len());
            content[at] = byte;
        }
        if cuts {
            content.truncate(cut.index(content.len()));
        }
        let limits = Limits::within(expanded);
        let (found, _) = search(&content, &limits);
        prop_assert_eq!(&found, &search(&content, &limits).0);
        let form = ExpandedReference::new(&content, &found).expect("it fits");
        prop_assert!(form.bytes.starts_with(&expand(&content, &found)));
        prop_assert_eq!(super::ReferenceMap::from_bytes(&form.map.to_bytes(), form.bytes.len()), Ok(form.map));
    }
}
