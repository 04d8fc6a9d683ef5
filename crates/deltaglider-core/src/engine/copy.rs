//! Copy: on the server's side where the stored form fits its new place, else by reading and putting.

use std::io;
use std::time::SystemTime;

use futures::{StreamExt, TryStreamExt};

use super::head::Standing;
use super::plan::{self, Form, PutFacts};
use super::put::{ensure_key, is_own_delta};
use super::reference::ReferenceState;
use super::{Engine, GetRequest, LogicalHead, MAX_ROUNDS, PutReport, PutRequest, ReferenceUse, Source, StoredForm};
use crate::delta_space::{delta_form, whole_form};
use crate::error::Error;
use crate::record::{DeltaFacts, delta_metadata, whole_metadata};
use crate::store::{Attributes, CopyOptions, PutMode, PutReceipt, StoreError, StoreErrorKind, found};
use crate::{ContentDigest, DeltaSpace, Location, Md5};

/// How an object is copied.
#[derive(Clone, Debug, Default)]
pub struct CopyRequest {
    /// Other headers and metadata instead of the source's.
    pub replace: Option<Attributes>,
    /// How it is put; its attributes are not used.
    pub put: PutRequest,
}

impl Engine {
    /// Copies an object. The content does not pass through this client where the destination has the same reference, or where both
    /// ends are stored whole; otherwise it is read and put. Content and attributes are those of one moment, whoever writes to the
    /// source meanwhile.
    ///
    /// Requests: 1 or 2 for the source's head, then 2 to 4 (HEAD of the destination's reference and of its name, COPY, HEAD), or
    /// those of a get and a put. All of them again where the source was changed in between; one HEAD more where the store gives the
    /// copy another entity tag.
    ///
    /// # Errors
    /// Those of [`Engine::get`] and [`Engine::put`]; [`Error::Contended`] where the source is changed again and again.
    pub async fn copy(&self, from: &Location, to: &Location, request: &CopyRequest) -> Result<PutReport, Error> {
        ensure_key(to)?;
        for _ in 0..MAX_ROUNDS {
            let source = self.standing(from).await?;
            let attributes = request.replace.clone().unwrap_or_else(|| source.head.attributes.clone());
            let copied = match &source.head.stored {
                StoredForm::Delta { .. } => self.copy_delta(&source, to, &attributes, request).await?,
                StoredForm::Whole { .. } | StoredForm::Foreign { .. } => {
                    self.copy_whole(&source, to, &attributes, request).await?
                }
            };
            match copied {
                Copied::Done(report) => return Ok(*report),
                Copied::Not => return self.copy_through(from, to, request).await,
                Copied::Changed => {}
            }
        }
        Err(Error::Contended { at: from.clone(), rounds: MAX_ROUNDS })
    }

    async fn copy_through(&self, from: &Location, to: &Location, request: &CopyRequest) -> Result<PutReport, Error> {
        let got = self.get(from, &GetRequest::default()).await?;
        let attributes = request.replace.clone().unwrap_or_else(|| got.head.attributes.clone());
        let put = PutRequest { attributes, ..request.put.clone() };
        self.put(to, Source::Stream(got.body.map_err(io::Error::other).boxed()), &put).await.map_err(
            |error| match error {
                // What the source's reader said is what the user needs to hear.
                Error::Source(error) if is_ours(&error) => {
                    match error.into_inner().and_then(|inner| inner.downcast::<Error>().ok()) {
                        Some(inner) => *inner,
                        None => Error::SourceChanged,
                    }
                }
                other => other,
            },
        )
    }

