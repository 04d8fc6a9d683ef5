//! A control group holds what it promises: whoever takes more is killed, and that is counted.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stderr, reason = "a test that cannot be made has to say so")]

use deltaglider_testkit::ControlGroup;

#[test]
fn whoever_takes_more_is_killed_and_counted() {
    let group = match ControlGroup::of_memory(32 << 20) {
        Ok(group) => group,
        Err(error) => {
            eprintln!("SKIPPED: no control group can be made: {error}");
            return;
        }
    };
    let takes = |size: &str| {
        // It has no end of line, and so `tail` keeps all of it.
        let line = format!("head -c {size} /dev/zero | tail -n 1 | wc -c");
        group.command("/bin/sh").args(["-c", &line]).output().expect("it is started")
    };
    let less = takes("4194304");
    assert_eq!((less.stdout.trim_ascii(), group.killed().expect("counted")), (&b"4194304"[..], 0));
    let more = takes("134217728");
    assert_ne!(more.stdout.trim_ascii(), b"134217728");
    assert!(group.killed().expect("counted") > 0);
    assert!(group.peak().is_none_or(|peak| peak <= 32 << 20));
}
