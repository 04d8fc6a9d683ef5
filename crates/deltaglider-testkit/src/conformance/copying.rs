//! `copy`.

use bytes::Bytes;
use deltaglider_core::store::{
    Attributes, CopyOptions, ETag, PutMode, PutOptions, PutReceipt, StoreError, StoreErrorKind,
};

use super::writing::all_attributes;
use super::{Subject, assert_fails};

async fn copy(subject: &Subject, from: &str, to: &str, options: CopyOptions) -> Result<PutReceipt, StoreError> {
    subject.store.copy(&subject.at(from), &subject.at(to), options).await
}

async fn source(subject: &Subject) {
    let options = PutOptions { attributes: all_attributes(), ..PutOptions::default() };
    subject.store.put(&subject.at("from"), Bytes::from_static(b"content").into(), options).await.expect("put");
}

fn other_attributes() -> Attributes {
    let metadata = [("other".to_owned(), "thing".to_owned())].into();
    Attributes { content_type: Some("text/plain".into()), metadata, ..Attributes::default() }
}

/// A copy has everything of its source, and replaces what was there.
pub async fn copy_carries_content_and_attributes(subject: Subject) {
    source(&subject).await;
    for round in 0..2 {
        let receipt = copy(&subject, "from", "to/ %41+", CopyOptions::default()).await.expect("copied");
        assert_eq!(subject.read("to/ %41+").await.as_deref(), Ok("content"), "{round}");
        let head = subject.head("to/ %41+").await;
        assert_eq!(head.e_tag, receipt.e_tag);
        let mut expected = all_attributes();
        // S3 does not copy the redirection.
        if head.attributes.website_redirect.is_none() {
            expected.website_redirect = None;
        }
        assert_eq!(head.attributes, expected);
        subject.put("to/ %41+", "something else").await;
    }
    assert_eq!(subject.read("from").await.as_deref(), Ok("content"));
}

/// Attributes can be others than the source's; then none of the source's are left.
pub async fn copy_can_replace_attributes(subject: Subject) {
    source(&subject).await;
    let options = CopyOptions { replace: Some(other_attributes()), ..CopyOptions::default() };
    copy(&subject, "from", "to", options).await.expect("copied");
    assert_eq!(subject.head("to").await.attributes, other_attributes());
    assert_eq!(subject.read("to").await.as_deref(), Ok("content"));
    assert_eq!(subject.head("from").await.attributes, all_attributes());
}

/// An object can be given other attributes where it is.
pub async fn copy_onto_itself_replaces_attributes(subject: Subject) {
    source(&subject).await;
    let options = CopyOptions { replace: Some(other_attributes()), ..CopyOptions::default() };
    copy(&subject, "from", "from", options).await.expect("copied");
    assert_eq!(subject.head("from").await.attributes, other_attributes());
    assert_eq!(subject.read("from").await.as_deref(), Ok("content"));
}

/// An absent source is `NotFound`, and makes nothing.
pub async fn copy_of_nothing_is_not_found(subject: Subject) {
    assert_fails(copy(&subject, "from", "to", CopyOptions::default()).await, StoreErrorKind::NotFound);
    subject.assert_absent("to").await;
}

/// A source that is not the one that was meant is not copied.
pub async fn copy_of_another_entity_tag_is_a_conflict(subject: Subject) {
    let old = subject.put("from", "old").await.e_tag;
    let new = subject.put("from", "the new one").await.e_tag;
    let options = |e_tag| CopyOptions { source_if_match: Some(e_tag), ..CopyOptions::default() };
    assert_fails(copy(&subject, "from", "to", options(old)).await, StoreErrorKind::Conflict);
    subject.assert_absent("to").await;
    copy(&subject, "from", "to", options(new)).await.expect("copied");
    assert_eq!(subject.read("to").await.as_deref(), Ok("the new one"));
}

/// `Create` and `Update` mean of a copy what they mean of a put.
pub async fn copy_keeps_the_conditions_of_its_mode(subject: Subject) {
    subject.put("from", "content").await;
    let options = |mode| CopyOptions { mode, ..CopyOptions::default() };
    let nothing = copy(&subject, "from", "to", options(PutMode::Update(ETag::new("0123")))).await;
    assert_fails(nothing, StoreErrorKind::NotFound);
    copy(&subject, "from", "to", options(PutMode::Create)).await.expect("created");
    let there = subject.put("to", "another").await.e_tag;
    assert_fails(copy(&subject, "from", "to", options(PutMode::Create)).await, StoreErrorKind::Conflict);
    let another = options(PutMode::Update(ETag::new("0123")));
    assert_fails(copy(&subject, "from", "to", another).await, StoreErrorKind::Conflict);
    assert_eq!(subject.read("to").await.as_deref(), Ok("another"));
    copy(&subject, "from", "to", options(PutMode::Update(there))).await.expect("updated");
    assert_eq!(subject.read("to").await.as_deref(), Ok("content"));
}
