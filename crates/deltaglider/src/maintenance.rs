//! A task that looks after the cache of a long-running application.
//!
//! Nothing of this is needed for right bytes, and the cache keeps inside its budget by itself. The task is for applications that
//! want less than the budget, or that share memory and disk with others.

mod plan;
mod readings;

use std::sync::{Arc, Weak};
use std::time::Duration;

use deltaglider_core::cache::{CacheError, Freed, PrunePolicy, ReferenceCache, Rewrapped};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::client::Client;
use crate::shared_cache::SharedCache;

use plan::Place;
pub use plan::Reason;
pub use readings::{Fill, Readings, SystemReadings, Volume};

/// When the task looks, and what it does then.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MaintenancePolicy {
    /// How long it is from one look to the next; 15 minutes. The first look is at once.
    pub every: Duration,
    /// How long after the start, and after each clear, the cache is cleared; `None`, the default, never clears. With an ephemeral key
    /// a clear replaces the key as well.
    pub clear_every: Option<Duration>,
    /// Bytes above which the cache is pruned down to them; 500 MB.
    pub max_bytes: Option<u64>,
    /// Share of the cache's volume above which as much is pruned as brings it back there; 0.8.
    pub max_disk: Option<f64>,
    /// Share of memory above which as much is pruned as brings it back there; 0.8. Heard where the cache lies in memory: by its
    /// backend, or on a volume that does. Files on a disk free no memory.
    pub max_memory: Option<f64>,
    /// Whether entries under an old key are put under the one in force, so that this host follows a rotation; true.
    pub rewrap: bool,
}

impl Default for MaintenancePolicy {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(15 * 60),
            clear_every: None,
            max_bytes: Some(500_000_000),
            max_disk: Some(0.8),
            max_memory: Some(0.8),
            rewrap: true,
        }
    }
}

/// What one look did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MaintenanceReport {
    /// Which look it was, from 1.
    pub look: u64,
    /// Why something was removed; empty where nothing was.
    pub reasons: Vec<Reason>,
    /// What was removed.
    pub freed: Freed,
    /// What was put under the key in force.
    pub rewrapped: Rewrapped,
    /// What went wrong. The task goes on, and tries again with the next look.
    pub error: Option<String>,
}

impl Client {
    /// Starts a task that looks after the cache, with what the system says of disk and memory. No request.
    ///
    /// The task ends when the handle is dropped or stopped, when the client is closed, and when its cache is gone: it keeps no client
    /// alive, but finishes a look that is under way. A cache that dies with the client and was never used is not opened for it.
    ///
    /// # Panics
    /// Outside of a tokio runtime with a clock.
    pub fn spawn_maintenance(&self, policy: MaintenancePolicy) -> Maintenance {
        self.spawn_maintenance_with(policy, SystemReadings)
    }

    /// The same with readings of the caller's: for tests, and for systems that [`SystemReadings`] does not know.
    ///
    /// # Panics
    /// As [`spawn_maintenance`](Self::spawn_maintenance).
    pub fn spawn_maintenance_with(&self, policy: MaintenancePolicy, readings: impl Readings) -> Maintenance {
        let (sender, reports) = watch::channel(None);
        let stopped = CancellationToken::new();
        let round = Round { cache: Arc::downgrade(self.cache()), policy, readings: Arc::new(readings) };
        let task = tokio::spawn(round.run(stopped.clone(), sender));
        Maintenance { task: Some(task), stopped, reports }
    }
}

/// The running task; dropping it ends it.
#[derive(Debug)]
#[must_use = "the task ends when this is dropped"]
pub struct Maintenance {
    task: Option<JoinHandle<()>>,
    stopped: CancellationToken,
    reports: watch::Receiver<Option<MaintenanceReport>>,
}

impl Maintenance {
    /// The latest report; `None` before the first look is done.
    #[must_use]
    pub fn last_report(&self) -> Option<MaintenanceReport> {
        self.reports.borrow().clone()
    }

