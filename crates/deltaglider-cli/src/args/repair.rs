//! Arguments of `repair`.

use clap::Args;

/// Arguments of `repair`.
#[derive(Args, Clone, Debug)]
pub(crate) struct RepairArgs {
    /// s3://bucket/prefix or file:///store/prefix.
    pub(crate) url: String,
    /// Shows what would be done, and changes nothing.
    #[arg(long)]
    pub(crate) dryrun: bool,
    /// Goes by listings and heads: no content is read but what is put back.
    #[arg(long)]
    pub(crate) quick: bool,
}
