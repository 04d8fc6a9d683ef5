//! No plaintext of a reference is ever written anywhere but to the store and to the user's own destination.
//!
//! The content is a canary: bytes that stand nowhere else. Runs are traced, so that what was removed again, or never had a name,
//! is seen too; and what lies on disk is looked through while runs are under way, after they were killed, and after a rewrap.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stderr, reason = "a test that cannot be made has to say so")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use deltaglider::Config;

use crate::bench::Bench;

const OLD_KEY: &str = "m7Jx4Kq0Yd1n8Zb3Vw6Rt5Ua2Pc9Le0Hf7Gi4Sj1Xo8=";
const NEW_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// Every window of 64 bytes in a file holds a whole piece of these, wherever it begins.
const PIECE: usize = 32;
/// Bits of the index of a canary, as a power of two: few enough of them are set.
const INDEX_LOG2: u32 = 30;

/// Bytes that stand nowhere else.
struct Canary {
    bytes: Vec<u8>,
    /// A bit for each eight bytes of it, at any offset.
    index: Vec<u64>,
}

impl Canary {
    fn new(size: usize) -> Self {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut bytes = Vec::with_capacity(size);
        while bytes.len() < size {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend_from_slice(&state.to_le_bytes());
        }
        let mut index = vec![0; 1 << (INDEX_LOG2 - 6)];
        let mut word = 0;
        for &byte in &bytes {
            word = word >> 8 | u64::from(byte) << 56;
            let (at, bit) = place(word);
            index[at] |= bit;
        }
        Self { bytes, index }
    }

    /// A later version: the same but for a few bytes.
    fn version(&self, version: u8) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes[1000..1008].fill(version);
        bytes
    }

    /// Where the canary is in some bytes.
    fn find(&self, bytes: &[u8]) -> Option<usize> {
        let is_known = |word: &[u8]| {
            let (at, bit) = place(u64::from_le_bytes(word.try_into().unwrap()));
            self.index[at] & bit != 0
        };
        // That all of these are set by chance does not happen: each is, once in 32 times.
        let is_ours = |piece: &[u8]| piece.windows(8).all(is_known);
        bytes.chunks_exact(PIECE).position(is_ours).map(|piece| piece * PIECE)
    }

    fn expect_none(&self, bytes: &[u8], what: &str) {
        assert_eq!(self.find(bytes), None, "plaintext in {what}");
    }
}

/// Where the bit of eight bytes is; random ones need no better hash than themselves.
fn place(word: u64) -> (usize, u64) {
    let bit = word >> (64 - INDEX_LOG2);
    ((bit >> 6) as usize, 1 << (bit & 63))
}

/// A world with a store, a persistent key and little memory, so that scratch goes to disk.
fn world() -> Bench {
    let bench = Bench::with_store().with("DG_CACHE_ENCRYPTION_KEY", OLD_KEY).with("DG_MEMORY", "300MiB");
    let cache = bench.outside("cache");
    bench.with("DG_CACHE_DIR", &cache.display().to_string())
}

/// Everything but the store and the user's own files.
fn is_elsewhere(bench: &Bench, path: &Path) -> bool {
    !path.starts_with(bench.outside("store")) && !path.starts_with(bench.outside("w"))
}

/// Looks through every file of this world that may not hold plaintext; says how many bytes there were.
fn look_through(bench: &Bench, canary: &Canary, when: &str) -> usize {
    let files = bench.all_files().into_iter().filter(|path| is_elsewhere(bench, path));
    let looked = files.map(|path| {
        let bytes = fs::read(&path).unwrap();
        canary.expect_none(&bytes, &format!("{} {when}", path.display()));
        bytes.len()
    });
    looked.sum()
}

/// The same for files that a run has open, those without a name among them.
fn look_through_open(bench: &Bench, canary: &Canary, pid: u32) -> usize {
    let mut looked = 0;
    for descriptor in fs::read_dir(format!("/proc/{pid}/fd")).unwrap() {
        let descriptor = descriptor.unwrap().path();
        let is_file = fs::metadata(&descriptor).is_ok_and(|metadata| metadata.is_file());
        let target = fs::read_link(&descriptor).unwrap_or_default();
        if is_file && is_elsewhere(bench, &target) {
            let bytes = fs::read(&descriptor).unwrap();
            canary.expect_none(&bytes, &format!("{} while it runs", target.display()));
            looked += bytes.len();
        }
    }
    looked
}

