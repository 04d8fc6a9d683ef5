//! Arguments of `man`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `man`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ManArgs {
    /// Writes a page for each command into this directory; without it, the page of the program to standard output.
    pub(crate) directory: Option<PathBuf>,
}