    /// Copies what stands for the source, if it still is that: the record is written anew, and must not tell of another content.
    async fn copy_stored(
        &self,
        source: &Standing,
        to: &Location,
        options: CopyOptions,
    ) -> Result<Option<PutReceipt>, StoreError> {
        let (store, from, seen) = (&self.inner.store, source.candidate.at(), &source.stored.e_tag);
        let options = CopyOptions { source_if_match: Some(seen.clone()), ..options };
        let receipt = match store.copy(from, to, options).await {
            Ok(receipt) => receipt,
            Err(error) if error.is_conflict() || error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        // Conditions on copies are the ones that stores honour least: a copy with the tag of the source is one of it, and any other
        // one is if the source still stands there.
        let same = receipt.e_tag == *seen || found(store.head(from).await)?.is_some_and(|now| now.e_tag == *seen);
        Ok(same.then_some(receipt))
    }

    async fn copy_whole(
        &self,
        source: &Standing,
        to: &Location,
        attributes: &Attributes,
        request: &CopyRequest,
    ) -> Result<Copied, Error> {
        let head = &source.head;
        let facts = PutFacts {
            name: to.name(),
            size: head.size,
            delta_key_fits: delta_form(to).is_some(),
            internal_keys_fit: DeltaSpace::of(to).fits_internal_keys(),
        };
        let Form::Whole(why) = plan::form(self.policy(), facts) else { return Ok(Copied::Not) };
        // Without a digest there is no record to write; without a record the copy is as foreign as its source.
        let Some(digest) = digest(head) else { return Ok(Copied::Not) };
        if head.size > plan::MAX_REFERENCE_BYTES {
            return Ok(Copied::Not);
        }
        let at = whole_form(to);
        ensure_key(&at)?;
        let metadata = whole_metadata(to, &digest, SystemTime::now(), &attributes.metadata);
        let options = CopyOptions {
            replace: Some(Attributes { metadata, ..attributes.clone() }),
            placement: request.put.placement.clone(),
            ..CopyOptions::default()
        };
        let receipt = match self.copy_stored(source, &at, options).await {
            Ok(Some(receipt)) => receipt,
            Ok(None) => return Ok(Copied::Changed),
            Err(error) if error.kind == StoreErrorKind::Unsupported => return Ok(Copied::Not),
            Err(error) => return Err(error.into()),
        };
        let stored = StoredForm::Whole { at };
        let mut report = report(to, head, &digest, stored, head.size, receipt.version_id);
        report.why_whole = Some(why);
        Ok(Copied::Done(Box::new(report)))
    }

    async fn copy_delta(
        &self,
        source: &Standing,
        to: &Location,
        attributes: &Attributes,
        request: &CopyRequest,
    ) -> Result<Copied, Error> {
        let head = &source.head;
        let StoredForm::Delta { size, codec, reference: Some(needed), .. } = &head.stored else {
            return Ok(Copied::Not);
        };
        let (Some(digest), Some(at)) = (digest(head), delta_form(to)) else { return Ok(Copied::Not) };
        let space = DeltaSpace::of(to);
        let internal_keys_fit = space.fits_internal_keys();
        let facts = PutFacts { name: to.name(), size: head.size, delta_key_fits: true, internal_keys_fit };
        if plan::form(self.policy(), facts) != Form::Delta || request.put.whole {
            return Ok(Copied::Not);
        }
        let Some(codec_id) = self.reader_codec(codec).map(|codec| codec.id()) else { return Ok(Copied::Not) };
        let ReferenceState::Present(reference) = self.reference_state(&space).await? else { return Ok(Copied::Not) };
        if reference.sha256 != *needed || !self.takes_deltas_by(to.bucket(), codec).await? {
            return Ok(Copied::Not);
        }
        // Conditions on copies are the ones that stores honour least, so a foreign object is looked for, not guarded against.
        if found(self.inner.store.head(&at).await)?.is_some_and(|head| !is_own_delta(&head.attributes.metadata)) {
            return Ok(Copied::Not);
        }
        let facts = DeltaFacts { codec: codec_id, reference: &reference.at, reference_sha256: *needed, size: *size };
        let metadata = delta_metadata(to, &digest, &facts, SystemTime::now(), &attributes.metadata);
        let options = CopyOptions {
            mode: PutMode::Overwrite,
            replace: Some(Attributes { metadata, ..attributes.clone() }),
            placement: request.put.placement.clone(),
            ..CopyOptions::default()
        };
        let hiding = self.seen_whole(to, codec_id).await?;
        let Some(receipt) = self.copy_stored(source, &at, options).await? else { return Ok(Copied::Changed) };
        match self.reference_state(&space).await? {
            ReferenceState::Present(now) if now.sha256 == *needed => {
                self.remove_whole(&space, to, hiding).await?;
                let stored = StoredForm::Delta { at, size: *size, codec: codec.clone(), reference: Some(*needed) };
                Ok(Copied::Done(Box::new(report(to, head, &digest, stored, *size, receipt.version_id))))
            }
            // The reference has gone meanwhile: a put mends that.
            _ => Ok(Copied::Not),
        }
    }
}

/// What came of copying on the server's side.
enum Copied {
    Done(Box<PutReport>),
    /// It cannot be done there.
    Not,
    /// The source is another object by now, or gone.
    Changed,
}

fn is_ours(error: &io::Error) -> bool {
    matches!(error.get_ref(), Some(inner) if inner.is::<Error>())
}

fn digest(head: &LogicalHead) -> Option<ContentDigest> {
    let md5 = head.e_tag.unquoted().parse::<Md5>().ok()?;
    Some(ContentDigest { sha256: head.sha256?, md5, size: head.size })
}

fn report(
    to: &Location,
    head: &LogicalHead,
    digest: &ContentDigest,
    stored: StoredForm,
    stored_size: u64,
    version_id: Option<String>,
) -> PutReport {
    PutReport {
        at: to.clone(),
        size: head.size,
        e_tag: head.e_tag.clone(),
        sha256: digest.sha256,
        stored,
        stored_size,
        sent: 0,
        reference: ReferenceUse::None,
        parts: None,
        why_whole: None,
        version_id,
    }
}
