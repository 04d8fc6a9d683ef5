//! Arguments of `cache`.

use std::time::Duration;

use clap::{Args, Subcommand};

use crate::{byte_size, time_span};

/// Arguments of `cache`.
#[derive(Args, Clone, Debug)]
pub(crate) struct CacheArgs {
    #[command(subcommand)]
    pub(crate) verb: CacheVerb,
}

/// What is to be done with the cache.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum CacheVerb {
    /// Says what is cached where, under which key, and why so.
    Status,
    /// Removes the references that were used least recently.
    Prune(PruneArgs),
    /// Removes every reference.
    Clear,
}

/// Arguments of `cache prune`; without any, what the environment asks for.
#[derive(Args, Clone, Debug)]
pub(crate) struct PruneArgs {
    /// Down to this size, such as 5GiB; DG_CACHE_MAX_SIZE_MB unless given.
    #[arg(long, value_name = "SIZE", value_parser = byte_size::parse)]
    pub(crate) max_size: Option<u64>,
    /// Those that nobody used for so long, such as 30d; DG_CACHE_TTL_SECS unless given.
    #[arg(long, value_name = "AGE", value_parser = time_span::parse)]
    pub(crate) max_age: Option<Duration>,
}
