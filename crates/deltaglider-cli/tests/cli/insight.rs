//! `analyze`, `doctor`, `completions`, `man`: what the program tells of buckets and of itself.

use std::fs;

use deltaglider_testkit::s3_server::{Conditions, ServerFault};
use serde_json::Value;

use crate::bench::{Bench, archive};
use crate::s3::Cloud;

/// Bytes that have nothing in common with an archive's versions.
fn unrelated(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..16 << 10).flat_map(|_| next()).collect()
}

/// A space that is well, one whose first object is unlike the others, one that is not migrated, and a text.
fn mixed() -> Cloud {
    let cloud = Cloud::with_bucket();
    for version in 1..=6 {
        cloud.bench.write(&format!("d/good/v{version}.zip"), &archive(version));
        cloud.bench.write(&format!("d/poor/v{version}.zip"), &archive(version));
    }
    cloud.bench.write("d/poor/0.zip", &unrelated(77));
    cloud.bench.write("d/note.txt", b"text");
    assert_eq!(cloud.bench.run(&["cp", "d/poor/0.zip", "s3://shop/poor/"]).code, 0);
    assert_eq!(cloud.bench.run(&["cp", "d", "s3://shop/", "--recursive", "--quiet"]).code, 0);
    cloud.put_plain((1..=4).map(|version| (format!("raw/v{version}.zip"), archive(version))));
    cloud
}

#[test]
fn an_analysis_tells_good_from_poor_and_what_to_do() {
    let cloud = mixed();
    let run = cloud.bench.run(&["analyze", "s3://shop", "--json"]);
    assert_eq!((run.code, run.lines().len()), (0, 1), "{run:?}");
    let line: Value = serde_json::from_str(&run.out).expect("JSON");
    let space = |prefix: &str| -> Value {
        let spaces = line["deltaspaces"].as_array().expect("spaces");
        spaces.iter().find(|space| space["prefix"] == prefix).expect("the space").clone()
    };
    assert_eq!(space("good/")["verdict"], "excellent");
    assert_eq!((&space("poor/")["verdict"], &space("raw/")["verdict"]), (&"poor".into(), &"not_migrated".into()));
    let rebase = &space("poor/")["rebase"];
    assert!(rebase["ratio"].as_f64().expect("a ratio") < 0.05 && rebase["samples"] == 3, "{rebase}");
    // One of four stays as the reference.
    let estimate = &line["estimate"];
    assert_eq!((&estimate["samples"], &estimate["deltaspaces"]), (&3.into(), &1.into()), "{estimate}");
    assert_eq!((&line["plain"], &line["plain_bytes"]), (&1.into(), &4.into()));

    let text = cloud.bench.run(&["analyze", "s3://shop/", "--html", "report.html"]);
    assert_eq!((text.code, text.err.as_str()), (0, ""), "{text:?}");
    for said in ["excellent", "poor", "▁", "deltaglider migrate s3://shop/poor/ s3://shop/poor-2/", "if migrated:"] {
        assert!(text.out.contains(said), "{said}: {}", text.out);
    }
    let page = String::from_utf8(cloud.bench.read("report.html")).expect("a page");
    for part in ["<svg", "role=\"img\"", "<desc>", "good/", "If the rest were migrated", "--no-preserve-prefix"] {
        assert!(page.contains(part), "{part}");
    }
    for foreign in ["<script", "src=", "href=", "http://", "https://", "url("] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    let narrow = cloud.bench.run(&["analyze", "s3://shop/good/", "--json", "--no-samples"]);
    let narrow: Value = serde_json::from_str(&narrow.out).expect("JSON");
    assert_eq!((&narrow["deltaspaces"][0]["prefix"], &narrow["objects"]), (&"".into(), &6.into()));
    assert_eq!(cloud.bench.run(&["analyze", "s3://none"]).code, 254);
}

#[test]
fn a_directory_is_estimated_from_samples() {
    let bench = Bench::new();
    for version in 1..=8 {
        bench.write(&format!("d/app/v{version}.zip"), &archive(version));
        bench.write(&format!("d/noise/v{version}.zip"), &unrelated(version));
    }
    bench.write("d/readme.txt", b"text");
    let run = bench.run(&["analyze", "d", "--json", "--html", "d.html"]);
    assert_eq!(run.code, 0, "{run:?}");
    let line: Value = serde_json::from_str(&run.out).expect("JSON");
    let estimate = &line["estimate"];
    assert_eq!((&estimate["samples"], &estimate["objects"], &estimate["plain"]), (&6.into(), &17.into(), &1.into()));
    // Of sixteen objects seven go: half of the rest saves nothing.
    assert!((0.43..0.44).contains(&estimate["saved_ratio"].as_f64().expect("a share")), "{estimate}");
    assert!(estimate["stored_low"].as_u64() < estimate["stored"].as_u64(), "{estimate}");
    assert_eq!(bench.run(&["analyze", "nowhere"]).code, 252);
    assert!(fs::metadata(bench.path("d.html")).expect("a page").len() > 5000);
}

