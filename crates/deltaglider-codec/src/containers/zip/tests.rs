//! Every kind of zip, and those that lie.

use super::super::archives::{Gzip, Member, Tar, Zip, find, noise, text_of};
use super::super::{Layout, Stream};

fn names(layout: &Layout) -> Vec<&[u8]> {
    layout.streams.iter().map(|stream| &stream.path[..]).collect()
}

/// Three members, of which two are streams.
fn usual(zip: Zip) -> Zip {
    zip.deflated(b"a.txt", &text_of(2000)).stored(b"b.bin", &noise(300)).deflated(b"c/d.txt", &text_of(900))
}

fn check_usual(archive: &[u8]) -> Vec<Stream> {
    let layout = find(archive);
    assert_eq!(names(&layout), [b"a.txt", &b"c/d.txt"[..]]);
    assert_eq!(layout.streams[0].plain, text_of(2000));
    assert_eq!(layout.streams[1].plain, text_of(900));
    layout.streams
}

#[test]
fn members_are_found_by_the_directory() {
    let streams = check_usual(&usual(Zip::default()).finish());
    assert_eq!(streams[0].range.start, 30 + 5 + 4);
}

#[test]
fn what_stands_around_the_members_is_passed() {
    let prefix = || [b"#!/bin/sh\n", &noise(5000)[..]].concat();
    check_usual(&usual(Zip { prefix: prefix(), ..Zip::default() }).finish());
    check_usual(&usual(Zip { block: noise(4096), ..Zip::default() }).finish());
    check_usual(&usual(Zip { comment: b"PK\x05\x06 of old".to_vec(), ..Zip::default() }).finish());
    check_usual(&usual(Zip { comment: vec![b' '; 65_535], ..Zip::default() }).finish());
    check_usual(&usual(Zip { zip64: true, ..Zip::default() }).finish());
    check_usual(&usual(Zip { zip64: true, prefix: prefix(), block: noise(99), ..Zip::default() }).finish());
    check_usual(&[usual(Zip::default()).finish(), vec![0; 1000]].concat());
}

#[test]
fn a_prefix_that_offsets_count_is_passed() {
    // As a tool leaves it that corrects a self-extracting archive.
    let members = noise(777);
    check_usual(&usual(Zip { members, ..Zip::default() }).finish());
}

#[test]
fn a_directory_that_does_not_touch_its_end_is_found() {
    let archive = usual(Zip::default()).finish();
    let end = archive.len() - 22;
    check_usual(&[&archive[..end], b"something between", &archive[end..]].concat());
}

#[test]
fn sizes_behind_the_data_are_not_needed() {
    let archive = Zip::default().streamed(b"a.txt", &text_of(2000)).streamed(b"c/d.txt", &text_of(900)).finish();
    check_usual(&archive);
}

#[test]
fn stored_members_are_looked_into() {
    let inner = usual(Zip::default()).finish();
    let tar = Tar::default().ustar(b"x.zip", b'0', &inner).finish();
    let archive = Zip::default()
        .stored(b"lib.jar", &inner)
        .stored(b"a.gz", &Gzip::default().member(&text_of(500)))
        .stored(b"b.tar", &tar)
        .finish();
    let layout = find(&archive);
    let expected =
        [&b"lib.jar\0a.txt"[..], b"lib.jar\0c/d.txt", b"a.gz", b"b.tar\0x.zip\0a.txt", b"b.tar\0x.zip\0c/d.txt"];
    assert_eq!(names(&layout), expected);
}

#[test]
fn other_methods_and_encrypted_members_are_plain() {
    let member = Member::deflated(b"x", &text_of(2000));
    let archive = Zip::default()
        .member(&Member { flags: 1, ..member.clone() })
        .member(&Member { method: 12, ..member.clone() })
        .member(&Member { method: 99, flags: 1, ..member.clone() })
        .member(&Member { flags: 1, ..Member::stored(b"y", &Gzip::default().member(&text_of(500))) });
    assert!(find(&archive.clone().finish()).streams.is_empty());
    assert!(find(&archive.members).streams.is_empty());
}

#[test]
fn what_the_directory_tells_has_to_be_true() {
    let member = Member::deflated(b"x", &text_of(2000));
    for lie in [
        Member { size: member.size - 1, ..member.clone() },
        Member { size: member.size + 1, ..member.clone() },
        Member { size: u32::MAX, ..member.clone() },
        Member { packed: member.packed - 1, ..member.clone() },
        Member { packed: member.packed + 1, ..member.clone() },
        Member { packed: u32::MAX, ..member.clone() },
        Member { method: 0, ..member.clone() },
    ] {
        let mut zip = Zip::default();
        zip.local(&member);
        let archive = zip.listed(&lie, 0).deflated(b"true", &text_of(900)).finish();
        assert_eq!(names(&find(&archive)), [b"true"]);
    }
    for at in [1, 39, 5000, u32::MAX as usize] {
        let mut zip = Zip::default();
        zip.local(&member);
        assert!(find(&zip.listed(&member, at).finish()).streams.is_empty());
    }
}

#[test]
fn members_that_share_bytes_are_taken_once() {
    let member = Member::deflated(b"x", &text_of(2000));
    let archive = Zip::default().member(&member).listed(&Member { name: b"again", ..member.clone() }, 0).finish();
    assert_eq!(names(&find(&archive)), [b"x"]);

    // One inside the data of another, which is stored.
    let mut inner = Zip::default();
    inner.local(&member);
    let outer = Member::stored(b"outer", &[noise(100), inner.members].concat());
    let at = 30 + outer.name.len() + 4 + 100;
    let archive = Zip::default().member(&outer).listed(&member, at).finish();
    assert!(find(&archive).streams.is_empty());
}

#[test]
fn members_need_not_stand_in_the_directorys_order() {
    let (first, second) = (Member::deflated(b"a.txt", &text_of(2000)), Member::deflated(b"c/d.txt", &text_of(900)));
    let mut zip = Zip::default();
    zip.local(&first);
    let at = zip.members.len();
    zip.local(&second);
    check_usual(&zip.listed(&second, at).listed(&first, 0).finish());
}

#[test]
fn members_are_found_without_a_directory() {
    let zip =
        usual(Zip::default()).streamed(b"e", &text_of(700)).stored(b"f.gz", &Gzip::default().member(&text_of(800)));
    let whole = zip.clone().finish();
    let expected = names(&find(&whole)).into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>();
    assert_eq!(expected.len(), 4);
    assert_eq!(names(&find(&zip.members)), expected);
    let mut wrong = whole.clone();
    let end = wrong.len() - 22;
    wrong[end + 16] ^= 0x55;
    wrong[end + 12] ^= 0x55;
    assert_eq!(names(&find(&wrong)), expected);
    // In the middle of the second stream.
    assert_eq!(names(&find(&zip.members[..2000])), [b"a.txt"]);
}

#[test]
fn a_scan_goes_on_behind_what_is_damaged() {
    let mut zip = usual(Zip::default()).streamed(b"e", &text_of(700)).members;
    zip[30 + 5 + 4] = 0xff;
    assert_eq!(names(&find(&zip)), [b"c/d.txt", &b"e"[..]]);
}

#[test]
fn what_does_not_begin_with_a_member_is_not_scanned() {
    let zip = usual(Zip { members: noise(10), ..Zip::default() });
    assert!(find(&zip.members).streams.is_empty());
}
