//! The project's own tasks: `cargo xtask <task>`.
//!
//! | task | what it does |
//! |---|---|
//! | `tidy` | holds the rules of the house: direction of dependencies, shape of files, links, names |
//! | `ci` | every check that decides whether a change lands, in the order that fails soonest |
//! | `servers` | starts real servers on loopback, runs the suites for them, stops the servers |
//! | `rotate-key` | builds the binary and rotates the key of the cache: `deltaglider key rotate` |
//! | `bench` | measures the codecs beside their peers, on release families |
//! | `encoders` | makes the vectors by real encoders again |
//! | `cases` | plays recorded behaviour of `aws s3` against the binary |
//! | `xdelta` | tries the codec `vcdiff` against `xdelta3`, both ways, on random pairs |
//! | `earlier` | plays the earlier Python tool and this one on one bucket, in both directions |
//! | `fuzz` | feeds the codecs and the readers of what is stored with anything at all |
//! | `soak` | several users at once on the same delta spaces, killed at random; nothing acknowledged may be lost |
//! | `faults` | every operation through a proxy that spoils requests and answers, before a real server |
//! | `limits` | the binary at the limits of a machine: memory, sudden ends, many names, no room, no home, a wrong clock |
//! | `dist` | builds what is handed out: a static binary, its manual, completions, sums |
//! | `demo` | stores and gives back five releases of something real, in a local directory |

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

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::ci::Outcome;
use crate::workspace::Workspace;

const USAGE: &str = "\
usage: cargo xtask <task>

  tidy                                  hold the rules of the house
  ci [STEP...]                          run every check, or only the named ones; `ci --list` names them
  deny                                  licences, sources and bans of the dependency tree (cargo-deny)
  servers [--port N] [-- COMMAND...]    run the real-server suites, or COMMAND, against servers on loopback
  rotate-key [ARGUMENT...]              rotate the key of the cache by this tree's binary: `deltaglider key rotate`
  bench [--rounds N] [FAMILY...]        measure the codecs beside their peers; `bench --list` names the families
  encoders                              make the vectors by real encoders again
  cases [--only SUBSTRING]              play recorded behaviour of `aws s3` against the binary
  xdelta [--pairs N] [--seed N]         try the codec vcdiff against xdelta3, both ways, on random pairs
  earlier                               play the earlier Python tool and this one on one bucket, in both directions
  fuzz [--seconds N] [TARGET...]        run the fuzz targets (cargo-fuzz), each N seconds; `fuzz --list` names them
  soak [--minutes N] [--seed S]         several users at once, killed at random: nothing acknowledged may be lost
  faults [--only SUBSTRING]             every operation through a proxy that spoils requests and answers
  limits [--long] [NAME...]             memory, kill -9, many names, no room, no home, a wrong clock
  dist                                  build a static binary with manual, completions and sums into target/dist
  demo [FILE...]                        store five real releases, or FILEs, in a local directory, and give them back";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the task; false where a check found something.
fn run(arguments: &[String]) -> Result<bool> {
    let root = workspace::root();
    let (task, rest) = match arguments.split_first() {
        Some((task, rest)) => (task.as_str(), rest),
        None => bail!("no task given\n{USAGE}"),
    };
    match task {
        "tidy" => {
            let findings = tidy::findings(&Workspace::read(&root)?);
            print!("{}", tidy::report(&findings));
            Ok(findings.is_empty())
        }
        "ci" => ci::run(&root, rest),
        "deny" => deny::run(&root).map(Outcome::lands),
        "servers" => servers::run(&root, &servers::Arguments::parse(rest)?).map(Outcome::lands),
        "rotate-key" => rotate_key::run(&root, rest),
        "bench" => bench::run(&root, &bench::Arguments::parse(rest)?),
        "encoders" => encoders::run(&root),
        "cases" => cases::run(&root, rest).map(Outcome::lands),
        "xdelta" => xdelta::run(&root, xdelta::Arguments::parse(rest)?),
        "earlier" => earlier::run(&root).map(Outcome::lands),
        "fuzz" => fuzz::run(&root, &fuzz::Arguments::parse(rest)?),
        "soak" => soak::run(&root, &soak::Arguments::parse(rest)?).map(Outcome::lands),
        "faults" => faults::run(&root, &faults::Arguments::parse(rest)?).map(Outcome::lands),
        "limits" => limits::run(&root, &limits::Arguments::parse(rest)?).map(Outcome::lands),
        "dist" => dist::run(&root),
        "demo" => demo::run(&root, rest).map(|()| true),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(true)
        }
        other => bail!("there is no task {other:?}\n{USAGE}"),
    }
}
