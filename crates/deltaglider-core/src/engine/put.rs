//! Put: the first object of a space becomes its reference, later ones deltas, and what gains nothing is stored whole.

use std::sync::Arc;
use std::time::SystemTime;

use super::bodies::content_body;
use super::making::{Made, Making};
use super::plan::{self, Form, PutFacts, WhyWhole};
use super::reference::{ReferenceState, StoredReference};
use super::source::{Opened, Prepared, Source};
use super::{Engine, MAX_ROUNDS, ReferenceUse, StoredForm};
use crate::codec::{CodecId, DeltaCodec, DeltaParts};
use crate::delta_space::{delta_form, whole_form};
use crate::error::Error;
use crate::location::MAX_KEY_BYTES;
use crate::progress::{SharedProgress, Stage, silent};
use crate::record::{DeltaFacts, Record, delta_metadata, made_of, note_origin, whole_metadata};
use crate::scratch::Scratch;
use crate::store::{
    Attributes, ETag, Metadata, ObjectHead, Placement, PutBody, PutMode, PutOptions, PutReceipt, StoreErrorKind, found,
};
use crate::{DeltaSpace, Location, RandomAccess, Sha256};

/// How an object is put.
#[derive(Clone, Debug)]
pub struct PutRequest {
    /// The user's headers and metadata.
    pub attributes: Attributes,
    /// Where and under whose eyes it is kept; a reference inherits it.
    pub placement: Placement,
    /// Store it whole, whatever its name.
    pub whole: bool,
    /// Another limit than the policy's for delta ÷ target.
    pub max_ratio: Option<f64>,
    /// Hears how far it is.
    pub progress: SharedProgress,
}

impl Default for PutRequest {
    fn default() -> Self {
        Self {
            attributes: Attributes::default(),
            placement: Placement::default(),
            whole: false,
            max_ratio: None,
            progress: silent(),
        }
    }
}

/// What a put did.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PutReport {
    /// Where the object is.
    pub at: Location,
    /// Length of its content in bytes.
    pub size: u64,
    /// Its logical entity tag: MD5 of the content.
    pub e_tag: ETag,
    /// Digest of its content.
    pub sha256: Sha256,
    /// The form that is stored.
    pub stored: StoredForm,
    /// Bytes stored under the object's own name.
    pub stored_size: u64,
    /// Bytes sent to the store in all, a new reference and further rounds included.
    pub sent: u64,
    /// Where the reference came from.
    pub reference: ReferenceUse,
    /// What its delta is made of, where it is one.
    pub parts: Option<DeltaParts>,
    /// Why it was stored whole, where it was.
    pub why_whole: Option<WhyWhole>,
    /// Version of the stored object, where the bucket keeps versions.
    pub version_id: Option<String>,
}

/// What a put would come to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Estimate {
    /// Length of the content in bytes.
    pub size: u64,
    /// Bytes that would be stored under the object's own name.
    pub stored_size: u64,
    /// Whether it would become the reference of its space, which is stored besides.
    pub becomes_reference: bool,
    /// What its delta would be made of, where it would be one.
    pub parts: Option<DeltaParts>,
    /// Why it would be stored whole, where it would.
    pub why_whole: Option<WhyWhole>,
}

/// What the puts of one operation have in common.
pub(super) struct Put<'a> {
    at: &'a Location,
    space: DeltaSpace,
    pub(super) request: &'a PutRequest,
    pub(super) prepared: Prepared,
    /// The codecs that write, in the order in which they are tried; empty where no delta is made.
    pub(super) writers: Vec<Arc<dyn DeltaCodec>>,
    /// The whole object that this one stands for, where nothing else may be overwritten: nobody has asked for another content.
    pub(super) stands_for: Option<ObjectHead>,
    /// Entity tag of the delta that was stored.
    pub(super) written: Option<ETag>,
    sent: u64,
}

