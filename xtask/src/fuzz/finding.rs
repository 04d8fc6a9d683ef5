//! What a target found, told whole: a log may be all that is left of the machine that found it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Lines of the log that are told.
const LINES: usize = 40;
/// What the first of them has, where it is there: what comes last is how to go on from there.
const BEGINNINGS: [&str; 2] = ["panicked at", "ERROR: libFuzzer"];
/// Bytes that a line is cut at; the fuzzer prints whole inputs.
const WIDTH: usize = 300;
/// Bytes of an input that are told, as Base64.
const INPUT: usize = 8 << 10;

/// What a target said as it failed, and the input that it failed with.
pub(super) fn finding(root: &Path, name: &str, log: &str) -> String {
    let mut told = format!("fuzz: {name} failed\n");
    let lines: Vec<&str> = log.lines().collect();
    let failed = lines.iter().position(|line| BEGINNINGS.iter().any(|beginning| line.contains(beginning)));
    let first = failed.unwrap_or(lines.len().saturating_sub(LINES));
    for line in lines[first..].iter().take(LINES) {
        let end = line.floor_char_boundary(WIDTH);
        let _ = writeln!(told, "  {}", &line[..end]);
    }
    let Some(path) = lines.iter().rev().find_map(|line| line.split_once("Test unit written to ")).map(|(_, path)| path)
    else {
        told.push_str("  no input was written\n");
        return told;
    };
    // As the fuzzer was started: by its own directory, or absolute.
    let input = [root.join(path), root.join("fuzz").join(path)].iter().find_map(|path| fs::read(path).ok());
    let _ = match input {
        Some(input) if input.len() <= INPUT => writeln!(told, "  {path}, in Base64: {}", STANDARD.encode(input)),
        Some(input) => writeln!(told, "  {path}: {} bytes, too many to be told here", input.len()),
        None => writeln!(told, "  {path} cannot be read"),
    };
    told
}

#[cfg(test)]
mod tests {
    use std::env::temp_dir;

    use super::*;

    #[test]
    fn the_input_is_told() {
        let path = temp_dir().join(format!("deltaglider-finding-{}", std::process::id()));
        fs::write(&path, [0, 255, 7]).expect("written");
        let log = format!(
            "#1 READ\nthread panicked at x:\n{}\nartifact_prefix='./'; Test unit written to {}\n",
            "é".repeat(WIDTH),
            path.display()
        );
        let told = finding(Path::new("/"), "names", &log);
        fs::remove_file(&path).expect("removed");
        assert!(told.starts_with("fuzz: names failed\n  thread panicked at x:\n"), "{told}");
        assert!(told.ends_with("in Base64: AP8H\n"), "{told}");
        let told = finding(Path::new("/"), "names", &log);
        assert!(told.contains("cannot be read"), "{told}");
        let told = finding(Path::new("/"), "names", "error: could not compile");
        assert!(told.contains("no input was written"), "{told}");
    }
}
