//! What the checks look at: sources, manifests, pages and dependency trees, read once.

mod manifest;
mod page;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

#[cfg(test)]
pub(crate) use self::manifest::Dependency;
pub(crate) use self::manifest::{Kind, Manifest};
pub(crate) use self::page::Page;
pub(crate) use self::source::Source;
use crate::programs;

/// The tree of the workspace, as the checks see it.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    /// Every Rust file, by path.
    pub(crate) sources: Vec<Source>,
    /// The manifest of every member.
    pub(crate) manifests: Vec<Manifest>,
    /// Every Markdown page, by path.
    pub(crate) pages: Vec<Page>,
    /// Every file and folder, relative to the root.
    pub(crate) paths: BTreeSet<PathBuf>,
    /// The packages that a consumer of the named crates gets, with the crates' default features.
    pub(crate) trees: BTreeMap<&'static str, BTreeSet<String>>,
    /// Packages that build or link code in another language.
    pub(crate) foreign: BTreeSet<String>,
    /// The `msrv` that clippy holds the sources to.
    pub(crate) clippy_msrv: Option<String>,
}

/// Trees that have rules of their own: their name, and the crates that a consumer names.
const TREES: [(&str, &[&str]); 3] = [
    ("core", &["deltaglider-core"]),
    ("core, cache and keys", &["deltaglider-core", "deltaglider-cache", "deltaglider-keys"]),
    ("client", &["deltaglider"]),
];

impl Workspace {
    /// Reads the workspace at `root`. Asks cargo for the manifests and the trees.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut workspace = Self::default();
        walk(root, Path::new(""), &mut workspace.paths)?;
        for path in &workspace.paths {
            let text =
                || fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {}", path.display()));
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("rs") => workspace.sources.push(Source::new(path.clone(), text()?)),
                Some("md") => workspace.pages.push(Page::new(path.clone(), &text()?)),
                _ => {}
            }
        }
        workspace.clippy_msrv = clippy_msrv(root);
        let mut metadata = programs::cargo(root);
        metadata.args(["metadata", "--format-version", "1", "--locked", "--filter-platform", &host(root)?]);
        let metadata = serde_json::from_str(&programs::output(&mut metadata)?).context("cargo metadata")?;
        workspace.manifests = manifest::members(root, &metadata)?;
        workspace.foreign = manifest::foreign(&metadata);
        for (name, crates) in TREES {
            let mut tree = programs::cargo(root);
            tree.args(["tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}"]);
            tree.args(crates.iter().flat_map(|package| ["--package", package]));
            let packages = programs::output(&mut tree)?;
            let names = packages.lines().filter_map(|line| line.split_whitespace().next());
            workspace.trees.insert(name, names.map(ToOwned::to_owned).collect());
        }
        Ok(workspace)
    }
}

/// The folder of the workspace that this program was built from.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Adds everything under `folder`, except for what a build or a version control system left.
fn walk(root: &Path, folder: &Path, paths: &mut BTreeSet<PathBuf>) -> Result<()> {
    let shown = root.join(folder);
    let entries = fs::read_dir(&shown).with_context(|| format!("cannot list {}", shown.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if name == "target" || name == ".git" {
            continue;
        }
        let path = folder.join(name);
        if entry.file_type()?.is_dir() {
            walk(root, &path, paths)?;
        }
        paths.insert(path);
    }
    Ok(())
}

fn host(root: &Path) -> Result<String> {
    let mut rustc = std::process::Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let version = programs::output(rustc.current_dir(root).arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(ToOwned::to_owned).context("rustc does not say which host it is for")
}

fn clippy_msrv(root: &Path) -> Option<String> {
    let settings = fs::read_to_string(root.join(".clippy.toml")).ok()?;
    let value = settings.lines().find_map(|line| line.strip_prefix("msrv"))?;
    Some(value.trim_start_matches([' ', '=']).trim().trim_matches('"').to_owned())
}
