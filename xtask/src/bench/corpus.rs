//! The files of the families, fetched or made once and kept under `target/corpus`.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::families::{self, Family, Origin};
use crate::random::Random;
use crate::{programs, registry};

/// Writes one member of a zip to standard output.
const UNZIP: &str = "import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))";

/// The files of a family, the reference first. Fetches what is not there; an error where one has not the known size.
pub(super) fn files(corpus: &Path, family: &Family) -> Result<Vec<PathBuf>> {
    let directory = corpus.join(family.name);
    fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let file = |(version, size): &(&str, u64)| {
        let path = directory.join(format!("{version}.{}", family.extension()));
        if !path.exists() {
            println!("making {}/{version}", family.name);
            make(corpus, family, version, &path).with_context(|| format!("{} {version}", family.name))?;
        }
        let found = fs::metadata(&path)?.len();
        ensure!(found == *size, "{} has {found} bytes where {size} are known: remove it", path.display());
        Ok(path)
    };
    family.versions.iter().map(file).collect()
}

/// Makes one file; it gets its name when it is whole.
fn make(corpus: &Path, family: &Family, version: &str, path: &Path) -> Result<()> {
    let place = path.with_extension("partial");
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::create_dir(&place)?;
    let draft = place.join("draft");
    let fetched = match family.origin {
        Origin::Wheel(package) => registry::wheel(&place, package, version)?,
        Origin::Sdist(package) => registry::sdist(&place, package, version)?,
        Origin::Npm(package) => registry::npm(&place, package, version)?,
        Origin::Crate(package) => registry::crate_archive(&place, package, version)?,
        Origin::Gunzipped(source) => {
            let packed = File::open(source_file(corpus, source, version)?)?;
            io::copy(&mut flate2::read::MultiGzDecoder::new(packed), &mut File::create(&draft)?)?;
            draft
        }
        Origin::Member(source, member) => {
            let zip = source_file(corpus, source, version)?;
            let mut unzip = Command::new("python3");
            unzip.args(["-c", UNZIP]).arg(zip).arg(member).stdout(File::create(&draft)?);
            programs::output(&mut unzip)?;
            draft
        }
        Origin::Table => {
            table(version.parse().context("a version of the table is a number")?, &draft)?;
            draft
        }
    };
    // Cargo's own cache may lie on another disk, and keeps its file.
    fs::copy(&fetched, place.join("whole"))?;
    fs::rename(place.join("whole"), path)?;
    Ok(fs::remove_dir_all(&place)?)
}

/// The file of the same version in the family that this one is derived from.
fn source_file(corpus: &Path, source: &str, version: &str) -> Result<PathBuf> {
    let family = families::family(source).with_context(|| format!("there is no family {source}"))?;
    let at = family.versions.iter().position(|(known, _)| *known == version);
    let at = at.with_context(|| format!("{source} has no version {version}"))?;
    Ok(files(corpus, family)?.swap_remove(at))
}

/// Writes a version of the table: with each, one row in a hundred of the earlier ones has another value, and 2000 are new.
fn table(version: u64, path: &Path) -> Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    writeln!(out, "time,station,temperature,pressure,humidity,note")?;
    for row in 0..90_000 + 2_000 * version {
        let mut values = Random::new(row);
        let changed = (2..=version).rev().find(|version| Random::new(row ^ version << 32).below(100) == 0);
        let mut newer = Random::new(row ^ changed.unwrap_or(0) << 48);
        let temperature = if changed.is_some() { newer.below(4000) } else { values.below(4000) };
        let note = ["", "", "", "", "calibrated", "battery low", "estimated"][values.below(7) as usize];
        let (hour, minute) = (row / 60 % 24, row % 60);
        writeln!(
            out,
            "2024-{:02}-{:02}T{hour:02}:{minute:02}:00Z,ST{:04},{:.2},{:.1},{},{note}",
            row / 40_320 % 12 + 1,
            row / 1440 % 28 + 1,
            values.below(120),
            temperature as f64 / 100.0 - 10.0,
            980.0 + values.below(600) as f64 / 10.0,
            values.below(100),
        )?;
    }
    Ok(out.flush()?)
}
