//! The programs at hand: builds those of this project, asks each for its version, and says how to get what is missing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::encoder::Program;
use crate::programs::{built, cargo, output, shown};
use crate::servers::python;

const PACKAGES: [&str; 2] = ["zlib-ng==1.1.0", "zstandard==0.25.0"];
/// The encoders in Rust, as one package with a feature for each.
const MANIFEST: &str = "\
[package]
name = \"deflate\"
version = \"0.0.0\"
edition = \"2024\"

[workspace]

[features]
rust_backend = [\"flate2/rust_backend\"]
zlib-rs = [\"flate2/zlib-rs\"]

[dependencies]
flate2 = { version = \"=1.1.11\", default-features = false }
";

/// A program that can be started.
pub(super) struct Tool {
    /// What comes before the words of an encoder.
    words: Vec<String>,
    pub(super) version: String,
}

/// Finds or builds the program; an error says how to get it.
pub(super) fn tool(root: &Path, place: &Path, program: Program) -> Result<Tool> {
    let sources = root.join("xtask/encoders");
    let source = |name: &str| sources.join(name).display().to_string();
    let words = match program {
        Program::Command(package, words) => {
            let first = if words[0] == "sh" { package } else { words[0] };
            let version = debian(package, first).with_context(|| format!("apt-get install {package}"))?;
            return Ok(Tool { words: words.iter().map(|word| (*word).to_owned()).collect(), version });
        }
        Program::Go(format) => {
            let program = place.join("deflate-go").display().to_string();
            let mut build = Command::new("go");
            build
                .args(["build", "-o", &program, &source("deflate.go")])
                .env("GOFLAGS", "-mod=mod")
                .env("GO111MODULE", "off");
            output(&mut build).context("apt-get install golang-go")?;
            vec![program, format.to_owned()]
        }
        Program::Java(format) => {
            let mut build = Command::new("javac");
            output(build.arg("-d").arg(place).arg(source("Deflate.java")))
                .context("apt-get install default-jdk-headless")?;
            ["java", "-cp", &place.display().to_string(), "Deflate", format].map(ToOwned::to_owned).into()
        }
        Program::Node => vec!["node".to_owned(), source("deflate.js"), "gz".to_owned()],
        Program::Python(encoder, format) => {
            let python = python::install_packages(&place.join("python"), &PACKAGES)?.join("python");
            vec![python.display().to_string(), source("deflate.py"), encoder.to_owned(), format.to_owned()]
        }
        Program::Rust(feature) => {
            let (program, version) = rust(place, &sources.join("deflate.rs"), feature)?;
            return Ok(Tool { words: vec![program.display().to_string(), "gz".to_owned()], version });
        }
    };
    // Each of our own programs says its version in place of a format.
    let (_, start) = words.split_last().context("a program has words")?;
    let mut ask = Command::new(&start[0]);
    let version = output(ask.args(&start[1..]).arg("version")).context("apt-get install nodejs, if it is that")?;
    Ok(Tool { version: version.trim().to_owned(), words })
}

impl Tool {
    /// Compresses the plaintext in the folder.
    pub(super) fn compress(&self, program: Program, level: &str, folder: &Path, file: &str, out: &Path) -> Result<()> {
        if out.exists() {
            fs::remove_file(out)?;
        }
        let mut words = self.words.clone();
        if !matches!(program, Program::Command(..)) {
            words.extend(["LEVEL", "PLAINTEXT", "OUT"].map(ToOwned::to_owned));
        }
        let prints = !words.iter().any(|word| word.contains("OUT"));
        let out_name = out.display().to_string();
        let mut words =
            words.iter().map(|word| word.replace("PLAINTEXT", file).replace("LEVEL", level).replace("OUT", &out_name));
        let mut command = Command::new(words.next().context("a program has words")?);
        command.args(words).current_dir(folder).env("TZ", "UTC").env("LC_ALL", "C");
        let output = command.output().with_context(|| format!("cannot start {}", shown(&command)))?;
        if !output.status.success() {
            bail!("{} failed:\n{}", shown(&command), String::from_utf8_lossy(&output.stderr));
        }
        if prints {
            fs::write(out, output.stdout)?;
        }
        Ok(())
    }

    /// The command as a cell of a table: a shell's is what the shell is told, and paths are without their folders.
    pub(super) fn cell(&self, program: Program) -> String {
        let mut words = self.words.clone();
        if words[0] == "sh" {
            words.drain(..2);
        }
        if !matches!(program, Program::Command(..)) {
            for word in &mut words {
                *word = Path::new(word).file_name().unwrap_or_default().to_string_lossy().into_owned();
            }
            if let Some(at) = words.iter().position(|word| word == "-cp") {
                words.drain(at..at + 2);
            }
            words.extend(["LEVEL", "PLAINTEXT", "OUT"].map(ToOwned::to_owned));
        }
        words.join(" ").replace('|', "\\|")
    }
}

/// The package's version, or what the program says of itself where it came in another way; an error where it is not there.
fn debian(package: &str, program: &str) -> Result<String> {
    output(Command::new("sh").args(["-c", &format!("command -v {program}")]))?;
    match output(Command::new("dpkg-query").args(["--show", "--showformat=${Version}", package])) {
        Ok(version) => Ok(format!("{package} {}", version.trim())),
        Err(_) => {
            let said = output(Command::new(program).arg("--version"))?;
            Ok(said.lines().next().unwrap_or(program).to_owned())
        }
    }
}

/// Builds the program with one feature, and names the crate that does the work.
fn rust(place: &Path, source: &Path, feature: &str) -> Result<(PathBuf, String)> {
    let package = place.join("rust");
    fs::create_dir_all(package.join("src"))?;
    fs::copy(source, package.join("src/main.rs"))?;
    fs::write(package.join("Cargo.toml"), MANIFEST)?;
    let target = package.join(format!("target-{feature}"));
    let mut build = cargo(&package);
    build.args(["build", "--quiet", "--release", "--features", feature]).env("CARGO_TARGET_DIR", target);
    let program = built(&mut build)?;
    let lock = fs::read_to_string(package.join("Cargo.lock"))?;
    let crates = ["flate2", if feature == "zlib-rs" { "zlib-rs" } else { "miniz_oxide" }];
    let version = |name: &str| format!("{name} {}", locked(&lock, name).unwrap_or("of an unknown version"));
    Ok((program, crates.map(version).join(", ")))
}

/// The version of a package in a lock file.
fn locked<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    Some(after.split_once('"')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locked_version_is_found() {
        let lock = "[[package]]\nname = \"flate2\"\nversion = \"1.1.11\"\nsource = \"registry\"\n";
        assert_eq!(locked(lock, "flate2"), Some("1.1.11"));
        assert_eq!(locked(lock, "flate"), None);
    }

    #[test]
    fn a_missing_command_is_an_error() {
        assert!(debian("no-such-package", "no-such-program").is_err());
    }

    #[test]
    fn a_command_is_shown_as_it_is_typed() {
        let words = ["/a/b/deflate-go", "gz"].map(ToOwned::to_owned).to_vec();
        let tool = Tool { words, version: String::new() };
        assert_eq!(tool.cell(Program::Go("gz")), "deflate-go gz LEVEL PLAINTEXT OUT");
        let words = ["java", "-cp", "/a", "Deflate", "zip"].map(ToOwned::to_owned).to_vec();
        let tool = Tool { words, version: String::new() };
        assert_eq!(tool.cell(Program::Java("zip")), "java Deflate zip LEVEL PLAINTEXT OUT");
        let shell: &[&str] = &["sh", "-c", "cat <PLAINTEXT | pack -LEVEL"];
        let tool = Tool { words: shell.iter().map(|word| (*word).to_owned()).collect(), version: String::new() };
        assert_eq!(tool.cell(Program::Command("pack", shell)), "cat <PLAINTEXT \\| pack -LEVEL");
    }
}
