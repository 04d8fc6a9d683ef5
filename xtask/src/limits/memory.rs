//! Peak memory under `--memory`: put, get and range of objects of any size, whole and as deltas, by file and by pipe.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use wait4::Wait4 as _;

use super::bench::{Bench, Place, Row, bytes, done};
use super::content;
use crate::client::{Client, Run};
use crate::programs::{built, cargo, output};

/// What the program is allowed for contents and codecs.
const MEMORY: u64 = 256 << 20;
/// What it may take beside that: its code, connections, buffers of the HTTP client, and what the allocator holds back.
const BASE: u64 = 64 << 20;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// Whole objects: at S3 all of them, of which the last one is more than one request may carry; in a directory the small ones, but in
/// a long run.
const SIZES: [u64; 5] = [1, MIB, 64 * MIB, GIB, 6 * GIB];
const LARGE: u64 = 20_000_000_000;
/// Free disk that is left alone.
const LEFT: u64 = 4 * GIB;

/// What a process took, and what came out of it.
struct Cost {
    run: Run,
    peak: u64,
    /// Digest of its standard output, where that is a pipe.
    piped: Option<[u8; 32]>,
}

/// What all of an object and half of it come to.
struct Expected {
    all: Option<[u8; 32]>,
    half: [u8; 32],
}

/// A user of the program, and of the one that fetches ranges: the command line has none.
struct User {
    whole: Client,
    part: Client,
}

impl User {
    fn path(&self, name: &str) -> PathBuf {
        self.whole.path(name)
    }

    /// The program, held to its memory.
    fn command(&self, arguments: &[&str]) -> Command {
        self.whole.command(&[arguments, &["--memory", &MEMORY.to_string(), "--progress", "none"]].concat())
    }
}

/// Measures at every store.
pub(super) fn play(bench: &Bench) -> Result<Vec<Row>> {
    let example = ["build", "--locked", "--workspace", "--example", "byte_range"];
    let example = built(cargo(&bench.root).args(example))?;
    let mut rows = Vec::new();
    for place in bench.places("memory")? {
        let user = bench.user(&format!("memory-{}", place.name))?;
        let part = user.clone().with_program(&example).with("DG_MEMORY", MEMORY.to_string());
        let user = User { whole: user, part };
        let mut sizes: Vec<u64> = SIZES.into();
        if bench.long {
            sizes.push(LARGE);
        } else {
            sizes.retain(|size| place.name == "S3" || *size <= 64 * MIB);
        }
        for size in sizes {
            // The file once, the stored one, and what comes back; what is noise in them is little, but a store fills holes.
            let (needed, free) = (2 * size + LEFT, free(&user.whole.folder)?);
            if needed > free {
                let reason = format!("needs {} of free disk, and there are {}", bytes(needed), bytes(free));
                rows.push(Row::skipped("memory", &format!("{}, whole, {}", bytes(size), place.name), reason));
                continue;
            }
            rows.push(whole(&user, &place, size, false)?);
            if size >= MIB && size <= if bench.long { GIB } else { 64 * MIB } {
                rows.push(whole(&user, &place, size, true)?);
            }
        }
        let archives: &[u64] = if bench.long { &[MIB, 64 * MIB, GIB] } else { &[MIB, 64 * MIB] };
        for size in archives.iter().copied() {
            rows.push(delta(&user, &place, size)?);
        }
        fs::remove_dir_all(&user.whole.folder)?;
    }
    Ok(rows)
}

/// What can be no delta: put, got into a file and into a pipe.
fn whole(user: &User, place: &Place, size: u64, streamed: bool) -> Result<Row> {
    let (source, url) = (user.path("whole.bin"), format!("{}/whole.bin", place.url));
    content::write(&source, size, size)?;
    let expected = expected(&source)?;
    let put = if streamed {
        measured(&user.whole, user.command(&["cp", "-", &url]), Some(&source), false)?
    } else {
        measured(&user.whole, user.command(&["cp", "whole.bin", &url]), None, false)?
    };
    done(&put.run, "put")?;
    fs::remove_file(&source)?;
    let row = fetched(user, (place, "whole.bin", size), &expected, (put, String::new()), streamed)?;
    done(&user.whole.run(&["rm", &url])?, "rm")?;
    free_space(place, &user.whole)?;
    let how = if streamed { "whole, from a pipe" } else { "whole" };
    Ok(row(format!("{}, {how}, {}", bytes(size), place.name)))
}

/// An archive's name, against a reference that is nearly the same.
fn delta(user: &User, place: &Place, size: u64) -> Result<Row> {
    let (source, key) = (user.path("delta.tar"), format!("{size}/delta.tar"));
    let (first, url) = (format!("{}/{size}/first.tar", place.url), format!("{}/{key}", place.url));
    content::write(&source, size, 1)?;
    let reference = measured(&user.whole, user.command(&["cp", "delta.tar", &first]), None, false)?;
    done(&reference.run, "put of the reference")?;
    content::edit(&source, 2)?;
    let expected = expected(&source)?;
    let put = measured(&user.whole, user.command(&["cp", "delta.tar", &url, "--json"]), None, false)?;
    done(&put.run, "put")?;
    fs::remove_file(&source)?;
    let line: serde_json::Value = serde_json::from_str(put.run.out.lines().next().unwrap_or_default())?;
    let form = line["kind"].as_str().unwrap_or("?").to_owned();
    let stored = line["stored"].as_u64().map_or("?".to_owned(), bytes);
    let form = format!(", stored as {form} of {stored}; the first {}", cost(&reference));
    let row = fetched(user, (place, &key, size), &expected, (put, form), false)?;
    done(&user.whole.run(&["rm", "--recursive", &format!("{}/{size}/", place.url)])?, "rm")?;
    free_space(place, &user.whole)?;
    Ok(row(format!("{}, as an archive beside one nearly the same, {}", bytes(size), place.name)))
}

