//! One operation through the proxy, and what must hold afterwards.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::BUCKET;
use super::fault::{Dose, Fault};
use super::proxy::Proxy;
use crate::client::{Client, Run};
use crate::random::Random;
use crate::servers::Running;

/// What is done through the proxy.
pub(super) const OPERATIONS: [&str; 9] =
    ["put whole", "put delta", "put parts", "get whole", "get delta", "ls", "rm", "sync up", "sync down"];
/// Whatever takes longer counts as one that hangs.
const PATIENCE: Duration = Duration::from_secs(420);
/// Limits that a user sets who does not want to wait for long.
const LIMITS: [&str; 6] = ["--retries", "3", "--read-timeout", "3", "--connect-timeout", "3"];
/// A name, the number of its content before, and after where something changes.
type Change = (&'static str, Option<u64>, Option<u64>);

/// What came of a case.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// All was done, and rightly.
    pub(super) done: bool,
    /// What was said where it was not.
    pub(super) complaint: String,
    pub(super) took: Duration,
    /// Requests, and those that met the fault.
    pub(super) requests: (u64, u64),
    /// What must not be.
    pub(super) findings: Vec<String>,
}

/// A place for cases: a server, and a folder with contents.
pub(super) struct Bench<'a> {
    pub(super) server: &'a Running,
    pub(super) program: &'a Path,
    pub(super) folder: &'a Path,
}

impl Bench<'_> {
    /// A user whose requests go there.
    pub(super) fn user(&self, name: &str, endpoint: &str) -> Result<Client> {
        let variables = [
            ("AWS_ENDPOINT_URL", endpoint.to_owned()),
            ("AWS_ACCESS_KEY_ID", crate::servers::ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", crate::servers::SECRET_KEY.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
        ];
        Ok(Client::new(self.program, self.folder.join(name), &variables)?.with_patience(PATIENCE))
    }

    /// Stores what is there before, lets the operation meet the fault, and looks what came of it.
    pub(super) fn play(&self, number: usize, (fault, dose): (Fault, Dose), operation: &str) -> Result<Outcome> {
        let direct = self.user(&format!("case-{number}"), &self.server.endpoint())?;
        let url = format!("s3://{BUCKET}/{number}/");
        for (name, content) in [("one.zip", 0), ("two.zip", 1), ("plain.txt", 100)] {
            write(&direct.path("before").join(name), content)?;
        }
        // The reference first, whatever the order of a folder.
        for name in ["before/one.zip", "before/two.zip", "before/plain.txt"] {
            let stored = direct.run(&["cp", name, &url])?;
            ensure!(stored.is_done(), "cannot store what is there before: {}", stored.err);
        }
        let proxy = Proxy::with_fault(self.server.address(), fault, dose)?;
        let user = direct.clone().with("AWS_ENDPOINT_URL", proxy.endpoint());
        let (arguments, changes) = arguments(&user, operation, &url)?;
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(LIMITS).collect();
        let input = user.path("big.bin");
        let run = user.run_with(&arguments, (operation == "put parts").then_some(&*input), None)?;
        let requests = proxy.counts();
        drop(proxy);
        let findings = judge(&direct, operation, &url, &run, &changes)?;
        let findings = findings.into_iter().map(|finding| format!("{operation}: {finding}")).collect();
        fs::remove_dir_all(&direct.folder)?;
        Ok(Outcome { done: run.is_done(), complaint: run.complaint(), took: run.took, requests, findings })
    }
}

/// The command line, and what it changes.
fn arguments(user: &Client, operation: &str, url: &str) -> Result<(Vec<String>, Vec<Change>)> {
    let (line, changes): (String, Vec<Change>) = match operation {
        "put whole" => {
            write(&user.path("plain.txt"), 101)?;
            (format!("cp plain.txt {url}"), vec![("plain.txt", Some(100), Some(101))])
        }
        "put delta" => {
            write(&user.path("two.zip"), 2)?;
            (format!("cp two.zip {url}"), vec![("two.zip", Some(1), Some(2))])
        }
        "put parts" => {
            write(&user.path("big.bin"), 200)?;
            (format!("cp - {url}big.bin"), vec![("big.bin", None, Some(200))])
        }
        "get whole" => (format!("cp {url}plain.txt got"), vec![]),
        "get delta" => (format!("cp {url}two.zip got"), vec![]),
        "ls" => (format!("ls {url}"), vec![]),
        "rm" => (format!("rm {url}two.zip"), vec![("two.zip", Some(1), None)]),
        "sync up" => {
            write(&user.path("up/two.zip"), 3)?;
            write(&user.path("up/plain.txt"), 102)?;
            write(&user.path("up/new.zip"), 4)?;
            let changes =
                vec![("two.zip", Some(1), Some(3)), ("plain.txt", Some(100), Some(102)), ("new.zip", None, Some(4))];
            (format!("sync up {url}"), changes)
        }
        _ => (format!("sync {url} down"), vec![]),
    };
    Ok((line.split(' ').map(str::to_owned).collect(), changes))
}

