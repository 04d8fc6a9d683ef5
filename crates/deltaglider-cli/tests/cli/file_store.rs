//! The binary against stores in directories: what it writes where, and how it ends.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use crate::bench::{Bench, archive};

#[test]
fn versions_go_up_as_deltas_and_come_back_byte_for_byte() {
    let bench = Bench::with_store();
    for number in 1..=3 {
        bench.write(&format!("d/app-{number}.zip"), &archive(number));
    }
    let up = bench.run(&["cp", "d", "STORE/rel", "--recursive"]);
    assert_eq!(up.code, 0, "{up:?}");
    let mut lines = up.lines();
    lines.sort();
    let store = bench.store();
    assert_eq!(lines, (1..=3).map(|n| format!("upload: d/app-{n}.zip to {store}/rel/app-{n}.zip")).collect::<Vec<_>>());
    assert!(up.err.contains("1 new reference, 3 deltas, 0 plain"), "{}", up.err);

    let down = bench.run(&["cp", "STORE/rel/", "got", "--recursive"]);
    assert_eq!(down.code, 0, "{down:?}");
    for number in 1..=3 {
        assert_eq!(bench.read(&format!("got/app-{number}.zip")), archive(number));
    }
    assert_eq!(bench.names("got"), ["app-1.zip", "app-2.zip", "app-3.zip"]);
    assert_eq!(bench.left_behind(), Vec::<String>::new());
}

#[test]
fn internals_are_never_shown_but_by_physical() {
    let bench = Bench::with_store();
    bench.write("d/a.zip", &archive(1));
    bench.write("d/reference.bin", b"mine");
    bench.write("d/a.zip.delta", b"mine too");
    assert_eq!(bench.run(&["cp", "d", "STORE/p/", "--recursive"]).code, 0);
    let listed = bench.run(&["ls", "STORE/p/"]);
    let names: Vec<_> = listed.lines().iter().map(|line| line[31..].to_owned()).collect();
    assert_eq!(names, ["a.zip", "a.zip.delta", "reference.bin"]);
    assert!(bench.run(&["ls", "STORE/p/", "--physical"]).lines().len() > 3);
    let sizes = bench.run(&["ls", "STORE", "--recursive", "--summarize"]);
    assert!(
        sizes.out.ends_with(&format!("\nTotal Objects: 3\n   Total Size: {}\n", archive(1).len() + 12)),
        "{sizes:?}"
    );
}

#[test]
fn the_working_directory_decides_how_paths_are_shown() {
    let bench = Bench::with_store();
    bench.write("a.txt", b"a");
    let store = bench.store();
    assert_eq!(bench.run(&["cp", "a.txt", "STORE/"]).out, format!("upload: ./a.txt to {store}/a.txt\n"));
    let absolute = bench.path("a.txt").display().to_string();
    assert_eq!(bench.run(&["cp", &absolute, "STORE/b"]).out, format!("upload: ./a.txt to {store}/b\n"));
    assert_eq!(bench.run(&["cp", "STORE/b", "new/"]).out, format!("download: {store}/b to new/b\n"));
    assert_eq!(bench.run(&["s3", "cp", "STORE/b", "STORE/c/"]).out, format!("copy: {store}/b to {store}/c/b\n"));
    assert_eq!(bench.run(&["rm", "STORE/c/b"]).out, format!("delete: {store}/c/b\n"));
}

#[test]
fn downloads_carry_the_time_of_the_object_and_the_users_umask() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::with_store();
    bench.write("a.zip", &archive(1));
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    fs::File::options().write(true).open(bench.path("a.zip")).unwrap().set_modified(old).unwrap();
    bench.run(&["cp", "a.zip", "STORE/"]);
    assert_eq!(bench.run(&["cp", "STORE/a.zip", "b.zip"]).code, 0);
    let modified = fs::metadata(bench.path("b.zip")).unwrap();
    let age = SystemTime::now().duration_since(modified.modified().unwrap()).unwrap_or_default();
    assert!(age < Duration::from_secs(600), "the time of storing, not that of the file that was stored");
    bench.write("plain", b"");
    let plain = fs::metadata(bench.path("plain")).unwrap().permissions().mode();
    assert_eq!(modified.permissions().mode(), plain);
}

