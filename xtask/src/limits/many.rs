//! Many names: keys under one prefix, and delta spaces in one sync, with few open files.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

use super::bench::{Bench, Place, Row, bytes, done};
use crate::client::{Client, Run};
use crate::faults::fault::{Dose, Fault};
use crate::faults::proxy::Proxy;
use crate::random::Random;

/// Keys under a prefix.
const KEYS: (u64, u64) = (2_000, 100_000);
/// Delta spaces, each with a reference and a delta.
const SPACES: (u64, u64) = (200, 1_000);
/// Bytes of an archive in one.
const ARCHIVE: usize = 20_000;
/// Files that a process may have open: the default of macOS.
const FILES: u64 = 256;

/// Tries both at every store.
pub(super) fn play(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let chosen = |(short, long): (u64, u64)| if bench.long { long } else { short };
    for place in bench.places("many")? {
        let user = bench.user(&format!("many-{}", place.name))?;
        rows.push(keys(bench, &user, &place, chosen(KEYS))?);
        rows.push(spaces(&user, &place, chosen(SPACES))?);
        fs::remove_dir_all(&user.folder)?;
    }
    Ok(rows)
}

fn keys(bench: &Bench, user: &Client, place: &Place, number: u64) -> Result<Row> {
    fs::create_dir_all(user.path("keys"))?;
    for key in 0..number {
        write(&user.path(&format!("keys/{key:06}.txt")), format!("{key}\n").as_bytes())?;
    }
    let url = format!("{}/keys/", place.url);
    let mut findings = Vec::new();
    let up = limited(user, &["sync", "keys", &url, "--only-show-errors"])?;
    done(&up, "sync")?;
    let mut figures = format!("stored in {:.1} s", up.took.as_secs_f64());
    for (what, line) in [
        ("listed", &["ls", &url][..]),
        ("synced again", &["sync", "keys", &url]),
        ("removed", &["rm", "--recursive", &url, "--only-show-errors"]),
        ("listed, empty", &["ls", &url]),
    ] {
        let proxy = match (&bench.server, place.name) {
            (Some(server), "S3") => Some(Proxy::with_fault(server.address(), Fault::None, Dose::Always)?),
            _ => None,
        };
        let through = match &proxy {
            Some(proxy) => user.clone().with("AWS_ENDPOINT_URL", proxy.endpoint()),
            None => user.clone(),
        };
        let run = limited(&through, line)?;
        figures.push_str(&format!(", {what} in {:.1} s", run.took.as_secs_f64()));
        if let Some(proxy) = &proxy {
            figures.push_str(&format!(" and {} requests", proxy.counts().0));
        }
        match what {
            "listed" => {
                let lines = run.out.lines().count() as u64;
                if lines != number {
                    findings.push(format!("{lines} of {number} keys are listed"));
                }
            }
            "synced again" if !run.out.trim().is_empty() => {
                findings.push(format!("synced again, it moves {}", run.out.lines().next().unwrap_or_default()));
            }
            // SeaweedFS keeps the directory, under no name.
            "listed, empty" if run.out.contains(".txt") => findings.push(format!("after all are removed: {}", run.out)),
            _ => {}
        }
        // Nothing to list is exit code 1, as with `aws s3 ls`.
        if !run.is_done() && what != "listed, empty" || run.is_fault() {
            findings.push(format!("{what}: exit code {:?}: {}", run.code, run.err));
        }
    }
    fs::remove_dir_all(user.path("keys"))?;
    Ok(Row::new("many keys", format!("{number} in a prefix, {}", place.name), figures, findings))
}

fn spaces(user: &Client, place: &Place, number: u64) -> Result<Row> {
    for space in 0..number {
        let folder = user.path(&format!("spaces/{space:04}"));
        fs::create_dir_all(&folder)?;
        let mut content = Random::new(space).bytes(ARCHIVE);
        write(&folder.join("1.zip"), &content)?;
        content[..20].fill(0);
        write(&folder.join("2.zip"), &content)?;
    }
    let url = format!("{}/spaces/", place.url);
    let mut findings = Vec::new();
    let up = limited(user, &["sync", "spaces", &url, "--json", "--progress", "none"])?;
    done(&up, "sync")?;
    let summary: serde_json::Value = serde_json::from_str(up.out.lines().last().context("no summary")?)?;
    let figure = |name: &str| summary[name].as_u64().unwrap_or(0);
    if figure("ok") != 2 * number || figure("deltas") != 2 * number {
        findings.push(format!("not all are stored as deltas: {summary}"));
    }
    let again = limited(user, &["sync", "spaces", &url])?;
    done(&again, "sync again")?;
    if !again.out.trim().is_empty() {
        findings.push(format!("synced again, it moves {}", again.out.lines().next().unwrap_or_default()));
    }
    let down = limited(user, &["sync", &url, "back", "--only-show-errors"])?;
    done(&down, "sync down")?;
    if !same(&user.path("spaces"), &user.path("back"))? {
        findings.push("other files came back".to_owned());
    }
    let figures = format!(
        "{} stored as {} in {:.1} s, synced again in {:.1} s, fetched in {:.1} s",
        bytes(figure("logical")),
        bytes(figure("stored")),
        up.took.as_secs_f64(),
        again.took.as_secs_f64(),
        down.took.as_secs_f64(),
    );
    Ok(Row::new("many delta spaces", format!("{number} in one sync, {}", place.name), figures, findings))
}

/// Writes a file that is an hour old: one of this second would be newer than its object, whose time is in whole seconds.
fn write(path: &Path, content: &[u8]) -> Result<()> {
    fs::write(path, content)?;
    let old = SystemTime::now() - Duration::from_secs(3600);
    Ok(File::options().write(true).open(path)?.set_modified(old)?)
}

/// Runs with few open files.
fn limited(user: &Client, arguments: &[&str]) -> Result<Run> {
    let command = user.command(arguments);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -n {FILES}; exec \"$@\""), "sh"]).arg(command.get_program());
    shell.args(command.get_args()).env_clear().current_dir(user.path(""));
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    user.run_command(&mut shell, None, None)
}

fn same(a: &Path, b: &Path) -> Result<bool> {
    Ok(Command::new("diff").arg("-r").args([a, b]).status().context("cannot start diff")?.success())
}
