//! The earlier tool of the name, from PyPI, and this one on one bucket: what each wrote, the other reads.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::ci::Outcome;
use crate::programs::{built, cargo, shown};
use crate::servers::{self, Running, python};

/// The last one, the last one that stored what is whole under other names, and the last one that did so with everything.
const VERSIONS: [&str; 3] = ["6.2.0", "6.1.1", "5.2.0"];

/// Installs the clients, starts a server, and plays `tests/earlier/interop.py`; skipped where something cannot be had.
pub(crate) fn run(root: &Path) -> Result<Outcome> {
    if Command::new("xdelta3").arg("-V").output().is_err() {
        return Ok(Outcome::Skipped("xdelta3 is not installed, which the earlier tool runs".to_owned()));
    }
    let home = root.join("target/earlier");
    let mut clients = Vec::new();
    for version in VERSIONS {
        let package = format!("deltaglider=={version}");
        match python::install_packages(&home.join(version), &[&package]) {
            Ok(programs) => clients.push(format!("{version}={}", programs.join("deltaglider").display())),
            Err(error) => return Ok(Outcome::Skipped(format!("{package} cannot be installed: {error:#}"))),
        }
    }
    let binary =
        built(cargo(root).args(["build", "--locked", "--package", "deltaglider-cli", "--bin", "deltaglider"]))?;
    let server = match Running::start(root, None)? {
        Ok(server) => server,
        Err(reason) => return Ok(Outcome::Skipped(reason)),
    };
    // The environment of the servers, where boto3 is.
    let mut play = Command::new(python::install(&root.join("target/servers"))?.join("python"));
    play.arg(root.join("tests/earlier/interop.py")).arg(server.endpoint()).arg(binary);
    play.arg(root.join("tests/golden-bucket")).args(clients);
    play.env("AWS_ACCESS_KEY_ID", servers::ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", servers::SECRET_KEY);
    let status = play.status().with_context(|| format!("cannot start {}", shown(&play)))?;
    Ok(if status.success() { Outcome::Passed } else { Outcome::Failed })
}
