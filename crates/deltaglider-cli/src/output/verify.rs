//! Verifications in words and in JSON.

use std::time::Duration;

use deltaglider::core::engine::{Verdict, VerifyReport};
use deltaglider::core::{Error as EngineError, Sha256};
use serde::Serialize;

use super::human::{explained_as, form, grouped};
use super::json::{self, Record, Refusal, SummaryRecord, refusal};
use super::{Loudness, Palette};
use crate::byte_size;
use crate::exit::Exit;
use crate::failure::Failure;

/// What verifications came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct VerifyCounts {
    pub(crate) ok: u64,
    pub(crate) damaged: u64,
    pub(crate) missing_reference: u64,
    pub(crate) unreadable: u64,
    /// Bytes of content.
    pub(crate) bytes: u64,
    /// Whether a part of the objects was chosen.
    pub(crate) sampled: bool,
}

impl VerifyCounts {
    pub(crate) fn exit(&self) -> Exit {
        match (self.damaged + self.missing_reference, self.unreadable) {
            (0, 0) => Exit::Done,
            (0, _) => Exit::Failed,
            _ => Exit::Integrity,
        }
    }

    /// `1,203 ok, 1 damaged, 0 unreadable`
    pub(super) fn text(&self) -> String {
        let damaged = self.damaged + self.missing_reference;
        let mut text =
            format!("{} ok, {} damaged, {} unreadable", grouped(self.ok), grouped(damaged), grouped(self.unreadable));
        if self.sampled {
            text.push_str(" (a sample)");
        }
        text
    }

    pub(super) fn json(&self, took: Duration, exit: Exit) -> String {
        let Self { ok, damaged, missing_reference, unreadable, bytes, sampled } = *self;
        let failed = damaged + missing_reference + unreadable;
        json::write(Record::Summary(SummaryRecord::Verify(VerifySummary {
            op: "verify",
            ok,
            failed,
            damaged,
            missing_reference,
            unreadable,
            logical: bytes,
            sampled,
            ms: took.as_millis() as u64,
            exit: exit.code(),
        })))
    }
}

/// A verified object, as it is shown.
#[derive(Clone, Debug)]
pub(crate) struct Verified {
    pub(crate) status: Status,
    key: String,
    url: String,
    /// Bytes of content.
    pub(crate) size: Option<u64>,
    kind: Option<&'static str>,
    expected: Option<Sha256>,
    actual: Option<Sha256>,
    failure: Option<Failure>,
}

/// What came of verifying an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Its bytes are proven.
    Proven,
    /// Its record and its reference are in order.
    Consistent,
    /// It can be read; nothing is recorded to compare it with.
    Read,
    Damaged,
    MissingReference,
    Unreadable,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Proven | Self::Consistent | Self::Read => "ok",
            Self::Damaged => "damaged",
            Self::MissingReference => "missing_reference",
            Self::Unreadable => "unreadable",
        }
    }
}

impl Verified {
    pub(crate) fn new(report: VerifyReport, url: String) -> Self {
        let digests = |error: &EngineError| match error {
            EngineError::Integrity { expected, actual, .. } => (Some(*expected), Some(*actual)),
            EngineError::ReferenceMissing { digest, .. } => (Some(*digest), None),
            _ => (None, None),
        };
        let (status, error) = match report.verdict {
            Verdict::Proven => (Status::Proven, None),
            Verdict::Consistent => (Status::Consistent, None),
            Verdict::Damaged(error) => (Status::Damaged, Some(error)),
            Verdict::ReferenceMissing(error) => (Status::MissingReference, Some(error)),
            Verdict::Unreadable(error) => (Status::Unreadable, Some(error)),
            _ => (Status::Read, None),
        };
        let recorded = report.head.as_ref().and_then(|head| head.sha256);
        let (expected, actual) = error.as_ref().map_or((None, None), digests);
        Self {
            status,
            key: report.at.key().to_owned(),
            url,
            size: report.head.as_ref().map(|head| head.size),
            kind: report.head.as_ref().map(|head| form(&head.stored)),
            expected: expected.or(recorded),
            // Where content was read and is right, it has the digest that was expected.
            actual: actual.or(recorded.filter(|_| status == Status::Proven)),
            failure: error.map(Failure::from),
        }
    }

