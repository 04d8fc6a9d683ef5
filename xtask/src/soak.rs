//! Several users at once on the same few delta spaces, killed at random, and a checker that knows what was acknowledged.

mod content;
mod ledger;
mod round;
mod tally;
mod worker;
mod world;

use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use clap::{Parser, ValueEnum};

use self::worker::Worker;
use self::world::World;
use crate::ci::Outcome;
use crate::programs::{deltaglider, program};
use crate::servers::Running;

/// Between two times at which everything is read.
const ROUND: Duration = Duration::from_secs(60);

/// What the user asks for.
#[derive(Clone, Debug, PartialEq, Parser)]
pub(crate) struct Arguments {
    /// How long
    #[arg(long, value_name = "N", default_value = "2", value_parser = minutes)]
    minutes: f64,
    /// Where the random numbers begin
    #[arg(long, value_name = "S", default_value = "1")]
    seed: u64,
    /// Where everything is stored
    #[arg(long, default_value = "both")]
    store: Store,
    /// Users at a time
    #[arg(long, value_name = "N", default_value = "6")]
    workers: NonZero<u64>,
    /// The binary to try; one that is built for it where there is none
    #[arg(long, value_name = "PATH", value_parser = program)]
    program: Option<PathBuf>,
}

/// Where a soak stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Store {
    S3,
    File,
    Both,
}

fn minutes(text: &str) -> Result<f64> {
    let minutes = text.parse()?;
    ensure!(minutes > 0.0 && minutes < 1e6, "it has to be more than 0, and less than a million");
    Ok(minutes)
}

/// Soaks; failed where anything was lost, torn, hung or left that cannot be swept.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<Outcome> {
    let program = arguments.program.clone().map_or_else(|| deltaglider(root), Ok)?;
    let server = match (arguments.store != Store::File).then(|| Running::start(root, None)).transpose()? {
        Some(Err(reason)) => {
            eprintln!("soak: SKIPPED: {reason}");
            return Ok(Outcome::Skipped(reason));
        }
        server => server.and_then(Result::ok),
    };
    let folder = root.join(format!("target/soak/{}", std::process::id()));
    let endpoint = server.as_ref().map(Running::endpoint);
    let world = World::new(program, folder, arguments.seed, endpoint, arguments.store != Store::S3)?;
    let end = Instant::now() + Duration::from_secs_f64(arguments.minutes * 60.0);
    let mut number = 0;
    while Instant::now() < end && world.tally.is_clean() {
        number += 1;
        work(&world, arguments.workers.get(), number, end.min(Instant::now() + ROUND))?;
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
        Ok(Arguments::try_parse_from(format!("soak {line}").split_whitespace())?)
    }

    #[test]
    fn what_is_asked_for_is_read() {
        assert_eq!(parse("").expect("read").store, Store::Both);
        let parsed = parse("--minutes 0.5 --seed 9 --store file --workers 2").expect("read");
        assert_eq!((parsed.minutes, parsed.seed, parsed.store, parsed.workers.get()), (0.5, 9, Store::File, 2));
        for wrong in ["--minutes", "--minutes x", "--minutes 0", "--store gcs", "--workers 0", "3"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
