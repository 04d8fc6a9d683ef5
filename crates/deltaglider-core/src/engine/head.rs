//! Head: what an object is, without its content.

use super::{Engine, LogicalHead, StoredForm};
use crate::Location;
use crate::delta_space::{delta_form, may_be_foreign, whole_form};
use crate::error::Error;
use crate::policy::may_be_delta;
use crate::record::{ContentRecord, DeltaRecord, Record, user_metadata};
use crate::store::{Attributes, ObjectHead, Operation, StoreError, StoreErrorKind, found};

/// A stored object that may be a form of a logical one, in the order in which readers ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Candidate {
    /// The delta form: the object's only with a record of a delta.
    Delta(Location),
    /// The whole form.
    Whole(Location),
    /// A foreign object at a key that ours are escaped from: the object only without a record of a delta or a reference.
    Foreign(Location),
}

/// What stands for an object now.
pub(super) struct Standing {
    pub(super) candidate: Candidate,
    pub(super) stored: ObjectHead,
    pub(super) head: LogicalHead,
}

impl Candidate {
    pub(super) fn at(&self) -> &Location {
        match self {
            Self::Delta(at) | Self::Whole(at) | Self::Foreign(at) => at,
        }
    }
}

/// Where the forms of an object are looked for.
///
/// A name that may be a delta is asked for in that form first. Another one may still have been stored as a delta, by a writer with
/// another list of extensions: its delta form is asked for last, before it is said to be absent.
pub(super) fn candidates(at: &Location) -> Vec<Candidate> {
    let mut candidates = vec![Candidate::Whole(whole_form(at))];
    if let Some(delta) = delta_form(at) {
        let first = if may_be_delta(at.name()) { 0 } else { 1 };
        candidates.insert(first, Candidate::Delta(delta));
    }
    if may_be_foreign(at) {
        candidates.push(Candidate::Foreign(at.clone()));
    }
    candidates
}

impl Engine {
    /// The logical head of an object. Costs 1 request for a delta and for a name that can be none, 2 for a whole object whose name
    /// could be a delta.
    ///
    /// # Errors
    /// [`Error::Store`] with [`StoreErrorKind::NotFound`] where there is no such object; [`Error::Record`] where its record
    /// cannot be used.
    pub async fn head(&self, at: &Location) -> Result<LogicalHead, Error> {
        Ok(self.standing(at).await?.head)
    }

    /// The same, and the stored object that says so.
    pub(super) async fn standing(&self, at: &Location) -> Result<Standing, Error> {
        for _ in 0..2 {
            for candidate in candidates(at) {
                let Some(stored) = found(self.inner.store.head(candidate.at()).await)? else { continue };
                if let Some(head) = logical_head(&candidate, &stored)? {
                    return Ok(Standing { candidate, stored, head });
                }
            }
            // An object may have changed its form between two questions: asked once more, it is found.
        }
        Err(not_found(Operation::Head, at).into())
    }
}

/// What a stored object says as a form of a logical one; `None` where it is none.
pub(super) fn logical_head(candidate: &Candidate, head: &ObjectHead) -> Result<Option<LogicalHead>, Error> {
    let at = candidate.at();
    let record = Record::read(&head.attributes.metadata).map_err(|source| Error::Record { at: at.clone(), source });
    match (candidate, record) {
        (Candidate::Delta(_), Ok(Record::Delta(record))) => delta_head(at, &record, head).map(Some),
        (Candidate::Delta(_) | Candidate::Whole(_), Err(error)) => Err(error),
        (Candidate::Whole(_) | Candidate::Foreign(_), Ok(Record::Whole(record))) => {
            Ok(Some(whole_head(at, &record, head)))
        }
        (Candidate::Delta(_), Ok(_))
        | (Candidate::Foreign(_), Ok(Record::Reference(_) | Record::Delta(_)) | Err(_)) => Ok(None),
        (Candidate::Whole(_) | Candidate::Foreign(_), Ok(_)) => Ok(Some(foreign_head(at, head))),
    }
}

fn delta_head(at: &Location, record: &DeltaRecord, head: &ObjectHead) -> Result<LogicalHead, Error> {
    let size = record.content.size.ok_or_else(|| missing_field(at, "file-size"))?;
    let stored = StoredForm::Delta {
        at: at.clone(),
        size: head.size,
        codec: record.codec.clone(),
        reference: record.reference_sha256,
    };
    Ok(logical(size, &record.content, stored, head))
}

pub(super) fn missing_field(at: &Location, field: &'static str) -> Error {
    Error::Record { at: at.clone(), source: crate::record::RecordError::Field(field) }
}

fn whole_head(at: &Location, record: &ContentRecord, head: &ObjectHead) -> LogicalHead {
    logical(head.size, record, StoredForm::Whole { at: at.clone() }, head)
}

fn foreign_head(at: &Location, head: &ObjectHead) -> LogicalHead {
    let record = ContentRecord { sha256: None, size: None, md5: None, created: None };
    logical(head.size, &record, StoredForm::Foreign { at: at.clone() }, head)
}

fn logical(size: u64, content: &ContentRecord, stored: StoredForm, head: &ObjectHead) -> LogicalHead {
    LogicalHead {
        size,
        e_tag: content.e_tag(head),
        sha256: content.sha256,
        last_modified: head.last_modified,
        attributes: Attributes { metadata: user_metadata(&head.attributes.metadata), ..head.attributes.clone() },
        stored,
        version_id: head.version_id.clone(),
        storage_class: head.storage_class.clone(),
    }
}

/// The error of an object that is in none of its forms.
pub(super) fn not_found(operation: Operation, at: &Location) -> StoreError {
    let message = match operation {
        Operation::Head => "Not Found",
        _ => "The specified key does not exist.",
    };
    let mut error = StoreError::new(operation, at, StoreErrorKind::NotFound, message);
    error.status = Some(404);
    error
}
