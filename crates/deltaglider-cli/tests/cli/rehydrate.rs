//! `rehydrate`: the way out.

use std::sync::mpsc;

use crate::bench::{Bench, archive};
use crate::s3::Cloud;

/// Versions in two spaces, as deltas.
fn deltas() -> Cloud {
    let cloud = Cloud::with_bucket();
    for space in ["a", "b"] {
        for version in 1..=5 {
            cloud.bench.write(&format!("d/{space}/v{version}.zip"), &archive(version));
        }
    }
    cloud.bench.write("d/a/note.txt", b"text");
    let up = ["cp", "d", "s3://shop/p/", "--recursive", "--metadata", "owner=ann", "--quiet"];
    assert_eq!(cloud.bench.run(&up).code, 0);
    cloud.server.log().reset();
    cloud
}

/// The stored keys when nothing of ours is left.
fn plain_keys(prefix: &str) -> Vec<String> {
    let versions = |space: &'static str| (1..=5).map(move |version| format!("{prefix}/{space}/v{version}.zip"));
    let note = format!("{prefix}/a/note.txt");
    std::iter::once(note).chain(versions("a")).chain(versions("b")).collect()
}

fn ensure_plain(cloud: &Cloud, prefix: &str) {
    for key in plain_keys(prefix) {
        let (metadata, content) = cloud.plain(&key);
        assert_eq!(metadata.into_iter().collect::<Vec<_>>(), [("owner".to_owned(), "ann".to_owned())], "{key}");
        let version = key.bytes().rev().nth(4).unwrap() - b'0';
        assert!(if key.ends_with(".txt") { content == b"text" } else { content == archive(version.into()) }, "{key}");
    }
}

#[test]
fn a_prefix_becomes_plain_where_it_is_killed_in_between() {
    let cloud = deltas();
    let (sender, reached) = mpsc::channel();
    cloud.server.inject(move |request, number| {
        if request.operation == "PutObject" && number == 6 {
            sender.send(()).expect("somebody waits");
        }
        None
    });
    let mut child = cloud.bench.start(&["rehydrate", "s3://shop/p/", "--in-place", "-j", "1"]);
    reached.recv().expect("it gets there");
    child.kill().expect("killed");
    child.wait().expect("ended");
    cloud.server.heal();
    let run = cloud.bench.run(&["rehydrate", "s3://shop/p/", "--in-place"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(cloud.stored(), plain_keys("p"));
    ensure_plain(&cloud, "p");
    let puts = cloud.server.log().requests();
    for key in plain_keys("p") {
        let put = puts.iter().filter(|put| put.operation == "PutObject" && put.key == key && put.status == 200);
        assert!(put.count() <= 1, "{key}");
    }
    cloud.server.log().reset();
    let again = cloud.bench.run(&["rehydrate", "s3://shop/p/", "--in-place"]);
    assert_eq!((again.code, again.out.as_str(), cloud.server.log().count("PutObject")), (0, "", 0), "{again:?}");
    assert!(again.err.contains("11 there already"), "{}", again.err);
}

#[test]
fn a_reference_stays_as_long_as_a_delta_needs_it() {
    let cloud = deltas();
    let run = cloud.bench.run(&["rehydrate", "s3://shop/p/a/v1.zip", "--in-place"]);
    assert_eq!((run.code, run.out.as_str()), (0, "rehydrate: s3://shop/p/a/v1.zip\n"), "{run:?}");
    assert!(cloud.stored().contains(&"p/a/reference.bin".to_owned()));
    let run = cloud.bench.run(&["rehydrate", "s3://shop/p/a/", "--in-place", "--exclude", "v5.zip"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.err.contains("1 of 1 references stay"), "{}", run.err);
    assert_eq!(cloud.bench.run(&["cp", "s3://shop/p/a/v5.zip", "got.zip"]).code, 0);
    assert_eq!(cloud.bench.read("got.zip"), archive(5));
}

#[test]
fn plain_objects_go_elsewhere_and_nothing_is_sent_twice() {
    let cloud = deltas();
    let run = cloud.bench.run(&["rehydrate", "s3://shop/p/", "s3://shop/out"]);
    assert_eq!((run.code, run.lines().len()), (0, 11), "{run:?}");
    assert!(run.out.contains("rehydrate: s3://shop/p/b/v3.zip to s3://shop/out/b/v3.zip\n"), "{}", run.out);
    ensure_plain(&cloud, "out");
    cloud.server.log().reset();
    let again = cloud.bench.run(&["rehydrate", "s3://shop/p/", "s3://shop/out"]);
    assert_eq!((again.code, again.out.as_str()), (0, ""));
    assert_eq!((cloud.server.log().count("PutObject"), cloud.server.log().count("GetObject")), (0, 0));

    let here = cloud.bench.run(&["rehydrate", "s3://shop/p/", "got"]);
    assert_eq!((here.code, here.lines().len()), (0, 11), "{here:?}");
    assert_eq!(cloud.bench.read("got/a/v4.zip"), archive(4));
    cloud.bench.write("got/a/v4.zip", b"damaged");
    let again = cloud.bench.run(&["rehydrate", "s3://shop/p/", "got"]);
    assert_eq!(again.out, "rehydrate: s3://shop/p/a/v4.zip to got/a/v4.zip\n");
    assert_eq!(cloud.bench.read("got/a/v4.zip"), archive(4));
}

#[test]
fn what_cannot_be_plain_where_it_is_is_passed_over_with_a_warning() {
    let bench = Bench::with_store();
    bench.write("d/reference.bin", b"mine");
    bench.write("d/a.zip", &archive(1));
    assert_eq!(bench.run(&["cp", "d", "STORE/p/", "--recursive"]).code, 0);
    let run = bench.run(&["rehydrate", "STORE/p/", "--in-place"]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.err.contains("Rehydrate it to another place"), "{}", run.err);
    let elsewhere = bench.run(&["rehydrate", "STORE/p/", "STORE/q/"]);
    assert_eq!(elsewhere.code, 0, "{elsewhere:?}");
    assert_eq!(bench.run(&["rehydrate", "STORE/p/", "got/"]).code, 0);
    assert_eq!((bench.read("got/reference.bin"), bench.read("got/a.zip")), (b"mine".to_vec(), archive(1)));
}

#[test]
fn a_damaged_delta_stays_and_says_so() {
    let bench = Bench::with_store();
    for version in 1..=2 {
        bench.write("a.zip", &archive(version));
        bench.run(&["cp", "a.zip", &format!("STORE/p/a-{version}.zip")]);
    }
    bench.damage_references();
    let run = bench.run(&["rehydrate", "STORE/p/", "--in-place"]);
    assert_eq!(run.code, 4, "{run:?}");
    let physical = bench.run(&["ls", "STORE/p/", "--physical"]);
    assert!(physical.out.contains("a-1.zip.delta") && physical.out.contains("reference.bin"), "{}", physical.out);
    for wrong in
        [&["rehydrate", "STORE/p/", "STORE/p/"][..], &["rehydrate", "STORE/p/"], &["rehydrate", "STORE/p/", "-"]]
    {
        assert_eq!(bench.run(wrong).code, 252, "{wrong:?}");
    }
    let dry = bench.run(&["rehydrate", "STORE/p/", "--in-place", "--dryrun"]);
    assert_eq!((dry.code, dry.lines().len()), (0, 2), "{dry:?}");
}
