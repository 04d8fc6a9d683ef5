//! An analysis in words and in JSON.

use std::io;

use deltaglider::core::engine::stats::Verdict;

use super::{Loudness, Output, human, json, percent};
use crate::analysis::{Analysis, Point, Space, condensed, saved, sparkline};
use crate::byte_size;
use crate::sampling::Estimate;

/// Characters of a course.
const COURSE: usize = 16;

/// What an analysis found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AnalysisReport<'a> {
    pub(crate) source: &'a str,
    pub(crate) analysis: &'a Analysis,
    /// The largest first.
    pub(crate) spaces: &'a [Space],
    /// What is not stored as deltas yet.
    pub(crate) estimate: Option<&'a Estimate>,
    pub(crate) rebases: &'a [Rebase],
    pub(crate) top: usize,
    pub(crate) min_deltas: usize,
    /// Dollars for a GiB a month.
    pub(crate) price: f64,
    /// What a delta may take of its object at most.
    pub(crate) max_ratio: f64,
}

/// What another reference would give, by samples.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rebase {
    pub(crate) prefix: String,
    /// The object that would be the reference.
    pub(crate) on: String,
    pub(crate) samples: usize,
    /// Delta ÷ object in the mean.
    pub(crate) ratio: f64,
    /// Half of the interval of 95 % confidence.
    pub(crate) error: f64,
}

impl AnalysisReport<'_> {
    pub(crate) fn saved(&self) -> f64 {
        saved(self.analysis.stored(), self.analysis.logical())
    }

    pub(crate) fn dollars(&self, bytes: u64) -> f64 {
        bytes as f64 / (1u64 << 30) as f64 * self.price
    }

    /// What to do about a space, where there is something: a sentence and the commands.
    pub(crate) fn advice(&self, space: &Space) -> Option<(String, Vec<String>)> {
        let url = format!("{}{}", self.source, space.prefix);
        let other = format!("{}-2/", url.trim_end_matches('/'));
        match space.verdict(self.min_deltas) {
            Verdict::Poor => {
                let Some(rebase) = self.rebases.iter().find(|rebase| rebase.prefix == space.prefix) else {
                    let text =
                        "its reference does not resemble its objects: keep versions of one thing under one prefix";
                    return Some((text.to_owned(), Vec::new()));
                };
                let on = rebase.on.rsplit('/').next().unwrap_or(&rebase.on);
                let (now, then) = (percent(space.median_ratio().unwrap_or(1.0)), percent(rebase.ratio));
                let text = format!(
                    "against {on}, deltas take {then} (± {}, {} samples) where the one in the middle takes {now} now",
                    percent(rebase.error.min(1.0)),
                    rebase.samples
                );
                if rebase.ratio > 0.8 * space.median_ratio().unwrap_or(1.0) {
                    let text = format!(
                        "{text}: the objects do not resemble one another; keep versions of one thing under one prefix"
                    );
                    return Some((text, Vec::new()));
                }
                let commands = vec![
                    format!("deltaglider cp {}{} {other}", self.source, rebase.on),
                    format!("deltaglider migrate {url} {other} --no-preserve-prefix"),
                ];
                Some((text, commands))
            }
            Verdict::NoReference => Some((
                "its deltas have no reference and cannot be read".to_owned(),
                vec![format!("deltaglider verify {url} --recursive")],
            )),
            Verdict::NotMigrated if space.points.len() >= self.min_deltas && self.source.contains("://") => Some((
                "its archives are stored whole".to_owned(),
                vec![format!("deltaglider migrate {url} --in-place --dryrun")],
            )),
            _ => None,
        }
    }
}

impl Output {
    /// What an analysis found.
    pub(crate) fn analysis(&self, report: &AnalysisReport<'_>) -> io::Result<()> {
        match (self.loudness >= Loudness::Normal, self.json) {
            (false, _) => Ok(()),
            (true, true) => self.result(&json::analysis(report)),
            (true, false) => self.result(&text(report)),
        }
    }
}

fn text(report: &AnalysisReport<'_>) -> String {
    let analysis = report.analysis;
    let (logical, stored) = (analysis.logical(), analysis.stored());
    let mut text = format!(
        "{}  {} objects · {} delta spaces · {} logical · {} stored · saved {} · ${:.2}/month\n",
        report.source,
        analysis.objects(),
        report.spaces.len(),
        byte_size::human(logical),
        byte_size::human(stored),
        percent(report.saved()),
        report.dollars(stored),
    );
    if !report.spaces.is_empty() {
        text.push_str(&format!(
            "\n{:<28} {:>7} {:>10} {:>10} {:>7} {:>9}  {:<COURSE$}  verdict\n",
            "delta space", "objects", "logical", "stored", "saved", "delta/obj", "over time",
        ));
    }
    for space in report.spaces.iter().take(report.top) {
        let ratios: Vec<f64> = space.points.iter().map(Point::ratio).collect();
        text.push_str(&format!(
            "{:<28} {:>7} {:>10} {:>10} {:>7} {:>9}  {:<COURSE$}  {}\n",
            if space.prefix.is_empty() { "(top)" } else { &space.prefix },
            space.points.len(),
            byte_size::human(space.logical()),
            byte_size::human(space.stored()),
            percent(space.saved()),
            space.median_ratio().map_or_else(|| "–".to_owned(), percent),
            sparkline(&condensed(&ratios, COURSE)),
            space.verdict(report.min_deltas).as_str(),
        ));
    }
    if report.spaces.len() > report.top {
        text.push_str(&format!("… and {} more: --top {}\n", report.spaces.len() - report.top, report.spaces.len()));
    }
    let advised: Vec<_> = report.spaces.iter().filter_map(|space| Some((space, report.advice(space)?))).collect();
    if !advised.is_empty() {
        text.push_str("\ndo something\n");
    }
    for (space, (what, commands)) in advised.into_iter().take(report.top) {
        text.push_str(&format!("  {}: {what}\n", if space.prefix.is_empty() { "(top)" } else { &space.prefix }));
        for command in commands {
            text.push_str(&format!("    {command}\n"));
        }
    }
    if let Some(estimate) = report.estimate {
        text.push_str(&format!("\nif migrated: {}\n", human::estimate("what is not yet in deltas", estimate)));
    }
    text.truncate(text.trim_end().len());
    text
}
