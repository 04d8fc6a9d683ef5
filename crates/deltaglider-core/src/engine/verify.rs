//! Verify: read objects to their end, or ask for their heads alone, and compare them with their records.

use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use super::conditions::random_u64;
use super::get::delta_record;
use super::head::missing_field;
use super::proof::{ReferenceProof, ReferenceProofs};
use super::{Engine, LogicalEntry, LogicalHead, LogicalListRequest, StoredForm};
use crate::error::Error;
use crate::record::{DeltaRecord, Record, RecordError};
use crate::store::{ETag, ObjectHead};
use crate::{DeltaSpace, Location, Sha256};

/// Which objects are verified, and how thoroughly.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifyRequest {
    /// The bucket, and what the keys begin with.
    pub prefix: Location,
    /// Whether keys that hold a `/` after the prefix are verified as well.
    pub recursive: bool,
    /// What is looked at.
    pub depth: Depth,
    /// Only this share of the objects, between 0 and 1, another choice each time; all of them without it.
    pub sample: Option<f64>,
    /// Objects at a time, at least 1.
    pub parallel: usize,
}

/// What a check looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Depth {
    /// Listings and heads: whether records are complete, sizes right, and references there.
    Quick,
    /// Every byte.
    Full,
}

/// What a verification found.
#[derive(Debug)]
#[non_exhaustive]
pub struct VerifyReport {
    /// The object.
    pub at: Location,
    /// Its logical head, where it could be read.
    pub head: Option<LogicalHead>,
    /// The verdict.
    pub verdict: Verdict,
}

/// Whether an object gives back what was stored.
#[derive(Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// It does, proven by its SHA-256.
    Proven,
    /// It can be read, and nothing is recorded to compare it with.
    Unproven,
    /// Record, size and reference are in order; its content was not read.
    Consistent,
    /// It does not.
    Damaged(Error),
    /// Its reference is gone.
    ReferenceMissing(Error),
    /// It cannot be read, which says nothing of what it holds.
    Unreadable(Error),
}

impl Engine {
    /// Reads an object to its end and compares it with its record. Costs as [`Engine::get`], and the bytes. A reference is taken from
    /// the cache where it is there.
    ///
    /// # Errors
    /// What says nothing about the object's bytes: that there is no such object, that the store cannot be reached.
    pub async fn verify(&self, at: &Location) -> Result<VerifyReport, Error> {
        let mut head = None;
        let outcome = self.prove(at, &mut head).await;
        let proven =
            if head.as_ref().is_some_and(|head| head.sha256.is_some()) { Verdict::Proven } else { Verdict::Unproven };
        match verdict(outcome.map(|()| proven))? {
            Verdict::Unreadable(error) => Err(error),
            verdict => Ok(VerifyReport { at: at.clone(), head, verdict }),
        }
    }

    /// Verifies one object, its reference as it stands at the store included. Quick: as [`Engine::head`], 1 request more for a delta.
    /// Full: those and as [`Engine::verify`]; the reference is fetched once.
    ///
    /// # Errors
    /// That there is no such object; that temporary space or the cache cannot be used.
    pub async fn verify_stored(&self, at: &Location, depth: Depth) -> Result<VerifyReport, Error> {
        let head = match self.head(at).await {
            Ok(head) => head,
            Err(error) if error.is_not_found() => return Err(error),
            Err(error) => {
                return Ok(VerifyReport { at: at.clone(), head: None, verdict: verdict(Err(error))? });
            }
        };
        let proofs = ReferenceProofs::default();
        let stored = match &head.stored {
            // Its stored head says more than its logical one.
            StoredForm::Delta { at, .. } => self.inner.store.head(at).await.map(Some).map_err(Error::from),
            _ => Ok(None),
        };
        let checked = match stored {
            Ok(stored) => self.check(at, head.stored.at(), stored.as_ref(), depth, &proofs).await,
            Err(error) => Err(error),
        };
        let (read, verdict) = judged(checked)?;
        Ok(VerifyReport { at: at.clone(), head: read.or(Some(head)), verdict })
    }

