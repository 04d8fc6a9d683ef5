//! Lines of JSON: one object a line, each with its version and its type. Unknown fields are to be ignored.

mod analysis;
mod key;

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime};

use deltaglider::core::codec::DeltaParts;
use deltaglider::core::engine::LogicalObject;
use jiff::Timestamp;
use serde::Serialize;

use self::analysis::{AnalysisRecord, EstimateRecord, analysis_record, estimate_record};
use super::cache::CacheRecord;
use super::human::form;
use super::purge::{PurgeRecord, PurgeSummary};
use super::repair::{RepairRecord, RepairSummary};
use super::sharing::Acl;
use super::stats::StatsRecord;
use super::verify::{VerifyRecord, VerifySummary};
use super::{AnalysisReport, Check, Line, Listed, SettingLine};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::sampling::Estimate;
use crate::tally::{Delta, Ended, Outcome, Tally};

pub(super) use self::key::{Figures, KeyBody, KeyEntries, KeyRecord};

/// Why there is still something to do for an object that was migrated.
const WHOLE_STAYS: &str = "the store ignores conditions on deletes: the whole form stays, hidden";

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Versioned<'a> {
    v: u8,
    #[serde(flatten)]
    record: Record<'a>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Record<'a> {
    Object(Box<Transfer<'a>>),
    Warning {
        code: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        path: Option<&'a str>,
        message: &'a str,
    },
    Error {
        error: Refusal<'a>,
    },
    Bucket(Bucket<'a>),
    #[serde(rename = "bucket-config")]
    BucketConfig {
        name: &'a str,
        codec: Option<&'a str>,
    },
    Prefix {
        prefix: &'a str,
    },
    Entry(Entry<'a>),
    Progress(Progress),
    Summary(SummaryRecord<'a>),
    Version {
        version: &'a str,
    },
    Url {
        object: &'a str,
        url: &'a str,
        expires_in: u64,
    },
    Acl {
        bucket: &'a str,
        #[serde(flatten)]
        acl: &'a Acl<'a>,
    },
    Estimate(EstimateRecord),
    Analysis(AnalysisRecord<'a>),
    Check {
        name: &'a str,
        status: &'a str,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<&'a str>,
    },
    Setting {
        name: &'a str,
        value: &'a str,
        origin: &'a str,
    },
    Stats(StatsRecord<'a>),
    Verify(VerifyRecord<'a>),
    Repair(RepairRecord<'a>),
    Purge(PurgeRecord<'a>),
    Cache(CacheRecord<'a>),
    Key(KeyRecord<'a>),
}

/// What a command came to, by what it does.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub(super) enum SummaryRecord<'a> {
    Transfers(Summary<'a>),
    Verify(VerifySummary),
    Repair(RepairSummary),
    Purge(PurgeSummary),
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Transfer<'a> {
    op: &'a str,
    src: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dst: Option<&'a str>,
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logical: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stored: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_reference: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<DeltaRecord<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Refusal<'a>>,
}

/// What a delta is made of: bytes of the target by how they are kept, and bytes of the delta by what they are for.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct DeltaRecord<'a> {
    codec: &'a str,
    copied: u64,
    reencoded: u64,
    tokens: u64,
    repacked: u64,
    raw: u64,
    plain: u64,
    side: u64,
    body: u64,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Refusal<'a> {
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<u16>,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    retryable: bool,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Bucket<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    op: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Refusal<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Entry<'a> {
    key: &'a str,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    stored: Option<u64>,
    kind: &'a str,
    last_modified: String,
    etag: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    storage_class: Option<&'a str>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Progress {
    files_done: u64,
    files_total: u64,
    bytes_done: u64,
    bytes_total: u64,
    sent: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    eta_s: Option<u64>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Summary<'a> {
    op: &'a str,
    ok: u64,
    failed: u64,
    skipped: u64,
    deleted: u64,
    logical: u64,
    stored: u64,
    sent: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    saved_ratio: Option<f64>,
    references: u64,
    deltas: u64,
    plain: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    planned: Option<Planned>,
    #[serde(skip_serializing_if = "Option::is_none")]
    present: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    objects: Option<u64>,
    ms: u64,
    exit: u8,
}

/// What a dry run would do.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Planned {
    transfers: u64,
    bytes: u64,
    deletes: u64,
}

pub(super) fn transferred(line: &Line, outcome: &Outcome) -> String {
    let ratio = outcome.stored.filter(|_| outcome.logical > 0).map(|stored| stored as f64 / outcome.logical as f64);
    let (status, why) = match outcome.ended {
        Ended::Done => ("ok", None),
        Ended::WholeStays => ("ok", Some(WHOLE_STAYS)),
        Ended::Present => ("present", None),
        Ended::Kept(why) => ("kept", Some(why)),
    };
    write(Record::Object(Box::new(Transfer {
        status,
        why,
        kind: outcome.kind,
        logical: Some(outcome.logical),
        stored: outcome.stored,
        sent: Some(outcome.moved),
        ratio: ratio.map(rounded),
        sha256: outcome.sha256.as_deref(),
        reference: outcome.reference,
        new_reference: outcome.new_reference,
        delta: outcome.delta.as_ref().map(delta),
        ms: Some(outcome.took.as_millis() as u64),
        ..transfer(line)
    })))
}

pub(super) fn dry(line: &Line) -> String {
    write(Record::Object(Box::new(Transfer { status: "dryrun", ..transfer(line) })))
}

/// A URL by which an object can be fetched.
pub(super) fn presigned(object: &str, url: &str, expires_in: u64) -> String {
    write(Record::Url { object, url, expires_in })
}

/// The access control list of a bucket, its fields named as `aws s3api` names them.
pub(super) fn bucket_acl(bucket: &str, acl: &Acl<'_>) -> String {
    write(Record::Acl { bucket, acl })
}

pub(super) fn kept(line: &Line) -> String {
    write(Record::Object(Box::new(Transfer { status: "kept", ..transfer(line) })))
}

pub(super) fn failed(line: &Line, failure: &Failure) -> String {
    write(Record::Object(Box::new(Transfer { status: "failed", error: Some(refusal(failure)), ..transfer(line) })))
}

pub(super) fn warning(code: &str, path: Option<&str>, message: &str) -> String {
    write(Record::Warning { code, path, message })
}

pub(super) fn fatal(failure: &Failure) -> String {
    write(Record::Error { error: refusal(failure) })
}

pub(super) fn bucket_done(done: &str, name: &str) -> String {
    write(Record::Bucket(Bucket { name, created: None, op: Some(done), status: Some("ok"), error: None }))
}

pub(super) fn bucket_failed(doing: &str, url: &str, failure: &Failure) -> String {
    let error = Some(refusal(failure));
    write(Record::Bucket(Bucket { name: url, created: None, op: Some(doing), status: Some("failed"), error }))
}

pub(super) fn bucket_config(name: &str, codec: Option<&str>) -> String {
    write(Record::BucketConfig { name, codec })
}

pub(super) fn listed(line: &Listed<'_>) -> String {
    write(match line {
        Listed::Bucket(bucket) => Record::Bucket(Bucket {
            name: &bucket.name,
            created: bucket.created.map(time),
            op: None,
            status: None,
            error: None,
        }),
        Listed::Prefix(prefix) => Record::Prefix { prefix },
        Listed::Object(object) => Record::Entry(entry(object)),
        Listed::Physical(object) => Record::Entry(Entry {
            key: &object.key,
            size: object.size,
            stored: None,
            kind: "physical",
            last_modified: time(object.last_modified),
            etag: object.e_tag.unquoted(),
            sha256: None,
            storage_class: object.storage_class.as_deref(),
        }),
    })
}

pub(super) fn listing_total(objects: u64, bytes: u64) -> String {
    let tally = Tally::new();
    let summary = summary_record("ls", &tally, Exit::Done);
    write(Record::Summary(SummaryRecord::Transfers(Summary { objects: Some(objects), logical: bytes, ..summary })))
}

pub(super) fn analysis(report: &AnalysisReport<'_>) -> String {
    write(Record::Analysis(analysis_record(report)))
}

pub(super) fn estimate(estimate: &Estimate) -> String {
    write(Record::Estimate(estimate_record(estimate)))
}

pub(super) fn check(check: &Check<'_>) -> String {
    let Check { name, health, text, fix } = *check;
    write(Record::Check { name, status: health.name(), message: text, hint: fix })
}

pub(super) fn setting(line: &SettingLine) -> String {
    write(Record::Setting { name: line.name, value: &line.value, origin: line.origin })
}

pub(super) fn version(version: &str) -> String {
    write(Record::Version { version })
}

pub(super) fn summary(operation: &str, tally: &Tally, exit: Exit) -> String {
    write(Record::Summary(SummaryRecord::Transfers(summary_record(operation, tally, exit))))
}

pub(super) fn progress(tally: &Tally, files: u64, bytes: u64, left: Option<Duration>) -> String {
    write(Record::Progress(Progress {
        files_done: tally.ok.load(Relaxed) + tally.failed.load(Relaxed),
        files_total: files,
        bytes_done: tally.logical.load(Relaxed),
        bytes_total: bytes,
        sent: tally.moved.load(Relaxed),
        eta_s: left.map(|left| left.as_secs()),
    }))
}

fn summary_record<'a>(op: &'a str, tally: &Tally, exit: Exit) -> Summary<'a> {
    Summary {
        op,
        ok: tally.ok.load(Relaxed),
        failed: tally.failed.load(Relaxed),
        skipped: tally.skipped.load(Relaxed),
        deleted: tally.deleted.load(Relaxed),
        logical: tally.logical.load(Relaxed),
        stored: tally.stored.load(Relaxed),
        sent: tally.moved.load(Relaxed),
        saved_ratio: tally.storage_saved().map(rounded),
        references: tally.references.load(Relaxed),
        deltas: tally.deltas.load(Relaxed),
        plain: tally.plain.load(Relaxed),
        planned: planned(tally),
        present: some(tally.present.load(Relaxed)),
        kept: some(tally.kept.load(Relaxed)),
        objects: None,
        ms: tally.elapsed().as_millis() as u64,
        exit: exit.code(),
    }
}

/// What a dry run would do, where this is one.
fn planned(tally: &Tally) -> Option<Planned> {
    let planned = Planned {
        transfers: tally.planned.load(Relaxed),
        bytes: tally.planned_bytes.load(Relaxed),
        deletes: tally.planned_deletes.load(Relaxed),
    };
    (planned.transfers + planned.deletes > 0).then_some(planned)
}

fn transfer(line: &Line) -> Transfer<'_> {
    Transfer {
        op: line.action.name(),
        src: &line.source,
        dst: line.destination.as_deref(),
        status: "",
        why: None,
        kind: None,
        logical: None,
        stored: None,
        sent: None,
        ratio: None,
        sha256: None,
        reference: None,
        new_reference: None,
        delta: None,
        ms: None,
        error: None,
    }
}

fn delta(delta: &Delta) -> DeltaRecord<'_> {
    let DeltaParts { copied, reencoded, tokens, repacked, raw, plain, side, body, .. } = delta.parts;
    DeltaRecord { codec: &delta.codec, copied, reencoded, tokens, repacked, raw, plain, side, body }
}

pub(super) fn refusal(failure: &Failure) -> Refusal<'_> {
    Refusal {
        code: &failure.code,
        http: failure.http,
        message: &failure.message,
        why: failure.why.as_deref(),
        hint: failure.fix.as_deref(),
        request_id: failure.request_id.as_deref(),
        retryable: failure.retryable,
    }
}

fn entry(object: &LogicalObject) -> Entry<'_> {
    Entry {
        key: &object.key,
        size: object.size,
        stored: Some(object.stored_size),
        kind: form(&object.stored),
        last_modified: time(object.last_modified),
        etag: object.e_tag.unquoted(),
        sha256: object.sha256.map(|digest| digest.to_string()),
        storage_class: object.storage_class.as_deref(),
    }
}

pub(super) fn write(record: Record<'_>) -> String {
    // Texts and numbers alone: nothing of it can fail.
    serde_json::to_string(&Versioned { v: 1, record }).unwrap_or_default()
}

fn some(number: u64) -> Option<u64> {
    (number > 0).then_some(number)
}

/// Four digits: more would be noise.
pub(super) fn rounded(share: f64) -> f64 {
    (share * 1e4).round() / 1e4
}

pub(super) fn time(time: SystemTime) -> String {
    Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

#[cfg(test)]
mod golden;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Class;
    use crate::output::Action;

    fn line() -> Line {
        let destination = Some("s3://b/a.zip".to_owned());
        Line { action: Action::Upload, source: "a.zip".to_owned(), destination, streamed: false }
    }

    #[test]
    fn every_line_has_its_version_and_type() {
        let outcome = Outcome { kind: Some("delta"), logical: 1000, stored: Some(10), moved: 12, ..Outcome::default() };
        assert_eq!(
            transferred(&line(), &outcome),
            r#"{"v":1,"type":"object","op":"upload","src":"a.zip","dst":"s3://b/a.zip","status":"ok","kind":"delta","logical":1000,"stored":10,"sent":12,"ratio":0.01,"ms":0}"#
        );
        assert_eq!(
            dry(&line()),
            r#"{"v":1,"type":"object","op":"upload","src":"a.zip","dst":"s3://b/a.zip","status":"dryrun"}"#
        );
        let failure = Failure { http: Some(404), ..Failure::new(Class::Service, "NoSuchBucket", "no bucket") };
        assert_eq!(
            failed(&line(), &failure),
            r#"{"v":1,"type":"object","op":"upload","src":"a.zip","dst":"s3://b/a.zip","status":"failed","error":{"code":"NoSuchBucket","http":404,"message":"no bucket","retryable":false}}"#
        );
        assert_eq!(
            warning("skipped", Some("d/pipe"), "why"),
            r#"{"v":1,"type":"warning","code":"skipped","path":"d/pipe","message":"why"}"#
        );
        assert_eq!(version("1.0"), r#"{"v":1,"type":"version","version":"1.0"}"#);
    }

    #[test]
    fn the_summary_carries_the_exit_code() {
        let text = summary("cp", &Tally::new(), Exit::Skipped);
        assert!(
            text.starts_with(r#"{"v":1,"type":"summary","op":"cp","ok":0,"#) && text.ends_with(r#""exit":2}"#),
            "{text}"
        );
    }
}
