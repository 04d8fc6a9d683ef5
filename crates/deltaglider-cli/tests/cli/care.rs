//! Care for buckets: verify, repair, purge and stats.

use std::fs;
use std::path::{Path, PathBuf};

use deltaglider::core::Location;
use deltaglider::core::store::ObjectStore;

use crate::bench::{Bench, archive};
use crate::s3::Cloud;

/// A store with three versions under `rel/`.
fn versions() -> Bench {
    let bench = Bench::with_store();
    for number in 1..=3 {
        bench.write(&format!("d/app-{number}.zip"), &archive(number));
    }
    assert_eq!(bench.run(&["cp", "d", "STORE/rel", "--recursive"]).code, 0);
    bench
}

/// The file in which a local store keeps an object.
fn stored(bench: &Bench, name: &str) -> PathBuf {
    fn search(directory: &Path, name: &str) -> Option<PathBuf> {
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).find_map(|path| {
            let found = path.file_name().unwrap().to_string_lossy().contains(name);
            if path.is_dir() { search(&path, name) } else { found.then_some(path) }
        })
    }
    search(&bench.outside("store"), name).unwrap()
}

#[test]
fn sound_objects_are_verified_line_by_line() {
    let bench = versions();
    let store = bench.store();
    let one = bench.run(&["verify", "STORE/rel/app-2.zip"]);
    assert_eq!(one.code, 0, "{one:?}");
    let lines = one.lines();
    assert!(lines[0].starts_with(&format!("verified: {store}/rel/app-2.zip (")), "{lines:?}");
    assert!(lines[0].ends_with(", delta, sha256 ok)"), "{lines:?}");
    assert_eq!(lines[1], "1 ok, 0 damaged, 0 unreadable");

    let all = bench.run(&["verify", "STORE", "--recursive"]);
    assert_eq!(
        (all.code, all.lines().last().map(String::as_str)),
        (0, Some("3 ok, 0 damaged, 0 unreadable")),
        "{all:?}"
    );
    let none_directly = bench.run(&["verify", "STORE"]);
    assert_eq!(none_directly.lines(), ["0 ok, 0 damaged, 0 unreadable"]);
    let quick = bench.run(&["verify", "STORE/rel/", "--quick"]);
    assert!(quick.lines()[0].contains("record and reference ok"), "{quick:?}");
    let sample = bench.run(&["verify", "STORE", "--recursive", "--sample", "100%"]);
    assert_eq!(sample.lines().last().map(String::as_str), Some("3 ok, 0 damaged, 0 unreadable (a sample)"));
    assert_eq!(bench.run(&["verify", "STORE/rel/none.zip"]).code, 254);
    assert_eq!(bench.run(&["verify", "STORE/rel/app-1.zip", "--sample", "5%"]).code, 252);
    assert_eq!(bench.run(&["verify", "STORE", "--sample", "0"]).code, 252);
}

#[test]
fn damage_is_an_exit_code_of_its_own() {
    let bench = versions();
    let path = stored(&bench, "app-2.zip.delta");
    let mut bytes = fs::read(&path).unwrap();
    bytes[30] ^= 1;
    fs::write(&path, bytes).unwrap();
    let run = bench.run(&["verify", "STORE/rel/"]);
    assert_eq!(run.code, 4, "{run:?}");
    assert_eq!(run.lines().last().map(String::as_str), Some("2 ok, 1 damaged, 0 unreadable"));
    assert!(run.err.starts_with(&format!("damaged: {}/rel/app-2.zip ", bench.store())), "{}", run.err);

    let json = bench.run(&["verify", "STORE/rel/", "--json"]);
    let lines: Vec<serde_json::Value> = json.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((json.code, json.err.as_str(), lines.len()), (4, "", 4));
    for (line, status) in lines.iter().zip(["ok", "damaged", "ok"]) {
        assert_eq!((&line["v"], &line["type"], &line["status"]), (&1.into(), &"verify".into(), &status.into()));
        assert_eq!(line["expected"] == line["actual"], status == "ok", "{line}");
    }
    assert_eq!(lines[1]["key"], "rel/app-2.zip");
    let summary = &lines[3];
    assert_eq!((&summary["ok"], &summary["damaged"], &summary["exit"]), (&2.into(), &1.into(), &4.into()));
}

