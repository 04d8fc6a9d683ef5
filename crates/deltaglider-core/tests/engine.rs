//! The engine over a store in memory: what comes back, and what it costs in requests.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use deltaglider_core::engine::plan::WhyWhole;
use deltaglider_core::engine::{
    CopyRequest, DeleteRequest, Engine, EngineParts, GetRequest, Limits, LogicalEntry, LogicalListRequest, PutReport,
    PutRequest, ReferenceUse, Source, StoredForm, Verdict,
};
use deltaglider_core::policy::Policy;
use deltaglider_core::progress::silent;
use deltaglider_core::scratch::ScratchSpace;
use deltaglider_core::store::memory::MemoryStore;
use deltaglider_core::store::{
    Attributes, ByteRange, ETag, GetOptions, ListRequest, ObjectStore, PutBody, PutOptions, StoreErrorKind,
};
use deltaglider_core::{ContentDigest, Error, Location, Sha256};
use deltaglider_testkit::{CountingStore, Counts, MapCache};
use futures::{StreamExt, TryStreamExt};

/// An engine and what it stands on.
struct Bench {
    engine: Engine,
    store: CountingStore,
    cache: Arc<MapCache>,
}

impl Bench {
    fn new() -> Self {
        Self::with(Limits::default())
    }

    fn with(limits: Limits) -> Self {
        Self::over(CountingStore::new(Arc::new(MemoryStore::with_bucket("b"))), limits)
    }

    fn over(store: CountingStore, limits: Limits) -> Self {
        let cache = Arc::new(MapCache::default());
        let engine = Engine::new(EngineParts {
            store: Arc::new(store.clone()),
            cache: Arc::clone(&cache) as _,
            codecs: Vec::new(),
            writers: 1,
            policy: Policy::default(),
            limits,
            scratch: ScratchSpace::new(std::env::temp_dir(), 1 << 20),
        });
        Self { engine, store, cache }
    }

    /// Another client of the same store.
    fn other(&self) -> Self {
        Self::over(self.store.clone(), Limits::default())
    }

    async fn put(&self, key: &str, content: &[u8]) -> PutReport {
        let source = Source::Bytes(Bytes::copy_from_slice(content));
        self.engine.put(&at(key), source, &PutRequest::default()).await.expect("put")
    }

    async fn get(&self, key: &str) -> Result<Vec<u8>, Error> {
        let report = self.engine.get(&at(key), &GetRequest::default()).await?;
        Ok(report.body.try_collect::<Vec<_>>().await?.concat())
    }

    /// An object that somebody without DeltaGlider puts.
    async fn put_foreign(&self, key: &str, content: &[u8]) {
        let body = PutBody::Bytes(Bytes::copy_from_slice(content));
        self.store.put(&at(key), body, PutOptions::default()).await.expect("put");
    }

    async fn stored(&self) -> Vec<String> {
        let listed = self.store.list(ListRequest::below("b", "")).map_ok(|entry| entry.name().to_owned());
        listed.try_collect().await.expect("listed")
    }

    async fn list(&self, prefix: &str, fold: bool) -> Vec<String> {
        let request =
            LogicalListRequest { bucket: "b".into(), prefix: prefix.into(), fold, ..LogicalListRequest::default() };
        self.engine.list(request).map_ok(|entry| entry.name().to_owned()).try_collect().await.expect("listed")
    }
}

fn at(key: &str) -> Location {
    Location::new("b", key)
}

/// Bytes that do not compress, and later versions of them.
fn version(n: u8) -> Vec<u8> {
    let mut content = unrelated(0);
    for (position, byte) in content.iter_mut().skip(1000 * usize::from(n)).take(50).enumerate() {
        *byte = n.wrapping_add(position as u8);
    }
    content
}

/// Bytes that have nothing in common with those of another seed.
fn unrelated(seed: u8) -> Vec<u8> {
    (0u32..9000).flat_map(|block| Sha256::of(&[&[seed][..], &block.to_le_bytes()].concat()).0).collect()
}

fn counts(get: u64, head: u64, put: u64) -> Counts {
    Counts { get, head, put, ..Counts::default() }
}

