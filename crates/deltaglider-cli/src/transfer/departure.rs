//! The end of a move: the source goes only when its copy was proven, and only if it still is what was copied.

use std::fs::{self, Metadata};
use std::time::SystemTime;

use deltaglider::core::Error;
use deltaglider::core::engine::LogicalHead;

use super::{End, Item};
use crate::failure::{Class, Failure};
use crate::tally::Outcome;

/// What a source was when it was copied.
#[derive(Debug)]
pub(super) enum Departure {
    File(Fingerprint),
    Object(Box<LogicalHead>),
}

/// What changes when a file is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    size: u64,
    modified: Option<SystemTime>,
}

impl Departure {
    /// Looks at a source before it is copied; an object that is downloaded tells of itself as it comes.
    ///
    /// Requests: those of a head for a copy, none else.
    pub(super) async fn announced(item: &Item) -> Result<Option<Self>, Failure> {
        match (&item.source, &item.destination) {
            (End::Object(from, at), End::Object(to, onto)) if from.shares_store(to) && at == onto => {
                Err(onto_itself(&item.line.source, item.line.destination.as_deref().unwrap_or_default()))
            }
            (End::Object(from, at), End::Object(..)) => Ok(Some(Self::Object(Box::new(from.engine.head(at).await?)))),
            (End::Local(path), _) => {
                // What cannot be looked at will say so when it is read.
                Ok(fs::metadata(path).ok().map(|metadata| Self::File(Fingerprint::of(&metadata))))
            }
            _ => Ok(None),
        }
    }

    /// Removes the source, when its copy was proven.
    ///
    /// Requests: those of a head for what went to a store, and those of a delete for what came from one.
    pub(super) async fn leave(self, item: &Item, outcome: &Outcome) -> Result<(), Failure> {
        confirm(item, outcome).await?;
        match (self, &item.source) {
            (Self::File(before), End::Local(path)) => {
                let failed = |error| Failure::local(format!("{} cannot be removed", path.display()), &error);
                if Fingerprint::of(&fs::metadata(path).map_err(failed)?) != before {
                    return Err(changed());
                }
                fs::remove_file(path).map_err(failed)
            }
            (Self::Object(head), End::Object(root, at)) => match root.engine.delete_unchanged(at, &head).await {
                Err(Error::SourceChanged) => Err(changed()),
                deleted => Ok(deleted.map(|_| ())?),
            },
            _ => Ok(()),
        }
    }
}

impl Fingerprint {
    fn of(metadata: &Metadata) -> Self {
        Self { size: metadata.len(), modified: metadata.modified().ok() }
    }
}

/// In the words of `aws`.
pub(crate) fn onto_itself(source: &str, destination: &str) -> Failure {
    Failure::usage(format!("Cannot mv a file onto itself: {source} - {destination}"))
}

/// Asks what went to a store for what it is there; a download was proven before its file took its name.
async fn confirm(item: &Item, outcome: &Outcome) -> Result<(), Failure> {
    let End::Object(root, at) = &item.destination else { return Ok(()) };
    let head = root.engine.head(at).await?;
    let there = head.sha256.map(|digest| digest.to_string());
    if there.is_some() && there == outcome.sha256 {
        return Ok(());
    }
    let message = "the destination does not hold what was moved there; the source stays";
    Err(Failure::new(Class::Integrity, "Unconfirmed", message).with_fix("move it again"))
}

fn changed() -> Failure {
    let message = "the source was written to while it was moved; its earlier content has arrived, and the source stays";
    Failure { retryable: true, ..Failure::new(Class::Local, "SourceChanged", message) }
}
