//! Recorded behaviour of `aws s3`, played against the binary on two servers.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::ci::Outcome;
use crate::programs::{development_build, shown};
use crate::servers::{self, Running, python};

const RUNNER: &str = "tests/cases/run.py";
const CASES: &str = "tests/cases/cases.json";

/// SeaweedFS makes a bucket on the way where there is none.
const NOT_ON_SEAWEEDFS: &str = "cp-up-quiet-still-fails";

/// Builds the binary and plays every case against it, on moto and on SeaweedFS at once; further arguments are the runner's.
pub(crate) fn run(root: &Path, arguments: &[OsString]) -> Result<Outcome> {
    let programs = match python::install(&root.join("target/servers")) {
        Ok(programs) => programs,
        Err(error) => return Ok(Outcome::Skipped(format!("Python's packages cannot be installed: {error:#}"))),
    };
    let binary = development_build(root)?;
    let server = match Running::start(root, None)? {
        Ok(server) => server,
        Err(reason) => return Ok(Outcome::Skipped(reason)),
    };
    let runner = |more: &[&OsStr]| {
        let mut command = Command::new(programs.join("python"));
        command.arg(RUNNER).arg(&binary).args(["--cases", CASES, "--recorded", "--verbose"]);
        command.args(more).args(arguments).current_dir(root);
        command
    };
    let endpoint = server.endpoint();
    let keys = ["--access-key", servers::ACCESS_KEY, "--secret-key", servers::SECRET_KEY];
    let of_server = ["--server", &endpoint, "--without", NOT_ON_SEAWEEDFS];
    let other: Vec<&OsStr> = of_server.iter().chain(&keys).map(OsStr::new).collect();
    let mut on_seaweedfs = runner(&other);
    let mut on_moto = runner(&[]);
    println!("$ {}", shown(&on_moto));
    // One beside the other: each waits for its server most of the time. What the second says comes behind the first.
    let beside = on_seaweedfs.stdout(Stdio::piped()).spawn();
    let beside = beside.with_context(|| format!("cannot start {}", shown(&on_seaweedfs)))?;
    let first = on_moto.status().with_context(|| format!("cannot start {}", shown(&on_moto)));
    let second = beside.wait_with_output().with_context(|| format!("cannot wait for {}", shown(&on_seaweedfs)))?;
    println!("$ {}\n{}", shown(&on_seaweedfs), String::from_utf8_lossy(&second.stdout));
    Ok(if first?.success() && second.status.success() { Outcome::Passed } else { Outcome::Failed })
}
