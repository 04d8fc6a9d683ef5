//! The rotation of the cache's key, by this tree's own binary.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::programs::{deltaglider, shown};

/// Runs `deltaglider key rotate` with these arguments; false where it fails. The key passes through no argument.
pub(crate) fn run(root: &Path, arguments: &[OsString]) -> Result<bool> {
    let mut command = Command::new(deltaglider(root)?);
    command.args(["key", "rotate"]).args(arguments);
    Ok(command.status().with_context(|| format!("cannot start {}", shown(&command)))?.success())
}