#[test]
fn a_doctor_finds_everything_in_order_in_ten_lines() {
    let cloud = Cloud::with_bucket();
    let before = cloud.stored();
    let run = cloud.bench.run(&["doctor", "s3://shop/p/"]);
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{run:?}");
    let lines = run.lines();
    assert!(lines.len() <= 10, "{}", run.out);
    for name in ["settings", "endpoint", "list", "put", "get, delete", "clock", "conditions", "cache", "temporary"] {
        let line =
            lines.iter().find(|line| line[9..].starts_with(name)).unwrap_or_else(|| panic!("{name}: {}", run.out));
        assert!(line.starts_with("ok ") || name == "cache", "{line}");
    }
    assert_eq!(cloud.stored(), before, "throw-away keys are gone");
    let bare = cloud.bench.run(&["doctor"]);
    assert_eq!((bare.code, bare.out.contains("known; 1 buckets")), (0, true), "{}", bare.out);
    let verbose = cloud.bench.run(&["doctor", "-v", "-j", "3"]);
    let setting = |name: &str| verbose.lines().into_iter().find(|line| line.starts_with(name)).expect("the setting");
    assert!(setting("DG_JOBS ").ends_with("3  (--jobs)"), "{}", setting("DG_JOBS "));
    assert!(setting("AWS_MAX_ATTEMPTS").ends_with("2  (environment)"));
    assert!(setting("DG_EFFORT").ends_with("default  (default)"));
    assert!(setting("AWS_SECRET_ACCESS_KEY").contains("(secret)") && !verbose.out.contains(cloud.server.secret_key()));
    let json = cloud.bench.run(&["doctor", "s3://shop", "--json"]);
    assert!(json.lines().iter().all(|line| line.starts_with(r#"{"v":1,"type":"check","name":""#)), "{}", json.out);
}

#[test]
fn a_doctor_names_what_is_wrong_and_what_to_do() {
    let cloud = Cloud::with_bucket();
    let missing = cloud.bench.run(&["doctor", "s3://none"]);
    assert_eq!(missing.code, 254, "{missing:?}");
    assert!(
        missing.out.contains("failed   bucket") && missing.out.contains("deltaglider mb s3://none"),
        "{}",
        missing.out
    );

    cloud.server.inject(|request, _| {
        (request.operation == "PutObject").then_some(ServerFault::Refuse(403, "AccessDenied", "Access Denied"))
    });
    let denied = cloud.bench.run(&["doctor", "s3://shop"]);
    assert_eq!(denied.code, 254, "{denied:?}");
    assert!(denied.out.contains("failed   put") && denied.out.contains("untried  conditions"), "{}", denied.out);
    cloud.server.heal();

    cloud.server.set_conditions(Conditions::ignored());
    let weak = cloud.bench.run(&["doctor", "s3://shop"]);
    assert_eq!(weak.code, 0, "{weak:?}");
    assert!(weak.out.contains("warning  conditions   ignored on puts and deletes"), "{}", weak.out);

    let unknown = Bench::new().with("AWS_ENDPOINT_URL", &cloud.server.endpoint());
    let run = unknown.run(&["doctor", "s3://shop"]);
    assert_eq!(run.code, 253, "{run:?}");
    assert!(run.out.contains("failed   credentials"), "{}", run.out);
    let wrong = Bench::new().with("DG_CACHE_BACKEND", "redis").run(&["doctor"]);
    assert_eq!((wrong.code, wrong.lines().len()), (253, 1), "{wrong:?}");

    let local = Bench::with_store();
    let run = local.run(&["doctor", "STORE/p"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.out.contains("ok       conditions") && !run.out.contains("clock"), "{}", run.out);
}

#[test]
fn shells_and_manuals_know_every_command() {
    let bench = Bench::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = bench.run(&["completions", shell]);
        assert_eq!(script.code, 0, "{shell}");
        assert!(script.out.contains("rehydrate") && script.out.contains("no-preserve-prefix"), "{shell}");
    }
    assert_eq!(bench.run(&["completions", "tcsh"]).code, 252);
    let page = bench.run(&["man"]);
    assert!(page.out.contains(".TH deltaglider 1"), "{}", page.out);
    assert_eq!(bench.run(&["man", "pages"]).code, 0);
    let names = bench.names("pages");
    for name in ["deltaglider.1", "deltaglider-cp.1", "deltaglider-migrate.1", "deltaglider-cache-prune.1"] {
        assert!(names.contains(&name.to_owned()), "{names:?}");
    }
}
