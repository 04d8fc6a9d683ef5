//! The range: those bytes and no others, of an object that is stored whole and of one that is a delta.

use crate::program::{BUCKET, World, archive};

/// Text, since a program's output is taken as that.
fn version(number: u64) -> String {
    archive(64 << 10, number).iter().map(|byte| char::from(b'a' + byte % 16)).collect()
}

/// Runs the example to its end; gives its exit code, what it wrote, and its errors.
fn run(world: &World, arguments: &[&str]) -> (Option<i32>, String, String) {
    world.start("byte_range", arguments, &[]).end()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_written() {
    let world = World::new().await;
    let client = world.client().await;
    let content = version(2);
    for (key, content, kind) in [
        ("app/1.zip", version(1), "delta"),
        ("app/2.zip", content.clone(), "delta"),
        ("a.txt", content.clone(), "whole"),
    ] {
        let put = client.put_object().bucket(BUCKET).key(key).body(content.into_bytes()).send().await.unwrap();
        assert_eq!(put.kind, kind);
    }
    for key in ["app/2.zip", "a.txt"] {
        for (range, expected) in
            [("bytes=30000-40000", &content[30_000..=40_000]), ("bytes=-9", &content[content.len() - 9..])]
        {
            assert_eq!(run(&world, &[BUCKET, key, range]), (Some(0), expected.to_owned(), String::new()));
        }
    }
    assert!(world.cached().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said() {
    let world = World::new().await;
    for (arguments, said) in [
        (&[BUCKET, "a.txt"][..], "usage: byte_range"),
        (&[BUCKET, "a.txt", "1-2"], "is no range"),
        (&[BUCKET, "a.txt", "bytes=1-2"], "NoSuchKey"),
    ] {
        let (code, out, errors) = run(&world, arguments);
        assert!(code == Some(1) && out.is_empty() && errors.contains(said), "{code:?} {out} {errors}");
    }
    assert!(world.cached().is_empty());
}
