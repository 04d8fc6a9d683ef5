//! The top level of the tree is a table of contents.

use std::path::Path;

use super::Finding;
use crate::workspace::Workspace;

/// What may stand there, besides tools' files whose names begin with a dot.
const ALLOWED: [&str; 12] = [
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "crates",
    "deny.toml",
    "docs",
    "fuzz",
    "rustfmt.toml",
    "tests",
    "xtask",
];

/// Nothing else stands at the top.
pub(super) fn entries(workspace: &Workspace) -> Vec<Finding> {
    let names = workspace.paths.iter().filter(|path| path.components().count() == 1).filter_map(|path| path.to_str());
    let others = names.filter(|name| !name.starts_with('.') && !ALLOWED.contains(name));
    others
        .map(|name| Finding {
            rule: "top-level",
            place: name.to_owned(),
            fault: "does not belong at the top level".to_owned(),
            fix: "pages go to docs/, code to crates/, tests and their data to tests/; drop what is left over"
                .to_owned(),
        })
        .collect()
}

/// The texts of the licences are there.
pub(super) fn licences(workspace: &Workspace) -> Vec<Finding> {
    let missing =
        ["LICENSE-APACHE", "LICENSE-MIT"].into_iter().filter(|name| !workspace.paths.contains(Path::new(name)));
    missing
        .map(|name| Finding {
            rule: "licence-files",
            place: name.to_owned(),
            fault: "is not there".to_owned(),
            fix: "every crate is under MIT or Apache-2.0: put the text back".to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn workspace(paths: &[&str]) -> Workspace {
        Workspace { paths: paths.iter().map(PathBuf::from).collect(), ..Workspace::default() }
    }

    #[test]
    fn only_what_is_listed_stands_at_the_top() {
        assert_eq!(entries(&workspace(&["Cargo.toml", ".ci", "crates/a/notes.txt", "docs"])), []);
        let findings = entries(&workspace(&["CHANGELOG.md", "scripts"]));
        assert_eq!(
            findings.iter().map(|finding| finding.place.as_str()).collect::<Vec<_>>(),
            ["CHANGELOG.md", "scripts"]
        );
    }

    #[test]
    fn a_missing_licence_is_found() {
        assert_eq!(licences(&workspace(&["LICENSE-APACHE", "LICENSE-MIT"])), []);
        assert_eq!(licences(&workspace(&["LICENSE-MIT"]))[0].place, "LICENSE-APACHE");
    }
}
