//! Every check that decides whether a change lands, so that none is known to a server alone.

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use clap::builder::PossibleValuesParser;

use crate::programs::{cargo, in_ci, shown};
use crate::workspace::Workspace;
use crate::{cases, decoders, deny, earlier, faults, fuzz, limits, servers, tidy, xdelta};

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed,
    /// It could not be made here, for this reason.
    Skipped(String),
}

impl Outcome {
    /// True where a change may land: a check that was not made says nothing in continuous integration.
    pub(crate) fn lands(self) -> bool {
        match self {
            Self::Passed => true,
            Self::Failed => false,
            Self::Skipped(_) => !in_ci(),
        }
    }

    fn of(passed: bool) -> Self {
        if passed { Self::Passed } else { Self::Failed }
    }
}

/// How many tests there were, and which of them failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    names: Vec<String>,
    /// What else a check that failed has to tell.
    notes: Vec<String>,
    /// In a list of those that failed, which an empty line ends.
    listing: bool,
}

type Step = fn(&Path, &mut Tally) -> Result<Outcome>;

/// The steps, cheapest first.
const STEPS: [(&str, Step); 15] = [
    ("fmt", fmt),
    ("tidy", tidy),
    ("clippy", clippy),
    ("test", test),
    ("doc", doc),
    ("deny", |root, _| deny::run(root)),
    ("alone", alone),
    ("decoders", |root, _| decoders::run(root)),
    ("cases", |root, _| cases::run(root, &[])),
    ("xdelta", |root, _| xdelta::check(root)),
    ("earlier", |root, _| earlier::run(root)),
    ("faults", |root, _| faults::check(root)),
    ("fuzz", |root, tally| fuzz::check(root, &mut tally.notes)),
    ("limits", |root, _| limits::check(root)),
    ("servers", |root, tally| {
        servers::run_with(root, &servers::Arguments::default(), |command| run_tests(command, tally))
    }),
];

/// What the user asks for.
#[derive(Clone, Debug, PartialEq, Eq, Parser)]
pub(crate) struct Arguments {
    /// Only name the steps
    #[arg(long)]
    list: bool,
    /// Names of steps; all where there are none
    #[arg(value_name = "STEP", value_parser = PossibleValuesParser::new(STEPS.map(|(name, _)| name)))]
    names: Vec<String>,
}

/// Runs every step, or those that are named, and goes on past one that fails; false where one did.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<bool> {
    let Arguments { list, names } = arguments;
    if *list {
        STEPS.iter().for_each(|(name, _)| println!("{name}"));
        return Ok(true);
    }
    let chosen = STEPS.iter().filter(|(name, _)| names.is_empty() || names.iter().any(|chosen| chosen == name));
    let mut tally = Tally::default();
    let mut done: Vec<(&str, Duration, Outcome)> = Vec::new();
    for (name, step) in chosen {
        println!("\n==> {name}");
        let began = Instant::now();
        let outcome = step(root, &mut tally).unwrap_or_else(|error| {
            println!("{name}: {error:#}");
            Outcome::Failed
        });
        done.push((name, began.elapsed(), outcome));
    }
    println!("\n==> summary");
    for (name, took, outcome) in &done {
        println!("{name:<10} {:>7.1} s  {}", took.as_secs_f64(), said(outcome));
    }
    let lands = done.into_iter().all(|(_, _, outcome)| outcome.lands());
    println!("{} passed, {} failed", tally.passed, tally.failed);
    // Once more at the end: of a long output, the end is what is kept.
    tally.names.iter().for_each(|name| println!("failed: {name}"));
    tally.notes.iter().for_each(|note| println!("{note}"));
    Ok(lands)
}

fn said(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Passed => "passed".to_owned(),
        Outcome::Failed => "FAILED".to_owned(),
        Outcome::Skipped(reason) if in_ci() => format!("FAILED, could not be made: {reason}"),
        Outcome::Skipped(reason) => format!("skipped: {reason}"),
    }
}

fn fmt(root: &Path, _: &mut Tally) -> Result<Outcome> {
    plain(cargo(root).args(["fmt", "--all", "--check"]))
}

