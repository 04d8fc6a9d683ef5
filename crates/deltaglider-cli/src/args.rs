//! The command line: verbs, and the options that all of them share.

pub(crate) mod analyze;
pub(crate) mod bucket_acl;
pub(crate) mod bucket_config;
pub(crate) mod cache;
pub(crate) mod completions;
pub(crate) mod cp;
pub(crate) mod doctor;
pub(crate) mod filters;
pub(crate) mod global;
pub(crate) mod key;
pub(crate) mod ls;
pub(crate) mod man;
pub(crate) mod mb;
pub(crate) mod migrate;
pub(crate) mod presign;
pub(crate) mod purge;
pub(crate) mod rb;
pub(crate) mod rehydrate;
pub(crate) mod repair;
pub(crate) mod rm;
pub(crate) mod stats;
pub(crate) mod sync;
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
    /// The same commands after the word `s3` or `s3api`, as `aws` wants it.
    #[command(hide = true, alias = "s3api")]
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
    /// Moves files to a store, from a store, or between stores: a source goes when its copy was proven.
    Mv(Box<cp::CpArgs>),
    /// Makes a directory or a prefix hold what another one holds: moves what is missing or has changed.
    Sync(Box<sync::SyncArgs>),
    /// Lists buckets, or the objects under a prefix.
    Ls(ls::LsArgs),
    /// Removes objects.
    Rm(rm::RmArgs),
    /// Makes a bucket, or a store in a directory.
    Mb(mb::MbArgs),
    /// Removes an empty bucket, or with --force one that holds objects.
    Rb(rb::RbArgs),
    /// Shows what a bucket asks of all who write to it.
    GetBucketConfig(bucket_config::BucketConfigArgs),
    /// Tells a bucket what to ask of all who write to it: --codec.
    PutBucketConfig(bucket_config::BucketConfigArgs),
    /// Takes a bucket's configuration away: each client goes by its own again.
    DeleteBucketConfig(bucket_config::BucketConfigArgs),
    /// Writes a URL by which anybody can fetch an object for a while.
    Presign(presign::PresignArgs),
    /// Writes the access control list of a bucket.
    GetBucketAcl(bucket_acl::GetBucketAclArgs),
    /// Replaces the access control list of a bucket.
    PutBucketAcl(Box<bucket_acl::PutBucketAclArgs>),
    /// Proves that objects give back what was stored.
    Verify(verify::VerifyArgs),
    /// Mends what verify --repair-plan finds, and loses nothing.
    Repair(repair::RepairArgs),
    /// Removes what nobody needs any more: trash, orphaned references, expired copies, unfinished uploads.
    Purge(purge::PurgeArgs),
    /// Counts what a prefix holds, what it takes, and what was saved.
    Stats(stats::StatsArgs),
    /// Brings what is stored whole into deltas: into another place, or where it is. Goes on where it was broken off.
    Migrate(Box<migrate::MigrateArgs>),
    /// Brings deltas back to plain objects, which anybody reads: in another place, or where they are. Goes on where it was broken off.
    Rehydrate(rehydrate::RehydrateArgs),
    /// Says what deltas save by prefix, where they do not, and what they would save of what is not migrated, from samples.
    Analyze(analyze::AnalyzeArgs),
    /// Makes, shows and rotates the keys of the reference cache.
    Key(key::KeyArgs),
    /// Looks at the cache of references, and removes them.
    Cache(cache::CacheArgs),
    /// Says whether all that is needed is there: settings, credentials, rights, clock, conditions, cache, temporary space.
    Doctor(doctor::DoctorArgs),
    /// Writes what a shell has to know to complete commands and flags.
    Completions(completions::CompletionsArgs),
    /// Writes the manual, as `man` reads it.
    Man(man::ManArgs),
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
