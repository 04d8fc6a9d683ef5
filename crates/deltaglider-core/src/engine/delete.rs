//! Delete: all stored forms of an object, and the reference of a space whose last delta is gone.

use std::collections::BTreeSet;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use super::conditions::random_u64;
use super::put::is_own_delta;
use super::reference::{ReferenceState, StoredReference};
use super::{Engine, LogicalHead, StoredForm};
use crate::delta_space::{StoredName, delta_form, may_be_foreign, whole_form};
use crate::error::Error;
use crate::record::Record;
use crate::store::{
    CopyOptions, DeleteTarget, GetOptions, ListEntry, ListRequest, PutBody, PutMode, PutOptions, StoreError,
    StoreErrorKind, found,
};
use crate::{DeltaSpace, Location};

/// Objects that are deleted together.
const BATCH: usize = 1000;

/// An object to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteRequest {
    /// Where it is.
    pub at: Location,
    /// The form that is stored, where a listing has just said so: it saves a request.
    pub stored: Option<StoredForm>,
}

impl From<Location> for DeleteRequest {
    fn from(at: Location) -> Self {
        Self { at, stored: None }
    }
}

/// What a delete did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeleteReport {
    /// Where the object was.
    pub at: Location,
    /// Whether the reference of its space went with it.
    pub reference_removed: bool,
}

/// What became of a reference that was to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReferenceRemoval {
    /// It went.
    Removed,
    /// It stays: a delta needs it, another client is at it, or the store cannot remove it so that nothing is lost.
    Kept,
    /// It stays: the store has no room for a copy in the trash, by which nothing would be lost.
    NoRoom,
}

/// The stored forms of an object that are to go.
struct Forms {
    at: Location,
    whole: Vec<Location>,
    delta: Option<Location>,
}

impl Engine {
    /// Deletes an object, in all of its forms. That there is none is no error.
    ///
    /// Requests: 2, or 4 where a delta goes (HEAD, DELETE, DELETE, LIST); 6 more where it was the last of its space, so that
    /// nothing that needs the reference can be lost.
    pub async fn delete(&self, at: &Location) -> Result<DeleteReport, Error> {
        self.delete_forms(self.forms(DeleteRequest::from(at.clone())).await?).await
    }

    /// Deletes an object, in all of its forms, if it still is what a head said; else it stays.
    ///
    /// It is looked at just before: who writes between that look and the delete loses what they wrote. Requests: those of a head,
    /// 1 or 2 for the delete, and for the last delta of a space those of [`Engine::delete`].
    ///
    /// # Errors
    /// [`Error::SourceChanged`] where it is another object by now; [`Error::Store`] with `NotFound` where it is gone.
    pub async fn delete_unchanged(&self, at: &Location, expected: &LogicalHead) -> Result<DeleteReport, Error> {
        let now = self.head(at).await?;
        let what = |head: &LogicalHead| (head.size, head.e_tag.clone(), head.sha256, head.last_modified);
        if what(&now) != what(expected) || now.stored != expected.stored {
            return Err(Error::SourceChanged);
        }
        let request = DeleteRequest { at: at.clone(), stored: Some(now.stored) };
        self.delete_forms(self.forms(request).await?).await
    }

    async fn delete_forms(&self, forms: Forms) -> Result<DeleteReport, Error> {
        let at = &forms.at;
        let store = &self.inner.store;
        // The whole form first: should we die in between, the object is still its delta and no older content comes to light.
        for whole in &forms.whole {
            store.delete_one(whole, None).await?;
        }
        let Some(delta) = &forms.delta else {
            return Ok(DeleteReport { at: at.clone(), reference_removed: false });
        };
        store.delete_one(delta, None).await?;
        let removal = self.remove_unused_reference(&DeltaSpace::of(at)).await?;
        let reference_removed = removal == ReferenceRemoval::Removed;
        Ok(DeleteReport { at: at.clone(), reference_removed })
    }