#[tokio::test]
async fn five_versions_for_the_price_of_one() {
    let bench = Bench::new();
    for n in 0..5 {
        let report = bench.put(&format!("r/app-{n}.zip"), &version(n)).await;
        assert!(matches!(report.stored, StoredForm::Delta { .. }), "{report:?}");
        assert!(report.stored_size < 1000, "{report:?}");
        assert_eq!(report.e_tag, ETag::new(&ContentDigest::of(&version(n)).md5.to_string()));
        assert_eq!(report.reference, if n == 0 { ReferenceUse::Created } else { ReferenceUse::Cached });
    }
    for n in 0..5 {
        assert_eq!(bench.get(&format!("r/app-{n}.zip")).await.expect("got"), version(n));
    }
    assert_eq!(bench.list("", false).await, (0..5).map(|n| format!("r/app-{n}.zip")).collect::<Vec<_>>());
}

#[tokio::test]
async fn request_budgets_hold() {
    let bench = Bench::new();
    bench.put("r/1.zip", &version(1)).await;
    assert_eq!(bench.store.counts(), counts(1, 2, 2), "the first of a bucket: its configuration, too");
    bench.store.reset();
    bench.put("s/1.zip", &version(1)).await;
    assert_eq!(bench.store.counts(), counts(0, 2, 2), "the first of a space");
    bench.store.reset();
    bench.put("r/2.zip", &version(2)).await;
    assert_eq!(bench.store.counts(), counts(0, 2, 1), "the reference cached");
    bench.store.reset();
    let other = bench.other();
    other.put("t/1.zip", &unrelated(7)).await;
    bench.store.reset();
    other.put("r/3.zip", &version(3)).await;
    assert_eq!(bench.store.counts(), counts(1, 2, 1), "the reference to be fetched");
    bench.store.reset();
    bench.put("r/notes.txt", b"text").await;
    assert_eq!(bench.store.counts(), counts(0, 0, 1), "a name that can be no delta");
    bench.store.reset();
    bench.put("r/small.zip", b"PK").await;
    assert_eq!(bench.store.counts(), counts(0, 2, 1), "whole, though it could be a delta");
    bench.store.reset();
    bench.get("r/2.zip").await.expect("got");
    assert_eq!(bench.store.counts(), counts(1, 0, 0), "a delta, the reference cached");
    bench.store.reset();
    bench.other().get("r/2.zip").await.expect("got");
    assert_eq!(bench.store.counts(), counts(2, 0, 0), "a delta, cold");
    bench.store.reset();
    bench.get("r/notes.txt").await.expect("got");
    assert_eq!(bench.store.counts(), counts(1, 0, 0), "a whole object");
    bench.store.reset();
    bench.get("r/small.zip").await.expect("got");
    assert_eq!(bench.store.counts(), counts(2, 0, 0), "a whole object that could be a delta");
    bench.store.reset();
    bench.list("r/", false).await;
    assert_eq!(bench.store.counts(), Counts { list: 1, head: 4, ..Counts::default() }, "three deltas, one reference");
    bench.store.reset();
    bench.list("r/", false).await;
    assert_eq!(bench.store.counts(), Counts { list: 1, ..Counts::default() }, "listed again");
    bench.store.reset();
    bench.engine.delete(&at("r/2.zip")).await.expect("deleted");
    assert_eq!(bench.store.counts(), Counts { head: 1, delete: 2, list: 1, ..Counts::default() }, "one of several");
    bench.engine.delete(&at("r/1.zip")).await.expect("deleted");
    bench.store.reset();
    assert!(bench.engine.delete(&at("r/3.zip")).await.expect("deleted").reference_removed);
    let last = Counts { head: 2, delete: 4, list: 2, copy: 1, ..Counts::default() };
    assert_eq!(bench.store.counts(), last, "the last of a space");
    assert_eq!(bench.stored().await[..2], ["r/notes.txt", "r/small.zip"]);
}

