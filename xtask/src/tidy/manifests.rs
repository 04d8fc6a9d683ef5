//! What the manifest of every member says.

use super::Finding;
use crate::workspace::{Manifest, Workspace};

/// The licence of every crate, as an SPDX expression.
const LICENCE: &str = "MIT OR Apache-2.0";

/// Every crate is under the same licence.
pub(super) fn licences(workspace: &Workspace) -> Vec<Finding> {
    let other = workspace.manifests.iter().filter(|manifest| manifest.license.as_deref() != Some(LICENCE));
    other
        .map(|manifest| finding("licence", manifest, format!("is not under {LICENCE}"), "license.workspace = true"))
        .collect()
}

/// Every crate says which Rust it needs, and clippy holds it to that.
pub(super) fn rust_versions(workspace: &Workspace) -> Vec<Finding> {
    let expected = workspace.clippy_msrv.as_deref();
    let mut findings = Vec::new();
    for manifest in &workspace.manifests {
        if manifest.rust_version.is_none() || manifest.rust_version.as_deref() != expected {
            let said = manifest.rust_version.as_deref().unwrap_or("nothing");
            let clippy = expected.unwrap_or("nothing");
            findings.push(finding(
                "msrv",
                manifest,
                format!("says {said} of the Rust that it needs, and .clippy.toml {clippy}"),
                "rust-version.workspace = true, and the same version as `msrv` in .clippy.toml",
            ));
        }
        if manifest.edition != "2024" {
            findings.push(finding("msrv", manifest, "is not of edition 2024".to_owned(), "edition.workspace = true"));
        }
    }
    findings
}

/// Every crate takes the lints of the workspace.
pub(super) fn lints(workspace: &Workspace) -> Vec<Finding> {
    let without = workspace.manifests.iter().filter(|manifest| !manifest.inherits_lints);
    without
        .map(|manifest| {
            finding("lints", manifest, "has lints of its own, or none".to_owned(), "[lints] workspace = true")
        })
        .collect()
}

/// A crate that is published says what it is and where it comes from.
pub(super) fn fields(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in workspace.manifests.iter().filter(|manifest| manifest.published) {
        for (name, field) in [("description", &manifest.description), ("repository", &manifest.repository)] {
            if field.as_deref().is_none_or(str::is_empty) {
                let fix = format!("add `{name}`, or publish = false");
                findings.push(finding("package-fields", manifest, format!("has no {name}"), &fix));
            }
        }
    }
    findings
}

fn finding(rule: &'static str, manifest: &Manifest, fault: String, fix: &str) -> Finding {
    Finding { rule, place: manifest.path.display().to_string(), fault, fix: fix.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Manifest {
        let some = |text: &str| Some(text.to_owned());
        Manifest {
            description: some("A crate"),
            license: some(LICENCE),
            repository: some("https://example.com"),
            rust_version: some("1.94.1"),
            edition: "2024".to_owned(),
            published: true,
            inherits_lints: true,
            ..Manifest::default()
        }
    }

    fn all(manifest: Manifest) -> Vec<&'static str> {
        let clippy_msrv = Some("1.94.1".to_owned());
        let workspace = Workspace { manifests: vec![manifest], clippy_msrv, ..Workspace::default() };
        let rules = [licences, rust_versions, lints, fields];
        rules.iter().flat_map(|rule| rule(&workspace)).map(|finding| finding.rule).collect()
    }

    #[test]
    fn every_field_is_looked_at() {
        assert!(all(good()).is_empty());
        assert_eq!(all(Manifest { license: None, ..good() }), ["licence"]);
        assert_eq!(all(Manifest { license: Some("MIT".to_owned()), ..good() }), ["licence"]);
        assert_eq!(all(Manifest { rust_version: None, ..good() }), ["msrv"]);
        assert_eq!(all(Manifest { rust_version: Some("1.80".to_owned()), ..good() }), ["msrv"]);
        assert_eq!(all(Manifest { edition: "2021".to_owned(), ..good() }), ["msrv"]);
        assert_eq!(all(Manifest { inherits_lints: false, ..good() }), ["lints"]);
        assert_eq!(all(Manifest { description: None, ..good() }), ["package-fields"]);
        assert_eq!(all(Manifest { repository: None, ..good() }), ["package-fields"]);
    }

    #[test]
    fn what_is_not_published_needs_no_description() {
        assert!(all(Manifest { published: false, description: None, repository: None, ..good() }).is_empty());
    }
}
