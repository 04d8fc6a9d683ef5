//! Arguments of `analyze`.

use std::path::PathBuf;

use clap::Args;

use super::filters::FilterArgs;

/// Arguments of `analyze`.
#[derive(Args, Clone, Debug)]
pub(crate) struct AnalyzeArgs {
    /// s3://bucket/prefix, file:///store/prefix or a local directory.
    pub(crate) source: String,
    /// Writes a page with pictures there: one file, without scripts.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Delta spaces that are shown, the largest first.
    #[arg(long, value_name = "N", default_value_t = 12)]
    pub(crate) top: usize,
    /// Deltas that a space has to hold for a verdict.
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) min_deltas: usize,
    /// Dollars that a GiB costs a month.
    #[arg(long, value_name = "DOLLARS", default_value_t = 0.023)]
    pub(crate) price: f64,
    /// Takes no samples: says nothing of what is not stored as deltas, nor of other references.
    #[arg(long)]
    pub(crate) no_samples: bool,
    #[command(flatten)]
    pub(crate) filters: FilterArgs,
}
