//! `mv`, and what `cp` leaves alone or only rehearses.

use deltaglider_testkit::s3_server::ServerFault;

use crate::bench::{Bench, archive};
use crate::s3::Cloud;

fn keys(bench: &Bench, url: &str) -> Vec<String> {
    bench.run(&["ls", url, "--recursive"]).lines().iter().map(|line| line[31..].to_owned()).collect()
}

#[test]
fn sources_go_when_they_have_arrived() {
    let cloud = Cloud::with_bucket();
    let bench = &cloud.bench;
    bench.run(&["mb", "STORE"]);
    for number in 1..=3 {
        bench.write(&format!("d/app-{number}.zip"), &archive(number));
    }
    bench.write("d/notes.txt", b"notes");
    let store = bench.store();
    let inside = format!("{store}/in");
    for (from, to) in [
        ("d", "s3://shop/p"),
        ("s3://shop/p", "s3://shop/q"),
        ("s3://shop/q", inside.as_str()),
        (inside.as_str(), "got"),
    ] {
        let moved = bench.run(&["mv", from, to, "--recursive"]);
        assert_eq!((moved.code, moved.lines().len()), (0, 4), "{from} {to}: {moved:?}");
        assert!(moved.lines().iter().all(|line| line.starts_with("move: ")), "{moved:?}");
    }
    assert_eq!(bench.names("d"), Vec::<String>::new());
    assert_eq!((keys(bench, "s3://shop"), keys(bench, "STORE")), (vec![], vec![]));
    assert_eq!(bench.read("got/app-2.zip"), archive(2));
    assert_eq!(bench.left_behind(), Vec::<String>::new());
}

#[test]
fn what_does_not_arrive_stays() {
    let cloud = Cloud::with_bucket();
    let bench = &cloud.bench;
    bench.write("a.zip", &archive(1));
    bench.write("b.txt", b"b");
    cloud.server.inject(|request, _| {
        (request.operation == "PutObject").then_some(ServerFault::Refuse(403, "AccessDenied", "Access Denied"))
    });
    for name in ["a.zip", "b.txt"] {
        let refused = bench.run(&["mv", name, "s3://shop/"]);
        assert_eq!((refused.code, refused.out.as_str()), (1, ""));
        assert!(refused.err.starts_with(&format!("move failed: ./{name} to s3://shop/{name} ")), "{}", refused.err);
        assert!(bench.path(name).exists());
    }
    // It arrives, and nobody can confirm it.
    cloud.server.inject(|request, _| {
        (request.operation == "HeadObject").then_some(ServerFault::Refuse(403, "AccessDenied", "Access Denied"))
    });
    assert_eq!(bench.run(&["mv", "b.txt", "s3://shop/"]).code, 1);
    assert!(bench.path("b.txt").exists());
    cloud.server.heal();
    assert_eq!(bench.run(&["mv", "b.txt", "s3://shop/"]).code, 0);
    assert!(!bench.path("b.txt").exists());
    // The source cannot be removed: that is a failure, and both are there.
    cloud.server.inject(|request, _| {
        request.operation.starts_with("Delete").then_some(ServerFault::Refuse(403, "AccessDenied", "Access Denied"))
    });
    assert_eq!(bench.run(&["mv", "s3://shop/b.txt", "s3://shop/c.txt"]).code, 1);
    assert_eq!(keys(bench, "s3://shop"), ["b.txt", "c.txt"]);
}

