//! `put` and its conditions.

use std::path::PathBuf;

use bytes::Bytes;
use deltaglider_core::Location;
use deltaglider_core::store::{
    Attributes, BodyStream, ETag, GetOptions, ListEntry, Operation, PutBody, PutMode, PutOptions, StoreError,
    StoreErrorKind,
};
use futures::channel::oneshot;
use futures::future::{self, Either};
use futures::{StreamExt, stream};

use super::{Subject, assert_fails};

/// Attributes with a value for everything.
pub(super) fn all_attributes() -> Attributes {
    let text = |text: &str| Some(text.to_owned());
    Attributes {
        content_type: text("application/zip"),
        cache_control: text("max-age=60, no-transform"),
        content_disposition: text("attachment; filename=\"a b.zip\""),
        content_encoding: text("identity"),
        content_language: text("de, en"),
        expires: text("Wed, 21 Oct 2026 07:28:00 GMT"),
        website_redirect: text("/elsewhere"),
        metadata: [("a-name", "a value = with, signs/\"%41"), ("dg-number", "42")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    }
}

/// The new object has nothing of the old one.
pub async fn put_replaces_content_and_attributes(subject: Subject) {
    let at = subject.at("a");
    let options = PutOptions { attributes: all_attributes(), ..PutOptions::default() };
    let old = subject.store.put(&at, Bytes::from_static(b"long old content").into(), options).await.expect("put");
    let new = subject.put("a", "new").await;
    assert_ne!(old.e_tag, new.e_tag);
    assert_eq!(subject.read("a").await.as_deref(), Ok("new"));
    let head = subject.head("a").await;
    assert_eq!((head.size, head.e_tag), (3, new.e_tag));
    assert!(head.attributes.metadata.is_empty() && head.attributes.cache_control.is_none());
}

/// Every header and all metadata come back as they went.
pub async fn all_attributes_come_back(subject: Subject) {
    let options = PutOptions { attributes: all_attributes(), ..PutOptions::default() };
    subject.store.put(&subject.at("a"), Bytes::from_static(b"content").into(), options).await.expect("put");
    assert_eq!(subject.head("a").await.attributes, all_attributes());
    let object = subject.store.get(&subject.at("a"), GetOptions::default()).await.expect("get");
    assert_eq!(object.head.attributes, all_attributes());
}

/// Every form of body is stored, streams with and without a length.
pub async fn bodies_come_from_memory_files_and_streams(subject: Subject) {
    let content = Bytes::from("content ".repeat(50_000));
    let file = TemporaryFile::with(&content);
    let pieces = |size| {
        let pieces: Vec<_> = content.chunks(70_001).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        PutBody::Stream { size, stream: stream::iter(pieces).boxed() }
    };
    let length = content.len() as u64;
    for (name, body) in [
        ("memory", PutBody::Bytes(content.clone())),
        ("file", PutBody::File(file.0.clone())),
        ("stream", pieces(None)),
        ("sized stream", pieces(Some(length))),
        ("empty stream", PutBody::Stream { size: None, stream: stream::empty().boxed() }),
    ] {
        subject.store.put(&subject.at(name), body, PutOptions::default()).await.expect(name);
        let expected = if name == "empty stream" { 0 } else { content.len() };
        assert!(subject.read(name).await.expect(name).as_bytes() == &content[..expected], "{name}");
    }
    let body = PutBody::File(file.0.join("nothing"));
    subject.store.put(&subject.at("missing"), body, PutOptions::default()).await.expect_err("no such file");
    subject.assert_absent("missing").await;
}

/// A body that ends in an error makes no object.
pub async fn a_broken_body_leaves_nothing(subject: Subject) {
    for pieces in [0, 1, 40] {
        subject
            .store
            .put(&subject.at("a"), broken_body(pieces, None), PutOptions::default())
            .await
            .expect_err("broken");
        subject.assert_absent("a").await;
    }
    assert!(subject.keys().await.is_empty());
}

/// A body that ends in an error does not touch the object that it was to replace.
pub async fn a_broken_body_leaves_the_old_object(subject: Subject) {
    let old = subject.put("a", "old").await;
    for mode in [PutMode::Overwrite, PutMode::Update(old.e_tag.clone())] {
        let options = PutOptions { mode, attributes: all_attributes(), ..PutOptions::default() };
        let body = broken_body(3, Some(10_000_000));
        subject.store.put(&subject.at("a"), body, options).await.expect_err("broken");
        assert_eq!(subject.read("a").await.as_deref(), Ok("old"));
        assert_eq!(subject.head("a").await.e_tag, old.e_tag);
    }
}

/// A body shorter than it was said to be makes no object.
pub async fn a_short_body_leaves_nothing(subject: Subject) {
    let stream = stream::iter([Ok(Bytes::from_static(b"0123456789"))]).boxed();
    let body = PutBody::Stream { size: Some(11), stream };
    subject.store.put(&subject.at("a"), body, PutOptions::default()).await.expect_err("a byte is missing");
    subject.assert_absent("a").await;
}

/// A put whose future is dropped makes no object, and does not touch the old one.
pub async fn a_dropped_put_leaves_nothing(subject: Subject) {
    subject.put("old", "old").await;
    for key in ["new", "old"] {
        let (reached, waiting) = oneshot::channel();
        let first = stream::iter([Ok(Bytes::from("content ".repeat(100_000)))]);
        let end = stream::once(async move {
            // Nobody listens any more only if the put was dropped already.
            let _ = reached.send(());
            future::pending().await
        });
        let body = PutBody::Stream { size: None, stream: first.chain(end).boxed() };
        let at = subject.at(key);
        let put = subject.store.put(&at, body, PutOptions::default());
        match future::select(put, waiting).await {
            Either::Left(_) => panic!("a put without the end of its body came to an end"),
            Either::Right((reached, put)) => {
                reached.expect("the body was read");
                drop(put);
            }
        }
    }
    subject.assert_absent("new").await;
    assert_eq!(subject.read("old").await.as_deref(), Ok("old"));
    assert_eq!(subject.keys().await, ["old"]);
}

/// A bucket is not made by putting into it.
pub async fn put_into_no_bucket_is_no_such_bucket(subject: Subject) {
    let at = Location::new("a-bucket-that-nobody-made", "a");
    let body = Bytes::from_static(b"content").into();
    assert_fails(subject.store.put(&at, body, PutOptions::default()).await, StoreErrorKind::NoSuchBucket);
}

/// `Create` makes, and never replaces.
pub async fn create_refuses_what_is_there(subject: Subject) {
    let first = subject.put_with("a", "first", PutMode::Create).await.expect("created");
    assert_fails(subject.put_with("a", "second", PutMode::Create).await, StoreErrorKind::Conflict);
    assert_fails(subject.put_with("a", "first", PutMode::Create).await, StoreErrorKind::Conflict);
    assert_eq!(subject.read("a").await.as_deref(), Ok("first"));
    assert_eq!(subject.head("a").await.e_tag, first.e_tag);
    subject.store.delete_one(&subject.at("a"), None).await.expect("deleted");
    subject.put_with("a", "third", PutMode::Create).await.expect("created again");
}

/// Of sixteen creators one wins; the object is the winner's.
pub async fn create_has_exactly_one_winner(subject: Subject) {
    for round in 0..4 {
        let key = format!("deep/er/{round}");
        let outcomes = race(&subject, &key, &PutMode::Create).await;
        one_winner(&subject, &key, outcomes).await;
    }
}

/// `Update` replaces what has the tag, refuses what has another, and makes nothing.
pub async fn update_replaces_only_what_has_the_tag(subject: Subject) {
    let none = subject.put_with("a", "x", PutMode::Update(ETag::new("0123"))).await;
    assert_fails(none, StoreErrorKind::NotFound);
    subject.assert_absent("a").await;
    let first = subject.put("a", "first").await.e_tag;
    let second = subject.put_with("a", "second", PutMode::Update(first.clone())).await.expect("updated").e_tag;
    assert_fails(subject.put_with("a", "third", PutMode::Update(first)).await, StoreErrorKind::Conflict);
    assert_eq!(subject.read("a").await.as_deref(), Ok("second"));
    assert_eq!(subject.head("a").await.e_tag, second);
}

/// Of sixteen writers who replace the same object one wins.
pub async fn update_has_exactly_one_winner(subject: Subject) {
    let e_tag = subject.put("a", "the old object").await.e_tag;
    let outcomes = race(&subject, "a", &PutMode::Update(e_tag)).await;
    one_winner(&subject, "a", outcomes).await;
}

/// While an object is replaced over and over, every reader gets content and metadata of one put.
pub async fn readers_see_the_old_object_or_the_new_one(subject: Subject) {
    let write = |n: usize| {
        let (store, at) = (subject.store.clone(), subject.at("dir/a"));
        async move {
            let attributes = Attributes { metadata: [("n".into(), n.to_string())].into(), ..Attributes::default() };
            let options = PutOptions { attributes, ..PutOptions::default() };
            store.put(&at, Bytes::from(n.to_string().repeat(1000 + n)).into(), options).await.expect("put");
        }
    };
    write(0).await;
    let writers = async {
        for n in 1..40 {
            write(n).await;
        }
    };
    let readers = async {
        for _ in 0..60 {
            let object = subject.store.get(&subject.at("dir/a"), GetOptions::default()).await.expect("get");
            let n = object.head.attributes.metadata["n"].clone();
            let expected = n.repeat(1000 + n.parse::<usize>().expect("a number"));
            assert_eq!(object.head.size, expected.len() as u64);
            assert!(object.bytes(1_000_000).await.is_ok_and(|body| body == expected), "the body is not that of {n}");
        }
    };
    future::join(writers, readers).await;
}

/// Nobody has to wait for what was put, replaced or deleted.
pub async fn what_was_put_is_there_at_once(subject: Subject) {
    for n in 0..10 {
        let content = n.to_string().repeat(n + 1);
        let receipt = subject.put("dir/a", &content).await;
        assert_eq!(subject.read("dir/a").await, Ok(content));
        assert_eq!(subject.head("dir/a").await.e_tag, receipt.e_tag);
        let entries = subject.entries(subject.below("dir/")).await;
        assert!(matches!(entries.as_slice(), [ListEntry::Object(object)] if object.e_tag == receipt.e_tag));
    }
}

type Outcomes = Vec<(String, Result<ETag, StoreErrorKind>)>;

/// Sixteen writers of different contents at once.
async fn race(subject: &Subject, key: &str, mode: &PutMode) -> Outcomes {
    let writers: Vec<_> = (0..16)
        .map(|n| {
            let (store, at) = (subject.store.clone(), subject.at(key));
            let options = PutOptions { mode: mode.clone(), ..PutOptions::default() };
            let content = format!("writer {n}").repeat(n + 1);
            tokio::spawn(async move {
                let receipt = store.put(&at, Bytes::from(content.clone()).into(), options).await;
                (content, receipt.map(|receipt| receipt.e_tag).map_err(|error| error.kind))
            })
        })
        .collect();
    future::join_all(writers).await.into_iter().map(|writer| writer.expect("joined")).collect()
}

async fn one_winner(subject: &Subject, key: &str, outcomes: Outcomes) {
    let mut winners = outcomes.iter().filter(|(_, outcome)| outcome.is_ok());
    let (content, e_tag) = winners.next().expect("a winner");
    assert!(winners.next().is_none(), "two winners: {outcomes:?}");
    let losers = outcomes.iter().filter(|(_, outcome)| *outcome == Err(StoreErrorKind::Conflict)).count();
    assert_eq!(losers, 15, "{outcomes:?}");
    assert_eq!(subject.read(key).await.as_ref(), Ok(content));
    assert_eq!(Ok(subject.head(key).await.e_tag), *e_tag);
}

/// So many pieces of 100 000 bytes, then an error.
fn broken_body(pieces: usize, size: Option<u64>) -> PutBody {
    let at = Location::new("elsewhere", "source");
    let error = StoreError::new(Operation::Get, &at, StoreErrorKind::Transient, "the source broke");
    let pieces = stream::iter(0..pieces).map(|_| Ok(Bytes::from(vec![7; 100_000])));
    let stream: BodyStream = pieces.chain(stream::iter([Err(error)])).boxed();
    PutBody::Stream { size, stream }
}

/// A file that goes when it is dropped.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn with(content: &[u8]) -> Self {
        let unique = format!("{}-{:?}", std::process::id(), std::thread::current().id());
        let path = std::env::temp_dir().join(format!("deltaglider-conformance-{unique}"));
        std::fs::write(&path, content).expect("a temporary file");
        Self(path)
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // What cannot be removed is left to the system.
        let _ = std::fs::remove_file(&self.0);
    }
}
