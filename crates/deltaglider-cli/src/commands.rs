//! One command a file.

mod analyze;
mod bucket_acl;
mod bucket_config;
mod cache;
mod completions;
mod cp;
mod doctor;
mod key;
mod ls;
mod man;
mod mb;
mod migrate;
mod presign;
mod purge;
mod rb;
mod rehydrate;
mod remove;
mod repair;
mod rm;
mod stats;
mod sync;
mod verify;
mod version;

use crate::args::Verb;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;

/// Runs a command to its end.
pub(crate) async fn run(verb: Verb, context: &Context) -> Result<Exit, CliError> {
    match verb {
        Verb::Cp(args) => cp::run(*args, false, context).await,
        Verb::Mv(args) => cp::run(*args, true, context).await,
        Verb::Sync(args) => sync::run(*args, context).await,
        Verb::Ls(args) => ls::run(args, context).await,
        Verb::Rm(args) => rm::run(args, context).await,
        Verb::Mb(args) => mb::run(&args, context).await,
        Verb::Rb(args) => rb::run(&args, context).await,
        Verb::GetBucketConfig(args) => bucket_config::get(&args, context).await,
        Verb::PutBucketConfig(args) => bucket_config::put(&args, context).await,
        Verb::DeleteBucketConfig(args) => bucket_config::delete(&args, context).await,
        Verb::Presign(args) => presign::run(&args, context).await,
        Verb::GetBucketAcl(args) => bucket_acl::get(&args, context).await,
        Verb::PutBucketAcl(args) => bucket_acl::put(&args, context).await,
        Verb::Verify(args) => verify::run(&args, context).await,
        Verb::Repair(args) => repair::run(&args, context).await,
        Verb::Purge(args) => purge::run(&args, context).await,
        Verb::Stats(args) => stats::run(&args, context).await,
        Verb::Migrate(args) => migrate::run(*args, context).await,
        Verb::Rehydrate(args) => rehydrate::run(args, context).await,
        Verb::Analyze(args) => analyze::run(args, context).await,
        Verb::Key(args) => key::run(&args, context).await,
        Verb::Cache(args) => cache::run(&args, context).await,
        Verb::Doctor(args) => doctor::run(&args, context).await,
        Verb::Completions(args) => completions::run(args),
        Verb::Man(args) => man::run(&args),
        Verb::Version(_) => version::run(context),
    }
}

/// The command's name, for summaries.
pub(crate) fn name(verb: &Verb) -> &'static str {
    match verb {
        Verb::Cp(_) => "cp",
        Verb::Mv(_) => "mv",
        Verb::Sync(_) => "sync",
        Verb::Ls(_) => "ls",
        Verb::Rm(_) => "rm",
        Verb::Mb(_) => "mb",
        Verb::Rb(_) => "rb",
        Verb::GetBucketConfig(_) => "get-bucket-config",
        Verb::PutBucketConfig(_) => "put-bucket-config",
        Verb::DeleteBucketConfig(_) => "delete-bucket-config",
        Verb::Presign(_) => "presign",
        Verb::GetBucketAcl(_) => "get-bucket-acl",
        Verb::PutBucketAcl(_) => "put-bucket-acl",
        Verb::Verify(_) => "verify",
        Verb::Repair(_) => "repair",
        Verb::Purge(_) => "purge",
        Verb::Stats(_) => "stats",
        Verb::Migrate(_) => "migrate",
        Verb::Rehydrate(_) => "rehydrate",
        Verb::Analyze(_) => "analyze",
        Verb::Key(_) => "key",
        Verb::Cache(_) => "cache",
        Verb::Doctor(_) => "doctor",
        Verb::Completions(_) => "completions",
        Verb::Man(_) => "man",
        Verb::Version(_) => "version",
    }
}
