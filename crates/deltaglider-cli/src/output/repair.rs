//! Findings of a repair in words and in JSON.

use deltaglider::core::engine::repair::{Action, Finding, Origin};
use serde::Serialize;

use super::human::explained_as;
use super::json::{self, Record, Refusal, SummaryRecord, refusal};
use super::{Loudness, Palette};
use crate::exit::Exit;
use crate::failure::Failure;

/// What became of a finding.
#[derive(Clone, Debug)]
pub(crate) enum RepairStatus {
    /// There is nothing to do about it but to tell it.
    Kept,
    /// It would be mended.
    Planned,
    /// It is mended.
    Done,
    /// It was left as it is: why.
    Left(&'static str),
    /// It could not be mended.
    Failed(Box<Failure>),
}

/// What a repair came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct RepairCounts {
    pub(crate) findings: u64,
    pub(crate) planned: u64,
    pub(crate) done: u64,
    pub(crate) left: u64,
    pub(crate) lost: u64,
    /// Whether objects cannot be read as things stand.
    pub(crate) broken: bool,
}

impl RepairCounts {
    pub(super) fn text(&self, dry: bool) -> String {
        let Self { findings, planned, done, left, lost, .. } = self;
        match dry {
            true => format!("{findings} findings, {planned} to mend, {lost} with something lost"),
            false => format!("{findings} findings, {done} mended, {left} left, {lost} with something lost"),
        }
    }

    pub(super) fn json(&self, op: &'static str, exit: Exit) -> String {
        let Self { findings, planned, done, left, lost, .. } = *self;
        let exit = exit.code();
        let summary = RepairSummary { op, findings, planned, ok: done, failed: left, lost, exit };
        json::write(Record::Summary(SummaryRecord::Repair(summary)))
    }
}

pub(super) fn text(
    finding: &Finding,
    status: &RepairStatus,
    url: &dyn Fn(&str) -> String,
    palette: Palette,
    loudness: Loudness,
) -> String {
    let at = url(finding.at.key());
    let what = match &finding.action {
        Action::PutReference { .. } => "put back",
        Action::KeepBeside { .. } => "keep beside",
        Action::ReplaceReference { .. } => "replace",
        Action::RemoveDelta { .. } => "remove the delta of",
        Action::RemoveTemporary { .. } => "remove",
        _ => "keep",
    };
    let from = finding.action.origin().map(|origin| format!(" from {}", origin_text(origin, url))).unwrap_or_default();
    let mut text = match status {
        RepairStatus::Planned => format!("(dryrun) {what}: {at}{from}"),
        RepairStatus::Left(why) => format!("left: {at}: {why}"),
        RepairStatus::Failed(failure) => explained_as(&format!("{what} failed: {at} "), failure, palette, loudness),
        RepairStatus::Kept | RepairStatus::Done => format!("{what}: {at}{from}"),
    };
    text.push_str(&format!("\n  {}: {}", finding.problem.as_str(), finding.detail));
    if let Some(lost) = &finding.lost {
        text.push_str(&format!("\n  lost: {lost}"));
    }
    text
}

pub(super) fn json(finding: &Finding, status: &RepairStatus, url: &dyn Fn(&str) -> String) -> String {
    let (name, why, failure) = match status {
        RepairStatus::Kept => ("kept", None, None),
        RepairStatus::Planned => ("planned", None, None),
        RepairStatus::Done => ("done", None, None),
        RepairStatus::Left(why) => ("left", Some(*why), None),
        RepairStatus::Failed(failure) => ("failed", None, Some(refusal(failure))),
    };
    json::write(Record::Repair(RepairRecord {
        key: finding.at.key(),
        url: url(finding.at.key()),
        finding: finding.problem.as_str(),
        action: finding.action.as_str(),
        status: name,
        from: finding.action.origin().map(|origin| origin_text(origin, url)),
        detail: &finding.detail,
        lost: finding.lost.as_deref(),
        why,
        error: failure,
    }))
}

fn origin_text(origin: &Origin, url: &dyn Fn(&str) -> String) -> String {
    match origin {
        Origin::Stored(at) | Origin::Object(at) => url(at.key()),
        _ => "the cache".to_owned(),
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct RepairRecord<'a> {
    key: &'a str,
    url: String,
    finding: &'static str,
    action: &'static str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    detail: &'a str,
    lost: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Refusal<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct RepairSummary {
    op: &'static str,
    findings: u64,
    planned: u64,
    ok: u64,
    failed: u64,
    lost: u64,
    exit: u8,
}

/// Its lines as they are written.
#[cfg(test)]
pub(super) fn golden() -> Vec<(String, &'static str)> {
    let record = RepairRecord {
        key: "p/reference.bin",
        url: "s3://b/p/reference.bin".to_owned(),
        finding: "reference_missing",
        action: "put_reference",
        status: "done",
        from: Some("the cache".to_owned()),
        detail: "2 deltas need it",
        lost: None,
        why: None,
        error: None,
    };
    let counts = RepairCounts { findings: 3, planned: 2, done: 1, left: 1, lost: 1, broken: false };
    vec![
        (
            json::write(Record::Repair(record)),
            r#"{"v":1,"type":"repair","key":"p/reference.bin","url":"s3://b/p/reference.bin","finding":"reference_missing","action":"put_reference","status":"done","from":"the cache","detail":"2 deltas need it","lost":null}"#,
        ),
        (
            counts.json("repair", Exit::Integrity),
            r#"{"v":1,"type":"summary","op":"repair","findings":3,"planned":2,"ok":1,"failed":1,"lost":1,"exit":4}"#,
        ),
    ]
}
