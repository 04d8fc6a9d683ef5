//! The binary against a server of S3 in the process.

use deltaglider::core::Location;
use deltaglider::core::store::{Attributes, GetOptions, ListRequest, Metadata, ObjectStore, PutBody, PutOptions};
use deltaglider_testkit::{GoldenBucket, S3Server};
use futures::TryStreamExt;
use tokio::runtime::Runtime;

use crate::bench::{Bench, archive};

/// A world with a server, and the runtime that the server lives in.
pub struct Cloud {
    pub bench: Bench,
    pub server: S3Server,
    runtime: Runtime,
}

impl Cloud {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let server = runtime.block_on(S3Server::start()).unwrap();
        let bench = Bench::new()
            .with("AWS_ENDPOINT_URL", &server.endpoint())
            .with("AWS_ACCESS_KEY_ID", server.access_key())
            .with("AWS_SECRET_ACCESS_KEY", server.secret_key())
            .with("AWS_DEFAULT_REGION", "us-east-1")
            .with("AWS_MAX_ATTEMPTS", "2");
        Self { bench, server, runtime }
    }

    pub fn with_bucket() -> Self {
        let cloud = Self::new();
        assert_eq!(cloud.bench.run(&["mb", "s3://shop"]).out, "make_bucket: shop\n");
        cloud
    }

    /// A world with the bucket `shop` as the earlier tool wrote it.
    pub fn with_golden_bucket() -> (Self, GoldenBucket) {
        let cloud = Self::with_bucket();
        let golden = GoldenBucket::open().unwrap();
        cloud.runtime.block_on(golden.load(cloud.server.store(), "shop")).unwrap();
        (cloud, golden)
    }

    /// The same with a variable set.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.bench = self.bench.with(name, value);
        self
    }

    /// Stores objects as somebody does who knows nothing of deltas.
    pub fn put_plain(&self, objects: impl IntoIterator<Item = (String, Vec<u8>)>) {
        let attributes = Attributes {
            content_type: Some("application/zip".to_owned()),
            metadata: [("owner".to_owned(), "ann".to_owned())].into(),
            ..Attributes::default()
        };
        for (key, content) in objects {
            let options = PutOptions { attributes: attributes.clone(), ..PutOptions::default() };
            let at = Location::new("shop", key);
            let put = self.server.store().put(&at, PutBody::Bytes(content.into()), options);
            self.runtime.block_on(put).expect("put");
        }
    }

    /// What stands at a key, as anybody sees it: its metadata and its bytes.
    pub fn plain(&self, key: &str) -> (Metadata, Vec<u8>) {
        let at = Location::new("shop", key);
        let read = async {
            let object = self.server.store().get(&at, GetOptions::default()).await.expect("there");
            let metadata = object.head.attributes.metadata.clone();
            (metadata, object.bytes(u64::MAX).await.expect("read").to_vec())
        };
        self.runtime.block_on(read)
    }

    /// Every stored key.
    pub fn stored(&self) -> Vec<String> {
        let listed = self.server.store().list(ListRequest::below("shop", ""));
        let keys = listed.map_ok(|entry| entry.name().to_owned()).try_collect();
        self.runtime.block_on(keys).expect("listed")
    }

    /// How often a reference was fetched since the log was reset last.
    pub fn reference_gets(&self) -> usize {
        let requests = self.server.log().requests();
        let fetched = |operation: &str, key: &str| operation == "GetObject" && key.ends_with("reference.bin");
        requests.iter().filter(|request| fetched(request.operation, &request.key)).count()
    }
}

#[test]
fn versions_go_up_are_copied_and_come_back() {
    let cloud = Cloud::with_bucket();
    let bench = &cloud.bench;
    bench.run(&["mb", "STORE"]);
    for number in 1..=4 {
        bench.write(&format!("d/app-{number}.zip"), &archive(number));
    }
    let up = bench.run(&["s3", "cp", "d", "s3://shop/rel", "--recursive"]);
    assert_eq!((up.code, up.lines().len()), (0, 4), "{up:?}");
    assert!(up.err.contains("1 new reference, 4 deltas"), "{}", up.err);
    for (from, to) in [
        ("s3://shop/rel/", "s3://shop/other/"),
        ("s3://shop/rel/", "STORE/there/"),
        ("STORE/there/", "s3://shop/back/"),
    ] {
        let copied = bench.run(&["cp", from, to, "--recursive"]);
        assert_eq!((copied.code, copied.lines().len()), (0, 4), "{from} {to}: {copied:?}");
    }
    for (number, from) in ["s3://shop/rel", "s3://shop/other", "STORE/there", "s3://shop/back"].iter().enumerate() {
        let got = format!("got-{number}");
        assert_eq!(bench.run(&["cp", from, &got, "--recursive"]).code, 0);
        assert_eq!(bench.read(&format!("{got}/app-3.zip")), archive(3));
    }
    assert_eq!(bench.left_behind(), Vec::<String>::new());
    let removed = bench.run(&["rb", "s3://shop", "--force"]);
    assert_eq!((removed.code, removed.lines().len()), (0, 13), "{removed:?}");
}

