//! `presign`, `get-bucket-acl` and `put-bucket-acl`.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::bench::{Bench, archive};
use crate::s3::Cloud;

/// Fetches a URL as anybody would: status and body.
fn fetch(url: &str) -> (u16, Vec<u8>) {
    let (host, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("a URL");
    let mut stream = TcpStream::connect(host).expect("connected");
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("read");
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, answer[end..].to_vec())
}

#[test]
fn a_whole_object_is_fetched_by_its_url() {
    let cloud = Cloud::with_bucket();
    let bench = &cloud.bench;
    bench.write("ü b.txt", b"content");
    bench.run(&["cp", "ü b.txt", "s3://shop/p/"]);
    let signed = bench.run(&["presign", "s3://shop/p/ü b.txt", "--expires-in", "60"]);
    assert_eq!((signed.code, signed.err.as_str(), signed.lines().len()), (0, "", 1), "{signed:?}");
    assert!(signed.out.contains("X-Amz-Expires=60") && signed.out.contains("X-Amz-Signature="), "{}", signed.out);
    assert_eq!(fetch(signed.out.trim()), (200, b"content".to_vec()));
    // As with `aws`, what is signed need not be there.
    let absent = bench.run(&["presign", "s3://shop/nope"]);
    assert_eq!((absent.code, fetch(absent.out.trim()).0), (0, 404));
    let json = bench.run(&["presign", "s3://shop/p/ü b.txt", "--json"]);
    let line: serde_json::Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!((&line["type"], &line["expires_in"]), (&"url".into(), &3600.into()));
}

#[test]
fn a_delta_is_refused_or_rehydrated() {
    let cloud = Cloud::with_bucket();
    let bench = &cloud.bench;
    for number in 1..=2 {
        bench.write("a.zip", &archive(number));
        bench.run(&["cp", "a.zip", &format!("s3://shop/p/{number}.zip")]);
    }
    let refused = bench.run(&["presign", "s3://shop/p/2.zip"]);
    assert_eq!((refused.code, refused.out.as_str()), (1, ""));
    assert!(refused.err.contains("is stored as a delta") && refused.err.contains("--rehydrate"), "{}", refused.err);
    let signed = bench.run(&["presign", "s3://shop/p/2.zip", "--rehydrate", "--expires-in", "600"]);
    assert_eq!(signed.code, 0, "{signed:?}");
    assert!(signed.out.contains("/.deltaglider/tmp/") && signed.out.contains("_2.zip?"), "{}", signed.out);
    assert_eq!(fetch(signed.out.trim()), (200, archive(2)));
    let put = cloud.server.log().requests();
    let put = put.iter().rfind(|request| request.operation == "PutObject").expect("a put");
    assert!(put.key.starts_with(".deltaglider/tmp/"), "{}", put.key);
    assert!(put.header("x-amz-meta-dg-expires-at").is_some_and(|time| time.ends_with('Z')));
    // It is hidden, and what is stored whole needs no copy.
    assert_eq!(bench.run(&["ls", "s3://shop", "--recursive"]).lines().len(), 2);
    bench.run(&["cp", "a.zip", "s3://shop/q/whole.zip", "--no-delta"]);
    let whole = bench.run(&["presign", "s3://shop/q/whole.zip", "--rehydrate"]);
    assert!(whole.out.contains("/shop/q/whole.zip?"), "{whole:?}");
}

#[test]
fn urls_are_for_objects_of_s3() {
    let cloud = Cloud::with_bucket();
    let bench = &cloud.bench;
    assert_eq!(bench.run(&["presign", "s3://shop"]).code, 252);
    assert_eq!(bench.run(&["presign", "s3://shop/a", "--expires-in", "604801"]).code, 252);
    assert_eq!(bench.run(&["presign", "s3://shop/a", "--expires-in", "0"]).code, 252);
    assert_eq!(bench.run(&["presign", "s3://none/a"]).code, 0);
    let local = Bench::with_store();
    let refused = local.run(&["presign", "STORE/a"]);
    assert_eq!(refused.code, 254, "{refused:?}");
    assert!(refused.err.contains("this store knows no URLs for others"), "{}", refused.err);
}

#[test]
fn the_access_control_list_of_a_bucket_is_written_and_read() {
    let cloud = Cloud::with_bucket();
    let bench = &cloud.bench;
    let before = bench.run(&["get-bucket-acl", "--bucket", "shop"]);
    assert_eq!(before.code, 0, "{before:?}");
    let list: serde_json::Value = serde_json::from_str(&before.out).expect("JSON");
    assert_eq!(list["Grants"][0]["Permission"], "FULL_CONTROL");
    let set = bench.run(&["s3api", "put-bucket-acl", "--bucket", "shop", "--acl", "public-read"]);
    assert_eq!((set.code, set.out.as_str(), set.err.as_str()), (0, "", ""));
    let after = bench.run(&["get-bucket-acl", "s3://shop"]);
    assert!(after.out.contains("groups/global/AllUsers"), "{}", after.out);
    // What is read can be written back.
    bench.write("acl.json", before.out.as_bytes());
    let file = format!("file://{}", bench.path("acl.json").display());
    assert_eq!(bench.run(&["put-bucket-acl", "shop", "--access-control-policy", &file]).code, 0);
    assert_eq!(bench.run(&["get-bucket-acl", "shop"]).out, before.out);
    let grants = bench.run(&["put-bucket-acl", "shop", "--grant-read", "uri=u", "--grant-write-acp", "id=1", "--json"]);
    assert!(grants.out.contains(r#""status":"ok""#), "{grants:?}");
    let asked = cloud.server.log().requests();
    let asked = asked.iter().rfind(|request| request.operation == "PutBucketAcl").expect("asked");
    assert_eq!(
        (asked.header("x-amz-grant-read"), asked.header("x-amz-grant-write-acp")),
        (Some("uri=u"), Some("id=1"))
    );
    let json = bench.run(&["get-bucket-acl", "shop", "--json"]);
    assert!(json.out.starts_with(r#"{"v":1,"type":"acl","bucket":"shop","#), "{}", json.out);
}

#[test]
fn wrong_lists_and_missing_buckets_are_told() {
    let cloud = Cloud::with_bucket();
    let bench = &cloud.bench;
    for line in [
        ["put-bucket-acl", "shop"].as_slice(),
        &["put-bucket-acl", "shop", "--acl", "mine"],
        &["put-bucket-acl", "--acl", "private"],
        &["get-bucket-acl", "s3://shop/key"],
        &["put-bucket-acl", "shop", "--access-control-policy", "{"],
    ] {
        assert_eq!(bench.run(line).code, 252, "{line:?}");
    }
    let missing = bench.run(&["get-bucket-acl", "none"]);
    assert_eq!(missing.code, 254);
    assert!(missing.err.contains("(NoSuchBucket) when calling the GetBucketAcl operation"), "{}", missing.err);
    let local = Bench::with_store();
    assert_eq!(local.run(&["get-bucket-acl", "STORE"]).code, 254);
}
