//! No home, one that cannot be written, one that is a file; a cache or temporary space that another user owns.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::bench::{Bench, Row, clear_error};
use super::clock::KEY;
use super::content;
use crate::client::{Client, Run};

/// A user who may write nowhere but where all may.
const NOBODY: &str = "65534";
const LIMIT: &str = "home";

/// Variables of a case; one without a value is not set.
type Variables = Vec<(&'static str, Option<PathBuf>)>;

/// Puts and gets a delta in each of them.
pub(super) fn play(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let is_root = crate::programs::output(Command::new("id").arg("-u"))?.trim() == "0";
    for place in bench.places("home")? {
        let user = bench.user(&format!("home-{}", place.name))?;
        let (file, closed, nowhere) = (user.path("a-file"), user.path("closed"), user.path("not/there"));
        fs::write(&file, "no directory")?;
        fs::create_dir_all(&closed)?;
        Command::new("chmod").arg("0555").arg(&closed).status()?;
        let key = || ("DG_CACHE_ENCRYPTION_KEY", Some(PathBuf::from(KEY)));
        let cases: Vec<(&str, Variables, bool)> = vec![
            ("none (`env -i`)", vec![("HOME", None), ("TMPDIR", None)], true),
            ("none, a cache that is kept", vec![("HOME", None), key()], true),
            ("a file, a cache that is kept", vec![("HOME", Some(file.clone())), key()], true),
            ("one that is not there, a cache that is kept", vec![("HOME", Some(nowhere.clone())), key()], true),
            ("read-only, a cache that is kept", vec![("HOME", Some(closed.clone())), key()], true),
            ("read-only, a cache that is not kept", vec![("HOME", Some(closed.clone()))], true),
            ("cache directory read-only, kept", vec![("DG_CACHE_DIR", Some(closed.clone())), key()], false),
            ("cache directory read-only, not kept", vec![("DG_CACHE_DIR", Some(closed.clone()))], true),
            ("cache directory a file", vec![("DG_CACHE_DIR", Some(file.clone())), key()], false),
            ("temporary directory read-only", vec![("TMPDIR", Some(closed.clone()))], false),
            ("temporary directory not there", vec![("TMPDIR", Some(nowhere))], false),
            ("temporary directory a file", vec![("TMPDIR", Some(file))], false),
        ];
        if is_root {
            open(&user.folder)?;
            if let Some(store) = place.url.strip_prefix("file://") {
                open(Path::new(store))?;
            }
        }
        for (number, (name, variables, has_to)) in cases.into_iter().enumerate() {
            let tried = format!("{name}, {}", place.name);
            if is_root && Command::new("setpriv").arg("--version").output().is_err() {
                rows.push(Row::skipped(LIMIT, &tried, "root may write everywhere, and there is no `setpriv`"));
                continue;
            }
            rows.push(case(&user, &format!("{}/{number}/", place.url), &tried, &variables, (is_root, has_to))?);
        }
        Command::new("chmod").arg("0755").arg(&closed).status()?;
        fs::remove_dir_all(&user.folder)?;
    }
    Ok(rows)
}

/// Gives everything below to the other user, but for what is closed.
fn open(folder: &Path) -> Result<()> {
    Command::new("chown").args(["-R", &format!("{NOBODY}:{NOBODY}")]).arg(folder).status()?;
    Ok(())
}

fn case(user: &Client, url: &str, tried: &str, variables: &Variables, (is_root, has_to): (bool, bool)) -> Result<Row> {
    let (mut findings, mut said) = (Vec::new(), Vec::new());
    for (number, name) in ["one.zip", "two.zip"].into_iter().enumerate() {
        content::write(&user.path(name), 2 << 20, 1)?;
        content::edit(&user.path(name), number as u64)?;
        let mut done = true;
        for line in [["cp", name, url], ["cp", &format!("{url}{name}"), "now"]] {
            let run = run(user, &line, variables, is_root)?;
            let words = clear_error(&run, line[0], &mut findings);
            done &= run.is_done();
            if !run.is_done() {
                said.push(run.complaint());
            }
            if has_to && !run.is_done() {
                findings.push(words);
            }
        }
        let now = content::digest_of(&user.path("now"))?;
        if done && now != content::digest_of(&user.path(name))? {
            findings.push(format!("{name} came back as something else"));
        }
        let _ = fs::remove_file(user.path("now"));
    }
    said.dedup();
    let figures = if said.is_empty() { "done".to_owned() } else { format!("refused: {}", said.join("; ")) };
    let left: Vec<_> = fs::read_dir(user.path(""))?.flatten().map(|entry| entry.file_name()).collect();
    let known = ["not", "a-file", "closed", "one.zip", "two.zip"];
    let left: Vec<_> = left.into_iter().filter(|name| known.iter().all(|known| name != known)).collect();
    if !left.is_empty() || !user.left_behind().is_empty() {
        findings.push(format!("it leaves {left:?} {:?}", user.left_behind()));
    }
    Ok(Row::new(LIMIT, tried, figures, findings))
}

/// Runs as somebody who is bound by rights, with these variables.
fn run(user: &Client, arguments: &[&str], variables: &Variables, is_root: bool) -> Result<Run> {
    let command = user.command(arguments);
    let mut other = if is_root {
        let mut other = Command::new("setpriv");
        other.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]).arg(command.get_program());
        other
    } else {
        Command::new(command.get_program())
    };
    other.args(command.get_args()).env_clear().current_dir(user.path(""));
    other.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    for (name, value) in variables {
        match value {
            Some(value) => other.env(name, value),
            None => other.env_remove(name),
        };
    }
    user.run_command(&mut other, None, None)
}
