//! Arguments of `mb`.

use clap::Args;

/// Arguments of `mb`.
#[derive(Args, Clone, Debug)]
pub(crate) struct MbArgs {
    /// s3://bucket, or file:///directory for a store in a directory.
    pub(crate) url: String,
}
