//! Arguments of `sync`.

use clap::Args;

use super::transfer::TransferArgs;

/// Arguments of `sync`.
#[derive(Args, Clone, Debug)]
pub(crate) struct SyncArgs {
    /// A local directory, s3://bucket/prefix or file:///store/prefix.
    pub(crate) source: String,
    /// A local directory, s3://bucket/prefix or file:///store/prefix.
    pub(crate) destination: String,
    /// Removes what the destination holds and the source does not; what the filters leave out stays.
    #[arg(long)]
    pub(crate) delete: bool,
    /// Does nothing at all where --delete would remove more than this.
    #[arg(long, value_name = "N", requires = "delete")]
    pub(crate) max_delete: Option<usize>,
    /// Takes files of the same size for the same, whatever their times.
    #[arg(long)]
    pub(crate) size_only: bool,
    /// On downloads, takes files of the same size for the same only where their times are equal.
    #[arg(long)]
    pub(crate) exact_timestamps: bool,
    /// Compares contents by SHA-256 where sizes are equal, instead of times.
    #[arg(long, conflicts_with_all = ["size_only", "exact_timestamps"])]
    pub(crate) checksum: bool,
    #[command(flatten)]
    pub(crate) transfer: TransferArgs,
}
