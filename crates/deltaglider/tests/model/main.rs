//! The client against a model of what may be read: two clients of a bucket with one sealed cache, by turns and within one another's
//! requests, with faults, lost answers and crashes.
//!
//! It runs for a few seconds with the same sequences each time; with `DG_TEST_SECONDS` of 10 or more for so long, with new ones.
//! What fails is made smaller, and printed with its seed; `DG_TEST_SEED` plays the sequences of a seed again.
#![cfg(unix)]
#![allow(clippy::print_stdout, reason = "the figures of a long run are what it is for")]

mod carry_out;
mod contents;
mod counts;
mod expectation;
mod finish;
mod mutants;
mod seat;
mod step;
mod world;

use std::time::{Duration, Instant};

use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};

use crate::counts::Counts;
use crate::step::Steps;
use crate::world::{AsItIs, Below, Play};

/// The seed of every run that is not told another one.
const SEED: u64 = 1;
/// Sequences of a short run.
const CASES: u32 = 48;
/// Sequences of each seed of a long run.
const ROUND: u32 = 50;
/// From so many seconds on, it runs for as long as it is told.
const LONG: u64 = 10;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Plays sequences over a store; of the first one that fails, the smallest that does.
fn play<B: Below>(seed: u64, cases: u32, most_shrinks: u32) -> Result<(), String> {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: most_shrinks,
        max_shrink_time: 120_000,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config.clone(), rng);
    let sequences = Steps::<B>::sequential_strategy(1..40);
    let played = runner.run(&sequences, |(state, steps, seen)| {
        Play::<B>::test_sequential(config.clone(), state, steps, seen);
        Ok(())
    });
    played.map_err(|error| match error {
        TestError::Fail(why, ((), steps, _)) => {
            let steps: Vec<String> =
                steps.iter().enumerate().map(|(n, step)| format!("{:3}. {step:?}", n + 1)).collect();
            format!("seed {seed}: {why}\n{}", steps.join("\n"))
        }
        TestError::Abort(why) => format!("seed {seed}: {why}"),
    })
}

#[test]
fn it_reads_what_the_model_allows() {
    let seconds = number("DG_TEST_SECONDS").unwrap_or(2);
    let began = Instant::now();
    let mut seed = number("DG_TEST_SEED").unwrap_or(SEED);
    let mut shown = began;
    loop {
        let cases = if seconds >= LONG { ROUND } else { CASES };
        if let Err(found) = play::<AsItIs>(seed, cases, 2000) {
            panic!("{found}");
        }
        seed += 1;
        if seconds < LONG || number("DG_TEST_SEED").is_some() || began.elapsed() >= Duration::from_secs(seconds) {
            break;
        }
        if shown.elapsed() >= Duration::from_secs(60) {
            shown = Instant::now();
            println!("{:?}, before seed {seed}: {}", began.elapsed(), Counts::of::<AsItIs>());
        }
    }
    println!("{:?}, before seed {seed}: {}", began.elapsed(), Counts::of::<AsItIs>());
}

/// Plays until something is found.
fn finds<B: Below>(rounds: u64) -> String {
    (0..rounds)
        .find_map(|seed| play::<B>(SEED + seed, ROUND, 40).err())
        .unwrap_or_else(|| panic!("nothing was found: {}", Counts::of::<B>()))
}