impl Engine {
    /// Stores an object: as a delta where its name is eligible and the delta is small enough, else whole.
    ///
    /// When this returns, the object is readable by everybody, whatever other clients did meanwhile.
    /// Requests: 4 for the first of a delta space (HEAD, PUT, PUT, HEAD), 3 with the reference in the cache (HEAD, PUT, HEAD), one
    /// more to fetch it; 1 for a name that can be no delta, 3 for one that could and is stored whole; 2 more where a delta
    /// of that name stands already. At a store that is not known, 3 more for the first reference in a bucket. One more, at the same
    /// time as the first, to read what the bucket asks of its clients, once for each bucket and [`CONFIG_LIFETIME`](super::CONFIG_LIFETIME); with the codec
    /// `vcdiff` one more to look for a whole form, and another one to remove it.
    ///
    /// # Errors
    /// [`Error::Source`] and [`Error::SourceChanged`] where the source cannot be read or is written to meanwhile; [`Error::Store`];
    /// [`Error::Contended`]. Nothing is acknowledged then; an object that was there before may be replaced or not.
    pub async fn put(&self, at: &Location, source: Source, request: &PutRequest) -> Result<PutReport, Error> {
        ensure_key(at)?;
        let opened = self.open_source(source, &request.progress).await?;
        match self.form(at, opened.size(), request) {
            Form::Whole(why) => {
                let mut put = Put::new(at, request, opened.hash(Arc::clone(&request.progress)).await?);
                self.store_whole(&mut put, why, Hiding::Nothing).await
            }
            Form::WholeInsteadOfDelta(why) => {
                let hash = opened.hash(Arc::clone(&request.progress));
                let (prepared, hiding) = futures::try_join!(hash, self.hiding(at))?;
                let mut put = Put::new(at, request, prepared);
                self.store_whole(&mut put, why, hiding).await
            }
            Form::Delta => self.put_delta(at, opened, request).await,
        }
    }

    /// What a put would store, without storing it. Costs 1 request, and 1 more to fetch the reference where it is not cached.
    pub async fn estimate(&self, at: &Location, source: Source, request: &PutRequest) -> Result<Estimate, Error> {
        ensure_key(at)?;
        let opened = self.open_source(source, &request.progress).await?;
        let size = opened.size();
        let whole =
            |why| Estimate { size, stored_size: size, becomes_reference: false, parts: None, why_whole: Some(why) };
        match self.form(at, size, request) {
            Form::Whole(why) | Form::WholeInsteadOfDelta(why) => return Ok(whole(why)),
            Form::Delta => {}
        }
        let space = DeltaSpace::of(at);
        let hash = opened.hash(Arc::clone(&request.progress));
        let (prepared, mut state, (), writers) =
            futures::try_join!(hash, self.reference_state(&space), self.cache_ready(), self.writers(at.bucket()))?;
        let put = Put { writers, ..Put::new(at, request, prepared) };
        for _ in 0..MAX_ROUNDS {
            let becomes_reference = state == ReferenceState::Absent;
            let reference = match &state {
                ReferenceState::Foreign => return Ok(whole(WhyWhole::ForeignReference)),
                ReferenceState::Absent if !self.may_be_reference(size, &put.writers) => {
                    return Ok(whole(WhyWhole::Memory));
                }
                ReferenceState::Absent => put.as_reference(&space, ETag::new("")),
                ReferenceState::Present(reference) => reference.clone(),
            };
            match self.make_delta(&put, &reference, false).await? {
                Making::Made(made) => {
                    let (stored_size, parts) = (made.delta.size(), Some(made.parts));
                    return Ok(Estimate { size, stored_size, becomes_reference, parts, why_whole: None });
                }
                Making::Whole(why) => return Ok(whole(why)),
                Making::NeedsMemory(_) => return Ok(whole(WhyWhole::Memory)),
                Making::Moved => state = self.reference_state(&space).await?,
            }
        }
        Err(Error::Contended { at: at.clone(), rounds: MAX_ROUNDS })
    }

    pub(super) fn form(&self, at: &Location, size: u64, request: &PutRequest) -> Form {
        let facts = PutFacts {
            name: at.name(),
            size,
            delta_key_fits: delta_form(at).is_some(),
            internal_keys_fit: DeltaSpace::of(at).fits_internal_keys(),
        };
        let redirects = request.attributes.website_redirect.is_some();
        match plan::form(&self.inner.policy, facts) {
            Form::Delta if request.whole => Form::WholeInsteadOfDelta(WhyWhole::Policy),
            Form::Delta if redirects || request.placement.is_archived() => {
                Form::WholeInsteadOfDelta(WhyWhole::Placement)
            }
            form => form,
        }
    }

