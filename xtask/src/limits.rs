//! The binary at the limits of what a machine gives and does: memory, sudden ends, many names, no room, no home, a wrong clock.

mod bench;
mod clock;
mod content;
mod full;
mod home;
mod kill;
mod many;
mod memory;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use clap::builder::PossibleValuesParser;

use self::bench::{Bench, Row};
use crate::ci::Outcome;
use crate::programs::{development_build, program};
use crate::servers::Running;

type Limit = fn(&Bench) -> Result<Vec<Row>>;

/// The limits, by the names that the command line knows.
const LIMITS: [(&str, Limit); 6] = [
    ("home", home::play),
    ("clock", clock::play),
    ("full", full::play),
    ("kill", kill::play),
    ("many", many::play),
    ("memory", memory::play),
];

/// What the user asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Parser)]
pub(crate) struct Arguments {
    /// As far as they go: hours of it are writing to the disk
    #[arg(long)]
    long: bool,
    /// The binary to try; one that is built for it where there is none
    #[arg(long, value_name = "PATH", value_parser = program)]
    program: Option<PathBuf>,
    /// Names of limits; all where there are none
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(LIMITS.map(|(name, _)| name)))]
    names: Vec<String>,
}

impl Arguments {
    fn takes(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|chosen| chosen == name)
    }
}

/// All of them, and of each what takes no more than some minutes.
///
/// In a process of its own: what the kernel counts as the peak of a program begins with that of the process that started it, and a
/// task that has made other checks is large.
pub(crate) fn check(root: &Path) -> Result<Outcome> {
    let mut command = Command::new(std::env::current_exe().context("this program has no path")?);
    command.arg("limits").current_dir(root);
    let status = command.status().context("cannot start this program once more")?;
    Ok(if status.success() { Outcome::Passed } else { Outcome::Failed })
}

/// Goes to every limit, and prints what came of it.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<Outcome> {
    let program = arguments.program.clone().map_or_else(|| development_build(root), Ok)?;
    let (server, missing) = match Running::start(root, None)? {
        Ok(server) => (Some(server), None),
        Err(reason) => {
            eprintln!("limits: SKIPPED at S3: {reason}");
            (None, Some(reason))
        }
    };
    // Not below the workspace: other users of the machine are tried as well.
    let folder = std::env::temp_dir().join(format!("deltaglider-limits-{}", std::process::id()));
    let bench = Bench::new(root, server, &program, folder, arguments.long)?;
    let mut rows = Vec::new();
    for (name, play) in LIMITS.into_iter().filter(|(name, _)| arguments.takes(name)) {
        let began = Instant::now();
        rows.extend(play(&bench).with_context(|| format!("limits: {name}"))?);
        println!("limits: {name} took {:.1} s", began.elapsed().as_secs_f64());
    }
    println!("\n{}", bench::table(&rows));
    let findings: Vec<&String> = rows.iter().flat_map(|row| &row.findings).collect();
    findings.iter().for_each(|finding| println!("limits: FOUND: {finding}"));
    let skipped: Vec<&str> = rows.iter().filter_map(|row| row.skipped.as_deref()).collect();
    skipped.iter().for_each(|reason| println!("limits: SKIPPED: {reason}"));
    println!("limits: {} found", findings.len());
    Ok(match missing {
        _ if !findings.is_empty() => Outcome::Failed,
        Some(reason) => Outcome::Skipped(reason),
        None => Outcome::Passed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_read() {
        let parse = |line: &str| Arguments::try_parse_from(format!("limits {line}").split_whitespace());
        let parsed = parse("--long kill full").expect("read");
        assert!(parsed.long && parsed.takes("kill") && !parsed.takes("memory"));
        assert!(Arguments::default().takes("memory"));
        for wrong in ["--program", "kil", "--longer"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
