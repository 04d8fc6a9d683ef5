//! Options that stand before or after any verb.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};

use crate::byte_size;

/// Options of every command.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// Profile of the AWS configuration.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Region of the bucket.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) region: Option<String>,
    /// Another server than AWS's.
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
    /// Sends requests without a signature.
    #[arg(long, global = true)]
    pub(crate) no_sign_request: bool,
    /// Trusts any certificate.
    #[arg(long, global = true)]
    pub(crate) no_verify_ssl: bool,
    /// Certificates to trust, in PEM.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) ca_bundle: Option<PathBuf>,
    /// Where the bucket's name stands in a request.
    #[arg(long, global = true, value_enum, value_name = "STYLE")]
    pub(crate) addressing_style: Option<AddressingStyle>,
    /// Attempts for each request, the first one included.
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) retries: Option<u32>,
    /// Seconds to wait for a connection.
    #[arg(long, alias = "cli-connect-timeout", global = true, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) connect_timeout: Option<Duration>,
    /// Seconds to wait for an answer; 0 waits for ever.
    #[arg(long, alias = "cli-read-timeout", global = true, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) read_timeout: Option<Duration>,
    /// Transfers at a time [default: 8]; of more than one, four small files that can be no deltas count as one.
    #[arg(short, long, global = true, value_name = "N", value_parser = positive)]
    pub(crate) jobs: Option<usize>,
    /// Deltas made or undone at a time.
    #[arg(long, global = true, value_name = "N", value_parser = positive)]
    pub(crate) delta_jobs: Option<usize>,
    /// What deltas are written by; all of them are read in any case [default: dgd1].
    #[arg(long, global = true, value_enum, value_name = "CODEC")]
    pub(crate) codec: Option<CodecName>,
    /// CPU spent to save bytes [default: default].
    #[arg(long, global = true, value_enum, value_name = "EFFORT")]
    pub(crate) effort: Option<EffortName>,
    /// Memory for contents and deltas, such as 1GiB; what does not fit is stored whole [default: half of what there is, at most
    /// 1GiB].
    #[arg(long, global = true, value_name = "SIZE", value_parser = byte_size::parse)]
    pub(crate) memory: Option<u64>,
    /// Bytes that all requests to S3 together move in a second, up and down, such as 10MiB [default: unbounded].
    #[arg(long, global = true, value_name = "RATE", value_parser = rate)]
    pub(crate) bwlimit: Option<u64>,
    /// Writes one JSON object a line instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When messages are coloured.
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t)]
    pub(crate) color: ColorChoice,
    /// How progress is shown, on standard error.
    #[arg(long, global = true, value_enum, value_name = "HOW")]
    pub(crate) progress: Option<ProgressStyle>,
    /// Shows no progress.
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,
    /// Writes nothing at all, not even errors.
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Writes errors and warnings only.
    #[arg(long, global = true)]
    pub(crate) only_show_errors: bool,
    /// Says more; twice, says what is done.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Says everything.
    #[arg(long, global = true)]
    pub(crate) debug: bool,
    /// Writes the log there instead of to standard error.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) log_file: Option<PathBuf>,
    /// Accepted for the sake of scripts for `aws`, where it changes nothing for these commands either.
    #[arg(long, global = true, hide = true, value_name = "FORMAT")]
    output: Option<String>,
    /// Accepted for the sake of scripts for `aws`: there is no pager.
    #[arg(long, global = true, hide = true)]
    no_cli_pager: bool,
    /// Accepted for the sake of scripts for `aws`, where it changes nothing for these commands either.
    #[arg(long, global = true, hide = true)]
    no_paginate: bool,
}

/// Where the bucket's name stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AddressingStyle {
    /// In the host name at AWS, in the path elsewhere.
    Auto,
    /// In the path.
    Path,
    /// In the host name.
    Virtual,
}

/// What deltas are written by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CodecName {
    /// Looks into archives.
    Dgd1,
    /// Takes every object as it stands.
    Zstd,
    /// Takes every object as it stands; `xdelta3` and earlier clients open it.
    Vcdiff,
}

/// How much CPU to spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EffortName {
    /// Spends none where it pays little.
    Fast,
    /// Spends where it pays.
    Default,
    /// Tries whatever can save a byte.
    Max,
}

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressStyle {
    /// Bars on a terminal, a line every ten seconds elsewhere.
    Auto,
    /// Bars.
    Bar,
    /// A line every ten seconds.
    Plain,
    /// With --json: an object a second on standard output.
    Json,
    /// Not at all.
    None,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("`{text}` is not a number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("`{text}` is not a number of seconds"))
}

/// A size, with or without `/s` behind it.
fn rate(text: &str) -> Result<u64, String> {
    byte_size::parse(text.strip_suffix("/s").unwrap_or(text))
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("`{text}` is not a number from 1 on")),
        Ok(number) => Ok(number),
    }
}