/// Fetches what was put: into a file, into a pipe, and half of it; and makes a row of all.
fn fetched(
    user: &User,
    (place, key, size): (&Place, &str, u64),
    expected: &Expected,
    (put, form): (Cost, String),
    piped_only: bool,
) -> Result<impl FnOnce(String) -> Row + use<>> {
    let url = format!("{}/{key}", place.url);
    let mut findings = Vec::new();
    let mut figures = format!("put {}{form}", cost(&put));
    let mut costs = vec![put];
    if !piped_only {
        let got = measured(&user.whole, user.command(&["cp", &url, "got"]), None, false)?;
        if content::digest_of(&user.path("got"))? != expected.all {
            findings.push(format!("other bytes came back: {}", got.run.err));
        }
        let _ = fs::remove_file(user.path("got"));
        figures.push_str(&format!("; got {}", cost(&got)));
        costs.push(got);
    }
    let piped = measured(&user.whole, user.command(&["cp", &url, "-"]), None, true)?;
    if piped.piped != expected.all {
        findings.push(format!("other bytes came through the pipe: {}", piped.run.err));
    }
    figures.push_str(&format!("; to a pipe {}", cost(&piped)));
    costs.push(piped);
    if !piped_only {
        let Range { start, end } = half(size);
        let bucket = place.url.strip_prefix("s3://").unwrap_or(&place.url);
        let command = user.part.command(&[bucket, key, &format!("bytes={start}-{}", end - 1)]);
        let ranged = measured(&user.part, command, None, true)?;
        if ranged.piped != Some(expected.half) {
            findings.push(format!("other bytes came of the range: {}", ranged.run.err));
        }
        figures.push_str(&format!("; half of it {}", cost(&ranged)));
        costs.push(ranged);
    }
    for cost in &costs {
        if !cost.run.is_done() {
            findings.push(format!("exit code {:?}: {}", cost.run.code, cost.run.err));
        }
        if cost.peak > MEMORY + BASE {
            findings.push(format!("{} are more than {} and {}", bytes(cost.peak), bytes(MEMORY), bytes(BASE)));
        }
    }
    Ok(move |tried| Row::new("memory", tried, figures, findings))
}

/// The half in the middle of so many bytes; of one byte, that.
fn half(size: u64) -> Range<u64> {
    size / 4..(size / 4 * 3).max(size / 4 + 1)
}

/// What shall come back of a file.
fn expected(source: &Path) -> Result<Expected> {
    let mut file = File::open(source)?;
    let Range { start, end } = half(file.metadata()?.len());
    file.seek(io::SeekFrom::Start(start))?;
    Ok(Expected { all: content::digest_of(source)?, half: content::digest(file.take(end - start))?.0 })
}

fn cost(cost: &Cost) -> String {
    format!("{} in {:.1} s", bytes(cost.peak), cost.run.took.as_secs_f64())
}

/// Runs to the end, with a pipe for input where there is one, and counts what it took at most.
fn measured(user: &Client, mut command: Command, input: Option<&Path>, piped: bool) -> Result<Cost> {
    let (out, err) = (user.folder.join("out"), user.folder.join("err"));
    command.stderr(File::create(&err)?).stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    command.stdout(if piped { Stdio::piped() } else { Stdio::from(File::create(&out)?) });
    let began = Instant::now();
    let mut child = command.spawn().context("cannot start the program")?;
    let (to, from) = (child.stdin.take(), child.stdout.take());
    let digest = thread::scope(|scope| -> Result<Option<[u8; 32]>> {
        let writer = scope.spawn(move || -> Result<()> {
            if let (Some(path), Some(mut to)) = (input, to) {
                io::copy(&mut File::open(path)?, &mut to)?;
                to.flush()?;
            }
            Ok(())
        });
        let digest = from.map(|from| content::digest(from).map(|(digest, _)| digest)).transpose()?;
        // A program that gives up early closes its end; its exit code tells.
        drop(writer.join());
        Ok(digest)
    })?;
    let used = child.wait4()?;
    let read = |path: &Path| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let run = Run {
        code: used.status.code(),
        out: if piped { String::new() } else { read(&out)? },
        err: read(&err)?,
        took: began.elapsed(),
        ..Run::default()
    };
    Ok(Cost { run, peak: used.rusage.maxrss, piped: digest })
}

/// Bytes that can be written below a folder.
fn free(folder: &Path) -> Result<u64> {
    let mut df = Command::new("df");
    let text = output(df.args(["--output=avail", "-B1"]).arg(folder))?;
    text.lines().last().and_then(|line| line.trim().parse().ok()).context("df says nothing")
}

/// SeaweedFS frees the space of what was deleted a while later; that is waited for no longer than it matters.
fn free_space(place: &Place, user: &Client) -> Result<()> {
    let began = Instant::now();
    while place.name == "S3" && free(&user.folder)? < LEFT && began.elapsed() < Duration::from_secs(120) {
        thread::sleep(Duration::from_secs(1));
    }
    Ok(())
}
