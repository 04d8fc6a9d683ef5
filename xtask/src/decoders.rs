//! The formats' second readers, in Python, over the vectors that are committed.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::ci::Outcome;
use crate::programs::shown;
use crate::servers::python;

/// A reader, and the vectors that it has to open.
const DECODERS: [(&str, &str); 3] = [
    ("tests/decoders/dgd1.py", "crates/deltaglider-codec/tests/vectors/dgd1"),
    ("tests/decoders/expanded_reference.py", "crates/deltaglider-codec/tests/vectors/containers"),
    ("tests/decoders/sealed_entry.py", "crates/deltaglider-cache/tests/vectors/sealed-entry-v1.txt"),
];

/// Runs every reader over its vectors.
pub(crate) fn run(root: &Path) -> Result<Outcome> {
    let programs = match python::install(&root.join("target/servers")) {
        Ok(programs) => programs,
        Err(error) => return Ok(Outcome::Skipped(format!("Python's packages cannot be installed: {error:#}"))),
    };
    let mut outcome = Outcome::Passed;
    for (decoder, vectors) in DECODERS {
        let mut command = Command::new(programs.join("python"));
        command.args([decoder, vectors]).current_dir(root);
        println!("$ {}", shown(&command));
        let status = command.status().with_context(|| format!("cannot start {}", shown(&command)))?;
        if !status.success() {
            outcome = Outcome::Failed;
        }
    }
    Ok(outcome)
}
