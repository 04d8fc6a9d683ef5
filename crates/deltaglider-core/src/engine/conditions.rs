//! Which conditions a store really honours: asked once for each bucket, with throw-away keys, and not believed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::OnceCell;

use super::Engine;
use crate::store::{ETag, Promises, PutBody, PutMode, PutOptions, StoreError, StoreErrorKind};
use crate::{DeltaSpace, Location};

/// What is known of the buckets so far.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    buckets: Mutex<HashMap<String, Arc<Honoured>>>,
}

/// The conditions that a store honours in a bucket, as far as they were asked for.
#[derive(Debug, Default)]
struct Honoured {
    create: OnceCell<bool>,
    delete: OnceCell<bool>,
}

impl Conditions {
    fn bucket(&self, bucket: &str) -> Arc<Honoured> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(buckets.entry(bucket.to_owned()).or_default())
    }
}

/// Which conditions a store honours, on which the guarantees among several clients rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Guarantees {
    /// Of several who create an object at the same time, one wins.
    pub create: bool,
    /// Nothing is deleted that somebody else put there meanwhile.
    pub delete: bool,
}

impl Engine {
    /// Which conditions the store honours, tried out in the space that an object is in, with throw-away keys. Six requests the first
    /// time for each bucket; none for a store that is known.
    pub async fn guarantees(&self, object: &Location) -> Result<Guarantees, StoreError> {
        let space = DeltaSpace::of(object);
        Ok(Guarantees { create: self.honours_create(&space).await?, delete: self.honours_delete(&space).await? })
    }

    /// Whether the store honours `If-None-Match: *` on a put: one of several creators wins.
    ///
    /// Three requests the first time for each bucket, inside the prefix that is being written to, so that permissions for it are
    /// enough; none for a store that is known, nor for a prefix without room for a throw-away key, where only what is known
    /// already counts. A probe that fails is made again next time.
    pub(super) async fn honours_create(&self, space: &DeltaSpace) -> Result<bool, StoreError> {
        // Asked now: a store that reads its configuration with the first request knows only then where it leads.
        if self.inner.store.promises() == Promises::Kept {
            return Ok(true);
        }
        let honoured = self.inner.conditions.bucket(space.bucket());
        if !space.fits_internal_keys() {
            // No throw-away key fits there: what another prefix has shown counts, else nothing is believed.
            return Ok(honoured.create.get().copied().unwrap_or(false));
        }
        honoured.create.get_or_try_init(|| self.probe_create(space)).await.copied()
    }

    /// Whether the store honours `If-Match` on a delete: nothing is deleted that somebody else put there. Costs as
    /// [`Engine::honours_create`].
    pub(super) async fn honours_delete(&self, space: &DeltaSpace) -> Result<bool, StoreError> {
        // Asked now: a store that reads its configuration with the first request knows only then where it leads.
        if self.inner.store.promises() == Promises::Kept {
            return Ok(true);
        }
        let honoured = self.inner.conditions.bucket(space.bucket());
        if !space.fits_internal_keys() {
            // No throw-away key fits there: what another prefix has shown counts, else nothing is believed.
            return Ok(honoured.delete.get().copied().unwrap_or(false));
        }
        honoured.delete.get_or_try_init(|| self.probe_delete(space)).await.copied()
    }

    async fn probe_create(&self, space: &DeltaSpace) -> Result<bool, StoreError> {
        let at = space.probe(random_u64());
        let create = || PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let honoured = match self.inner.store.put(&at, probe(), create()).await {
            Ok(_) => {
                let again = self.inner.store.put(&at, probe(), create()).await;
                self.sweep(&at).await;
                refused(again.map(|_| ()))?
            }
            // Nobody else knows the key: an earlier attempt of ours, whose answer was lost, stands there, and the next was refused.
            Err(error) if error.is_conflict() => {
                self.sweep(&at).await;
                true
            }
            Err(error) if error.kind == StoreErrorKind::Unsupported => false,
            Err(error) => return Err(error),
        };
        if !honoured {
            tracing::warn!(
                bucket = space.bucket(),
                "the store ignores conditions on puts: when two clients put the first objects of a prefix at the same \
                 time, one of them may be lost"
            );
        }
        Ok(honoured)
    }

    async fn probe_delete(&self, space: &DeltaSpace) -> Result<bool, StoreError> {
        let at = space.probe(random_u64());
        self.inner.store.put(&at, probe(), PutOptions::default()).await?;
        let other = ETag::new("00000000000000000000000000000000");
        let answer = self.inner.store.delete_one(&at, Some(other)).await;
        self.sweep(&at).await;
        let honoured = refused(answer)?;
        if !honoured {
            tracing::warn!(
                bucket = space.bucket(),
                "the store ignores conditions on deletes: references that are no longer needed stay until they are \
                 purged"
            );
        }
        Ok(honoured)
    }

    /// Removes a throw-away key. Who may not delete leaves a few bytes that nobody sees.
    async fn sweep(&self, at: &Location) {
        if let Err(error) = self.inner.store.delete_one(at, None).await {
            tracing::debug!(error = &error as &dyn std::error::Error, %at, "a throw-away key stays");
        }
    }
}

fn probe() -> PutBody {
    Bytes::from_static(b"probe").into()
}

/// Whether a request that had to be refused was; an error that says nothing about it is passed on.
fn refused(answer: Result<(), StoreError>) -> Result<bool, StoreError> {
    match answer {
        Ok(()) => Ok(false),
        Err(error) if error.is_conflict() => Ok(true),
        Err(error) if matches!(error.kind, StoreErrorKind::Unsupported | StoreErrorKind::Invalid) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A random number for a key that nobody else uses.
pub(super) fn random_u64() -> u64 {
    getrandom::u64().unwrap_or_else(|_| {
        // Without the system's randomness the time in nanoseconds still differs between any two calls that matter.
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        now.as_nanos() as u64
    })
}
