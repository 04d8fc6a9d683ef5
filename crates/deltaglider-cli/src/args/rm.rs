//! Arguments of `rm`.

use clap::Args;

use super::filters::FilterArgs;

/// Arguments of `rm`.
#[derive(Args, Clone, Debug)]
pub(crate) struct RmArgs {
    /// s3://bucket/key or file:///store/key.
    pub(crate) url: String,
    /// Removes everything under the prefix.
    #[arg(long)]
    pub(crate) recursive: bool,
    #[command(flatten)]
    pub(crate) filters: FilterArgs,
    /// Shows what would be removed, and removes nothing.
    #[arg(long)]
    pub(crate) dryrun: bool,
    /// Removes nothing where more objects than this would go.
    #[arg(long, value_name = "N")]
    pub(crate) max_delete: Option<usize>,
    /// Keys a page of the listing.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) page_size: Option<u32>,
}
