//! Runs the fuzz targets by cargo-fuzz, several at a time, and tells what each of them covered.

mod finding;
mod tally;

use std::collections::VecDeque;
use std::fs::{self, File};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Parser;

use self::finding::finding;
use self::tally::{Run, Tally};
use crate::ci::Outcome;
use crate::programs::{cargo, output, shown};

/// Without a sanitizer: the code has no `unsafe`, and the stable toolchain has none.
const PLAIN: [&str; 2] = ["--sanitizer", "none"];

/// What the user asks for.
#[derive(Clone, Debug, PartialEq, Eq, Parser)]
pub(crate) struct Arguments {
    /// Time for each target
    // To the fuzzer, 0 is without end.
    #[arg(long, value_name = "N", default_value = "60")]
    seconds: NonZero<u32>,
    /// Targets at a time
    #[arg(long, value_name = "N", default_value = "2")]
    jobs: NonZero<usize>,
    /// Where the fuzzer's random numbers begin; a new one for each run where there is none
    #[arg(long, value_name = "N")]
    seed: Option<NonZero<u32>>,
    /// Only name the targets
    #[arg(long)]
    list: bool,
    /// Names of targets; all where there are none
    #[arg(value_name = "TARGET")]
    chosen: Vec<String>,
}

/// Every target for a minute; skipped where there is no cargo-fuzz. Adds what they found to `notes`.
///
/// From the same seed each time, so that from an empty corpus much the same inputs are tried: what fails is meant to fail by a
/// change, and not by chance. Threads and what the machine manages in the time still make a difference.
pub(crate) fn check(root: &Path, notes: &mut Vec<String>) -> Result<Outcome> {
    if output(cargo(root).args(["fuzz", "--version"])).is_err() {
        return Ok(Outcome::Skipped("there is no cargo-fuzz: cargo install --locked cargo-fuzz".to_owned()));
    }
    let found = fuzz(root, &Arguments::try_parse_from(["fuzz", "--seed", "1"])?)?;
    notes.extend(found.iter().cloned());
    Ok(if found.is_empty() { Outcome::Passed } else { Outcome::Failed })
}

/// Runs every target, or the chosen ones, and goes on past one that finds something; false where one did.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<bool> {
    let found = fuzz(root, arguments)?;
    found.iter().for_each(|finding| println!("{finding}"));
    Ok(found.is_empty())
}

/// What was found by each target that failed, as text.
fn fuzz(root: &Path, arguments: &Arguments) -> Result<Vec<String>> {
    let names = output(cargo(root).args(["fuzz", "list"]))
        .context("cargo-fuzz is not installed, or fails: cargo install --locked cargo-fuzz")?;
    let names: Vec<&str> = names.split_whitespace().collect();
    if arguments.list {
        names.iter().for_each(|name| println!("{name}"));
        return Ok(Vec::new());
    }
    if let Some(unknown) = arguments.chosen.iter().find(|name| !names.contains(&name.as_str())) {
        bail!("there is no target {unknown:?}; `cargo xtask fuzz --list` names them");
    }
    lock(root)?;
    let mut build = cargo(root);
    build.args(["fuzz", "build"]).args(PLAIN);
    if !build.status().with_context(|| format!("cannot start {}", shown(&build)))?.success() {
        return Ok(vec!["fuzz: the targets do not build".to_owned()]);
    }
    let logs = root.join("target/fuzz");
    fs::create_dir_all(&logs).with_context(|| format!("cannot make {}", logs.display()))?;
    let is_chosen = |name: &&str| arguments.chosen.is_empty() || arguments.chosen.iter().any(|chosen| chosen == name);
    let waiting: Mutex<VecDeque<&str>> = Mutex::new(names.iter().copied().filter(is_chosen).collect());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let work = || -> Result<Vec<Run>> {
        let mut done = Vec::new();
        while let Some(name) = next() {
            done.push(target(root, &logs.join(format!("{name}.log")), name, arguments)?);
        }
        Ok(done)
    };
    let done: Result<Vec<_>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..arguments.jobs.get()).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker does not panic")).collect()
    });
    let mut done: Vec<_> = done?.into_iter().flatten().collect();
    done.sort_by(|one, other| one.name.cmp(&other.name));
    let table = tally::table(&done);
    let report = logs.join("report.md");
    fs::write(&report, &table).with_context(|| format!("cannot write {}", report.display()))?;
    println!("\n{table}\nwritten to {}", report.display());
    Ok(done.into_iter().filter_map(|run| run.found).collect())
}

/// Runs one target, and says what it counted and what it found.
fn target(root: &Path, log: &PathBuf, name: &str, arguments: &Arguments) -> Result<Run> {
    let began = Instant::now();
    let mut command = cargo(root);
    command.args(["fuzz", "run"]).args(PLAIN).args([name, "--"]);
    command.arg(format!("-max_total_time={}", arguments.seconds));
    command.args(["-rss_limit_mb=2048", "-timeout=20", "-print_final_stats=1"]);
    command.args(arguments.seed.map(|seed| format!("-seed={seed}")));
    let out = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    command.stdout(out.try_clone()?).stderr(out);
    let passed = command.status().with_context(|| format!("cannot start {}", shown(&command)))?.success();
    let said = String::from_utf8_lossy(&fs::read(log)?).into_owned();
    let (tally, took) = (Tally::read(&said), began.elapsed().as_secs());
    println!("fuzz: {name}: {} runs in {took} s, {} edges reached", tally.runs, tally.edges);
    // A target that ran nothing says nothing.
    let found = (!passed || tally.runs == 0).then(|| finding(root, name, &said));
    Ok(Run { name: name.to_owned(), tally, found })
}

/// The targets are built with the versions of the workspace: its lock file is theirs, and cargo adds the fuzzer.
fn lock(root: &Path) -> Result<()> {
    let (from, to) = (root.join("Cargo.lock"), root.join("fuzz/Cargo.lock"));
    let written = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    if written(&to).is_none() || written(&to) < written(&from) {
        fs::copy(&from, &to).with_context(|| format!("cannot write {}", to.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Arguments> {
        Ok(Arguments::try_parse_from([&["fuzz"], arguments].concat())?)
    }

    #[test]
    fn arguments_are_read() {
        let parsed = parse(&["prepare", "--seconds", "5", "deflate", "--jobs", "3", "--seed", "7"]).expect("arguments");
        assert_eq!((parsed.seconds.get(), parsed.jobs.get(), parsed.chosen.len()), (5, 3, 2));
        assert_eq!((parsed.seed, parse(&[]).expect("arguments").seed), (NonZero::new(7), None));
        for wrong in [&["--seconds"][..], &["--seconds", "0"], &["--seconds", "x"], &["--jobs", "0"], &["--minutes"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
