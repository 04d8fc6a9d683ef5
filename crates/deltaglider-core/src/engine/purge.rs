//! Purge: what nobody needs any more goes, and what somebody may need stays.

mod plan;

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use self::plan::{Ages, Hidden};
use super::Engine;
use super::delete::ReferenceRemoval;
use super::list::undamaged;
use super::proof::reference_record;
use super::survey::StoredSpace;
use crate::delta_space::InternalName;
use crate::error::Error;
use crate::policy::may_be_delta;
use crate::record::{ContentRecord, DeltaRecord, Record, expires_at};
use crate::store::{ETag, ListedObject, Metadata, ObjectHead, found};
use crate::{DeltaSpace, Location, Sha256};

/// What a purge removes.
#[derive(Clone, Debug, PartialEq)]
pub struct PurgeRequest {
    /// The bucket and the prefix, taken as a directory.
    pub prefix: Location,
    /// Only what was written so long ago. Temporary copies go when they have expired, however old.
    pub older_than: Duration,
    /// When it is, by the clock of this machine; how far that is from the store's is taken into account.
    pub now: SystemTime,
    /// Nobody else is writing: conditions that the store does not honour are done without, and whole forms that deltas hide go
    /// as well.
    pub exclusive: bool,
    /// Nothing is removed.
    pub dry: bool,
}

/// Something that was found to be garbage, or nearly.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Purged {
    /// Where it is, or was: the stored key.
    pub at: Location,
    /// What it is.
    pub garbage: Garbage,
    /// Bytes that it takes.
    pub size: u64,
    /// What became of it.
    pub outcome: PurgeOutcome,
    /// Whether the bucket keeps versions, as far as that showed: what is deleted takes its space until the version goes.
    pub keeps_versions: bool,
}

/// Kinds of garbage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Garbage {
    /// A whole copy for a link that has expired.
    Temporary,
    /// A reference on its way out, which no delta needs.
    Trash,
    /// A throw-away key, by which a store was asked what it honours.
    Probe,
    /// The reference of a space without deltas.
    Reference,
    /// A whole form that a delta of the same name hides.
    HiddenForm,
}

impl Garbage {
    /// Its name for programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Temporary => "temporary",
            Self::Trash => "trash",
            Self::Probe => "probe",
            Self::Reference => "reference",
            Self::HiddenForm => "hidden_form",
        }
    }
}

/// What became of garbage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PurgeOutcome {
    /// It was removed.
    Removed,
    /// It would be removed.
    WouldRemove,
    /// It stays: why.
    Kept(&'static str),
}

const IN_MOTION: &str = "it is younger than an hour, and another client may be moving it; wait, or add --exclusive";
const UNGUARDED: &str =
    "the store ignores conditions on deletes, and another client may be writing; add --exclusive where none is";
const NO_ROOM: &str =
    "the store has no room to move it by; make room, or add --exclusive where no other client is writing";
const MAY_BE_NEEDED: &str = "a delta that is damaged may need it; see `verify --repair-plan`";
const CHANGED: &str = "it was changed meanwhile";

impl Engine {
    /// Removes what nobody needs under a prefix, one delta space after the other.
    ///
    /// Requests: the pages of the listing; one HEAD for each temporary copy, and where one is removed a DELETE. For each space with
    /// old trash one HEAD, and where its reference is another one or gone, one HEAD for each delta. For each space without deltas
    /// one HEAD, and to remove its reference those of [`Engine::delete`] for the last of a space. With `exclusive`, two HEADs for each
    /// name in both forms, the GET of its delta, which is read to its end first, and a DELETE.
    pub fn purge(&self, request: PurgeRequest) -> BoxStream<'static, Result<Purged, Error>> {
        let engine = self.clone();
        let mut spaces = self.survey(&request.prefix);
        async_stream::try_stream! {
            while let Some(stored) = spaces.try_next().await? {
                let purge = Purge { engine: &engine, stored: &stored, request: &request };
                for purged in purge.internal().await? {
                    yield purged;
                }
                if let Some(purged) = purge.reference().await? {
                    yield purged;
                }
                if request.exclusive {
                    for purged in purge.hidden().await? {
                        yield purged;
                    }
                }
            }
        }
        .boxed()
    }
}

/// The references that deltas need and that do not stand in their place.
struct Needed {
    digests: Vec<Sha256>,
    /// Whether every delta of the space has said what it needs.
    is_known: bool,
}

/// The purge of a space.
struct Purge<'a> {
    engine: &'a Engine,
    stored: &'a StoredSpace,
    request: &'a PurgeRequest,
}

