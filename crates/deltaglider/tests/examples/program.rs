//! An example as a child process, and the world that it sees.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use deltaglider::Client;
use deltaglider::config::Credentials;
use deltaglider::core::store::BucketStore;
use deltaglider_testkit::S3Server;
use tempfile::TempDir;

pub const BUCKET: &str = "releases";

/// A server with an empty bucket, and directories.
pub struct World {
    pub server: S3Server,
    pub directory: TempDir,
}

impl World {
    pub async fn new() -> Self {
        let world = Self { server: S3Server::start().await.unwrap(), directory: tempfile::tempdir().unwrap() };
        world.server.store().create_bucket(BUCKET).await.unwrap();
        for name in ["cache", "tmp"] {
            fs::create_dir(world.directory.path().join(name)).unwrap();
        }
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A client of the test's own, over the same server.
    pub async fn client(&self) -> Client {
        let builder = Client::builder().endpoint_url(self.server.endpoint()).region("us-east-1");
        let credentials = Credentials::new(self.server.access_key(), self.server.secret_key(), None);
        builder.credentials(credentials).cache_directory(self.path("tmp")).build().await.unwrap()
    }

    /// Starts an example, with its cache in `cache`.
    pub fn start(&self, example: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Program {
        self.start_by(Command::new(binary(example)), arguments, variables)
    }

    /// Starts an example by a command that needs nothing but its arguments.
    pub fn start_by(&self, mut command: Command, arguments: &[&str], variables: &[(&str, &str)]) -> Program {
        let mut child = command
            .args(arguments)
            .env_clear()
            .env("AWS_ENDPOINT_URL_S3", self.server.endpoint())
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", self.server.access_key())
            .env("AWS_SECRET_ACCESS_KEY", self.server.secret_key())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("DG_CACHE_DIR", self.path("cache"))
            .env("TMPDIR", self.path("tmp"))
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Program { child, out }
    }

    /// How often a reference was fetched.
    pub fn reference_gets(&self) -> usize {
        let requests = self.server.log().requests();
        let gets = requests.iter().filter(|request| request.operation == "GetObject" && request.status == 200);
        gets.filter(|request| request.key.ends_with("reference.bin")).count()
    }

    /// Bytes on disk that caches take.
    pub fn cache_bytes(&self) -> u64 {
        bytes(&self.path("cache"))
    }

    /// Bytes on disk that the entries of caches take.
    pub fn cache_entries_bytes(&self) -> u64 {
        self.cached().iter().flat_map(|cache| ["v1/headers", "v1/bodies"].map(|name| bytes(&cache.join(name)))).sum()
    }

    /// What is left of caches.
    pub fn cached(&self) -> Vec<PathBuf> {
        fs::read_dir(self.path("cache")).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

/// A running example; killed where the test ends before it.
pub struct Program {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Program {
    /// The next line that it writes; panics with its errors where there is none.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        if self.out.read_line(&mut line).unwrap() == 0 {
            panic!("it ended: {}", self.errors());
        }
        line.trim_end().to_owned()
    }

    pub fn terminate(&self) {
        let status = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the end; gives the exit code, and what it wrote to either side.
    pub fn end(mut self) -> (Option<i32>, String, String) {
        let mut out = String::new();
        self.out.read_to_string(&mut out).unwrap();
        let errors = self.errors();
        (self.child.wait().unwrap().code(), out, errors)
    }

    /// Bytes of memory that it takes now (`VmRSS`), or took at most (`VmHWM`).
    pub fn memory(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    fn errors(&mut self) -> String {
        let mut errors = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        errors
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended, and been waited for.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Versions of an archive of so many bytes: noise, with a few bytes of their own.
pub fn archive(size: usize, version: u64) -> Vec<u8> {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    let mut bytes: Vec<u8> = words.take(size / 8).flatten().collect();
    bytes[size / 2..size / 2 + 8].copy_from_slice(&version.to_le_bytes());
    bytes
}

/// Cargo builds the examples with the tests, unless single tests are named: `cargo build -p deltaglider --examples` does then.
pub fn binary(example: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let binary = tests.ancestors().nth(2).unwrap().join("examples").join(example);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(example).with_extension("rs");
    let changed = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    assert!(
        changed(&binary) > changed(&source),
        "{} is not built; run `cargo build -p deltaglider --examples`",
        binary.display()
    );
    binary
}

fn bytes(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes(&entry.path()),
            Ok(metadata) => metadata.blocks() * 512,
            // Removed meanwhile.
            Err(_) => 0,
        })
        .sum()
}
