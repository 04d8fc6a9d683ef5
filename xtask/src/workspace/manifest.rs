//! What `cargo metadata` tells of the workspace's members.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

/// A member of the workspace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manifest {
    pub(crate) name: String,
    /// Of `Cargo.toml`, relative to the root.
    pub(crate) path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) description: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) repository: Option<String>,
    pub(crate) rust_version: Option<String>,
    pub(crate) edition: String,
    /// False where the manifest says `publish = false`.
    pub(crate) published: bool,
    /// True where the crate takes the lints of the workspace.
    pub(crate) inherits_lints: bool,
    /// Names of its features, without those that cargo makes for optional dependencies.
    pub(crate) features: Vec<String>,
    /// Kinds and names of its targets.
    pub(crate) targets: Vec<(String, String)>,
}

/// What a manifest names.
#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// When a dependency is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Build,
    Development,
}

impl Manifest {
    /// True where the crate has a library.
    pub(crate) fn is_library(&self) -> bool {
        self.targets.iter().any(|(kind, _)| kind == "lib")
    }

    /// True where the crate has a test target of this name.
    pub(crate) fn has_test(&self, name: &str) -> bool {
        self.targets.iter().any(|(kind, target)| kind == "test" && target == name)
    }
}

/// The members, by name.
pub(crate) fn members(root: &Path, metadata: &Value) -> Result<Vec<Manifest>> {
    let ids: BTreeSet<&str> = array(metadata, "workspace_members").filter_map(Value::as_str).collect();
    let packages =
        array(metadata, "packages").filter(|package| string(package, "id").is_some_and(|id| ids.contains(id)));
    let mut members = packages.map(|package| member(root, package)).collect::<Result<Vec<_>>>()?;
    members.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(members)
}

/// Packages that link a native library or are made to build one.
pub(crate) fn foreign(metadata: &Value) -> BTreeSet<String> {
    let packages = array(metadata, "packages");
    let foreign = packages.filter(|package| {
        let builds = array(package, "dependencies").any(|dependency| {
            string(dependency, "kind") == Some("build") && matches!(string(dependency, "name"), Some("cc" | "cmake"))
        });
        // `links` alone is also used to hand build results on, by crates that are all Rust.
        builds && package["links"].is_string()
    });
    foreign.filter_map(|package| string(package, "name")).map(ToOwned::to_owned).collect()
}

fn member(root: &Path, package: &Value) -> Result<Manifest> {
    let owned = |name| string(package, name).map(ToOwned::to_owned);
    let absolute = owned("manifest_path").context("a package without a manifest")?;
    let text = fs::read_to_string(&absolute).with_context(|| format!("cannot read {absolute}"))?;
    let dependencies = array(package, "dependencies").filter_map(|dependency| {
        let kind = match string(dependency, "kind") {
            Some("dev") => Kind::Development,
            Some("build") => Kind::Build,
            _ => Kind::Normal,
        };
        Some(Dependency { name: string(dependency, "name")?.to_owned(), kind })
    });
    let features = package["features"].as_object().into_iter().flatten();
    let targets = array(package, "targets").flat_map(|target| {
        let name = string(target, "name").unwrap_or_default();
        array(target, "kind").filter_map(Value::as_str).map(move |kind| (kind.to_owned(), name.to_owned()))
    });
    Ok(Manifest {
        name: owned("name").context("a package without a name")?,
        path: Path::new(&absolute).strip_prefix(root).unwrap_or(Path::new(&absolute)).to_path_buf(),
        dependencies: dependencies.collect(),
        description: owned("description"),
        license: owned("license"),
        repository: owned("repository"),
        rust_version: owned("rust_version"),
        edition: owned("edition").unwrap_or_default(),
        published: package["publish"].is_null(),
        inherits_lints: text.replace(' ', "").contains("[lints]\nworkspace=true"),
        features: features.map(|(name, _)| name.clone()).collect(),
        targets: targets.collect(),
    })
}

fn array<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

fn string<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value[name].as_str()
}
