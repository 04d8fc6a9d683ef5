//! Every operation through a proxy that spoils requests and answers, before a real server: right bytes or a clear error, in bounded
//! time, and nothing lost.

mod case;
pub(crate) mod fault;
mod message;
pub(crate) mod proxy;
mod throttle;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail, ensure};
use clap::Parser;

use self::case::{Bench, OPERATIONS, Outcome as Played};
use self::fault::FAULTS;
use crate::ci::Outcome;
use crate::programs::{development_build, program};
use crate::servers::Running;

/// Where everything is stored.
const BUCKET: &str = "faults";
/// Cases at a time: most of their time is waiting.
const THREADS: usize = 6;
/// Faults of the step of continuous integration, by parts of their names.
const CHECKED: [&str; 5] =
    ["none", "503 SlowDown, once", "answer lost after the effect, once", "body cut in the middle, once", "flipped"];

/// What the user asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Parser)]
pub(crate) struct Arguments {
    /// Faults with this in their names; `throttled`: the slow-down that recovers
    #[arg(long, value_name = "SUBSTRING")]
    only: Vec<String>,
    /// The binary to try; one that is built for it where there is none
    #[arg(long, value_name = "PATH", value_parser = program)]
    program: Option<PathBuf>,
}

impl Arguments {
    fn takes(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| name.contains(part.as_str()))
    }
}

/// A part of the faults, quickly.
pub(crate) fn check(root: &Path) -> Result<Outcome> {
    run(root, &Arguments { only: CHECKED.map(str::to_owned).into(), program: None })
}

/// Plays every fault with every operation, and prints what came of it.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<Outcome> {
    let program = arguments.program.clone().map_or_else(|| development_build(root), Ok)?;
    let server = match Running::start(root, None)? {
        Ok(server) => server,
        Err(reason) => return Ok(Outcome::Skipped(reason)),
    };
    let folder = root.join(format!("target/faults/{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let bench = Bench { server: &server, program: &program, folder: &folder };
    let made = bench.user("maker", &server.endpoint())?.run(&["mb", &format!("s3://{BUCKET}")])?;
    ensure!(made.is_done(), "cannot make a bucket: {}", made.err);
    let mut findings = play(&bench, arguments)?;
    if arguments.takes("throttled") {
        findings.extend(throttle::play(&bench)?);
    }
    fs::remove_dir_all(&folder)?;
    findings.iter().for_each(|finding| println!("faults: FOUND: {finding}"));
    println!("faults: {} found", findings.len());
    Ok(if findings.is_empty() { Outcome::Passed } else { Outcome::Failed })
}

/// Plays every case, several at a time, and prints the table.
fn play(bench: &Bench<'_>, arguments: &Arguments) -> Result<Vec<String>> {
    let faults: Vec<_> = FAULTS.into_iter().filter(|(name, ..)| arguments.takes(name)).collect();
    let cases: Vec<(usize, usize)> =
        (0..faults.len()).flat_map(|fault| (0..OPERATIONS.len()).map(move |operation| (fault, operation))).collect();
    let (next, played) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let work = || -> Result<()> {
        while let Some((fault, operation)) = cases.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
            let (_, kind, dose) = faults[fault];
            let number = fault * OPERATIONS.len() + operation;
            let outcome = bench.play(number, (kind, dose), OPERATIONS[operation])?;
            played.lock().unwrap_or_else(PoisonError::into_inner).insert((fault, operation), outcome);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| bail!("a case panicked")))
    })?;
    let played = played.into_inner().unwrap_or_else(PoisonError::into_inner);
    let names: Vec<&str> = faults.iter().map(|(name, ..)| *name).collect();
    print!("{}", table(&names, &played));
    let told = |(fault, _): (usize, usize), outcome: &Played| {
        outcome.findings.iter().map(|finding| format!("{}: {finding}", names[fault])).collect::<Vec<_>>()
    };
    Ok(played.iter().flat_map(|(place, outcome)| told(*place, outcome)).collect())
}

/// Faults by operations: seconds where all was done, and what was said in how many where it was not; a dash where no request met it.
fn table(names: &[&str], played: &BTreeMap<(usize, usize), Played>) -> String {
    let mut text = format!("| fault | {} |\n|---{}|\n", OPERATIONS.join(" | "), "|---".repeat(OPERATIONS.len()));
    for (fault, name) in names.iter().enumerate() {
        let cell = |operation| match played.get(&(fault, operation)) {
            Some(Played { requests: (_, 0), .. }) if *name != "none" => "–".to_owned(),
            Some(outcome) if outcome.done => format!("{:.1}", outcome.took.as_secs_f64()),
            Some(outcome) => format!("{}, {:.1}", outcome.complaint.replace('|', "/"), outcome.took.as_secs_f64()),
            None => String::new(),
        };
        let cells: Vec<String> = (0..OPERATIONS.len()).map(cell).collect();
        text.push_str(&format!("| {name} | {} |\n", cells.join(" | ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_asked_for_is_read() {
        let parse = |line: &str| Arguments::try_parse_from(format!("faults {line}").split_whitespace());
        let parsed = parse("--only 503 --only cut").expect("read");
        assert!(parsed.takes("503 SlowDown, once") && !parsed.takes("none"));
        assert!(Arguments::default().takes("none"));
        assert!(parse("503").is_err());
        for part in CHECKED {
            assert!(FAULTS.iter().any(|(name, ..)| name.contains(part)), "{part}");
        }
    }

    #[test]
    fn a_table_tells_of_each_case() {
        let outcome = |done, requests, complaint: &str| Played {
            done,
            complaint: complaint.to_owned(),
            took: Duration::from_millis(1500),
            requests,
            findings: Vec::new(),
        };
        let played =
            [outcome(true, (3, 1), ""), outcome(false, (1, 1), "SlowDown (HeadObject)"), outcome(true, (1, 0), "")];
        let played = played.into_iter().enumerate().map(|(place, outcome)| ((0, place), outcome)).collect();
        let table = table(&["503"], &played);
        assert!(table.contains("| 503 | 1.5 | SlowDown (HeadObject), 1.5 | – |"), "{table}");
    }
}
