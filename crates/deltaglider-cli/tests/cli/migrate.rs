//! `migrate`: into another place and where it is, broken off and gone on with.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::mpsc;

use crate::bench::{Bench, Run, archive};
use crate::s3::Cloud;

/// Objects of a delta space: 500 with `DG_TEST_SECONDS=20`, 2000 in all; a tenth of them unless that is set.
fn objects() -> usize {
    let seconds: usize = std::env::var("DG_TEST_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2);
    (25 * seconds).clamp(50, 500)
}

const SPACES: [&str; 4] = ["app", "base/one", "base/two", "zeta"];

/// A small archive, of its own in each space and version.
fn small(space: usize, version: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ (space as u64 + 1);
    let mut content: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .take(520)
    .flatten()
    .collect();
    content[2000..2008].copy_from_slice(&(version as u64).to_le_bytes());
    content
}

fn key(space: usize, version: usize) -> String {
    format!("old/{}/v-{version:04}.zip", SPACES[space])
}

fn all() -> impl Iterator<Item = (usize, usize)> {
    (0..SPACES.len()).flat_map(|space| (0..objects()).map(move |version| (space, version)))
}

/// A bucket of up to 2000 plain objects in four delta spaces.
fn full() -> Cloud {
    let cloud = Cloud::with_bucket();
    cloud.put_plain(all().map(|(space, version)| (key(space, version), small(space, version))));
    cloud
}

/// Runs the binary and kills it, as no program can help, when the n-th object is put.
fn killed(cloud: &Cloud, arguments: &[&str], n: u64) {
    let (sender, reached) = mpsc::channel();
    cloud.server.inject(move |request, number| {
        if request.operation == "PutObject" && number == n {
            sender.send(()).expect("somebody waits");
        }
        None
    });
    // Nobody reads what it writes.
    let mut child = cloud.bench.command(arguments).stdout(Stdio::null()).spawn().expect("started");
    reached.recv().expect("it gets there");
    child.kill().expect("killed");
    child.wait().expect("ended");
    cloud.server.heal();
}

/// How often each key was put, and that with success.
fn puts(cloud: &Cloud) -> HashMap<String, usize> {
    let mut puts = HashMap::new();
    for request in cloud.server.log().requests() {
        if request.operation == "PutObject" && request.status == 200 && !request.key.contains("/probe/") {
            *puts.entry(request.key).or_default() += 1;
        }
    }
    puts
}

fn summary(run: &Run) -> serde_json::Value {
    serde_json::from_str(run.lines().last().expect("a summary")).expect("JSON")
}

#[test]
fn objects_go_over_once_however_often_it_is_killed() {
    let cloud = full();
    let arguments = ["migrate", "s3://shop/old", "s3://shop/new/", "--yes", "--json"];
    killed(&cloud, &arguments, objects() as u64 * 7 / 5);
    killed(&cloud, &arguments, objects() as u64 * 7 / 5);
    let last = cloud.bench.run(&arguments);
    assert_eq!(last.code, 0, "{}", last.err);
    let summed = summary(&last);
    let (ok, present) = (summed["ok"].as_u64().unwrap(), summed["present"].as_u64().unwrap());
    let all_of_them = 4 * objects();
    assert_eq!(ok + present, all_of_them as u64, "{summed}");
    assert!(present as usize > 2 * objects(), "{summed}");
    let puts = puts(&cloud);
    assert!(
        puts.values().all(|times| *times == 1),
        "{:?}",
        puts.iter().filter(|(_, times)| **times > 1).collect::<Vec<_>>()
    );
    let of = |suffix: &str| puts.keys().filter(|key| key.ends_with(suffix)).count();
    // What was under way when it was killed may have arrived without an answer.
    assert!(
        (all_of_them - 20..=all_of_them).contains(&of(".delta")) && of("reference.bin") <= 4,
        "{} {}",
        of(".delta"),
        of("reference.bin")
    );

    cloud.server.log().reset();
    let again = cloud.bench.run(&arguments);
    assert_eq!((again.code, again.lines().len(), cloud.server.log().count("PutObject")), (0, 1, 0), "{}", again.out);
    let down = cloud.bench.run(&["cp", "s3://shop/new/old/", "got", "--recursive", "--quiet"]);
    assert_eq!(down.code, 0, "{}", down.err);
    for (space, version) in all() {
        let got = cloud.bench.read(&key(space, version).replacen("old", "got", 1));
        assert!(got == small(space, version), "{}", key(space, version));
    }
}

#[test]
fn in_place_objects_become_deltas_once_however_often_it_is_killed() {
    let cloud = full();
    cloud.put_plain([("old/app/note.txt".to_owned(), b"text".to_vec())]);
    let arguments = ["migrate", "s3://shop/old", "--in-place", "--yes", "--json"];
    killed(&cloud, &arguments, objects() as u64 * 7 / 5);
    killed(&cloud, &arguments, objects() as u64 * 7 / 5);
    let last = cloud.bench.run(&arguments);
    assert_eq!(last.code, 0, "{}", last.err);
    assert_eq!(summary(&last)["kept"], 1);
    let puts = puts(&cloud);
    assert!(puts.values().all(|times| *times == 1), "{puts:?}");
    let mut expected: Vec<String> = all().map(|(space, version)| format!("{}.delta", key(space, version))).collect();
    expected.extend(SPACES.map(|space| format!("old/{space}/reference.bin")));
    expected.push("old/app/note.txt".to_owned());
    expected.sort();
    assert_eq!(cloud.stored(), expected);
    assert_eq!(cloud.bench.run(&["cp", "s3://shop/old/", "got", "--recursive", "--quiet"]).code, 0);
    for (space, version) in all() {
        let got = cloud.bench.read(&key(space, version).replacen("old", "got", 1));
        assert!(got == small(space, version), "{}", key(space, version));
    }
}

/// A few versions in three spaces, and something that stays whole.
fn few() -> Cloud {
    let cloud = Cloud::with_bucket();
    let versions = (0..3).flat_map(|space| (1..=4).map(move |version| (space, version)));
    cloud.put_plain(versions.map(|(space, version)| (format!("old/s{space}/v{version}.zip"), archive(version))));
    cloud.put_plain([("old/note.txt".to_owned(), b"text".to_vec())]);
    cloud
}

#[test]
fn an_estimate_comes_from_samples_and_stores_nothing() {
    let cloud = few();
    for (line, objects) in
        [(&["migrate", "s3://shop/old", "s3://shop/new"], 13), (&["migrate", "s3://shop/old", "--in-place"], 12)]
    {
        cloud.server.log().reset();
        let dry = cloud.bench.run(&[&line[..], &["--dryrun", "--json"]].concat());
        assert_eq!((dry.code, cloud.server.log().count("PutObject")), (0, 0), "{dry:?}");
        let estimate: serde_json::Value = serde_json::from_str(&dry.lines()[0]).expect("JSON");
        assert_eq!((&estimate["type"], &estimate["deltaspaces"]), (&"estimate".into(), &3.into()));
        assert_eq!((estimate["samples"].as_u64(), estimate["objects"].as_u64()), (Some(9), Some(objects)));
        // Three references of twelve versions.
        assert!((0.74..0.76).contains(&estimate["saved_ratio"].as_f64().unwrap()), "{estimate}");
        let text = cloud.bench.run(&[&line[..], &["--dryrun"]].concat());
        assert!(
            text.err.contains("samples in 3 of them") && text.out.contains("(dryrun) migrate: s3://shop/old/s0/v1.zip"),
            "{text:?}"
        );
    }
}

#[test]
fn without_a_terminal_it_does_not_begin_unasked() {
    let cloud = few();
    cloud.server.log().reset();
    let run = cloud.bench.run(&["migrate", "s3://shop/old", "s3://shop/new"]);
    assert_eq!((run.code, cloud.server.log().total()), (252, 0), "{run:?}");
    assert!(run.err.contains("add --yes") && run.err.contains("--dryrun"), "{}", run.err);
}

#[test]
fn places_that_cannot_be_meant_are_refused() {
    let cloud = few();
    for (arguments, said) in [
        (&["migrate", "s3://shop/old/", "s3://shop/"][..], "--in-place"),
        (&["migrate", "s3://shop/old/", "s3://shop/old/", "--no-preserve-prefix"], "--in-place"),
        (&["migrate", "s3://shop", "s3://shop/new/"], "inside of the source"),
        (&["migrate", "nowhere", "s3://shop/new/"], "no directory"),
        (&["migrate", "s3://shop/old/", "-"], "not a URL"),
        (&["migrate", "s3://shop/old/", "s3://shop/new/", "--shard", "4/4"], "from 0 to N-1"),
        (&["migrate", "s3://shop/old/"], "DESTINATION"),
    ] {
        let run = cloud.bench.run(&[arguments, &["--yes"]].concat());
        assert_eq!(run.code, 252, "{arguments:?} {run:?}");
        assert!(run.err.contains(said), "{arguments:?} {}", run.err);
    }
    let run = cloud.bench.run(&["migrate", "s3://shop/old/", "s3://shop/new/", "--yes", "--shard", "auto"]);
    assert_eq!(run.code, 253);
    assert!(run.err.contains("JOB_COMPLETION_INDEX"), "{}", run.err);
}

#[test]
fn parts_together_are_the_whole() {
    let cloud = few();
    let mut done = 0;
    for index in ["0", "1"] {
        let part = Bench::new();
        let mut command = cloud.bench.command(&[
            "migrate",
            "s3://shop/old/",
            "s3://shop/new/",
            "--no-preserve-prefix",
            "--yes",
            "--shard",
            "auto/2",
            "--json",
        ]);
        let run = Run::of(command.env("JOB_COMPLETION_INDEX", index).output().expect("ran"));
        assert_eq!(run.code, 0, "{run:?}");
        let summed = summary(&run);
        done += summed["ok"].as_u64().unwrap();
        assert_eq!(summed["present"], serde_json::Value::Null);
        drop(part);
    }
    assert_eq!(done, 13);
    assert_eq!(cloud.bench.run(&["ls", "s3://shop/new/", "--recursive"]).lines().len(), 13);
}

#[test]
fn headers_metadata_and_directories_come_along() {
    let cloud = few();
    assert_eq!(cloud.bench.run(&["migrate", "s3://shop/old/", "--in-place", "--yes"]).code, 0);
    let back = cloud.bench.run(&["rehydrate", "s3://shop/old/", "s3://shop/plain/"]);
    assert_eq!(back.code, 0, "{back:?}");
    let (metadata, content) = cloud.plain("plain/s1/v2.zip");
    assert_eq!((metadata.len(), metadata["owner"].as_str(), content == archive(2)), (1, "ann", true));

    let bench = Bench::with_store();
    for version in 1..=3 {
        bench.write(&format!("d/sub/a-{version}.zip"), &archive(version));
    }
    bench.write("d/note.txt", b"text");
    let up = bench.run(&["migrate", "d", "STORE/p", "--yes"]);
    assert_eq!((up.code, up.lines().len()), (0, 4), "{up:?}");
    assert!(up.err.contains("1 new reference, 3 deltas, 1 plain"), "{}", up.err);
    let again = bench.run(&["migrate", "d", "STORE/p", "--yes"]);
    assert_eq!((again.out.as_str(), again.err.as_str()), ("", "0 files; 4 there already\n"));
}

#[test]
fn a_store_that_ignores_conditions_keeps_the_whole_forms() {
    let cloud = few();
    cloud.server.set_conditions(deltaglider_testkit::s3_server::Conditions::ignored());
    let run = cloud.bench.run(&["migrate", "s3://shop/old/s0/", "--in-place", "--yes", "--json"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.lines()[0].contains("the whole form stays"), "{}", run.lines()[0]);
    let stored = cloud.stored();
    assert!(stored.contains(&"old/s0/v1.zip".to_owned()) && stored.contains(&"old/s0/v1.zip.delta".to_owned()));
}