    async fn put_delta(&self, at: &Location, opened: Opened, request: &PutRequest) -> Result<PutReport, Error> {
        let space = DeltaSpace::of(at);
        let hash = opened.hash(Arc::clone(&request.progress));
        let (prepared, state, (), writers) =
            futures::try_join!(hash, self.reference_state(&space), self.cache_ready(), self.writers(at.bucket()))?;
        let hiding = self.seen_whole(at, writers[0].id()).await?;
        let put = Put { writers, ..Put::new(at, request, prepared) };
        match self.try_delta(put, state).await? {
            Tried::Stored(_, report) => {
                self.remove_whole(&space, at, hiding).await?;
                Ok(*report)
            }
            Tried::Whole(put, why) => self.put_whole_instead(put, why).await,
        }
    }

    /// Stores a hashed object as a delta, beginning with what was seen of the reference; stores nothing where it is to stay whole.
    pub(super) async fn try_delta<'a>(&self, mut put: Put<'a>, mut state: ReferenceState) -> Result<Tried<'a>, Error> {
        let mut created = false;
        for _ in 0..MAX_ROUNDS {
            let reference = match state {
                ReferenceState::Foreign => return Ok(Tried::Whole(put, WhyWhole::ForeignReference)),
                ReferenceState::Present(reference) => reference,
                ReferenceState::Absent => match self.become_reference(&mut put).await? {
                    Becoming::Reference(reference) => {
                        created = true;
                        reference
                    }
                    Becoming::TooLate => {
                        state = self.reference_state(&put.space).await?;
                        continue;
                    }
                    Becoming::TooLarge => return Ok(Tried::Whole(put, WhyWhole::Memory)),
                },
            };
            let made = match self.make_delta(&put, &reference, created).await? {
                Making::Made(made) => made,
                Making::Whole(why) => return Ok(Tried::Whole(put, why)),
                Making::NeedsMemory(_) => return Ok(Tried::Whole(put, WhyWhole::Memory)),
                Making::Moved => {
                    state = self.reference_state(&put.space).await?;
                    continue;
                }
            };
            let Some(receipt) = self.store_delta(&mut put, &reference, &made).await? else {
                return Ok(Tried::Whole(put, WhyWhole::ForeignDelta));
            };
            match self.confirm(&mut put, &reference, &made).await? {
                None => {
                    let used = if created { ReferenceUse::Created } else { made.used };
                    let report = Box::new(put.delta_report(&reference, &made, used, receipt));
                    return Ok(Tried::Stored(put, report));
                }
                Some(other) => state = other,
            }
        }
        Err(Error::Contended { at: put.at.clone(), rounds: MAX_ROUNDS })
    }

    /// Makes the object itself the reference of its space.
    async fn become_reference(&self, put: &mut Put<'_>) -> Result<Becoming, Error> {
        let digest = put.prepared.digest;
        if !self.may_be_reference(digest.size, &put.writers) {
            return Ok(Becoming::TooLarge);
        }
        let body = put.prepared.body();
        put.sent += digest.size;
        let created = self.create_reference(&put.space, put.at, &digest, body, &put.request.placement).await?;
        let Some(receipt) = created else { return Ok(Becoming::TooLate) };
        put.request.progress.advance(Stage::Upload, digest.size);
        if let Err(changed) = put.prepared.ensure_unchanged() {
            // What was stored may not be what its record says; nobody can have used it, since its digest is wrong.
            self.inner.store.delete_one(&put.space.reference(), Some(receipt.e_tag)).await?;
            return Err(changed);
        }
        Ok(Becoming::Reference(put.as_reference(&put.space, receipt.e_tag)))
    }

    /// Stores a delta under the object's name; `None` where a foreign object stands there.
    async fn store_delta(
        &self,
        put: &mut Put<'_>,
        reference: &StoredReference,
        made: &Made,
    ) -> Result<Option<PutReceipt>, Error> {
        let Some(at) = delta_form(put.at) else { return Ok(None) };
        let delta = &made.delta;
        let facts = DeltaFacts {
            codec: made.codec.id(),
            reference: &reference.at,
            reference_sha256: reference.sha256,
            size: delta.size(),
        };
        let user = &put.request.attributes.metadata;
        let created = put.stands_for.as_ref().map_or_else(SystemTime::now, |whole| whole.last_modified);
        let mut metadata = delta_metadata(put.at, &put.prepared.digest, &facts, created, user);
        if let Some(whole) = &put.stands_for {
            note_origin(&mut metadata, &whole.e_tag);
        }
        // The first attempt costs no question: where nothing stands, nothing foreign is overwritten.
        let mut mode = PutMode::Create;
        for _ in 0..MAX_ROUNDS {
            let options = put.options(mode.clone(), metadata.clone());
            let answer = self.inner.store.put(&at, delta_body(delta), options).await;
            put.sent += delta.size();
            match answer {
                Ok(receipt) => {
                    put.request.progress.advance(Stage::Upload, delta.size());
                    put.written = Some(receipt.e_tag.clone());
                    return Ok(Some(receipt));
                }
                Err(error) if error.is_conflict() || error.is_not_found() => {}
                Err(error) if error.kind == StoreErrorKind::Unsupported && mode != PutMode::Overwrite => {}
                Err(error) => return Err(error.into()),
            }
            let unsupported = !self.honours_create(&put.space).await?;
            mode = match found(self.inner.store.head(&at).await)? {
                None if unsupported => PutMode::Overwrite,
                None => PutMode::Create,
                Some(head) if !is_own_delta(&head.attributes.metadata) => return Ok(None),
                // Neither our own of an earlier round, nor our own whose answer was lost.
                Some(head)
                    if put.stands_for.is_some()
                        && put.written.as_ref() != Some(&head.e_tag)
                        && head.attributes.metadata != metadata =>
                {
                    return Err(Error::Contended { at: put.at.clone(), rounds: 1 });
                }
                Some(_) if unsupported => PutMode::Overwrite,
                Some(head) => PutMode::Update(head.e_tag),
            };
        }
        Err(Error::Contended { at, rounds: MAX_ROUNDS })
    }

    /// Looks once more for the reference: a delta is acknowledged only when its reference stands.
    ///
    /// `None`: it does. Otherwise what stands there now, to encode against.
    async fn confirm(
        &self,
        put: &mut Put<'_>,
        reference: &StoredReference,
        made: &Made,
    ) -> Result<Option<ReferenceState>, Error> {
        for _ in 0..MAX_ROUNDS {
            match self.reference_state(&put.space).await? {
                ReferenceState::Present(now) if now.sha256 == reference.sha256 => return Ok(None),
                ReferenceState::Absent => {
                    // Somebody removed it, seeing no delta that needs it. We hold it; else this object takes its place.
                    let Some((stored, digest)) = self.restore(&made.reference).await else {
                        return Ok(Some(ReferenceState::Absent));
                    };
                    put.sent += digest.size;
                    let (body, placement) = (PutBody::Bytes(stored), &put.request.placement);
                    if self.create_reference(&put.space, put.at, &digest, body, placement).await?.is_some() {
                        return Ok(None);
                    }
                }
                other => return Ok(Some(other)),
            }
        }
        Err(Error::Contended { at: put.space.reference(), rounds: MAX_ROUNDS })
    }

    async fn put_whole_instead(&self, mut put: Put<'_>, why: WhyWhole) -> Result<PutReport, Error> {
        let hiding = self.hiding(put.at).await?;
        self.store_whole(&mut put, why, hiding).await
    }

    /// Which delta the writer of a whole object has to remove: the one that stands there before he stores his own. One that another
    /// writer stores afterwards is newer. One HEAD.
    pub(super) async fn hiding(&self, at: &Location) -> Result<Hiding, Error> {
        Ok(self.own_delta(at).await?.map_or(Hiding::Migrated, Hiding::Seen))
    }

    /// One HEAD: the entity tag of the object's delta form, if there is one of ours.
    async fn own_delta(&self, at: &Location) -> Result<Option<ETag>, Error> {
        let Some(at) = delta_form(at) else { return Ok(None) };
        let head = found(self.inner.store.head(&at).await)?;
        Ok(head.filter(|head| is_own_delta(&head.attributes.metadata)).map(|head| head.e_tag))
    }

    /// The entity tag of the object's whole form, whoever put it there, where the delta is to be one by `vcdiff`: its other readers
    /// take the whole form for the object. One HEAD then.
    pub(super) async fn seen_whole(&self, at: &Location, codec: CodecId) -> Result<Option<ETag>, Error> {
        match codec == CodecId::VCDIFF {
            true => Ok(found(self.inner.store.head(&whole_form(at)).await)?.map(|head| head.e_tag)),
            false => Ok(None),
        }
    }

    /// Removes the whole form that was seen, once the delta stands. A writer of the whole form who comes at the same time may remove
    /// the delta: with readers that ask for the whole form first, there is no order without that.
    pub(super) async fn remove_whole(
        &self,
        space: &DeltaSpace,
        at: &Location,
        seen: Option<ETag>,
    ) -> Result<(), Error> {
        match seen {
            Some(seen) => self.remove_seen(space, &whole_form(at), seen).await,
            None => Ok(()),
        }
    }

    /// Stores the object whole, then removes the delta that readers would ask for first.
    async fn store_whole(&self, put: &mut Put<'_>, why: WhyWhole, hiding: Hiding) -> Result<PutReport, Error> {
        let at = whole_form(put.at);
        ensure_key(&at)?;
        let metadata =
            whole_metadata(put.at, &put.prepared.digest, SystemTime::now(), &put.request.attributes.metadata);
        let options = put.options(PutMode::Overwrite, metadata);
        let receipt = self.inner.store.put(&at, put.prepared.body(), options).await?;
        put.sent += put.prepared.digest.size;
        put.request.progress.advance(Stage::Upload, put.prepared.digest.size);
        put.prepared.ensure_unchanged()?;
        self.uncover(put.at, &at, hiding, &receipt.e_tag).await?;
        Ok(put.whole_report(at, why, receipt))
    }

    /// Removes the delta that hides an object whose whole form was just stored, with this entity tag.
    pub(super) async fn uncover(
        &self,
        at: &Location,
        whole: &Location,
        hiding: Hiding,
        stored: &ETag,
    ) -> Result<(), Error> {
        let (Some(delta), space) = (delta_form(at), DeltaSpace::of(at)) else { return Ok(()) };
        match hiding {
            Hiding::Nothing => Ok(()),
            Hiding::Seen(seen) => self.remove_seen(&space, &delta, seen).await,
            Hiding::Migrated => self.remove_migrated(&space, whole, &delta, stored).await,
        }
    }

    /// Removes a delta that a migration has made meanwhile of an older whole object. A migration looks at the whole form after it
    /// stored its delta, and we look for a delta after we stored the whole form: one of the two sees the other. One HEAD, and another
    /// one where there is such a delta.
    async fn remove_migrated(
        &self,
        space: &DeltaSpace,
        whole: &Location,
        delta: &Location,
        stored: &ETag,
    ) -> Result<(), Error> {
        let Some(head) = found(self.inner.store.head(delta).await)? else { return Ok(()) };
        let Some(of) = made_of(&head.attributes.metadata).filter(|of| of != stored) else { return Ok(()) };
        // Ours stands, or another one that is newer, whose writer may have died before he removed the delta. Where none stands, or
        // again what the delta was made of, somebody else has had the last word.
        match found(self.inner.store.head(whole).await)? {
            Some(now) if now.e_tag != of => self.remove_seen(space, delta, head.e_tag).await,
            _ => Ok(()),
        }
    }

    /// Removes an object if it is still the one that was seen.
    pub(super) async fn remove_seen(&self, space: &DeltaSpace, at: &Location, seen: ETag) -> Result<(), Error> {
        let store = &self.inner.store;
        let removed = if self.honours_delete(space).await? {
            store.delete_one(at, Some(seen)).await
        } else {
            // The weaker guarantee of such a store: another writer may come between the two. Left there, it would hide the
            // newer object for certain.
            match found(store.head(at).await)? {
                Some(head) if head.e_tag == seen => store.delete_one(at, None).await,
                _ => Ok(()),
            }
        };
        match removed {
            Err(error) if error.is_conflict() || error.is_not_found() => Ok(()),
            other => Ok(other?),
        }
    }
}