#[test]
fn no_file_holds_plaintext_while_runs_are_under_way_or_after_they_were_killed() {
    let bench = world();
    let canary = Canary::new(32 << 20);
    let size = canary.bytes.len();
    for version in 0..3 {
        bench.write(&format!("{version}.zip"), &canary.version(version));
    }
    // That it is found where it has to be shows that it would be found elsewhere.
    assert_eq!(bench.run(&["cp", "0.zip", "STORE/rel/"]).code, 0);
    let stored = bench.all_files().into_iter().filter(|path| path.starts_with(bench.outside("store")));
    assert!(stored.into_iter().any(|path| canary.find(&fs::read(path).unwrap()).is_some()), "the reference is whole");
    assert!(canary.find(&bench.read("2.zip")).is_some());
    assert_eq!(bench.run(&["cp", "1.zip", "STORE/rel/"]).code, 0);
    assert!(look_through(&bench, &canary, "after puts") > size, "the reference is cached");

    // A put whose input has not ended: what came lies in scratch.
    let mut put = bench.start(&["cp", "-", "STORE/rel/2.zip"]);
    let mut input = put.stdin.take().unwrap();
    input.write_all(&canary.version(2)).unwrap();
    assert!(look_through_open(&bench, &canary, put.id()) > size / 2, "scratch is on disk");
    put.kill().unwrap();
    put.wait().unwrap();
    drop(input);
    look_through(&bench, &canary, "after a put was killed");

    // A get whose output nobody takes: its reference is at hand, its content waits.
    let mut get = bench.start(&["cp", "STORE/rel/1.zip", "-"]);
    let mut out = BufReader::with_capacity(16, get.stdout.take().unwrap());
    assert!(!out.fill_buf().unwrap().is_empty());
    look_through_open(&bench, &canary, get.id());
    get.kill().unwrap();
    get.wait().unwrap();
    look_through(&bench, &canary, "after a get was killed");

    rewrap(&bench);
    assert!(look_through(&bench, &canary, "after a rewrap") > size);
    let rotated = bench.with("DG_CACHE_ENCRYPTION_KEY", NEW_KEY);
    assert_eq!(rotated.run(&["cp", "STORE/rel/1.zip", "got.zip"]).code, 0);
    assert_eq!(rotated.read("got.zip"), canary.version(1));
    look_through(&rotated, &canary, "after a get under the new key");
}

/// Puts the cache under another key, as an application does.
fn rewrap(bench: &Bench) {
    let cache = bench.outside("cache");
    let config = Config::from_variables(|name| match name {
        "DG_CACHE_ENCRYPTION_KEY" => Some(NEW_KEY.into()),
        "DG_CACHE_ENCRYPTION_KEYS_OLD" => Some(OLD_KEY.into()),
        "DG_CACHE_DIR" => Some(cache.clone().into()),
        _ => None,
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = deltaglider::Client::from_config(config.unwrap()).await.unwrap();
        let done = client.rewrap_cache().await.unwrap();
        assert_eq!((done.rewrapped, done.failed), (1, 0));
    });
}

/// A call that was traced: its name, the file that it is about, and what stands behind it.
struct Traced<'a> {
    call: &'a str,
    path: Option<PathBuf>,
    arguments: &'a str,
}

/// Reads a line of `strace -f -y -x`: `12 write(3</a/path>, "\x00\x01", 2) = 2`.
fn traced(line: &str) -> Option<Traced<'_>> {
    let (call, arguments) = line.split_once('(')?;
    let call = call.rsplit(' ').next()?;
    let path = arguments.split_once("</").and_then(|(_, path)| path.split_once('>'));
    Some(Traced { call, path: path.map(|(path, _)| Path::new("/").join(path)), arguments })
}

