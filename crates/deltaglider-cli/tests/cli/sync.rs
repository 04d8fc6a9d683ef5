//! `sync`, against stores in directories and a server of S3 in the process.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, SystemTime};

use crate::bench::{Bench, Run, archive};
use crate::s3::Cloud;

const DAY: Duration = Duration::from_secs(86_400);

/// Sets the time of a file: so many days before now.
fn age(bench: &Bench, name: &str, days: u32) {
    let file = fs::File::options().write(true).open(bench.path(name)).expect("there");
    file.set_modified(SystemTime::now() - DAY * days).expect("set");
}

fn sorted(run: &Run) -> Vec<String> {
    let mut lines = run.lines();
    lines.sort();
    lines
}

#[test]
fn a_second_sync_has_nothing_to_do_in_any_direction() {
    let bench = Bench::with_store();
    for number in 1..=3 {
        bench.write(&format!("d/rel/app-{number}.zip"), &archive(number));
        age(&bench, &format!("d/rel/app-{number}.zip"), 9);
    }
    bench.write("d/notes.txt", b"notes");
    age(&bench, "d/notes.txt", 9);
    bench.run(&["mb", &format!("{}2", bench.store())]);
    let other = format!("{}2", bench.store());
    for (from, to) in [("d", "STORE/p"), ("STORE/p", "got"), ("STORE/p", other.as_str())] {
        let first = bench.run(&["sync", from, to]);
        assert_eq!((first.code, first.lines().len()), (0, 4), "{from} {to}: {first:?}");
        let second = bench.run(&["sync", from, to]);
        assert_eq!((second.code, second.out.as_str(), second.err.as_str()), (0, "", ""), "{from} {to}");
    }
    assert_eq!(bench.read("got/rel/app-3.zip"), archive(3));
}

#[test]
fn a_second_sync_asks_for_listings_alone() {
    let cloud = Cloud::with_bucket();
    let bench = &cloud.bench;
    for number in 0..1500 {
        bench.write(&format!("d/{number:04}.txt"), b"small");
        age(bench, &format!("d/{number:04}.txt"), 9);
    }
    assert_eq!(bench.run(&["sync", "d", "s3://shop/p", "-j", "16"]).lines().len(), 1500);
    cloud.server.log().reset();
    assert_eq!(bench.run(&["sync", "d", "s3://shop/p"]).out, "");
    assert_eq!(cloud.server.log().operations(), ["ListObjectsV2", "ListObjectsV2"]);
    assert_eq!(bench.run(&["sync", "s3://shop/p", "got"]).lines().len(), 1500);
    cloud.server.log().reset();
    assert_eq!(bench.run(&["sync", "s3://shop/p", "got"]).out, "");
    assert_eq!(bench.run(&["sync", "s3://shop/p", "s3://shop/p"]).out, "");
    assert_eq!(cloud.server.log().operations(), ["ListObjectsV2"; 6]);
}

#[test]
fn archives_cost_no_heads_where_the_cache_is_kept() {
    let cloud = Cloud::with_bucket().with("DG_CACHE_ENCRYPTION_KEY", "m7Jx4Kq0Yd1n8Zb3Vw6Rt5Ua2Pc9Le0Hf7Gi4Sj1Xo8=");
    let bench = &cloud.bench;
    for number in 1..=6 {
        bench.write(&format!("d/{}/app-{number}.zip", number % 2), &archive(number));
        age(bench, &format!("d/{}/app-{number}.zip", number % 2), 9);
    }
    assert_eq!(bench.run(&["sync", "d", "s3://shop/p"]).lines().len(), 6);
    let heads = || {
        let log = cloud.server.log();
        (log.count("ListObjectsV2"), log.count("HeadObject"), log.total())
    };
    // The first listing looks at six deltas and two references.
    cloud.server.log().reset();
    assert_eq!(bench.run(&["sync", "d", "s3://shop/p"]).out, "");
    assert_eq!(heads(), (1, 8, 9));
    cloud.server.log().reset();
    assert_eq!(bench.run(&["sync", "d", "s3://shop/p"]).out, "");
    let listed = bench.run(&["ls", "s3://shop/p/", "--recursive"]);
    let length = archive(1).len();
    assert!(listed.lines().iter().all(|line| line[20..30].trim() == length.to_string()), "{listed:?}");
    assert_eq!(heads(), (2, 0, 2));
    // What is new is asked for, and nothing else.
    bench.write("d/0/app-8.zip", &archive(8));
    assert_eq!(bench.run(&["sync", "d", "s3://shop/p"]).lines().len(), 1);
    cloud.server.log().reset();
    bench.run(&["ls", "s3://shop/p/0/app-8"]);
    assert_eq!(heads(), (1, 1, 2));
    bench.run(&["ls", "s3://shop/p/0/"]);
    bench.run(&["ls", "s3://shop/p/0/"]);
    assert_eq!(heads(), (3, 2, 5));
}

