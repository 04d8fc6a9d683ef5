//! Arguments of `rb`.

use clap::Args;

/// Arguments of `rb`.
#[derive(Args, Clone, Debug)]
pub(crate) struct RbArgs {
    /// s3://bucket, or file:///directory of a store.
    pub(crate) url: String,
    /// Removes all objects first.
    #[arg(long)]
    pub(crate) force: bool,
}
