//! With any safeguard taken out, something is lost: so each of them is needed, and the play finds what is wrong.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use deltaglider_core::Location;
use deltaglider_core::store::{
    CopyOptions, DeleteTarget, GetObject, GetOptions, ListEntry, ListRequest, ObjectHead, ObjectStore, Promises,
    PutBody, PutMode, PutOptions, PutReceipt, StoreError,
};
use deltaglider_testkit::interleavings::{Client, Contents, Scenario};
use futures::StreamExt;
use futures::stream::BoxStream;

use super::clients::{copy, delete, delete_and_put, migrate, put, put_plain, put_whole, rehydrate};
use super::scenarios::{breaks, holds, other, plain, scenario, stored, version};

/// What may be taken out, before the store of each client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Safeguard {
    /// The reference is looked for again after a delta was stored: the first answer is repeated.
    Confirmation,
    /// A reference is created where nothing stands: it is put there in any case.
    CreatedReference,
    /// A form of an object is created where nothing stands: it is put there in any case.
    CreatedForm,
    /// What stands under a name is replaced if it is what was seen: it is replaced in any case.
    Replacement,
    /// The reference is deleted if it is the one that was seen: it is deleted in any case.
    PinnedReference,
    /// The space is listed again after its reference was deleted: the first answer is repeated.
    SecondListing,
    /// Each deleter has a trash key of his own: all have the same.
    OwnTrash,
    /// The delta of a name is deleted if it is the one that was seen: it is deleted in any case.
    PinnedDelta,
    /// A source is copied if it is the one that was seen: it is copied in any case.
    PinnedSource,
    /// A migrated delta is looked for after a whole object was stored: as it was before is answered.
    LookForDelta,
}

#[derive(Debug)]
struct Without {
    inner: Arc<dyn ObjectStore>,
    safeguard: Safeguard,
    remembered: Arc<Mutex<Remembered>>,
}

#[derive(Debug, Default)]
struct Remembered {
    reference: Option<ObjectHead>,
    listed: Option<Vec<ListEntry>>,
    delta: Option<bool>,
}

impl Without {
    fn takes_out(&self, safeguard: Safeguard) -> bool {
        self.safeguard == safeguard
    }

