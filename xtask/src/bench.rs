//! Measures the codecs beside their peers, on release families as their publishers made them.
//!
//! Every program makes a delta of every target and gives it back, in turn and one process a time; what comes back is
//! compared by SHA-256. The report is written to `target/bench/report.md`.

mod coder;
mod corpus;
mod earlier;
mod families;
mod machine;
mod measure;
mod report;

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Parser;

use self::coder::Coder;
use self::earlier::Earlier;
use self::families::FAMILIES;
use self::measure::Cost;
use self::report::Row;

/// Between these lines of the front page stands the summary.
const BEGIN: &str = "<!-- bench: begin -->";
const END: &str = "<!-- bench: end -->";

/// What the user asks for.
#[derive(Clone, Debug, PartialEq, Eq, Parser)]
pub(crate) struct Arguments {
    /// How often everything is measured; figures are medians
    #[arg(long, value_name = "N", default_value = "1")]
    rounds: NonZero<usize>,
    /// Codecs to measure
    #[arg(long = "codec", value_name = "NAME", default_value = "dgd1")]
    codecs: Vec<String>,
    /// Efforts to measure them at
    #[arg(long = "effort", value_name = "NAME", default_value = "default")]
    efforts: Vec<String>,
    /// With the slow peers
    #[arg(long)]
    full: bool,
    /// With the earlier tool, which is slow as well
    #[arg(long)]
    python: bool,
    /// Update the front page
    #[arg(long)]
    write: bool,
    /// Only name the families
    #[arg(long)]
    list: bool,
    /// Names of families, or directories with versions of something else; all families where there are none
    #[arg(value_name = "FAMILY")]
    chosen: Vec<String>,
}

/// Measures what is asked for; false where a codec of this project did not give a target back.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<bool> {
    if arguments.list {
        for family in &FAMILIES {
            let kind = if family.is_plain() { "not compressed" } else { "compressed" };
            println!("{:<16} {} versions, {kind}", family.name, family.versions.len());
        }
        return Ok(true);
    }
    let place = root.join("target/bench");
    fs::create_dir_all(&place).with_context(|| format!("cannot make {}", place.display()))?;
    let families = chosen(&root.join("target/corpus"), &arguments.chosen)?;
    let mut coders = Coder::ours(root, &arguments.codecs, &arguments.efforts)?;
    let (peers, mut remarks) = Coder::peers(arguments.full);
    coders.extend(peers);
    let earlier = match arguments.python.then(|| Earlier::start(root)).transpose()? {
        Some(Ok(earlier)) => Some(earlier),
        Some(Err(reason)) => {
            remarks.push(format!("the earlier tool is not measured: {reason}"));
            None
        }
        None => None,
    };
    remarks.iter().for_each(|remark| println!("bench: {remark}"));

    let facts = machine::facts(&coders, arguments.rounds.get());
    let path = place.join("report.md");
    let mut rows = Vec::new();
    for (family, files) in &families {
        println!("bench: {family}");
        rows.extend(measure_family(&place, family, files, &coders, earlier.as_ref(), arguments.rounds.get())?);
        // After each family, since all of them take long.
        fs::write(&path, report::report(&facts, &remarks, &rows))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!("\n{}\nwritten to {}", report::report(&facts, &remarks, &rows), path.display());
    if arguments.write {
        update(&root.join("README.md"), &report::summary(&rows))?;
    }
    Ok(rows.iter().all(|row| row.exact || !row.ours))
}

/// The families by name, with their files; a directory is a family of its files, by name.
fn chosen(corpus: &Path, names: &[String]) -> Result<Vec<(String, Vec<PathBuf>)>> {
    let all = FAMILIES.iter().filter(|_| names.is_empty());
    let names = names.iter().map(String::as_str).chain(all.map(|family| family.name));
    let family = |name: &str| {
        if let Some(family) = families::family(name) {
            return Ok((name.to_owned(), corpus::files(corpus, family)?));
        }
        let entries = fs::read_dir(name).with_context(|| format!("{name:?} is no family and no directory"))?;
        let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        files.retain(|path| path.is_file());
        files.sort();
        ensure!(files.len() > 1, "{name} holds no reference and target");
        let label = Path::new(name).file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok((label, files))
    };
    names.map(family).collect()
}

