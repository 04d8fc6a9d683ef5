//! The programs that make deltas: the codecs of this project, and their peers as users would call them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::programs::{built, cargo};

/// The example that runs one codec over two files.
const EXAMPLE: &str = "delta";

/// A program that makes a delta and gives the target back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Coder {
    /// A codec of this project at one effort.
    Ours { program: PathBuf, codec: String, effort: String },
    /// `xdelta3` without its own handling of compressed input, which does not give every file back.
    Xdelta3,
    /// `zstd` with the reference as prefix.
    Zstd { level: u32 },
}

impl Coder {
    /// Every peer that is installed here, and a line for each one that is not.
    pub(super) fn peers(full: bool) -> (Vec<Self>, Vec<String>) {
        let mut wanted = vec![Self::Xdelta3, Self::Zstd { level: 9 }];
        if full {
            wanted.push(Self::Zstd { level: 19 });
        }
        let (here, missing): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|peer| peer.version().is_some());
        let line = |peer: &Self| format!("{} is not measured: install {}", peer.name(), peer.command());
        let lines = missing.iter().map(line).collect();
        (here, lines)
    }

    /// The codecs in the order given, with the program built that runs them.
    pub(super) fn ours(root: &Path, codecs: &[String], efforts: &[String]) -> Result<Vec<Self>> {
        let mut build = cargo(root);
        build.args(["build", "--release", "--locked", "--package", "deltaglider-codec", "--example", EXAMPLE]);
        let program = built(&mut build)?;
        let pairs = codecs.iter().flat_map(|codec| efforts.iter().map(move |effort| (codec, effort)));
        let ours = |(codec, effort): (&String, &String)| Self::Ours {
            program: program.clone(),
            codec: codec.clone(),
            effort: effort.clone(),
        };
        Ok(pairs.map(ours).collect())
    }

    /// How a table calls it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Ours { codec, effort, .. } if effort == "default" => format!("**{codec}**"),
            Self::Ours { codec, effort, .. } => format!("**{codec}**, {effort}"),
            Self::Xdelta3 => "`xdelta3 -D -R -9`".to_owned(),
            Self::Zstd { level: 19 } => "`zstd -19 --patch-from --long=31`".to_owned(),
            Self::Zstd { level } => format!("`zstd -{level} --patch-from`"),
        }
    }

    pub(super) fn is_ours(&self) -> bool {
        matches!(self, Self::Ours { .. })
    }

    /// The program that is started.
    pub(super) fn command(&self) -> &str {
        match self {
            Self::Ours { .. } => EXAMPLE,
            Self::Xdelta3 => "xdelta3",
            Self::Zstd { .. } => "zstd",
        }
    }

    /// What a peer says of itself; nothing where it is not installed.
    pub(super) fn version(&self) -> Option<String> {
        let flag = match self {
            Self::Ours { .. } => return None,
            Self::Xdelta3 => "-V",
            Self::Zstd { .. } => "--version",
        };
        let said = Command::new(self.command()).arg(flag).stdin(Stdio::null()).output().ok()?;
        let said = [said.stdout, said.stderr].concat();
        Some(version_in(&String::from_utf8_lossy(&said)).unwrap_or("of an unknown version").to_owned())
    }

    /// Writes the reference as our codec keeps it ready in the cache.
    pub(super) fn prepare(&self, reference: &Path, prepared: &Path) -> Option<Command> {
        let Self::Ours { program, codec, effort } = self else { return None };
        let mut command = Command::new(program);
        command.args(["prepare", codec, effort]).arg(reference).arg(prepared);
        Some(command)
    }

    /// Writes the delta of a target; to our codecs the reference is given as it was prepared.
    pub(super) fn encode(&self, reference: &Path, target: &Path, delta: &Path) -> Command {
        let mut command = match self {
            Self::Ours { program, codec, effort } => {
                let mut command = Command::new(program);
                command.args(["encode", codec, effort]).arg(ready(reference));
                command
            }
            Self::Xdelta3 => {
                let mut command = Command::new("xdelta3");
                command.args(["-D", "-R", "-9", "-e", "-f", "-s"]).arg(reference);
                command
            }
            Self::Zstd { level } => {
                let mut command = Command::new("zstd");
                command.arg(format!("-{level}")).args(["-q", "-f"]);
                if *level == 19 {
                    command.arg("--long=31");
                }
                command.arg(format!("--patch-from={}", reference.display())).arg(target).arg("-o").arg(delta);
                return command;
            }
        };
        command.arg(target).arg(delta);
        command
    }

    /// Writes the target of a delta.
    pub(super) fn decode(&self, reference: &Path, delta: &Path, size: u64, target: &Path) -> Command {
        match self {
            Self::Ours { program, codec, effort } => {
                let mut command = Command::new(program);
                command.args(["decode", codec, effort]).arg(ready(reference)).arg(delta);
                command.arg(size.to_string()).arg(target);
                command
            }
            Self::Xdelta3 => {
                let mut command = Command::new("xdelta3");
                command.args(["-D", "-R", "-d", "-f", "-s"]).arg(reference).arg(delta).arg(target);
                command
            }
            Self::Zstd { .. } => {
                let mut command = Command::new("zstd");
                command.args(["-d", "-q", "-f", "--long=31"]);
                command.arg(format!("--patch-from={}", reference.display())).arg(delta).arg("-o").arg(target);
                command
            }
        }
    }

    /// What a delta is made of, as our codecs say when they have made it; nothing of a peer's.
    pub(super) fn parts(&self, said: &Path) -> Result<BTreeMap<String, u64>> {
        if !self.is_ours() {
            return Ok(BTreeMap::new());
        }
        parts_in(&fs::read_to_string(said).with_context(|| format!("cannot read {}", said.display()))?)
    }
}

