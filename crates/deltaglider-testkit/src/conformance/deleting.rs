//! `delete`.

use std::collections::BTreeSet;

use deltaglider_core::store::{DeleteTarget, ETag, StoreErrorKind};
use futures::{StreamExt, TryStreamExt, stream};

use super::{Subject, assert_fails};

/// What was deleted is gone for everybody.
pub async fn delete_removes_at_once(subject: Subject) {
    subject.put("dir/a", "content").await;
    subject.put("dir/b", "content").await;
    subject.store.delete_one(&subject.at("dir/a"), None).await.expect("deleted");
    subject.assert_absent("dir/a").await;
    assert_eq!(subject.keys().await, ["dir/b"]);
    subject.store.delete_one(&subject.at("dir/b"), None).await.expect("deleted");
    assert!(subject.keys().await.is_empty());
    subject.put("dir/a", "again").await;
    assert_eq!(subject.keys().await, ["dir/a"]);
}

/// Deleting what is not there succeeds, and touches nothing beside it.
pub async fn delete_of_nothing_succeeds(subject: Subject) {
    subject.put("a/b", "content").await;
    for key in ["a", "a/", "a/b/", "a/b/c", "z"] {
        subject.store.delete_one(&subject.at(key), None).await.expect("nothing to do");
    }
    assert_eq!(subject.read("a/b").await.as_deref(), Ok("content"));
}

/// With a tag only that object goes.
pub async fn delete_with_a_tag_removes_only_that_object(subject: Subject) {
    let old = subject.put("a", "old").await.e_tag;
    let new = subject.put("a", "the new one").await.e_tag;
    let at = subject.at("a");
    assert_fails(subject.store.delete_one(&at, Some(old)).await, StoreErrorKind::Conflict);
    assert_eq!(subject.read("a").await.as_deref(), Ok("the new one"));
    subject.store.delete_one(&at, Some(new)).await.expect("deleted");
    subject.assert_absent("a").await;
}

/// With a tag there has to be something.
pub async fn delete_with_a_tag_fails_on_nothing(subject: Subject) {
    let answer = subject.store.delete_one(&subject.at("a"), Some(ETag::new("0123"))).await;
    let kind = answer.expect_err("nothing has that tag").kind;
    assert!(matches!(kind, StoreErrorKind::NotFound | StoreErrorKind::Conflict), "{kind:?}");
}

/// Many targets, with and without tags, there and not there: each has its answer.
pub async fn delete_answers_for_every_target(subject: Subject) {
    let keys: Vec<String> = (0..1200).map(|n| format!("many/{n}")).collect();
    subject.put_all(keys.iter().cloned()).await;
    let e_tag = subject.put("kept", "kept").await.e_tag;
    let tagged = subject.put("tagged", "other content").await.e_tag;
    let mut targets: Vec<DeleteTarget> = keys.iter().map(|key| subject.at(key).into()).collect();
    targets.insert(7, DeleteTarget { at: subject.at("tagged"), if_match: Some(tagged.clone()) });
    targets.insert(700, DeleteTarget { at: subject.at("kept"), if_match: Some(tagged) });
    targets.push(subject.at("absent").into());
    let answers: Vec<_> = subject.store.delete(stream::iter(targets).boxed()).collect().await;
    assert_eq!(answers.len(), 1203);
    let (done, failed): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    let [Err(error)] = failed.as_slice() else { panic!("one failure, not {failed:?}") };
    assert_eq!((error.kind, error.at.key()), (StoreErrorKind::Conflict, "kept"));
    let done: BTreeSet<String> = done.into_iter().map(|answer| answer.expect("done").key().to_owned()).collect();
    assert_eq!(done.len(), 1202);
    let left: Vec<_> = subject.store.list(subject.below("")).try_collect().await.expect("listed");
    assert_eq!(left.len(), 1);
    assert_eq!(subject.head("kept").await.e_tag, e_tag);
}
