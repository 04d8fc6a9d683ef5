//! What a run has done so far: counts and bytes, from which the summary and the exit code follow.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use deltaglider::core::codec::DeltaParts;

use crate::exit::Exit;
use crate::failure::{Class, Failure};

/// Counts and bytes of a run. Shared by all of its transfers.
#[derive(Debug)]
pub(crate) struct Tally {
    started: Instant,
    pub(crate) ok: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) skipped: AtomicU64,
    pub(crate) deleted: AtomicU64,
    /// Bytes of content.
    pub(crate) logical: AtomicU64,
    /// Bytes that were stored for it, new references included.
    pub(crate) stored: AtomicU64,
    /// Bytes that went over the network.
    pub(crate) moved: AtomicU64,
    pub(crate) references: AtomicU64,
    pub(crate) deltas: AtomicU64,
    pub(crate) plain: AtomicU64,
    /// Files that a dry run would transfer, and their bytes of content.
    pub(crate) planned: AtomicU64,
    pub(crate) planned_bytes: AtomicU64,
    /// Files that a dry run would remove.
    pub(crate) planned_deletes: AtomicU64,
    /// Objects that were there already.
    pub(crate) present: AtomicU64,
    /// Objects that are left as they are, since nothing would be gained.
    pub(crate) kept: AtomicU64,
    integrity: AtomicBool,
}

/// How it ended with one object that did not fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ended {
    /// What was asked for is done.
    #[default]
    Done,
    /// It is done, but for the whole form, which such a store cannot be trusted to remove safely.
    WholeStays,
    /// It was done before.
    Present,
    /// It is left as it is, for this reason.
    Kept(&'static str),
}

/// What became of one object.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) ended: Ended,
    /// `delta` or `plain`, where something was stored.
    pub(crate) kind: Option<&'static str>,
    /// Bytes of content.
    pub(crate) logical: u64,
    /// Bytes stored under the object's own name, where something was stored.
    pub(crate) stored: Option<u64>,
    /// What its delta is made of, where one was stored.
    pub(crate) delta: Option<Delta>,
    /// Bytes that went over the network.
    pub(crate) moved: u64,
    /// Bytes of the reference that was made of it.
    pub(crate) new_reference: Option<u64>,
    /// Where the reference came from, where one was needed.
    pub(crate) reference: Option<&'static str>,
    /// Digest of the content, where it is known.
    pub(crate) sha256: Option<String>,
    pub(crate) took: Duration,
}

/// A delta that was stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Delta {
    pub(crate) codec: String,
    pub(crate) parts: DeltaParts,
}

impl Tally {
    pub(crate) fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            started: Instant::now(),
            ok: zero(),
            failed: zero(),
            skipped: zero(),
            deleted: zero(),
            logical: zero(),
            stored: zero(),
            moved: zero(),
            references: zero(),
            deltas: zero(),
            plain: zero(),
            planned: zero(),
            planned_bytes: zero(),
            planned_deletes: zero(),
            present: zero(),
            kept: zero(),
            integrity: AtomicBool::new(false),
        }
    }

    pub(crate) fn done(&self, outcome: &Outcome) {
        match outcome.ended {
            Ended::Done | Ended::WholeStays => {}
            Ended::Present => return self.present(),
            Ended::Kept(_) => return self.kept(),
        }
        self.ok.fetch_add(1, Relaxed);
        self.logical.fetch_add(outcome.logical, Relaxed);
        self.moved.fetch_add(outcome.moved, Relaxed);
        if let Some(stored) = outcome.stored {
            self.stored.fetch_add(stored + outcome.new_reference.unwrap_or(0), Relaxed);
        }
        self.references.fetch_add(u64::from(outcome.new_reference.is_some()), Relaxed);
        match outcome.kind {
            Some("delta") => self.deltas.fetch_add(1, Relaxed),
            Some(_) => self.plain.fetch_add(1, Relaxed),
            None => 0,
        };
    }

    /// A dry run would transfer a file.
    pub(crate) fn planned(&self, bytes: u64) {
        self.planned.fetch_add(1, Relaxed);
        self.planned_bytes.fetch_add(bytes, Relaxed);
    }

    /// A dry run would remove a file.
    pub(crate) fn planned_delete(&self) {
        self.planned_deletes.fetch_add(1, Relaxed);
    }

    /// An object was there already.
    pub(crate) fn present(&self) {
        self.present.fetch_add(1, Relaxed);
    }

    /// An object is left as it is.
    pub(crate) fn kept(&self) {
        self.kept.fetch_add(1, Relaxed);
    }

    /// Forgets what a first look found that changes nothing: the work itself will find it again.
    pub(crate) fn forget_present(&self) {
        self.present.store(0, Relaxed);
        self.kept.store(0, Relaxed);
    }

    pub(crate) fn deleted(&self) {
        self.deleted.fetch_add(1, Relaxed);
    }

    pub(crate) fn failed(&self, failure: &Failure) {
        self.failed.fetch_add(1, Relaxed);
        if failure.class == Class::Integrity {
            self.integrity.store(true, Relaxed);
        }
    }

    pub(crate) fn skipped(&self) {
        self.skipped.fetch_add(1, Relaxed);
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// The share of the content that did not have to go over the network; `None` where there was no content.
    pub(crate) fn traffic_saved(&self) -> Option<f64> {
        share_saved(self.moved.load(Relaxed), self.logical.load(Relaxed))
    }

    /// The share of the content that did not have to be stored; `None` where nothing was stored.
    pub(crate) fn storage_saved(&self) -> Option<f64> {
        let stored = self.references.load(Relaxed) + self.deltas.load(Relaxed) + self.plain.load(Relaxed);
        if stored == 0 { None } else { share_saved(self.stored.load(Relaxed), self.logical.load(Relaxed)) }
    }

    /// The exit code that follows from what happened.
    pub(crate) fn exit(&self) -> Exit {
        if self.integrity.load(Relaxed) {
            Exit::Integrity
        } else if self.failed.load(Relaxed) > 0 {
            Exit::Failed
        } else if self.skipped.load(Relaxed) > 0 {
            Exit::Skipped
        } else {
            Exit::Done
        }
    }
}

/// The share of `whole` that `part` leaves.
pub(crate) fn share_saved(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| 1.0 - part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_that_happened_decides() {
        let tally = Tally::new();
        assert_eq!(tally.exit(), Exit::Done);
        tally.skipped();
        assert_eq!(tally.exit(), Exit::Skipped);
        tally.failed(&Failure::new(Class::Service, "x", "x"));
        assert_eq!(tally.exit(), Exit::Failed);
        tally.failed(&Failure::new(Class::Integrity, "x", "x"));
        assert_eq!(tally.exit(), Exit::Integrity);
    }

    #[test]
    fn a_new_reference_counts_as_stored() {
        let tally = Tally::new();
        let first = Outcome {
            kind: Some("delta"),
            logical: 1000,
            stored: Some(10),
            new_reference: Some(1000),
            ..Outcome::default()
        };
        tally.done(&first);
        tally.done(&Outcome { new_reference: None, ..first });
        assert_eq!(tally.stored.load(Relaxed), 1020);
        assert_eq!(tally.storage_saved(), Some(0.49));
    }
}
