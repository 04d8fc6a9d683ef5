//! The cache of a run goes with it, however it ends; what a killed one left goes with the next.
#![allow(clippy::print_stderr, reason = "a test that cannot be made has to say so")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command};

use crate::bench::{Bench, archive};

/// A world with a store that has a reference and a delta of more than a pipe takes.
fn world() -> Bench {
    let bench = Bench::with_store();
    for number in 1..=2 {
        bench.write(&format!("{number}.zip"), &archive(number));
        assert_eq!(bench.run(&["cp", &format!("{number}.zip"), "STORE/rel/"]).code, 0);
    }
    assert_eq!(bench.left_behind(), Vec::<String>::new(), "a run that ends well leaves nothing");
    bench
}

/// Starts a run, and waits until its cache is there: the first byte of a delta's content comes after its reference was cached.
/// Nobody reads the rest, and so it cannot end by itself.
fn start(bench: &Bench) -> Child {
    let mut child = bench.start(&["cp", "STORE/rel/2.zip", "-"]);
    let mut out = BufReader::with_capacity(16, child.stdout.take().unwrap());
    assert!(!out.fill_buf().unwrap().is_empty());
    child.stdout = Some(out.into_inner());
    assert_eq!(caches(bench).len(), 1, "the cache is there");
    child
}

fn caches(bench: &Bench) -> Vec<String> {
    let mut names = bench.left_behind();
    names.retain(|name| name.starts_with("deltaglider-"));
    names
}

fn signal(name: &str, child: &Child) {
    assert!(Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn signals_remove_the_cache() {
    for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let bench = world();
        let mut child = start(&bench);
        signal(name, &child);
        // What it says about the signal comes before the end; only then is its output taken, so that it cannot have ended well.
        let mut err = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("cancelled") {
            assert!(err.read_line(&mut said).unwrap() > 0, "{name}: {said}");
        }
        let mut rest = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut rest).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{name}: {said}");
        assert_eq!(bench.left_behind(), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn an_error_removes_the_cache() {
    let bench = world();
    // The delta is read, its reference is cached, and then there is nobody to write to.
    let mut child = start(&bench);
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(141));
    assert_eq!(bench.left_behind(), Vec::<String>::new());

    // Cached, and then the destination cannot be written.
    fs::create_dir_all(bench.path("taken/2.zip/in-the-way")).unwrap();
    let failed = bench.run(&["cp", "STORE/rel/", "taken", "--recursive"]);
    assert_eq!((failed.code, bench.left_behind()), (1, Vec::new()), "{failed:?}");
    bench.damage_references();
    let failed = bench.run(&["cp", "STORE/rel/2.zip", "got.zip"]);
    assert_eq!((failed.code, bench.left_behind()), (4, Vec::new()), "{failed:?}");
}

/// No thread can be started any more, from the n-th on: the runtime panics where it needs one and has none, or gets along.
#[cfg(target_os = "linux")]
#[test]
fn a_run_that_gets_no_threads_leaves_nothing() {
    let traces = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    if !traces.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: strace is not there, or may not trace; without it nothing makes the binary panic");
        return;
    }
    let bench = world();
    for number in 3..9 {
        bench.write(&format!("d/{number}.zip"), &archive(number));
    }
    assert_eq!(bench.run(&["cp", "d", "STORE/rel/", "--recursive"]).code, 0);
    let mut panicked = 0;
    // The first threads are the runtime's own.
    for n in 3..9 {
        let plain = bench.command(&["cp", "STORE/rel/", "got", "--recursive", "-j", "8"]);
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=clone3,clone"]);
        command.arg("-e").arg(format!("inject=clone3,clone:error=EPERM:when={n}+"));
        command.arg(plain.get_program()).args(plain.get_args()).current_dir(bench.path("")).env_clear();
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = command.output().unwrap();
        panicked += u32::from(String::from_utf8_lossy(&output.stderr).contains("panicked"));
        assert_eq!(bench.left_behind(), Vec::<String>::new(), "thread {n}");
    }
    assert!(panicked > 0, "the runtime has learnt to do without threads");
}

#[test]
fn what_a_killed_run_left_goes_with_the_next() {
    let bench = world();
    let mut child = start(&bench);
    signal("KILL", &child);
    child.wait().unwrap();
    let left = caches(&bench);
    assert_eq!(left.len(), 1, "nobody could remove it");
    let root = bench.outside("tmp").join(&left[0]);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&root), 0o700);
    for room in ["headers", "bodies"] {
        let files: Vec<_> =
            fs::read_dir(root.join("v1").join(room)).unwrap().map(|file| file.unwrap().path()).collect();
        assert_eq!((files.len(), mode(&files[0])), (1, 0o600), "{room}");
    }
    assert_eq!(bench.run(&["cp", "STORE/rel/2.zip", "got.zip"]).code, 0);
    assert_eq!(bench.left_behind(), Vec::<String>::new());
    assert_eq!(bench.read("got.zip"), archive(2));
}

#[test]
fn a_run_leaves_the_cache_of_another_alone() {
    let bench = world();
    let mut child = start(&bench);
    let living = caches(&bench);
    assert_eq!(bench.run(&["cp", "STORE/rel/2.zip", "got.zip"]).code, 0);
    assert_eq!(caches(&bench), living);
    let mut rest = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(bench.left_behind(), Vec::<String>::new());
}

/// With a key, the cache is where the user said, is kept, and the key is in no file and in nothing that is said.
#[test]
fn a_cache_with_a_key_is_kept_and_the_key_is_nowhere() {
    const KEY: &str = "m7Jx4Kq0Yd1n8Zb3Vw6Rt5Ua2Pc9Le0Hf7Gi4Sj1Xo8=";
    let bench = Bench::with_store().with("DG_CACHE_ENCRYPTION_KEY", KEY);
    let cache = bench.outside("cache");
    let bench = bench.with("DG_CACHE_DIR", &cache.display().to_string());
    let mut said = String::new();
    for number in 1..=3 {
        bench.write(&format!("{number}.zip"), &archive(number));
        let run = bench.run(&["cp", &format!("{number}.zip"), "STORE/rel/", "--debug"]);
        assert_eq!(run.code, 0, "{run:?}");
        said += &(run.out + &run.err);
    }
    let bytes = fs::read_dir(cache.join("v1/bodies")).unwrap().count();
    assert_eq!((bytes, fs::read_dir(cache.join("v1/headers")).unwrap().count()), (1, 1));
    assert_eq!(bench.left_behind(), Vec::<String>::new());
    let mut written = vec![said.into_bytes()];
    written.extend(bench.all_files().into_iter().map(|path| fs::read(path).unwrap()));
    assert!(written.len() > 5);
    for part in [&KEY[..20], &KEY[20..43]] {
        assert!(!written.iter().any(|written| written.windows(part.len()).any(|window| window == part.as_bytes())));
    }
}
