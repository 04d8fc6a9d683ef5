//! What was done, what broke off, and what was found.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::client::Run;

/// Counts of all workers.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    kinds: BTreeMap<&'static str, Kind>,
    errors: BTreeMap<String, u64>,
    left: BTreeMap<String, u64>,
    findings: Vec<String>,
    reads: u64,
    doubtful: u64,
    rounds: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Kind {
    begun: u64,
    done: u64,
    failed: u64,
    killed: u64,
    terminated: u64,
    took: Duration,
}

impl Tally {
    /// Counts a run; what no input may bring about is a finding.
    pub(super) fn ran(&self, kind: &'static str, signal: Option<&str>, run: &Run) {
        let mut counts = self.counts();
        let entry = counts.kinds.entry(kind).or_default();
        entry.begun += 1;
        match signal {
            Some("KILL") if run.killed => entry.killed += 1,
            Some(_) if run.killed => entry.terminated += 1,
            _ if run.is_done() => {
                entry.done += 1;
                entry.took += run.took;
            }
            _ => {
                entry.failed += 1;
                *counts.errors.entry(format!("{kind}: {}", run.complaint())).or_default() += 1;
            }
        }
        if run.is_fault() {
            let how = if run.hung { "hung" } else { "broke off" };
            counts.findings.push(format!("{kind} {how} after {:?}, exit code {:?}: {}", run.took, run.code, run.err));
        }
    }

    /// How long a run of the kind takes that ends well.
    pub(super) fn mean(&self, kind: &str) -> Duration {
        let counts = self.counts();
        let done = counts.kinds.get(kind).filter(|kind| kind.done > 0);
        done.map_or(Duration::from_millis(100), |kind| kind.took / u32::try_from(kind.done).unwrap_or(u32::MAX))
    }

    /// A content was compared with what may be there.
    pub(super) fn compared(&self) {
        self.counts().reads += 1;
    }

    /// A delta without its reference, by a put that was never acknowledged.
    pub(super) fn doubtful(&self) {
        self.counts().doubtful += 1;
    }

    /// All was read, and nothing is under way.
    pub(super) fn round(&self) {
        self.counts().rounds += 1;
    }

    /// Something that the killed left.
    pub(super) fn left(&self, what: &str, number: u64) {
        if number > 0 {
            *self.counts().left.entry(what.to_owned()).or_default() += number;
        }
    }

    /// Something that must not be.
    pub(super) fn found(&self, what: String) {
        eprintln!("soak: FOUND: {what}");
        self.counts().findings.push(what);
    }

    /// Whether nothing was found that must not be.
    pub(super) fn is_clean(&self) -> bool {
        self.counts().findings.is_empty()
    }

    /// Runs in all, for the line that tells of progress.
    pub(super) fn runs(&self) -> (u64, u64) {
        let counts = self.counts();
        let begun = counts.kinds.values().map(|kind| kind.begun).sum();
        (begun, counts.kinds.values().map(|kind| kind.killed + kind.terminated).sum())
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts();
        let row = |name: &str, kind: &Kind| {
            let Kind { begun, done, failed, killed, terminated, took } = *kind;
            let mean = took.as_secs_f64() / (done.max(1)) as f64;
            format!("| {name} | {begun} | {done} | {failed} | {killed} | {terminated} | {mean:.3} |")
        };
        let mut all = Kind::default();
        writeln!(to, "| operation | begun | acknowledged | failed | killed | terminated | mean s |")?;
        writeln!(to, "|---|---|---|---|---|---|---|")?;
        for (name, kind) in &counts.kinds {
            writeln!(to, "{}", row(name, kind))?;
            all.begun += kind.begun;
            all.done += kind.done;
            all.failed += kind.failed;
            all.killed += kind.killed;
            all.terminated += kind.terminated;
            all.took += kind.took;
        }
        writeln!(to, "{}\n", row("all", &all))?;
        for (title, entries) in [("error", &counts.errors), ("left by killed processes, and swept", &counts.left)] {
            if !entries.is_empty() {
                writeln!(to, "| {title} | times |\n|---|---|")?;
                entries.iter().try_for_each(|(what, times)| writeln!(to, "| {what} | {times} |"))?;
                writeln!(to)?;
            }
        }
        writeln!(
            to,
            "{} contents compared, in {} rounds that read everything; {} unacknowledged puts without their reference; {} found",
            counts.reads,
            counts.rounds,
            counts.doubtful,
            counts.findings.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_counted_by_how_they_ended() {
        let tally = Tally::default();
        let done = Run { code: Some(0), took: Duration::from_millis(300), ..Run::default() };
        tally.ran("get", None, &done);
        tally.ran("get", Some("KILL"), &Run { killed: true, ..Run::default() });
        tally.ran("get", Some("TERM"), &Run { code: Some(143), killed: true, ..Run::default() });
        tally.ran("get", Some("TERM"), &Run { code: Some(1), err: "odd".to_owned(), ..Run::default() });
        tally.left("uploads", 2);
        assert!(tally.is_clean());
        assert_eq!((tally.mean("get"), tally.runs()), (Duration::from_millis(300), (4, 2)));
        let shown = tally.to_string();
        for line in ["| get | 4 | 1 | 1 | 1 | 1 | 0.300 |", "| get: odd | 1 |", "| uploads | 2 |"] {
            assert!(shown.contains(line), "{shown}");
        }
        tally.ran("get", None, &Run { hung: true, ..Run::default() });
        assert!(!tally.is_clean());
    }
}