#[tokio::test]
async fn attributes_survive_every_stored_form() {
    let bench = Bench::new();
    let attributes = Attributes {
        content_type: Some("application/x-thing".into()),
        cache_control: Some("no-cache".into()),
        content_disposition: Some("attachment".into()),
        content_encoding: Some("identity".into()),
        content_language: Some("de".into()),
        expires: Some("Wed, 21 Oct 2026 07:28:00 GMT".into()),
        website_redirect: None,
        metadata: [("colour".to_owned(), "red".to_owned()), ("note".to_owned(), "mine".to_owned())].into(),
    };
    let request = PutRequest { attributes: attributes.clone(), ..PutRequest::default() };
    for (key, content) in [("a.zip", version(1)), ("b.zip", version(2)), ("c.txt", version(3)), ("x.delta", version(4))]
    {
        let put = bench.engine.put(&at(key), content.into(), &request).await.expect("put");
        let head = bench.engine.head(&at(key)).await.expect("head");
        assert_eq!(head.attributes, attributes, "{key}");
        assert_eq!((&head.e_tag, head.sha256, &head.stored), (&put.e_tag, Some(put.sha256), &put.stored));
        let got = bench.engine.get(&at(key), &GetRequest::default()).await.expect("got");
        assert_eq!(got.head, head);
    }
}

#[tokio::test]
async fn what_gains_nothing_is_stored_whole() {
    let bench = Bench::new();
    bench.put("a.zip", &version(1)).await;
    let report = bench.put("b.zip", &unrelated(1)).await;
    assert_eq!((report.why_whole, report.stored_size), (Some(WhyWhole::Ratio), report.size));
    assert_eq!(bench.get("b.zip").await.expect("got"), unrelated(1));
    assert_eq!(bench.stored().await, ["a.zip.delta", "b.zip", "reference.bin"]);
}

#[tokio::test]
async fn the_newest_form_of_a_name_is_the_one_that_is_read() {
    let bench = Bench::new();
    bench.put("a.zip", &version(1)).await;
    bench.put("x.zip", &version(2)).await;
    bench.put("x.zip", &unrelated(2)).await;
    assert_eq!(bench.get("x.zip").await.expect("got"), unrelated(2));
    bench.put("x.zip", &version(3)).await;
    assert_eq!(bench.get("x.zip").await.expect("got"), version(3));
    bench.put("x.zip", b"tiny").await;
    assert_eq!(bench.get("x.zip").await.expect("got"), b"tiny");
    bench.put("x.zip", &version(4)).await;
    assert_eq!(bench.list("", false).await, ["a.zip", "x.zip"]);
    bench.engine.delete(&at("x.zip")).await.expect("deleted");
    assert!(bench.get("x.zip").await.expect_err("deleted").is_not_found());
    assert_eq!(bench.list("", false).await, ["a.zip"]);
}

#[tokio::test]
async fn internal_names_are_ordinary_keys() {
    let bench = Bench::new();
    bench.put("r/app.zip", &version(1)).await;
    let keys = ["r/reference.bin", "r/app.zip.delta", "r/.deltaglider/x", ".dg/y.zip", "r/x.delta.dgkey"];
    for key in keys {
        bench.put(key, key.as_bytes()).await;
    }
    bench.put(".dg/z.zip", &version(2)).await;
    for key in keys {
        assert_eq!(bench.get(key).await.expect("got"), key.as_bytes());
        assert_eq!(bench.engine.head(&at(key)).await.expect("head").size, key.len() as u64);
    }
    assert_eq!(bench.get("r/app.zip").await.expect("got"), version(1));
    let mut listed = bench.list("", false).await;
    listed.sort();
    let mut expected: Vec<_> = keys.iter().map(|key| (*key).to_owned()).collect();
    expected.extend(["r/app.zip".to_owned(), ".dg/z.zip".to_owned()]);
    expected.sort();
    assert_eq!(listed, expected);
    assert_eq!(bench.list("r/.deltaglider/", false).await, ["r/.deltaglider/x"]);
    for key in keys {
        bench.engine.delete(&at(key)).await.expect("deleted");
        assert!(bench.get(key).await.expect_err("deleted").is_not_found(), "{key}");
    }
    assert_eq!(bench.get("r/app.zip").await.expect("got"), version(1));
}

