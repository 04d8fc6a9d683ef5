//! Runs the fuzz targets, one after the other, by cargo-fuzz.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::programs::{cargo, output, shown};

const USAGE: &str = "cargo xtask fuzz [--list] [--seconds N] [TARGET]...";

/// What the user asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// For each target.
    seconds: u32,
    /// Only name the targets.
    list: bool,
    /// All targets where there are none.
    chosen: Vec<String>,
}

impl Arguments {
    /// Reads what follows `cargo xtask fuzz`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut parsed = Self { seconds: 60, list: false, chosen: Vec::new() };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--seconds" => {
                    let seconds = rest.next().with_context(|| format!("{argument} needs a value: {USAGE}"))?;
                    parsed.seconds = seconds.parse().with_context(|| format!("--seconds {seconds:?} is no number"))?;
                    // To the fuzzer, 0 is without end.
                    ensure!(parsed.seconds > 0, "--seconds 0 runs nothing");
                }
                "--list" => parsed.list = true,
                flag if flag.starts_with('-') => bail!("unknown argument {flag:?}: {USAGE}"),
                name => parsed.chosen.push(name.to_owned()),
            }
        }
        Ok(parsed)
    }
}

/// Runs every target, or the chosen ones, and goes on past one that finds something; false where one did.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<bool> {
    let names = output(cargo(root).args(["fuzz", "list"]))
        .context("cargo-fuzz is not installed, or fails: cargo install --locked cargo-fuzz")?;
    let names: Vec<&str> = names.split_whitespace().collect();
    if arguments.list {
        names.iter().for_each(|name| println!("{name}"));
        return Ok(true);
    }
    if let Some(unknown) = arguments.chosen.iter().find(|name| !names.contains(&name.as_str())) {
        bail!("there is no target {unknown:?}; `cargo xtask fuzz --list` names them");
    }
    lock(root)?;
    let mut faulty = Vec::new();
    for name in names {
        if !arguments.chosen.is_empty() && !arguments.chosen.iter().any(|chosen| chosen == name) {
            continue;
        }
        println!("\n==> {name}");
        let mut command = cargo(root);
        // Without a sanitizer: the code has no `unsafe`, and the stable toolchain has none.
        command.args(["fuzz", "run", "--sanitizer", "none", name, "--"]);
        command.arg(format!("-max_total_time={}", arguments.seconds));
        command.args(["-rss_limit_mb=2048", "-timeout=20", "-print_final_stats=1"]);
        if !command.status().with_context(|| format!("cannot start {}", shown(&command)))?.success() {
            faulty.push(name);
        }
    }
    faulty.iter().for_each(|name| println!("fuzz: {name} failed: what it failed with is in fuzz/artifacts/{name}"));
    Ok(faulty.is_empty())
}

/// The targets are built with the versions of the workspace: its lock file is theirs, and cargo adds the fuzzer.
fn lock(root: &Path) -> Result<()> {
    let (from, to) = (root.join("Cargo.lock"), root.join("fuzz/Cargo.lock"));
    let written = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    if written(&to).is_none() || written(&to) < written(&from) {
        fs::copy(&from, &to).with_context(|| format!("cannot write {}", to.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Arguments> {
        Arguments::parse(&arguments.iter().map(|argument| (*argument).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn arguments_are_read() {
        let parsed = parse(&["prepare", "--seconds", "5", "deflate"]).expect("arguments");
        assert_eq!((parsed.seconds, parsed.chosen), (5, vec!["prepare".to_owned(), "deflate".to_owned()]));
        assert_eq!(parse(&[]).expect("arguments"), Arguments { seconds: 60, list: false, chosen: Vec::new() });
        for wrong in [&["--seconds"][..], &["--seconds", "0"], &["--seconds", "x"], &["--minutes"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
