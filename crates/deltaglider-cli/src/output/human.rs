//! Text for people: on standard output, line for line what `aws s3` writes.

use std::time::{Duration, SystemTime};

use deltaglider::core::engine::{LogicalObject, StoredForm};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::{Line, ListStyle, Listed, Loudness};
use crate::byte_size;
use crate::failure::Failure;
use crate::sampling::Estimate;
use crate::tally::{Tally, share_saved};

use std::sync::atomic::Ordering::Relaxed;

/// Colours of messages. Results are never coloured: they are `aws`'s, byte for byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Palette {
    coloured: bool,
}

impl Palette {
    pub(crate) fn new(coloured: bool) -> Self {
        Self { coloured }
    }

    fn paint(self, style: &str, text: &str) -> String {
        if self.coloured { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn error(self, text: &str) -> String {
        self.paint("31", text)
    }

    fn warning(self, text: &str) -> String {
        self.paint("33", text)
    }

    fn hint(self, text: &str) -> String {
        self.paint("36", text)
    }
}

/// `upload: ./a.zip to s3://b/a.zip`
pub(super) fn line(line: &Line, dry: bool) -> String {
    let dry = if dry { "(dryrun) " } else { "" };
    let Line { action, source, destination, .. } = line;
    match destination {
        Some(destination) => format!("{dry}{}: {source} to {destination}", action.name()),
        None => format!("{dry}{}: {source}", action.name()),
    }
}

pub(super) fn failed(line: &Line, failure: &Failure, palette: Palette, loudness: Loudness) -> String {
    let place = match &line.destination {
        Some(destination) => format!("{} to {destination}", line.source),
        None => line.source.clone(),
    };
    let label = palette.error(&format!("{} failed:", line.action.name()));
    format!("{label} {place} {}", explained(failure, palette, loudness))
}

pub(super) fn fatal(label: &str, failure: &Failure, palette: Palette, loudness: Loudness) -> String {
    let label = if label.is_empty() { palette.error("error: ") } else { palette.error(label) };
    format!("{label}{}", explained(failure, palette, loudness))
}

/// A failure behind a label of its own.
pub(super) fn explained_as(label: &str, failure: &Failure, palette: Palette, loudness: Loudness) -> String {
    format!("{}{}", palette.error(label), explained(failure, palette, loudness))
}

/// A number with its thousands apart: `1,203`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub(super) fn warning(text: &str, palette: Palette) -> String {
    format!("{} {text}", palette.warning("warning:"))
}

/// The first line as `aws` writes it, so that searches in logs go on matching; reasons and remedies follow, indented.
fn explained(failure: &Failure, palette: Palette, loudness: Loudness) -> String {
    let mut text = failure.message.clone();
    if let Some(why) = &failure.why {
        text.push_str(&format!("\n  {why}"));
    }
    if let Some(fix) = &failure.fix {
        text.push_str(&format!("\n  {} {fix}", palette.hint("to fix:")));
    }
    if let (Loudness::Verbose, Some(id)) = (loudness, &failure.request_id) {
        text.push_str(&format!("\n  request id: {id}"));
    }
    text
}

/// A line of `ls`: 19 characters of date, the size right-aligned in ten, and the name.
pub(super) fn listed(line: &Listed<'_>, prefix: &str, style: ListStyle) -> String {
    let size = |bytes: u64| {
        let text = if style.human_readable { byte_size::human(bytes) } else { bytes.to_string() };
        format!("{text:>10}")
    };
    match line {
        Listed::Bucket(bucket) => match bucket.created {
            Some(created) => format!("{} {}", date(created), bucket.name),
            None => format!("{:19} {}", "", bucket.name),
        },
        Listed::Prefix(name) => format!("{:>30} {}", "PRE", shown(name, prefix, style)),
        Listed::Object(object) if style.long => {
            let (stored, saved, kind) = long(object);
            let name = shown(&object.key, prefix, style);
            let (date, logical) = (date(object.last_modified), size(object.size));
            format!("{date} {logical} {} {saved:>6} {kind:<7} {name}", size(stored))
        }
        Listed::Object(object) => {
            format!("{} {} {}", date(object.last_modified), size(object.size), shown(&object.key, prefix, style))
        }
        Listed::Physical(object) => {
            format!("{} {} {}", date(object.last_modified), size(object.size), shown(&object.key, prefix, style))
        }
    }
}

pub(super) fn listing_total(objects: u64, bytes: u64, style: ListStyle) -> String {
    let size = if style.human_readable { byte_size::human(bytes) } else { bytes.to_string() };
    format!("\nTotal Objects: {objects}\n   Total Size: {size}")
}

/// Name of a form as users read it.
pub(super) fn form(stored: &StoredForm) -> &'static str {
    match stored {
        StoredForm::Delta { .. } => "delta",
        _ => "plain",
    }
}

