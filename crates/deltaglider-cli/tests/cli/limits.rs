//! Little of what a machine gives: file descriptors, a home.
#![cfg(unix)]

use std::process::{Command, Stdio};

use crate::bench::{Bench, archive};

/// Runs a command of the bench by another program, which ends in it.
fn by(bench: &Bench, program: &[&str], arguments: &[&str], home: bool) -> (Option<i32>, String) {
    let plain = bench.command(arguments);
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).arg(plain.get_program()).args(plain.get_args()).current_dir(bench.path("")).env_clear();
    if home {
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn many_spaces_at_a_time_need_no_more_than_256_files() {
    let bench = Bench::with_store();
    for space in 0..100 {
        for version in 1..=2 {
            bench.write(&format!("many/{space}/{version}.zip"), &archive(version));
        }
    }
    let limited = ["sh", "-c", "ulimit -n 256; exec \"$@\"", "sh"];
    for line in [["sync", "many", "STORE/m/", "-j", "64"], ["sync", "STORE/m/", "back", "-j", "64"]] {
        let (code, said) = by(&bench, &limited, &line, true);
        assert_eq!(code, Some(0), "{line:?} {said}");
    }
    assert_eq!(bench.read("back/99/2.zip"), archive(2));
    assert_eq!(bench.names("back").len(), 100);
}

#[test]
fn nothing_in_the_environment_is_needed() {
    let bench = Bench::with_store();
    bench.write("a.zip", &archive(1));
    for (line, what) in [(["cp", "a.zip", "STORE/r/"], "put"), (["cp", "STORE/r/a.zip", "b.zip"], "got")] {
        let (code, said) = by(&bench, &["env"], &line, false);
        assert_eq!(code, Some(0), "{what}: {said}");
    }
    assert_eq!(bench.read("b.zip"), archive(1));
}