#[test]
fn a_lost_reference_is_planned_for_and_put_back() {
    let bench = versions();
    let reference = stored(&bench, "reference.bin");
    fs::remove_file(&reference).unwrap();
    let verified = bench.run(&["verify", "STORE", "--recursive", "--quick"]);
    assert_eq!(verified.code, 4, "{verified:?}");
    assert!(verified.err.contains("missing reference: "), "{}", verified.err);

    let plan = bench.run(&["verify", "STORE/rel/", "--repair-plan", "--json"]);
    let lines: Vec<serde_json::Value> = plan.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((plan.code, lines.len()), (4, 5), "{plan:?}");
    assert_eq!(
        (&lines[0]["key"], &lines[0]["finding"], &lines[0]["action"]),
        (&"rel/reference.bin".into(), &"reference_missing".into(), &"none".into())
    );
    assert!(lines[0]["lost"].is_string() && lines[1]["lost"].is_string());

    // The file that the plan names is all that is needed.
    let detail = lines[0]["detail"].as_str().unwrap();
    let name = (1..=3).map(|n| format!("app-{n}.zip")).find(|name| detail.contains(name.as_str())).unwrap();
    assert_eq!(bench.run(&["cp", &format!("d/{name}"), "STORE/rel/", "--no-delta"]).code, 0);
    let dry = bench.run(&["repair", "STORE/rel/", "--dryrun"]);
    assert_eq!(dry.code, 4, "{dry:?}");
    assert!(dry.lines()[0].starts_with("(dryrun) put back: "), "{dry:?}");
    assert!(!reference.exists());
    let repaired = bench.run(&["repair", "STORE/rel/"]);
    assert_eq!((repaired.code, repaired.lines().len()), (0, 3), "{repaired:?}");
    assert!(reference.exists());
    assert_eq!(bench.run(&["verify", "STORE", "--recursive"]).code, 0);
    let again = bench.run(&["repair", "STORE"]);
    assert_eq!((again.code, again.out.as_str()), (0, "0 findings, 0 mended, 0 left, 0 with something lost\n"));
}

#[test]
fn garbage_is_purged_and_unfinished_uploads_are_aborted() {
    let cloud = Cloud::with_bucket();
    let bench = &cloud.bench;
    bench.write("a.zip", &archive(1));
    assert_eq!(bench.run(&["cp", "a.zip", "s3://shop/rel/a.zip"]).code, 0);
    // Its delta goes by the hand of somebody who knows no references.
    let memory = cloud.server.store();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store: &dyn ObjectStore = memory;
        store.delete_one(&Location::new("shop", "rel/a.zip.delta"), None).await.unwrap();
    });
    let young = bench.run(&["purge", "s3://shop"]);
    assert_eq!((young.code, young.out.as_str()), (0, "0 removed, 0 Bytes; 0 kept\n"), "{young:?}");
    let dry = bench.run(&["purge", "s3://shop", "--older-than", "0s", "--dryrun"]);
    let size = "128.0 KiB";
    let expected = format!(
        "(dryrun) purge: s3://shop/rel/reference.bin (reference, {size})\n1 would be removed, {size}; 0 kept\n"
    );
    assert_eq!((dry.code, dry.out), (0, expected));
    let json = bench.run(&["purge", "s3://shop/rel/", "--older-than", "0s", "--json"]);
    let lines: Vec<serde_json::Value> = json.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((json.code, lines.len()), (0, 2), "{json:?}");
    assert_eq!(
        (&lines[0]["type"], &lines[0]["what"], &lines[0]["status"]),
        (&"purge".into(), &"reference".into(), &"removed".into())
    );
    assert_eq!((&lines[1]["type"], &lines[1]["ok"]), (&"summary".into(), &1.into()));
    assert_eq!(bench.run(&["ls", "s3://shop", "--recursive", "--physical"]).out, "");
    assert_eq!(cloud.server.log().count("ListMultipartUploads"), 3);
    assert_eq!(bench.run(&["purge", "s3://shop", "--older-than", "soon"]).code, 252);
    assert_eq!(bench.run(&["purge", "s3://none"]).code, 254);
}

#[test]
fn stats_show_what_was_saved() {
    let bench = versions();
    let first = bench.run(&["stats", "STORE"]);
    assert_eq!(first.code, 0, "{first:?}");
    assert!(first.lines()[0].contains("3 objects · 1 deltaspaces · scanned "), "{first:?}");
    assert!(first.out.contains("excellent") && first.out.contains("at $0.023/GiB"), "{}", first.out);
    assert!(bench.run(&["stats", "STORE"]).out.contains("(cached, "));
    let json: serde_json::Value =
        serde_json::from_str(&bench.run(&["stats", "STORE", "--json", "--refresh"]).out).unwrap();
    assert_eq!((&json["v"], &json["type"], &json["objects"]), (&1.into(), &"stats".into(), &3.into()));
    assert_eq!(
        (&json["deltas"]["n"], &json["references"]["n"], &json["plain"]["n"]),
        (&3.into(), &1.into(), &0.into())
    );
    assert_eq!((&json["exact"], &json["cached"]), (&true.into(), &false.into()));
    assert_eq!(json["deltaspaces"][0]["prefix"], "rel/");
    assert!(json["saved_ratio"].as_f64().unwrap() > 0.6);
    let by = bench.run(&["stats", "STORE/rel", "--by", "ext", "--price", "0"]);
    assert!(by.out.contains("\n.zip ") && by.out.contains("$0.00/month"), "{}", by.out);
    // Nothing of it is an object.
    assert_eq!(bench.run(&["ls", "STORE", "--recursive"]).lines().len(), 3);
    assert_eq!(bench.run(&["stats", "STORE", "--price", "free"]).code, 252);
}
