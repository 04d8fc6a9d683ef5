//! Stats: what a prefix holds, what it takes, and what was saved.

mod sums;

use std::time::SystemTime;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};

use self::sums::{Fingerprint, SpaceSizes, Sums};
pub use self::sums::{Group, Stats, Verdict};
use super::Engine;
use super::list::undamaged;
use super::survey::StoredSpace;
use crate::delta_space::stored_prefix;
use crate::error::Error;
use crate::record::Record;
use crate::store::{Attributes, ETag, GetOptions, ListEntry, ListRequest, PutOptions, StoreErrorKind, found};
use crate::{Location, Sha256};

/// Where results are kept, below the root of the bucket.
const KEPT: &str = ".deltaglider/stats/";
/// The largest result that is read.
const MAX_KEPT: u64 = 64 << 20;
/// Deltas of a space whose logical sizes are asked for where not all of them are.
const SAMPLE: usize = 24;
/// The version of kept results.
const VERSION: u32 = 1;

/// What is counted, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatsRequest {
    /// The bucket and the prefix, taken as a directory.
    pub prefix: Location,
    /// Asks for the logical size of every delta; else for those of 24 in each delta space, from which the others are estimated.
    pub detailed: bool,
    /// What the groups are.
    pub by: GroupBy,
    /// Counts anew, even where a kept result still holds.
    pub refresh: bool,
    /// When it is.
    pub now: SystemTime,
}

/// What objects are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// Their delta space.
    DeltaSpace,
    /// The first components of their prefix below the one that is looked at, so many of them.
    Prefix(usize),
    /// The extension of their name.
    Extension,
}

/// A result as it is kept in the bucket.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    v: u32,
    fingerprint: Fingerprint,
    stats: Stats,
}

impl Engine {
    /// Counts what is stored under a prefix.
    ///
    /// Requests: 1 GET of the kept result, and the pages of the listing. Where the result is of the same number of objects and bytes,
    /// and nothing was written since, it is given; else the pages once more, one HEAD for each delta whose size is asked for and
    /// that was not seen before, one for each reference, and 1 PUT to keep the result. Who may not write there keeps none.
    pub async fn stats(&self, request: &StatsRequest) -> Result<Stats, Error> {
        let at = kept_at(request);
        if !request.refresh
            && let Some(kept) = self.kept_stats(&at).await?
            && self.fingerprint(&request.prefix).await? == kept.fingerprint
        {
            return Ok(Stats { cached: true, ..kept.stats });
        }
        let (stats, fingerprint) = self.count(request).await?;
        let kept = Kept { v: VERSION, fingerprint, stats };
        if let Ok(body) = serde_json::to_vec(&kept) {
            let options = PutOptions {
                attributes: Attributes { content_type: Some("application/json".to_owned()), ..Attributes::default() },
                ..PutOptions::default()
            };
            if let Err(error) = self.inner.store.put(&at, Bytes::from(body).into(), options).await {
                tracing::debug!(error = &error as &dyn std::error::Error, "the result was not kept");
            }
        }
        Ok(kept.stats)
    }

    /// A result that was kept; what cannot be read is none.
    async fn kept_stats(&self, at: &Location) -> Result<Option<Kept>, Error> {
        let object = match found(self.inner.store.get(at, GetOptions::default()).await) {
            Ok(Some(object)) => object,
            Ok(None) => return Ok(None),
            // Who may list need not be allowed to read there.
            Err(error) if error.kind == StoreErrorKind::Denied => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let Ok(bytes) = object.bytes(MAX_KEPT).await else { return Ok(None) };
        Ok(serde_json::from_slice::<Kept>(&bytes).ok().filter(|kept| kept.v == VERSION))
    }

    /// What a listing says of everything under a prefix.
    async fn fingerprint(&self, prefix: &Location) -> Result<Fingerprint, Error> {
        let listing = ListRequest::below(prefix.bucket(), stored_prefix(&directory(prefix)));
        let mut entries = self.inner.store.list(listing);
        let mut fingerprint = Fingerprint::default();
        while let Some(entry) = entries.try_next().await? {
            if let ListEntry::Object(object) = entry
                && !object.key.starts_with(KEPT)
            {
                fingerprint.take(&object);
            }
        }
        Ok(fingerprint)
    }

    async fn count(&self, request: &StatsRequest) -> Result<(Stats, Fingerprint), Error> {
        let prefix = directory(&request.prefix);
        let mut spaces = self.survey(&request.prefix);
        let mut sums = Sums::new(request.by, prefix);
        let mut fingerprint = Fingerprint::default();
        while let Some(mut stored) = spaces.try_next().await? {
            stored.internal.retain(|object| !object.key.starts_with(KEPT));
            let deltas = stored.deltas.iter().map(|(_, object)| object);
            let whole = stored.whole.iter().map(|(_, object)| object);
            for object in deltas.chain(whole).chain(&stored.internal).chain(&stored.reference) {
                fingerprint.take(object);
            }
            let sizes = self.sizes(&stored, request.detailed).await?;
            sums.take(&stored, &sizes);
        }
        Ok((sums.finish(request.now), fingerprint))
    }

    /// Logical sizes of the deltas of a space, as far as they are asked for.
    async fn sizes(&self, stored: &StoredSpace, detailed: bool) -> Result<SpaceSizes, Error> {
        let number = stored.deltas.len();
        let step = if detailed { 1 } else { number.div_ceil(SAMPLE).max(1) };
        let asked: Vec<usize> = (0..number).step_by(step).collect();
        let places: Vec<(Location, ETag)> = stored.listed(asked.iter().map(|index| &stored.deltas[*index].1));
        let mut heads = self.listed_heads(places).map(undamaged);
        let mut sizes = SpaceSizes::default();
        for index in asked {
            let Some(head) = heads.try_next().await?.flatten() else { continue };
            match Record::read(&head.head.attributes.metadata) {
                Ok(Record::Delta(record)) => {
                    sizes.deltas.insert(index, record.content.size.unwrap_or(head.head.size));
                }
                Ok(_) => {
                    sizes.foreign.insert(index);
                }
                // It is ours, and its size is not known.
                Err(_) => {
                    sizes.deltas.insert(index, head.head.size);
                }
            }
        }
        if let Some(reference) = &stored.reference {
            let head = undamaged(self.listed_head(&stored.at(reference), &reference.e_tag).await)?;
            sizes.reference_is_ours = head
                .is_some_and(|head| matches!(Record::read(&head.head.attributes.metadata), Ok(Record::Reference(_))));
        }
        Ok(sizes)
    }
}

/// Where a result of these questions is kept.
fn kept_at(request: &StatsRequest) -> Location {
    let questions = format!("{}\n{}\n{:?}", directory(&request.prefix), request.detailed, request.by);
    let name = Sha256::of(questions.as_bytes()).to_string();
    request.prefix.with_key(format!("{KEPT}{}.json", &name[..32]))
}

fn directory(prefix: &Location) -> String {
    match prefix.key() {
        "" => String::new(),
        key if key.ends_with('/') => key.to_owned(),
        key => format!("{key}/"),
    }
}