#[test]
fn nothing_is_moved_onto_itself() {
    let cloud = Cloud::with_bucket();
    let bench = &cloud.bench;
    bench.run(&["mb", "STORE"]);
    bench.write("a.txt", b"a");
    for place in ["s3://shop", "STORE"] {
        bench.run(&["cp", "a.txt", &format!("{place}/p/a.txt")]);
        bench.run(&["cp", "a.txt", &format!("{place}/a.txt")]);
        let from = format!("{place}/p/a.txt");
        for to in [from.clone(), format!("{place}/p/")] {
            let refused = bench.run(&["mv", &from, &to]);
            assert_eq!((refused.code, refused.out.as_str()), (252, ""), "{refused:?}");
            assert!(refused.err.contains("Cannot mv a file onto itself"), "{}", refused.err);
        }
        assert_ne!(bench.run(&["mv", &format!("{place}/a.txt"), place]).code, 0);
        assert_eq!(bench.run(&["mv", &format!("{place}/p"), &format!("{place}/p"), "--recursive"]).code, 252);
        assert_ne!(bench.run(&["mv", &format!("{place}/p"), &format!("{place}/p/"), "--recursive"]).code, 0);
        assert_eq!(keys(bench, place), ["a.txt", "p/a.txt"]);
    }
}

#[test]
fn where_an_access_point_leads_is_not_guessed() {
    let cloud = Cloud::with_bucket();
    for point in ["arn:aws:s3:us-west-2:123456789012:accesspoint/ap", "ap-abc-s3alias"] {
        let from = format!("s3://{point}/a.txt");
        let refused = cloud.bench.run(&["mv", &from, "s3://shop/a.txt", "--validate-same-s3-paths"]);
        assert_eq!(refused.code, 252, "{refused:?}");
        assert!(refused.err.contains(point), "{}", refused.err);
    }
    cloud.bench.write("a.txt", b"a");
    cloud.bench.run(&["cp", "a.txt", "s3://shop/a.txt"]);
    assert_eq!(cloud.bench.run(&["mv", "s3://shop/a.txt", "s3://shop/b.txt", "--validate-same-s3-paths"]).code, 0);
}

#[test]
fn a_prefix_moves_into_itself_once() {
    let bench = Bench::with_store();
    for name in ["a", "b", "z"] {
        bench.write(&format!("d/{name}"), b"x");
    }
    bench.run(&["cp", "d", "STORE/p", "--recursive"]);
    let moved = bench.run(&["mv", "STORE/p", "STORE/p/sub", "--recursive", "-j", "1"]);
    assert_eq!((moved.code, moved.lines().len()), (0, 3), "{moved:?}");
    assert_eq!(keys(&bench, "STORE"), ["p/sub/a", "p/sub/b", "p/sub/z"]);
}

