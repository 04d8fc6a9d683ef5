//! Who may read the process environment.

use super::Finding;
use crate::workspace::{Source, Workspace};

/// The file that reads the environment for everyone.
const READER: &str = "crates/deltaglider/src/env.rs";
/// Files that may as well: those of the crate of key providers with this function, for users of that crate alone.
const KEYS: (&str, &str) = ("crates/deltaglider-keys/src", "fn from_env");

/// Ways to read or change it. `env!`, `temp_dir`, `args` and `current_dir` are none.
const READS: [&str; 9] = [
    "env::var",
    "env::set_var",
    "env::remove_var",
    "env::home_dir",
    "use std::env::{",
    "from_default_env",
    "std::env::*",
    "(env = \"",
    ", env = \"",
];

/// Only the reader reads the environment, so that a library does what its caller said.
pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let sources = workspace.sources.iter().filter(|source| source.is_under("crates") && source.is_shipped());
    let sources = sources.filter(|source| !source.is_under("crates/deltaglider-testkit") && !source.is_under(READER));
    sources.flat_map(reads).collect()
}

fn reads(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    if source.is_under(KEYS.0) && source.shipped_code().any(|(_, line)| line.contains(KEYS.1)) {
        return findings;
    }
    for (number, line) in source.shipped_code() {
        if let Some(read) = READS.iter().find(|read| line.contains(**read)) {
            findings.push(Finding {
                rule: "environment",
                place: source.place(number),
                fault: format!("reads the process environment (`{read}`)"),
                fix: format!("take the value as an argument; {READER} reads it"),
            });
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        let workspace = Workspace { sources: vec![Source::new(path, text)], ..Workspace::default() };
        check(&workspace).len()
    }

    #[test]
    fn a_library_does_not_read_the_environment() {
        for line in [
            "let x = std::env::var(\"HOME\");",
            "for (a, b) in env::vars_os() {}",
            "use std::env::{self, var};",
            "std::env::home_dir();",
            "EnvFilter::from_default_env();",
            "#[arg(env = \"DG_X\")]",
        ] {
            assert_eq!(found("crates/deltaglider-core/src/a.rs", line), 1, "{line}");
            assert_eq!(found("crates/deltaglider/src/env.rs", line), 0, "{line}");
        }
    }

    #[test]
    fn other_parts_of_the_process_are_free() {
        let text = "std::env::temp_dir(); env::args(); env::current_dir(); env!(\"X\"); // env::var\n";
        assert_eq!(found("crates/deltaglider-cli/src/main.rs", text), 0);
    }

    #[test]
    fn tests_may_read_it() {
        let text = "#[cfg(test)]\nmod tests {\n    fn a() { std::env::var(\"X\"); }\n}\n";
        assert_eq!(found("crates/deltaglider-s3/src/a.rs", text), 0);
        assert_eq!(found("crates/deltaglider-s3/tests/a.rs", "std::env::var(\"X\")"), 0);
    }

    #[test]
    fn a_key_provider_may_in_the_file_of_from_env_alone() {
        let text = "pub fn from_env() -> Self { value() }\nfn value() { std::env::var(\"X\") }\n";
        assert_eq!(found("crates/deltaglider-keys/src/environment.rs", text), 0);
        assert_eq!(found("crates/deltaglider-cache/src/environment.rs", text), 1);
        let comment = text.replace("pub fn from_env", "// fn from_env");
        assert_eq!(found("crates/deltaglider-keys/src/environment.rs", &comment), 1);
    }
}
