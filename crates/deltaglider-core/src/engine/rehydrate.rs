//! Rehydrate: back to plain objects, which anybody reads without this program.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};

use super::delete::ReferenceRemoval;
use super::head::{Candidate, Standing, missing_field};
use super::put::{Hiding, ensure_key};
use super::{ContentStream, Engine, GetRequest, LogicalHead, MAX_ROUNDS};
use crate::delta_space::{StoredName, is_escaped};
use crate::digest::Sha256Hasher;
use crate::error::Error;
use crate::policy::may_be_delta;
use crate::progress::{SharedProgress, Stage};
use crate::record::Record;
use crate::store::{
    Attributes, BodyStream, CopyOptions, ETag, GetOptions, ObjectHead, Operation, Placement, PutBody, PutMode,
    PutOptions, StoreError, StoreErrorKind, found,
};
use crate::{DeltaSpace, Location, Sha256};

/// What a rehydration did with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RehydrateReport {
    /// Where the plain object is.
    pub at: Location,
    /// Length of its content in bytes.
    pub size: u64,
    /// Digest of its content, where it is known.
    pub sha256: Option<Sha256>,
    /// Bytes fetched and sent, reading back included.
    pub moved: u64,
    /// What was done.
    pub outcome: Rehydrated,
}

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rehydrated {
    /// It is plain now.
    Done,
    /// It was plain before, with this content.
    Already,
    /// Its key is one of the internal names: in its place a plain object would be taken for an internal one, or hidden.
    Reserved,
}

impl Engine {
    /// Makes an object plain where it is: its bytes under its own key, with the user's own metadata and headers and no record of ours.
    ///
    /// A delta is removed only after the plain object was read back and has the recorded SHA-256, and only if it is still the delta
    /// that was read. What was begun before and broken off is gone on with: a plain object that has the digest is not put again. The
    /// reference of the space stays; [`Engine::release_reference`] removes it after the last object.
    ///
    /// Somebody who deletes the object meanwhile may find it plain afterwards; nothing is lost.
    /// Requests: 6 for a delta (HEAD, HEAD, GET, PUT, GET, DELETE), one more where its reference is not cached; for an object that is
    /// whole 1 HEAD, 2 for a name that could be a delta, and a COPY onto itself, of which none carries content.
    ///
    /// # Errors
    /// [`Error::Store`] with `NotFound`; those of [`Engine::get`]; [`Error::Contended`] where another object is being stored there, or
    /// such a put was broken off: put it anew. Nothing is removed then.
    pub async fn rehydrate(&self, at: &Location, progress: &SharedProgress) -> Result<RehydrateReport, Error> {
        ensure_key(at)?;
        let mut moved = 0;
        for _ in 0..MAX_ROUNDS {
            let standing = self.standing(at).await?;
            let done = match &standing.candidate {
                Candidate::Foreign(_) => Some(Rehydrated::Already),
                Candidate::Whole(_) | Candidate::Delta(_) if is_escaped(at) => Some(Rehydrated::Reserved),
                Candidate::Whole(_) if is_plain(&standing.stored) => Some(Rehydrated::Already),
                Candidate::Whole(_) => self.strip(at, &standing.stored, &standing.head.attributes).await?,
                Candidate::Delta(delta) => self.unfold(at, delta, &standing, &mut moved, progress).await?,
            };
            if let Some(outcome) = done {
                let LogicalHead { size, sha256, .. } = standing.head;
                return Ok(RehydrateReport { at: at.clone(), size, sha256, moved, outcome });
            }
        }
        Err(Error::Contended { at: at.clone(), rounds: MAX_ROUNDS })
    }