    /// Waits for a report that was not given out here before; `None` when the task has ended. Of several that came meanwhile it is the
    /// latest.
    pub async fn next_report(&mut self) -> Option<MaintenanceReport> {
        self.reports.changed().await.ok()?;
        self.reports.borrow_and_update().clone()
    }

    /// Ends the task, and waits for a look that is under way.
    pub async fn stop(mut self) {
        self.stopped.cancel();
        if let Some(task) = self.task.take() {
            // A task that panicked has ended as well.
            drop(task.await);
        }
    }
}

impl Drop for Maintenance {
    fn drop(&mut self) {
        self.stopped.cancel();
    }
}

struct Round<R> {
    /// Weak, so that an ephemeral cache dies with its client.
    cache: Weak<SharedCache>,
    policy: MaintenancePolicy,
    readings: Arc<R>,
}

impl<R: Readings> Round<R> {
    async fn run(self, stopped: CancellationToken, reports: watch::Sender<Option<MaintenanceReport>>) {
        let clear_after = |now: Instant| self.policy.clear_every.and_then(|every| now.checked_add(every));
        let mut look_at = Instant::now();
        let mut clear_at = clear_after(look_at);
        for look in 1.. {
            let wake = clear_at.map_or(look_at, |clear_at| clear_at.min(look_at));
            if tokio::time::timeout_at(wake, stopped.cancelled()).await.is_ok() {
                return;
            }
            let Some(cache) = self.cache.upgrade() else { return };
            let now = Instant::now();
            let clear = clear_at.is_some_and(|at| at <= now);
            let mut report = MaintenanceReport { look, ..MaintenanceReport::default() };
            match self.look(&cache, clear, &mut report).await {
                Ok(()) => tell(&report),
                Err(CacheError::Closed) => return,
                Err(error) => {
                    tracing::warn!(%error, "the cache could not be looked after");
                    report.error = Some(error.to_string());
                }
            }
            drop(cache);
            // Whoever hears of it may count on the cache being let go.
            reports.send_replace(Some(report));
            if clear {
                clear_at = clear_after(now);
            }
            look_at = now + self.policy.every;
        }
    }

    async fn look(
        &self,
        cache: &Arc<SharedCache>,
        clear: bool,
        report: &mut MaintenanceReport,
    ) -> Result<(), CacheError> {
        if clear {
            report.freed = cache.clear().await?;
            report.reasons = vec![Reason::Interval];
            // The gauges show it.
            return cache.stats_opened().await.map(drop);
        }
        let stats = cache.stats_opened().await?;
        if stats.entries == 0 {
            return Ok(());
        }
        let readings = Arc::clone(&self.readings);
        let path = stats.path;
        // They read files of the system.
        let read = move || {
            let place = path.map_or(Place::Process, |path| Place::Volume(readings.disk(&path)));
            (place, readings.memory())
        };
        let (place, memory) = tokio::task::spawn_blocking(read).await.map_err(std::io::Error::other)?;
        let pruning = plan::prune(&self.policy, place, stats.bytes, memory);
        if let Some(max_bytes) = pruning.down_to {
            report.freed = cache.prune(&PrunePolicy { max_bytes: Some(max_bytes), max_idle: None }).await?;
            report.reasons = pruning.reasons;
            // The gauges show it.
            cache.stats_opened().await?;
        }
        if self.policy.rewrap {
            report.rewrapped = cache.rewrap().await?;
        }
        Ok(())
    }
}

fn tell(report: &MaintenanceReport) {
    let MaintenanceReport { look, reasons, freed, rewrapped, .. } = report;
    if reasons.is_empty() && rewrapped.rewrapped == 0 && rewrapped.failed == 0 {
        tracing::debug!(look, "nothing to do for the cache");
    } else {
        let (entries, bytes, failed) = (freed.entries, freed.bytes, freed.failed + rewrapped.failed);
        tracing::info!(
            look,
            ?reasons,
            entries,
            bytes,
            failed,
            rewrapped = rewrapped.rewrapped,
            "looked after the cache"
        );
    }
}
