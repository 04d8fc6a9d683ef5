//! Arguments of `ls`.

use clap::{Args, ValueEnum};

use super::filters::FilterArgs;

/// Arguments of `ls`.
#[derive(Args, Clone, Debug)]
pub(crate) struct LsArgs {
    /// s3://bucket/prefix or file:///store/prefix; all buckets without it.
    pub(crate) url: Option<String>,
    /// Lists everything under the prefix.
    #[arg(long)]
    pub(crate) recursive: bool,
    /// Writes sizes such as 1.5 KiB.
    #[arg(long)]
    pub(crate) human_readable: bool,
    /// Adds the number of objects and their size in all.
    #[arg(long)]
    pub(crate) summarize: bool,
    /// Keys a page of the listing.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) page_size: Option<u32>,
    /// Only buckets that begin with this.
    #[arg(long, value_name = "PREFIX")]
    pub(crate) bucket_name_prefix: Option<String>,
    #[command(flatten)]
    pub(crate) filters: FilterArgs,
    /// Adds the stored size, what was saved, and the form that is stored.
    #[arg(long)]
    pub(crate) long: bool,
    /// Lists what is in the bucket, references and deltas included.
    #[arg(long, conflicts_with_all = ["long"])]
    pub(crate) physical: bool,
    /// Sorts the objects, the largest, the best or the newest last.
    #[arg(long, value_enum, value_name = "BY")]
    pub(crate) sort: Option<SortBy>,
}

/// What a listing is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SortBy {
    /// The size of the content.
    Size,
    /// The share that was saved.
    Saved,
    /// The time of storing.
    Date,
}