#[test]
fn what_is_there_already_is_left_alone_where_that_is_asked_for() {
    let bench = Bench::with_store();
    bench.write("d/a.txt", b"one");
    bench.write("d/b.txt", b"two");
    bench.run(&["cp", "d/a.txt", "STORE/p/a.txt"]);
    bench.write("d/a.txt", b"changed");
    let dry = bench.run(&["cp", "d", "STORE/p", "--recursive", "--no-overwrite", "--dryrun"]);
    assert_eq!((dry.lines().len(), dry.err.as_str()), (1, "(dryrun) 1 file, 3 Bytes logical, to transfer\n"));
    let up = bench.run(&["cp", "d", "STORE/p", "--recursive", "--no-overwrite"]);
    assert_eq!((up.code, up.out), (0, format!("upload: d/b.txt to {}/p/b.txt\n", bench.store())));
    let moved = bench.run(&["mv", "d", "STORE/p", "--recursive", "--no-overwrite", "--json"]);
    assert_eq!(moved.out.matches(r#""status":"kept""#).count(), 2, "{moved:?}");
    assert_eq!(bench.names("d"), ["a.txt", "b.txt"]);
    bench.write("got", b"mine");
    let down = bench.run(&["cp", "STORE/p/a.txt", "got", "--no-overwrite", "-v"]);
    assert_eq!((down.code, down.out.as_str()), (0, ""));
    assert!(down.err.contains("kept: ./got is there already"), "{}", down.err);
    assert_eq!(bench.read("got"), b"mine");
    assert_eq!(bench.run(&["cp", "STORE/p/a.txt", "-"]).bytes, b"one");
}

#[test]
fn a_rehearsal_tells_totals_and_does_nothing() {
    let bench = Bench::with_store();
    bench.write("d/a.txt", &[7; 1024]);
    bench.write("d/b.txt", &[7; 512]);
    let dry = bench.run(&["mv", "d", "STORE/p", "--recursive", "--dryrun"]);
    assert_eq!(dry.lines().len(), 2);
    assert_eq!(dry.err, "(dryrun) 2 files, 1.5 KiB logical, to transfer\n");
    assert_eq!((bench.names("d").len(), keys(&bench, "STORE").len()), (2, 0));
    bench.run(&["cp", "d", "STORE/p", "--recursive"]);
    let dry = bench.run(&["rm", "STORE/p", "--recursive", "--dryrun"]);
    assert_eq!((dry.lines().len(), dry.err.as_str()), (2, "(dryrun) 2 files to delete\n"));
    assert_eq!(bench.run(&["cp", "d", "STORE/p", "--recursive", "--dryrun", "--quiet"]).err, "");
}

#[test]
fn a_stream_is_copied_and_not_moved() {
    let bench = Bench::with_store();
    assert_eq!(bench.run(&["mv", "-", "STORE/a"]).code, 252);
    assert_eq!(bench.run(&["mv", "STORE/a", "-"]).code, 252);
}

#[test]
fn every_flag_of_aws_is_understood() {
    let bench = Bench::with_store();
    bench.write("a.txt", b"a");
    let run = bench.run(&[
        "cp",
        "a.txt",
        "STORE/",
        "--follow-symlinks",
        "--no-guess-mime-type",
        "--acl",
        "private",
        "--sse",
        "AES256",
        "--sse-kms-key-id",
        "k",
        "--storage-class",
        "STANDARD_IA",
        "--grants",
        "read=id=1",
        "full=id=2",
        "--content-type",
        "text/x",
        "--cache-control",
        "c",
        "--content-disposition",
        "d",
        "--content-encoding",
        "e",
        "--content-language",
        "l",
        "--expires",
        "2030-01-01T00:00:00Z",
        "--source-region",
        "eu-west-1",
        "--only-show-errors",
        "--no-progress",
        "--page-size",
        "10",
        "--ignore-glacier-warnings",
        "--force-glacier-transfer",
        "--checksum-mode",
        "ENABLED",
        "--checksum-algorithm",
        "SHA256",
        "--metadata",
        "a=1",
        "--metadata-directive",
        "REPLACE",
        "--expected-size",
        "1",
        "--copy-props",
        "none",
        "--verify",
        "--bwlimit",
        "100MiB/s",
    ]);
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{run:?}");
    for option in
        ["--sse-c", "--sse-c-key=x", "--sse-c-copy-source=AES256", "--sse-c-copy-source-key=x", "--request-payer"]
    {
        let refused = bench.run(&["cp", "a.txt", "STORE/", option]);
        assert_eq!(refused.code, 252, "{option}");
        assert!(refused.err.contains("cannot be honoured"), "{}", refused.err);
    }
}

#[test]
fn a_bound_on_bandwidth_slows_both_directions_down() {
    let cloud = Cloud::with_bucket();
    let bench = &cloud.bench;
    bench.write("a.bin", &vec![7; 300_000]);
    let timed = |arguments: &[&str]| {
        let began = std::time::Instant::now();
        let run = bench.run(arguments);
        assert_eq!(run.code, 0, "{run:?}");
        began.elapsed().as_secs_f64()
    };
    for (from, to) in [("a.bin", "s3://shop/a.bin"), ("s3://shop/a.bin", "b.bin")] {
        let took = timed(&["cp", from, to, "--bwlimit", "300kB"]);
        // All but the last slice of a quarter of a second is waited for.
        assert!(took > 0.7, "{from} {to}: {took} s");
    }
    assert_eq!(bench.read("b.bin"), vec![7; 300_000]);
    assert_eq!(bench.run(&["cp", "a.bin", "s3://shop/", "--bwlimit", "none"]).code, 252);
}
