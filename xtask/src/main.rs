//! The project's own tasks: `cargo xtask <task>`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a task talks to a person")]

mod bench;
mod cases;
mod ci;
mod client;
mod decoders;
mod demo;
mod deny;
mod dist;
mod earlier;
mod encoders;
mod faults;
mod folder;
mod fuzz;
mod limits;
mod programs;
mod random;
mod registry;
mod rotate_key;
mod servers;
mod soak;
mod tidy;
mod workspace;
mod xdelta;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::ci::Outcome;
use crate::workspace::Workspace;

/// What the user asks for.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "The project's own tasks")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Hold the rules of the house: direction of dependencies, shape of files, links, names
    Tidy,
    /// Run every check that decides whether a change lands, in the order that fails soonest, or only the named ones
    Ci(ci::Arguments),
    /// Check licences, sources and bans of the dependency tree (cargo-deny)
    Deny,
    /// Start real servers on loopback, run the suites for them, or COMMAND, and stop the servers
    Servers(servers::Arguments),
    /// Build the binary and rotate the key of the cache: `deltaglider key rotate`
    RotateKey(Words),
    /// Measure the codecs beside their peers, on release families
    Bench(bench::Arguments),
    /// Make the vectors by real encoders again
    Encoders,
    /// Play recorded behaviour of `aws s3` against the binary
    Cases(Words),
    /// Try the codec `vcdiff` against `xdelta3`, both ways, on random pairs
    Xdelta(xdelta::Arguments),
    /// Play the earlier Python tool and this one on one bucket, in both directions
    Earlier,
    /// Feed the codecs and the readers of what is stored with anything at all (cargo-fuzz)
    Fuzz(fuzz::Arguments),
    /// Several users at once on the same delta spaces, killed at random; nothing acknowledged may be lost
    Soak(soak::Arguments),
    /// Every operation through a proxy that spoils requests and answers, before a real server
    Faults(faults::Arguments),
    /// The binary at the limits of a machine: memory, sudden ends, many names, no room, no home, a wrong clock
    Limits(limits::Arguments),
    /// Build what is handed out into target/dist: a static binary, its manual, completions, sums
    Dist,
    /// Store and give back five releases of something real, or FILEs, in a local directory
    Demo {
        /// Files of your own
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

/// What another program reads.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
struct Words {
    /// Passed on; `--help` lists them
    #[arg(value_name = "ARGUMENT", allow_hyphen_values = true, trailing_var_arg = true)]
    words: Vec<OsString>,
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the task; false where a check found something.
fn run(task: Task) -> Result<bool> {
    let root = workspace::root();
    match task {
        Task::Tidy => {
            let findings = tidy::findings(&Workspace::read(&root)?);
            print!("{}", tidy::report(&findings));
            Ok(findings.is_empty())
        }
        Task::Ci(arguments) => ci::run(&root, &arguments),
        Task::Deny => deny::run(&root).map(Outcome::lands),
        Task::Servers(arguments) => servers::run(&root, &arguments).map(Outcome::lands),
        Task::RotateKey(Words { words }) => rotate_key::run(&root, &words),
        Task::Bench(arguments) => bench::run(&root, &arguments),
        Task::Encoders => encoders::run(&root),
        Task::Cases(Words { words }) => cases::run(&root, &words).map(Outcome::lands),
        Task::Xdelta(arguments) => xdelta::run(&root, arguments),
        Task::Earlier => earlier::run(&root).map(Outcome::lands),
        Task::Fuzz(arguments) => fuzz::run(&root, &arguments),
        Task::Soak(arguments) => soak::run(&root, &arguments).map(Outcome::lands),
        Task::Faults(arguments) => faults::run(&root, &arguments).map(Outcome::lands),
        Task::Limits(arguments) => limits::run(&root, &arguments).map(Outcome::lands),
        Task::Dist => dist::run(&root),
        Task::Demo { files } => demo::run(&root, files).map(|()| true),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_another_program_reads_is_passed_on() {
        let parsed = Arguments::try_parse_from(["xtask", "rotate-key", "--dry-run", "--help"]).expect("read");
        let Task::RotateKey(Words { words }) = parsed.task else { panic!("another task") };
        assert_eq!(words, ["--dry-run", "--help"]);
    }
}
