//! Objects that change their form: whole ones that become deltas where they are, and deltas that become plain.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use deltaglider::core::digest::Sha256Hasher;
use deltaglider::core::engine::{GetRequest, LogicalHead, Migrated, PutRequest, Rehydrated};
use deltaglider::core::progress::SharedProgress;
use deltaglider::core::store::Placement;
use deltaglider::core::{Location, Sha256};

use super::carry::{Trouble, stored};
use super::download::download;
use super::gate::Gate;
use super::{End, Item, Settings, Work};
use crate::session::Root;
use crate::tally::{Ended, Outcome};

/// Converts an object, if that is the work.
pub(super) async fn convert(
    item: &Item,
    settings: &Settings,
    gate: &Gate,
    progress: SharedProgress,
) -> Result<Option<Outcome>, Trouble> {
    match (settings.work, &item.source, &item.destination) {
        (Work::MigrateInPlace, End::Object(root, at), _) => {
            let request = PutRequest { progress, ..settings.bare_put_request() };
            migrate(root, at, item.size.unwrap_or(u64::MAX), &request, gate).await.map(Some)
        }
        (Work::Rehydrate, End::Object(from, source), End::Object(to, at)) if from.shares_store(to) && source == at => {
            rehydrate(from, at, &progress).await.map(Some)
        }
        (Work::Rehydrate, End::Object(from, source), End::Object(to, at)) => {
            rehydrate_to(from, source, to, at, &progress).await.map(Some)
        }
        (Work::Rehydrate, End::Object(from, at), End::Local(target)) => {
            rehydrate_here(from, at, target, &progress).await.map(Some)
        }
        _ => Ok(None),
    }
}

async fn migrate(root: &Root, at: &Location, size: u64, request: &PutRequest, gate: &Gate) -> Result<Outcome, Trouble> {
    let report = gate.pass(at, root.engine.migrate(at, size, request)).await?;
    let kept = |why| Outcome { ended: Ended::Kept(why), logical: report.size, ..Outcome::default() };
    Ok(match &report.outcome {
        Migrated::Delta { put, whole_removed } => {
            let ended = if *whole_removed { Ended::Done } else { Ended::WholeStays };
            Outcome { ended, ..stored(put) }
        }
        Migrated::Finished { whole_removed: false } => Outcome { ended: Ended::WholeStays, ..Outcome::default() },
        Migrated::Finished { whole_removed: true } => {
            Outcome { ended: Ended::Present, logical: report.size, ..Outcome::default() }
        }
        Migrated::Whole(why) => kept(why.as_str()),
        _ => kept("it was removed meanwhile"),
    })
}

async fn rehydrate(root: &Root, at: &Location, progress: &SharedProgress) -> Result<Outcome, Trouble> {
    let report = root.engine.rehydrate(at, progress).await?;
    let ended = match report.outcome {
        Rehydrated::Done => Ended::Done,
        Rehydrated::Reserved => {
            let message = "Its name is one of DeltaGlider's own: a plain object would be taken for such. Rehydrate it to another \
                           place.";
            return Err(Trouble::Skipped(message.to_owned()));
        }
        _ => Ended::Present,
    };
    Ok(Outcome { ended, moved: report.moved, ..plain(report.size, report.sha256) })
}

async fn rehydrate_to(
    from: &Root,
    source: &Location,
    to: &Root,
    at: &Location,
    progress: &SharedProgress,
) -> Result<Outcome, Trouble> {
    let head = from.engine.head(source).await?;
    if to.engine.holds_plain(at, &head).await? {
        return Ok(Outcome { ended: Ended::Present, ..plain(head.size, head.sha256) });
    }
    let got = from.engine.get(source, &GetRequest::default()).await?;
    let LogicalHead { size, sha256, .. } = got.head;
    to.engine.put_plain(at, &got.head, got.body, &Placement::default(), progress).await?;
    Ok(Outcome { moved: got.fetched + size, ..plain(size, sha256) })
}

async fn rehydrate_here(
    from: &Root,
    at: &Location,
    target: &Path,
    progress: &SharedProgress,
) -> Result<Outcome, Trouble> {
    let length = fs::metadata(target).ok().filter(fs::Metadata::is_file).map(|metadata| metadata.len());
    if length.is_some() {
        let head = from.engine.head(at).await?;
        if length == Some(head.size) && head.sha256.is_some() && digest(target).await == head.sha256 {
            return Ok(Outcome { ended: Ended::Present, ..plain(head.size, head.sha256) });
        }
    }
    let report = download(from, at, target, progress).await?;
    Ok(Outcome { moved: report.fetched, ..plain(report.head.size, report.head.sha256) })
}

fn plain(size: u64, sha256: Option<Sha256>) -> Outcome {
    Outcome { logical: size, sha256: sha256.map(|digest| digest.to_string()), ..Outcome::default() }
}

/// The digest of a file; none where it cannot be read.
async fn digest(path: &Path) -> Option<Sha256> {
    let path = path.to_owned();
    let hash = move || -> io::Result<Sha256> {
        let mut file = File::open(path)?;
        let mut hasher = Sha256Hasher::default();
        let mut buffer = vec![0; 256 << 10];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(hasher.finish()),
                read => hasher.update(&buffer[..read]),
            }
        }
    };
    tokio::task::spawn_blocking(hash).await.ok()?.ok()
}
