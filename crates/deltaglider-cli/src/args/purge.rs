//! Arguments of `purge`.

use std::time::Duration;

use clap::Args;

use crate::time_span;

/// Arguments of `purge`.
#[derive(Args, Clone, Debug)]
pub(crate) struct PurgeArgs {
    /// s3://bucket/prefix or file:///store/prefix.
    pub(crate) url: String,
    /// Removes only what is so old, such as 7d or 12h; temporary copies go when they have expired.
    #[arg(long, value_name = "SPAN", value_parser = time_span::parse, default_value = "7d")]
    pub(crate) older_than: Duration,
    /// Shows what would be removed, and removes nothing.
    #[arg(long)]
    pub(crate) dryrun: bool,
    /// Nobody else is writing: removes hidden whole forms too, and does without conditions that the store ignores.
    #[arg(long)]
    pub(crate) exclusive: bool,
}
