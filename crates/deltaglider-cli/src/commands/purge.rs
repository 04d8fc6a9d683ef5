//! `purge`: what nobody needs any more goes.

use std::time::SystemTime;

use deltaglider::core::engine::purge::{PurgeOutcome, PurgeRequest, Purged};
use deltaglider::core::store::PendingUpload;
use futures::TryStreamExt;

use crate::args::purge::PurgeArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::operand::{Operand, as_directory};
use crate::output::{PurgeCounts, PurgeLine, PurgeStatus};
use crate::session::Root;

const KEEPS_VERSIONS: &str = "the bucket keeps versions: what is deleted takes its space until its old versions go\n  \
     to free it: a lifecycle rule with NoncurrentVersionExpiration";

pub(super) async fn run(args: &PurgeArgs, context: &Context) -> Result<Exit, CliError> {
    let url = Operand::url(&args.url)?;
    let root = context.session.root(&url).await.map_err(CliError::plain)?;
    let now = SystemTime::now();
    let request = PurgeRequest {
        prefix: root.at.with_key(as_directory(root.at.key())),
        older_than: args.older_than,
        now,
        exclusive: args.exclusive,
        dry: args.dryrun,
    };
    let mut counts = PurgeCounts { dry: args.dryrun, ..PurgeCounts::default() };
    let mut keeps_versions = false;
    let mut purged = root.engine.purge(request);
    let mut ended = loop {
        match purged.try_next().await {
            Ok(Some(purged)) => {
                keeps_versions |= purged.keeps_versions;
                tell(&line(&root, &purged), &mut counts, context)?;
            }
            Ok(None) => break None,
            Err(error) => break Some(Failure::from(error)),
        }
    };
    if ended.is_none() {
        ended = uploads(args, &url, &root, now, &mut counts, context).await?;
    }
    if keeps_versions {
        context.output.hint(KEEPS_VERSIONS)?;
    }
    let exit = match &ended {
        Some(failure) => {
            context.output.fatal("", failure)?;
            failure.exit()
        }
        None if counts.failed > 0 => Exit::Failed,
        None => Exit::Done,
    };
    context.output.purge_summary(&counts, exit)?;
    Ok(exit)
}

/// Aborts uploads that were begun long ago and never ended.
async fn uploads(
    args: &PurgeArgs,
    url: &str,
    root: &Root,
    now: SystemTime,
    counts: &mut PurgeCounts,
    context: &Context,
) -> Result<Option<Failure>, CliError> {
    let (buckets, _) = context.session.buckets(url).await.map_err(CliError::plain)?;
    let Some(store) = buckets.uploads() else { return Ok(None) };
    let pending = match store.list_uploads(root.at.bucket(), &as_directory(root.at.key())).await {
        Ok(pending) => pending,
        Err(error) => return Ok(Some(Failure::from(error))),
    };
    let now = root.engine.store_time(now);
    let is_old = |upload: &PendingUpload| upload.begun.checked_add(args.older_than).is_some_and(|due| due <= now);
    for upload in pending.iter().filter(|upload| is_old(upload)) {
        let status = match args.dryrun {
            true => PurgeStatus::Planned,
            false => match store.abort_upload(upload).await {
                Ok(()) => PurgeStatus::Removed,
                Err(error) => PurgeStatus::Failed(Box::new(Failure::from(error))),
            },
        };
        let key = upload.at.key().to_owned();
        tell(&PurgeLine { url: root.url(&key), key, what: "upload", bytes: None, status }, counts, context)?;
    }
    Ok(None)
}

fn line(root: &Root, purged: &Purged) -> PurgeLine {
    let status = match purged.outcome {
        PurgeOutcome::Removed => PurgeStatus::Removed,
        PurgeOutcome::WouldRemove => PurgeStatus::Planned,
        PurgeOutcome::Kept(why) => PurgeStatus::Kept(why),
        _ => PurgeStatus::Kept("nothing is known of what was done"),
    };
    let key = purged.at.key().to_owned();
    PurgeLine { url: root.url(&key), key, what: purged.garbage.as_str(), bytes: Some(purged.size), status }
}

fn tell(line: &PurgeLine, counts: &mut PurgeCounts, context: &Context) -> Result<(), CliError> {
    match line.status {
        PurgeStatus::Removed | PurgeStatus::Planned => {
            counts.removed += 1;
            counts.bytes += line.bytes.unwrap_or_default();
        }
        PurgeStatus::Kept(_) => counts.kept += 1,
        PurgeStatus::Failed(_) => counts.failed += 1,
    }
    Ok(context.output.purged(line)?)
}