impl Purge<'_> {
    fn ages(&self) -> Ages {
        let PurgeRequest { older_than, exclusive, .. } = *self.request;
        Ages { now: self.now(), older_than, exclusive }
    }

    /// When it is, by the clock that the objects' times are by: what was surveyed has told how far this one is from it.
    fn now(&self) -> SystemTime {
        self.engine.store_time(self.request.now)
    }

    /// Temporary copies, throw-away keys and trash.
    async fn internal(&self) -> Result<Vec<Purged>, Error> {
        let mut purged = Vec::new();
        let mut needed = None;
        for object in &self.stored.internal {
            let written = object.last_modified;
            match InternalName::of(&self.stored.space, &object.key) {
                InternalName::Temporary => {
                    let at = self.stored.at(object);
                    let head = undamaged(self.engine.listed_head(&at, &object.e_tag).await)?;
                    let Some(head) = head else { continue };
                    if expires_at(&head.head.attributes.metadata).is_none_or(|expires| expires > self.now()) {
                        continue;
                    }
                    // No two of them have the same key: where conditions are ignored, none is needed.
                    let outcome = self.remove(&at, &object.e_tag).await?;
                    let keeps_versions = keeps_versions(head.head.version_id.as_deref());
                    purged.push(Purged { keeps_versions, ..self.purged(object, Garbage::Temporary, outcome) });
                }
                InternalName::Probe if self.ages().is_old(written) => {
                    let outcome = match self.ages().may_be_in_motion(written) {
                        true => PurgeOutcome::Kept(IN_MOTION),
                        false => self.remove(&self.stored.at(object), &object.e_tag).await?,
                    };
                    purged.push(self.purged(object, Garbage::Probe, outcome));
                }
                InternalName::Trash(digest) if self.ages().is_old(written) => {
                    if self.ages().may_be_in_motion(written) {
                        purged.push(self.purged(object, Garbage::Trash, PurgeOutcome::Kept(IN_MOTION)));
                        continue;
                    }
                    if needed.is_none() {
                        needed = Some(self.needed_from_trash().await?);
                    }
                    let outcome = match &needed {
                        Some(needed) if needed.digests.contains(&digest) => {
                            PurgeOutcome::Kept("a delta needs it; `repair` puts it back where it can")
                        }
                        Some(Needed { is_known: false, .. }) => PurgeOutcome::Kept(MAY_BE_NEEDED),
                        _ => self.remove(&self.stored.at(object), &object.e_tag).await?,
                    };
                    purged.push(self.purged(object, Garbage::Trash, outcome));
                }
                _ => {}
            }
        }
        Ok(purged)
    }

    /// The references that deltas of the space need, and that do not stand in their place.
    async fn needed_from_trash(&self) -> Result<Needed, Error> {
        let mut needed = Needed { digests: Vec::new(), is_known: true };
        if self.stored.deltas.is_empty() {
            return Ok(needed);
        }
        let head = undamaged(self.reference_head().await)?;
        let standing = head.and_then(|head| reference_record(&head)).and_then(|content| content.sha256);
        let listed = self.stored.listed(self.stored.deltas.iter().map(|(_, object)| object));
        let mut heads = self.engine.listed_heads(listed);
        while let Some(head) = heads.next().await {
            let head = match head {
                Ok(Some(head)) => head,
                Ok(None) => continue,
                Err(error) if error.is_damaged_at_store() => {
                    needed.is_known = false;
                    continue;
                }
                Err(error) => return Err(error),
            };
            match Record::read(&head.head.attributes.metadata) {
                Ok(Record::Delta(DeltaRecord { reference_sha256: Some(digest), .. })) => {
                    if Some(digest) != standing && !needed.digests.contains(&digest) {
                        needed.digests.push(digest);
                    }
                }
                Ok(Record::Delta(_)) | Err(_) => needed.is_known = false,
                // Somebody else's, who needs no reference of ours.
                Ok(_) => {}
            }
        }
        Ok(needed)
    }

    /// One HEAD: what stands where the reference would be.
    async fn reference_head(&self) -> Result<Option<ObjectHead>, Error> {
        Ok(found(self.engine.inner.store.head(&self.stored.space.reference()).await)?)
    }

    /// The reference of a space that holds no delta.
    async fn reference(&self) -> Result<Option<Purged>, Error> {
        let Some(object) = &self.stored.reference else { return Ok(None) };
        if !self.stored.deltas.is_empty() || !self.ages().is_old(object.last_modified) {
            return Ok(None);
        }
        let (engine, space) = (self.engine, &self.stored.space);
        let Some(head) = undamaged(self.reference_head().await)? else { return Ok(None) };
        if reference_record(&head).is_none() {
            return Ok(None);
        }
        let outcome = if self.request.dry {
            PurgeOutcome::WouldRemove
        } else if space.fits_internal_keys() && engine.honours_delete(space).await? {
            match engine.remove_unused_reference(space).await? {
                ReferenceRemoval::Removed => PurgeOutcome::Removed,
                ReferenceRemoval::Kept => PurgeOutcome::Kept("a delta needs it now, or another client is at it"),
                ReferenceRemoval::NoRoom if !self.request.exclusive => PurgeOutcome::Kept(NO_ROOM),
                ReferenceRemoval::NoRoom => self.remove_at_once(&head.e_tag).await?,
            }
        } else if !self.request.exclusive {
            PurgeOutcome::Kept(UNGUARDED)
        } else {
            self.remove_at_once(&head.e_tag).await?
        };
        let keeps_versions = keeps_versions(head.version_id.as_deref());
        Ok(Some(Purged { keeps_versions, ..self.purged(object, Garbage::Reference, outcome) }))
    }

    /// Removes the reference without a copy in the trash: nobody else is writing.
    async fn remove_at_once(&self, seen: &ETag) -> Result<PurgeOutcome, Error> {
        let space = &self.stored.space;
        match self.engine.holds_delta(space).await? {
            true => Ok(PurgeOutcome::Kept("a delta needs it now")),
            false => self.remove(&space.reference(), seen).await,
        }
    }

    /// Whole forms that deltas hide.
    async fn hidden(&self) -> Result<Vec<Purged>, Error> {
        let mut purged = Vec::new();
        let deltas: HashMap<&str, &ListedObject> =
            self.stored.deltas.iter().map(|(key, object)| (key.as_str(), object)).collect();
        for (key, object) in &self.stored.whole {
            let Some(delta) = deltas.get(key.as_str()) else { continue };
            let at = Location::new(self.stored.space.bucket(), key.as_str());
            if !may_be_delta(at.name()) {
                continue;
            }
            let whole_at = self.stored.at(object);
            let whole = undamaged(self.engine.listed_head(&whole_at, &object.e_tag).await)?;
            let hiding = undamaged(self.engine.listed_head(&self.stored.at(delta), &delta.e_tag).await)?;
            let (Some(whole), Some(hiding)) = (whole, hiding) else { continue };
            let Ok(Record::Delta(record)) = Record::read(&hiding.head.attributes.metadata) else { continue };
            let content = whole_content(&whole.head.attributes.metadata).and_then(|content| content.sha256);
            let hidden = Hidden {
                same_content: content.is_some() && content == record.content.sha256,
                whole_written: object.last_modified,
                delta_written: delta.last_modified,
            };
            let outcome = match plan::keeps_hidden(hidden) {
                Some(why) => PurgeOutcome::Kept(why),
                None if self.engine.prove(&at, &mut None).await.is_err() => {
                    PurgeOutcome::Kept("the delta that hides it cannot be read; see `verify --repair-plan`")
                }
                None => self.remove(&whole_at, &object.e_tag).await?,
            };
            let keeps_versions = keeps_versions(whole.head.version_id.as_deref());
            purged.push(Purged { keeps_versions, ..self.purged(object, Garbage::HiddenForm, outcome) });
        }
        Ok(purged)
    }

    /// Removes an object that is still the one that was seen. Where the store cannot tell, the key is one that is used once, or nobody
    /// else is writing.
    async fn remove(&self, at: &Location, seen: &ETag) -> Result<PurgeOutcome, Error> {
        if self.request.dry {
            return Ok(PurgeOutcome::WouldRemove);
        }
        let store = &self.engine.inner.store;
        let space = DeltaSpace::holding(at);
        let pinned = self.engine.honours_delete(&space).await?;
        match store.delete_one(at, pinned.then(|| seen.clone())).await {
            Ok(()) => Ok(PurgeOutcome::Removed),
            Err(error) if error.is_not_found() => Ok(PurgeOutcome::Removed),
            Err(error) if error.is_conflict() => Ok(PurgeOutcome::Kept(CHANGED)),
            Err(error) => Err(error.into()),
        }
    }

    fn purged(&self, object: &ListedObject, garbage: Garbage, outcome: PurgeOutcome) -> Purged {
        Purged { at: self.stored.at(object), garbage, size: object.size, outcome, keeps_versions: false }
    }
}

fn whole_content(metadata: &Metadata) -> Option<ContentRecord> {
    match Record::read(metadata) {
        Ok(Record::Whole(content)) => Some(content),
        _ => None,
    }
}

/// Whether the version of an object tells that its bucket keeps versions.
fn keeps_versions(version: Option<&str>) -> bool {
    version.is_some_and(|version| version != "null")
}
