//! Beside clients that know no protocol: what they can break, and what they cannot.

use bytes::Bytes;
use deltaglider_core::store::{CopyOptions, ListEntry, ListRequest, ObjectStore, PutOptions};
use deltaglider_testkit::interleavings::{Claim, Client, Outcome, Scenario};
use futures::TryStreamExt;

use super::clients::{delete, get, put};
use super::scenarios::{at, breaks, holds, other, scenario, stored, version};

const A: &str = "p/a.zip";
const B: &str = "p/b.zip";

fn names(name: &str) -> Vec<String> {
    vec![name.to_owned()]
}

/// Puts an object by its stored key.
fn puts(key: &'static str, name: &str, content: Bytes) -> Client {
    let claim = Claim::Foreign { names: names(name), content: Some(content.clone()) };
    Client::new(format!("foreign: put {key}"), vec![claim], move |store, diary| {
        let content = content.clone();
        async move {
            // Whatever comes of it.
            let _ = store.put(&at(key), content.into(), PutOptions::default()).await;
            diary.note(Outcome::Declined("done".into()));
        }
    })
}

/// Deletes a stored key.
fn deletes(key: &'static str, name: &str) -> Client {
    let claim = Claim::Foreign { names: names(name), content: None };
    Client::new(format!("foreign: delete {key}"), vec![claim], move |store, diary| async move {
        let _ = store.delete_one(&at(key), None).await;
        diary.note(Outcome::Declined("done".into()));
    })
}

/// The stored keys of the space.
async fn keys(store: &dyn ObjectStore) -> Vec<String> {
    let listed: Result<Vec<ListEntry>, _> = store.list(ListRequest::below("b", "p/")).try_collect().await;
    listed.unwrap_or_default().iter().map(|entry| entry.name().to_owned()).collect()
}

/// `aws s3 rm --recursive`.
fn deletes_all() -> Client {
    let claim = Claim::Foreign { names: vec![A.into(), B.into()], content: None };
    Client::new("foreign: delete each key", vec![claim], |store, diary| async move {
        for key in keys(&*store).await {
            let _ = store.delete_one(&at(&key), None).await;
        }
        diary.note(Outcome::Declined("done".into()));
    })
}

/// `aws s3 cp --recursive` within the bucket.
fn copies_all(name: &str, content: Bytes) -> Client {
    let claim = Claim::Foreign { names: names(name), content: Some(content) };
    Client::new("foreign: copy each key", vec![claim], |store, diary| async move {
        for key in keys(&*store).await {
            let _ = store.copy(&at(&key), &at(&format!("q/{}", &key[2..])), CopyOptions::default()).await;
        }
        diary.note(Outcome::Declined("done".into()));
    })
}

#[test]
fn objects_of_others_are_safe_from_it() {
    let at_first = || stored(&[(A, version(1))]);
    for foreign in
        [puts(A, A, version(5)), deletes("p/a.zip.delta", A), deletes(A, A), puts("p/c.txt", "p/c.txt", other(1))]
    {
        for own in [put(B, version(2)), put(A, version(2)), put(A, other(2)), delete(A), get(A)] {
            let clients = vec![foreign.clone(), own.clone()];
            holds(&format!("{foreign:?} | {own:?}"), scenario(&[A, B], at_first(), clients));
        }
    }
}

#[test]
fn who_deletes_a_reference_deletes_what_needs_it() {
    let at_first = || stored(&[(A, version(1))]);
    let clients = || vec![deletes("p/reference.bin", "p/none"), put(B, version(2))];
    breaks("a reference is deleted", scenario(&[A, B], at_first(), clients()));
    let told = Scenario { missing_is_told: true, ..scenario(&[A, B], at_first(), clients()) };
    holds("a reference is deleted, and that is told", told);
    let clients = || vec![deletes_all(), put(B, version(2))];
    breaks("all keys are deleted", scenario(&[A, B], at_first(), clients()));
    let told = Scenario { missing_is_told: true, ..scenario(&[A, B], at_first(), clients()) };
    holds("all keys are deleted, and that is told", told);
}

#[test]
fn who_overwrites_a_reference_is_found_out() {
    let at_first = || stored(&[(A, version(1))]);
    for own in [put(B, version(2)), delete(A), get(A)] {
        let clients = vec![puts("p/reference.bin", "p/none", version(7)), own.clone()];
        let told = Scenario { missing_is_told: true, ..scenario(&[A, B], at_first(), clients) };
        holds(&format!("a reference is overwritten | {own:?}"), told);
    }
}

#[test]
fn copied_keys_need_their_reference() {
    let at_first = || stored(&[(A, version(1))]);
    let to = "q/a.zip";
    let clients = || vec![copies_all(to, version(1)), put(B, version(2))];
    holds("keys are copied | put b", scenario(&[A, B, to], at_first(), clients()));
    let clients = || vec![copies_all(to, version(1)), delete(A)];
    breaks("keys are copied | delete a", scenario(&[A, to], at_first(), clients()));
    let told = Scenario { missing_is_told: true, ..scenario(&[A, to], at_first(), clients()) };
    holds("keys are copied | delete a, and that is told", told);
}