#[test]
fn what_the_service_refuses_decides_the_exit_code() {
    let cloud = Cloud::with_bucket();
    let bench = &cloud.bench;
    bench.write("a.txt", b"a");
    let upload = bench.run(&["cp", "a.txt", "s3://none/"]);
    assert_eq!(upload.code, 1);
    let first = "upload failed: ./a.txt to s3://none/a.txt An error occurred (NoSuchBucket) when calling the PutObject operation: ";
    assert!(upload.err.starts_with(first), "{}", upload.err);
    assert!(upload.err.ends_with("to fix: check the name, or create it: deltaglider mb s3://none\n"), "{}", upload.err);
    assert_eq!(bench.run(&["ls", "s3://none"]).code, 254);
    assert_eq!(bench.run(&["rm", "s3://none/", "--recursive"]).code, 1);
    assert_eq!(bench.run(&["rb", "s3://none"]).code, 1);
    let missing = bench.run(&["cp", "s3://shop/nope", "."]);
    let expected =
        "fatal error: An error occurred (404) when calling the HeadObject operation: Key \"nope\" does not exist\n";
    assert_eq!((missing.code, missing.err.as_str()), (1, expected));
    assert_eq!(bench.run(&["cp", "a.txt", "s3:///x"]).code, 1);
    assert_eq!(bench.run(&["rm", "s3://"]).code, 1);
    bench.run(&["cp", "a.txt", "s3://shop/"]);
    let onto_itself = bench.run(&["cp", "s3://shop/a.txt", "s3://shop/a.txt"]);
    assert_eq!((onto_itself.code, onto_itself.out.as_str()), (1, ""));
    assert!(onto_itself.err.contains("(InvalidRequest) when calling the CopyObject operation"), "{}", onto_itself.err);
    let bucket = bench.run(&["cp", "s3://shop", "got"]);
    assert_eq!((bucket.code, bucket.out.as_str()), (0, ""));
    assert!(bucket.err.contains("--recursive"), "{}", bucket.err);
}

#[test]
fn without_credentials_transfers_fail_and_listings_say_253() {
    let cloud = Cloud::with_bucket();
    let bench = Bench::new().with("AWS_ENDPOINT_URL", &cloud.server.endpoint());
    bench.write("a.txt", b"a");
    let upload = bench.run(&["cp", "a.txt", "s3://shop/"]);
    assert_eq!(upload.code, 1);
    let first = "upload failed: ./a.txt to s3://shop/a.txt Unable to locate credentials\n";
    assert!(upload.err.starts_with(first), "{}", upload.err);
    assert_eq!(bench.run(&["ls", "s3://shop"]).code, 253);
}

#[test]
fn credentials_that_are_not_to_be_had_are_told_once_and_in_words() {
    let cloud = Cloud::with_bucket();
    // It refuses whoever asks it for a machine's credentials.
    let bench = Bench::new()
        .with("AWS_ENDPOINT_URL", &cloud.server.endpoint())
        .with("AWS_EC2_METADATA_SERVICE_ENDPOINT", &cloud.server.endpoint())
        .with("AWS_EC2_METADATA_DISABLED", "false");
    let listed = bench.run(&["ls", "s3://shop"]);
    assert_eq!(listed.code, 253);
    assert!(listed.err.starts_with("error: no credentials could be had"), "{}", listed.err);
    assert_eq!(listed.err.lines().count(), 1, "{}", listed.err);
}

#[test]
fn a_profile_that_is_nowhere_ends_every_command() {
    let cloud = Cloud::with_bucket();
    let bench = &cloud.bench;
    bench.write("a.txt", b"a");
    for line in [
        ["cp", "a.txt", "s3://shop/"].as_slice(),
        &["sync", ".", "s3://shop/"],
        &["ls", "s3://shop"],
        &["rm", "s3://shop/a"],
    ] {
        let refused = bench.run(&[line, &["--profile", "ghost"]].concat());
        assert_eq!((refused.code, refused.out.as_str()), (253, ""), "{line:?} {refused:?}");
        let said = "error: The config profile (ghost) could not be found\n";
        assert!(refused.err.starts_with(said), "{line:?} {}", refused.err);
    }
}

#[test]
fn listings_fold_and_name_buckets() {
    let cloud = Cloud::with_bucket();
    let bench = &cloud.bench;
    for name in ["p/a.txt", "p/sub/c.txt", "p2/x.txt", "pz.txt"] {
        bench.write(&format!("d/{name}"), b"four");
    }
    bench.run(&["cp", "d", "s3://shop", "--recursive"]);
    let listed = bench.run(&["ls", "shop/p"]).lines();
    assert_eq!(listed[..2], ["                           PRE p/", "                           PRE p2/"]);
    assert!(listed[2].ends_with("          4 pz.txt"), "{listed:?}");
    let buckets = bench.run(&["ls"]).lines();
    assert_eq!((buckets.len(), &buckets[0][19..]), (1, " shop"));
    assert_eq!(bench.run(&["ls", "s3://shop/p/", "--recursive"]).lines().len(), 2);
}
