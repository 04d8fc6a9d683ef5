//! Repair: what is not as it should be under a prefix, and mending it without losing anything.

mod origin;
mod plan;

use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

pub use self::plan::{Action, Finding, Origin, Problem};
use self::plan::{BothForms, Place, Standing};
use super::bodies::content_body;
use super::conditions::random_u64;
use super::list::undamaged;
use super::proof::{ReferenceProof, ReferenceProofs, reference_record};
use super::survey::StoredSpace;
use super::{Depth, Engine};
use crate::codec::{CodecError, CodecId};
use crate::delta_space::InternalName;
use crate::error::Error;
use crate::policy::may_be_delta;
use crate::record::{Record, RecordError, expires_at, reference_metadata};
use crate::store::{Attributes, ByteRange, ETag, GetOptions, ListedObject, Placement, PutMode, PutOptions, found};
use crate::{DeltaSpace, Location, Sha256};

/// Bytes of a delta that say what its target was packed by.
const DELTA_BEGINNING: u64 = 4096;

/// What is looked at for a repair.
#[derive(Clone, Debug, PartialEq)]
pub struct RepairRequest {
    /// The bucket and the prefix, taken as a directory.
    pub prefix: Location,
    /// Quick: listings and heads. Full: references are read, and deltas of packed files are tried.
    pub depth: Depth,
    /// What has expired by then is stale.
    pub now: SystemTime,
}

/// What came of mending a finding.
#[derive(Debug)]
#[non_exhaustive]
pub enum Mended {
    /// It was mended.
    Done,
    /// There was nothing to do about it.
    Nothing,
    /// It was left as it is, since something had changed or the store cannot do it safely: why.
    Left(&'static str),
}

/// A delta of a space, as its record describes it.
#[derive(Clone, Debug)]
pub(super) struct DeltaSeen {
    /// The object that it is.
    pub(super) at: Location,
    stored_at: Location,
    e_tag: ETag,
    written: SystemTime,
    codec: String,
    /// Digest and length of the content.
    pub(super) content: Option<Sha256>,
    pub(super) size: Option<u64>,
    reference: Sha256,
    reference_key: Option<String>,
}

impl Engine {
    /// What is not as it should be under a prefix, one delta space after the other. Nothing is changed.
    ///
    /// Requests: the pages of the listing, one HEAD for each delta and each temporary copy, and for each space: quick, one HEAD of its
    /// reference; full, one GET of it, one GET of the beginning of each delta of a packed file that xdelta3 may have unpacked, and
    /// one of the whole of it where it has. One HEAD for each whole object whose name is a delta's too, and one GET where it has no record and
    /// its delta is lost. Where a reference is missing: a listing of the
    /// trash, one HEAD for each whole object of the space, and one GET for each that has no record and may be the reference.
    pub fn repair_plan(&self, request: RepairRequest) -> BoxStream<'static, Result<Finding, Error>> {
        let engine = self.clone();
        let mut spaces = self.survey(&request.prefix);
        async_stream::try_stream! {
            let proofs = ReferenceProofs::default();
            while let Some(stored) = spaces.try_next().await? {
                for finding in engine.inspect(&stored, &request, &proofs).await? {
                    yield finding;
                }
            }
        }
        .boxed()
    }