    /// Its line.
    pub(super) fn text(&self, palette: Palette, loudness: Loudness) -> String {
        let url = &self.url;
        if let Some(failure) = &self.failure {
            let label = match self.status {
                Status::MissingReference => "missing reference:",
                Status::Unreadable => "unreadable:",
                _ => "damaged:",
            };
            return explained_as(&format!("{label} {url} "), failure, palette, loudness);
        }
        let (done, outcome) = match self.status {
            Status::Proven => ("verified", "sha256 ok"),
            Status::Consistent => ("checked", "record and reference ok"),
            _ => ("read", "nothing is recorded to compare it with"),
        };
        let about = match (self.size, self.kind) {
            (Some(size), Some(kind)) => format!("{}, {kind}, ", byte_size::human(size)),
            _ => String::new(),
        };
        format!("{done}: {url} ({about}{outcome})")
    }

    pub(super) fn json(&self) -> String {
        json::write(Record::Verify(VerifyRecord {
            key: &self.key,
            url: &self.url,
            status: self.status.name(),
            proven: self.status == Status::Proven,
            kind: self.kind,
            size: self.size,
            expected: self.expected.map(|digest| digest.to_string()),
            actual: self.actual.map(|digest| digest.to_string()),
            error: self.failure.as_ref().map(refusal),
        }))
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct VerifyRecord<'a> {
    key: &'a str,
    url: &'a str,
    status: &'static str,
    proven: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actual: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Refusal<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct VerifySummary {
    op: &'static str,
    ok: u64,
    failed: u64,
    damaged: u64,
    missing_reference: u64,
    unreadable: u64,
    logical: u64,
    sampled: bool,
    ms: u64,
    exit: u8,
}

/// Its lines as they are written.
#[cfg(test)]
pub(super) fn golden() -> Vec<(String, &'static str)> {
    let failure = Failure::new(crate::failure::Class::Integrity, "IntegrityError", "other bytes");
    let digest = Sha256([0xab; 32]);
    let damaged = Verified {
        status: Status::Damaged,
        key: "p/a.zip".to_owned(),
        url: "s3://b/p/a.zip".to_owned(),
        size: Some(1000),
        kind: Some("delta"),
        expected: Some(digest),
        actual: None,
        failure: Some(failure),
    };
    vec![(
        damaged.json(),
        concat!(
            r#"{"v":1,"type":"verify","key":"p/a.zip","url":"s3://b/p/a.zip","status":"damaged","proven":false,"kind":"delta","size":1000,"#,
            r#""expected":"abababababababababababababababababababababababababababababababab","#,
            r#""error":{"code":"IntegrityError","message":"other bytes","retryable":false}}"#
        ),
    )]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_decide_the_exit_code() {
        let counts = |damaged, missing_reference, unreadable| VerifyCounts {
            ok: 1203,
            damaged,
            missing_reference,
            unreadable,
            ..VerifyCounts::default()
        };
        assert_eq!(counts(1, 0, 0).text(), "1,203 ok, 1 damaged, 0 unreadable");
        assert_eq!(counts(0, 0, 0).exit(), Exit::Done);
        assert_eq!(counts(0, 0, 2).exit(), Exit::Failed);
        assert_eq!((counts(1, 0, 2).exit(), counts(0, 1, 0).exit()), (Exit::Integrity, Exit::Integrity));
        assert_eq!(
            counts(0, 1, 0).json(Duration::from_millis(7), Exit::Integrity),
            r#"{"v":1,"type":"summary","op":"verify","ok":1203,"failed":1,"damaged":0,"missing_reference":1,"unreadable":0,"logical":0,"sampled":false,"ms":7,"exit":4}"#
        );
    }
}
