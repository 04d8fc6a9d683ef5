//! A machine with little memory: whatever the size of an object, a run stays within what it was given.
#![cfg(target_os = "linux")]
#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test that cannot be made has to say so, and one that was what it took"
)]

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::process::Stdio;

use deltaglider_testkit::ControlGroup;

use crate::bench::Bench;

const LARGE: usize = 300 << 20;
/// So much that a delta within half of the group can be had, and one by the means of a large machine cannot.
const MEDIUM: usize = 64 << 20;
const GROUP: u64 = 200 << 20;
/// What is repeated, with a number before each; a cut of a gigabyte of noise would only take longer to make.
const BLOCK: usize = 1 << 20;

/// A block of an object: noise that is the same in no other block.
fn block(number: usize, version: u8) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15 ^ (number as u64 + 1) << 20;
    let mut bytes = Vec::with_capacity(BLOCK);
    while bytes.len() < BLOCK {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes[1000] = version;
    bytes
}

fn write(bench: &Bench, name: &str, version: u8, size: usize) {
    let mut file = BufWriter::new(File::create(bench.path(name)).unwrap());
    for number in 0..size / BLOCK {
        file.write_all(&block(number, version)).unwrap();
    }
    file.flush().unwrap();
}

fn is_version(bench: &Bench, name: &str, version: u8, size: usize) -> bool {
    let mut file = BufReader::new(File::open(bench.path(name)).unwrap());
    let mut read = vec![0; BLOCK];
    let same = (0..size / BLOCK).all(|number| {
        file.read_exact(&mut read).unwrap();
        read == block(number, version)
    });
    same && file.read(&mut read).unwrap() == 0
}

/// Runs the binary in the group.
fn run(group: &ControlGroup, bench: &Bench, arguments: &[&str]) {
    let plain = bench.command(arguments);
    let mut command = group.command(plain.get_program());
    command.args(plain.get_args()).current_dir(plain.get_current_dir().unwrap()).env_clear();
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), group.killed().unwrap()), (Some(0), 0), "{arguments:?}: {said}");
}

/// Puts two versions and gets the second, in a group of little memory; `false` where there can be no group.
fn put_and_get(bench: &Bench, size: usize, memory: &[&str]) -> bool {
    let group = match ControlGroup::of_memory(GROUP) {
        Ok(group) => group,
        Err(error) => {
            eprintln!("SKIPPED: no control group can be made, which takes root and its memory controller: {error}");
            return false;
        }
    };
    for version in 0..2 {
        let name = format!("{version}.zip");
        write(bench, &name, version, size);
        run(&group, bench, &[&["cp", &name, "STORE/rel/"], memory].concat());
    }
    run(&group, bench, &[&["cp", "STORE/rel/1.zip", "got.zip"], memory].concat());
    assert!(is_version(bench, "got.zip", 1, size));
    println!("{size} bytes put twice and got in a group of {GROUP}: {:?} bytes at most, none killed", group.peak());
    true
}

#[test]
fn objects_larger_than_memory_are_put_and_got() {
    put_and_get(&Bench::with_store(), LARGE, &["--memory", "128MiB"]);
}

#[test]
fn whoever_says_nothing_of_memory_gets_by_with_what_there_is() {
    let bench = Bench::with_store();
    if put_and_get(&bench, MEDIUM, &[]) {
        let listed = bench.run(&["ls", "--json", "STORE/rel/"]).lines();
        assert_eq!(listed.iter().filter(|line| line.contains(r#""kind":"delta""#)).count(), 2, "{listed:?}");
    }
}
