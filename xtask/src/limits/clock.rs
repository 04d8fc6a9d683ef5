//! A clock that is ten years off, either way: what was stored stays, and what is refused says why.

use std::process::Command;

use anyhow::Result;

use super::bench::{Bench, Place, Row, clear_error, done};
use super::content;
use crate::client::{Client, Run};

/// Programs by which a clock is made wrong.
const FAKER: &str = "faketime";
const SHIFTS: [&str; 2] = ["+10y", "-10y"];
/// A key for a cache that outlives a run.
pub(super) const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// Goes ten years ahead and back.
pub(super) fn play(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for place in bench.places("clock")? {
        for shift in SHIFTS {
            rows.push(match works(bench)? {
                true => off(bench, &place, shift)?,
                false => Row::skipped(
                    "clock",
                    &format!("{shift}, {}", place.name),
                    "`faketime` is not there or has no effect on this binary (apt-get install faketime)",
                ),
            });
        }
    }
    Ok(rows)
}

/// Whether the binary can be made to believe another year: what it stores in a local store has that date.
fn works(bench: &Bench) -> Result<bool> {
    let user = bench.user("clock-works")?;
    let url = format!("file://{}", user.path("store").display());
    done(&user.run(&["mb", &url])?, "mb")?;
    content::write(&user.path("a.txt"), 10, 1)?;
    let stored = at(&user, SHIFTS[0], &["cp", "a.txt", &format!("{url}/")]);
    let listed = user.run(&["ls", &format!("{url}/")])?;
    let shown = listed.out.split('-').next().and_then(|year| year.trim().parse::<u64>().ok()).unwrap_or(0);
    let today = crate::programs::output(Command::new("date").arg("+%Y"))?.trim().parse::<u64>()?;
    std::fs::remove_dir_all(&user.folder)?;
    Ok(stored.is_ok_and(|run| run.is_done()) && shown >= today + 9)
}

fn at(user: &Client, shift: &str, arguments: &[&str]) -> Result<Run> {
    let command = user.command(arguments);
    let mut faked = Command::new(FAKER);
    // Time that is measured, and not told, passes as it does.
    faked.args(["-m", "--exclude-monotonic", "-f", shift]).arg(command.get_program()).args(command.get_args());
    faked.env_clear().current_dir(user.path("")).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    faked.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    user.run_command(&mut faked, None, None)
}

fn off(bench: &Bench, place: &Place, shift: &str) -> Result<Row> {
    let user = bench.user(&format!("clock-{}{shift}", place.name))?.with("DG_CACHE_ENCRYPTION_KEY", KEY);
    let user = user.with("DG_CACHE_TTL_SECS", "3600");
    let (url, mut findings, mut said) = (format!("{}/{}/", place.url, &shift[1..]), Vec::new(), Vec::new());
    let mut expected = Vec::new();
    for (number, name) in ["one.zip", "two.zip", "three.zip", "four.zip", "plain.txt"].into_iter().enumerate() {
        content::write(&user.path(name), 500_000, 1)?;
        content::edit(&user.path(name), number as u64)?;
        expected.push((name, content::digest_of(&user.path(name))?));
        if number != 2 && number != 3 {
            done(&user.run(&["cp", name, &url])?, "put by a right clock")?;
        }
    }
    // What a wrong clock would take for old: a reference in the trash, beside a space that goes on; a copy for a while.
    let presigned = (place.name == "S3").then(|| user.run(&["presign", &format!("{url}two.zip"), "--rehydrate"]));
    let copy = presigned.transpose()?;
    if let Some(copy) = &copy {
        done(copy, "presign --rehydrate by a right clock")?;
    }
    let wrong = (place.name == "S3")
        .then(|| at(&user, shift, &["presign", &format!("{url}two.zip"), "--rehydrate"]))
        .transpose()?;
    let mut step = |what: &str, line: &[&str]| -> Result<bool> {
        let run = at(&user, shift, line)?;
        if what == "doctor" {
            // Its verdict is on standard output.
            if place.name == "S3" && (run.is_done() || !run.out.contains("clock")) {
                findings.push(format!("doctor says nothing of the clock: {}{}", run.out, run.err));
            }
            return Ok(true);
        }
        let refused = clear_error(&run, what, &mut findings);
        if !run.is_done() {
            said.push(format!("{what} refused ({})", run.complaint()));
            findings.push(format!("{what}: {refused}"));
        }
        Ok(run.is_done())
    };
    let put = step("put", &["cp", "three.zip", &url])?;
    step("get", &["cp", &format!("{url}two.zip"), "got"])?;
    step("ls", &["ls", &url])?;
    step("cache prune", &["cache", "prune"])?;
    step("sync", &["sync", ".", &url, "--exclude", "*", "--include", "four.zip"])?;
    step("verify", &["verify", &place.url, "--recursive"])?;
    step("purge", &["purge", &url])?;
    step("purge of the bucket", &["purge", &place.url])?;
    step("doctor", &["doctor", &place.url])?;
    let synced = step("rm", &["rm", &format!("{url}plain.txt")])?;
    for (name, digest) in expected {
        if name == "plain.txt" && synced || (name == "three.zip" || name == "four.zip") && !put {
            continue;
        }
        let _ = std::fs::remove_file(user.path("now"));
        let got = user.run(&["cp", &format!("{url}{name}"), "now"])?;
        if content::digest_of(&user.path("now"))? != digest {
            findings.push(format!("{name} does not come back by a right clock: {}", got.err));
        }
    }
    let verified = user.run(&["verify", &place.url, "--recursive"])?;
    if !verified.is_done() {
        findings.push(format!("not all verifies: {}{}", verified.out, verified.err));
    }
    let links = [("made before", copy), ("made by the wrong clock", wrong)];
    for (what, copy) in links.into_iter().filter_map(|(what, copy)| Some((what, copy?))) {
        let got = Command::new("curl").args(["-sf", "-o", "/dev/null", copy.out.trim()]).status();
        if !got.is_ok_and(|status| status.success()) {
            findings.push(format!("a link {what}, which has not run out, is dead"));
        }
    }
    let links = if place.name == "S3" { "; links to copies, made before and by it, hold" } else { "" };
    let figures =
        format!("{}, all there{links}", if said.is_empty() { "all done".to_owned() } else { said.join("; ") });
    std::fs::remove_dir_all(&user.folder)?;
    Ok(Row::new("clock", format!("{shift}, {}", place.name), figures, findings))
}