#[tokio::test]
async fn foreign_objects_are_read_listed_and_never_overwritten_by_internals() {
    let bench = Bench::new();
    let foreign = ["r/app.zip.delta", "r/other.txt", "r/reference.bin", "s/app.zip.delta"];
    for key in foreign {
        bench.put_foreign(key, key.as_bytes()).await;
    }
    assert_eq!(bench.put("r/app.zip", &version(1)).await.why_whole, Some(WhyWhole::ForeignReference));
    bench.put("s/one.zip", &version(1)).await;
    assert_eq!(bench.put("s/app.zip", &version(2)).await.why_whole, Some(WhyWhole::ForeignDelta));
    assert_eq!(bench.get("r/app.zip").await.expect("got"), version(1));
    assert_eq!(bench.get("s/app.zip").await.expect("got"), version(2));
    for key in foreign {
        assert_eq!(bench.get(key).await.expect("got"), key.as_bytes());
    }
    assert_eq!(bench.list("r/", false).await, ["r/app.zip", "r/app.zip.delta", "r/other.txt", "r/reference.bin"]);
    bench.engine.delete(&at("s/app.zip")).await.expect("deleted");
    assert_eq!(bench.get("s/app.zip.delta").await.expect("kept"), b"s/app.zip.delta");
    // The user's own object of that name replaces the foreign one for all who ask for it, and both go with it.
    bench.put("r/reference.bin", b"mine").await;
    assert_eq!(bench.get("r/reference.bin").await.expect("got"), b"mine");
    assert_eq!(bench.list("r/ref", false).await, ["r/reference.bin"]);
    bench.engine.delete(&at("r/reference.bin")).await.expect("deleted");
    assert!(bench.get("r/reference.bin").await.expect_err("deleted").is_not_found());
}

#[tokio::test]
async fn a_range_of_a_key_that_is_a_name_of_ours_is_of_nothing() {
    let bench = Bench::new();
    bench.put("r/app.zip", &version(1)).await;
    for range in [ByteRange::Bounded(0, 10), ByteRange::From(1 << 30)] {
        for key in ["r/reference.bin", "r/app.zip.delta"] {
            let request = GetRequest { range: Some(range), ..GetRequest::default() };
            let error = bench.engine.get(&at(key), &request).await.expect_err("nobody put it");
            assert!(error.is_not_found(), "{key} {range:?}: {error}");
        }
    }
}

#[tokio::test]
async fn odd_keys_and_contents() {
    let bench = Bench::new();
    let long = format!("{}/{}.zip", "d".repeat(500), "n".repeat(519));
    assert_eq!(long.len(), 1024);
    for key in ["../x.zip", "/x.zip", "a//b.zip", "größe ü.zip", "a/", " .zip", ".zip", long.as_str()] {
        for content in [version(1), version(2), Vec::new(), b"x".to_vec()] {
            bench.put(key, &content).await;
            assert_eq!(bench.get(key).await.expect("got"), content, "{key}");
        }
    }
    for key in [format!("{long}x"), String::new()] {
        let error = bench.engine.put(&at(&key), Source::from(vec![1]), &PutRequest::default()).await;
        assert!(matches!(error, Err(Error::Invalid(_))), "{error:?}");
    }
}

#[tokio::test]
async fn a_prefix_without_room_for_internal_keys_holds_no_deltas() {
    let bench = Bench::new();
    for (prefix, why) in [(924, None), (925, Some(WhyWhole::KeyTooLong)), (1010, Some(WhyWhole::KeyTooLong))] {
        let key = format!("{}/1.zip", "d".repeat(prefix - 1));
        assert_eq!(bench.put(&key, &version(1)).await.why_whole, why, "{prefix}");
        assert_eq!(bench.get(&key).await.expect("got"), version(1), "{prefix}");
    }
}

#[tokio::test]
async fn ranges_of_every_form() {
    let bench = Bench::new();
    bench.put("a.zip", &version(1)).await;
    bench.put("b.zip", &unrelated(1)).await;
    bench.put("c.txt", &version(1)).await;
    let ranges =
        [ByteRange::Bounded(10, 20), ByteRange::From(280_990), ByteRange::Last(7), ByteRange::Bounded(0, 1 << 30)];
    for (key, content) in [("a.zip", version(1)), ("b.zip", unrelated(1)), ("c.txt", version(1))] {
        for range in ranges {
            let request = GetRequest { range: Some(range), ..GetRequest::default() };
            let got = bench.engine.get(&at(key), &request).await.expect("got");
            let expected = range.resolve(content.len() as u64).expect("inside");
            assert_eq!(got.range, expected);
            assert_eq!(got.head.size, content.len() as u64);
            let bytes = got.body.try_collect::<Vec<_>>().await.expect("read").concat();
            assert_eq!(bytes, content[expected.start as usize..expected.end as usize], "{key} {range:?}");
        }
        let request = GetRequest { range: Some(ByteRange::From(1 << 30)), ..GetRequest::default() };
        let error = bench.engine.get(&at(key), &request).await.expect_err("past the end");
        assert!(matches!(error, Error::Store(error) if error.kind == StoreErrorKind::InvalidRange));
    }
}