/// What must not be, with the fault gone.
fn judge(direct: &Client, operation: &str, url: &str, run: &Run, changes: &[Change]) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    if run.is_fault() {
        findings.push(format!("it hung or panicked after {:?}: {}", run.took, run.err));
    }
    if !run.is_done() && run.err.trim().is_empty() {
        findings.push(format!("exit code {:?} without a word", run.code));
    }
    // What was fetched has its bytes, whether or not the run as a whole succeeded.
    let fetched: &[(&str, u64)] = match operation {
        "get whole" => &[("got", 100)],
        "get delta" => &[("got", 1)],
        "sync down" => &[("down/one.zip", 0), ("down/two.zip", 1), ("down/plain.txt", 100)],
        _ => &[],
    };
    for (name, number) in fetched {
        match fs::read(direct.path(name)) {
            Ok(bytes) if bytes == content(*number) => {}
            Ok(_) => findings.push(format!("{name} has other bytes")),
            Err(_) if run.is_done() => findings.push(format!("{name} is not there, and all is said to be done")),
            Err(_) => {}
        }
    }
    if operation == "ls" && run.is_done() {
        let names: Vec<&str> = run.out.lines().filter_map(|line| line.split_whitespace().last()).collect();
        if names != ["one.zip", "plain.txt", "two.zip"] {
            findings.push(format!("it lists {names:?}"));
        }
    }
    let stays =
        [("one.zip", 0), ("two.zip", 1), ("plain.txt", 100)].map(|(name, number)| (name, Some(number), Some(number)));
    let unchanged = stays.into_iter().filter(|(name, ..)| changes.iter().all(|(changed, ..)| changed != name));
    for (name, before, after) in unchanged.chain(changes.iter().copied()) {
        let _ = fs::remove_file(direct.path("now"));
        let got = direct.run(&["cp", &format!("{url}{name}"), "now"])?;
        let matches = |number: Option<u64>| match number {
            Some(number) => got.is_done() && fs::read(direct.path("now")).is_ok_and(|bytes| bytes == content(number)),
            None => got.says_absent(),
        };
        if !matches(after) && (run.is_done() || !matches(before)) {
            let acknowledged = if run.is_done() { "acknowledged" } else { "refused" };
            findings.push(format!("{name} is neither as before nor as it has to be ({acknowledged}): {}", got.err));
        }
    }
    let verified = direct.run(&["verify", url])?;
    if !verified.is_done() {
        findings.push(format!("what is there does not verify: {}{}", verified.out, verified.err));
    }
    Ok(findings)
}

fn write(path: &Path, number: u64) -> Result<()> {
    fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
    Ok(fs::write(path, content(number))?)
}

/// Contents by number: below 100 versions of one archive, from 100 on noise, from 200 on noise of several parts of an upload.
fn content(number: u64) -> Vec<u8> {
    let mut own = Random::new(number);
    match number {
        0..100 => {
            let mut content = Random::new(7).bytes(300_000);
            content[1000..1100].copy_from_slice(&own.bytes(100));
            content.extend(own.bytes(number as usize));
            content
        }
        100..200 => own.bytes(200_000 + number as usize),
        _ => own.bytes(68_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_have_sizes_of_their_own() {
        let mut sizes: Vec<usize> = [0, 1, 2, 3, 4, 100, 101, 102, 200].map(|number| content(number).len()).into();
        sizes.sort_unstable();
        sizes.dedup();
        assert_eq!(sizes.len(), 9);
    }
}
