//! What deltas save by delta space, and what a migration would come to.

use serde::Serialize;

use super::rounded;
use crate::analysis::Space;
use crate::output::AnalysisReport;
use crate::sampling::{Estimate, SpaceEstimate};

pub(super) fn analysis_record<'a>(report: &AnalysisReport<'a>) -> AnalysisRecord<'a> {
    let analysis = report.analysis;
    let space = |space| space_record(space, report);
    AnalysisRecord {
        uri: report.source,
        objects: analysis.objects(),
        logical: analysis.logical(),
        stored: analysis.stored(),
        saved_ratio: rounded(report.saved()),
        plain: analysis.other_objects,
        plain_bytes: analysis.other_bytes,
        deltaspaces: report.spaces.iter().take(report.top).map(space).collect(),
        estimate: report.estimate.map(estimate_record),
    }
}

/// What deltas save, by delta space.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::output) struct AnalysisRecord<'a> {
    uri: &'a str,
    objects: u64,
    logical: u64,
    stored: u64,
    saved_ratio: f64,
    /// Objects that can be no delta, and their bytes.
    plain: u64,
    plain_bytes: u64,
    deltaspaces: Vec<SpaceRecord<'a>>,
    /// What is not stored as deltas and could be.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimate: Option<EstimateRecord>,
}

/// A delta space; the median is over everything in it that could be a delta.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SpaceRecord<'a> {
    prefix: &'a str,
    objects: u64,
    deltas: u64,
    logical: u64,
    stored: u64,
    saved_ratio: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<u64>,
    /// Stored ÷ object in the middle.
    #[serde(skip_serializing_if = "Option::is_none")]
    median_ratio: Option<f64>,
    verdict: &'a str,
    /// What another reference would give.
    #[serde(skip_serializing_if = "Option::is_none")]
    rebase: Option<RebaseRecord<'a>>,
}

/// Delta ÷ object against another reference, by samples; the error is half of the interval of 95 % confidence.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RebaseRecord<'a> {
    on: &'a str,
    samples: u64,
    ratio: f64,
    error: f64,
}

/// What a migration would come to. Shares are of the logical bytes; the interval is that of 95 % confidence.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::output) struct EstimateRecord {
    objects: u64,
    plain: u64,
    deltaspaces: u64,
    samples: u64,
    logical: u64,
    stored: u64,
    stored_low: u64,
    stored_high: u64,
    saved_ratio: f64,
    /// Those that were sampled.
    spaces: Vec<SampledRecord>,
}

/// A delta space of an estimate, and delta ÷ object in its mean.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SampledRecord {
    prefix: String,
    objects: u64,
    logical: u64,
    samples: u64,
    ratio: f64,
}

fn space_record<'a>(space: &'a Space, report: &AnalysisReport<'a>) -> SpaceRecord<'a> {
    let rebase = report.rebases.iter().find(|rebase| rebase.prefix == space.prefix);
    SpaceRecord {
        prefix: &space.prefix,
        objects: space.points.len() as u64,
        deltas: space.deltas().count() as u64,
        logical: space.logical(),
        stored: space.stored(),
        saved_ratio: rounded(space.saved()),
        reference: space.reference,
        median_ratio: space.median_ratio().map(rounded),
        verdict: space.verdict(report.min_deltas).as_str(),
        rebase: rebase.map(|rebase| RebaseRecord {
            on: &rebase.on,
            samples: rebase.samples as u64,
            ratio: rounded(rebase.ratio),
            error: rounded(rebase.error),
        }),
    }
}

pub(super) fn estimate_record(estimate: &Estimate) -> EstimateRecord {
    let [stored_low, stored, stored_high] = estimate.stored;
    EstimateRecord {
        objects: estimate.objects,
        plain: estimate.plain_objects,
        deltaspaces: estimate.spaces.len() as u64,
        samples: estimate.samples as u64,
        logical: estimate.logical,
        stored,
        stored_low,
        stored_high,
        saved_ratio: rounded(estimate.saved()[1]),
        spaces: estimate.spaces.iter().filter_map(sampled_record).collect(),
    }
}

fn sampled_record(space: &SpaceEstimate) -> Option<SampledRecord> {
    Some(SampledRecord {
        prefix: space.prefix.clone(),
        objects: space.objects,
        logical: space.bytes,
        samples: space.samples.len() as u64,
        ratio: rounded(space.mean()?),
    })
}