#[tokio::test]
async fn sources_of_all_kinds() {
    let bench = Bench::new();
    bench.put("r/base.zip", &version(0)).await;
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str, content: &[u8]| {
        let path = directory.path().join(name);
        std::fs::write(&path, content).expect("written");
        path
    };
    let stream = |content: &[u8]| {
        let chunks: Vec<io::Result<Bytes>> =
            content.chunks(7777).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        Source::Stream(futures::stream::iter(chunks).boxed())
    };
    let large = [version(1), unrelated(9).repeat(32)].concat();
    for (name, content) in [("small", version(1)), ("large", large)] {
        let path = file(name, &content);
        for space in ["r".to_owned(), format!("fresh-{name}")] {
            for extension in ["zip", "txt"] {
                let sources = [
                    Source::File(path.clone()),
                    Source::OpenFile(std::fs::File::open(&path).expect("opened")),
                    stream(&content),
                ];
                for source in sources {
                    let key = format!("{space}/{name}.{extension}");
                    let report = bench.engine.put(&at(&key), source, &PutRequest::default()).await.expect("put");
                    assert_eq!(report.sha256, Sha256::of(&content));
                    assert_eq!(bench.get(&key).await.expect("got"), content);
                }
            }
        }
    }
    let broken = Source::Stream(futures::stream::iter([Err(io::Error::other("gone"))]).boxed());
    let missing = Source::File(directory.path().join("missing.zip"));
    for source in [broken, missing, Source::File(directory.path().to_owned())] {
        let error = bench.engine.put(&at("r/broken.zip"), source, &PutRequest::default()).await;
        assert!(matches!(error, Err(Error::Source(_))), "{error:?}");
        assert!(bench.get("r/broken.zip").await.expect_err("nothing").is_not_found());
    }
}

#[tokio::test]
async fn cache_trouble_is_never_the_users() {
    let bench = Bench::new();
    bench.put("a.zip", &version(1)).await;
    bench.cache.break_down();
    assert_eq!(bench.put("b.zip", &version(2)).await.reference, ReferenceUse::Fetched);
    assert_eq!(bench.get("b.zip").await.expect("got"), version(2));
}

#[tokio::test]
async fn what_does_not_fit_into_memory_is_stored_whole() {
    let bench = Bench::with(Limits { memory: 64 << 10, ..Limits::default() });
    assert_eq!(bench.put("a.zip", &version(1)).await.why_whole, Some(WhyWhole::Memory));
    assert_eq!(bench.get("a.zip").await.expect("got"), version(1));
}

#[tokio::test]
async fn a_lost_reference_is_a_named_error() {
    let bench = Bench::new();
    bench.put("a.zip", &version(1)).await;
    bench.put("b.zip", &version(2)).await;
    (&bench.store as &dyn ObjectStore).delete_one(&at("reference.bin"), None).await.expect("deleted");
    let cold = bench.other();
    assert!(matches!(cold.get("b.zip").await, Err(Error::ReferenceMissing { .. })));
    let verified = cold.engine.verify(&at("b.zip")).await.expect("verified");
    assert!(matches!(verified.verdict, Verdict::ReferenceMissing(_)));
    assert_eq!(bench.get("b.zip").await.expect("cached"), version(2));
}

