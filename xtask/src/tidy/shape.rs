//! The shape of source files: heading, name, length, order, and the names of types.

use super::Finding;
use crate::workspace::{Source, Workspace};

/// Most lines of a file, without its unit tests.
const LONGEST: usize = 600;
/// Most lines of the file in the middle.
const MEDIAN: usize = 250;
/// Names that say nothing of what is inside.
const VAGUE: [&str; 8] = ["common", "helper", "helpers", "misc", "mod", "shared", "util", "utils"];
/// Endings of type names that say nothing of what the type is.
const EMPTY: [&str; 4] = ["Handler", "Manager", "Port", "Service"];

/// Every file says first what it is for.
pub(super) fn heading(workspace: &Workspace) -> Vec<Finding> {
    let bare = workspace.sources.iter().filter(|source| !source.text.starts_with("//! "));
    bare.map(|source| Finding {
        rule: "file-heading",
        place: source.place(1),
        fault: "does not begin with `//! `".to_owned(),
        fix: "say in its first line what the file is for".to_owned(),
    })
    .collect()
}

/// A file is called by the noun that it holds.
pub(super) fn names(workspace: &Workspace) -> Vec<Finding> {
    let vague = workspace.sources.iter().filter_map(|source| {
        let parts = source.path.iter().filter_map(|part| part.to_str());
        // Test binaries share modules in `tests/<name>/mod.rs` alone; a library crate holds them here.
        let part = parts.map(|part| part.trim_end_matches(".rs")).find(|part| VAGUE.contains(part))?;
        Some((source, part))
    });
    vague
        .map(|(source, part)| Finding {
            rule: "file-name",
            place: source.path.display().to_string(),
            fault: format!("`{part}` names no thing"),
            fix: "name the file by the noun that it holds; `a/mod.rs` is `a.rs`".to_owned(),
        })
        .collect()
}

/// No file is too long to be read at a sitting.
pub(super) fn lengths(workspace: &Workspace) -> Vec<Finding> {
    let shipped: Vec<&Source> = workspace.sources.iter().filter(|source| source.is_shipped()).collect();
    let long = shipped.iter().filter(|source| source.length() > LONGEST);
    let mut findings: Vec<Finding> = long
        .map(|source| Finding {
            rule: "file-length",
            place: source.path.display().to_string(),
            fault: format!("has {} lines without its tests, over {LONGEST}", source.length()),
            fix: "give each of its nouns a file".to_owned(),
        })
        .collect();
    let mut lengths: Vec<usize> = shipped.iter().map(|source| source.length()).collect();
    lengths.sort_unstable();
    let median = lengths.get(lengths.len() / 2).copied().unwrap_or_default();
    if median > MEDIAN {
        findings.push(Finding {
            rule: "file-length",
            place: "the workspace".to_owned(),
            fault: format!("has a median file of {median} lines without its tests, over {MEDIAN}"),
            fix: "split the longest files by their nouns".to_owned(),
        });
    }
    findings
}

/// Unit tests stand at the foot of the file.
pub(super) fn tests_last(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &workspace.sources {
        let lines: Vec<&str> = source.code.lines().collect();
        let Some(tests) = source.tests_at() else { continue };
        let end = lines[tests..].iter().position(|line| *line == "}").map_or(lines.len(), |at| tests + at);
        if let Some(after) = (end + 1..lines.len()).find(|at| !lines[*at].trim().is_empty()) {
            findings.push(Finding {
                rule: "tests-last",
                place: source.place(after + 1),
                fault: "code stands below the unit tests".to_owned(),
                fix: "move the tests to the foot of the file".to_owned(),
            });
        }
    }
    findings
}