    fn remembered<T>(&self, with: impl FnOnce(&mut Remembered) -> T) -> T {
        with(&mut self.remembered.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn own_trash(&self, at: &Location) -> Location {
        match at.key().split_once("/trash/").and_then(|(_, name)| name.rsplit_once('-')) {
            Some((_, random)) if self.takes_out(Safeguard::OwnTrash) => {
                let stem = &at.key()[..at.key().len() - random.len()];
                at.with_key(format!("{stem}{}", "0".repeat(random.len())))
            }
            _ => at.clone(),
        }
    }
}

fn is_reference(at: &Location) -> bool {
    at.name() == "reference.bin"
}

fn is_delta(at: &Location) -> bool {
    at.key().ends_with(".delta")
}

impl std::fmt::Display for Without {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Without {
    async fn get(&self, at: &Location, options: GetOptions) -> Result<GetObject, StoreError> {
        self.inner.get(&self.own_trash(at), options).await
    }

    async fn head(&self, at: &Location) -> Result<ObjectHead, StoreError> {
        if self.takes_out(Safeguard::Confirmation)
            && is_reference(at)
            && let Some(head) = self.remembered(|remembered| remembered.reference.clone())
        {
            return Ok(head);
        }
        if is_delta(at) && self.remembered(|remembered| remembered.delta) == Some(false) {
            let absent = at.with_key(format!("{}-absent", at.key()));
            return self.inner.head(&absent).await;
        }
        let head = self.inner.head(at).await?;
        if is_reference(at) {
            self.remembered(|remembered| remembered.reference = Some(head.clone()));
        }
        Ok(head)
    }

    async fn put(&self, at: &Location, body: PutBody, mut options: PutOptions) -> Result<PutReceipt, StoreError> {
        let dropped = match options.mode {
            PutMode::Create if is_reference(at) => self.takes_out(Safeguard::CreatedReference),
            PutMode::Create => self.takes_out(Safeguard::CreatedForm),
            PutMode::Update(_) => self.takes_out(Safeguard::Replacement),
            PutMode::Overwrite => false,
        };
        if dropped {
            options.mode = PutMode::Overwrite;
        }
        if self.takes_out(Safeguard::LookForDelta) && !is_reference(at) && !is_delta(at) {
            let there = self.inner.head(&at.with_key(format!("{}.delta", at.key()))).await.is_ok();
            self.remembered(|remembered| remembered.delta = Some(there));
        }
        let attributes = options.attributes.clone();
        let receipt = self.inner.put(at, body, options).await?;
        if is_reference(at) {
            let head = ObjectHead {
                size: 0,
                e_tag: receipt.e_tag.clone(),
                last_modified: std::time::UNIX_EPOCH,
                attributes,
                version_id: None,
                storage_class: None,
            };
            self.remembered(|remembered| remembered.reference = Some(head));
        }
        Ok(receipt)
    }

    async fn copy(&self, from: &Location, to: &Location, mut options: CopyOptions) -> Result<PutReceipt, StoreError> {
        if self.takes_out(Safeguard::PinnedSource) {
            options.source_if_match = None;
        }
        self.inner.copy(&self.own_trash(from), &self.own_trash(to), options).await
    }

    fn delete(&self, targets: BoxStream<'static, DeleteTarget>) -> BoxStream<'static, Result<Location, StoreError>> {
        let without = Self {
            inner: Arc::clone(&self.inner),
            safeguard: self.safeguard,
            remembered: Arc::clone(&self.remembered),
        };
        let targets = targets.map(move |DeleteTarget { at, if_match }| {
            let dropped = is_reference(&at) && without.takes_out(Safeguard::PinnedReference)
                || is_delta(&at) && without.takes_out(Safeguard::PinnedDelta);
            DeleteTarget { at: without.own_trash(&at), if_match: if_match.filter(|_| !dropped) }
        });
        self.inner.delete(targets.boxed())
    }

    fn list(&self, request: ListRequest) -> BoxStream<'static, Result<ListEntry, StoreError>> {
        if !self.takes_out(Safeguard::SecondListing) || request.delimiter.is_none() {
            return self.inner.list(request);
        }
        if let Some(listed) = self.remembered(|remembered| remembered.listed.clone()) {
            return futures::stream::iter(listed.into_iter().map(Ok)).boxed();
        }
        let remembered = Arc::clone(&self.remembered);
        remembered.lock().unwrap_or_else(PoisonError::into_inner).listed = Some(Vec::new());
        let listed = self.inner.list(request).inspect(move |entry| {
            let mut remembered = remembered.lock().unwrap_or_else(PoisonError::into_inner);
            if let (Ok(entry), Some(listed)) = (entry, &mut remembered.listed) {
                listed.push(entry.clone());
            }
        });
        listed.boxed()
    }

    fn promises(&self) -> Promises {
        self.inner.promises()
    }
}

const A: &str = "p/a.zip";
const B: &str = "p/b.zip";
const X: &str = "p/x.zip";

fn without(safeguard: Safeguard, at_first: Contents, clients: Vec<Client>) -> Scenario {
    let clients = clients
        .into_iter()
        .map(|client| client.over(move |inner| Arc::new(Without { inner, safeguard, remembered: Arc::default() })));
    Scenario { faults: 0, ..scenario(&[A, B, X], at_first, clients.collect()) }
}

fn lost(safeguard: Safeguard, at_first: Contents, clients: Vec<Client>) {
    breaks(&format!("without {safeguard:?}: {clients:?}"), without(safeguard, at_first, clients));
}

fn last() -> Contents {
    stored(&[(A, version(1))])
}

#[test]
fn the_reference_is_confirmed() {
    lost(Safeguard::Confirmation, last(), vec![put(B, version(2)), delete(A)]);
}

#[test]
fn references_are_created() {
    lost(Safeguard::CreatedReference, stored(&[]), vec![put(A, version(1)), put(B, version(2))]);
}

#[test]
fn a_migration_creates_its_delta() {
    let at_first = plain(stored(&[(X, version(0))]), A, &version(1));
    lost(Safeguard::CreatedForm, at_first, vec![migrate(A, 256), put(A, version(2))]);
}

#[test]
fn a_rehydration_creates_its_plain_object() {
    let at_first = stored(&[(X, version(0)), (A, version(1))]);
    lost(Safeguard::CreatedForm, at_first, vec![rehydrate(A), put_whole(A, version(3))]);
}

/// Not needed by puts: the one that comes later wins in any case. It is what keeps a foreign object under a delta's name.
#[test]
fn puts_may_replace_what_they_did_not_see() {
    let at_first = || stored(&[(X, version(0)), (A, version(1))]);
    for beside in [put(A, version(3)), put(A, other(3)), delete_and_put(A, version(3))] {
        let clients = vec![put(A, version(2)), beside.clone()];
        holds(
            &format!("put a | {beside:?}, without replacement"),
            without(Safeguard::Replacement, at_first(), clients),
        );
    }
}

#[test]
fn references_are_deleted_as_they_were_seen() {
    lost(Safeguard::PinnedReference, last(), vec![put(B, version(2)), delete(A), delete(A)]);
}

#[test]
fn the_space_is_listed_again() {
    lost(Safeguard::SecondListing, last(), vec![put(B, version(2)), delete(A)]);
}

#[test]
fn each_deleter_has_trash_of_his_own() {
    lost(Safeguard::OwnTrash, last(), vec![put(B, version(2)), delete(A), delete(A)]);
}

#[test]
fn deltas_are_deleted_as_they_were_seen() {
    let at_first = stored(&[(X, version(0)), (A, version(1))]);
    lost(Safeguard::PinnedDelta, at_first.clone(), vec![put(A, other(2)), delete_and_put(A, version(3))]);
    lost(Safeguard::PinnedDelta, at_first, vec![rehydrate(A), put(A, version(2))]);
}

#[test]
fn a_delta_is_looked_for_after_a_whole_object() {
    let at_first = plain(stored(&[(X, version(0))]), A, &version(1));
    lost(Safeguard::LookForDelta, at_first.clone(), vec![migrate(A, 256), put(A, other(2))]);
    lost(Safeguard::LookForDelta, at_first, vec![migrate(A, 256), put_plain(A, other(2))]);
}

/// Needed by copies of objects, which get a new record. Not by trash copies: one of another reference bears that one's record, and
/// is not taken for the one that was meant.
#[test]
fn sources_are_copied_as_they_were_seen() {
    let at_first = stored(&[(X, version(0)), (A, version(1))]);
    let copying = vec![copy(A, B), put(A, version(2))];
    breaks("the source of a copy", without(Safeguard::PinnedSource, at_first, copying));
    let deleting = vec![put(B, version(2)), delete(A), delete(A)];
    holds("the source of a trash copy", without(Safeguard::PinnedSource, last(), deleting));
}