    /// Mends a finding of [`Engine::repair_plan`]; to mend it again does nothing.
    ///
    /// A reference is put where nothing stands (`If-None-Match: *`), or beside what stands there; what is removed is pinned by its
    /// entity tag. Requests: as many as reading the origin takes, 1 PUT, and 1 HEAD and 1 DELETE where it comes from the trash; for
    /// a removal 1 DELETE, and 1 GET where a whole form has to be proven first.
    pub async fn mend(&self, finding: &Finding) -> Result<Mended, Error> {
        match &finding.action {
            Action::None => Ok(Mended::Nothing),
            Action::PutReference { digest, origin } => {
                let Some((content, proven)) = self.origin_content(origin, *digest).await? else {
                    return Ok(Mended::Left("what it was to be made of has gone"));
                };
                let space = DeltaSpace::of_stored(&finding.at);
                let body = content_body(content);
                let put = self.create_reference(&space, &finding.at, &proven, body, &Placement::default()).await?;
                let stands = put.is_some() || self.stands(&finding.at, *digest).await?;
                if !stands {
                    return Ok(Mended::Left("another reference was put there meanwhile; plan again"));
                }
                self.empty_trash(&space, origin, *digest).await?;
                Ok(Mended::Done)
            }
            Action::KeepBeside { digest, origin } => {
                let Some((content, proven)) = self.origin_content(origin, *digest).await? else {
                    return Ok(Mended::Left("what it was to be made of has gone"));
                };
                let space = DeltaSpace::of_stored(&finding.at);
                let options = reference_options(&finding.at, &proven, PutMode::Overwrite);
                // A key that nobody else uses.
                self.inner.store.put(&space.trash(digest, random_u64()), content_body(content), options).await?;
                Ok(Mended::Done)
            }
            Action::ReplaceReference { digest, origin, seen } => {
                let Some((content, proven)) = self.origin_content(origin, *digest).await? else {
                    return Ok(Mended::Left("what it was to be made of has gone"));
                };
                let options = reference_options(&finding.at, &proven, PutMode::Update(seen.clone()));
                match self.inner.store.put(&finding.at, content_body(content), options).await {
                    Ok(_) => Ok(Mended::Done),
                    Err(error) if error.is_conflict() || error.is_not_found() => {
                        Ok(Mended::Left("the reference was changed meanwhile; plan again"))
                    }
                    Err(error) => Err(error.into()),
                }
            }
            Action::RemoveDelta { delta, seen, whole, digest } => {
                if !self.honours_delete(&DeltaSpace::of_stored(delta)).await? {
                    return Ok(Mended::Left(
                        "the store ignores conditions on deletes: another writer could lose its object",
                    ));
                }
                if self.stored_content(whole, *digest).await?.is_none() {
                    return Ok(Mended::Left("the whole form does not have the content that its record says"));
                }
                self.remove_pinned(delta, seen).await
            }
            Action::RemoveTemporary { seen } => {
                // No two temporary copies have the same key.
                let pinned = self.honours_delete(&DeltaSpace::holding(&finding.at)).await?;
                match pinned {
                    true => self.remove_pinned(&finding.at, seen).await,
                    false => {
                        self.inner.store.delete_one(&finding.at, None).await?;
                        Ok(Mended::Done)
                    }
                }
            }
        }
    }

    async fn remove_pinned(&self, at: &Location, seen: &ETag) -> Result<Mended, Error> {
        match self.inner.store.delete_one(at, Some(seen.clone())).await {
            Ok(()) => Ok(Mended::Done),
            Err(error) if error.is_not_found() => Ok(Mended::Nothing),
            Err(error) if error.is_conflict() => Ok(Mended::Left("it was changed meanwhile; plan again")),
            Err(error) => Err(error.into()),
        }
    }

    /// One HEAD: whether the reference with this digest stands there.
    async fn stands(&self, at: &Location, digest: Sha256) -> Result<bool, Error> {
        let head = found(self.inner.store.head(at).await)?;
        Ok(head.and_then(|head| reference_record(&head)).is_some_and(|content| content.sha256 == Some(digest)))
    }

    /// Removes the trash copy that a reference was put back from, once it stands.
    async fn empty_trash(&self, space: &DeltaSpace, origin: &Origin, digest: Sha256) -> Result<(), Error> {
        let Origin::Stored(at) = origin else { return Ok(()) };
        let is_trash = InternalName::of(space, at.key()) == InternalName::Trash(digest);
        if is_trash && self.stands(&space.reference(), digest).await? {
            self.inner.store.delete_one(at, None).await?;
        }
        Ok(())
    }

