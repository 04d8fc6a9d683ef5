//! What is written: results to standard output, everything else to standard error.

mod analysis;
mod cache;
mod checkup;
pub(crate) mod html;
mod human;
mod json;
mod key;
mod purge;
mod repair;
mod sharing;
mod stats;
mod verify;

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use deltaglider::core::cache::Freed;
use deltaglider::core::engine::repair::Finding;
use deltaglider::core::engine::{BucketConfig, LogicalObject};
use deltaglider::core::store::{BucketSummary, ListedObject};
use indicatif::MultiProgress;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::sampling::Estimate;
use crate::tally::{Ended, Outcome, Tally};

pub(crate) use analysis::{AnalysisReport, Rebase};
pub(crate) use cache::{CacheStatus, Strategy};
pub(crate) use checkup::{Check, Health, SettingLine};
pub(crate) use human::{Palette, percent};
pub(crate) use key::KeyLine;
pub(crate) use purge::{PurgeCounts, PurgeLine, PurgeStatus};
pub(crate) use repair::{RepairCounts, RepairStatus};
pub(crate) use stats::StatsPage;
pub(crate) use verify::{Status, Verified, VerifyCounts};

/// What happens to an object, as `aws` calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// From here to a store.
    Upload,
    /// From a store to here.
    Download,
    /// From a store to a store.
    Copy,
    /// From anywhere to anywhere, and the source goes.
    Move,
    /// Out of a store.
    Delete,
    /// Into deltas.
    Migrate,
    /// Into plain objects.
    Rehydrate,
}

impl Action {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Download => "download",
            Self::Copy => "copy",
            Self::Move => "move",
            Self::Delete => "delete",
            Self::Migrate => "migrate",
            Self::Rehydrate => "rehydrate",
        }
    }
}

/// One object on its way, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) action: Action,
    pub(crate) source: String,
    /// None for a removal.
    pub(crate) destination: Option<String>,
    /// Whether the results go to standard output, which must not carry anything else then.
    pub(crate) streamed: bool,
}

/// A file that was passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Warning {
    /// The file, or the object's URL.
    pub(crate) path: String,
    /// Why.
    pub(crate) message: String,
}

/// A line of `ls`.
#[derive(Debug)]
pub(crate) enum Listed<'a> {
    Bucket(&'a BucketSummary),
    Prefix(&'a str),
    Object(&'a LogicalObject),
    Physical(&'a ListedObject),
}

/// How a listing is written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ListStyle {
    pub(crate) human_readable: bool,
    pub(crate) whole_keys: bool,
    pub(crate) long: bool,
}

/// How much is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Loudness {
    /// Nothing.
    Quiet,
    /// Errors and warnings.
    Errors,
    /// Results too.
    Normal,
    /// And request ids.
    Verbose,
}

/// The one place through which everything is written.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    loudness: Loudness,
    palette: Palette,
    /// Bars to step aside for.
    bars: Option<MultiProgress>,
    /// Keeps lines whole.
    lock: Mutex<()>,
}

impl Output {
    pub(crate) fn new(json: bool, loudness: Loudness, palette: Palette) -> Self {
        Self { json, loudness, palette, bars: None, lock: Mutex::new(()) }
    }

    /// Steps aside for these bars from now on.
    pub(crate) fn with_bars(self, bars: Option<MultiProgress>) -> Self {
        Self { bars, ..self }
    }

    /// An object arrived, or would.
    pub(crate) fn transferred(&self, line: &Line, outcome: &Outcome) -> io::Result<()> {
        if self.loudness < Loudness::Normal || line.streamed {
            return Ok(());
        }
        match (self.json, outcome.ended) {
            (true, _) => self.result(&json::transferred(line, outcome)),
            (false, Ended::Done | Ended::WholeStays) => self.result(&human::line(line, false)),
            (false, Ended::Present) => self.message(Loudness::Verbose, &format!("{} is there already", line.source)),
            (false, Ended::Kept(why)) => {
                self.message(Loudness::Verbose, &format!("{} is left as it is: {why}", line.source))
            }
        }
    }

    /// An object would be transferred or removed.
    pub(crate) fn dry(&self, line: &Line) -> io::Result<()> {
        if self.loudness < Loudness::Normal || line.streamed {
            return Ok(());
        }
        if self.json { self.result(&json::dry(line)) } else { self.result(&human::line(line, true)) }
    }

    /// An object was left alone, since the destination held something already.
    pub(crate) fn kept(&self, line: &Line) -> io::Result<()> {
        if self.json && self.loudness >= Loudness::Normal && !line.streamed {
            return self.result(&json::kept(line));
        }
        let destination = line.destination.as_deref().unwrap_or_default();
        self.message(Loudness::Verbose, &format!("kept: {destination} is there already"))
    }

    /// An object did not arrive.
    pub(crate) fn failed(&self, line: &Line, failure: &Failure) -> io::Result<()> {
        if self.json && self.loudness > Loudness::Quiet && !line.streamed {
            return self.result(&json::failed(line, failure));
        }
        self.message(Loudness::Errors, &human::failed(line, failure, self.palette, self.loudness))
    }

