//! Several users at once on the same few delta spaces, killed at random, and a checker that knows what was acknowledged.

mod content;
mod ledger;
mod round;
mod tally;
mod worker;
mod world;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use self::worker::Worker;
use self::world::World;
use crate::ci::Outcome;
use crate::programs::deltaglider;
use crate::servers::Running;

const USAGE: &str = "cargo xtask soak [--minutes N] [--seed S] [--store s3|file|both] [--workers N] [--program PATH]";
/// Between two times at which everything is read.
const ROUND: Duration = Duration::from_secs(60);

/// What the user asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Arguments {
    minutes: f64,
    seed: u64,
    s3: bool,
    file: bool,
    workers: u64,
    program: Option<PathBuf>,
}

impl Arguments {
    /// Reads what follows `cargo xtask soak`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut parsed = Self { minutes: 2.0, seed: 1, s3: true, file: true, workers: 6, program: None };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().with_context(|| format!("{argument} needs a value: {USAGE}"));
            match argument.as_str() {
                "--minutes" => parsed.minutes = number(argument, value()?)?,
                "--seed" => parsed.seed = number(argument, value()?)?,
                "--workers" => parsed.workers = number(argument, value()?)?,
                "--program" => parsed.program = Some(fs::canonicalize(value()?).context("--program")?),
                "--store" => {
                    let store = value()?.as_str();
                    ensure!(["s3", "file", "both"].contains(&store), "--store {store:?} is none of s3, file and both");
                    (parsed.s3, parsed.file) = (store != "file", store != "s3");
                }
                other => bail!("unknown argument {other:?}: {USAGE}"),
            }
        }
        ensure!(parsed.workers > 0, "--workers 0 does nothing");
        ensure!(parsed.minutes > 0.0, "--minutes has to be more than 0");
        Ok(parsed)
    }
}

fn number<T: std::str::FromStr>(argument: &str, text: &str) -> Result<T> {
    text.parse().map_err(|_| anyhow::anyhow!("{argument} {text:?} is no number"))
}

/// Soaks; failed where anything was lost, torn, hung or left that cannot be swept.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<Outcome> {
    let program = match &arguments.program {
        Some(program) => program.clone(),
        None => deltaglider(root)?,
    };
    let server = match arguments.s3.then(|| Running::start(root, None)).transpose()? {
        Some(Err(reason)) => {
            eprintln!("soak: SKIPPED: {reason}");
            return Ok(Outcome::Skipped(reason));
        }
        server => server.and_then(Result::ok),
    };
    let folder = root.join(format!("target/soak/{}", std::process::id()));
    let endpoint = server.as_ref().map(Running::endpoint);
    let world = World::new(program, folder, arguments.seed, endpoint, arguments.file)?;
    let end = Instant::now() + Duration::from_secs_f64(arguments.minutes * 60.0);
    let mut number = 0;
    while Instant::now() < end && world.tally.is_clean() {
        number += 1;
        work(&world, arguments.workers, number, end.min(Instant::now() + ROUND))?;
        round::read_everything(&world, number)?;
        let (runs, killed) = world.tally.runs();
        println!("soak: round {number}: {runs} runs, {killed} of them killed");
    }
    println!("\nsoak: {arguments:?}\n\n{}", world.tally);
    if world.tally.is_clean() {
        fs::remove_dir_all(&world.folder)?;
        return Ok(Outcome::Passed);
    }
    println!("soak: seed {}; what is left of it lies in {}", arguments.seed, world.folder.display());
    Ok(Outcome::Failed)
}

/// Lets every worker work until it is time; then what they left has to be gone with one more run of each.
fn work(world: &World, workers: u64, round: u64, end: Instant) -> Result<()> {
    let works = std::thread::scope(|scope| {
        let start = |number| {
            scope.spawn(move || -> Result<()> {
                let mut worker = Worker::new(world, number, round)?;
                worker.work(end)?;
                let left = worker.tidy()?;
                if !left.is_empty() {
                    world.tally.found(format!("temporary files that no later run sweeps: {left:?}"));
                }
                Ok(())
            })
        };
        let threads: Vec<_> = (0..workers).map(start).collect();
        threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    works.into_iter().try_for_each(|work| work.unwrap_or_else(|_| bail!("a worker panicked")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments> {
        Arguments::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_asked_for_is_read() {
        let plain = Arguments { minutes: 2.0, seed: 1, s3: true, file: true, workers: 6, program: None };
        assert_eq!(parse("").expect("read"), plain);
        let other = Arguments { minutes: 0.5, seed: 9, s3: false, file: true, workers: 2, program: None };
        assert_eq!(parse("--minutes 0.5 --seed 9 --store file --workers 2").expect("read"), other);
        for wrong in ["--minutes", "--minutes x", "--minutes 0", "--store gcs", "--workers 0", "3"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