/// A type is called by what it is.
pub(super) fn types(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in workspace.sources.iter().filter(|source| source.is_under("crates")) {
        for (number, line) in source.code.lines().enumerate() {
            let Some(name) = defined_type(line) else { continue };
            if let Some(ending) = EMPTY.iter().find(|ending| name.ends_with(**ending)) {
                findings.push(Finding {
                    rule: "type-name",
                    place: source.place(number + 1),
                    fault: format!("the name {name} ends with {ending}"),
                    fix: "name the type by the thing that it is in the field's words".to_owned(),
                });
            }
        }
    }
    findings
}

/// The name of the type that this line defines.
fn defined_type(line: &str) -> Option<&str> {
    let mut words =
        line.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| !word.is_empty());
    let keyword = words.by_ref().find(|word| !matches!(*word, "pub" | "crate" | "super" | "in" | "unsafe"))?;
    matches!(keyword, "struct" | "enum" | "trait" | "type").then(|| words.next())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(files: &[(&str, &str)]) -> Workspace {
        let sources = files.iter().map(|(path, text)| Source::new(*path, *text)).collect();
        Workspace { sources, ..Workspace::default() }
    }

    #[test]
    fn a_file_needs_a_heading() {
        assert_eq!(heading(&workspace(&[("a.rs", "//! A.\n")])), []);
        for text in ["", "\n//! A.\n", "// A.\n", "use a;\n", "//!\n"] {
            assert_eq!(heading(&workspace(&[("a.rs", text)])).len(), 1, "{text:?}");
        }
    }

    #[test]
    fn vague_names_are_refused_for_files_and_folders() {
        for path in ["crates/a/src/utils.rs", "crates/a/src/b/mod.rs", "crates/a/src/common/b.rs", "tests/helpers.rs"] {
            assert_eq!(names(&workspace(&[(path, "")])).len(), 1, "{path}");
        }
        assert_eq!(names(&workspace(&[("crates/a/src/model.rs", "")])), []);
    }

    #[test]
    fn lengths_are_counted_without_tests() {
        let line = "fn a() {}\n";
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", line.repeat(2000));
        let short = [("b/src/b.rs", line), ("c/src/c.rs", line)];
        let long = |lines: usize| format!("{}{tests}", line.repeat(lines));
        let with = |text: &str| lengths(&workspace(&[short[0], short[1], ("a/src/a.rs", text)]));
        assert_eq!(with(&long(LONGEST)), []);
        assert_eq!(with(&long(LONGEST + 1)).len(), 1);
        assert_eq!(lengths(&workspace(&[("a/tests/a.rs", &line.repeat(LONGEST + 1))])), []);
    }

    #[test]
    fn the_median_is_held() {
        let (at, over) = ("\n".repeat(MEDIAN), "\n".repeat(MEDIAN + 1));
        assert_eq!(lengths(&workspace(&[("a/src/a.rs", &at), ("b/src/b.rs", &at), ("c/src/c.rs", &over)])), []);
        assert_eq!(lengths(&workspace(&[("a/src/a.rs", &at), ("b/src/b.rs", &over), ("c/src/c.rs", &over)])).len(), 1);
    }

    #[test]
    fn nothing_stands_below_the_tests() {
        let tests = "//! A.\n#[cfg(test)]\nmod tests {\n    fn a() {\n    }\n}\n";
        assert_eq!(tests_last(&workspace(&[("a.rs", tests)])), []);
        let findings = tests_last(&workspace(&[("a.rs", &format!("{tests}\nfn b() {{}}\n"))]));
        assert_eq!(findings[0].place, "a.rs:8");
    }

    #[test]
    fn empty_endings_are_refused_where_a_type_is_defined() {
        for line in [
            "pub struct KeyManager<T> {",
            "pub(crate) enum AHandler {",
            "trait StorePort: Send {",
            "type AService = B;",
        ] {
            assert_eq!(types(&workspace(&[("crates/a/src/a.rs", line)])).len(), 1, "{line}");
        }
        for line in ["impl Service for A {", "struct SecretsManagerKeys;", "// struct AManager", "use a::BService;"] {
            assert_eq!(types(&workspace(&[("crates/a/src/a.rs", line)])), [], "{line}");
        }
    }
}
