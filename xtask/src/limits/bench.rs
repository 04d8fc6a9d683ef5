//! Where limits are tried, and the table of what came of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::client::{Client, Run};
use crate::servers::{self, Running};

/// Whatever takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(1800);

/// The program, the stores, and a folder that goes with this value.
pub(super) struct Bench {
    /// The workspace.
    pub(super) root: PathBuf,
    pub(super) server: Option<Running>,
    pub(super) program: PathBuf,
    pub(super) folder: PathBuf,
    /// As far as the limits go, and not only as far as a minute does.
    pub(super) long: bool,
}

/// A store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// `S3` or `file`.
    pub(super) name: &'static str,
    /// A bucket of its own, without a slash at the end.
    pub(super) url: String,
}

impl Bench {
    /// Takes a copy of the program to where every user of the machine can run it.
    pub(super) fn new(
        root: &Path,
        server: Option<Running>,
        program: &Path,
        folder: PathBuf,
        long: bool,
    ) -> Result<Self> {
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let own = folder.join("deltaglider");
        fs::copy(program, &own).with_context(|| format!("cannot copy {}", program.display()))?;
        Ok(Self { root: root.to_owned(), server, program: own, folder, long })
    }

    /// A user of the machine, in a folder of this name.
    pub(super) fn user(&self, name: &str) -> Result<Client> {
        let mut variables = Vec::new();
        if let Some(server) = &self.server {
            variables = vec![
                ("AWS_ENDPOINT_URL", server.endpoint()),
                ("AWS_ACCESS_KEY_ID", servers::ACCESS_KEY.to_owned()),
                ("AWS_SECRET_ACCESS_KEY", servers::SECRET_KEY.to_owned()),
                ("AWS_REGION", "us-east-1".to_owned()),
            ];
        }
        Ok(Client::new(&self.program, self.folder.join(name), &variables)?.with_patience(PATIENCE))
    }

    /// The stores that there are, each with a new bucket of this name.
    pub(super) fn places(&self, bucket: &str) -> Result<Vec<Place>> {
        let local = format!("file://{}", self.folder.join("stores").join(bucket).display());
        fs::create_dir_all(self.folder.join("stores"))?;
        let mut places = vec![Place { name: "file", url: local }];
        if self.server.is_some() {
            places.insert(0, Place { name: "S3", url: format!("s3://limits-{bucket}") });
        }
        let maker = self.user("maker")?;
        for place in &places {
            done(&maker.run(&["mb", &place.url])?, "mb")?;
        }
        Ok(places)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// An error that holds what was said, where a run that has to succeed did not.
pub(super) fn done(run: &Run, what: &str) -> Result<()> {
    ensure!(run.is_done(), "{what}: exit code {:?}: {}{}", run.code, run.out, run.err);
    Ok(())
}

/// What a refused run says: the first line that is no progress. A finding where it hung, panicked or said nothing.
pub(super) fn clear_error(run: &Run, what: &str, findings: &mut Vec<String>) -> String {
    if run.is_fault() || (!run.is_done() && run.err.trim().is_empty()) {
        findings.push(format!("{what}: exit code {:?}, hung: {}: {}", run.code, run.hung, run.err));
    }
    let line = run.err.lines().find(|line| !line.starts_with('[') && !line.trim().is_empty());
    line.unwrap_or("nothing is said").replace('|', "/")
}

/// A line of the table.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) limit: String,
    pub(super) tried: String,
    pub(super) figures: String,
    /// What must not be.
    pub(super) findings: Vec<String>,
    /// Why it was not tried.
    pub(super) skipped: Option<String>,
}

impl Row {
    /// What came of a try.
    pub(super) fn new(
        limit: &str,
        tried: impl Into<String>,
        figures: impl Into<String>,
        findings: Vec<String>,
    ) -> Self {
        let (tried, figures) = (tried.into(), figures.into());
        let findings: Vec<String> = findings.into_iter().map(|text| format!("{limit}, {tried}: {text}")).collect();
        let row = Self { limit: limit.to_owned(), tried, figures, findings, skipped: None };
        println!("limits: {}", row.line());
        row
    }

    /// What could not be tried, and why.
    pub(super) fn skipped(limit: &str, tried: &str, reason: impl Into<String>) -> Self {
        let reason = format!("{limit}, {tried}: {}", reason.into());
        eprintln!("limits: SKIPPED: {reason}");
        Self { limit: limit.to_owned(), tried: tried.to_owned(), skipped: Some(reason), ..Self::default() }
    }

    fn line(&self) -> String {
        let outcome = match (&self.skipped, self.findings.len()) {
            (Some(_), _) => "not tried".to_owned(),
            (None, 0) => "held".to_owned(),
            (None, number) => format!("FAILED: {number}"),
        };
        format!("| {} | {} | {} | {outcome} |", self.limit, self.tried, self.figures)
    }
}

/// The table of all that was tried.
pub(super) fn table(rows: &[Row]) -> String {
    let mut text = "| limit | tried | figures | outcome |\n|---|---|---|---|\n".to_owned();
    rows.iter().for_each(|row| text.push_str(&format!("{}\n", row.line())));
    text
}

/// Bytes as a person reads them.
pub(super) fn bytes(size: u64) -> String {
    const UNITS: [&str; 4] = ["B", "KiB", "MiB", "GiB"];
    let (mut value, mut unit) = (size as f64, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        (value, unit) = (value / 1024.0, unit + 1);
    }
    if value.fract() < 0.05 { format!("{value:.0} {}", UNITS[unit]) } else { format!("{value:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_tell_what_came_of_a_try() {
        let rows = [
            Row::new("disk", "full", "0 left", vec![]),
            Row::new("disk", "full", "1 left", vec!["torn".to_owned()]),
            Row::skipped("disk", "small", "no root"),
        ];
        let table = table(&rows);
        assert!(table.contains("| disk | full | 0 left | held |"), "{table}");
        assert!(table.contains("| disk | full | 1 left | FAILED: 1 |"), "{table}");
        assert!(table.contains("| disk | small |  | not tried |"), "{table}");
        assert_eq!(rows[1].findings, ["disk, full: torn"]);
    }

    #[test]
    fn sizes_are_read_by_persons() {
        let shown = [1, 1 << 20, 6 << 30, (3 << 20) / 2].map(bytes);
        assert_eq!(shown, ["1 B", "1 MiB", "6 GiB", "1.5 MiB"]);
    }
}