fn long(object: &LogicalObject) -> (u64, String, &'static str) {
    let saved = share_saved(object.stored_size, object.size).map_or_else(|| "–".to_owned(), percent);
    (object.stored_size, saved, form(&object.stored))
}

/// The key as it is shown: whole, or what follows the last slash of the prefix.
fn shown<'a>(key: &'a str, prefix: &str, style: ListStyle) -> &'a str {
    if style.whole_keys {
        return key;
    }
    let directory = prefix.rfind('/').map_or(0, |slash| slash + 1);
    key.get(directory..).unwrap_or(key)
}

/// A date in the user's zone.
fn date(time: SystemTime) -> String {
    let timestamp = Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH);
    Zoned::new(timestamp, TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// What a migration would come to, by its samples.
pub(super) fn estimate(described: &str, estimate: &Estimate) -> String {
    let (objects, logical) = (estimate.objects, byte_size::human(estimate.logical));
    if objects == 0 {
        return format!("{described}: nothing to do");
    }
    let spaces = estimate.spaces.len();
    let sampled = estimate.spaces.iter().filter(|space| !space.samples.is_empty()).count();
    let stay = estimate.plain_objects;
    let [least, likely, most] = estimate.saved().map(percent);
    let stored = byte_size::human(estimate.stored[1]);
    let mut text = format!("{described}: {objects} objects, {logical}, in {spaces} delta spaces; {stay} stay whole\n");
    text.push_str(&match estimate.samples {
        0 => format!("  estimate: none, since there is nothing to sample: at most {logical} stored"),
        samples => format!(
            "  estimate: about {stored} stored, {likely} saved ({least} to {most} with 95% confidence), from {samples} samples in \
             {sampled} of them"
        ),
    });
    text
}

/// What a run came to, where it moved more than one file.
pub(super) fn summary(tally: &Tally) -> Option<String> {
    if let Some(text) = rehearsed(tally) {
        return Some(text);
    }
    let files = tally.ok.load(Relaxed);
    let (present, kept) = (tally.present.load(Relaxed), tally.kept.load(Relaxed));
    let mut left = Vec::new();
    if present > 0 {
        left.push(format!("{present} there already"));
    }
    if kept > 0 {
        left.push(format!("{kept} left as they are"));
    }
    let left = left.join(", ");
    if files < 2 {
        return (!left.is_empty()).then(|| format!("{files} {}; {left}", if files == 1 { "file" } else { "files" }));
    }
    let left = if left.is_empty() { left } else { format!("; {left}") };
    let deleted = match tally.deleted.load(Relaxed) {
        0 => String::new(),
        deleted => format!(", {deleted} deleted"),
    };
    let logical = byte_size::human(tally.logical.load(Relaxed));
    let took = took(tally.elapsed());
    let Some(saved) = tally.storage_saved() else {
        let moved = byte_size::human(tally.moved.load(Relaxed));
        let saved = tally.traffic_saved().map_or_else(|| "–".to_owned(), percent);
        return Some(format!(
            "{files} files, {logical} logical, {moved} transferred (saved {saved}){deleted}{left}; {took}"
        ));
    };
    let stored = byte_size::human(tally.stored.load(Relaxed));
    let count = |counter: &std::sync::atomic::AtomicU64, one: &str, many: &str| {
        let number = counter.load(Relaxed);
        format!("{number} {}", if number == 1 { one } else { many })
    };
    let references = count(&tally.references, "new reference", "new references");
    let deltas = count(&tally.deltas, "delta", "deltas");
    let plain = count(&tally.plain, "plain", "plain");
    let saved = percent(saved);
    Some(format!(
        "{files} files, {logical} logical, {stored} stored (saved {saved}): {references}, {deltas}, {plain}{deleted}{left}; {took}"
    ))
}

/// What a dry run would do.
fn rehearsed(tally: &Tally) -> Option<String> {
    let (files, deletes) = (tally.planned.load(Relaxed), tally.planned_deletes.load(Relaxed));
    let files_of = |number: u64| format!("{number} {}", if number == 1 { "file" } else { "files" });
    let size = byte_size::human(tally.planned_bytes.load(Relaxed));
    match (files, deletes) {
        (0, 0) => None,
        (0, deletes) => Some(format!("(dryrun) {} to delete", files_of(deletes))),
        (files, 0) => Some(format!("(dryrun) {}, {size} logical, to transfer", files_of(files))),
        (files, deletes) => {
            Some(format!("(dryrun) {}, {size} logical, to transfer; {deletes} to delete", files_of(files)))
        }
    }
}

/// A share as a percentage.
pub(crate) fn percent(share: f64) -> String {
    let percentage = share * 100.0;
    // Never `-0.0%`.
    format!("{:.1}%", if percentage.abs() < 0.05 { 0.0 } else { percentage })
}

/// A span as `1m49s`, `3.2s`.
pub(super) fn took(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{:.1}s", span.as_secs_f64()),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Class;
    use crate::output::Action;

    fn upload() -> Line {
        Line {
            action: Action::Upload,
            source: "./a.zip".to_owned(),
            destination: Some("s3://b/a.zip".to_owned()),
            streamed: false,
        }
    }

    #[test]
    fn results_read_as_those_of_aws() {
        assert_eq!(line(&upload(), false), "upload: ./a.zip to s3://b/a.zip");
        assert_eq!(line(&upload(), true), "(dryrun) upload: ./a.zip to s3://b/a.zip");
        let removal = Line { action: Action::Delete, destination: None, ..upload() };
        assert_eq!(line(&removal, false), "delete: ./a.zip");
    }

    #[test]
    fn a_dry_run_tells_its_totals() {
        let tally = Tally::new();
        assert_eq!(summary(&tally), None);
        tally.planned_delete();
        assert_eq!(summary(&tally).as_deref(), Some("(dryrun) 1 file to delete"));
        tally.planned(1024);
        tally.planned(512);
        assert_eq!(summary(&tally).as_deref(), Some("(dryrun) 2 files, 1.5 KiB logical, to transfer; 1 to delete"));
    }

    #[test]
    fn an_error_says_what_happened_to_what_why_and_what_to_do() {
        let failure = Failure {
            why: Some("the reason".to_owned()),
            request_id: Some("R1".to_owned()),
            ..Failure::new(Class::Service, "X", "An error occurred (X)").with_fix("do that")
        };
        let quiet = failed(&upload(), &failure, Palette::new(false), Loudness::Normal);
        assert_eq!(
            quiet,
            "upload failed: ./a.zip to s3://b/a.zip An error occurred (X)\n  the reason\n  to fix: do that"
        );
        let verbose = failed(&upload(), &failure, Palette::new(true), Loudness::Verbose);
        assert!(verbose.starts_with("\x1b[31mupload failed:\x1b[0m") && verbose.ends_with("request id: R1"));
    }

    #[test]
    fn keys_are_shown_from_their_directory_on() {
        let style = ListStyle::default();
        assert_eq!(shown("rel/app-1.zip", "rel/app", style), "app-1.zip");
        assert_eq!(shown("p/", "p/", style), "");
        assert_eq!(shown("p/sub/", "p/", style), "sub/");
        assert_eq!(shown("p/a", "p/", ListStyle { whole_keys: true, ..style }), "p/a");
    }

    #[test]
    fn prefixes_end_at_the_thirtieth_column() {
        assert_eq!(listed(&Listed::Prefix("p/"), "", ListStyle::default()), "                           PRE p/");
    }
}
