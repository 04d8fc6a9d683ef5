//! Arguments of `migrate`.

use clap::Args;

use super::transfer::TransferArgs;
use crate::shard::ShardChoice;

/// Arguments of `migrate`.
#[derive(Args, Clone, Debug)]
pub(crate) struct MigrateArgs {
    /// s3://bucket/prefix, file:///store/prefix or a local directory: everything below it.
    pub(crate) source: String,
    /// s3://bucket/prefix or file:///store/prefix.
    #[arg(required_unless_present = "in_place")]
    pub(crate) destination: Option<String>,
    /// Turns the whole objects below the source into deltas where they are; each goes when its delta is confirmed.
    #[arg(long, conflicts_with = "destination")]
    pub(crate) in_place: bool,
    /// Does not ask, and takes no samples for an estimate.
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Puts the objects straight below the destination; otherwise the last part of the source's prefix comes between.
    #[arg(long, conflicts_with = "in_place")]
    pub(crate) no_preserve_prefix: bool,
    /// Takes only the delta spaces of one part out of N, numbered from 0: `2/8`; `auto` asks Kubernetes and AWS Batch which, `auto/8`
    /// where they do not say how many.
    #[arg(long, value_name = "I/N", value_parser = ShardChoice::parse)]
    pub(crate) shard: Option<ShardChoice>,
    #[command(flatten)]
    pub(crate) transfer: TransferArgs,
}
