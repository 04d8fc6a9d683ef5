//! Which crate may depend on which.

use super::Finding;
use crate::workspace::{Kind, Manifest, Workspace};

/// A member, the members that it may depend on, and those that its tests may use besides.
type Allowed = (&'static str, &'static [&'static str], &'static [&'static str]);

const MEMBERS: [Allowed; 10] = [
    ("deltaglider-core", &[], &[TESTKIT]),
    ("deltaglider-cache", &[CORE], &[TESTKIT]),
    ("deltaglider-codec", &[CORE], &[TESTKIT]),
    ("deltaglider-keys", &[CORE], &[TESTKIT]),
    ("deltaglider-s3", &[CORE], &[TESTKIT]),
    (
        "deltaglider",
        &[CORE, "deltaglider-cache", "deltaglider-codec", "deltaglider-keys", "deltaglider-s3"],
        // Itself, to have its features in tests and examples.
        &[TESTKIT, "deltaglider"],
    ),
    ("deltaglider-cli", &["deltaglider"], &[TESTKIT]),
    (TESTKIT, &[CORE], &[]),
    ("deltaglider-tests", &["deltaglider", TESTKIT], &[]),
    ("xtask", &[], &[]),
];
const CORE: &str = "deltaglider-core";
const TESTKIT: &str = "deltaglider-testkit";

/// A dependency and the only members that may name it.
const OWNERS: [(&str, &[&str]); 5] = [
    ("aws-sdk-s3", &["deltaglider-s3"]),
    ("aws-sdk-secretsmanager", &["deltaglider-keys"]),
    ("clap", &["deltaglider-cli", "xtask"]),
    ("indicatif", &["deltaglider-cli"]),
    ("anyhow", &["xtask", "deltaglider-tests"]),
];

/// Members depend downwards alone.
pub(super) fn members(workspace: &Workspace) -> Vec<Finding> {
    let is_member = |name: &str| workspace.manifests.iter().any(|manifest| manifest.name == name);
    let mut findings = Vec::new();
    for manifest in &workspace.manifests {
        let Some((_, allowed, in_tests)) = MEMBERS.iter().find(|(name, ..)| *name == manifest.name) else {
            findings.push(finding(
                "workspace-direction",
                manifest,
                "is a member that no rule knows".to_owned(),
                "say in xtask/src/tidy/direction.rs what it may depend on",
            ));
            continue;
        };
        for dependency in manifest.dependencies.iter().filter(|dependency| is_member(&dependency.name)) {
            let name = dependency.name.as_str();
            let in_test = dependency.kind == Kind::Development && in_tests.contains(&name);
            if !allowed.contains(&name) && !in_test {
                findings.push(finding(
                    "workspace-direction",
                    manifest,
                    format!("depends on {name}"),
                    "core depends on no member, adapters on core alone, and only deltaglider names adapters: \
                     move what is needed into core, or the use of it into deltaglider",
                ));
            }
        }
    }
    findings
}

/// A dependency that belongs to one room is named there alone.
pub(super) fn owners(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in &workspace.manifests {
        for dependency in &manifest.dependencies {
            let owner = OWNERS.iter().find(|(name, _)| *name == dependency.name);
            if let Some((name, owners)) = owner
                && !owners.contains(&manifest.name.as_str())
            {
                findings.push(finding(
                    "dependency-owner",
                    manifest,
                    format!("names {name}"),
                    &format!("only {} may: go through what it offers", owners.join(" and ")),
                ));
            }
        }
    }
    findings
}

/// What a consumer of some crates gets holds nothing that they do not need.
pub(super) fn trees(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (tree, packages) in &workspace.trees {
        for package in packages {
            let foreign = workspace.foreign.contains(package) && package != "zstd-sys";
            let refused = match *tree {
                "core" => is_aws(package) || is_terminal(package) || foreign,
                "core, cache and keys" => is_aws(package),
                _ => is_terminal(package),
            };
            if refused {
                findings.push(Finding {
                    rule: "consumer-tree",
                    place: format!("{tree} with default features"),
                    fault: format!("brings {package} along"),
                    fix: format!(
                        "find who brings it by `cargo tree -p CRATE -i {package}`; put it behind a feature that is off by default, or into another crate"
                    ),
                });
            }
        }
    }
    findings
}

fn is_aws(package: &str) -> bool {
    package.starts_with("aws-")
}

fn is_terminal(package: &str) -> bool {
    matches!(package, "clap" | "clap_builder" | "indicatif" | "console")
}

fn finding(rule: &'static str, manifest: &Manifest, fault: String, fix: &str) -> Finding {
    Finding { rule, place: manifest.path.display().to_string(), fault, fix: fix.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::workspace::Dependency;

    fn workspace(members: &[(&str, &[(&str, Kind)])]) -> Workspace {
        let manifests = members.iter().map(|(name, dependencies)| Manifest {
            name: (*name).to_owned(),
            dependencies: dependencies
                .iter()
                .map(|(name, kind)| Dependency { name: (*name).to_owned(), kind: *kind })
                .collect(),
            ..Manifest::default()
        });
        Workspace { manifests: manifests.collect(), ..Workspace::default() }
    }

    fn tree(name: &'static str, packages: &[&str], foreign: &[&str]) -> Workspace {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let trees = BTreeMap::from([(name, owned(packages))]);
        Workspace { trees, foreign: owned(foreign), ..Workspace::default() }
    }

    fn faults(findings: Vec<Finding>) -> Vec<String> {
        findings.into_iter().map(|finding| finding.fault).collect()
    }

    #[test]
    fn core_depends_on_no_member_but_in_its_tests() {
        let core = ("deltaglider-core", &[(TESTKIT, Kind::Development)][..]);
        assert_eq!(members(&workspace(&[core, (TESTKIT, &[(CORE, Kind::Normal)])])), []);
        let core = ("deltaglider-core", &[(TESTKIT, Kind::Normal)][..]);
        assert_eq!(faults(members(&workspace(&[core, (TESTKIT, &[])]))), ["depends on deltaglider-testkit"]);
    }

    #[test]
    fn adapters_do_not_know_each_other_even_in_tests() {
        for kind in [Kind::Normal, Kind::Build, Kind::Development] {
            let cache = ("deltaglider-cache", &[("deltaglider-keys", kind), (CORE, Kind::Normal)][..]);
            let members = members(&workspace(&[cache, ("deltaglider-keys", &[]), (CORE, &[])]));
            assert_eq!(faults(members), ["depends on deltaglider-keys"]);
        }
    }

    #[test]
    fn the_command_line_goes_through_the_client() {
        let cli = ("deltaglider-cli", &[("deltaglider", Kind::Normal), ("deltaglider-s3", Kind::Normal)][..]);
        let members = members(&workspace(&[cli, ("deltaglider", &[]), ("deltaglider-s3", &[])]));
        assert_eq!(faults(members), ["depends on deltaglider-s3"]);
    }

    #[test]
    fn a_new_member_needs_a_rule() {
        assert_eq!(faults(members(&workspace(&[("deltaglider-attic", &[])]))), ["is a member that no rule knows"]);
    }

    #[test]
    fn a_dependency_has_its_room() {
        for (name, owner) in OWNERS {
            assert_eq!(owners(&workspace(&[(owner[0], &[(name, Kind::Normal)])])), []);
            let elsewhere = owners(&workspace(&[("deltaglider", &[(name, Kind::Development)])]));
            assert_eq!(faults(elsewhere), [format!("names {name}")]);
        }
    }

    #[test]
    fn consumers_get_no_more_than_they_need() {
        let foreign = &["zstd-sys", "ring"];
        assert_eq!(trees(&tree("core", &["bytes", "zstd-sys"], foreign)), []);
        assert_eq!(faults(trees(&tree("core", &["ring"], foreign))), ["brings ring along"]);
        assert_eq!(faults(trees(&tree("core", &["clap"], foreign))), ["brings clap along"]);
        let aws = faults(trees(&tree("core, cache and keys", &["aws-smithy-types", "ring"], foreign)));
        assert_eq!(aws, ["brings aws-smithy-types along"]);
        assert_eq!(faults(trees(&tree("client", &["aws-sdk-s3", "indicatif"], foreign))), ["brings indicatif along"]);
    }
}
