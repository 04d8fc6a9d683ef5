//! Random pairs of files, their deltas made by `xdelta3` and by the codec `vcdiff`, and each read by both.

mod content;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use clap::Parser;

use self::content::Content;
use crate::ci::Outcome;
use crate::programs::{built, cargo, output, shown};
use crate::random::Random;

/// What the user asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Parser)]
pub(crate) struct Arguments {
    /// How many pairs
    #[arg(long, value_name = "N", default_value = "500", value_parser = clap::value_parser!(u64).range(1..))]
    pairs: u64,
    /// Where the random numbers begin
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
}

/// A few pairs, where xdelta3 is installed.
pub(crate) fn check(root: &Path) -> Result<Outcome> {
    if version().is_err() {
        return Ok(Outcome::Skipped("xdelta3 is not installed".to_owned()));
    }
    Ok(if run(root, Arguments { pairs: 25, seed: 2 })? { Outcome::Passed } else { Outcome::Failed })
}

fn version() -> Result<String> {
    let version = Command::new("xdelta3").arg("-V").stdin(Stdio::null()).output();
    let version = version.context("xdelta3 is not installed: apt-get install xdelta3")?;
    let text = String::from_utf8_lossy(&[version.stdout, version.stderr].concat()).into_owned();
    Ok(text.split(',').next().unwrap_or_default().to_owned())
}

/// What became of all pairs.
#[derive(Debug, Default)]
struct Tally {
    bytes: u64,
    packed: u64,
    /// Bytes of deltas.
    ours: u64,
    theirs: u64,
    /// Deltas of xdelta3 that neither reads.
    unreadable: u64,
    failures: Vec<String>,
}

/// Tries every pair, and goes on past one that fails; false where one did.
pub(crate) fn run(root: &Path, arguments: Arguments) -> Result<bool> {
    let version = version()?;
    let mut build = cargo(root);
    build.args(["build", "--release", "--locked", "--package", "deltaglider-codec", "--example", "delta"]);
    let place = root.join("target/xdelta");
    fs::create_dir_all(&place)?;
    let pair = Pair { program: built(&mut build)?, place };
    let mut tally = Tally::default();
    for number in 0..arguments.pairs {
        pair.try_one(arguments.seed, number, &mut tally)?;
        if number % 50 == 49 {
            println!("xdelta: {} pairs, {} failed", number + 1, tally.failures.len());
        }
    }
    tally.failures.iter().for_each(|failure| println!("xdelta: {failure}"));
    let Tally { bytes, packed, ours, theirs, unreadable, failures } = tally;
    println!(
        "xdelta: {} pairs of seed {}, {packed} of them packed, {bytes} bytes of target: deltas of {ours} bytes by vcdiff, of {theirs} \
         by {version}; {unreadable} by xdelta3 that neither reads; {} failed",
        arguments.pairs,
        arguments.seed,
        failures.len()
    );
    Ok(failures.is_empty())
}

/// The files of a pair, which each pair writes anew.
struct Pair {
    program: PathBuf,
    place: PathBuf,
}

impl Pair {
    fn file(&self, name: &str) -> PathBuf {
        self.place.join(name)
    }

    fn try_one(&self, seed: u64, number: u64, tally: &mut Tally) -> Result<()> {
        let mut random = Random::new(seed.wrapping_mul(1_000_003).wrapping_add(number));
        let Content { reference, target } = Content::random(&mut random);
        fs::write(self.file("reference"), reference)?;
        fs::write(self.file("target"), target)?;
        let options = options(&mut random);
        let packed = !options.contains(&"-D".to_owned()) && random.below(3) == 0 && self.pack(&mut random)?;
        tally.packed += u64::from(packed);
        let target = fs::read(self.file("target"))?;
        tally.bytes += target.len() as u64;
        let mut fail = |what: &str, why: String| {
            let failure = format!("pair {number}, {} bytes, {}: {what}: {why}", target.len(), options.join(" "));
            println!("xdelta: {failure}");
            tally.failures.push(failure);
        };

        let made = self.xdelta3("-e", &options, ["target", "theirs"])?;
        ensure!(made, "xdelta3 -e {} failed at pair {number}", options.join(" "));
        tally.theirs += fs::metadata(self.file("theirs"))?.len();
        let read = self.xdelta3("-d", &[], ["theirs", "given"])? && fs::read(self.file("given"))? == target;
        match self.decode("theirs", target.len()) {
            Ok(()) if fs::read(self.file("given"))? == target => {}
            _ if !read => {
                println!("xdelta: pair {number}, {}: read by neither", options.join(" "));
                tally.unreadable += 1;
            }
            Ok(()) => fail("vcdiff reads xdelta3", "other bytes".to_owned()),
            Err(error) => fail("vcdiff reads xdelta3", format!("{error:#}")),
        }

        let mut encode = Command::new(&self.program);
        encode.args(["encode", "vcdiff", "default"]).args(["reference", "target", "ours"].map(|name| self.file(name)));
        output(&mut encode)?;
        tally.ours += fs::metadata(self.file("ours"))?.len();
        if !self.xdelta3("-d", &[], ["ours", "given"])? || fs::read(self.file("given"))? != target {
            fail("xdelta3 reads vcdiff", "other bytes, or none".to_owned());
        }
        match self.decode("ours", target.len()) {
            Ok(()) if fs::read(self.file("given"))? == target => {}
            Ok(()) => fail("vcdiff reads vcdiff", "other bytes".to_owned()),
            Err(error) => fail("vcdiff reads vcdiff", format!("{error:#}")),
        }
        Ok(())
    }

