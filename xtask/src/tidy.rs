//! The rules of the house that a program can hold.
//!
//! A rule is a pure function of the [`Workspace`]: it names every place that breaks it, and the way out.

mod direction;
mod environment;
mod forbidden;
mod links;
mod manifests;
mod shape;
mod top_level;
mod variables;

use std::fmt::Write as _;

use crate::workspace::Workspace;

/// One place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// The rule's name.
    pub(crate) rule: &'static str,
    /// The file, the line or the crate.
    pub(crate) place: String,
    /// What is wrong there.
    pub(crate) fault: String,
    /// What to do about it.
    pub(crate) fix: String,
}

type Rule = fn(&Workspace) -> Vec<Finding>;

/// Every rule, by name.
const RULES: [(&str, Rule); 20] = [
    ("workspace-direction", direction::members),
    ("dependency-owner", direction::owners),
    ("consumer-tree", direction::trees),
    ("environment", environment::check),
    ("file-heading", shape::heading),
    ("file-name", shape::names),
    ("file-length", shape::lengths),
    ("tests-last", shape::tests_last),
    ("type-name", shape::types),
    ("unfinished", forbidden::unfinished),
    ("ignored-test", forbidden::ignored_tests),
    ("sleep", forbidden::sleeps),
    ("top-level", top_level::entries),
    ("licence-files", top_level::licences),
    ("licence", manifests::licences),
    ("msrv", manifests::rust_versions),
    ("lints", manifests::lints),
    ("package-fields", manifests::fields),
    ("link", links::check),
    ("variable-documented", variables::check),
];

/// Whatever breaks a rule, by rule and place.
pub(crate) fn findings(workspace: &Workspace) -> Vec<Finding> {
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|(_, rule)| rule(workspace)).collect();
    findings.sort();
    findings
}

/// The findings for a person, with how many rules hold.
pub(crate) fn report(findings: &[Finding]) -> String {
    let mut report = String::new();
    for Finding { rule, place, fault, fix } in findings {
        let _ = writeln!(report, "{rule}: {place}: {fault}\n    fix: {fix}");
    }
    let broken = RULES.iter().filter(|(name, _)| findings.iter().any(|finding| finding.rule == *name)).count();
    let _ =
        writeln!(report, "tidy: {} of {} rules hold, {} findings", RULES.len() - broken, RULES.len(), findings.len());
    report
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::workspace;

    #[test]
    fn the_workspace_is_tidy() {
        let workspace = Workspace::read(&workspace::root()).expect("the workspace can be read");
        assert!(!workspace.sources.is_empty() && !workspace.manifests.is_empty());
        let findings = findings(&workspace);
        assert!(findings.is_empty(), "{}", report(&findings));
    }

    #[test]
    fn rules_have_names_of_their_own() {
        assert_eq!(RULES.iter().map(|(name, _)| name).collect::<BTreeSet<_>>().len(), RULES.len());
    }

    #[test]
    fn a_report_names_place_fault_and_fix() {
        let finding =
            Finding { rule: "sleep", place: "a.rs:3".to_owned(), fault: "sleeps".to_owned(), fix: "wait".to_owned() };
        let report = report(&[finding]);
        assert_eq!(report, "sleep: a.rs:3: sleeps\n    fix: wait\ntidy: 19 of 20 rules hold, 1 findings\n");
    }
}
