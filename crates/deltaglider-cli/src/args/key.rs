//! Arguments of `key`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

/// Arguments of `key`.
#[derive(Args, Clone, Debug)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    pub(crate) command: KeyCommand,
}

/// What is to be done with keys.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Makes a random key.
    Generate(GenerateArgs),
    /// Shows which keys are in force, how old they are, and what is cached under which.
    Status,
    /// Puts everything that this host has cached under the key in force.
    Rewrap,
    /// Replaces the key in Secrets Manager without downtime; for other keys, says how to.
    Rotate(RotateArgs),
}

/// Arguments of `key generate`.
#[derive(Args, Clone, Debug)]
pub(crate) struct GenerateArgs {
    /// Writes the key there, readable for this user alone, instead of to standard output; an existing file is left as it is.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// Arguments of `key rotate`.
#[derive(Args, Clone, Debug)]
pub(crate) struct RotateArgs {
    /// Ends a rotation that was begun.
    #[arg(long, group = "action")]
    pub(crate) resume: bool,
    /// Takes a rotation back that was begun; a key that is in force already stays.
    #[arg(long, group = "action")]
    pub(crate) abort: bool,
    /// Retires the key before the one in force: nobody opens anything with it any more.
    #[arg(long, group = "action")]
    pub(crate) retire: bool,
    /// Says what would be done, and does nothing.
    #[arg(long, alias = "dryrun")]
    pub(crate) dry_run: bool,
    /// Others may have the old key: puts it out of force at once, and removes what is cached under it.
    #[arg(long, conflicts_with_all = ["abort", "retire"])]
    pub(crate) compromised: bool,
    /// Seconds that other processes are given to hear of a key, twice; two refresh intervals by default.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) wait: Option<Duration>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse().map(Duration::from_secs).map_err(|_| format!("`{text}` is not a whole number of seconds"))
}
