//! Environment variables that code knows are documented.

use std::collections::BTreeMap;

use super::Finding;
use crate::workspace::Workspace;

/// Every `DG_*` name in a literal stands on a page.
pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut known: BTreeMap<&str, String> = BTreeMap::new();
    for source in workspace.sources.iter().filter(|source| !source.is_under("xtask/src/tidy")) {
        let tests = source.length();
        for (line, literal) in source.literals.iter().filter(|(line, _)| !source.is_shipped() || *line <= tests) {
            if is_name(literal) {
                known.entry(literal).or_insert_with(|| source.place(*line));
            }
        }
    }
    let documented = |name: &str| workspace.pages.iter().any(|page| holds(&page.text, name));
    let silent = known.into_iter().filter(|(name, _)| !documented(name));
    silent
        .map(|(name, place)| Finding {
            rule: "variable-documented",
            place,
            fault: format!("{name} is on no page"),
            fix: "document it under docs/: what it sets, its unit, its default".to_owned(),
        })
        .collect()
}

fn is_name(literal: &str) -> bool {
    literal.len() > 3 && literal.starts_with("DG_") && literal.bytes().all(is_part)
}

/// True where the text has the name as a word of its own.
fn holds(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = at.checked_sub(1).map(|at| text.as_bytes()[at]);
        let after = text.as_bytes().get(at + name.len()).copied();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::{Page, Source};

    fn undocumented(page: &str) -> Vec<String> {
        let text = "const A: &str = \"DG_CACHE\"; // \"DG_COMMENT\"\nlet b = \"DG_ is no name\";\n\
                    #[cfg(test)]\nmod tests {\n    \"DG_UNKNOWN\";\n}\n";
        let sources = vec![Source::new("crates/a/src/a.rs", text), Source::new("crates/a/tests/b.rs", "\"DG_TEST_B\"")];
        let workspace = Workspace { sources, pages: vec![Page::new("docs/a.md", page)], ..Workspace::default() };
        check(&workspace).into_iter().map(|finding| finding.fault).collect()
    }

    #[test]
    fn a_name_must_stand_on_a_page() {
        assert_eq!(undocumented("`DG_CACHE` and `DG_TEST_B`"), Vec::<String>::new());
        assert_eq!(undocumented("`DG_CACHE`"), ["DG_TEST_B is on no page"]);
    }

    #[test]
    fn a_longer_name_is_another_one() {
        assert_eq!(undocumented("`DG_CACHE_DIR` `DG_TEST_B`"), ["DG_CACHE is on no page"]);
    }
}
