//! Arguments of `cp` and `mv`.

use clap::Args;

use super::transfer::TransferArgs;

/// Arguments of `cp` and `mv`.
#[derive(Args, Clone, Debug)]
pub(crate) struct CpArgs {
    /// A local path, s3://bucket/key, file:///store/key, or - for standard input.
    pub(crate) source: String,
    /// A local path, s3://bucket/key, file:///store/key, or - for standard output.
    pub(crate) destination: String,
    /// Takes everything under the source.
    #[arg(long)]
    pub(crate) recursive: bool,
    #[command(flatten)]
    pub(crate) transfer: TransferArgs,
}