/// What came of trying to store an object as a delta.
pub(super) enum Tried<'a> {
    /// It is stored and confirmed.
    Stored(Put<'a>, Box<PutReport>),
    /// It is to be whole, for this reason.
    Whole(Put<'a>, WhyWhole),
}

/// The delta that would hide a whole object.
pub(super) enum Hiding {
    /// There can be none.
    Nothing,
    /// It was there before.
    Seen(ETag),
    /// Only one that a migration makes at the same time.
    Migrated,
}

/// What came of trying to become the reference.
enum Becoming {
    Reference(StoredReference),
    TooLate,
    TooLarge,
}

impl<'a> Put<'a> {
    pub(super) fn new(at: &'a Location, request: &'a PutRequest, prepared: Prepared) -> Self {
        Self {
            at,
            space: DeltaSpace::of(at),
            request,
            prepared,
            writers: Vec::new(),
            stands_for: None,
            written: None,
            sent: 0,
        }
    }

    fn as_reference(&self, space: &DeltaSpace, e_tag: ETag) -> StoredReference {
        let digest = self.prepared.digest;
        StoredReference { at: space.reference(), e_tag, sha256: digest.sha256, size: digest.size }
    }

    fn options(&self, mode: PutMode, metadata: Metadata) -> PutOptions {
        let attributes = Attributes { metadata, ..self.request.attributes.clone() };
        PutOptions { mode, attributes, placement: self.request.placement.clone() }
    }

    fn delta_report(
        &self,
        reference: &StoredReference,
        made: &Made,
        used: ReferenceUse,
        receipt: PutReceipt,
    ) -> PutReport {
        let size = made.delta.size();
        let stored = StoredForm::Delta {
            at: delta_form(self.at).unwrap_or_else(|| self.at.clone()),
            size,
            codec: made.codec.id().as_str().to_owned(),
            reference: Some(reference.sha256),
        };
        let parts = Some(made.parts);
        PutReport { stored_size: size, reference: used, parts, ..self.report(stored, receipt) }
    }

    fn whole_report(&self, at: Location, why: WhyWhole, receipt: PutReceipt) -> PutReport {
        PutReport { why_whole: Some(why), ..self.report(StoredForm::Whole { at }, receipt) }
    }

    fn report(&self, stored: StoredForm, receipt: PutReceipt) -> PutReport {
        let digest = self.prepared.digest;
        PutReport {
            at: self.at.clone(),
            size: digest.size,
            e_tag: ETag::new(&digest.md5.to_string()),
            sha256: digest.sha256,
            stored,
            stored_size: digest.size,
            sent: self.sent,
            reference: ReferenceUse::None,
            parts: None,
            why_whole: None,
            version_id: receipt.version_id,
        }
    }
}

/// Whether what stands under a delta's name is a delta of ours. A record that cannot be read is ours too: the name is overwritten
/// by the wish of its user, and would be in the way of reading the new object.
pub(super) fn is_own_delta(metadata: &Metadata) -> bool {
    !matches!(Record::read(metadata), Ok(Record::Foreign | Record::Whole(_) | Record::Reference(_)))
}

/// Refuses keys that no store accepts.
pub(super) fn ensure_key(at: &Location) -> Result<(), Error> {
    match at.key().len() {
        0 => Err(Error::Invalid("the key is empty".to_owned())),
        length if length > MAX_KEY_BYTES => Err(Error::Invalid(format!(
            "the key is {length} bytes long as it would be stored; S3 allows {MAX_KEY_BYTES}"
        ))),
        _ => Ok(()),
    }
}

fn delta_body(delta: &Arc<Scratch>) -> PutBody {
    match delta.bytes() {
        Some(bytes) => PutBody::Bytes(bytes),
        None => content_body(Arc::clone(delta) as Arc<dyn RandomAccess>),
    }
}
