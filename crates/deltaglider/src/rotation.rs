//! Rotation of the cache's keys in AWS Secrets Manager, with what that means for the cache of this host.

use std::sync::Arc;
use std::time::Duration;

use deltaglider_core::cache::{Freed, ReferenceCache, Rewrapped};
use deltaglider_core::keys::{CacheEncryptionKey, KeyId, KeyProvider, KeyRing};
use deltaglider_keys::SecretsManagerKeys;
use deltaglider_keys::rotation::Rotation;
pub use deltaglider_keys::rotation::{Action, Request, RotationError, Standing, Step};

use crate::client::Client;
use crate::compose::Keys;
use crate::error::Error;

/// Entries that are found under an old key after they were put under the new one are so again, this often at most.
const ROUNDS: u32 = 5;

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StepProgress {
    /// It begins; [`Step::Spread`] and [`Step::Settle`] take as long as this.
    Begun {
        /// How long it waits.
        wait: Duration,
    },
    /// It is done, and is not done again by a rotation that is resumed, unless it is one that is safe to repeat.
    Done,
    /// Entries were put under the key in force.
    Rewrapped(Rewrapped),
    /// Entries were removed.
    Purged(Freed),
}

/// What a rotation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rotated {
    /// What was done; nothing where there was nothing to do.
    pub steps: Vec<Step>,
    /// The key in force.
    pub current: Option<KeyId>,
}

impl Client {
    /// What is left to do for a request, which this does not begin. 3 requests.
    ///
    /// # Errors
    /// [`Error::Usage`] where the keys are not in Secrets Manager; [`RotationError::UnderWay`] where another rotation has to be ended
    /// first.
    pub async fn rotation_plan(&self, request: Request) -> Result<Vec<Step>, Error> {
        let keys = self.rotated_keys()?;
        Ok(Rotation::look(keys.vault(), Duration::ZERO).await?.plan(request)?)
    }

    /// How long a rotation waits for other processes if nothing else is said: two refresh intervals.
    #[must_use]
    pub fn rotation_wait(&self) -> Option<Duration> {
        self.rotated_keys().ok().map(|keys| 2 * keys.refresh_interval())
    }

    /// Rotates the key of the cache in Secrets Manager: spreads a new one, promotes it, and puts what this host has cached under it,
    /// while everybody goes on reading and writing. Other hosts' caches go on under the old key until it is retired.
    ///
    /// `wait` is how long others are given to hear of a key, twice; by default [`rotation_wait`](Self::rotation_wait), less than which
    /// can cost them misses. `tell` hears of every step. Dropped or killed, it can be resumed or aborted by another call. Costs 3
    /// requests to look, and at most 8 more.
    ///
    /// # Errors
    /// [`Error::Rotation`] says how to go on; [`Error::Usage`] where the keys are not in Secrets Manager.
    pub async fn rotate_key(
        &self,
        request: Request,
        wait: Option<Duration>,
        mut tell: impl FnMut(Step, StepProgress) + Send,
    ) -> Result<Rotated, Error> {
        let keys = self.rotated_keys()?;
        let wait = wait.unwrap_or(2 * keys.refresh_interval());
        let mut rotation = Rotation::look(keys.vault(), wait).await?;
        let steps = rotation.plan(request)?;
        let entries = Entries { keys: &keys, cache: self.cache().as_ref(), wait };
        for step in steps.iter().copied() {
            let waits = matches!(step, Step::Spread | Step::Settle);
            tell(step, StepProgress::Begun { wait: if waits { wait } else { Duration::ZERO } });
            rotation.carry_out(step).await?;
            tell(step, entries.carry_out(step, rotation.standing()).await?);
        }
        Ok(Rotated { steps, current: rotation.standing().current.key_id() })
    }

    fn rotated_keys(&self) -> Result<Arc<SecretsManagerKeys>, Error> {
        match self.cache().keys() {
            Keys::SecretsManager(keys) => Ok(Arc::clone(keys)),
            _ => Err(Error::Usage(
                "only a key in Secrets Manager can be rotated by a call; replace others at their source".into(),
            )),
        }
    }
}

/// The cache, as a rotation works on it.
struct Entries<'a> {
    keys: &'a SecretsManagerKeys,
    cache: &'a crate::shared_cache::SharedCache,
    /// How long others are given to hear of a key.
    wait: Duration,
}

impl Entries<'_> {
    /// Does what a step asks of the cache.
    async fn carry_out(&self, step: Step, standing: &Standing) -> Result<StepProgress, Error> {
        match step {
            Step::Rewrap => Ok(StepProgress::Rewrapped(self.rewrap(standing).await?)),
            Step::Verify => self.verify(standing).await,
            Step::Purge => Ok(StepProgress::Purged(self.purge(standing).await?)),
            _ => Ok(StepProgress::Done),
        }
    }

    async fn rewrap(&self, standing: &Standing) -> Result<Rewrapped, Error> {
        self.ring(standing).await?;
        Ok(self.cache.rewrap().await?)
    }

    async fn verify(&self, standing: &Standing) -> Result<StepProgress, Error> {
        let mut entries = self.under_old_keys(standing).await?;
        for _ in 1..ROUNDS {
            if entries == 0 {
                break;
            }
            // Somebody seals under the old key after all, as where the service was slow to give them the new one.
            tokio::time::sleep(self.wait).await;
            self.cache.rewrap().await?;
            entries = self.under_old_keys(standing).await?;
        }
        if entries == 0 { Ok(StepProgress::Done) } else { Err(RotationError::StillSealed { entries }.into()) }
    }

    /// Entries that no key in force opens: the key that others have is not among these any more.
    async fn purge(&self, standing: &Standing) -> Result<Freed, Error> {
        let ring = self.ring(standing).await?;
        let mut freed = Freed::default();
        for (id, _) in self.cache.stats_opened().await?.entries_by_key {
            if ring.find(id).is_none() {
                let purged = self.cache.purge_key(id).await?;
                freed.entries += purged.entries;
                freed.bytes += purged.bytes;
                freed.failed += purged.failed;
            }
        }
        Ok(freed)
    }

    async fn under_old_keys(&self, standing: &Standing) -> Result<u64, Error> {
        let ring = self.ring(standing).await?;
        let old: Vec<KeyId> = ring.decrypt_only.iter().map(CacheEncryptionKey::id).collect();
        let entries = self.cache.stats_opened().await?.entries_by_key;
        Ok(entries.into_iter().filter(|(id, _)| old.contains(id)).map(|(_, entries)| entries).sum())
    }

    /// The keys in force, read anew; what was promoted must be among them.
    async fn ring(&self, standing: &Standing) -> Result<KeyRing, Error> {
        self.keys.reload().await?;
        let ring = self.keys.key_ring().await?;
        if Some(ring.primary.id()) == standing.current.key_id() {
            return Ok(ring);
        }
        Err(RotationError::NotInForce { secret: self.keys.source() }.into())
    }
}