/// Measures one family: in each round every program takes its turn at every target.
fn measure_family(
    place: &Path,
    family: &str,
    files: &[PathBuf],
    coders: &[Coder],
    earlier: Option<&Earlier>,
    rounds: usize,
) -> Result<Vec<Row>> {
    let (reference, targets) = files.split_first().context("a family has a reference")?;
    let (delta, back, log) = (place.join("delta"), place.join("back"), place.join("said"));
    let mut prepared = Vec::new();
    for (number, coder) in coders.iter().enumerate() {
        let form = place.join(format!("prepared-{number}"));
        match coder.prepare(reference, &form) {
            None => prepared.push(reference.clone()),
            Some(mut command) => {
                let cost = measure::run(&mut command, &log)?;
                let (cpu, peak) = (cost.cpu.as_secs_f64(), cost.peak >> 20);
                println!(
                    "bench: {family}: {} prepares the reference in {cpu:.2} s of CPU and {peak} MiB",
                    coder.name()
                );
                prepared.push(form);
            }
        }
    }
    let mut rows = Vec::new();
    for target in targets {
        let (original, digest) = (fs::metadata(target)?.len(), measure::digest(target)?);
        let mut taken: Vec<(Row, Vec<Cost>, Vec<Cost>)> = Vec::new();
        let names = coders.iter().map(|coder| (coder.name(), coder.is_ours()));
        for (coder, ours) in names.chain(earlier.map(|_| (Earlier::name(), false))) {
            let row = Row {
                family: family.to_owned(),
                target: stem(target),
                coder,
                ours,
                original,
                delta: 0,
                encode: Cost::default(),
                decode: Cost::default(),
                exact: true,
                parts: BTreeMap::new(),
            };
            taken.push((row, Vec::new(), Vec::new()));
        }
        for round in 0..rounds {
            for ((coder, reference), (row, encode, decode)) in coders.iter().zip(&prepared).zip(&mut taken) {
                encode.push(measure::run(&mut coder.encode(reference, target, &delta), &log)?);
                row.delta = fs::metadata(&delta)?.len();
                row.parts = coder.parts(&log)?;
                let cost = measure::run(&mut coder.decode(reference, &delta, original, &back), &log);
                take(row, decode, cost, &back, &digest)?;
            }
            if let (Some(earlier), Some((row, encode, decode))) = (earlier, taken.last_mut()) {
                // A space of its own for each target and round, so that the same reference is made each time.
                let space = format!("{family}/{}-{round}", row.target);
                let named = |file: &Path| earlier::known_name(&stem(file), extension(file));
                earlier.put(reference, &space, &named(reference), &log)?;
                encode.push(earlier.put(target, &space, &named(target), &log)?);
                row.delta = earlier.stored(&space, &named(target))?;
                take(row, decode, earlier.get(&space, &named(target), &back, &log), &back, &digest)?;
            }
        }
        for (mut row, encode, decode) in taken {
            (row.encode, row.decode) = (measure::median(&encode), measure::median(&decode));
            rows.push(row);
        }
    }
    let forms = prepared.into_iter().filter(|form| form != reference);
    for left in [delta, back, log].into_iter().chain(forms) {
        let _ = fs::remove_file(left);
    }
    Ok(rows)
}

/// Takes what decoding cost, and whether the target came back. A peer that fails did not give it back.
fn take(row: &mut Row, decode: &mut Vec<Cost>, cost: Result<Cost>, back: &Path, digest: &[u8; 32]) -> Result<()> {
    match cost {
        Ok(cost) => {
            decode.push(cost);
            row.exact &= measure::digest(back)? == *digest;
        }
        Err(error) if row.ours => return Err(error),
        Err(error) => {
            println!("bench: {error:#}");
            row.exact = false;
        }
    }
    if back.exists() {
        fs::remove_file(back)?;
    }
    Ok(())
}

/// The name of a version: the file's, up to its extension.
fn stem(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    name.strip_suffix(&format!(".{}", extension(file))).map(str::to_owned).unwrap_or(name)
}

/// The extension of a file, with a `tar.` before it.
fn extension(file: &Path) -> &str {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if name.ends_with(".tar.gz") { "tar.gz" } else { name.rsplit_once('.').map_or("", |(_, extension)| extension) }
}

/// Puts the summary on the front page.
fn update(page: &Path, summary: &str) -> Result<()> {
    let text = fs::read_to_string(page).with_context(|| format!("cannot read {}", page.display()))?;
    let text = report::between(&text, BEGIN, END, summary)
        .with_context(|| format!("{} has no lines {BEGIN} and {END}", page.display()))?;
    fs::write(page, text).with_context(|| format!("cannot write {}", page.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Arguments> {
        Ok(Arguments::try_parse_from([&["bench"], words].concat())?)
    }

    #[test]
    fn nothing_is_needed() {
        let parsed = parse(&[]).expect("it is fine");
        assert_eq!(
            (parsed.rounds.get(), parsed.codecs, parsed.efforts),
            (1, vec!["dgd1".into()], vec!["default".into()])
        );
        assert!(!(parsed.full || parsed.python || parsed.write || parsed.list));
    }

    #[test]
    fn arguments_are_read() {
        let words = "numpy --rounds 3 --codec zstd --full --effort fast --effort max --python --write /tmp/x";
        let parsed = parse(&words.split(' ').collect::<Vec<_>>()).expect("it is fine");
        assert_eq!((parsed.rounds.get(), parsed.efforts.len()), (3, 2));
        assert_eq!(parsed.chosen, ["numpy", "/tmp/x"]);
        assert!(parsed.full && parsed.python && parsed.write);
    }

    #[test]
    fn bad_arguments_are_named() {
        for words in [&["--rounds"][..], &["--rounds", "x"], &["--rounds", "0"], &["--codec"], &["--fill"]] {
            assert!(parse(words).is_err(), "{words:?}");
        }
        assert!(chosen(Path::new("nowhere"), &["no-such-family".to_owned()]).is_err());
    }

    #[test]
    fn a_version_is_a_name_without_its_extension() {
        let parts = |name: &'static str| (stem(Path::new(name)), extension(Path::new(name)));
        assert_eq!(parts("a/1.26.0.whl"), ("1.26.0".to_owned(), "whl"));
        assert_eq!(parts("a/1.43.100.tar.gz"), ("1.43.100".to_owned(), "tar.gz"));
        assert_eq!(parts("dump"), ("dump".to_owned(), ""));
    }

    #[test]
    fn the_front_page_has_a_place_for_the_summary() {
        let page = fs::read_to_string(crate::workspace::root().join("README.md")).expect("there is a front page");
        assert!(report::between(&page, BEGIN, END, "").is_some());
    }
}
