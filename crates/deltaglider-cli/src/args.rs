//! The command line: verbs, and the options that all of them share.

pub(crate) mod cache;
pub(crate) mod cp;
pub(crate) mod filters;
pub(crate) mod global;
pub(crate) mod key;
pub(crate) mod ls;
pub(crate) mod mb;
pub(crate) mod purge;
pub(crate) mod rb;
pub(crate) mod repair;
pub(crate) mod rm;
pub(crate) mod stats;
pub(crate) mod transfer;
pub(crate) mod verify;
pub(crate) mod version;

use clap::{Parser, Subcommand};

use global::GlobalArgs;

/// Keeps versions of archives in S3 as deltas, with the commands of `aws s3`.
#[derive(Debug, Parser)]
#[command(name = "deltaglider", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

impl Cli {
    /// The verb, with or without the word `s3` before it.
    pub(crate) fn verb(self) -> (GlobalArgs, Verb) {
        match self.command {
            Command::Verb(verb) | Command::S3 { verb } => (self.global, verb),
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Verb(Verb),
    /// The same commands after the word `s3`, as `aws` wants it.
    #[command(hide = true)]
    S3 {
        #[command(subcommand)]
        verb: Verb,
    },
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Copies files to a store, from a store, or between stores.
    Cp(Box<cp::CpArgs>),
    /// Lists buckets, or the objects under a prefix.
    Ls(ls::LsArgs),
    /// Removes objects.
    Rm(rm::RmArgs),
    /// Makes a bucket, or a store in a directory.
    Mb(mb::MbArgs),
    /// Removes an empty bucket, or with --force one that holds objects.
    Rb(rb::RbArgs),
    /// Proves that objects give back what was stored.
    Verify(verify::VerifyArgs),
    /// Mends what verify --repair-plan finds, and loses nothing.
    Repair(repair::RepairArgs),
    /// Removes what nobody needs any more: trash, orphaned references, expired copies, unfinished uploads.
    Purge(purge::PurgeArgs),
    /// Counts what a prefix holds, what it takes, and what was saved.
    Stats(stats::StatsArgs),
    /// Makes, shows and rotates the keys of the reference cache.
    Key(key::KeyArgs),
    /// Looks at the cache of references, and removes them.
    Cache(cache::CacheArgs),
    /// Says which version this is.
    Version(version::VersionArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_word_s3_may_stand_before_the_verb() {
        for line in [["deltaglider", "--region", "x", "s3", "ls"].as_slice(), &["deltaglider", "ls", "--region", "x"]] {
            let (global, verb) = Cli::try_parse_from(line).expect("parses").verb();
            assert_eq!(global.region.as_deref(), Some("x"));
            assert!(matches!(verb, Verb::Ls(_)));
        }
    }
}
