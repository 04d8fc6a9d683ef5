//! Which conditions a store really honours: asked once for each bucket, with throw-away keys, and not believed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::OnceCell;

use super::Engine;
use crate::Location;
use crate::store::{ETag, Promises, PutMode, PutOptions, StoreError, StoreErrorKind};

/// The conditions that a store honours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Honoured {
    /// `If-None-Match: *` on a put: one of several creators wins.
    pub(super) create: bool,
    /// `If-Match` on a delete: nothing is deleted that somebody else put there.
    pub(super) delete: bool,
}

/// What is known of the buckets so far.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    buckets: Mutex<HashMap<String, Arc<OnceCell<Honoured>>>>,
}

impl Conditions {
    fn bucket(&self, bucket: &str) -> Arc<OnceCell<Honoured>> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(buckets.entry(bucket.to_owned()).or_default())
    }
}

impl Engine {
    /// Which conditions the store honours in a bucket.
    ///
    /// Four requests the first time for each bucket, and none for a store that is known; a failed probe is asked again next time.
    pub(super) async fn honoured(&self, bucket: &str) -> Result<Honoured, StoreError> {
        // Asked now: a store that reads its configuration with the first request knows only then where it leads.
        if self.inner.store.promises() == Promises::Kept {
            return Ok(Honoured { create: true, delete: true });
        }
        let cell = self.inner.conditions.bucket(bucket);
        let honoured = cell.get_or_try_init(|| self.probe(bucket)).await?;
        Ok(*honoured)
    }

    async fn probe(&self, bucket: &str) -> Result<Honoured, StoreError> {
        let at = Location::new(bucket, format!(".deltaglider/probe/{:016x}", random_u64()));
        let store = &self.inner.store;
        let create = || PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let first = store.put(&at, Bytes::from_static(b"probe").into(), create()).await;
        let created = match first {
            Ok(_) => {
                let second = store.put(&at, Bytes::from_static(b"probe").into(), create()).await;
                refused(second.map(|_| ()))?
            }
            Err(error) if error.kind == StoreErrorKind::Unsupported => {
                store.put(&at, Bytes::from_static(b"probe").into(), PutOptions::default()).await?;
                false
            }
            Err(error) => return Err(error),
        };
        let deleted = refused(store.delete_one(&at, Some(ETag::new("00000000000000000000000000000000"))).await)?;
        store.delete_one(&at, None).await?;
        let honoured = Honoured { create: created, delete: deleted };
        if !honoured.create {
            tracing::warn!(
                bucket,
                "the store ignores conditions on puts: when two clients put the first objects of a prefix at the same \
                 time, one of them may be lost"
            );
        }
        if !honoured.delete {
            tracing::warn!(
                bucket,
                "the store ignores conditions on deletes: references that are no longer needed stay until they are \
                 purged"
            );
        }
        Ok(honoured)
    }
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
