//! Copy: on the server's side where the stored form fits its new place, else by reading and putting.

use std::io;
use std::time::SystemTime;

use futures::{StreamExt, TryStreamExt};

use super::plan::{self, Form, PutFacts};
use super::put::{ensure_key, is_own_delta};
use super::reference::ReferenceState;
use super::{Engine, GetRequest, LogicalHead, PutReport, PutRequest, ReferenceUse, Source, StoredForm};
use crate::delta_space::{delta_form, whole_form};
use crate::error::Error;
use crate::record::{DeltaFacts, delta_metadata, whole_metadata};
use crate::store::{Attributes, CopyOptions, PutMode, StoreErrorKind, found};
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
    /// ends are stored whole; otherwise it is read and put.
    ///
    /// Requests: 1 or 2 for the source's head, then 2 to 4 (HEAD of the destination's reference and of its name, COPY, HEAD), or
    /// those of a get and a put.
    pub async fn copy(&self, from: &Location, to: &Location, request: &CopyRequest) -> Result<PutReport, Error> {
        ensure_key(to)?;
        let head = self.head(from).await?;
        let attributes = request.replace.clone().unwrap_or_else(|| head.attributes.clone());
        let done = match &head.stored {
            StoredForm::Delta { .. } => self.copy_delta(&head, to, &attributes, request).await?,
            StoredForm::Whole { .. } | StoredForm::Foreign { .. } => {
                self.copy_whole(&head, to, &attributes, request).await?
            }
        };
        match done {
            Some(report) => Ok(report),
            None => self.copy_through(from, to, attributes, request).await,
        }
    }

    async fn copy_through(
        &self,
        from: &Location,
        to: &Location,
        attributes: Attributes,
        request: &CopyRequest,
    ) -> Result<PutReport, Error> {
        let got = self.get(from, &GetRequest::default()).await?;
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

    async fn copy_whole(
        &self,
        head: &LogicalHead,
        to: &Location,
        attributes: &Attributes,
        request: &CopyRequest,
    ) -> Result<Option<PutReport>, Error> {
        let facts = PutFacts {
            name: to.name(),
            size: head.size,
            delta_key_fits: delta_form(to).is_some(),
            internal_keys_fit: DeltaSpace::of(to).fits_internal_keys(),
        };
        let Form::Whole(why) = plan::form(self.policy(), facts) else { return Ok(None) };
        // Without a digest there is no record to write; without a record the copy is as foreign as its source.
        let Some(digest) = digest(head) else { return Ok(None) };
        if head.size > plan::MAX_REFERENCE_BYTES {
            return Ok(None);
        }
        let at = whole_form(to);
        ensure_key(&at)?;
        let metadata = whole_metadata(to, &digest, SystemTime::now(), &attributes.metadata);
        let options = CopyOptions {
            replace: Some(Attributes { metadata, ..attributes.clone() }),
            placement: request.put.placement.clone(),
            ..CopyOptions::default()
        };
        let receipt = match self.inner.store.copy(head.stored.at(), &at, options).await {
            Ok(receipt) => receipt,
            Err(error) if error.kind == StoreErrorKind::Unsupported => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let stored = StoredForm::Whole { at };
        let mut report = report(to, head, &digest, stored, head.size, receipt.version_id);
        report.why_whole = Some(why);
        Ok(Some(report))
    }

    async fn copy_delta(
        &self,
        head: &LogicalHead,
        to: &Location,
        attributes: &Attributes,
        request: &CopyRequest,
    ) -> Result<Option<PutReport>, Error> {
        let StoredForm::Delta { at: from, size, codec, reference: Some(needed) } = &head.stored else {
            return Ok(None);
        };
        let (Some(digest), Some(at)) = (digest(head), delta_form(to)) else { return Ok(None) };
        let space = DeltaSpace::of(to);
        let internal_keys_fit = space.fits_internal_keys();
        let facts = PutFacts { name: to.name(), size: head.size, delta_key_fits: true, internal_keys_fit };
        if plan::form(self.policy(), facts) != Form::Delta || request.put.whole {
            return Ok(None);
        }
        let Some(codec_id) = self.reader_codec(codec).map(|codec| codec.id()) else { return Ok(None) };
        let ReferenceState::Present(reference) = self.reference_state(&space).await? else { return Ok(None) };
        if reference.sha256 != *needed || !self.takes_deltas_by(to.bucket(), codec).await? {
            return Ok(None);
        }
        // Conditions on copies are the ones that stores honour least, so a foreign object is looked for, not guarded against.
        if found(self.inner.store.head(&at).await)?.is_some_and(|head| !is_own_delta(&head.attributes.metadata)) {
            return Ok(None);
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
        let receipt = self.inner.store.copy(from, &at, options).await?;
        match self.reference_state(&space).await? {
            ReferenceState::Present(now) if now.sha256 == *needed => {
                self.remove_whole(&space, to, hiding).await?;
                let stored = StoredForm::Delta { at, size: *size, codec: codec.clone(), reference: Some(*needed) };
                Ok(Some(report(to, head, &digest, stored, *size, receipt.version_id)))
            }
            // The reference has gone meanwhile: a put mends that.
            _ => Ok(None),
        }
    }
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
