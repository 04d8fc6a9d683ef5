//! The binary and a bucket that the earlier tool wrote.

use std::collections::BTreeMap;

use crate::s3::Cloud;

#[test]
fn every_object_of_the_earlier_tool_comes_back_or_says_why_not() {
    let (cloud, golden) = Cloud::with_golden_bucket();
    let mut faults = Vec::new();
    for entry in golden.logical.iter().filter(|entry| entry.is_visible()) {
        let got = cloud.bench.run(&["cp", &format!("s3://shop/{}", entry.logical_key), "got.bin"]);
        let content = std::fs::read(cloud.bench.path("got.bin")).ok();
        let is_right = content.as_ref().is_some_and(|bytes| entry.is_content(bytes));
        let is_refused = got.code != 0 && content.is_none() && got.err.starts_with("download failed: s3://shop/");
        let as_expected = match entry.expect.split_once(':') {
            None => got.code == 0 && is_right,
            Some(("ok_or_error", _)) => (got.code == 0 && is_right) || is_refused,
            _ => is_refused,
        };
        println!("{} {}: {} {}", entry.logical_key, entry.expect, got.code, got.err.trim_end());
        if !as_expected {
            faults.push(format!("{}: {got:?}", entry.logical_key));
        }
        drop(std::fs::remove_file(cloud.bench.path("got.bin")));
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert_eq!(cloud.bench.left_behind(), Vec::<String>::new());
}

#[test]
fn what_the_earlier_tool_stored_is_listed_under_its_names_and_sizes() {
    let (cloud, golden) = Cloud::with_golden_bucket();
    let listed: BTreeMap<String, u64> = cloud
        .bench
        .run(&["ls", "s3://shop", "--recursive"])
        .lines()
        .iter()
        .map(|line| (line[31..].to_owned(), line[20..30].trim().parse().unwrap()))
        .collect();
    let visible = golden.logical.iter().filter(|entry| entry.is_visible());
    for entry in visible.clone() {
        // Their records do not say the size of what they are.
        let is_known = !["errors/size/", "errors/nometa/"].iter().any(|space| entry.logical_key.starts_with(space));
        let size = listed.get(&entry.logical_key);
        assert!(size.is_some(), "{} is not listed", entry.logical_key);
        assert!(!is_known || size == Some(&entry.original_size), "{}: {size:?}", entry.logical_key);
    }
    assert_eq!(listed.len(), visible.count(), "{listed:?}");
}
