//! Migrate in place: whole objects become deltas, and go when their deltas are confirmed.

use std::sync::Arc;

use futures::StreamExt;

use super::plan::{Form, WhyWhole};
use super::put::{Put, Tried, ensure_key, is_own_delta};
use super::source::Source;
use super::{Engine, PutReport, PutRequest, StoredForm, Verdict};
use crate::delta_space::{delta_form, whole_form};
use crate::error::Error;
use crate::record::{Record, user_metadata};
use crate::store::{Attributes, GetOptions, ObjectHead, Placement, PutMode, PutOptions, found};
use crate::{DeltaSpace, Location};

/// What a migration did with an object.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MigrateReport {
    /// The object.
    pub at: Location,
    /// Length of its content in bytes.
    pub size: u64,
    /// What was done.
    pub outcome: Migrated,
}

/// What became of a whole object.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Migrated {
    /// It is a delta now.
    Delta {
        /// As a put tells it.
        put: Box<PutReport>,
        /// Whether the whole form has gone; where not, it stays as hidden garbage.
        whole_removed: bool,
    },
    /// It was a delta before, as readers see it; what was left of the whole form has gone.
    Finished {
        /// Whether it has; where not, the store cannot be trusted to remove it safely.
        whole_removed: bool,
    },
    /// It stays whole, untouched.
    Whole(WhyWhole),
    /// It was removed meanwhile.
    Gone,
}

impl Engine {
    /// Turns an object that is stored whole into a delta, with its headers, metadata and storage class, where the delta is small enough.
    /// Otherwise nothing is written.
    ///
    /// The whole form is removed only after the delta is confirmed, and only if it is still the object that was read: entity tag and
    /// time. A store that ignores conditions on deletes keeps it, hidden. Somebody who stores the same name *whole, with the same
    /// content*, in the moment between the last question and the removal may lose that object where his own removal of the delta
    /// follows; what is seen of that is mended.
    ///
    /// Requests: HEAD, GET, then those of a put of a delta, then HEAD, DELETE, HEAD; 1 for an object that stays whole by its name or
    /// size, 3 or 4 where its delta is not small enough.
    ///
    /// # Errors
    /// As [`Engine::put`]; [`Error::Integrity`] where the whole object is not what its record says; [`Error::Contended`] where somebody
    /// is storing the object. Nothing is removed then.
    pub async fn migrate(&self, at: &Location, size: u64, request: &PutRequest) -> Result<MigrateReport, Error> {
        ensure_key(at)?;
        let report = |size, outcome| MigrateReport { at: at.clone(), size, outcome };
        match self.form(at, size, request) {
            Form::Whole(why) | Form::WholeInsteadOfDelta(why) => return Ok(report(size, Migrated::Whole(why))),
            Form::Delta => {}
        }
        let (whole, space) = (whole_form(at), DeltaSpace::of(at));
        if let Some(delta) = self.delta_head(at).await? {
            let whole_removed = self.finish(at, &delta, &space).await?;
            return Ok(report(size, Migrated::Finished { whole_removed }));
        }
        let Some(object) = found(self.inner.store.get(&whole, GetOptions::default()).await)? else {
            return Ok(report(size, Migrated::Gone));
        };
        let seen = object.head;
        let record =
            Record::read(&seen.attributes.metadata).map_err(|source| Error::Record { at: whole.clone(), source })?;
        let body = object.body.map(|chunk| chunk.map_err(std::io::Error::other)).boxed();
        let attributes = Attributes { metadata: user_metadata(&seen.attributes.metadata), ..seen.attributes.clone() };
        let storage_class = request.placement.storage_class.clone().or_else(|| seen.storage_class.clone());
        let placement = Placement { storage_class, ..request.placement.clone() };
        let request = PutRequest { attributes, placement, ..request.clone() };
        let opened = self.open_source(Source::Stream(body), &request.progress).await?;
        if let Form::Whole(why) | Form::WholeInsteadOfDelta(why) = self.form(at, opened.size(), &request) {
            return Ok(report(seen.size, Migrated::Whole(why)));
        }
        let hash = opened.hash(Arc::clone(&request.progress));
        let (prepared, state, (), writers) =
            futures::try_join!(hash, self.reference_state(&space), self.cache_ready(), self.writers(at.bucket()))?;
        if let Record::Whole(content) = record
            && let Some(expected) = content.sha256.filter(|expected| *expected != prepared.digest.sha256)
        {
            return Err(Error::Integrity { at: whole, expected, actual: prepared.digest.sha256 });
        }
        let mut put = Put::new(at, &request, prepared);
        put.writers = writers;
        put.stands_for = Some(seen.clone());
        match self.try_delta(put, state).await? {
            Tried::Whole(_, why) => Ok(report(seen.size, Migrated::Whole(why))),
            Tried::Stored(put, done) => {
                let whole_removed = match self.drop_whole(&whole, &seen, &space).await? {
                    Dropped::Yes => true,
                    Dropped::No => false,
                    Dropped::Changed => {
                        // Somebody stored the object whole after it was read: the delta of the older one must not hide it.
                        if let (Some(delta), Some(written)) = (delta_form(at), put.written) {
                            self.remove_seen(&space, &delta, written).await?;
                        }
                        return Err(Error::Contended { at: at.clone(), rounds: 1 });
                    }
                };
                if whole_removed && self.delta_head(at).await?.is_none() {
                    self.put_back(&whole, &seen, &put).await?;
                }
                Ok(report(seen.size, Migrated::Delta { put: done, whole_removed }))
            }
        }
    }