    /// A file was passed over.
    pub(crate) fn skipped(&self, warning: &Warning) -> io::Result<()> {
        if self.json && self.loudness > Loudness::Quiet {
            return self.result(&json::warning("skipped", Some(&warning.path), &warning.message));
        }
        let text = format!("Skipping file {}. {}", warning.path, warning.message);
        self.message(Loudness::Errors, &human::warning(&text, self.palette))
    }

    /// The command failed as a whole.
    pub(crate) fn fatal(&self, label: &str, failure: &Failure) -> io::Result<()> {
        if self.json && self.loudness > Loudness::Quiet {
            return self.result(&json::fatal(failure));
        }
        self.message(Loudness::Errors, &human::fatal(label, failure, self.palette, self.loudness))
    }

    /// A bucket was made or removed, or was not.
    pub(crate) fn bucket(&self, done: &'static str, name: &str) -> io::Result<()> {
        match (self.loudness >= Loudness::Normal, self.json) {
            (false, _) => Ok(()),
            (true, true) => self.result(&json::bucket_done(done, name)),
            (true, false) => self.result(&format!("{done}: {name}")),
        }
    }

    /// A bucket was not made or not removed.
    pub(crate) fn bucket_failed(&self, doing: &'static str, url: &str, failure: &Failure) -> io::Result<()> {
        if self.json && self.loudness > Loudness::Quiet {
            return self.result(&json::bucket_failed(doing, url, failure));
        }
        let label = format!("{doing} failed: {url} ");
        self.message(Loudness::Errors, &human::fatal(&label, failure, self.palette, self.loudness))
    }

    /// What a bucket asks of its clients.
    pub(crate) fn bucket_config(&self, url: &str, config: &BucketConfig) -> io::Result<()> {
        let codec = config.codec.as_deref();
        self.result(&match self.json {
            true => json::bucket_config(url, codec),
            false => format!("codec: {}", codec.unwrap_or("each client's own")),
        })
    }

