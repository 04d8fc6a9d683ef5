//! Licences, sources and bans of the dependency tree, by cargo-deny.

use std::path::Path;

use anyhow::{Context, Result};

use crate::ci::Outcome;
use crate::programs::{cargo, shown};

/// Checks what needs no network, then the advisories where their database can be had.
pub(crate) fn run(root: &Path) -> Result<Outcome> {
    if !cargo(root).args(["deny", "--version"]).output().is_ok_and(|output| output.status.success()) {
        let reason = "cargo-deny is not installed: cargo install --locked cargo-deny";
        println!("deny: {reason}");
        return Ok(Outcome::Skipped(reason.to_owned()));
    }
    if !succeeds(root, &["check", "--hide-inclusion-graph", "bans", "licenses", "sources"])? {
        return Ok(Outcome::Failed);
    }
    if !succeeds(root, &["fetch", "db"])? {
        println!("deny: advisories are not checked: their database cannot be reached from here");
        return Ok(Outcome::Passed);
    }
    let clean = succeeds(root, &["check", "--disable-fetch", "advisories"])?;
    Ok(if clean { Outcome::Passed } else { Outcome::Failed })
}

fn succeeds(root: &Path, arguments: &[&str]) -> Result<bool> {
    let mut command = cargo(root);
    command.args(["deny", "--locked", "--all-features"]).args(arguments);
    println!("$ {}", shown(&command));
    Ok(command.status().context("cannot start cargo deny")?.success())
}
