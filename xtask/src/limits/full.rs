//! A full disk, anywhere: a clear error or success, nothing torn, nothing left, and all is well when there is room again.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use super::bench::{Bench, Place, Row, clear_error, done};
use super::clock::KEY;
use super::content;
use crate::client::{Client, Run};

/// Bytes of the small disk.
const DISK: u64 = 16 << 20;
/// A file larger than that.
const LARGE: u64 = 40 << 20;
const LIMIT: &str = "full disk";

/// A disk of its own, in a mount namespace that ends with this value: nothing stays mounted.
struct Disk {
    holder: Child,
    path: PathBuf,
}

impl Disk {
    /// Mounts one at the path; a reason where that is not allowed.
    fn mount(path: PathBuf, size: u64) -> Result<Result<Self, String>> {
        fs::create_dir_all(&path)?;
        let script = r#"mount -t tmpfs -o "size=$1,mode=755" limits "$0" && echo mounted && exec cat"#;
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script]).arg(&path).arg(size.to_string());
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let Ok(mut holder) = spawned else { return Ok(Err("there is no `unshare`".to_owned())) };
        let mut line = String::new();
        BufReader::new(holder.stdout.take().context("it is piped")?).read_line(&mut line)?;
        if line.trim() != "mounted" {
            holder.wait()?;
            return Ok(Err("a small disk cannot be mounted (root is needed)".to_owned()));
        }
        Ok(Ok(Self { holder, path }))
    }

    /// Where the disk is seen from outside of its namespace.
    fn seen(&self) -> PathBuf {
        let inside = self.path.strip_prefix("/").unwrap_or(&self.path);
        PathBuf::from(format!("/proc/{}/root", self.holder.id())).join(inside)
    }

    /// Runs a command of the user where the disk is.
    fn run(&self, user: &Client, arguments: &[&str], input: Option<&std::path::Path>) -> Result<Run> {
        let command = user.command(arguments);
        let mut entered = Command::new("nsenter");
        entered.args([&format!("--mount=/proc/{}/ns/mnt", self.holder.id()), "sh", "-c", r#"cd "$0" && exec "$@""#]);
        entered.arg(user.path("")).arg(command.get_program()).args(command.get_args()).env_clear();
        entered.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        entered.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        user.run_command(&mut entered, input, None)
    }

    /// Takes all room but so many bytes.
    fn fill(&self, left: u64) -> Result<()> {
        let ballast = self.seen().join("ballast");
        let _ = fs::remove_file(&ballast);
        // Not `df`, which looks for the mount in its own namespace.
        let mut stat = Command::new("stat");
        let free = crate::programs::output(stat.args(["--file-system", "--format=%a %S"]).arg(self.seen()))?;
        let figures: Vec<u64> = free.split_whitespace().filter_map(|figure| figure.parse().ok()).collect();
        let [blocks, size] = figures[..] else { bail!("stat says {free:?}") };
        ensure!(blocks * size <= DISK, "the small disk is not there");
        Ok(fs::write(ballast, vec![1; (blocks * size).saturating_sub(left) as usize])?)
    }

    fn free(&self) -> Result<()> {
        Ok(fs::remove_file(self.seen().join("ballast"))?)
    }

    /// Names of all files, but for the ballast.
    fn files(&self) -> Result<Vec<String>> {
        let mut find = Command::new("find");
        let text = crate::programs::output(find.arg(self.seen()).args(["-type", "f", "-printf", "%P\n"]))?;
        Ok(text.lines().filter(|name| *name != "ballast").map(str::to_owned).collect())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

/// Fills one place after the other.
pub(super) fn play(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for place in bench.places("full")? {
        let user = bench.user(&format!("full-{}", place.name))?;
        for (name, play) in [("cache", cache as Play), ("scratch", scratch), ("target", target)] {
            let tried = format!("{name}, {}", place.name);
            rows.push(match Disk::mount(user.path("disk"), DISK)? {
                Ok(disk) => play(&user, &place, &disk, &tried)?,
                Err(reason) => Row::skipped(LIMIT, &tried, reason),
            });
        }
        fs::remove_dir_all(&user.folder)?;
    }
    let user = bench.user("full-store")?;
    rows.push(match Disk::mount(user.path("disk"), DISK)? {
        Ok(disk) => store(&user, &disk)?,
        Err(reason) => Row::skipped(LIMIT, "`file://` store", reason),
    });
    Ok(rows)
}

type Play = fn(&Client, &Place, &Disk, &str) -> Result<Row>;

/// The references' cache has no room: everything works all the same.
fn cache(user: &Client, place: &Place, disk: &Disk, tried: &str) -> Result<Row> {
    let url = format!("{}/cache/", place.url);
    let mut findings = Vec::new();
    let cached = user.clone().with("DG_CACHE_ENCRYPTION_KEY", KEY).with("DG_CACHE_MIN_FREE_MB", "0");
    let cached = cached.with("DG_CACHE_DIR", disk.path.join("cache").display().to_string());
    disk.run(&cached, &["cache", "status"], None)?;
    for left in [0, 1 << 20, 3 << 20] {
        disk.fill(left)?;
        round(disk, &cached, &url, 4 << 20, &mut findings)?;
    }
    disk.free()?;
    round(disk, &cached, &url, 4 << 20, &mut findings)?;
    let kept = disk.files()?.iter().any(|file| file.starts_with("cache/"));
    if !kept {
        findings.push("with room again, nothing is cached".to_owned());
    }
    Ok(Row::new(
        LIMIT,
        tried,
        "with 0, 1 and 3 MiB left, puts and gets of deltas are done; cached with room again",
        findings,
    ))
}

/// Puts an archive and the next version of it, and fetches both: all of it has to be done.
fn round(disk: &Disk, user: &Client, url: &str, size: u64, findings: &mut Vec<String>) -> Result<()> {
    for (number, name) in ["one.zip", "two.zip"].into_iter().enumerate() {
        content::write(&user.path(name), size, 1)?;
        content::edit(&user.path(name), number as u64)?;
        for line in [["cp", name, &format!("{url}{name}")], ["cp", &format!("{url}{name}"), "now"]] {
            let run = disk.run(user, &line, None)?;
            if !run.is_done() {
                findings.push(format!("{line:?}: {}", run.err));
            }
        }
        if content::digest_of(&user.path("now"))? != content::digest_of(&user.path(name))? {
            findings.push(format!("{name} came back as something else"));
        }
        let _ = fs::remove_file(user.path("now"));
    }
    Ok(())
}

/// Temporary space has no room for what waits.
fn scratch(user: &Client, place: &Place, disk: &Disk, tried: &str) -> Result<Row> {
    let url = format!("{}/scratch/", place.url);
    let (mut findings, mut said) = (Vec::new(), Vec::new());
    content::write(&user.path("one.zip"), LARGE, 1)?;
    content::write(&user.path("two.zip"), LARGE, 1)?;
    content::edit(&user.path("two.zip"), 2)?;
    done(&user.run(&["cp", "one.zip", &url])?, "put with room")?;
    let narrow = user.clone().with("TMPDIR", disk.path.display().to_string()).with("DG_MEMORY", "32MiB");
    let new = content::digest_of(&user.path("two.zip"))?;
    for left in [0, 1 << 20, 8 << 20] {
        disk.fill(left)?;
        let two = format!("{url}two.zip");
        let source = user.path("two.zip");
        for (what, line, input) in [
            ("put", vec!["cp", "two.zip", &two], None),
            ("put from a pipe", vec!["cp", "-", &two], Some(&*source)),
            ("get", vec!["cp", &two, "now"], None),
            ("ls", vec!["ls", &url], None),
        ] {
            let run = disk.run(&narrow, &line, input)?;
            let words = clear_error(&run, what, &mut findings);
            if !run.is_done() {
                said.push(format!("{what} refused"));
                let absent = what == "get" && run.says_absent();
                let told = absent || run.err.to_lowercase().contains("space left");
                if !told {
                    findings
                        .push(format!("{what} with {left} bytes left does not say that there is no space: {words}"));
                }
            }
            let now = content::digest_of(&user.path("now"))?;
            if what == "get" && run.is_done() && now != new {
                findings.push(format!("{what} with {left} bytes left came back as something else"));
            }
            let _ = fs::remove_file(user.path("now"));
        }
        // Whatever was refused, the object is there or not, and if it is, it is right.
        let got = user.run(&["cp", &two, "now"])?;
        if got.is_done() && content::digest_of(&user.path("now"))? != new || !got.is_done() && !got.says_absent() {
            findings.push(format!("with {left} bytes left: {two} is torn: {}", got.err));
        }
        let _ = fs::remove_file(user.path("now"));
        user.run(&["rm", &two])?;
    }
    disk.free()?;
    let left = disk.files()?;
    if !left.is_empty() {
        findings.push(format!("it leaves {left:?}"));
    }
    round(disk, &narrow, &url, 4 << 20, &mut findings)?;
    said.sort();
    said.dedup();
    let figures = if said.is_empty() { "all done".to_owned() } else { said.join(", ") };
    Ok(Row::new(LIMIT, tried, format!("0, 1 and 8 MiB left, `--memory` of 32 MiB, 40 MiB moved: {figures}"), findings))
}

/// What is fetched does not fit where it is to go.
fn target(user: &Client, place: &Place, disk: &Disk, tried: &str) -> Result<Row> {
    let url = format!("{}/target/", place.url);
    let mut findings = Vec::new();
    for (name, size) in [("small.txt", 1000), ("one.zip", 4 << 20), ("two.zip", 4 << 20), ("plain.bin", 4 << 20)] {
        content::write(&user.path(name), size, size)?;
        if name == "two.zip" {
            content::edit(&user.path(name), 3)?;
        }
        done(&user.run(&["cp", name, &url])?, "put")?;
    }
    fs::write(disk.seen().join("two.zip"), "what was there before")?;
    disk.fill(1 << 20)?;
    let mut words = String::new();
    for line in [
        vec!["cp", &format!("{url}two.zip"), "disk/two.zip"],
        vec!["cp", &format!("{url}plain.bin"), "disk/"],
        vec!["sync", &url, "disk"],
    ] {
        let run = disk.run(user, &line, None)?;
        words = short(&clear_error(&run, line[0], &mut findings));
        if run.is_done() || !run.err.to_lowercase().contains("no space left") {
            findings.push(format!("{line:?} says: exit code {:?}, {}", run.code, run.err));
        }
        let there = fs::read(disk.seen().join("two.zip"))?;
        if there != b"what was there before" {
            findings.push(format!("{line:?} changed what was there"));
        }
        let files = disk.files()?;
        if files.iter().any(|name| !["small.txt", "two.zip"].contains(&name.as_str())) {
            findings.push(format!("{line:?} leaves {files:?}"));
        }
    }
    disk.free()?;
    done(&disk.run(user, &["sync", &url, "disk"], None)?, "sync with room")?;
    for name in ["small.txt", "one.zip", "two.zip", "plain.bin"] {
        if content::digest_of(&disk.seen().join(name))? != content::digest_of(&user.path(name))? {
            findings.push(format!("with room again {name} is something else"));
        }
    }
    Ok(Row::new(LIMIT, tried, format!("refused (\"{words}\"), nothing changed, done with room again"), findings))
}

/// Without the paths.
fn short(words: &str) -> String {
    words.split_whitespace().filter(|word| !word.contains('/')).collect::<Vec<_>>().join(" ")
}

/// What frees room works where there is none: each object goes, and the reference of a space when it is asked for.
fn emptied(user: &Client, disk: &Disk, url: &str, findings: &mut Vec<String>) -> Result<()> {
    for name in ["0.zip", "1.zip", "2.zip", "3.zip", "plain.bin"] {
        disk.fill(0)?;
        let run = disk.run(user, &["rm", &format!("{url}/a/{name}")], None)?;
        if !run.is_done() {
            findings.push(format!("{name} cannot be deleted on a full disk: {}", run.err));
        }
        if name != "3.zip" {
            continue;
        }
        for (more, stays) in [(&[][..], true), (&["--exclusive"], false)] {
            let run = disk.run(user, &[&["purge", url, "--older-than", "0s"], more].concat(), None)?;
            if !run.is_done() || disk.files()?.iter().any(|file| file.ends_with("a/reference.bin.object")) != stays {
                findings.push(format!("the reference on a full disk, purge {more:?}: {} {}", run.out, run.err));
            }
        }
    }
    disk.fill(0)?;
    let run = disk.run(user, &["rm", "--recursive", url], None)?;
    if !run.is_done() {
        findings.push(format!("a full disk cannot be emptied: {}", run.err));
    }
    Ok(())
}

/// A local store has no room left: what was acknowledged stays, deleting works, and so does storing after that.
fn store(user: &Client, disk: &Disk) -> Result<Row> {
    let url = format!("file://{}", disk.path.join("store").display());
    let mut findings = Vec::new();
    done(&disk.run(user, &["mb", &url], None)?, "mb")?;
    let mut names = Vec::new();
    for number in 0..4 {
        let name = format!("{number}.zip");
        content::write(&user.path(&name), 3 << 20, 1)?;
        content::edit(&user.path(&name), number)?;
        done(&disk.run(user, &["cp", &name, &format!("{url}/a/")], None)?, "put with room")?;
        names.push(name);
    }
    content::write(&user.path("plain.bin"), 3 << 20, 9)?;
    done(&disk.run(user, &["cp", "plain.bin", &format!("{url}/a/")], None)?, "put with room")?;
    names.push("plain.bin".to_owned());
    content::write(&user.path("other.bin"), 5 << 20, 10)?;
    content::write(&user.path("first.zip"), 5 << 20, 11)?;
    let (mut refused, mut words) = (0, String::new());
    let check = |findings: &mut Vec<String>, when: &str| -> Result<()> {
        for name in &names {
            let got = disk.run(user, &["cp", &format!("{url}/a/{name}"), "now"], None)?;
            if content::digest_of(&user.path("now"))? != content::digest_of(&user.path(name))? {
                findings.push(format!("{when}: {name} does not come back: {}", got.err));
            }
            let _ = fs::remove_file(user.path("now"));
        }
        Ok(())
    };
    for left in [0, 1 << 20, 4 << 20] {
        disk.fill(left)?;
        for line in [
            vec!["cp", "other.bin", &format!("{url}/a/plain.bin")],
            vec!["cp", "other.bin", &format!("{url}/b/other.bin")],
            vec!["cp", "first.zip", &format!("{url}/c/first.zip")],
            vec!["cp", &format!("{url}/a/3.zip"), &format!("{url}/d/3.zip")],
        ] {
            let run = disk.run(user, &line, None)?;
            let said = clear_error(&run, &line.join(" "), &mut findings);
            if run.is_done() && left > 3 << 20 && line[2].ends_with("d/3.zip") {
                // That fits, and stays.
            } else if run.is_done() {
                findings.push(format!("{line:?} succeeds with {left} bytes left"));
            } else if !run.err.to_lowercase().contains("space left") {
                findings.push(format!("{line:?} with {left} bytes left does not say that there is no space: {said}"));
            } else {
                (refused, words) = (refused + 1, short(&said));
            }
        }
        check(&mut findings, &format!("with {left} bytes left"))?;
    }
    emptied(user, disk, &url, &mut findings)?;
    disk.free()?;
    let verified = disk.run(user, &["verify", &url, "--recursive"], None)?;
    if !verified.is_done() {
        findings.push(format!("not all verifies: {}{}", verified.out, verified.err));
    }
    round(disk, user, &format!("{url}/a/"), 3 << 20, &mut findings)?;
    let purge = disk.run(user, &["purge", &url, "--exclusive", "--older-than", "0s"], None)?;
    let left = disk.files()?.into_iter().filter(|name| name.contains("staging/")).collect::<Vec<_>>();
    if !purge.is_done() || !left.is_empty() {
        findings.push(format!("it leaves {left:?} {}", purge.err));
    }
    let figures = format!("{refused} puts and copies refused (\"{words}\"), all else there; all of it can be removed");
    Ok(Row::new(LIMIT, "`file://` store", figures, findings))
}