impl Traced<'_> {
    /// The bytes that the call was given.
    fn bytes(&self) -> Vec<u8> {
        self.arguments.split('"').skip(1).step_by(2).flat_map(decoded).collect()
    }

    /// The beginning of the line, to be shown.
    fn head(&self) -> String {
        format!("{}({}", self.call, self.arguments.chars().take(200).collect::<String>())
    }
}

/// What stands between quotation marks: hexadecimal where anything is not plain, and then without quotation marks inside.
fn decoded(text: &str) -> Vec<u8> {
    let text = text.as_bytes();
    if !text.starts_with(b"\\x") {
        return text.to_vec();
    }
    let digit = |byte: u8| if byte.is_ascii_digit() { byte - b'0' } else { byte - b'a' + 10 };
    text.chunks_exact(4).map(|escape| digit(escape[2]) << 4 | digit(escape[3])).collect()
}

/// Whether runs can be traced here; says so where they cannot.
fn traces() -> bool {
    let traces = Command::new("strace").args(["-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    let traces = traces.is_ok_and(|status| status.success());
    if !traces {
        eprintln!("SKIPPED: strace is not there, or may not trace; what lies on disk is looked through all the same");
    }
    traces
}

/// Runs the binary under strace, with further options; what was traced is in the file `trace`.
fn trace(bench: &Bench, options: &[&str], arguments: &[&str]) -> Output {
    let log = bench.outside("trace");
    let plain = bench.command(arguments);
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-y", "-x", "-s", "1000000", "-o"]).arg(&log);
    command.args([
        "-e",
        "trace=write,pwrite64,writev,pwritev,pwritev2,mmap,sendfile,copy_file_range,splice,io_uring_setup,linkat",
    ]);
    command.args(options).arg(plain.get_program()).args(plain.get_args());
    command.current_dir(plain.get_current_dir().unwrap()).env_clear();
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::null()).output().unwrap()
}

/// Traces a run that ends well, and looks at what it wrote.
fn look_at_run(bench: &Bench, canary: &Canary, arguments: &[&str]) -> usize {
    let output = trace(bench, &[], arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    look_at_trace(bench, canary)
}

/// Looks at every write to a file and at every way around a write; says how many bytes were written.
fn look_at_trace(bench: &Bench, canary: &Canary) -> usize {
    let log = bench.outside("trace");
    let mut sealed = 0;
    for line in BufReader::new(fs::File::open(&log).unwrap()).lines() {
        let line = line.unwrap();
        let Some(traced) = traced(&line) else { continue };
        let is_file = |path: &&PathBuf| !path.starts_with("/dev") && !path.starts_with("/proc");
        let Some(path) = traced.path.as_ref().filter(is_file) else {
            assert_ne!(traced.call, "io_uring_setup", "{}", traced.head());
            continue;
        };
        match traced.call {
            "mmap" => {
                let writes = line.contains("PROT_WRITE") && line.contains("MAP_SHARED");
                assert!(!writes, "{}", traced.head());
            }
            "linkat" => {}
            _ if !is_elsewhere(bench, path) => {}
            "write" | "pwrite64" | "writev" | "pwritev" | "pwritev2" => {
                let bytes = traced.bytes();
                canary.expect_none(&bytes, &traced.head());
                sealed += bytes.len();
            }
            _ => panic!("a way around a write: {}", traced.head()),
        }
    }
    fs::remove_file(log).unwrap();
    sealed
}

#[test]
fn no_write_of_a_run_holds_plaintext() {
    if !traces() {
        return;
    }
    let bench = world().with("DG_MEMORY", "64MiB");
    let canary = Canary::new(4 << 20);
    let size = canary.bytes.len();
    for version in 0..3 {
        bench.write(&format!("{version}.zip"), &canary.version(version));
    }
    let sealed = look_at_run(&bench, &canary, &["cp", "0.zip", "STORE/rel/"]);
    assert!(sealed >= size, "{sealed}: the reference was cached");
    look_at_run(&bench, &canary, &["cp", "1.zip", "STORE/rel/"]);
    look_at_run(&bench, &canary, &["cp", "STORE/rel/1.zip", "got.zip"]);
    assert_eq!(bench.read("got.zip"), canary.version(1));
    let cold = bench.outside("cold");
    let bench = bench.with("DG_CACHE_DIR", &cold.display().to_string());
    // Fetched to scratch, then cached; the content that goes to another store passes through scratch as well.
    let sealed = look_at_run(&bench, &canary, &["cp", "STORE/rel/1.zip", "STORE/else/2.zip", "--metadata", "a=b"]);
    assert!(sealed >= size, "{sealed}");
    let sealed = look_at_run(&bench, &canary, &["cp", "STORE/rel/1.zip", "again.zip"]);
    assert!(sealed < size, "{sealed}: cached already");

    // Under another key an entry gets another header; its body is not touched.
    let rotated = bench.with("DG_CACHE_ENCRYPTION_KEY", NEW_KEY).with("DG_CACHE_ENCRYPTION_KEYS_OLD", OLD_KEY);
    let sealed = look_at_run(&rotated, &canary, &["key", "rewrap"]);
    assert!((1..4096).contains(&sealed), "{sealed}");
    look_at_run(&rotated, &canary, &["cp", "STORE/rel/1.zip", "rotated.zip"]);
    assert_eq!(rotated.read("rotated.zip"), canary.version(1));
}

#[test]
fn no_write_of_a_run_that_is_killed_holds_plaintext() {
    if !traces() {
        return;
    }
    let canary = Canary::new((2 << 20) + 1000);
    let bench = world().with("DG_MEMORY", "64MiB");
    for version in 0..3 {
        bench.write(&format!("{version}.zip"), &canary.version(version));
    }
    for version in ["0.zip", "1.zip"] {
        assert_eq!(bench.run(&["cp", version, "STORE/rel/"]).code, 0);
    }
    // Killed as a thread begins its n-th call of this kind: a body is half written, whole, or about to get its name; and what was
    // fetched is in scratch.
    let points = [("pwrite64", 1), ("pwrite64", 9), ("linkat", 1), ("linkat", 2), ("write", 20)];
    let (mut bench, mut sealed, mut killed) = (bench, Vec::new(), Vec::new());
    for (number, (call, n)) in points.into_iter().enumerate() {
        let (fresh, got) = (format!("STORE/rel{number}/"), format!("got{number}.zip"));
        let runs: [&[&str]; 4] = [
            &["cp", "0.zip", &fresh],
            &["cp", "2.zip", "STORE/rel/"],
            &["cp", "STORE/rel/1.zip", &got],
            &["cp", "STORE/rel/1.zip", "STORE/else/2.zip", "--metadata", "a=b"],
        ];
        for (run, arguments) in runs.into_iter().enumerate() {
            // Cold, so that there is something to keep.
            let cache = bench.outside(&format!("cache{number}-{run}"));
            bench = bench.with("DG_CACHE_DIR", &cache.display().to_string());
            let output = trace(&bench, &["-e", &format!("inject={call}:signal=KILL:when={n}")], arguments);
            killed.push((call, output.status.signal() == Some(9)));
            assert!(killed.last().unwrap().1 || output.status.success(), "{output:?}");
            sealed.push(look_at_trace(&bench, &canary));
            look_through(&bench, &canary, &format!("after {arguments:?} was killed at {call} {n}"));
            drop(fs::remove_dir_all(cache));
        }
    }
    println!("killed: {killed:?}; bytes written: {sealed:?}");
    let every = |call| killed.iter().filter(|it| it.0 == call).all(|it| it.1);
    assert!(every("pwrite64"), "the cache is written to by these calls: {killed:?}");
    assert!(killed.contains(&("linkat", true)) && killed.contains(&("write", true)), "{killed:?}");
    assert!(sealed.iter().any(|&bytes| (1..canary.bytes.len()).contains(&bytes)), "half of a body: {sealed:?}");
    assert_eq!(bench.run(&["cp", "STORE/rel/1.zip", "after.zip"]).code, 0);
    assert_eq!(bench.read("after.zip"), canary.version(1));
}