    /// Deletes many objects; says of each, in any order, that it is gone. References go after all of their objects.
    ///
    /// Requests: those of the store's own batches, twice; one HEAD for each object whose form is not known; for each space that lost
    /// a delta those of [`Engine::delete`]. An error of such a reference comes at the end.
    pub fn delete_many(
        &self,
        objects: BoxStream<'static, DeleteRequest>,
    ) -> BoxStream<'static, Result<Location, Error>> {
        let engine = self.clone();
        async_stream::stream! {
            let mut batches = objects.chunks(BATCH);
            let mut spaces = BTreeSet::new();
            while let Some(batch) = batches.next().await {
                let parallel = engine.inner.limits.heads.max(1);
                let asking = futures::stream::iter(batch).map(|request| {
                    let engine = engine.clone();
                    async move {
                        let at = request.at.clone();
                        (at, engine.forms(request).await)
                    }
                });
                let mut asked = asking.buffer_unordered(parallel);
                let mut known = Vec::new();
                while let Some((_, forms)) = asked.next().await {
                    match forms {
                        Ok(forms) => known.push(forms),
                        Err(error) => yield Err(error),
                    }
                }
                let mut failed = BTreeSet::new();
                let whole: Vec<Location> = known.iter().flat_map(|forms| forms.whole.clone()).collect();
                for error in engine.delete_batch(whole).await {
                    failed.insert(error.at.clone());
                    yield Err(error.into());
                }
                known.retain(|forms| !forms.whole.iter().any(|whole| failed.contains(whole)));
                let deltas: Vec<Location> = known.iter().filter_map(|forms| forms.delta.clone()).collect();
                for error in engine.delete_batch(deltas).await {
                    failed.insert(error.at.clone());
                    yield Err(error.into());
                }
                for forms in known {
                    if forms.delta.as_ref().is_some_and(|delta| failed.contains(delta)) {
                        continue;
                    }
                    if forms.delta.is_some() {
                        spaces.insert(DeltaSpace::of(&forms.at));
                    }
                    yield Ok(forms.at);
                }
            }
            for space in spaces {
                if let Err(error) = engine.remove_unused_reference(&space).await {
                    yield Err(error);
                }
            }
        }
        .boxed()
    }

    async fn delete_batch(&self, targets: Vec<Location>) -> Vec<StoreError> {
        let targets = futures::stream::iter(targets).map(DeleteTarget::from).boxed();
        self.inner.store.delete(targets).filter_map(|answer| async move { answer.err() }).collect().await
    }

    /// Which stored objects are forms of an object. A foreign object that merely has such a name is none.
    async fn forms(&self, request: DeleteRequest) -> Result<Forms, Error> {
        let DeleteRequest { at, stored } = request;
        let mut forms = Forms { whole: vec![whole_form(&at)], delta: None, at };
        match stored {
            Some(StoredForm::Delta { at, .. }) => forms.delta = Some(at),
            Some(StoredForm::Foreign { at }) if at != forms.whole[0] => forms.whole.push(at),
            Some(_) => {}
            None => {
                let store = &self.inner.store;
                if let Some(delta) = delta_form(&forms.at)
                    && let Some(head) = found(store.head(&delta).await)?
                    && is_own_delta(&head.attributes.metadata)
                {
                    forms.delta = Some(delta);
                }
                if may_be_foreign(&forms.at)
                    && let Some(head) = found(store.head(&forms.at).await)?
                    && matches!(Record::read(&head.attributes.metadata), Ok(Record::Foreign | Record::Whole(_)))
                {
                    forms.whole.push(forms.at.clone());
                }
            }
        }
        Ok(forms)
    }

    /// Removes the reference of a space that no delta needs; says what became of it.
    ///
    /// A writer stores its delta and then looks for the reference; we remove the reference and then look for deltas. Whatever the
    /// order of the steps, one of the two sees the other and mends it. Meanwhile readers find the reference in the trash.
    pub(super) async fn remove_unused_reference(&self, space: &DeltaSpace) -> Result<ReferenceRemoval, Error> {
        // Without room for a trash copy it stays, at the price of its bytes.
        if !space.fits_internal_keys() || self.holds_delta(space).await? {
            return Ok(ReferenceRemoval::Kept);
        }
        let ReferenceState::Present(reference) = self.reference_state(space).await? else {
            return Ok(ReferenceRemoval::Kept);
        };
        if !self.honours_delete(space).await? {
            return Ok(ReferenceRemoval::Kept);
        }
        let store = &self.inner.store;
        let trash = space.trash(&reference.sha256, random_u64());
        let pinned = CopyOptions { source_if_match: Some(reference.e_tag.clone()), ..CopyOptions::default() };
        match store.copy(&reference.at, &trash, pinned).await {
            Ok(_) => {}
            // Somebody else is at it, or the store cannot move it: it stays, at the price of its bytes.
            Err(error)
                if error.is_conflict()
                    || error.is_not_found()
                    || matches!(error.kind, StoreErrorKind::Unsupported | StoreErrorKind::Invalid) =>
            {
                return Ok(ReferenceRemoval::Kept);
            }
            // Its objects are gone all the same: that is what was asked for.
            Err(error) if error.kind == StoreErrorKind::NoSpace => {
                tracing::warn!(reference = %reference.at, "no room for a copy in the trash: a reference that nobody needs stays");
                return Ok(ReferenceRemoval::NoRoom);
            }
            Err(error) => return Err(error.into()),
        }
        let removed = match store.delete_one(&reference.at, Some(reference.e_tag.clone())).await {
            Ok(()) => ReferenceRemoval::Removed,
            // Somebody else removed it, or we did: an adapter that lost the first answer asks again. A delta may need it then.
            Err(error) if error.is_conflict() || error.is_not_found() => ReferenceRemoval::Kept,
            Err(error) => return Err(error.into()),
        };
        if self.holds_delta(space).await? {
            self.restore_reference(&reference, &trash).await?;
            return Ok(ReferenceRemoval::Kept);
        }
        store.delete_one(&trash, None).await?;
        Ok(removed)
    }

    /// Puts a reference back from the trash, unless there is one again.
    ///
    /// By GET and a conditional PUT: conditions on copies are the ones that stores honour least.
    async fn restore_reference(&self, reference: &StoredReference, trash: &Location) -> Result<(), Error> {
        let store = &self.inner.store;
        let Some(object) = found(store.get(trash, GetOptions::default()).await)? else { return Ok(()) };
        let attributes = object.head.attributes.clone();
        let body = PutBody::Stream { size: Some(object.head.size), stream: object.body };
        let options = PutOptions { mode: PutMode::Create, attributes, ..PutOptions::default() };
        match store.put(&reference.at, body, options).await {
            Ok(_) => {}
            Err(error) if error.is_conflict() => {
                let other = found(store.head(&reference.at).await)?
                    .and_then(|head| Record::read(&head.attributes.metadata).ok())
                    .is_none_or(|record| match record {
                        Record::Reference(content) => content.sha256 != Some(reference.sha256),
                        _ => true,
                    });
                if other {
                    // A delta may need ours all the same: readers find it in the trash.
                    return Ok(());
                }
            }
            Err(error) => return Err(error.into()),
        }
        store.delete_one(trash, None).await?;
        Ok(())
    }

    /// Whether anything in a space has the name of a delta: a listing says so, not a guess.
    pub(super) async fn holds_delta(&self, space: &DeltaSpace) -> Result<bool, Error> {
        let request =
            ListRequest { delimiter: Some("/".to_owned()), ..ListRequest::below(space.bucket(), space.prefix()) };
        let mut entries = self.inner.store.list(request);
        while let Some(entry) = entries.try_next().await? {
            if let ListEntry::Object(object) = entry
                && matches!(StoredName::of(&object.key), StoredName::Delta(_))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
