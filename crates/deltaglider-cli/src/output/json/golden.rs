//! A line of each type as it is written, and the schema of all of them.

use std::time::{Duration, UNIX_EPOCH};

use deltaglider::core::Location;
use deltaglider::core::engine::StoredForm;
use deltaglider::core::store::{BucketAcl, BucketSummary, ETag, Grantee, ListedObject};
use serde_json::Value;

use super::*;
use crate::analysis::{Analysis, Point};
use crate::failure::Class;
use crate::output::{Action, Health, Rebase};
use crate::reference;
use crate::sampling::SpaceEstimate;

fn line() -> Line {
    let destination = Some("s3://b/a.zip".to_owned());
    Line { action: Action::Migrate, source: "s3://a/a.zip".to_owned(), destination, streamed: false }
}

fn estimated() -> Estimate {
    let space = |prefix: &str, samples| SpaceEstimate {
        prefix: prefix.to_owned(),
        objects: 3,
        bytes: 300,
        samples,
        new_reference: 100,
    };
    Estimate {
        objects: 7,
        logical: 610,
        plain_objects: 1,
        stored: [220, 230, 260],
        spaces: vec![space("p/", vec![0.1, 0.2]), space("q/", Vec::new())],
        samples: 2,
    }
}

fn analyzed() -> String {
    let mut found = Analysis::default();
    for number in 1..=3 {
        let name = format!("p/a-{number}.zip");
        let stored_at = UNIX_EPOCH + Duration::from_secs(number);
        let point = Point { name: name.clone(), stored_at, size: 1000, stored: 10, is_delta: true };
        found.add(&name, point);
    }
    found.add_reference("p/", 1000);
    found.add_other(5);
    let spaces = found.by_size();
    let rebase = Rebase { prefix: "p/".to_owned(), on: "p/a-3.zip".to_owned(), samples: 3, ratio: 0.5, error: 0.25 };
    analysis(&AnalysisReport {
        source: "s3://b/",
        analysis: &found,
        spaces: &spaces,
        estimate: None,
        rebases: &[rebase],
        top: 12,
        min_deltas: 3,
        price: 0.023,
        max_ratio: 0.5,
    })
}

/// A line of each type.
fn lines() -> Vec<(String, &'static str)> {
    let care = [super::super::verify::golden(), super::super::repair::golden(), super::super::purge::golden()];
    let more = [super::super::stats::golden(), super::super::cache::golden(), super::super::key::golden(), transfers()];
    care.into_iter().chain(more).flatten().collect()
}