    /// Packs both files by a program, as through a pipe; false where it is not installed.
    fn pack(&self, random: &mut Random) -> Result<bool> {
        let program = ["gzip", "bzip2", "xz"][random.below(3) as usize];
        for name in ["reference", "target"] {
            let input = fs::File::open(self.file(name))?;
            let mut cat = Command::new("cat").stdin(input).stdout(Stdio::piped()).spawn()?;
            let pipe = cat.stdout.take().context("it is piped")?;
            let packed = Command::new(program).arg("-c").stdin(pipe).output();
            cat.wait()?;
            let Ok(packed) = packed else { return Ok(false) };
            ensure!(packed.status.success(), "{program} failed");
            fs::write(self.file(name), packed.stdout)?;
        }
        Ok(true)
    }

    /// Calls xdelta3 with the reference as its source; false where it fails.
    fn xdelta3(&self, action: &str, options: &[String], files: [&str; 2]) -> Result<bool> {
        let mut command = Command::new("xdelta3");
        command.args([action, "-f"]).args(options).arg("-s").arg(self.file("reference"));
        command.args(files.map(|name| self.file(name))).stdin(Stdio::null()).stdout(Stdio::null());
        let status = command.stderr(Stdio::null()).status();
        Ok(status.with_context(|| format!("cannot start {}", shown(&command)))?.success())
    }

    fn decode(&self, delta: &str, size: usize) -> Result<()> {
        let mut decode = Command::new(&self.program);
        decode.args(["decode", "vcdiff", "default"]).args(["reference", delta].map(|name| self.file(name)));
        output(decode.arg(size.to_string()).arg(self.file("given"))).map(drop)
    }
}

/// Options of `xdelta3 -e`.
fn options(random: &mut Random) -> Vec<String> {
    let mut options = vec![format!("-{}", [1, 6, 9][random.below(3) as usize])];
    options.extend(["-S".to_owned(), ["none", "djw", "fgk", "lzma"][random.below(4) as usize].to_owned()]);
    for flag in ["-D", "-n", "-N"] {
        if random.below(2) == 0 {
            options.push(flag.to_owned());
        }
    }
    // Bytes of a window, and of the source that is kept in memory.
    for (flag, least, most) in [("-W", 14, 24), ("-B", 19, 26)] {
        if random.below(2) == 0 {
            options.extend([flag.to_owned(), (1_u64 << (least + random.below(most - least + 1))).to_string()]);
        }
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments> {
        Ok(Arguments::try_parse_from(format!("xdelta {line}").split_whitespace())?)
    }

    #[test]
    fn what_is_asked_for_is_read() {
        assert_eq!(parse("").expect("read"), Arguments { pairs: 500, seed: 1 });
        assert_eq!(parse("--pairs 3 --seed 9").expect("read"), Arguments { pairs: 3, seed: 9 });
        for wrong in ["--pairs", "--pairs x", "--pairs 0", "3"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn options_are_of_every_kind() {
        let all: Vec<String> = (0..200).flat_map(|seed| options(&mut Random::new(seed))).collect();
        for option in ["none", "djw", "fgk", "lzma", "-D", "-n", "-N", "-W", "-B", "16384", "16777216", "-1", "-9"] {
            assert!(all.iter().any(|other| other == option), "{option}");
        }
    }
}