#[test]
fn newer_and_older_files_are_told_apart() {
    let bench = Bench::with_store();
    bench.write("d/a.txt", b"one");
    bench.run(&["sync", "d", "STORE/p"]);
    // The same size, and older here: nothing goes up, and nothing comes down.
    bench.write("d/a.txt", b"two");
    age(&bench, "d/a.txt", 9);
    assert_eq!(bench.run(&["sync", "d", "STORE/p"]).out, "");
    assert_eq!(bench.run(&["sync", "d", "STORE/p", "--exact-timestamps"]).out, "");
    assert_eq!(bench.run(&["sync", "STORE/p", "d"]).out, "");
    assert_eq!(bench.run(&["sync", "STORE/p", "d", "--exact-timestamps", "--size-only", "--dryrun"]).out, "");
    assert_eq!(bench.run(&["sync", "STORE/p", "d", "--exact-timestamps"]).lines().len(), 1);
    assert_eq!(bench.read("d/a.txt"), b"one");
    assert_eq!(bench.run(&["sync", "STORE/p", "d", "--exact-timestamps"]).out, "");
    // Another size decides whatever the times.
    bench.write("d/a.txt", b"three");
    age(&bench, "d/a.txt", 9);
    assert_eq!(bench.run(&["sync", "d", "STORE/p", "--no-overwrite"]).out, "");
    assert_eq!(bench.run(&["sync", "d", "STORE/p", "--size-only"]).lines().len(), 1);
}

#[test]
fn checksums_decide_instead_of_times() {
    let cloud = Cloud::with_bucket();
    let bench = &cloud.bench;
    for (name, content) in [("a.txt", b"one".to_vec()), ("b.zip", archive(1)), ("c.zip", archive(2))] {
        bench.write(&format!("d/{name}"), &content);
    }
    bench.run(&["sync", "d", "s3://shop/p"]);
    let touched = bench.run(&["sync", "d", "s3://shop/p", "--checksum"]);
    assert_eq!((touched.code, touched.out.as_str()), (0, ""), "{touched:?}");
    // The same sizes and older: only the content tells.
    bench.write("d/a.txt", b"two");
    bench.write("d/c.zip", &archive(3));
    age(bench, "d/a.txt", 9);
    age(bench, "d/c.zip", 9);
    let up = bench.run(&["sync", "d", "s3://shop/p", "--checksum"]);
    assert_eq!(sorted(&up), ["upload: d/a.txt to s3://shop/p/a.txt", "upload: d/c.zip to s3://shop/p/c.zip"]);
    bench.run(&["mb", "s3://copy"]);
    assert_eq!(bench.run(&["sync", "s3://shop/p", "s3://copy"]).lines().len(), 3);
    cloud.server.log().reset();
    assert_eq!(bench.run(&["sync", "s3://shop/p", "s3://copy", "--checksum"]).out, "");
    // Two listings; one HEAD for each delta and reference, and one for each whole object.
    assert_eq!(cloud.server.log().total(), 2 + 2 * 3 + 2);
    bench.write("a.txt", b"six");
    bench.run(&["cp", "a.txt", "s3://copy/a.txt"]);
    assert_eq!(bench.run(&["sync", "s3://shop/p", "s3://copy", "--checksum"]).lines().len(), 1);
}

#[test]
fn deletes_leave_siblings_and_what_filters_leave_out() {
    let bench = Bench::with_store();
    for name in ["p/a.txt", "p/sub/b.txt", "p/keep.log", "p2/x.txt", "pz.txt"] {
        bench.write(&format!("all/{name}"), b"x");
    }
    bench.run(&["cp", "all", "STORE/", "--recursive"]);
    bench.write("d/a.txt", b"x");
    age(&bench, "d/a.txt", 9);
    let store = bench.store();
    let line: [&str; 6] = ["sync", "d", "STORE/p", "--delete", "--exclude", "*.log"];
    let dry = bench.run(&[line.as_slice(), &["--dryrun"]].concat());
    assert_eq!(dry.out, format!("(dryrun) delete: {store}/p/sub/b.txt\n"));
    assert_eq!(dry.err, "(dryrun) 1 file to delete\n");
    assert_eq!(bench.run(&line).out, format!("delete: {store}/p/sub/b.txt\n"));
    let names: Vec<_> = bench.run(&["ls", "STORE", "--recursive"]).lines().iter().map(|l| l[31..].to_owned()).collect();
    assert_eq!(names, ["p/a.txt", "p/keep.log", "p2/x.txt", "pz.txt"]);
    // And here.
    bench.write("d/mine.log", b"x");
    bench.write("d/other", b"x");
    let down = bench.run(&["sync", "STORE/p", "d", "--delete", "--exclude", "*.log"]);
    assert_eq!(down.out, "delete: d/other\n");
    assert_eq!(bench.names("d"), ["a.txt", "mine.log"]);
}

