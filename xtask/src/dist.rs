//! What is handed out: the binary, static where that can be built, its manual, completions for shells, and their SHA-256.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::programs::{built, cargo, output};

const STATIC_TARGET: &str = "x86_64-unknown-linux-musl";
const C_COMPILER: &str = "musl-gcc";
const SHELLS: [(&str, &str); 5] = [
    ("bash", "deltaglider.bash"),
    ("zsh", "_deltaglider"),
    ("fish", "deltaglider.fish"),
    ("powershell", "_deltaglider.ps1"),
    ("elvish", "deltaglider.elv"),
];

/// Builds all of it into `target/dist`.
pub(crate) fn run(root: &Path) -> Result<bool> {
    let mut build = cargo(root);
    build.args(["build", "--release", "--locked", "--package", "deltaglider-cli"]);
    match why_not_static() {
        None => {
            build.args(["--target", STATIC_TARGET]);
            build.env("CC_x86_64_unknown_linux_musl", C_COMPILER);
        }
        Some(reason) => println!("not static: {reason}; built for this machine instead"),
    }
    let binary = built(&mut build)?;
    let dist = root.join("target/dist");
    if dist.exists() {
        fs::remove_dir_all(&dist)?;
    }
    let (manual, completions) = (dist.join("man"), dist.join("completions"));
    fs::create_dir_all(&completions)?;
    let program = dist.join("deltaglider");
    fs::copy(&binary, &program).with_context(|| format!("cannot copy {}", binary.display()))?;
    output(Command::new(&program).arg("man").arg(&manual))?;
    for (shell, name) in SHELLS {
        fs::write(completions.join(name), output(Command::new(&program).args(["completions", shell]))?)?;
    }
    for name in ["README.md", "LICENSE-APACHE", "LICENSE-MIT"] {
        fs::copy(root.join(name), dist.join(name))?;
    }
    let mut files = Vec::new();
    collect(&dist, &mut files)?;
    files.sort();
    let mut sums = String::new();
    for file in &files {
        let digest = Sha256::digest(fs::read(file)?);
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        sums.push_str(&format!("{hex}  {}\n", file.strip_prefix(&dist)?.display()));
    }
    fs::write(dist.join("SHA256SUMS"), sums)?;
    let bytes = fs::metadata(&program)?.len();
    let kind = if is_static(&fs::read(&program)?)? { "static" } else { "dynamic" };
    let version = output(Command::new(&program).arg("version"))?;
    println!("{}: {} ({kind}, {bytes} bytes), {} files in all", dist.display(), version.trim(), files.len() + 1);
    Ok(true)
}

/// Why no static binary can be built here, and how to change that.
fn why_not_static() -> Option<String> {
    let libraries = output(Command::new("rustc").args(["--print", "target-libdir", "--target", STATIC_TARGET]));
    if !libraries.is_ok_and(|path| Path::new(path.trim()).is_dir()) {
        return Some(format!("rustup target add {STATIC_TARGET} would bring what is missing"));
    }
    if output(Command::new(C_COMPILER).arg("--version")).is_err() {
        return Some(format!("{C_COMPILER} is missing: apt-get install musl-tools"));
    }
    None
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// Whether a 64-bit ELF program names no interpreter, which would load libraries for it.
fn is_static(elf: &[u8]) -> Result<bool> {
    const PT_INTERP: u32 = 3;
    ensure!(elf.len() >= 64 && elf.starts_with(b"\x7fELF\x02\x01"), "the binary is no 64-bit ELF program");
    let number = |at: usize, length: usize| -> Option<usize> {
        let bytes = elf.get(at..at + length)?;
        bytes.iter().rev().try_fold(0usize, |sum, byte| Some(sum.checked_mul(256)? + usize::from(*byte)))
    };
    let (table, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    let (table, size, count) = (table.context("cut")?, size.context("cut")?, count.context("cut")?);
    for header in 0..count {
        let kind = number(table + header * size, 4).context("the program headers are cut")?;
        if kind == PT_INTERP as usize {
            return Ok(false);
        }
    }
    Ok(true)
}
