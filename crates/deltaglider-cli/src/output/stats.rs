//! Stats in words and in JSON.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use deltaglider::core::engine::stats::{Group, GroupBy, Stats, Verdict};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde::Serialize;

use super::human::{grouped, percent};
use super::json::{self, Record, rounded};
use crate::{byte_size, time_span};

/// Groups that are shown to people.
const SHOWN: usize = 12;

/// Everything there is to show.
#[derive(Clone, Debug)]
pub(crate) struct StatsPage {
    pub(crate) url: String,
    pub(crate) stats: Stats,
    pub(crate) by: GroupBy,
    /// Dollars for a GiB and month.
    pub(crate) price: f64,
    pub(crate) now: SystemTime,
}

impl StatsPage {
    pub(super) fn text(&self) -> String {
        let stats = &self.stats;
        let computed = UNIX_EPOCH + Duration::from_secs(stats.computed_at);
        let mut when = format!("scanned {}", local_minute(computed));
        if stats.cached {
            let age = self.now.duration_since(computed).unwrap_or_default();
            when.push_str(&format!(" (cached, {} old)", time_span::human(age)));
        }
        let objects = format!("{} objects · {} deltaspaces · {when}", grouped(stats.objects), grouped(stats.spaces));
        let mut lines = vec![format!("{:<35} {objects}", self.url), String::new()];
        let about = if stats.exact { "" } else { "~" };
        lines.push(row("", "objects", "logical", "stored", "saved"));
        let row_of = |name: &str, number: u64, logical: Option<u64>, stored: u64| {
            let saved = logical.filter(|logical| *logical > 0).map(|logical| 1.0 - stored as f64 / logical as f64);
            let logical = logical.map_or_else(dash, byte_size::human);
            row(name, &grouped(number), &logical, &byte_size::human(stored), &saved.map_or_else(dash, percent))
        };
        // The content of a reference is counted where it is read: in the delta of the object that it was made of.
        lines.push(row_of("references", stats.references, None, stats.reference_bytes));
        lines.push(row_of("deltas", stats.deltas, Some(stats.delta_logical), stats.delta_stored));
        lines.push(row_of("plain", stats.plain, Some(stats.plain_bytes), stats.plain_bytes));
        if stats.internal > 0 {
            lines.push(row_of("hidden", stats.internal, None, stats.internal_bytes));
        }
        let month = stats.stored as f64 / f64::from(1 << 30) * self.price;
        let total = row_of("total", stats.objects, Some(stats.logical), stats.stored);
        lines.push(format!("{total}   ≈ ${month:.2}/month at ${}/GiB", self.price));
        if !stats.exact {
            lines.push(format!(
                "{about} logical sizes are estimated from a part of the deltas: --detailed asks for all"
            ));
        }
        if !stats.groups.is_empty() {
            lines.push(String::new());
            let title = match self.by {
                GroupBy::DeltaSpace => "largest deltaspaces",
                GroupBy::Prefix(_) => "largest prefixes",
                GroupBy::Extension => "largest extensions",
            };
            lines.push(format!("{}   median delta/ref   verdict", row(title, "objects", "logical", "stored", "saved")));
            lines.extend(stats.groups.iter().take(SHOWN).map(group_row));
            if stats.groups.len() > SHOWN {
                lines
                    .push(format!("and {} more; --json has all of them", grouped((stats.groups.len() - SHOWN) as u64)));
            }
        }
        lines.join("\n")
    }

    pub(super) fn json(&self) -> String {
        let stats = &self.stats;
        let computed = UNIX_EPOCH + Duration::from_secs(stats.computed_at);
        json::write(Record::Stats(StatsRecord {
            uri: &self.url,
            objects: stats.objects,
            logical: stats.logical,
            stored: stats.stored,
            saved_ratio: stats.saved().map(rounded),
            references: Plain { n: stats.references, bytes: stats.reference_bytes },
            deltas: Deltas { n: stats.deltas, logical: stats.delta_logical, stored: stats.delta_stored },
            plain: Plain { n: stats.plain, bytes: stats.plain_bytes },
            hidden: Plain { n: stats.internal, bytes: stats.internal_bytes },
            by: match self.by {
                GroupBy::DeltaSpace => "deltaspace",
                GroupBy::Prefix(_) => "prefix",
                GroupBy::Extension => "ext",
            },
            deltaspaces: stats
                .groups
                .iter()
                .map(|group| Space {
                    prefix: &group.name,
                    objects: group.objects,
                    logical: group.logical,
                    stored: group.stored,
                    saved_ratio: group.saved().map(rounded),
                    median_ratio: group.median_ratio.map(rounded),
                    verdict: group.verdict.map(Verdict::as_str),
                })
                .collect(),
            exact: stats.exact,
            cached: stats.cached,
            computed_at: Timestamp::try_from(computed).unwrap_or(Timestamp::UNIX_EPOCH).to_string(),
            month_usd: rounded(stats.stored as f64 / f64::from(1 << 30) * self.price),
        }))
    }
}