fn tidy(root: &Path, _: &mut Tally) -> Result<Outcome> {
    let findings = tidy::findings(&Workspace::read(root)?);
    print!("{}", tidy::report(&findings));
    Ok(Outcome::of(findings.is_empty()))
}

fn clippy(root: &Path, _: &mut Tally) -> Result<Outcome> {
    plain(cargo(root).args("clippy --workspace --all-targets --all-features --locked -- -D warnings".split(' ')))
}

fn test(root: &Path, tally: &mut Tally) -> Result<Outcome> {
    run_tests(cargo(root).args(["test", "--workspace", "--locked", "--no-fail-fast"]), tally)
}

/// The binary first: its pages have the library's name, and the library's shall stay.
fn doc(root: &Path, _: &mut Tally) -> Result<Outcome> {
    let documented = |arguments: &str| plain(cargo(root).args(arguments.split(' ')).env("RUSTDOCFLAGS", "-D warnings"));
    let binary = documented("doc --package deltaglider-cli --no-deps --locked")?;
    let rest = documented("doc --workspace --exclude deltaglider-cli --no-deps --all-features --locked")?;
    Ok(Outcome::of(binary == Outcome::Passed && rest == Outcome::Passed))
}

/// Every library builds without its neighbours, whose features would hide what it forgot to ask for.
fn alone(root: &Path, _: &mut Tally) -> Result<Outcome> {
    let mut every = true;
    for library in Workspace::read(root)?.manifests.iter().filter(|manifest| manifest.is_library()) {
        let sets: &[&[&str]] =
            if library.features.is_empty() { &[&[]] } else { &[&["--no-default-features"], &[], &["--all-features"]] };
        for set in sets {
            let mut check = cargo(root);
            check.args(["check", "--quiet", "--lib", "--locked", "--package", &library.name]).args(*set);
            every &= plain(&mut check)? == Outcome::Passed;
        }
    }
    Ok(Outcome::of(every))
}

fn plain(command: &mut Command) -> Result<Outcome> {
    println!("$ {}", shown(command));
    Ok(Outcome::of(command.status().with_context(|| format!("cannot start {}", shown(command)))?.success()))
}

/// Runs tests, passes their output on, and counts them.
fn run_tests(command: &mut Command, tally: &mut Tally) -> Result<Outcome> {
    println!("$ {}", shown(command));
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {}", shown(command)))?;
    let lines = BufReader::new(child.stdout.take().context("the output is not piped")?).lines();
    for line in lines {
        let line = line?;
        println!("{line}");
        count(&line, tally);
    }
    std::io::stdout().flush()?;
    Ok(Outcome::of(child.wait()?.success()))
}

/// Adds a line such as `test result: ok. 3 passed; 0 failed; …`, or a name of the list `failures:`.
fn count(line: &str, tally: &mut Tally) {
    match line.strip_prefix("    ") {
        _ if line == "failures:" => tally.listing = true,
        Some(name) if tally.listing => tally.names.push(name.to_owned()),
        _ => tally.listing = false,
    }
    let Some((_, result)) = line.split_once("test result: ") else { return };
    let figure = |word: &str| {
        let part = result.split([';', '.']).find_map(|part| part.trim().strip_suffix(word));
        part.and_then(|number| number.trim().parse::<u64>().ok()).unwrap_or(0)
    };
    tally.passed += figure("passed");
    tally.failed += figure("failed");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_counted_over_binaries() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "failures:",
            "",
            "---- one stdout ----",
            "    not a name",
            "failures:",
            "    one",
            "    two",
            "",
            "test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
        ] {
            count(line, &mut tally);
        }
        assert_eq!((tally.passed, tally.failed), (13, 2));
        assert_eq!(tally.names, ["one", "two"]);
    }

    #[test]
    fn a_failed_check_does_not_land() {
        assert!(Outcome::Passed.lands());
        assert!(!Outcome::Failed.lands());
    }

    #[test]
    fn an_unknown_step_is_an_error() {
        let error = Arguments::try_parse_from(["ci", "fmtt"]).expect_err("no such step");
        assert!(error.to_string().contains("fmtt"));
    }
}
