//! What the figures were measured on, and by which versions of the programs.

use std::fs;
use std::process::Command;
use std::thread;

use super::coder::Coder;
use crate::programs::output;

/// Lines for the head of a report.
pub(super) fn facts(coders: &[Coder], rounds: usize) -> Vec<String> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let cpu = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| model(&text).map(str::to_owned));
    let said = |program: &str, arguments: &[&str]| {
        output(Command::new(program).args(arguments))
            .map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
    };
    let mut facts = vec![
        format!("{cores} cores, {}", cpu.unwrap_or_else(|| "of an unknown model".to_owned())),
        format!("{} {}", said("uname", &["-s"]), said("uname", &["-r"])),
        said("rustc", &["--version"]),
        format!("commit {}", said("git", &["describe", "--always", "--dirty"])),
    ];
    let peers = coders.iter().filter_map(|coder| Some(format!("{} {}", coder.command(), coder.version()?)));
    facts.extend(peers);
    facts.dedup();
    facts.push(format!("rounds: {rounds}"));
    facts
}

/// The first model name of `/proc/cpuinfo`.
fn model(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_found() {
        assert_eq!(
            model("processor : 0\nmodel name\t: Some CPU @ 2 GHz\nmodel name\t: other"),
            Some("Some CPU @ 2 GHz")
        );
        assert_eq!(model("processor : 0"), None);
    }
}