fn group_row(group: &Group) -> String {
    let saved = group.saved().map_or_else(dash, percent);
    let name = if group.name.is_empty() { "(root)" } else { &group.name };
    let (logical, stored) = (byte_size::human(group.logical), byte_size::human(group.stored));
    let line = row(name, &grouped(group.objects), &logical, &stored, &saved);
    let median = group.median_ratio.map_or_else(dash, percent);
    let verdict = match group.verdict {
        Some(Verdict::Poor) => "poor: its reference is a wrong one",
        Some(Verdict::NoReference) => "no reference: see `deltaglider verify --repair-plan`",
        Some(verdict) => verdict.as_str(),
        None => "–",
    };
    format!("{line}   {median:>16}   {verdict}")
}

fn row(name: &str, objects: &str, logical: &str, stored: &str, saved: &str) -> String {
    format!("{name:<24} {objects:>9} {logical:>11} {stored:>11} {saved:>7}")
}

fn dash() -> String {
    "–".to_owned()
}

fn local_minute(time: SystemTime) -> String {
    let stamp = Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH);
    Zoned::new(stamp, TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct StatsRecord<'a> {
    uri: &'a str,
    objects: u64,
    logical: u64,
    stored: u64,
    saved_ratio: Option<f64>,
    references: Plain,
    deltas: Deltas,
    plain: Plain,
    hidden: Plain,
    by: &'static str,
    deltaspaces: Vec<Space<'a>>,
    exact: bool,
    cached: bool,
    computed_at: String,
    month_usd: f64,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Plain {
    n: u64,
    bytes: u64,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Deltas {
    n: u64,
    logical: u64,
    stored: u64,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Space<'a> {
    prefix: &'a str,
    objects: u64,
    logical: u64,
    stored: u64,
    saved_ratio: Option<f64>,
    median_ratio: Option<f64>,
    verdict: Option<&'static str>,
}

/// Its line as it is written.
#[cfg(test)]
pub(super) fn golden() -> Vec<(String, &'static str)> {
    let mut stats = Stats::default();
    (stats.objects, stats.logical, stats.stored, stats.spaces) = (3, 3000, 1020, 1);
    (stats.references, stats.reference_bytes) = (1, 1000);
    (stats.deltas, stats.delta_logical, stats.delta_stored) = (3, 3000, 20);
    (stats.exact, stats.computed_at) = (true, 1_700_000_000);
    let mut group = Group::default();
    (group.name, group.objects, group.logical, group.stored) = ("p/".to_owned(), 3, 3000, 1020);
    (group.median_ratio, group.verdict) = (Some(0.01), Some(Verdict::Excellent));
    stats.groups = vec![group];
    let page = StatsPage { url: "s3://b/".to_owned(), stats, by: GroupBy::DeltaSpace, price: 0.023, now: UNIX_EPOCH };
    vec![(
        page.json(),
        r#"{"v":1,"type":"stats","uri":"s3://b/","objects":3,"logical":3000,"stored":1020,"saved_ratio":0.66,"references":{"n":1,"bytes":1000},"deltas":{"n":3,"logical":3000,"stored":20},"plain":{"n":0,"bytes":0},"hidden":{"n":0,"bytes":0},"by":"deltaspace","deltaspaces":[{"prefix":"p/","objects":3,"logical":3000,"stored":1020,"saved_ratio":0.66,"median_ratio":0.01,"verdict":"excellent"}],"exact":true,"cached":false,"computed_at":"2023-11-14T22:13:20Z","month_usd":0.0}"#,
    )]
}
