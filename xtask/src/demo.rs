//! The main job on real input: five releases, stored in a local directory for little more than the price of one, and given back
//! byte for byte.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::folder::size_of;
use crate::programs::{deltaglider, shown};
use crate::registry;

/// A crate without dependencies, whose releases are of a size that shows something.
const CRATE: &str = "libc";
const VERSIONS: [&str; 5] = ["0.2.170", "0.2.171", "0.2.172", "0.2.173", "0.2.174"];

/// Stores the files that are named, or the releases, with the project's own binary; an error where one does not come back.
pub(crate) fn run(root: &Path, files: Vec<PathBuf>) -> Result<()> {
    let place = root.join("target/demo");
    let store = place.join("store");
    for old in [&store, &place.join("back")] {
        if old.exists() {
            fs::remove_dir_all(old).with_context(|| format!("cannot remove {}", old.display()))?;
        }
    }
    let files = if files.is_empty() { releases(&place)? } else { files };
    let program = deltaglider(root)?;
    let url = format!("file://{}", store.display());
    let run = |arguments: &[&OsStr]| {
        let mut command = Command::new(&program);
        command.args(arguments).current_dir(&place);
        println!("\n$ {}", shown(&command));
        let status = command.status().with_context(|| format!("cannot start {}", program.display()))?;
        ensure!(status.success(), "{} failed ({status})", shown(&command));
        Ok(())
    };
    let space = format!("{url}/releases/");
    run(&["mb".as_ref(), url.as_ref()])?;
    for file in &files {
        run(&["cp".as_ref(), file.as_os_str(), space.as_ref()])?;
    }
    run(&["ls".as_ref(), space.as_ref(), "--summarize".as_ref()])?;
    run(&["cp".as_ref(), space.as_ref(), "back".as_ref(), "--recursive".as_ref()])?;
    report(&files, &place.join("back"), &store)
}

/// Fetches the releases through cargo and unpacks each to the tar that was published.
fn releases(place: &Path) -> Result<Vec<PathBuf>> {
    let directory = place.join(CRATE);
    fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    VERSIONS
        .iter()
        .map(|version| {
            let tar = directory.join(format!("{CRATE}-{version}.tar"));
            if !tar.exists() {
                println!("fetching {CRATE} {version}");
                unpack(&registry::crate_archive(&directory, CRATE, version)?, &tar)?;
            }
            Ok(tar)
        })
        .collect()
}

fn unpack(archive: &Path, tar: &Path) -> Result<()> {
    let packed = File::open(archive).with_context(|| format!("cannot open {}", archive.display()))?;
    let partial = tar.with_extension("partial");
    io::copy(&mut flate2::read::GzDecoder::new(packed), &mut File::create(&partial)?)
        .with_context(|| format!("cannot unpack {}", archive.display()))?;
    Ok(fs::rename(partial, tar)?)
}

fn report(files: &[PathBuf], back: &Path, store: &Path) -> Result<()> {
    let mut original = 0;
    for file in files {
        let name = file.file_name().with_context(|| format!("{} has no name", file.display()))?;
        let returned = back.join(name);
        ensure!(same(file, &returned)?, "{} did not come back as it was", file.display());
        original += fs::metadata(file)?.len();
    }
    let stored = size_of(store)?;
    let first = files.first().map(fs::metadata).transpose()?.map_or(0, |metadata| metadata.len());
    println!("\n{} files came back byte for byte", files.len());
    println!("stored as they are     {original:>12} bytes");
    println!("in the store           {stored:>12} bytes, {:.1} %", 100.0 * stored as f64 / original as f64);
    println!("the first one alone    {first:>12} bytes");
    Ok(())
}

fn same(a: &Path, b: &Path) -> Result<bool> {
    let open = |path: &Path| File::open(path).with_context(|| format!("cannot open {}", path.display()));
    let (mut a, mut b) = (open(a)?, open(b)?);
    let (mut first, mut second) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    loop {
        let read = a.read(&mut first)?;
        if read == 0 {
            return Ok(b.read(&mut second)? == 0);
        }
        if b.read_exact(&mut second[..read]).is_err() || first[..read] != second[..read] {
            return Ok(false);
        }
    }
}