#[tokio::test]
async fn damage_is_never_handed_over_as_whole() {
    let bench = Bench::new();
    bench.put("a.zip", &version(1)).await;
    bench.put("b.zip", &version(2)).await;
    bench.put("c.txt", &version(3)).await;
    for key in ["b.zip.delta", "c.txt"] {
        let object = bench.store.get(&at(key), GetOptions::default()).await.expect("got");
        let attributes = object.head.attributes.clone();
        let mut bytes = object.bytes(1 << 20).await.expect("read").to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        let options = PutOptions { attributes, ..PutOptions::default() };
        bench.store.put(&at(key), PutBody::Bytes(bytes.into()), options).await.expect("put");
    }
    for key in ["b.zip", "c.txt"] {
        let error = bench.get(key).await.expect_err("damaged");
        assert!(error.is_integrity(), "{error}");
        let verdict = bench.engine.verify(&at(key)).await.expect("verified").verdict;
        assert!(matches!(verdict, Verdict::Damaged(_)), "{verdict:?}");
        let file = tempfile::tempfile().expect("a file");
        assert!(bench.engine.download(&at(key), file, &silent()).await.is_err());
    }
    assert!(matches!(bench.engine.verify(&at("a.zip")).await.expect("verified").verdict, Verdict::Proven));
}

#[tokio::test]
async fn a_damaged_reference_makes_later_objects_whole() {
    let bench = Bench::new();
    bench.put("a.zip", &version(1)).await;
    let head = bench.store.head(&at("reference.bin")).await.expect("head");
    let options = PutOptions { attributes: head.attributes, ..PutOptions::default() };
    bench.store.put(&at("reference.bin"), PutBody::Bytes(unrelated(5).into()), options).await.expect("put");
    let cold = bench.other();
    assert_eq!(cold.put("b.zip", &version(2)).await.why_whole, Some(WhyWhole::DamagedReference));
    assert_eq!(cold.get("b.zip").await.expect("got"), version(2));
    assert!(cold.get("a.zip").await.expect_err("damaged").is_integrity());
}

#[tokio::test]
async fn copies_stay_small() {
    let bench = Bench::new();
    bench.put("r/a.zip", &version(1)).await;
    bench.put("r/b.zip", &version(2)).await;
    bench.put("s/a.zip", &version(1)).await;
    bench.put("r/n.txt", b"text").await;
    bench.put_foreign("f.zip", &version(3)).await;
    for (from, to, content, sent) in [
        ("r/b.zip", "r/c.zip", version(2), false),
        ("r/b.zip", "s/b.zip", version(2), false),
        ("r/n.txt", "t/n.txt", b"text".to_vec(), false),
        ("r/b.zip", "fresh/b.zip", version(2), true),
        ("f.zip", "r/f.zip", version(3), true),
        ("r/b.zip", "r/b.txt", version(2), true),
    ] {
        let report = bench.engine.copy(&at(from), &at(to), &CopyRequest::default()).await.expect("copied");
        assert_eq!(report.sent > 0, sent, "{from} {to}");
        assert_eq!(bench.get(to).await.expect("got"), content, "{from} {to}");
        assert_eq!(bench.engine.head(&at(to)).await.expect("head").e_tag, report.e_tag);
    }
    let replace = Attributes { content_type: Some("text/x".into()), ..Attributes::default() };
    let request = CopyRequest { replace: Some(replace.clone()), ..CopyRequest::default() };
    bench.engine.copy(&at("r/b.zip"), &at("r/d.zip"), &request).await.expect("copied");
    assert_eq!(bench.engine.head(&at("r/d.zip")).await.expect("head").attributes, replace);
    let missing = bench.engine.copy(&at("r/missing.zip"), &at("r/x.zip"), &CopyRequest::default()).await;
    assert!(missing.expect_err("missing").is_not_found());
}

#[tokio::test]
async fn an_estimate_stores_nothing() {
    let bench = Bench::new();
    let estimate = bench.engine.estimate(&at("r/1.zip"), version(1).into(), &PutRequest::default()).await;
    assert!(estimate.expect("estimated").becomes_reference);
    assert_eq!(bench.stored().await, Vec::<String>::new());
    bench.put("r/1.zip", &version(1)).await;
    let before = bench.stored().await;
    let estimate = bench.engine.estimate(&at("r/2.zip"), version(2).into(), &PutRequest::default()).await;
    let estimate = estimate.expect("estimated");
    assert_eq!(bench.stored().await, before);
    assert_eq!(bench.put("r/2.zip", &version(2)).await.stored_size, estimate.stored_size);
}