    async fn inspect(
        &self,
        stored: &StoredSpace,
        request: &RepairRequest,
        proofs: &ReferenceProofs,
    ) -> Result<Vec<Finding>, Error> {
        let mut findings = Vec::new();
        let deltas = self.see_deltas(stored, &mut findings).await?;
        let missing = self.inspect_references(stored, &deltas, request.depth, proofs, &mut findings).await?;
        self.inspect_forms(stored, &deltas, &missing, &mut findings).await?;
        if request.depth == Depth::Full {
            self.inspect_packed(&deltas, &missing, &mut findings).await?;
        }
        for object in &stored.internal {
            if InternalName::of(&stored.space, &object.key) != InternalName::Temporary {
                continue;
            }
            let at = stored.at(object);
            if let Some(head) = undamaged(self.listed_head(&at, &object.e_tag).await)?
                && expires_at(&head.head.attributes.metadata)
                    .is_some_and(|expires| expires <= self.store_time(request.now))
            {
                findings.push(Finding {
                    problem: Problem::TemporaryExpired,
                    action: Action::RemoveTemporary { seen: object.e_tag.clone() },
                    detail: "a copy for a link that is no longer good; the object itself stays".to_owned(),
                    ..finding(at)
                });
            }
        }
        Ok(findings)
    }

    /// The deltas of a space that are ours, by one HEAD each, several at a time.
    async fn see_deltas(&self, stored: &StoredSpace, findings: &mut Vec<Finding>) -> Result<Vec<DeltaSeen>, Error> {
        let mut heads = self.listed_heads(stored.listed(stored.deltas.iter().map(|(_, object)| object)));
        let mut seen = Vec::new();
        for (key, object) in &stored.deltas {
            let at = Location::new(stored.space.bucket(), key.as_str());
            let delta = match heads.next().await {
                Some(Ok(Some(head))) => {
                    let record = Record::read(&head.head.attributes.metadata);
                    see_delta(at.clone(), stored.at(object), object, record).map_err(|error| error.to_string())
                }
                Some(Err(error)) if error.is_damaged_at_store() => Err(error.to_string()),
                Some(Err(error)) => return Err(error),
                Some(Ok(None)) | None => continue,
            };
            match delta {
                Ok(Some(delta)) => seen.push(delta),
                Ok(None) => {}
                Err(detail) => findings.push(Finding {
                    problem: Problem::RecordUnusable,
                    detail,
                    lost: Some(format!(
                        "the content of {key}, unless its record is put back from a version or a backup"
                    )),
                    ..finding(at)
                }),
            }
        }
        Ok(seen)
    }

    /// Looks for the references that deltas need. Gives those that stand nowhere.
    async fn inspect_references(
        &self,
        stored: &StoredSpace,
        deltas: &[DeltaSeen],
        depth: Depth,
        proofs: &ReferenceProofs,
        findings: &mut Vec<Finding>,
    ) -> Result<HashMap<Sha256, Found>, Error> {
        let mut needed: BTreeMap<String, Vec<&DeltaSeen>> = BTreeMap::new();
        for delta in deltas {
            needed.entry(delta.reference.to_string()).or_default().push(delta);
        }
        let (space, at) = (&stored.space, stored.space.reference());
        let mut missing = HashMap::new();
        let mut damaged = Vec::new();
        for needing in needed.values() {
            let digest = needing[0].reference;
            let key = needing.iter().find_map(|delta| delta.reference_key.as_deref().filter(|key| *key != at.key()));
            match self.prove_reference(proofs, space, digest, key, depth).await? {
                ReferenceProof::Stands(found_at) => {
                    let in_trash = InternalName::of(space, found_at.key()) == InternalName::Trash(digest);
                    if in_trash && stored.reference.is_none() {
                        findings.push(Finding {
                            problem: Problem::ReferenceMissing,
                            action: Action::PutReference { digest, origin: Origin::Stored(found_at) },
                            detail: format!("{}; it lies in the trash of its prefix", needs(needing.len(), "it")),
                            ..finding(at.clone())
                        });
                    }
                }
                ReferenceProof::Damaged { at: bad, .. } if bad == at => {
                    missing.insert(digest, Found::Nowhere);
                    damaged.push(needing);
                }
                ReferenceProof::Missing | ReferenceProof::Damaged { .. } => {
                    missing.insert(digest, Found::Nowhere);
                }
            }
        }
        for needing in needed.values().filter(|needing| missing.contains_key(&needing[0].reference)) {
            let digest = needing[0].reference;
            let broken = damaged.iter().any(|other| other[0].reference == digest);
            let place = match &stored.reference {
                Some(object) if broken => Place::Damaged(object.e_tag.clone()),
                Some(_) => Place::Taken,
                None => Place::Free,
            };
            let origin = self.find_origin(stored, digest, deltas, &missing).await?;
            let action = plan::restore(&place, digest, origin, space.fits_internal_keys());
            let problem = if broken { Problem::ReferenceDamaged } else { Problem::ReferenceMissing };
            findings.push(reference_finding(&at, problem, action, needing, deltas));
        }
        for found in findings.iter() {
            if let Action::PutReference { digest, .. }
            | Action::KeepBeside { digest, .. }
            | Action::ReplaceReference { digest, .. } = &found.action
                && let Some(known) = missing.get_mut(digest)
            {
                *known = Found::Again;
            }
        }
        Ok(missing)
    }