#[test]
fn streams_go_both_ways_and_write_nothing_else() {
    let bench = Bench::with_store();
    let up = bench.run_with_input(&["cp", "-", "STORE/s.zip"], &archive(1));
    assert_eq!((up.code, up.out.as_str()), (0, ""), "{up:?}");
    let down = bench.run(&["cp", "STORE/s.zip", "-"]);
    assert_eq!((down.code, down.bytes == archive(1)), (0, true));
    let missing = bench.run(&["cp", "STORE/nope", "-"]);
    assert_eq!((missing.code, missing.bytes.len()), (1, 0));
    assert!(missing.err.starts_with(&format!("download failed: {}/nope to - ", bench.store())), "{}", missing.err);
}

#[test]
fn what_cannot_be_read_is_passed_over_with_a_warning() {
    let bench = Bench::with_store();
    bench.write("d/a.txt", b"a");
    symlink("nowhere", bench.path("d/broken")).unwrap();
    let up = bench.run(&["cp", "d", "STORE/", "--recursive"]);
    assert_eq!(up.code, 2, "{up:?}");
    let broken = bench.path("d/broken");
    assert_eq!(up.err, format!("warning: Skipping file {}. File does not exist.\n", broken.display()));
    let json = bench.run(&["cp", "d", "STORE/", "--recursive", "--json"]);
    assert!(json.lines().iter().any(|line| line.starts_with(r#"{"v":1,"type":"warning","code":"skipped","#)));
    assert!(json.lines().last().unwrap().ends_with(r#""exit":2}"#), "{}", json.out);
    assert_eq!(bench.run(&["cp", "d", "STORE/", "--recursive", "--no-follow-symlinks"]).code, 0);
}

#[test]
fn keys_that_lead_out_of_the_target_are_passed_over() {
    let bench = Bench::with_store();
    bench.write("a.txt", b"a");
    for key in ["p/../../evil.txt", "p//etc/x", "p/fine.txt"] {
        assert_eq!(bench.run(&["cp", "a.txt", &format!("STORE/{key}")]).code, 0, "{key}");
    }
    let down = bench.run(&["cp", "STORE/p/", "sub/got", "--recursive"]);
    assert_eq!(down.code, 2, "{down:?}");
    assert!(down.err.contains("File references a parent directory."), "{}", down.err);
    assert_eq!(bench.names("sub"), ["got"]);
    assert_eq!(bench.read("sub/got/etc/x"), b"a");
    assert_eq!(bench.read("sub/got/fine.txt"), b"a");
    assert!(!bench.path("evil.txt").exists());
}

#[test]
fn a_damaged_object_leaves_the_target_as_it_was() {
    let bench = Bench::with_store();
    bench.write("a.zip", &archive(1));
    bench.write("b.zip", &archive(2));
    bench.run(&["cp", "a.zip", "STORE/"]);
    bench.run(&["cp", "b.zip", "STORE/"]);
    bench.damage_references();
    bench.write("b.zip", b"as it was");
    let down = bench.run(&["cp", "STORE/b.zip", "b.zip"]);
    assert_eq!(down.code, 4, "{down:?}");
    assert!(down.err.starts_with(&format!("download failed: {}/b.zip to ./b.zip ", bench.store())), "{}", down.err);
    assert!(down.err.contains("to fix:"), "{}", down.err);
    assert_eq!(bench.read("b.zip"), b"as it was");
    assert_eq!(bench.names("."), ["a.zip", "b.zip"]);
}

#[test]
fn a_damaged_file_of_the_store_is_listed_and_found() {
    let bench = Bench::with_store();
    for name in ["a.zip", "b.zip", "c.txt"] {
        bench.write(name, &archive(1));
        assert_eq!(bench.run(&["cp", name, "STORE/p/"]).code, 0);
    }
    let damaged = ["p/a.zip.delta.object", "p/c.txt.object"];
    for name in damaged {
        let path = bench.outside("store").join(name);
        assert!(path.exists(), "{}", path.display());
        fs::write(path, b"no object").unwrap();
    }
    let listed = bench.run(&["ls", "STORE/p/"]);
    assert_eq!((listed.code, listed.err.as_str()), (0, ""));
    assert_eq!(listed.lines().len(), 3, "{}", listed.out);
    let verified = bench.run(&["verify", "STORE/p/", "--recursive"]);
    assert_eq!(
        (verified.code, verified.lines().last().map(String::as_str)),
        (4, Some("1 ok, 2 damaged, 0 unreadable"))
    );
    let down = bench.run(&["sync", "STORE/p/", "got"]);
    assert_eq!(down.code, 4, "{}", down.err);
    assert_eq!(down.err.matches("is damaged").count(), 2, "{}", down.err);
    assert_eq!(bench.names("got"), ["b.zip"]);
    assert_eq!(bench.run(&["stats", "STORE/p/"]).code, 0);
    assert_eq!(bench.run(&["rm", "STORE/p/", "--recursive"]).code, 0);
    assert_eq!(bench.run(&["ls", "STORE/p/"]).out, "");
}

#[test]
fn a_damaged_file_of_a_reference_is_mended_from_a_copy() {
    let bench = Bench::with_store();
    for (name, number) in [("a.zip", 1), ("b.zip", 2)] {
        bench.write(name, &archive(number));
        assert_eq!(bench.run(&["cp", name, "STORE/p/"]).code, 0);
    }
    assert_eq!(bench.run(&["cp", "a.zip", "STORE/p/copy.zip", "--no-delta"]).code, 0);
    let reference = bench.outside("store").join("p/reference.bin.object");
    assert!(reference.exists());
    fs::write(&reference, b"no object").unwrap();
    let verified = bench.run(&["verify", "STORE/p/", "--recursive"]);
    assert_eq!(verified.code, 4);
    // The two that need it, and itself.
    assert_eq!(verified.lines().last().map(String::as_str), Some("1 ok, 3 damaged, 0 unreadable"), "{}", verified.out);
    let repaired = bench.run(&["repair", "STORE/p/"]);
    assert_eq!(repaired.code, 0, "{repaired:?}");
    let verified = bench.run(&["verify", "STORE/p/", "--recursive"]);
    assert_eq!(verified.lines().last().map(String::as_str), Some("3 ok, 0 damaged, 0 unreadable"), "{}", verified.out);
    assert_eq!(bench.run(&["cp", "STORE/p/b.zip", "got.zip"]).code, 0);
    assert_eq!(bench.read("got.zip"), archive(2));
}

#[test]
fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let bench = Bench::with_store();
    bench.write("d/a.txt", b"a");
    let store = bench.store();
    let up = bench.run(&["cp", "d", "STORE/", "--recursive", "--dryrun"]);
    assert_eq!(up.out, format!("(dryrun) upload: d/a.txt to {store}/a.txt\n"));
    assert_eq!(bench.run(&["ls", "STORE"]).out, "");
    bench.run(&["cp", "d/a.txt", "STORE/"]);
    let down = bench.run(&["cp", "STORE/a.txt", "got.txt", "--dryrun"]);
    assert_eq!((down.code, down.out), (0, format!("(dryrun) download: {store}/a.txt to ./got.txt\n")));
    assert_eq!(bench.run(&["cp", "STORE/none", "x", "--dryrun"]).code, 1);
    let gone = bench.run(&["rm", "STORE/", "--recursive", "--dryrun"]);
    assert_eq!(gone.out, format!("(dryrun) delete: {store}/a.txt\n"));
    assert_eq!(bench.run(&["ls", "STORE"]).lines().len(), 1);
}

#[test]
fn loudness_is_as_it_was_asked_for() {
    let bench = Bench::with_store();
    bench.write("d/a.txt", b"a");
    bench.write("d/b.txt", b"b");
    for flag in ["--quiet", "--only-show-errors"] {
        let run = bench.run(&["cp", "d", "STORE/", "--recursive", flag]);
        assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (0, "", ""), "{flag}");
    }
    let quiet = bench.run(&["cp", "STORE/none", "x", "--quiet"]);
    assert_eq!((quiet.code, quiet.out.as_str(), quiet.err.as_str()), (1, "", ""));
    let errors = bench.run(&["cp", "STORE/none", "x", "--only-show-errors"]);
    let expected =
        "fatal error: An error occurred (404) when calling the HeadObject operation: Key \"none\" does not exist\n";
    assert_eq!((errors.code, errors.err.as_str()), (1, expected));
}

#[test]
fn json_ends_in_a_summary_also_on_failure() {
    let bench = Bench::with_store();
    bench.write("a.zip", &archive(1));
    let up = bench.run(&["cp", "a.zip", "STORE/", "--json"]);
    let lines = up.lines();
    assert_eq!((lines.len(), up.err.as_str()), (2, ""), "{up:?}");
    assert!(lines[0].contains(r#""op":"upload","src":"./a.zip""#) && lines[0].contains(r#""kind":"delta""#));
    assert!(lines[1].contains(r#""type":"summary","op":"cp","ok":1"#) && lines[1].ends_with(r#""exit":0}"#));
    let missing = bench.run(&["cp", "STORE/none", "x", "--json"]).lines();
    assert!(missing[0].contains(r#""type":"error""#), "{missing:?}");
    assert!(missing[1].ends_with(r#""exit":1}"#), "{missing:?}");
    let listed = bench.run(&["ls", "STORE", "--json"]).lines();
    assert!(listed[0].starts_with(r#"{"v":1,"type":"entry","key":"a.zip""#), "{listed:?}");
    for line in up.lines().iter().chain(&missing).chain(&listed) {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["v"], 1);
    }
}

#[test]
fn stores_are_made_emptied_and_removed() {
    let bench = Bench::new();
    let nowhere = bench.run(&["cp", "x", "STORE/"]);
    assert_eq!(nowhere.code, 255);
    bench.write("a.zip", &archive(1));
    let unmade = bench.run(&["cp", "a.zip", "STORE/"]);
    assert_eq!(unmade.code, 1, "{unmade:?}");
    assert!(unmade.err.contains("deltaglider mb file://"), "{}", unmade.err);
    assert_eq!(bench.run(&["mb", "STORE"]).out, "make_bucket: store\n");
    bench.run(&["cp", "a.zip", "STORE/rel/"]);
    let refused = bench.run(&["rb", "STORE"]);
    assert_eq!((refused.code, refused.out.as_str()), (1, ""));
    assert!(refused.err.contains("--force"), "{}", refused.err);
    let store = bench.store();
    let removed = bench.run(&["rb", "STORE", "--force"]);
    assert_eq!((removed.code, removed.out), (0, format!("delete: {store}/rel/a.zip\nremove_bucket: store\n")));
    assert!(!bench.outside("store").exists());
}

#[test]
fn a_listing_of_nothing_fails_silently_under_a_prefix_only() {
    let bench = Bench::with_store();
    for (url, code) in [("STORE", 0), ("STORE/none", 1)] {
        let run = bench.run(&["ls", url]);
        assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (code, "", ""), "{url}");
    }
}

#[test]
fn wrong_command_lines_end_with_252() {
    let bench = Bench::with_store();
    bench.write("a.txt", b"a");
    let lines: [&[&str]; 12] = [
        &[],
        &["cp"],
        &["cp", "a.txt", "b.txt"],
        &["cp", "a.txt", "STORE/", "--shiny"],
        &["cp", "a.txt", "STORE/", "x"],
        &["cp", "-", "STORE/x", "--recursive"],
        &["cp", "a.txt", "STORE/", "--sse-c", "AES256"],
        &["cp", "a.txt", "STORE/", "--max-ratio", "2"],
        &["rm", "a.txt"],
        &["mb", "bucket"],
        &["rb", "s3://b/key"],
        &["sink", "d", "STORE/"],
    ];
    for line in lines {
        let run = bench.run(line);
        assert_eq!((run.code, run.out.as_str()), (252, ""), "{line:?}");
        assert!(!run.err.is_empty(), "{line:?}");
    }
    let misspelt = bench.run(&["cp", "a.txt", "STORE/", "--dry-run"]);
    assert!(misspelt.err.contains("--dryrun"), "{}", misspelt.err);
    assert_eq!(bench.run(&["--version"]).code, 0);
}

#[test]
fn rm_bounds_what_it_removes() {
    let bench = Bench::with_store();
    for name in ["a", "b", "c"] {
        bench.write(&format!("d/{name}.txt"), b"x");
    }
    bench.run(&["cp", "d", "STORE/p/", "--recursive"]);
    assert_eq!(bench.run(&["rm", "STORE/p/", "--recursive", "--max-delete", "2"]).code, 252);
    assert_eq!(bench.run(&["ls", "STORE/p/"]).lines().len(), 3);
    let run = bench.run(&["rm", "STORE/p", "--recursive", "--exclude", "*", "--include", "[ab].txt"]);
    assert_eq!((run.code, run.lines().len()), (0, 2));
    assert_eq!(bench.run(&["rm", "STORE/nope"]).out, format!("delete: {}/nope\n", bench.store()));
}

#[test]
fn flags_decide_what_becomes_a_delta() {
    let bench = Bench::with_store();
    bench.write("a.zip", &archive(1));
    bench.write("b.zip", &archive(2));
    bench.run(&["cp", "a.zip", "STORE/p/"]);
    let kind = |flags: &[&str]| {
        let line: Vec<&str> = ["cp", "b.zip", "STORE/p/", "--json"].iter().chain(flags).copied().collect();
        let first = bench.run(&line).lines().remove(0);
        let value: serde_json::Value = serde_json::from_str(&first).unwrap();
        value["kind"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(kind(&[]), "delta");
    assert_eq!(kind(&["--no-delta"]), "plain");
    assert_eq!(kind(&["--max-ratio", "0.00001"]), "plain");
    assert_eq!(kind(&["--verify"]), "delta");
    assert_eq!(bench.run(&["cp", "STORE/p/b.zip", "back.zip"]).code, 0);
    assert_eq!(bench.read("back.zip"), archive(2));
}

#[test]
fn packages_of_debian_become_small_deltas_at_the_effort_that_looks_into_them() {
    let package = |version: u32| {
        let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../deltaglider-codec/tests/vectors/encoders");
        fs::read(format!("{vectors}/{version}/dpkg-deb-6.deb")).unwrap()
    };
    for (effort, most) in [("max", 3000), ("default", 11_000)] {
        let bench = Bench::with_store();
        bench.write("d/app_1.deb", &package(1));
        bench.write("d/app_2.deb", &package(2));
        let line = ["sync", "d", "STORE/p", "--effort", effort, "--json"];
        let up = bench.run(&line);
        assert_eq!(up.code, 0, "{up:?}");
        let values = up.lines().into_iter().map(|line| serde_json::from_str::<serde_json::Value>(&line).unwrap());
        let mut second = values.filter(|value| value["src"] == "d/app_2.deb");
        let stored = second.next().and_then(|value| value["stored"].as_u64()).unwrap();
        assert!(stored < most, "{effort}: {stored} bytes; {}", up.out);
        // Whoever reads needs no effort.
        let down = bench.run(&["sync", "STORE/p", "back"]);
        assert_eq!(down.code, 0, "{down:?}");
        assert!(bench.read("back/app_1.deb") == package(1) && bench.read("back/app_2.deb") == package(2), "{effort}");
        assert_eq!(bench.run(&["verify", "STORE/p/", "--recursive"]).code, 0);
    }
}

#[test]
fn a_bucket_says_which_codec_all_write_by() {
    let bench = Bench::with_store();
    let shown = || bench.run(&["get-bucket-config", "STORE"]);
    assert_eq!((shown().code, shown().out.as_str()), (0, "codec: each client's own\n"));
    let asked = bench.run(&["put-bucket-config", "STORE", "--codec", "vcdiff"]);
    assert_eq!((asked.code, asked.out.as_str(), asked.err.as_str()), (0, "", ""));
    assert_eq!(shown().out, "codec: vcdiff\n");
    let told: serde_json::Value =
        serde_json::from_str(&bench.run(&["get-bucket-config", "STORE", "--json"]).out).unwrap();
    assert_eq!((&told["type"], &told["codec"]), (&"bucket-config".into(), &"vcdiff".into()));
    bench.write("a.zip", &archive(1));
    bench.write("b.zip", &archive(2));
    bench.run(&["cp", "a.zip", "STORE/"]);
    let stored = bench.run(&["cp", "b.zip", "STORE/", "--json", "--codec", "dgd1"]);
    assert!(stored.out.contains("\"codec\":\"vcdiff\""), "{}", stored.out);
    assert_eq!(bench.run(&["ls", "STORE", "--recursive"]).lines().len(), 2);
    assert_eq!(bench.run(&["delete-bucket-config", "STORE"]).code, 0);
    assert_eq!(shown().out, "codec: each client's own\n");
    for wrong in [&["put-bucket-config", "STORE"][..], &["put-bucket-config", "STORE", "--codec", "rar"]] {
        assert_eq!(bench.run(wrong).code, 252);
    }
    bench.run(&["put-bucket-config", "STORE", "--codec", "vcdiff"]);
    assert_eq!(bench.run(&["rb", "STORE", "--force"]).code, 0);
}
