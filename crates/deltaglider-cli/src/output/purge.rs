//! What a purge removed, in words and in JSON.

use serde::Serialize;

use super::human::{explained_as, grouped};
use super::json::{self, Record, Refusal, SummaryRecord, refusal};
use super::{Loudness, Palette};
use crate::byte_size;
use crate::exit::Exit;
use crate::failure::Failure;

/// A piece of garbage, as it is shown.
#[derive(Clone, Debug)]
pub(crate) struct PurgeLine {
    pub(crate) key: String,
    pub(crate) url: String,
    /// What it is.
    pub(crate) what: &'static str,
    /// Bytes that it takes, where they are known.
    pub(crate) bytes: Option<u64>,
    pub(crate) status: PurgeStatus,
}

/// What became of it.
#[derive(Clone, Debug)]
pub(crate) enum PurgeStatus {
    Removed,
    Planned,
    /// It stays: why.
    Kept(&'static str),
    Failed(Box<Failure>),
}

/// What a purge came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct PurgeCounts {
    /// What was removed, or would be.
    pub(crate) removed: u64,
    pub(crate) kept: u64,
    pub(crate) failed: u64,
    /// Bytes of what was removed, as far as they are known.
    pub(crate) bytes: u64,
    pub(crate) dry: bool,
}

impl PurgeLine {
    pub(super) fn text(&self, palette: Palette, loudness: Loudness) -> String {
        let Self { url, what, .. } = self;
        let size = self.bytes.map(|bytes| format!(", {}", byte_size::human(bytes))).unwrap_or_default();
        match &self.status {
            PurgeStatus::Removed => format!("purge: {url} ({what}{size})"),
            PurgeStatus::Planned => format!("(dryrun) purge: {url} ({what}{size})"),
            PurgeStatus::Kept(why) => format!("keep: {url} ({what}{size}): {why}"),
            PurgeStatus::Failed(failure) => explained_as(&format!("purge failed: {url} "), failure, palette, loudness),
        }
    }

    pub(super) fn json(&self) -> String {
        let (status, why, error) = match &self.status {
            PurgeStatus::Removed => ("removed", None, None),
            PurgeStatus::Planned => ("dryrun", None, None),
            PurgeStatus::Kept(why) => ("kept", Some(*why), None),
            PurgeStatus::Failed(failure) => ("failed", None, Some(refusal(failure))),
        };
        let Self { key, url, what, bytes, .. } = self;
        json::write(Record::Purge(PurgeRecord { key, url, what, bytes: *bytes, status, why, error }))
    }
}

impl PurgeCounts {
    pub(super) fn text(&self) -> String {
        let Self { removed, kept, failed, bytes, dry } = *self;
        let done = if dry { "would be removed" } else { "removed" };
        let mut text = format!("{} {done}, {}; {} kept", grouped(removed), byte_size::human(bytes), grouped(kept));
        if failed > 0 {
            text.push_str(&format!("; {} failed", grouped(failed)));
        }
        text
    }

    pub(super) fn json(&self, exit: Exit) -> String {
        let Self { removed, kept, failed, bytes, dry } = *self;
        let exit = exit.code();
        json::write(Record::Summary(SummaryRecord::Purge(PurgeSummary {
            op: "purge",
            ok: removed,
            failed,
            kept,
            bytes,
            dry,
            exit,
        })))
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct PurgeRecord<'a> {
    key: &'a str,
    url: &'a str,
    what: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Refusal<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct PurgeSummary {
    op: &'static str,
    ok: u64,
    failed: u64,
    kept: u64,
    bytes: u64,
    dry: bool,
    exit: u8,
}

/// Its lines as they are written.
#[cfg(test)]
pub(super) fn golden() -> Vec<(String, &'static str)> {
    let kept = PurgeLine {
        key: "p/.deltaglider/trash/x".to_owned(),
        url: "s3://b/p/.deltaglider/trash/x".to_owned(),
        what: "trash",
        bytes: Some(5),
        status: PurgeStatus::Kept("it is new"),
    };
    let counts = PurgeCounts { removed: 2, kept: 1, failed: 0, bytes: 7, dry: true };
    vec![
        (
            kept.json(),
            r#"{"v":1,"type":"purge","key":"p/.deltaglider/trash/x","url":"s3://b/p/.deltaglider/trash/x","what":"trash","bytes":5,"status":"kept","why":"it is new"}"#,
        ),
        (
            counts.json(Exit::Done),
            r#"{"v":1,"type":"summary","op":"purge","ok":2,"failed":0,"kept":1,"bytes":7,"dry":true,"exit":0}"#,
        ),
    ]
}