    /// Names that are stored both ways, and deltas that are lost.
    async fn inspect_forms(
        &self,
        stored: &StoredSpace,
        deltas: &[DeltaSeen],
        missing: &HashMap<Sha256, Found>,
        findings: &mut Vec<Finding>,
    ) -> Result<(), Error> {
        let whole: HashMap<&str, &ListedObject> =
            stored.whole.iter().map(|(key, object)| (key.as_str(), object)).collect();
        for delta in deltas {
            let lost = missing.get(&delta.reference) == Some(&Found::Nowhere);
            let twin = match whole.get(delta.at.key()) {
                Some(object) => {
                    let at = stored.at(object);
                    undamaged(self.listed_head(&at, &object.e_tag).await)?.map(|head| (at, head))
                }
                None => None,
            };
            let Some((at, head)) = twin else {
                if lost {
                    findings.push(Finding { problem: Problem::ReferenceMissing, ..lost_finding(delta) });
                }
                continue;
            };
            let whole_content = match Record::read(&head.head.attributes.metadata) {
                Ok(Record::Whole(content)) => content.sha256,
                // Only its content tells: a migration may have been broken off.
                Ok(Record::Foreign) if lost && delta.size == Some(head.head.size) => {
                    self.plain_digest(&at, &head.head.e_tag).await?
                }
                _ => None,
            };
            let facts = BothForms {
                delta_written: delta.written,
                whole_written: head.head.last_modified,
                delta_content: delta.content,
                whole_content,
                delta_readable: !lost,
                delta_wins: may_be_delta(delta.at.name()),
            };
            let (action, detail) = match (plan::both_forms(facts), delta.content) {
                (Standing::WholeSaves, Some(digest)) => (
                    Action::RemoveDelta {
                        delta: delta.stored_at.clone(),
                        seen: delta.e_tag.clone(),
                        whole: at,
                        digest,
                    },
                    "the reference of its delta is missing, and the whole form has the same content",
                ),
                (Standing::WholeSaves, None) => (Action::None, "both forms stand there"),
                (Standing::Kept(why), _) => (Action::None, why),
            };
            let saved = !matches!(action, Action::None);
            findings.push(Finding {
                problem: Problem::BothForms,
                action,
                detail: detail.to_owned(),
                lost: (lost && !saved).then(|| lost_text(delta)),
                ..finding(delta.at.clone())
            });
        }
        Ok(())
    }