    /// Lines of a listing; `prefix` is what keys are shown without.
    pub(crate) fn listed(&self, lines: &[Listed<'_>], prefix: &str, style: ListStyle) -> io::Result<()> {
        if lines.is_empty() || self.loudness < Loudness::Normal {
            return Ok(());
        }
        let text: Vec<String> = lines
            .iter()
            .map(|line| if self.json { json::listed(line) } else { human::listed(line, prefix, style) })
            .collect();
        self.result(&text.join("\n"))
    }

    /// How many objects a listing held.
    pub(crate) fn listing_total(&self, objects: u64, bytes: u64, style: ListStyle, asked: bool) -> io::Result<()> {
        match (self.loudness >= Loudness::Normal, self.json) {
            (true, true) => self.result(&json::listing_total(objects, bytes)),
            (true, false) if asked => self.result(&human::listing_total(objects, bytes, style)),
            _ => Ok(()),
        }
    }

    /// An object was verified.
    pub(crate) fn verified(&self, verified: &Verified) -> io::Result<()> {
        let bad = matches!(verified.status, Status::Damaged | Status::MissingReference | Status::Unreadable);
        match (self.json, bad) {
            (true, true) if self.loudness >= Loudness::Errors => self.result(&verified.json()),
            (true, false) if self.loudness >= Loudness::Normal => self.result(&verified.json()),
            (false, true) => self.message(Loudness::Errors, &verified.text(self.palette, self.loudness)),
            (false, false) if self.loudness >= Loudness::Normal => {
                self.result(&verified.text(self.palette, self.loudness))
            }
            _ => Ok(()),
        }
    }

    /// What verifications came to.
    pub(crate) fn verify_summary(&self, counts: &VerifyCounts, took: Duration, exit: Exit) -> io::Result<()> {
        if self.loudness < Loudness::Normal {
            return Ok(());
        }
        self.result(&if self.json { counts.json(took, exit) } else { counts.text() })
    }

    /// A finding of a repair, and what became of it.
    pub(crate) fn repaired(
        &self,
        finding: &Finding,
        status: &RepairStatus,
        url: &dyn Fn(&str) -> String,
    ) -> io::Result<()> {
        if self.json {
            return if self.loudness >= Loudness::Normal {
                self.result(&repair::json(finding, status, url))
            } else {
                Ok(())
            };
        }
        let text = repair::text(finding, status, url, self.palette, self.loudness);
        match status {
            RepairStatus::Left(_) | RepairStatus::Failed(_) => self.message(Loudness::Errors, &text),
            _ if self.loudness >= Loudness::Normal => self.result(&text),
            _ => Ok(()),
        }
    }

    /// What a repair came to.
    pub(crate) fn repair_summary(
        &self,
        operation: &'static str,
        counts: &RepairCounts,
        dry: bool,
        exit: Exit,
    ) -> io::Result<()> {
        if self.loudness < Loudness::Normal {
            return Ok(());
        }
        self.result(&if self.json { counts.json(operation, exit) } else { counts.text(dry) })
    }

    /// Garbage was removed, or was not.
    pub(crate) fn purged(&self, line: &PurgeLine) -> io::Result<()> {
        let failed = matches!(line.status, PurgeStatus::Failed(_));
        let at_least = if failed { Loudness::Errors } else { Loudness::Normal };
        match (self.json, failed) {
            _ if self.loudness < at_least => Ok(()),
            (true, _) => self.result(&line.json()),
            (false, true) => self.message(at_least, &line.text(self.palette, self.loudness)),
            (false, false) => self.result(&line.text(self.palette, self.loudness)),
        }
    }

    /// What a purge came to.
    pub(crate) fn purge_summary(&self, counts: &PurgeCounts, exit: Exit) -> io::Result<()> {
        match self.loudness >= Loudness::Normal {
            true => self.result(&if self.json { counts.json(exit) } else { counts.text() }),
            false => Ok(()),
        }
    }

    /// What a prefix holds.
    pub(crate) fn stats(&self, page: &StatsPage) -> io::Result<()> {
        self.result(&if self.json { page.json() } else { page.text() })
    }

    /// What is cached.
    pub(crate) fn cache_status(&self, status: &CacheStatus) -> io::Result<()> {
        self.result(&if self.json { status.json() } else { status.text() })
    }

    /// References were removed from the cache.
    pub(crate) fn cache_freed(&self, done: &'static str, freed: Freed) -> io::Result<()> {
        match (self.loudness >= Loudness::Normal, self.json) {
            (false, _) => Ok(()),
            (true, true) => self.result(&cache::freed_json(done, freed)),
            (true, false) => self.result(&cache::freed_text(done, freed)),
        }
    }

    /// What a migration would come to.
    pub(crate) fn estimate(&self, described: &str, estimate: &Estimate) -> io::Result<()> {
        match (self.loudness >= Loudness::Normal, self.json) {
            (false, _) => Ok(()),
            (true, true) => self.result(&json::estimate(estimate)),
            (true, false) => self.message(Loudness::Normal, &human::estimate(described, estimate)),
        }
    }

    /// Which version this is.
    pub(crate) fn version(&self, version: &str) -> io::Result<()> {
        self.result(&if self.json { json::version(version) } else { format!("deltaglider {version}") })
    }

    /// What a run came to: always with --json, else where more than one file was moved.
    pub(crate) fn summary(&self, operation: &str, tally: &Tally, exit: Exit) -> io::Result<()> {
        if self.loudness < Loudness::Normal {
            return Ok(());
        }
        if self.json {
            return self.result(&json::summary(operation, tally, exit));
        }
        match human::summary(tally) {
            Some(text) => self.message(Loudness::Normal, &text),
            None => Ok(()),
        }
    }

    /// How far a run is, with `--json --progress=json`.
    pub(crate) fn progress(&self, tally: &Tally, files: u64, bytes: u64, left: Option<Duration>) -> io::Result<()> {
        self.result(&json::progress(tally, files, bytes, left))
    }

    /// A line about how far a run is.
    pub(crate) fn progress_line(&self, text: &str) -> io::Result<()> {
        self.message(Loudness::Normal, text)
    }

    /// A run was broken off.
    pub(crate) fn cancelled(&self, signal: &str) -> io::Result<()> {
        if self.json && self.loudness > Loudness::Quiet {
            return self.result(&json::warning("cancelled", None, &format!("cancelled: {signal} received")));
        }
        self.message(Loudness::Errors, &format!("cancelled: {signal} received"))
    }

    /// Something that costs time or money, and is no failure.
    pub(crate) fn caution(&self, code: &'static str, text: &str) -> io::Result<()> {
        if self.json && self.loudness > Loudness::Quiet {
            return self.result(&json::warning(code, None, text));
        }
        self.message(Loudness::Errors, &human::warning(text, self.palette))
    }

    /// Something that may not have been meant, and is no failure.
    pub(crate) fn hint(&self, text: &str) -> io::Result<()> {
        if self.json && self.loudness > Loudness::Quiet {
            return self.result(&json::warning("hint", None, text));
        }
        self.message(Loudness::Normal, text)
    }

    /// Writes a message to standard error.
    fn message(&self, at_least: Loudness, text: &str) -> io::Result<()> {
        if self.loudness < at_least {
            return Ok(());
        }
        // Standard error may be closed; the run goes on without it.
        self.aside(|| drop(writeln!(io::stderr().lock(), "{text}")));
        Ok(())
    }

    /// Writes results to standard output.
    fn result(&self, text: &str) -> io::Result<()> {
        self.aside(|| {
            let mut out = io::stdout().lock();
            out.write_all(text.as_bytes())?;
            out.write_all(b"\n")?;
            out.flush()
        })
    }

    fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        let _lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }
}

/// Whether standard error is a terminal.
pub(crate) fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}