    /// Verifies the objects under a prefix, in the order of their keys. An object that goes meanwhile is passed over.
    ///
    /// Requests: the pages of the listing and one HEAD for each delta, as [`Engine::list`]. Quick: one HEAD for each whole object and
    /// one for the reference of each space. Full: one GET for each object and one for the reference of each space, which is kept in
    /// the cache; where it does not fit in there, one more for each delta. A reference is looked for at the store, even where
    /// the cache holds it.
    pub fn verify_all(&self, request: VerifyRequest) -> BoxStream<'static, Result<VerifyReport, Error>> {
        let engine = self.clone();
        let proofs = Arc::new(ReferenceProofs::default());
        let chosen = Sample::new(request.sample);
        let listing = LogicalListRequest {
            bucket: request.prefix.bucket().to_owned(),
            prefix: request.prefix.key().to_owned(),
            fold: !request.recursive,
            ..LogicalListRequest::default()
        };
        let bucket = request.prefix;
        self.list(listing)
            .try_filter_map(move |entry| {
                let object = match entry {
                    LogicalEntry::Object(object) if chosen.takes(&object.key) => Some(object),
                    _ => None,
                };
                std::future::ready(Ok(object))
            })
            .map(move |object| {
                let (engine, proofs, bucket) = (engine.clone(), Arc::clone(&proofs), bucket.clone());
                async move {
                    let object = object?;
                    let at = bucket.with_key(object.key);
                    let listed = (object.stored.at(), &object.stored_e_tag);
                    let is_delta = matches!(object.stored, StoredForm::Delta { .. });
                    engine.verify_listed(at, listed, is_delta, request.depth, &proofs).await
                }
            })
            .buffered(request.parallel.max(1))
            .try_filter_map(|report| std::future::ready(Ok(report)))
            .boxed()
    }

    async fn verify_listed(
        &self,
        at: Location,
        (stored_at, e_tag): (&Location, &ETag),
        is_delta: bool,
        depth: Depth,
        proofs: &ReferenceProofs,
    ) -> Result<Option<VerifyReport>, Error> {
        let remembered = match is_delta || depth == Depth::Quick {
            true => match self.listed_head(stored_at, e_tag).await {
                Ok(None) => return Ok(None),
                other => other,
            },
            false => Ok(None),
        };
        let checked = match &remembered {
            Ok(head) => self.check(&at, stored_at, head.as_ref().map(|head| &head.head), depth, proofs).await,
            Err(_) => Ok((None, Verdict::Consistent)),
        };
        let (head, verdict) = match remembered {
            Err(error) => judged(Err(error))?,
            Ok(_) => match checked {
                Err(error) if error.is_not_found() => return Ok(None),
                checked => judged(checked)?,
            },
        };
        Ok(Some(VerifyReport { at, head, verdict }))
    }

    /// Checks an object; `stored` is the head of the form that is read, where it is known, as it is for deltas.
    async fn check(
        &self,
        at: &Location,
        stored_at: &Location,
        stored: Option<&ObjectHead>,
        depth: Depth,
        proofs: &ReferenceProofs,
    ) -> Result<(Option<LogicalHead>, Verdict), Error> {
        let mut consistent = Verdict::Unproven;
        if let Some(head) = stored {
            let record = Record::read(&head.attributes.metadata);
            match record.map_err(|source| Error::Record { at: stored_at.clone(), source })? {
                Record::Delta(_) => {
                    let record = delta_record(stored_at, head)?;
                    consistent = Verdict::Consistent;
                    if let Some(bad) = self.check_delta(stored_at, &record, head, depth, proofs).await? {
                        return Ok((None, bad));
                    }
                }
                Record::Whole(content) => {
                    content.sha256.ok_or_else(|| missing_field(stored_at, "file-sha256"))?;
                    consistent = Verdict::Consistent;
                    check_length(stored_at, content.size, head)?;
                }
                Record::Foreign | Record::Reference(_) => {}
            }
        }
        if depth == Depth::Quick {
            return Ok((None, consistent));
        }
        let mut head = None;
        let outcome = self.prove(at, &mut head).await;
        let proven = head.as_ref().is_some_and(|head| head.sha256.is_some());
        let verdict = verdict(outcome.map(|()| if proven { Verdict::Proven } else { Verdict::Unproven }))?;
        Ok((head, verdict))
    }

    /// What is wrong with a delta, as far as its record and its reference say.
    async fn check_delta(
        &self,
        at: &Location,
        record: &DeltaRecord,
        head: &ObjectHead,
        depth: Depth,
        proofs: &ReferenceProofs,
    ) -> Result<Option<Verdict>, Error> {
        record.content.sha256.ok_or_else(|| missing_field(at, "file-sha256"))?;
        record.content.size.ok_or_else(|| missing_field(at, "file-size"))?;
        let digest = record.reference_sha256.ok_or_else(|| missing_field(at, "ref-sha256"))?;
        if self.reader_codec(&record.codec).is_none() {
            return Err(Error::UnsupportedCodec { at: at.clone(), codec: record.codec.clone() });
        }
        if depth == Depth::Quick {
            // Where it is read, the codec says more.
            check_length(at, record.size, head)?;
        }
        let space = DeltaSpace::of_stored(at);
        let key = record.reference_key.as_deref();
        Ok(match self.prove_reference(proofs, &space, digest, key, depth).await? {
            ReferenceProof::Stands(_) => None,
            ReferenceProof::Missing => {
                let error = Error::ReferenceMissing { at: at.clone(), reference: space.reference(), digest };
                Some(Verdict::ReferenceMissing(error))
            }
            ReferenceProof::Damaged { at, actual: Some(actual) } => {
                Some(Verdict::Damaged(Error::Integrity { at, expected: digest, actual }))
            }
            ReferenceProof::Damaged { at, actual: None } => Some(Verdict::Damaged(missing_field(&at, "file-size"))),
        })
    }
}

