//! `get` and `head`.

use bytes::Bytes;
use deltaglider_core::Location;
use deltaglider_core::store::{
    Attributes, ByteRange, ETag, GetOptions, ListEntry, PutOptions, StoreError, StoreErrorKind,
};
use futures::StreamExt;

use super::{Subject, assert_fails};

/// Head and body come together, and belong together.
pub async fn get_answers_head_and_body_together(subject: Subject) {
    let attributes = Attributes { metadata: [("name".into(), "value".into())].into(), ..Attributes::default() };
    let options = PutOptions { attributes: attributes.clone(), ..PutOptions::default() };
    let at = subject.at("dir/a.zip");
    let receipt = subject.store.put(&at, Bytes::from_static(b"content").into(), options).await.expect("put");
    let object = subject.store.get(&at, GetOptions::default()).await.expect("get");
    assert_eq!(object.head.size, 7);
    assert_eq!(object.head.e_tag, receipt.e_tag);
    assert_eq!(object.head.attributes.metadata, attributes.metadata);
    assert_eq!(object.range, 0..7);
    assert_eq!(object.bytes(7).await.expect("body"), "content");
}

/// What a store says of an object does not depend on who asks.
pub async fn get_and_head_and_list_agree(subject: Subject) {
    subject.put("a", "content").await;
    let head = subject.head("a").await;
    let object = subject.store.get(&subject.at("a"), GetOptions::default()).await.expect("get");
    assert_eq!(object.head, head);
    let entries = subject.entries(subject.below("")).await;
    let [ListEntry::Object(listed)] = entries.as_slice() else { panic!("one object, not {entries:?}") };
    assert_eq!((listed.key.as_str(), listed.size, &listed.e_tag), ("a", head.size, &head.e_tag));
}

/// A tag that the object has not is refused; its own is not.
pub async fn get_with_another_entity_tag_is_a_conflict(subject: Subject) {
    let old = subject.put("a", "old").await.e_tag;
    let new = subject.put("a", "new content").await.e_tag;
    let get = |e_tag: ETag| {
        let options = GetOptions { if_match: Some(e_tag), range: None };
        let (store, at) = (subject.store.clone(), subject.at("a"));
        async move { store.get(&at, options).await }
    };
    assert_fails(get(old).await, StoreErrorKind::Conflict);
    assert_eq!(get(new).await.expect("get").bytes(100).await.expect("body"), "new content");
}

/// An absent object is `NotFound`, with a condition as well.
pub async fn get_of_nothing_is_not_found(subject: Subject) {
    subject.put("a/b", "beside").await;
    for key in ["a", "a/", "a/b/c", "b"] {
        subject.assert_absent(key).await;
        let options = GetOptions { if_match: Some(ETag::new("0123")), range: Some(ByteRange::From(1)) };
        assert_fails(subject.store.get(&subject.at(key), options).await, StoreErrorKind::NotFound);
    }
}

/// An absent bucket is not an absent object.
pub async fn get_from_no_bucket_is_no_such_bucket(subject: Subject) {
    let at = Location::new("a-bucket-that-nobody-made", "a");
    assert_fails(subject.store.get(&at, GetOptions::default()).await, StoreErrorKind::NoSuchBucket);
}

/// A range holds what there is of it.
pub async fn ranges_are_cut_at_the_end(subject: Subject) {
    subject.put("a", "0123456789").await;
    for (range, expected) in [
        (ByteRange::Bounded(0, 1), "0"),
        (ByteRange::Bounded(2, 5), "234"),
        (ByteRange::Bounded(0, 10), "0123456789"),
        (ByteRange::Bounded(8, 500), "89"),
        (ByteRange::From(0), "0123456789"),
        (ByteRange::From(9), "9"),
        (ByteRange::Last(3), "789"),
        (ByteRange::Last(500), "0123456789"),
    ] {
        let options = GetOptions { range: Some(range), if_match: None };
        let object = subject.store.get(&subject.at("a"), options).await.expect("get");
        assert_eq!(object.head.size, 10, "{range:?}: the size is the whole object's");
        assert_eq!(object.range.end - object.range.start, expected.len() as u64, "{range:?}");
        assert_eq!(object.bytes(10).await.expect("body"), expected, "{range:?}");
    }
}

/// A range that begins past the end is an error of its own.
pub async fn ranges_past_the_end_are_invalid(subject: Subject) {
    subject.put("a", "0123456789").await;
    for range in [ByteRange::From(10), ByteRange::Bounded(10, 11), ByteRange::Bounded(500, 600)] {
        let options = GetOptions { range: Some(range), if_match: None };
        assert_fails(subject.store.get(&subject.at("a"), options).await, StoreErrorKind::InvalidRange);
    }
}

/// Nothing is a content like any other.
pub async fn an_empty_object_is_an_object(subject: Subject) {
    subject.put("empty", "").await;
    assert_eq!(subject.head("empty").await.size, 0);
    assert_eq!(subject.read("empty").await.as_deref(), Ok(""));
    assert_eq!(subject.keys().await, ["empty"]);
    let options = GetOptions { range: Some(ByteRange::From(0)), if_match: None };
    assert_fails(subject.store.get(&subject.at("empty"), options).await, StoreErrorKind::InvalidRange);
}

/// A body whose object is replaced and deleted meanwhile is the old content, or ends in an error.
pub async fn a_body_is_of_one_object(subject: Subject) {
    let old = "old content ".repeat(400_000);
    subject.put("a", &old).await;
    let object = subject.store.get(&subject.at("a"), GetOptions::default()).await.expect("get");
    let mut body = object.body;
    let mut read = body.next().await.expect("a first piece").expect("read").to_vec();
    subject.put("a", &"something else".repeat(400_000)).await;
    subject.store.delete_one(&subject.at("a"), None).await.expect("deleted");
    let rest: Result<(), StoreError> = async {
        while let Some(chunk) = body.next().await {
            read.extend_from_slice(&chunk?);
        }
        Ok(())
    }
    .await;
    assert!(old.as_bytes().starts_with(&read), "another object's bytes were read");
    assert!(rest.is_err() || read.len() == old.len(), "the body ended early without an error");
}

/// Contents larger than any buffer come back as they went.
pub async fn bodies_arrive_whole(subject: Subject) {
    let content: Bytes = (0..3_000_001_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    subject.store.put(&subject.at("a"), content.clone().into(), PutOptions::default()).await.expect("put");
    let get = |range| {
        let (store, at) = (subject.store.clone(), subject.at("a"));
        async move {
            let object = store.get(&at, GetOptions { range, if_match: None }).await.expect("get");
            object.bytes(u64::MAX).await.expect("body")
        }
    };
    assert!(get(None).await == content);
    assert!(get(Some(ByteRange::Bounded(262_143, 2_000_000))).await == content.slice(262_143..2_000_000));
}