fn transfers() -> Vec<(String, &'static str)> {
    let time = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let at = Location::new("b", "p/a.zip.delta");
    let object = LogicalObject {
        key: "p/a.zip".to_owned(),
        size: 1000,
        stored_size: 10,
        e_tag: ETag::new("e"),
        sha256: None,
        last_modified: time,
        stored: StoredForm::Delta { at, size: 10, codec: "dgd1".to_owned(), reference: None },
        stored_e_tag: ETag::new("s"),
        storage_class: None,
    };
    let physical = ListedObject {
        key: "p/reference.bin".to_owned(),
        size: 1000,
        e_tag: ETag::new("e"),
        last_modified: time,
        storage_class: Some("STANDARD_IA".to_owned()),
    };
    let bucket = BucketSummary { name: "b".to_owned(), created: Some(time) };
    let failure = Failure::new(Class::Service, "NoSuchBucket", "no bucket").with_fix("make it");
    let check = Check { name: "clock", health: Health::Doubtful, text: "70 s ahead", fix: Some("set it") };
    let set = SettingLine { name: "DG_JOBS", value: "3".to_owned(), origin: "--jobs" };
    let owner = Grantee { id: Some("o".to_owned()), ..Grantee::default() };
    let kept = Outcome { ended: Ended::Kept("it is small"), logical: 5, ..Outcome::default() };
    vec![
        (
            transferred(&line(), &kept),
            r#"{"v":1,"type":"object","op":"migrate","src":"s3://a/a.zip","dst":"s3://b/a.zip","status":"kept","why":"it is small","logical":5,"sent":0,"ms":0}"#,
        ),
        (
            warning("skipped", Some("d/pipe"), "why"),
            r#"{"v":1,"type":"warning","code":"skipped","path":"d/pipe","message":"why"}"#,
        ),
        (
            fatal(&failure),
            r#"{"v":1,"type":"error","error":{"code":"NoSuchBucket","message":"no bucket","hint":"make it","retryable":false}}"#,
        ),
        (listed(&Listed::Bucket(&bucket)), r#"{"v":1,"type":"bucket","name":"b","created":"2023-11-14T22:13:20Z"}"#),
        (listed(&Listed::Prefix("p/")), r#"{"v":1,"type":"prefix","prefix":"p/"}"#),
        (
            listed(&Listed::Object(&object)),
            r#"{"v":1,"type":"entry","key":"p/a.zip","size":1000,"stored":10,"kind":"delta","last_modified":"2023-11-14T22:13:20Z","etag":"e"}"#,
        ),
        (
            listed(&Listed::Physical(&physical)),
            r#"{"v":1,"type":"entry","key":"p/reference.bin","size":1000,"kind":"physical","last_modified":"2023-11-14T22:13:20Z","etag":"e","storage_class":"STANDARD_IA"}"#,
        ),
        (
            progress(&Tally::new(), 4, 1000, Some(Duration::from_secs(2))),
            r#"{"v":1,"type":"progress","files_done":0,"files_total":4,"bytes_done":0,"bytes_total":1000,"sent":0,"eta_s":2}"#,
        ),
        (bucket_config("b", Some("zstd")), r#"{"v":1,"type":"bucket-config","name":"b","codec":"zstd"}"#),
        (version("1.0"), r#"{"v":1,"type":"version","version":"1.0"}"#),
        (
            super::estimate(&estimated()),
            r#"{"v":1,"type":"estimate","objects":7,"plain":1,"deltaspaces":2,"samples":2,"logical":610,"stored":230,"stored_low":220,"stored_high":260,"saved_ratio":0.623,"spaces":[{"prefix":"p/","objects":3,"logical":300,"samples":2,"ratio":0.15}]}"#,
        ),
        (
            analyzed(),
            r#"{"v":1,"type":"analysis","uri":"s3://b/","objects":4,"logical":3005,"stored":1035,"saved_ratio":0.6556,"plain":1,"plain_bytes":5,"deltaspaces":[{"prefix":"p/","objects":3,"deltas":3,"logical":3000,"stored":1030,"saved_ratio":0.6567,"reference":1000,"median_ratio":0.01,"verdict":"excellent","rebase":{"on":"p/a-3.zip","samples":3,"ratio":0.5,"error":0.25}}]}"#,
        ),
        (
            super::check(&check),
            r#"{"v":1,"type":"check","name":"clock","status":"warning","message":"70 s ahead","hint":"set it"}"#,
        ),
        (
            super::presigned("s3://b/p/a.txt", "https://b/p/a.txt?X", 60),
            r#"{"v":1,"type":"url","object":"s3://b/p/a.txt","url":"https://b/p/a.txt?X","expires_in":60}"#,
        ),
        (
            super::bucket_acl("b", &Acl::of(&BucketAcl { owner: Some(owner), grants: Vec::new() })),
            r#"{"v":1,"type":"acl","bucket":"b","Owner":{"ID":"o"},"Grants":[]}"#,
        ),
        (super::setting(&set), r#"{"v":1,"type":"setting","name":"DG_JOBS","value":"3","origin":"--jobs"}"#),
    ]
}

#[test]
fn each_type_is_written_as_ever() {
    for (written, golden) in lines() {
        assert_eq!(written, golden);
    }
    let summed: Value = serde_json::from_str(&summary("rm", &Tally::new(), Exit::Failed)).expect("JSON");
    assert_eq!((&summed["type"], &summed["op"], &summed["exit"]), (&"summary".into(), &"rm".into(), &1.into()));
}

#[test]
fn the_schema_is_that_of_the_lines() {
    let schema = schemars::schema_for!(Versioned<'static>);
    let text = serde_json::to_string_pretty(&schema).expect("JSON") + "\n";
    reference::ensure("json-schema.json", &text);
    // Every type has a golden line, but the summary, whose time is not always the same.
    let value = serde_json::to_value(&schema).expect("JSON");
    let types = value.to_string();
    let mut golden: Vec<String> = lines()
        .iter()
        .map(|(line, _)| {
            serde_json::from_str::<Value>(line).expect("JSON")["type"].as_str().expect("a type").to_owned()
        })
        .collect();
    golden.push("summary".to_owned());
    golden.sort();
    golden.dedup();
    assert_eq!(types.matches("\"const\":").count(), golden.len(), "{golden:?}");
    for name in golden {
        assert!(types.contains(&format!("\"const\":\"{name}\"")), "{name}");
    }
}
