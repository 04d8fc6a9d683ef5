//! Verify: read an object to its end and compare it with its record.

use futures::TryStreamExt;

use super::{Engine, GetRequest, LogicalHead};
use crate::Location;
use crate::error::Error;

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
    /// It does not.
    Damaged(Error),
    /// Its reference is gone.
    ReferenceMissing(Error),
}

impl Engine {
    /// Reads an object to its end and compares it with its record. Costs as [`Engine::get`], and the bytes.
    ///
    /// # Errors
    /// What says nothing about the object's bytes: that there is no such object, that the store cannot be reached.
    pub async fn verify(&self, at: &Location) -> Result<VerifyReport, Error> {
        let mut head = None;
        let outcome = async {
            let mut report = self.get(at, &GetRequest::default()).await?;
            head = Some(report.head.clone());
            while report.body.try_next().await?.is_some() {}
            Ok(report.head.sha256.is_some())
        }
        .await;
        let verdict = match outcome {
            Ok(true) => Verdict::Proven,
            Ok(false) => Verdict::Unproven,
            Err(error @ Error::ReferenceMissing { .. }) => Verdict::ReferenceMissing(error),
            Err(error) if error.is_integrity() => Verdict::Damaged(error),
            Err(error) => return Err(error),
        };
        Ok(VerifyReport { at: at.clone(), head, verdict })
    }
}