    /// Puts a plain object, without a record of ours, and removes the delta that hides it from readers. Ask
    /// [`Engine::holds_plain`] first: an internal object of ours would be overwritten.
    ///
    /// Requests: 1 PUT, and for a name that could be a delta 1 HEAD before it, and a DELETE or another HEAD after it.
    pub async fn put_plain(
        &self,
        at: &Location,
        head: &LogicalHead,
        body: ContentStream,
        placement: &Placement,
        progress: &SharedProgress,
    ) -> Result<RehydrateReport, Error> {
        ensure_key(at)?;
        let hiding = match may_be_delta(at.name()) {
            true => self.hiding(at).await?,
            false => Hiding::Nothing,
        };
        let options =
            PutOptions { mode: PutMode::Overwrite, attributes: head.attributes.clone(), placement: placement.clone() };
        let body = PutBody::Stream { size: Some(head.size), stream: store_stream(at, body) };
        let receipt = self.inner.store.put(at, body, options).await?;
        progress.advance(Stage::Upload, head.size);
        self.uncover(at, at, hiding, &receipt.e_tag).await?;
        let (size, sha256) = (head.size, head.sha256);
        Ok(RehydrateReport { at: at.clone(), size, sha256, moved: size, outcome: Rehydrated::Done })
    }

    /// Whether a plain object with this content stands at a key. Costs 1 HEAD, and a GET where only its content tells.
    ///
    /// # Errors
    /// [`Error::Invalid`] where an internal object of ours stands there.
    pub async fn holds_plain(&self, at: &Location, content: &LogicalHead) -> Result<bool, Error> {
        ensure_key(at)?;
        let Some(stored) = found(self.inner.store.head(at).await)? else { return Ok(false) };
        let internal = !matches!(StoredName::of(at.key()), StoredName::Whole(_));
        if internal && !matches!(Record::read(&stored.attributes.metadata), Ok(Record::Foreign)) {
            return Err(Error::Invalid(format!("{at} is one of DeltaGlider's own objects; choose another place")));
        }
        if stored.size != content.size
            || !is_plain(&stored)
            || stored.attributes.metadata != content.attributes.metadata
        {
            return Ok(false);
        }
        match content.sha256 {
            _ if stored.e_tag == content.e_tag => Ok(true),
            Some(expected) => Ok(self.plain_digest(at, &stored.e_tag).await? == Some(expected)),
            None => Ok(false),
        }
    }

    /// Removes the reference of the space that an object is in, if no delta needs it any more; says whether it did. Costs 1 LIST, and
    /// 6 more requests where it goes.
    pub async fn release_reference(&self, object: &Location) -> Result<bool, Error> {
        Ok(self.remove_unused_reference(&DeltaSpace::of(object)).await? == ReferenceRemoval::Removed)
    }

