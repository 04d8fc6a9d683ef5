//! A world of its own for each test: home, working directory, temporary directory, and a store beside them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// Directories of a test, removed with it.
pub struct Bench {
    root: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

/// What a run wrote, and how it ended.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub bytes: Vec<u8>,
    pub out: String,
    pub err: String,
}

impl Run {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            bytes: output.stdout,
        }
    }

    /// The lines of standard output.
    pub fn lines(&self) -> Vec<String> {
        self.out.lines().map(str::to_owned).collect()
    }
}

impl Bench {
    /// A world without a store.
    pub fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for name in ["w", "home", "tmp"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        Self { root, variables: Vec::new() }
    }

    /// A world with a store at `STORE`.
    pub fn with_store() -> Self {
        let bench = Self::new();
        let made = bench.run(&["mb", "STORE"]);
        assert_eq!(made.code, 0, "{made:?}");
        bench
    }

    /// The same with a variable set.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The store's URL.
    pub fn store(&self) -> String {
        format!("file://{}", self.outside("store").display())
    }

    /// A path beside the working directory.
    pub fn outside(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(name)
    }

    /// A path in the working directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.outside("w").join(name)
    }

    /// Writes a file of the working directory.
    pub fn write(&self, name: &str, content: &[u8]) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), content).unwrap();
    }

    /// Reads a file of the working directory.
    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Names in a directory of the working directory, sorted.
    pub fn names(&self, directory: &str) -> Vec<String> {
        names(&self.path(directory))
    }

    /// What is left in the temporary directory.
    pub fn left_behind(&self) -> Vec<String> {
        names(&self.outside("tmp"))
    }

    /// Runs the binary; `STORE` stands for the store's URL.
    pub fn run(&self, arguments: &[&str]) -> Run {
        self.run_with_input(arguments, b"")
    }

    /// Runs the binary with something to read.
    pub fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Run {
        let mut child = self.start(arguments);
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // The child may end without reading it.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Run::of(output)
    }

    /// Starts the binary.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().unwrap()
    }

    /// The binary, with pipes at all ends.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let store = self.store();
        let mut command = Command::new(env!("CARGO_BIN_EXE_deltaglider"));
        command
            .args(arguments.iter().map(|argument| argument.replace("STORE", &store)))
            .current_dir(self.outside("w"))
            .env_clear()
            .env("HOME", self.outside("home"))
            .env("TMPDIR", self.outside("tmp"))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("TZ", "UTC")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Every file of this world.
    pub fn all_files(&self) -> Vec<PathBuf> {
        files(self.root.path())
    }

    /// Changes a byte in the middle of every large file of the store: the references.
    pub fn damage_references(&self) {
        let mut damaged = 0;
        for path in files(&self.outside("store")) {
            let mut content = fs::read(&path).unwrap();
            if content.len() > archive(1).len() / 2 {
                let middle = content.len() / 2;
                content[middle] ^= 0xff;
                fs::write(&path, content).unwrap();
                damaged += 1;
            }
        }
        assert!(damaged > 0);
    }
}

/// A version of an archive: noise, with a few bytes of its own.
pub fn archive(version: u64) -> Vec<u8> {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut content: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .take(16 << 10)
    .flatten()
    .collect();
    let at = 1000 * version as usize;
    content[at..at + 8].copy_from_slice(&version.to_le_bytes());
    content
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}