#[tokio::test]
async fn many_are_deleted_with_their_references() {
    let bench = Bench::new();
    for key in ["r/1.zip", "r/2.zip", "s/1.zip", "s/2.zip", "s/n.txt"] {
        bench.put(key, &version(1)).await;
    }
    let request = LogicalListRequest { bucket: "b".into(), prefix: "r/".into(), ..LogicalListRequest::default() };
    let listed: Vec<_> = bench.engine.list(request).try_collect().await.expect("listed");
    let known = listed.into_iter().filter_map(|entry| match entry {
        LogicalEntry::Object(object) => Some(DeleteRequest { at: at(&object.key), stored: Some(object.stored) }),
        LogicalEntry::Prefix(_) => None,
    });
    let unknown = [DeleteRequest::from(at("s/1.zip")), DeleteRequest::from(at("missing.zip"))];
    let requests: Vec<_> = known.chain(unknown).collect();
    let answers = bench.engine.delete_many(futures::stream::iter(requests).boxed());
    let mut deleted: Vec<_> = answers.try_collect().await.expect("deleted");
    deleted.sort();
    assert_eq!(deleted, [at("missing.zip"), at("r/1.zip"), at("r/2.zip"), at("s/1.zip")]);
    assert_eq!(bench.stored().await, ["s/2.zip.delta", "s/n.txt", "s/reference.bin"]);
    assert_eq!(bench.get("s/2.zip").await.expect("kept"), version(1));
}

#[tokio::test]
async fn listings_fold_page_and_go_on() {
    let bench = Bench::new();
    for key in ["a.zip", "a.zip-1", "b/1.zip", "b/c/2.zip", "z.txt", ".deltaglider/mine"] {
        bench.put(key, &version(1)).await;
    }
    assert_eq!(bench.list("", true).await, [".deltaglider/", "a.zip", "a.zip-1", "b/", "z.txt"]);
    assert_eq!(bench.list("b/", true).await, ["b/1.zip", "b/c/"]);
    let all = bench.list("", false).await;
    for after in &all {
        let request = LogicalListRequest {
            bucket: "b".into(),
            start_after: Some(after.clone()),
            page_size: Some(2),
            ..LogicalListRequest::default()
        };
        let rest: Vec<_> =
            bench.engine.list(request).map_ok(|entry| entry.name().to_owned()).try_collect().await.expect("listed");
        assert_eq!(rest, all.iter().filter(|key| *key > after).cloned().collect::<Vec<_>>(), "{after}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn first_writers_at_once_lose_nothing() {
    for _ in 0..10 {
        let bench = Bench::new();
        let writers = (0..8u8).map(|n| {
            let other = bench.other();
            tokio::spawn(async move { other.put(&format!("r/{n}.zip"), &version(n)).await })
        });
        for writer in futures::future::join_all(writers).await {
            writer.expect("put");
        }
        let cold = bench.other();
        for n in 0..8 {
            assert_eq!(cold.get(&format!("r/{n}.zip")).await.expect("got"), version(n));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn putting_while_the_last_is_deleted_loses_nothing() {
    for round in 0..50u8 {
        let bench = Bench::new();
        bench.put("r/old.zip", &version(0)).await;
        let (writer, deleter) = (bench.other(), bench.other());
        let put = tokio::spawn(async move {
            writer.put("r/new.zip", &version(round)).await;
        });
        let delete = tokio::spawn(async move {
            deleter.engine.delete(&at("r/old.zip")).await.expect("deleted");
        });
        put.await.expect("put");
        delete.await.expect("deleted");
        assert_eq!(bench.other().get("r/new.zip").await.expect("got"), version(round));
        assert!(bench.other().get("r/old.zip").await.expect_err("deleted").is_not_found());
    }
}

#[tokio::test]
async fn what_a_delta_cannot_keep_is_stored_whole() {
    let bench = Bench::new();
    let mut archived = PutRequest::default();
    archived.placement.storage_class = Some("DEEP_ARCHIVE".to_owned());
    let mut redirecting = PutRequest::default();
    redirecting.attributes.website_redirect = Some("/elsewhere".to_owned());
    for request in [archived, redirecting] {
        let report = bench.engine.put(&at("a.zip"), version(1).into(), &request).await.expect("put");
        assert_eq!(report.why_whole, Some(WhyWhole::Placement));
    }
    assert_eq!(bench.stored().await, ["a.zip"]);
}
