//! Words that code which is done does not have.

use super::Finding;
use crate::workspace::{Source, Workspace};

/// Nothing is left for later.
pub(super) fn unfinished(workspace: &Workspace) -> Vec<Finding> {
    let words = ["todo!(", "unimplemented!(", "dbg!("];
    find(&workspace.sources, "unfinished", &words, "finish it, or take it out")
}

/// A test runs, or is not there.
pub(super) fn ignored_tests(workspace: &Workspace) -> Vec<Finding> {
    let fix = "mend the test; one that needs a real server asks for it by a DG_TEST_* variable and a target of its own";
    find(&workspace.sources, "ignored-test", &["#[ignore", ", ignore)", ", ignore ="], fix)
}

/// Nothing waits by the clock for something else to happen.
pub(super) fn sleeps(workspace: &Workspace) -> Vec<Finding> {
    let fix = "wait for the thing itself: a channel, a notification, a paused clock";
    let crates: Vec<&Source> = workspace.sources.iter().filter(|source| !source.is_under("xtask")).collect();
    find(crates, "sleep", &["thread::sleep"], fix)
}

fn find<'a>(
    sources: impl IntoIterator<Item = &'a Source>,
    rule: &'static str,
    words: &[&str],
    fix: &str,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        for (number, line) in source.code.lines().enumerate() {
            if let Some(word) = words.iter().find(|word| line.contains(**word)) {
                findings.push(Finding {
                    rule,
                    place: source.place(number + 1),
                    fault: format!("has `{word}`"),
                    fix: fix.to_owned(),
                });
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(path: &str, text: &str) -> Workspace {
        Workspace { sources: vec![Source::new(path, text)], ..Workspace::default() }
    }

    #[test]
    fn unfinished_code_is_found_in_code_alone() {
        for text in ["fn a() { todo!() }", "unimplemented!(\"x\")", "let a = dbg!(b);"] {
            assert_eq!(unfinished(&workspace("a.rs", text)).len(), 1, "{text}");
        }
        assert_eq!(unfinished(&workspace("a.rs", "// todo!()\nlet a = \"dbg!(b)\";")), []);
    }

    #[test]
    fn ignored_tests_are_found() {
        for text in
            ["#[ignore]", "    #[ignore = \"slow\"]", "#[cfg_attr(unix, ignore = \"x\")]", "#[cfg_attr(unix, ignore)]"]
        {
            assert_eq!(ignored_tests(&workspace("a.rs", text)).len(), 1, "{text}");
        }
        assert_eq!(ignored_tests(&workspace("a.rs", "let ignore = a(b, c);\n#[arg(long, ignore_case = true)]")), []);
    }

    #[test]
    fn sleeping_threads_are_found() {
        assert_eq!(sleeps(&workspace("crates/a/tests/a.rs", "std::thread::sleep(second);")).len(), 1);
        assert_eq!(sleeps(&workspace("crates/a/tests/a.rs", "tokio::time::advance(second).await;")), []);
    }
}
