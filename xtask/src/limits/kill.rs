//! `kill -9` in the middle of puts and gets: nothing acknowledged is lost, nothing torn has a final name, what is left is swept.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::bench::{Bench, Place, Row, done};
use super::content;
use crate::client::{Client, Kill, Run};
use crate::random::Random;

/// Rounds of puts and of gets at each store, all kinds together; with `--long`, of each kind.
const ROUNDS: u64 = 50;
/// Within so much of its usual time a process is killed: nearly all are in the middle of their work then.
const SHARE: u64 = 900;

/// What is put and fetched: a name, a size, and whether it comes as a stream.
struct Kind {
    name: &'static str,
    file: &'static str,
    size: u64,
    piped: bool,
}

const KINDS: [Kind; 3] = [
    Kind { name: "whole", file: "plain.bin", size: 6 << 20, piped: false },
    Kind { name: "delta", file: "two.zip", size: 6 << 20, piped: false },
    Kind { name: "in parts", file: "large.bin", size: 80 << 20, piped: true },
];

/// What came of many rounds.
#[derive(Default)]
struct Tally {
    killed: u64,
    acknowledged: u64,
    /// Of the killed: those whose effect was there all the same.
    effects: u64,
    partial: u64,
    findings: Vec<String>,
}

/// Kills at random.
pub(super) fn play(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for place in bench.places("kill")? {
        let user = bench.user(&format!("kill-{}", place.name))?;
        content::write(&user.path("one.zip"), KINDS[1].size, 1)?;
        done(&user.run(&["cp", "one.zip", &format!("{}/k/", place.url)])?, "the reference")?;
        for (number, kind) in KINDS.iter().enumerate() {
            let rounds = if bench.long { ROUNDS } else { (ROUNDS + number as u64) / KINDS.len() as u64 };
            rows.push(puts(&user, &place, kind, rounds)?);
            rows.push(gets(&user, &place, kind, rounds)?);
        }
        rows.push(sweep(&user, &place)?);
        fs::remove_dir_all(&user.folder)?;
    }
    Ok(rows)
}

fn puts(user: &Client, place: &Place, kind: &Kind, rounds: u64) -> Result<Row> {
    let (url, source) = (format!("{}/k/{}", place.url, kind.file), user.path(kind.file));
    let put = |kill| {
        let line = ["cp", if kind.piped { "-" } else { kind.file }, &url];
        user.run_with(&line, kind.piped.then_some(&*source), kill)
    };
    let mut random = Random::new(kind.size ^ place.url.len() as u64);
    let usual = usual(|number| {
        make(&source, kind, number)?;
        put(None)
    })?;
    let mut tally = Tally::default();
    // What may stand there: what was seen last, and what the last killed one had sent, which may come late.
    let mut allowed = vec![content::digest_of(&source)?];
    for round in 0..rounds {
        make(&source, kind, 100 + round)?;
        let new = content::digest_of(&source)?;
        let run = put(Some(kill(usual, &mut random)))?;
        tally.ran(&run);
        let _ = fs::remove_file(user.path("now"));
        let got = user.run(&["cp", &url, "now"])?;
        let now = content::digest_of(&user.path("now"))?;
        if !got.is_done() || !(now == new || allowed.contains(&now) && !run.is_done()) {
            let how = if run.is_done() { "acknowledged" } else { "killed" };
            tally.findings.push(format!("after a put that was {how}, {url} is something else: {}", got.err));
        }
        if run.killed && now == new {
            tally.effects += 1;
        }
        allowed = if run.is_done() { vec![new] } else { vec![now, new] };
    }
    Ok(tally.row(&format!("put {}", kind.name), place, rounds, usual))
}

fn gets(user: &Client, place: &Place, kind: &Kind, rounds: u64) -> Result<Row> {
    let url = format!("{}/k/{}", place.url, kind.file);
    let mut random = Random::new(kind.size ^ place.url.len() as u64 ^ 1);
    let desk = user.path("desk");
    fs::create_dir_all(&desk)?;
    let get = |kill| user.run_with(&["cp", &url, "desk/got"], None, kill);
    let usual = usual(|_| get(None))?;
    let whole = content::digest_of(&desk.join("got"))?;
    let mut tally = Tally::default();
    for round in 0..rounds {
        // Every other round something else has that name already.
        let before = if round % 2 == 0 {
            let _ = fs::remove_file(desk.join("got"));
            None
        } else {
            fs::write(desk.join("got"), b"what was there before")?;
            content::digest_of(&desk.join("got"))?
        };
        let run = get(Some(kill(usual, &mut random)))?;
        tally.ran(&run);
        let now = content::digest_of(&desk.join("got"))?;
        if now != whole && (now != before || run.is_done()) {
            tally.findings.push(format!("a get that ended with {:?} left something else under its name", run.code));
        }
        for entry in fs::read_dir(&desk)?.flatten().filter(|entry| entry.file_name() != "got") {
            tally.partial += 1;
            fs::remove_file(entry.path())?;
        }
    }
    fs::remove_dir_all(&desk)?;
    Ok(tally.row(&format!("get {}", kind.name), place, rounds, usual))
}