    /// Deltas whose content xdelta3 had unpacked, and which is not packed again as it was.
    async fn inspect_packed(
        &self,
        deltas: &[DeltaSeen],
        missing: &HashMap<Sha256, Found>,
        findings: &mut Vec<Finding>,
    ) -> Result<(), Error> {
        let Some(codec) = self.reader_codec(CodecId::VCDIFF.as_str()).cloned() else { return Ok(()) };
        let named = deltas.iter().filter(|delta| delta.codec == CodecId::VCDIFF.as_str());
        for delta in named.filter(|delta| !missing.contains_key(&delta.reference)) {
            let range = Some(ByteRange::Bounded(0, DELTA_BEGINNING));
            let object = match self.inner.store.get(&delta.stored_at, GetOptions { range, if_match: None }).await {
                Ok(object) => object,
                Err(error) if error.is_not_found() || error.kind == crate::store::StoreErrorKind::InvalidRange => {
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let beginning = object.bytes(DELTA_BEGINNING).await?;
            if codec.doubt(&mut &beginning[..]).is_none() {
                continue;
            }
            if let Err(Error::Damaged { source: source @ CodecError::NotRepacked(_), .. }) =
                self.prove(&delta.at, &mut None).await
            {
                findings.push(Finding {
                    problem: Problem::NotRepacked,
                    detail: source.to_string(),
                    lost: Some(format!(
                        "the packed form of {}: what is in it can be recovered, its own bytes cannot",
                        delta.at.key()
                    )),
                    ..finding(delta.at.clone())
                });
            }
        }
        Ok(())
    }
}

/// Whether a reference that stands nowhere can be had again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Again,
    Nowhere,
}

fn see_delta(
    at: Location,
    stored_at: Location,
    object: &ListedObject,
    record: Result<Record, RecordError>,
) -> Result<Option<DeltaSeen>, RecordError> {
    let record = match record {
        Ok(Record::Delta(record)) => record,
        Ok(_) => return Ok(None),
        Err(error) => return Err(error),
    };
    let reference = record.reference_sha256.ok_or(RecordError::Field("ref-sha256"))?;
    record.content.sha256.ok_or(RecordError::Field("file-sha256"))?;
    record.content.size.ok_or(RecordError::Field("file-size"))?;
    Ok(Some(DeltaSeen {
        at,
        stored_at,
        e_tag: object.e_tag.clone(),
        written: object.last_modified,
        codec: record.codec,
        content: record.content.sha256,
        size: record.content.size,
        reference,
        reference_key: record.reference_key,
    }))
}

fn finding(at: Location) -> Finding {
    Finding { at, problem: Problem::RecordUnusable, action: Action::None, detail: String::new(), lost: None }
}

fn lost_finding(delta: &DeltaSeen) -> Finding {
    Finding {
        detail: format!("its delta needs a reference with the SHA-256 {}", delta.reference),
        lost: Some(lost_text(delta)),
        ..finding(delta.at.clone())
    }
}

fn lost_text(delta: &DeltaSeen) -> String {
    let size = delta.size.unwrap_or_default();
    format!("the content of {} ({size} bytes), until the reference is back", delta.at.key())
}

fn reference_finding(
    at: &Location,
    problem: Problem,
    action: Action,
    needing: &[&DeltaSeen],
    deltas: &[DeltaSeen],
) -> Finding {
    let digest = needing[0].reference;
    let mut detail = needs(needing.len(), &format!("the reference with the SHA-256 {digest}"));
    let mut lost = None;
    if action == Action::None {
        lost = Some(format!("{}, until the reference is back", objects(needing.len())));
        detail.push_str("; in a bucket that keeps versions, bring back the version of it that has this digest");
        // Its zero changes hold no bytes, but they tell whose they are.
        if let Some(delta) = deltas.iter().find(|delta| delta.content == Some(digest)) {
            detail.push_str(&format!(
                "; it is the content of {}: whoever has that file stores it there with `cp --no-delta`, and repairs again",
                delta.at.key()
            ));
        }
    }
    Finding { problem, action, detail, lost, ..finding(at.clone()) }
}

fn reference_options(at: &Location, digest: &crate::ContentDigest, mode: PutMode) -> PutOptions {
    let attributes = Attributes {
        content_type: Some("application/octet-stream".to_owned()),
        metadata: reference_metadata(at, digest, SystemTime::now()),
        ..Attributes::default()
    };
    PutOptions { mode, attributes, ..PutOptions::default() }
}

fn needs(number: usize, what: &str) -> String {
    format!("{} need{} {what}", objects(number), if number == 1 { "s" } else { "" })
}

fn objects(number: usize) -> String {
    if number == 1 { "1 object".to_owned() } else { format!("{number} objects") }
}