    /// Takes our record off a whole object, by a copy onto itself; `None` where it changed meanwhile.
    async fn strip(
        &self,
        at: &Location,
        stored: &ObjectHead,
        attributes: &Attributes,
    ) -> Result<Option<Rehydrated>, Error> {
        let options = CopyOptions {
            source_if_match: Some(stored.e_tag.clone()),
            replace: Some(attributes.clone()),
            placement: placement(stored),
            ..CopyOptions::default()
        };
        match self.inner.store.copy(at, at, options).await {
            Ok(_) => Ok(Some(Rehydrated::Done)),
            Err(error) if error.is_conflict() || error.is_not_found() => Ok(None),
            // Too large to be copied at once: it goes through here.
            Err(error) if matches!(error.kind, StoreErrorKind::Unsupported | StoreErrorKind::Invalid) => {
                let options = GetOptions { if_match: Some(stored.e_tag.clone()), range: None };
                let object = self.inner.store.get(at, options).await?;
                let mode = match self.honours_create(&DeltaSpace::of(at)).await? {
                    true => PutMode::Update(stored.e_tag.clone()),
                    false => PutMode::Overwrite,
                };
                let body = PutBody::Stream { size: Some(stored.size), stream: object.body };
                let options = PutOptions { mode, attributes: attributes.clone(), placement: placement(stored) };
                match self.inner.store.put(at, body, options).await {
                    Ok(_) => Ok(Some(Rehydrated::Done)),
                    Err(error) if error.is_conflict() || error.is_not_found() => Ok(None),
                    Err(error) => Err(error.into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Puts the plain object beside the delta, reads it back, and removes the delta; `None` where somebody was in between.
    async fn unfold(
        &self,
        at: &Location,
        delta: &Location,
        standing: &Standing,
        moved: &mut u64,
        progress: &SharedProgress,
    ) -> Result<Option<Rehydrated>, Error> {
        let head = &standing.head;
        let expected = head.sha256.ok_or_else(|| missing_field(delta, "file-sha256"))?;
        let beside = found(self.inner.store.head(at).await)?;
        let (mode, same) = match &beside {
            None => (PutMode::Create, false),
            Some(whole) => {
                let same = whole.size == head.size && self.plain_digest(at, &whole.e_tag).await? == Some(expected);
                // Readers take the delta. A whole object that is not older is being stored: its writer will remove the delta, and must
                // find its own object then. In case of doubt it is left alone.
                if !same && whole.last_modified >= standing.stored.last_modified {
                    return Err(Error::Contended { at: at.clone(), rounds: 1 });
                }
                (PutMode::Update(whole.e_tag.clone()), same)
            }
        };
        if let Some(whole) = beside.as_ref().filter(|_| same) {
            // Left by a run that was broken off, or stored whole before: the content stays, our record does not.
            if (!is_plain(whole) || whole.attributes != head.attributes)
                && self.strip(at, whole, &head.attributes).await?.is_none()
            {
                return Ok(None);
            }
        } else {
            let request = GetRequest {
                if_match: Some(head.e_tag.clone()),
                progress: Arc::clone(progress),
                ..GetRequest::default()
            };
            let got = match self.get(at, &request).await {
                Ok(got) => got,
                Err(Error::Store(error)) if error.is_conflict() => return Ok(None),
                Err(error) => return Err(error),
            };
            *moved += got.fetched;
            let mode = if self.honours_create(&DeltaSpace::of(at)).await? { mode } else { PutMode::Overwrite };
            let options =
                PutOptions { mode, attributes: head.attributes.clone(), placement: placement(&standing.stored) };
            let body = PutBody::Stream { size: Some(head.size), stream: store_stream(at, got.body) };
            let receipt = match self.inner.store.put(at, body, options).await {
                Ok(receipt) => receipt,
                Err(error) if error.is_conflict() || error.is_not_found() => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            *moved += 2 * head.size;
            progress.advance(Stage::Upload, head.size);
            match self.plain_digest(at, &receipt.e_tag).await? {
                Some(actual) if actual == expected => {}
                Some(actual) => return Err(Error::Integrity { at: at.clone(), expected, actual }),
                None => return Ok(None),
            }
        }
        self.remove_seen(&DeltaSpace::of(at), delta, standing.stored.e_tag.clone()).await?;
        Ok(Some(Rehydrated::Done))
    }

    /// Reads a stored object to its end; `None` where it is not the one with this entity tag any more.
    pub(super) async fn plain_digest(&self, at: &Location, e_tag: &ETag) -> Result<Option<Sha256>, Error> {
        let options = GetOptions { if_match: Some(e_tag.clone()), range: None };
        let mut body = match self.inner.store.get(at, options).await {
            Ok(object) => object.body,
            Err(error) if error.is_conflict() || error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut hasher = Sha256Hasher::default();
        while let Some(chunk) = body.try_next().await? {
            hasher.update(&chunk);
        }
        Ok(Some(hasher.finish()))
    }
}

/// Whether a stored object carries no record of ours.
fn is_plain(stored: &ObjectHead) -> bool {
    matches!(Record::read(&stored.attributes.metadata), Ok(Record::Foreign))
}

/// As it is kept now.
fn placement(stored: &ObjectHead) -> Placement {
    Placement { storage_class: stored.storage_class.clone(), ..Placement::default() }
}

fn store_stream(at: &Location, body: ContentStream) -> BodyStream {
    let at = at.clone();
    body.map_err(move |error| {
        StoreError::new(Operation::Put, &at, StoreErrorKind::Other, "the content cannot be read").with_source(error)
    })
    .boxed()
}
