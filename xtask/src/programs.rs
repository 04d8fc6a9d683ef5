//! Runs other programs: cargo, the binary of the project, whatever a task needs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The cargo that runs this task, in the workspace.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root).stdin(Stdio::null());
    command
}

/// Builds the project's binary as users have it, and tells where it is.
pub(crate) fn deltaglider(root: &Path) -> Result<PathBuf> {
    let mut build = cargo(root);
    built(build.args(["build", "--release", "--package", "deltaglider-cli"]))
}

/// The same without its optimisation, which takes less time.
pub(crate) fn development_build(root: &Path) -> Result<PathBuf> {
    built(cargo(root).args(["build", "--locked", "--package", "deltaglider-cli", "--bin", "deltaglider"]))
}

/// Reads the path of a binary that is there.
pub(crate) fn program(path: &str) -> Result<PathBuf> {
    Ok(std::fs::canonicalize(path)?)
}

/// Runs a build, and tells where the last binary of it is.
pub(crate) fn built(build: &mut Command) -> Result<PathBuf> {
    build.args(["--message-format", "json-render-diagnostics"]).stderr(Stdio::inherit());
    let printed = output(build)?;
    let artifacts = printed.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    artifacts
        .filter_map(|artifact| artifact["executable"].as_str().map(PathBuf::from))
        .next_back()
        .context("cargo built no binary")
}

/// What the program printed; an error that holds its complaint where it fails.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let name = shown(command);
    let output = command.output().with_context(|| format!("cannot start {name}"))?;
    if !output.status.success() {
        bail!("{name} failed ({}):\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim_end());
    }
    String::from_utf8(output.stdout).with_context(|| format!("{name} printed what is not UTF-8"))
}

/// The command line, as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// True in continuous integration, where a check that cannot be made is a check that failed.
pub(crate) fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}
