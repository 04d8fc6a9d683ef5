//! The project's binary as a user runs it, in an environment of its own, killed when it is time.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Between two looks at a process.
const PAUSE: Duration = Duration::from_millis(2);

/// A user: a home, temporary space, variables, and the program.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    program: PathBuf,
    /// What belongs to this user; `tmp` and `home` are in it.
    pub(crate) folder: PathBuf,
    variables: Vec<(String, String)>,
    /// After so long a process counts as one that hangs, and is killed.
    patience: Duration,
}

/// How to end a process before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kill {
    pub(crate) after: Duration,
    /// `KILL` or `TERM`.
    pub(crate) signal: &'static str,
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    /// Exit code; none where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) took: Duration,
    /// A signal was sent before it ended.
    pub(crate) killed: bool,
    /// It had to be ended since it did not do so by itself.
    pub(crate) hung: bool,
}

impl Run {
    /// All was done.
    pub(crate) fn is_done(&self) -> bool {
        self.code == Some(0)
    }

    /// It broke off in a way that no input may bring about.
    pub(crate) fn is_fault(&self) -> bool {
        let crashed = self.code.is_none() && !self.killed;
        self.hung || crashed || self.code == Some(101) || self.err.contains("panicked at")
    }

    /// The object is known to be absent.
    pub(crate) fn says_absent(&self) -> bool {
        !self.is_done() && ["(404)", "(NoSuchKey)"].iter().any(|code| self.err.contains(code)) && self.code != Some(4)
    }

    /// What it complains of, short enough to be counted: the store's code, or the first words.
    pub(crate) fn complaint(&self) -> String {
        let err = self.err.trim();
        if let Some((_, rest)) = err.split_once("An error occurred (")
            && let Some((code, rest)) = rest.split_once(')')
        {
            let operation = rest.trim_start().strip_prefix("when calling the ").and_then(|rest| rest.split(' ').next());
            return format!("{code} ({})", operation.unwrap_or("?"));
        }
        if err.contains(" is damaged") {
            return "damaged".to_owned();
        }
        // Lines of progress say nothing of it.
        let line = err.lines().find(|line| !line.starts_with('[')).unwrap_or("nothing is said");
        let words = line.split_whitespace().filter(|word| !word.contains(['/', '\\'])).take(12);
        words.collect::<Vec<_>>().join(" ").replace(|letter: char| letter.is_ascii_digit(), "#")
    }
}

impl Client {
    /// A user with nothing in the environment but these variables.
    pub(crate) fn new(program: &Path, folder: PathBuf, variables: &[(&str, String)]) -> Result<Self> {
        for name in ["home", "tmp", "w"] {
            fs::create_dir_all(folder.join(name)).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Ok(Self { program: program.to_owned(), folder, variables, patience: Duration::from_secs(180) })
    }

    /// The same with another limit of time for each run.
    pub(crate) fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The same with another program.
    pub(crate) fn with_program(mut self, program: &Path) -> Self {
        program.clone_into(&mut self.program);
        self
    }

    /// The same with a variable set.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// A path in its working directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join("w").join(name)
    }

    /// What lies in its temporary directory.
    pub(crate) fn left_behind(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.join("tmp")).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    /// The command, not started yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).env_clear().current_dir(self.folder.join("w"));
        command.env("HOME", self.folder.join("home")).env("TMPDIR", self.folder.join("tmp"));
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs to the end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Run> {
        self.run_with(arguments, None, None)
    }

    /// Runs with a file as input, and is killed when it is time.
    pub(crate) fn run_with(&self, arguments: &[&str], input: Option<&Path>, kill: Option<Kill>) -> Result<Run> {
        self.run_command(&mut self.command(arguments), input, kill)
    }

    /// Runs a command of [`Client::command`], or one around it.
    pub(crate) fn run_command(&self, command: &mut Command, input: Option<&Path>, kill: Option<Kill>) -> Result<Run> {
        let (out, err) = (self.folder.join("out"), self.folder.join("err"));
        command.stdout(File::create(&out)?).stderr(File::create(&err)?);
        command.stdin(match input {
            Some(path) => Stdio::from(File::open(path)?),
            None => Stdio::null(),
        });
        let began = Instant::now();
        let mut child = command.spawn().with_context(|| format!("cannot start {}", self.program.display()))?;
        let (mut killed, mut hung) = (false, false);
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if let Some(Kill { signal, .. }) = kill.filter(|kill| !killed && began.elapsed() >= kill.after) {
                killed = true;
                match signal {
                    "KILL" => child.kill()?,
                    other => drop(Command::new("kill").args([&format!("-{other}"), &child.id().to_string()]).status()?),
                }
            }
            if began.elapsed() > self.patience {
                hung = true;
                child.kill()?;
            }
            thread::sleep(PAUSE);
        };
        let took = began.elapsed();
        let read = |path: &Path| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        // A process that had ended well before its signal came counts as any other.
        let killed = killed && (status.signal().is_some() || status.code() != Some(0));
        Ok(Run { code: status.code(), out: read(&out)?, err: read(&err)?, took, killed, hung })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: i32, err: &str) -> Run {
        Run { code: Some(code), err: err.to_owned(), ..Run::default() }
    }

    #[test]
    fn complaints_can_be_counted() {
        let refused =
            "upload failed: a to s3://b/a An error occurred (SlowDown) when calling the PutObject operation: x";
        assert_eq!(said(1, refused).complaint(), "SlowDown (PutObject)");
        assert_eq!(said(1, "error: 17 files of /tmp/x are odd\nmore").complaint(), "error: ## files of are odd");
        assert_eq!(said(4, "[ 10s] 1/2\ndownload failed: a is damaged: b").complaint(), "damaged");
        assert_eq!(said(2, "[ 10s] 1/2\nskipped").complaint(), "skipped");
        assert!(said(1, "An error occurred (404) when calling the HeadObject operation: no").says_absent());
        assert!(!said(4, "An error occurred (404) when calling the GetObject operation: gone").says_absent());
        assert!(said(101, "").is_fault() && said(1, "thread 'x' panicked at y").is_fault() && !said(1, "").is_fault());
    }

    #[test]
    fn a_process_is_killed_when_it_is_time() {
        let folder = std::env::temp_dir().join(format!("xtask-client-{}", std::process::id()));
        let client = Client::new(Path::new("sleep"), folder.clone(), &[]).expect("folders can be made");
        for signal in ["KILL", "TERM"] {
            let kill = Kill { after: Duration::from_millis(20), signal };
            let run = client.run_with(&["60"], None, Some(kill)).expect("it runs");
            assert!(run.killed && !run.hung && run.code.is_none() && !run.is_fault(), "{run:?}");
        }
        let hung = client.clone().with_patience(Duration::from_millis(20)).run(&["60"]).expect("it runs");
        assert!(hung.hung && hung.is_fault());
        assert!(client.run(&["0"]).expect("it runs").is_done());
        fs::remove_dir_all(folder).expect("it can be removed");
    }
}
