//! Recorded behaviour of `aws s3`, played against the binary.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::ci::Outcome;
use crate::programs::{built, cargo, shown};
use crate::servers::python;

const RUNNER: &str = "tests/cases/run.py";
const CASES: &str = "tests/cases/cases.json";

/// Builds the binary and plays every case against it; further arguments are the runner's.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<Outcome> {
    let programs = match python::install(&root.join("target/servers")) {
        Ok(programs) => programs,
        Err(error) => return Ok(Outcome::Skipped(format!("Python's packages cannot be installed: {error:#}"))),
    };
    let binary = built(cargo(root).args(["build", "--package", "deltaglider-cli", "--locked"]))?;
    let mut command = Command::new(programs.join("python"));
    command.arg(RUNNER).arg(binary).args(["--cases", CASES, "--recorded", "--verbose"]).args(arguments);
    command.current_dir(root);
    println!("$ {}", shown(&command));
    let status = command.status().with_context(|| format!("cannot start {}", shown(&command)))?;
    Ok(if status.success() { Outcome::Passed } else { Outcome::Failed })
}