/// A prepared reference, as the example is told of it.
fn ready(prepared: &Path) -> String {
    format!("prepared:{}", prepared.display())
}

/// Reads `{"codec": …, "parts": {"name": bytes, …}}`.
fn parts_in(line: &str) -> Result<BTreeMap<String, u64>> {
    let line: serde_json::Value = serde_json::from_str(line).context("the example prints JSON")?;
    let parts = line["parts"].as_object().context("the example tells the parts")?;
    let part = |(name, bytes): (&String, &serde_json::Value)| {
        Ok((name.clone(), bytes.as_u64().with_context(|| format!("{name} has a number of bytes"))?))
    };
    parts.iter().map(part).collect()
}

/// The first word with digits and a point in it, without what stands around.
fn version_in(said: &str) -> Option<&str> {
    said.split([' ', '\n', ','])
        .map(|word| word.trim_matches(|letter: char| !letter.is_ascii_digit()))
        .find(|word| word.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programs::shown;

    #[test]
    fn versions_are_found_in_what_programs_say() {
        let zstd = "*** Zstandard CLI (64-bit) v1.5.4, by Yann Collet ***";
        assert_eq!(version_in(zstd), Some("1.5.4"));
        assert_eq!(version_in("Xdelta version 3.0.11, Copyright (C) Joshua MacDonald\n"), Some("3.0.11"));
        assert_eq!(version_in("nothing of the kind"), None);
    }

    #[test]
    fn parts_are_read() {
        let parts = parts_in(r#"{"codec": "zstd", "parts": {"plain": 3, "copied": 1}}"#).expect("it is well-formed");
        assert_eq!(parts, BTreeMap::from([("copied".to_owned(), 1), ("plain".to_owned(), 3)]));
        assert!(parts_in("{}").is_err());
        assert!(parts_in("").is_err());
    }

    #[test]
    fn commands_are_those_that_users_type() {
        let (reference, target, delta) = (Path::new("a"), Path::new("b"), Path::new("d"));
        let typed = |coder: &Coder| {
            (shown(&coder.encode(reference, target, delta)), shown(&coder.decode(reference, delta, 9, target)))
        };
        let pair = |encode: &str, decode: &str| (encode.to_owned(), decode.to_owned());
        assert_eq!(typed(&Coder::Xdelta3), pair("xdelta3 -D -R -9 -e -f -s a b d", "xdelta3 -D -R -d -f -s a d b"));
        let decode = "zstd -d -q -f --long=31 --patch-from=a d -o b";
        assert_eq!(typed(&Coder::Zstd { level: 9 }), pair("zstd -9 -q -f --patch-from=a b -o d", decode));
        let encode = "zstd -19 -q -f --long=31 --patch-from=a b -o d";
        assert_eq!(typed(&Coder::Zstd { level: 19 }), pair(encode, decode));
        let (codec, effort) = ("zstd".to_owned(), "default".to_owned());
        let ours = Coder::Ours { program: "delta".into(), codec, effort };
        assert_eq!(
            typed(&ours),
            pair("delta encode zstd default prepared:a b d", "delta decode zstd default prepared:a d 9 b")
        );
    }
}