/// All is read and verified, and what the killed left goes by what sweeps it: temporary files by the next run, the rest by `purge`.
fn sweep(user: &Client, place: &Place) -> Result<Row> {
    let mut findings = Vec::new();
    let left = user.left_behind().len();
    let verified = user.run(&["verify", &place.url, "--recursive"])?;
    if !verified.is_done() {
        findings.push(format!("not all verifies: {}{}", verified.out, verified.err));
    }
    let still = user.left_behind();
    if !still.is_empty() {
        findings.push(format!("temporary files that no later run sweeps: {still:?}"));
    }
    let staged = |place: &Place| {
        let staging = place.url.strip_prefix("file://").map(|path| format!("{path}/.deltaglider-store/staging"));
        staging.map_or(0, |path| fs::read_dir(path).into_iter().flatten().count())
    };
    let before = staged(place);
    let purge = ["purge", &place.url, "--exclusive", "--older-than", "0s", "--json"];
    let purged = user.run(&purge)?;
    let removed = purged.out.matches(r#""status":"removed""#).count();
    // A local store sweeps what was staged with the next put.
    content::write(&user.path("next.txt"), 10, 1)?;
    done(&user.run(&["cp", "next.txt", &format!("{}/k/", place.url)])?, "the next put")?;
    let again = user.run(&[&purge[..], &["--dryrun"]].concat())?;
    if !purged.is_done() || again.out.contains(r#""status":"dryrun""#) || staged(place) > 0 {
        findings.push(format!("{} staged, garbage stays: {}{}{}", staged(place), purged.out, purged.err, again.out));
    }
    let mut figures = format!("{left} temporary directories, {removed} swept by `purge`");
    if place.name == "file" {
        figures.push_str(&format!(", {before} staged files swept by the next put"));
    }
    Ok(Row::new("kill -9", format!("what is left, {}", place.name), figures, findings))
}

/// How long it takes when nobody kills it: the shortest of three.
fn usual(mut run: impl FnMut(u64) -> Result<Run>) -> Result<Duration> {
    let mut shortest = Duration::MAX;
    for number in 0..3 {
        let run = run(number)?;
        done(&run, "nobody kills it")?;
        shortest = shortest.min(run.took);
    }
    Ok(shortest)
}

fn kill(usual: Duration, random: &mut Random) -> Kill {
    Kill { after: usual.mul_f64(random.below(SHARE) as f64 / 1000.0), signal: "KILL" }
}

/// A content of this number. Deltas are versions of the reference.
fn make(path: &Path, kind: &Kind, number: u64) -> Result<()> {
    let seed = if kind.name == "delta" { 1 } else { kind.size + number };
    if kind.name == "delta" || !path.exists() {
        content::write(path, kind.size, seed)?;
    }
    content::edit(path, 1000 + number)?;
    // Each of another size as well.
    Ok(File::options().write(true).open(path)?.set_len(kind.size + number)?)
}

impl Tally {
    fn ran(&mut self, run: &Run) {
        self.killed += u64::from(run.killed);
        self.acknowledged += u64::from(run.is_done());
        if run.is_fault() || (!run.killed && !run.is_done()) {
            self.findings.push(format!("exit code {:?}: {}", run.code, run.err));
        }
    }

    fn row(self, what: &str, place: &Place, rounds: u64, usual: Duration) -> Row {
        let mut figures =
            format!("{rounds} rounds, {} killed in mid-work (it takes {:.2} s)", self.killed, usual.as_secs_f64());
        if what.starts_with("put") {
            figures.push_str(&format!(", {} of them with effect", self.effects));
        } else {
            figures.push_str(&format!(", {} partial files left", self.partial));
        }
        let mut findings = self.findings;
        // There a file has no name before it is whole.
        if cfg!(target_os = "linux") && self.partial > 0 {
            findings.push(format!("{} partial files are left", self.partial));
        }
        // What takes a tenth of a second is often done before its time: fewer than half would show nothing.
        if self.killed * 2 < rounds {
            findings.push(format!("only {} of {rounds} were killed", self.killed));
        }
        if self.killed + self.acknowledged < rounds {
            findings.push("some were neither killed nor done".to_owned());
        }
        Row::new("kill -9", format!("{what}, {}", place.name), figures, findings)
    }
}