fn check_length(at: &Location, recorded: Option<u64>, head: &ObjectHead) -> Result<(), Error> {
    match recorded {
        Some(recorded) if recorded != head.size => {
            let source = RecordError::Length { recorded, actual: head.size };
            Err(Error::Record { at: at.clone(), source })
        }
        _ => Ok(()),
    }
}

/// What an outcome says of an object; an error that says nothing of it is passed on.
fn verdict(outcome: Result<Verdict, Error>) -> Result<Verdict, Error> {
    match outcome {
        Ok(verdict) => Ok(verdict),
        Err(error @ Error::ReferenceMissing { .. }) => Ok(Verdict::ReferenceMissing(error)),
        Err(error @ Error::Record { source: RecordError::Encrypted, .. }) => Ok(Verdict::Unreadable(error)),
        Err(error) if error.is_integrity() => Ok(Verdict::Damaged(error)),
        Err(error) if error.is_not_found() => Err(error),
        Err(
            error @ (Error::Store(_) | Error::UnsupportedCodec { .. } | Error::Memory { .. } | Error::Contended { .. }),
        ) => Ok(Verdict::Unreadable(error)),
        Err(error) => Err(error),
    }
}

fn judged(checked: Result<(Option<LogicalHead>, Verdict), Error>) -> Result<(Option<LogicalHead>, Verdict), Error> {
    match checked {
        Ok(checked) => Ok(checked),
        Err(error) => Ok((None, verdict(Err(error))?)),
    }
}

/// A random choice of keys.
#[derive(Clone, Copy, Debug)]
struct Sample {
    seed: u64,
    /// Keys whose number is below this are taken; all of them where there is no limit.
    below: Option<f64>,
}

impl Sample {
    fn new(share: Option<f64>) -> Self {
        Self { seed: random_u64(), below: share.map(|share| share.clamp(0.0, 1.0)) }
    }

    fn takes(&self, key: &str) -> bool {
        let Some(below) = self.below else { return true };
        let digest = Sha256::of(&[&self.seed.to_le_bytes()[..], key.as_bytes()].concat());
        let number = digest.0[..8].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        (number as f64) < below * u64::MAX as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_about_as_large_as_asked() {
        let taken = |share| {
            let sample = Sample { seed: 7, below: share };
            (0..10_000).filter(|n| sample.takes(&format!("k/{n}.zip"))).count()
        };
        assert_eq!((taken(None), taken(Some(1.0)), taken(Some(0.0))), (10_000, 10_000, 0));
        assert!((400..600).contains(&taken(Some(0.05))), "{}", taken(Some(0.05)));
    }
}
