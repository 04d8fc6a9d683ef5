//! Care for buckets: whether everything comes back, mending what does not, removing what nobody needs, and counting.

use std::time::{Duration, SystemTime};

use deltaglider_core::Location;
use deltaglider_core::engine::purge::{PurgeOutcome, PurgeRequest, Purged};
use deltaglider_core::engine::repair::{Finding, Mended, RepairRequest};
use deltaglider_core::engine::stats::{GroupBy, Stats, StatsRequest};
use deltaglider_core::engine::{Depth, VerifyReport, VerifyRequest};
use deltaglider_core::store::PendingUpload;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use crate::client::Client;
use crate::error::Error;
use crate::place::Place;

/// Garbage younger than this stays, unless another age is asked for.
const OLDER_THAN: Duration = Duration::from_secs(7 * 86_400);

impl Client {
    /// Verifies everything below a URL, which is taken as a directory, in the order of keys, as many objects at a time as
    /// [`Config::jobs`](crate::Config::jobs) says. Costs as
    /// [`Engine::verify_all`](deltaglider_core::engine::Engine::verify_all).
    ///
    /// # Errors
    /// [`Error::Url`] and [`Error::NoLocalStore`], before any request; in the stream, what ends the listing.
    pub fn verify_all(
        &self,
        url: &str,
        depth: Depth,
    ) -> Result<BoxStream<'static, Result<VerifyReport, Error>>, Error> {
        let (place, prefix) = self.directory(url)?;
        let parallel = self.config().jobs.get();
        let request = VerifyRequest { prefix, recursive: true, depth, sample: None, parallel };
        Ok(place.engine.verify_all(request).map_err(Error::from).boxed())
    }

    /// What is not as it should be below a URL, and what [`Client::repair`] would do about it. Changes nothing. Costs as
    /// [`Engine::repair_plan`](deltaglider_core::engine::Engine::repair_plan).
    ///
    /// # Errors
    /// As those of [`Client::verify_all`].
    pub fn repair_plan(&self, url: &str, depth: Depth) -> Result<BoxStream<'static, Result<Finding, Error>>, Error> {
        let (place, prefix) = self.directory(url)?;
        let request = RepairRequest { prefix, depth, now: SystemTime::now() };
        Ok(place.engine.repair_plan(request).map_err(Error::from).boxed())
    }

    /// Mends what [`Client::repair_plan`] finds below a URL, and loses nothing. To repair again does nothing; a repair that breaks off
    /// is ended by the next. Costs as the plan and [`Engine::mend`](deltaglider_core::engine::Engine::mend).
    ///
    /// # Errors
    /// As those of [`Client::verify_all`]; what could not be mended is told with its finding, and the others are mended all the
    /// same.
    pub fn repair(&self, url: &str, depth: Depth) -> Result<BoxStream<'static, Result<Repaired, Error>>, Error> {
        let (place, _) = self.directory(url)?;
        let findings = self.repair_plan(url, depth)?;
        let mended = findings.and_then(move |finding| {
            let engine = place.engine.clone();
            async move {
                let outcome = engine.mend(&finding).await.map_err(Error::from);
                Ok(Repaired { finding, outcome })
            }
        });
        Ok(mended.boxed())
    }

    /// Removes what nobody needs below a URL; [`send`](PurgeBucket::send) does it.
    pub fn purge(&self, url: impl Into<String>) -> PurgeBucket {
        PurgeBucket { client: self.clone(), url: url.into(), older_than: OLDER_THAN, exclusive: false, dry: false }
    }

    /// Counts what is below a URL, by delta space; `detailed` asks for the size of every delta. Costs as
    /// [`Engine::stats`](deltaglider_core::engine::Engine::stats).
    ///
    /// # Errors
    /// As those of [`Client::verify_all`], and what the store refuses.
    pub async fn stats(&self, url: &str, detailed: bool) -> Result<Stats, Error> {
        let (place, prefix) = self.directory(url)?;
        let now = SystemTime::now();
        let request = StatsRequest { prefix, detailed, by: GroupBy::DeltaSpace, refresh: false, now };
        Ok(place.engine.stats(&request).await?)
    }

    pub(crate) fn directory(&self, url: &str) -> Result<(Place, Location), Error> {
        let place = self.place(url)?;
        let key = place.at.key();
        let prefix = match key.is_empty() || key.ends_with('/') {
            true => place.at.clone(),
            false => place.at.with_key(format!("{key}/")),
        };
        Ok((place, prefix))
    }
}

/// A finding, and what came of mending it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Repaired {
    /// What was not as it should be.
    pub finding: Finding,
    /// What came of it.
    pub outcome: Result<Mended, Error>,
}

/// A purge, being described; [`send`](Self::send) does it.
#[derive(Clone, Debug)]
#[must_use = "nothing is removed before `send`"]
pub struct PurgeBucket {
    client: Client,
    url: String,
    older_than: Duration,
    exclusive: bool,
    dry: bool,
}

impl PurgeBucket {
    /// Only what is so old; 7 days unless it is said. Temporary copies go when they have expired.
    pub fn older_than(mut self, age: Duration) -> Self {
        self.older_than = age;
        self
    }

    /// Nobody else is writing: whole objects that deltas hide go as well, and conditions that the store ignores are done without.
    pub fn exclusive(mut self) -> Self {
        self.exclusive = true;
        self
    }

    /// Removes nothing.
    pub fn dry_run(mut self) -> Self {
        self.dry = true;
        self
    }

    /// Removes the garbage. Costs as [`Engine::purge`](deltaglider_core::engine::Engine::purge), and at S3 a listing of unfinished
    /// uploads and one request for each that is aborted.
    ///
    /// # Errors
    /// As those of [`Client::verify_all`], and what the store refuses; what was removed before stays so.
    pub async fn send(self) -> Result<PurgeOutput, Error> {
        let (place, prefix) = self.client.directory(&self.url)?;
        let now = SystemTime::now();
        let Self { older_than, exclusive, dry, .. } = self;
        let request = PurgeRequest { prefix: prefix.clone(), older_than, now, exclusive, dry };
        let objects: Vec<Purged> = place.engine.purge(request).try_collect().await?;
        let (buckets, _) = self.client.bucket_store(&self.url)?;
        let mut uploads = Vec::new();
        if let Some(store) = buckets.uploads() {
            let pending = store.list_uploads(prefix.bucket(), prefix.key()).await?;
            let now = place.engine.store_time(now);
            for upload in pending {
                if upload.begun.checked_add(older_than).is_none_or(|due| due > now) {
                    continue;
                }
                if !dry {
                    store.abort_upload(&upload).await?;
                }
                uploads.push(upload);
            }
        }
        Ok(PurgeOutput { objects, uploads })
    }
}

/// What a purge found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PurgeOutput {
    /// Garbage, and what became of it.
    pub objects: Vec<Purged>,
    /// Unfinished uploads that were aborted, or would be.
    pub uploads: Vec<PendingUpload>,
}

impl PurgeOutput {
    /// Bytes of the objects that were removed, or would be.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let gone = self.objects.iter().filter(|object| !matches!(object.outcome, PurgeOutcome::Kept(_)));
        gone.map(|object| object.size).sum()
    }
}
