//! Arguments of `rehydrate`.

use clap::Args;

use super::filters::FilterArgs;

/// Arguments of `rehydrate`.
#[derive(Args, Clone, Debug)]
pub(crate) struct RehydrateArgs {
    /// s3://bucket/key or file:///store/key; with a slash at its end, or without a key, everything below it.
    pub(crate) source: String,
    /// Where the plain objects go: a local path, s3://bucket/prefix or file:///store/prefix.
    #[arg(required_unless_present = "in_place")]
    pub(crate) destination: Option<String>,
    /// Makes the objects plain where they are; references go when no delta needs them any more.
    #[arg(long, conflicts_with = "destination")]
    pub(crate) in_place: bool,
    /// Takes everything below the source, as if it ended in a slash.
    #[arg(long)]
    pub(crate) recursive: bool,
    /// Shows what would be done, and does nothing.
    #[arg(long)]
    pub(crate) dryrun: bool,
    /// Keys a page of a listing.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) page_size: Option<u32>,
    #[command(flatten)]
    pub(crate) filters: FilterArgs,
}