    /// One HEAD: the delta form of an object, if there is one of ours.
    async fn delta_head(&self, at: &Location) -> Result<Option<ObjectHead>, Error> {
        let Some(delta) = delta_form(at) else { return Ok(None) };
        let head = found(self.inner.store.head(&delta).await)?;
        Ok(head.filter(|head| is_own_delta(&head.attributes.metadata)))
    }

    /// Removes the whole form that a delta hides: left by a migration that was broken off, or by the writer of the delta.
    async fn finish(&self, at: &Location, delta: &ObjectHead, space: &DeltaSpace) -> Result<bool, Error> {
        let whole = whole_form(at);
        let Some(seen) = found(self.inner.store.head(&whole).await)? else { return Ok(true) };
        let report = self.verify(at).await?;
        match report.verdict {
            Verdict::Proven => {}
            Verdict::Unproven | Verdict::Consistent => return Ok(false),
            Verdict::Damaged(error) | Verdict::ReferenceMissing(error) | Verdict::Unreadable(error) => {
                return Err(error);
            }
        }
        let same = report.head.as_ref().is_some_and(|head| head.e_tag == seen.e_tag && head.size == seen.size);
        // A delta that was made of a whole object is as old as that.
        let created = match Record::read(&delta.attributes.metadata) {
            Ok(Record::Delta(record)) => record.content.created,
            _ => None,
        };
        let written = created.map_or(delta.last_modified, |created| created.min(delta.last_modified));
        if !same && seen.last_modified >= written {
            // Its writer removes the delta next, or was broken off: in case of doubt both stay.
            return Err(Error::Contended { at: at.clone(), rounds: 1 });
        }
        // What was proven may be the whole form itself, whose writer has removed the delta by now.
        let is_delta = report.head.is_some_and(|head| matches!(head.stored, StoredForm::Delta { .. }));
        match self.delta_head(at).await? {
            Some(now) if is_delta && now.e_tag == delta.e_tag => {}
            _ => return Err(Error::Contended { at: at.clone(), rounds: 1 }),
        }
        Ok(self.drop_whole(&whole, &seen, space).await? == Dropped::Yes)
    }

    /// Removes a whole form if it is still the one that was seen.
    async fn drop_whole(&self, whole: &Location, seen: &ObjectHead, space: &DeltaSpace) -> Result<Dropped, Error> {
        let store = &self.inner.store;
        match found(store.head(whole).await)? {
            None => return Ok(Dropped::Yes),
            Some(now) if now.e_tag == seen.e_tag && now.last_modified == seen.last_modified => {}
            Some(_) => return Ok(Dropped::Changed),
        }
        if !self.honours_delete(space).await? {
            return Ok(Dropped::No);
        }
        match store.delete_one(whole, Some(seen.e_tag.clone())).await {
            Ok(()) => Ok(Dropped::Yes),
            Err(error) if error.is_not_found() => Ok(Dropped::Yes),
            Err(error) if error.is_conflict() => Ok(Dropped::Changed),
            Err(error) => Err(error.into()),
        }
    }

    /// The delta has gone while the whole form was removed: by somebody who stored the object whole, or who deleted it. In case of
    /// doubt it is there: it is put back as it was, unless there is one again.
    async fn put_back(&self, whole: &Location, seen: &ObjectHead, put: &Put<'_>) -> Result<(), Error> {
        let options = PutOptions {
            mode: PutMode::Create,
            attributes: seen.attributes.clone(),
            placement: Placement { storage_class: seen.storage_class.clone(), ..Placement::default() },
        };
        match self.inner.store.put(whole, put.prepared.body(), options).await {
            Err(error) if error.is_conflict() => Ok(()),
            other => Ok(other.map(drop)?),
        }
    }
}

/// Whether a whole form was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dropped {
    /// It is gone.
    Yes,
    /// It stays: the store cannot be trusted to remove this one only.
    No,
    /// Another one stands there.
    Changed,
}
