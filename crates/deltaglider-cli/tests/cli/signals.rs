//! Signals and closed pipes: the binary ends in order and leaves nothing behind.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Command;

use crate::bench::{Bench, archive};
use crate::s3::Cloud;

fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap().success());
}

#[test]
fn signals_break_off_and_leave_nothing() {
    for (name, code, said) in [("INT", 130, "ctrl-c"), ("TERM", 143, "SIGTERM"), ("HUP", 129, "SIGHUP")] {
        let bench = Bench::with_store();
        bench.write("first.zip", &archive(1));
        bench.run(&["cp", "first.zip", "STORE/"]);
        // It waits for its input: what it has read lies in temporary space.
        let mut child = bench.start(&["cp", "-", "STORE/second.zip", "-vv"]);
        let mut input = child.stdin.take().unwrap();
        input.write_all(&archive(2)).unwrap();
        input.flush().unwrap();
        // Larger than a pipe: when all of it is taken, the binary is under way, and listens for signals.
        signal(name, child.id());
        let status = child.wait().unwrap();
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!(status.code(), Some(code), "{name}: {err}");
        assert!(err.contains(&format!("cancelled: {said} received")), "{err}");
        assert_eq!(bench.left_behind(), Vec::<String>::new(), "{name}");
        assert_eq!(bench.run(&["ls", "STORE"]).lines().len(), 1, "{name}");
    }
}

#[test]
fn an_upload_in_parts_that_is_broken_off_is_aborted() {
    let cloud = Cloud::with_bucket();
    let bench = &cloud.bench;
    // Sixteen parts and more, slowly: under way when the signal comes.
    bench.write("big.bin", &vec![7; 80 << 20]);
    for signals in 1..=2 {
        let mut child = bench.start(&["cp", "big.bin", "s3://shop/", "--bwlimit", "4MiB"]);
        while cloud.server.uploads().is_empty() {
            assert_eq!(child.try_wait().unwrap(), None, "it ended before its upload began");
            std::thread::yield_now();
        }
        for _ in 0..signals {
            signal("INT", child.id());
        }
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(130), "{err}");
        if signals == 1 {
            assert!(err.contains("cancelled: ctrl-c received"), "{err}");
            assert_eq!(cloud.server.uploads(), Vec::<String>::new());
        }
        assert_eq!(bench.left_behind(), Vec::<String>::new());
        assert_eq!(bench.run(&["ls", "s3://shop"]).out, "");
    }
}

/// What the system can do without a name is gone with the process that made it.
#[cfg(target_os = "linux")]
#[test]
fn a_download_that_is_killed_leaves_nothing() {
    let cloud = Cloud::with_bucket();
    let bench = &cloud.bench;
    bench.write("big.bin", &vec![7; 20 << 20]);
    bench.run(&["cp", "big.bin", "s3://shop/"]);
    for before in [None, Some(b"before")] {
        if let Some(before) = before {
            bench.write("got/big.bin", before);
        }
        let mut child = bench.start(&["cp", "s3://shop/big.bin", "got/big.bin", "--bwlimit", "1MiB"]);
        let open = || {
            let descriptors = std::fs::read_dir(format!("/proc/{}/fd", child.id())).into_iter().flatten().flatten();
            let mut files =
                descriptors.filter_map(|entry| Some((entry.path(), std::fs::read_link(entry.path()).ok()?)));
            let is_partial = |at: &std::path::Path| at.starts_with(bench.path("got"));
            files.any(|(file, at)| is_partial(&at) && std::fs::metadata(file).is_ok_and(|file| file.len() > 0))
        };
        while !open() {
            std::thread::yield_now();
        }
        signal("KILL", child.id());
        assert_eq!(child.wait().unwrap().code(), None);
        assert_eq!(bench.names("got").len(), usize::from(before.is_some()));
        if let Some(before) = before {
            assert_eq!(bench.read("got/big.bin"), before);
        }
    }
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let bench = Bench::with_store();
    for number in 0..1000 {
        bench.write(&format!("d/{number}"), b"x");
    }
    bench.write("big.bin", &vec![7; 4 << 20]);
    bench.run(&["cp", "big.bin", "STORE/"]);
    let lines: [&[&str]; 2] = [&["cp", "d", "STORE/d/", "--recursive"], &["cp", "STORE/big.bin", "-"]];
    for line in lines {
        let mut child = bench.start(line);
        let mut reader = BufReader::with_capacity(16, child.stdout.take().unwrap());
        reader.fill_buf().unwrap();
        drop(reader);
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!err.contains("panicked"), "{err}");
        assert_eq!(output.status.code(), Some(141), "{line:?} {err}");
    }
}