#[test]
fn more_deletes_than_allowed_stop_everything() {
    let bench = Bench::with_store();
    for name in ["a", "b", "c"] {
        bench.write(&format!("all/{name}"), b"x");
    }
    bench.run(&["cp", "all", "STORE/", "--recursive"]);
    bench.write("d/new", b"x");
    let refused = bench.run(&["sync", "d", "STORE", "--delete", "--max-delete", "2"]);
    assert_eq!((refused.code, refused.out.as_str()), (252, ""));
    assert!(refused.err.contains("3 files would be removed, more than 2; nothing was done"), "{}", refused.err);
    assert_eq!(bench.run(&["ls", "STORE"]).lines().len(), 3);
    let done = bench.run(&["sync", "d", "STORE", "--delete", "--max-delete", "3"]);
    assert_eq!((done.code, done.lines().len()), (0, 4), "{done:?}");
    assert_eq!(bench.run(&["sync", "d", "STORE", "--max-delete", "3"]).code, 252);
}

#[test]
fn what_the_source_could_not_be_asked_for_is_not_deleted() {
    let bench = Bench::with_store();
    for name in ["d/x.txt", "l", "gone.txt"] {
        bench.write(&format!("all/{name}"), b"x");
    }
    bench.run(&["cp", "all", "STORE/p", "--recursive"]);
    fs::create_dir_all(bench.path("s/d")).expect("made");
    symlink("nowhere", bench.path("s/l")).expect("linked");
    symlink("..", bench.path("s/d/x.txt")).expect("linked");
    let synced = bench.run(&["sync", "s", "STORE/p", "--delete"]);
    assert_eq!(synced.out, format!("delete: {}/p/gone.txt\n", bench.store()), "{synced:?}");
    assert_eq!(synced.code, 2);
    // A file where a directory was meant: nothing is known of the source at all.
    bench.write("file", b"x");
    let none = bench.run(&["sync", "file", "STORE/p", "--delete"]);
    assert_eq!((none.code, none.out.as_str()), (2, ""));
    assert_eq!(bench.run(&["sync", "nowhere", "STORE/p", "--delete"]).code, 255);
    assert_eq!(bench.run(&["ls", "STORE/p", "--recursive"]).lines().len(), 2);
}

#[test]
fn a_listing_that_fails_deletes_nothing() {
    use deltaglider_testkit::s3_server::ServerFault;

    let cloud = Cloud::with_bucket();
    let bench = &cloud.bench;
    bench.write("d/a.txt", b"x");
    cloud.server.inject(|request, number| {
        (request.operation == "ListObjectsV2" && number > 0).then_some(ServerFault::Refuse(
            403,
            "AccessDenied",
            "Access Denied",
        ))
    });
    let refused = bench.run(&["sync", "s3://shop/p", "d", "--delete"]);
    assert_eq!((refused.code, refused.out.as_str()), (1, ""));
    assert!(refused.err.starts_with("fatal error: An error occurred (AccessDenied)"), "{}", refused.err);
    assert_eq!(bench.names("d"), ["a.txt"]);
    cloud.server.heal();
    let missing = bench.run(&["sync", "d", "s3://none"]);
    assert_eq!(missing.code, 1);
    let first = "fatal error: An error occurred (NoSuchBucket) when calling the ListObjectsV2 operation: ";
    assert!(missing.err.starts_with(first), "{}", missing.err);
}

#[test]
fn the_command_line_is_held_to_what_makes_sense() {
    let bench = Bench::with_store();
    bench.write("d/a.txt", b"x");
    bench.write("file", b"x");
    for line in [
        ["sync", "d", "e"].as_slice(),
        &["sync", "-", "STORE"],
        &["sync", "STORE", "-"],
        &["sync", "d", "STORE", "--checksum", "--size-only"],
        &["sync", "d", "STORE", "--sse-c"],
    ] {
        assert_eq!(bench.run(line).code, 252, "{line:?}");
    }
    let into_a_file = bench.run(&["sync", "STORE", "file"]);
    assert_eq!(into_a_file.code, 255, "{into_a_file:?}");
    fs::set_permissions(bench.path("d"), fs::Permissions::from_mode(0o755)).expect("set");
}

#[test]
fn json_tells_of_every_file_and_of_what_a_dry_run_would_do() {
    let bench = Bench::with_store();
    bench.write("d/a.txt", b"four");
    bench.write("d/b.txt", b"four");
    let dry = bench.run(&["sync", "d", "STORE", "--dryrun", "--json"]);
    let last: serde_json::Value = serde_json::from_str(&dry.lines()[2]).expect("JSON");
    assert_eq!(last["op"], "sync");
    assert_eq!(last["planned"], serde_json::json!({"transfers": 2, "bytes": 8, "deletes": 0}));
    bench.run(&["sync", "d", "STORE"]);
    fs::remove_file(bench.path("d/a.txt")).expect("removed");
    let done = bench.run(&["sync", "d", "STORE", "--json", "--delete"]);
    let lines: Vec<serde_json::Value> =
        done.lines().iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let ops: Vec<_> = lines.iter().map(|line| line["op"].as_str().unwrap_or_default()).collect();
    assert_eq!(ops.last(), Some(&"sync"), "{done:?}");
    assert!(ops.contains(&"delete"), "{done:?}");
    assert_eq!(lines.last().expect("a line")["deleted"], 1);
}
