//! Deltas that xdelta3 made, and such that it reads.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use deltaglider::config::Codec;
use deltaglider::core::Location;
use deltaglider::core::digest::Sha256;
use deltaglider::core::engine::repair::{Action, Problem, RepairRequest};
use deltaglider::core::engine::{Depth, Verdict};
use deltaglider::core::store::{Attributes, GetOptions, ObjectStore as _, PutBody, PutOptions};

use futures::TryStreamExt;

use crate::fixture::{BUCKET, Fixture, archive, get, put};

/// A file that xdelta3 made, or made a delta of.
fn vector(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deltaglider-codec/tests/vectors/vcdiff");
    std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Stores a reference and a delta as the earlier tool did.
async fn store(fixture: &Fixture, reference: &[u8], delta: &[u8], target: &[u8]) {
    let put = async |key: &str, bytes: &[u8], metadata: BTreeMap<String, String>| {
        let options = PutOptions { attributes: Attributes { metadata, ..Default::default() }, ..Default::default() };
        let body = PutBody::Bytes(bytes.to_vec().into());
        fixture.store.put(&Location::new(BUCKET, key), body, options).await.expect("stored");
    };
    let fields = |bytes: &[u8], more: &[(&str, String)]| {
        let tool = ("dg-tool", "deltaglider/6.2.0".to_owned());
        let digest = ("dg-file-sha256", Sha256::of(bytes).to_string());
        let created = ("dg-created-at", "2026-11-22T21:17:50.719829Z".to_owned());
        let all = [tool, digest, created].into_iter().chain(more.iter().cloned());
        all.map(|(name, value)| (name.to_owned(), value)).collect()
    };
    put("app/reference.bin", reference, fields(reference, &[("dg-note", "reference".into())])).await;
    let more = [
        ("dg-original-name", "v2.zip".to_owned()),
        ("dg-file-size", target.len().to_string()),
        ("dg-ref-key", "app/reference.bin".to_owned()),
        ("dg-ref-sha256", Sha256::of(reference).to_string()),
        ("dg-delta-size", delta.len().to_string()),
        ("dg-delta-cmd", "xdelta3 -e -9 -s reference.bin v2.zip v2.zip.delta".to_owned()),
    ];
    put("app/v2.zip.delta", delta, fields(target, &more)).await;
}

#[tokio::test]
async fn what_an_earlier_tool_wrote_is_read() {
    for (delta, reference, target) in [
        ("lzma", "plain.reference", "plain.target"),
        ("windows", "plain.reference", "plain.target"),
        ("djw", "plain.reference", "plain.target"),
        ("gzip", "gzip.reference", "gzip.target"),
        ("gzip-9", "gzip.reference", "gzip-9.target"),
        ("gzip-same", "gzip.reference", "gzip.reference"),
        ("bzip2", "bzip2.reference", "bzip2.target"),
        ("xz", "xz.reference", "xz.target"),
    ] {
        let fixture = Fixture::new();
        let target = vector(target);
        store(&fixture, &vector(reference), &vector(&format!("{delta}.delta")), &target).await;
        assert!(get(&fixture.client().await, "app/v2.zip").await == target, "{delta}");
    }
}

#[tokio::test]
async fn what_cannot_be_packed_again_says_why() {
    let (reference, delta) = (vector("gzip.reference"), vector("gzip.delta"));
    // Another time in the header: the same length, and another digest.
    let mut timed = vector("gzip.target");
    timed[4] ^= 1;
    for (delta, target) in [(delta, timed), (vector("gzip-named.delta"), vector("gzip-named.target"))] {
        let fixture = Fixture::new();
        store(&fixture, &reference, &delta, &target).await;
        let client = fixture.client().await;
        let error = client.get_object().bucket(BUCKET).key("app/v2.zip").send().await.expect_err("other bytes");
        let mut told = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            told.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        assert!(told.contains("cannot be packed again") && told.contains("`gzip`"), "{told}");
    }
}

#[tokio::test]
async fn what_cannot_be_packed_again_is_told_before_anybody_needs_it() {
    let fixture = Fixture::new();
    store(&fixture, &vector("gzip.reference"), &vector("gzip-named.delta"), &vector("gzip-named.target")).await;
    let place = fixture.client().await.place(&format!("s3://{BUCKET}")).expect("a place");
    let before = fixture.store.counts().put;
    for (depth, told) in [(Depth::Quick, 0), (Depth::Full, 1)] {
        let request = RepairRequest { prefix: place.at.clone(), depth, now: SystemTime::now() };
        let findings: Vec<_> = place.engine.repair_plan(request).try_collect().await.expect("planned");
        assert_eq!(findings.len(), told, "{findings:?}");
        for finding in findings {
            assert_eq!((finding.problem, &finding.action), (Problem::NotRepacked, &Action::None));
            assert!(finding.detail.contains("`xdelta3 -d -R` gives"), "{}", finding.detail);
            assert!(finding.lost.is_some());
        }
    }
    let verified =
        place.engine.verify_stored(&Location::new(BUCKET, "app/v2.zip"), Depth::Full).await.expect("verified");
    assert!(matches!(verified.verdict, Verdict::Damaged(_)), "{verified:?}");
    assert_eq!(fixture.store.counts().put, before);
}

#[tokio::test]
async fn deltas_for_earlier_clients_are_written_and_read_by_all() {
    let fixture = Fixture::new();
    let writer = fixture.builder().codec(Codec::Vcdiff).build().await.expect("a client");
    for version in 1..4 {
        assert_eq!(put(&writer, &format!("app/v{version}.zip"), version).await.kind, "delta");
    }
    let at = Location::new(BUCKET, "app/v2.zip.delta");
    let stored = fixture.store.get(&at, GetOptions::default()).await.expect("got");
    assert_eq!(stored.head.attributes.metadata["dg-codec"], "vcdiff");
    assert!(stored.head.size < 200, "{}", stored.head.size);
    for codec in [Codec::Dgd1, Codec::Zstd, Codec::Vcdiff] {
        let reader = fixture.builder().codec(codec).build().await.expect("a client");
        for version in 1..4 {
            assert!(get(&reader, &format!("app/v{version}.zip")).await == archive(version));
        }
    }
}
