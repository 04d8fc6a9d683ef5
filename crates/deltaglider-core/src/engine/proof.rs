//! References as a check of a bucket sees them: looked for at the store, whatever the cache holds, and once for each delta space.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::bodies::blocking;
use super::reference::{FoundReference, InCache, Search, read_all};
use super::{Depth, Engine};
use crate::cache::Form;
use crate::error::Error;
use crate::record::{ContentRecord, Record};
use crate::store::{ObjectHead, found};
use crate::{DeltaSpace, Location, Sha256};

/// What is known of a reference that a delta needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ReferenceProof {
    /// It stands there; in full depth its content was proven.
    Stands(Location),
    /// It is nowhere.
    Missing,
    /// What stands there has another content than its record says; the digest is that of what was read, where it was.
    Damaged { at: Location, actual: Option<Sha256> },
}

/// References that one check has looked for.
#[derive(Debug, Default)]
pub(super) struct ReferenceProofs {
    seen: Mutex<HashMap<Wanted, Arc<OnceCell<ReferenceProof>>>>,
}

/// A space, the digest of a reference that it needs, and the key that was recorded for it, where that is another space's.
type Wanted = (DeltaSpace, Sha256, Option<String>);

impl Engine {
    /// Looks for a reference at the store: under its space, under the recorded key, in the trash. Quick: 1 HEAD, and a listing where
    /// it is not there. Full: 1 GET, and its content goes into the cache. Either once for each space and digest.
    pub(super) async fn prove_reference(
        &self,
        proofs: &ReferenceProofs,
        space: &DeltaSpace,
        digest: Sha256,
        recorded_key: Option<&str>,
        depth: Depth,
    ) -> Result<ReferenceProof, Error> {
        let recorded_key = recorded_key.filter(|key| *key != space.reference().key());
        let wanted = (space.clone(), digest, recorded_key.map(str::to_owned));
        let cell = Arc::clone(proofs.seen.lock().unwrap_or_else(PoisonError::into_inner).entry(wanted).or_default());
        let proof = cell.get_or_try_init(|| async {
            match depth {
                Depth::Quick => self.look_for_reference(space, digest, recorded_key).await,
                Depth::Full => self.read_reference(space, digest, recorded_key).await,
            }
        });
        proof.await.cloned()
    }

    async fn look_for_reference(
        &self,
        space: &DeltaSpace,
        digest: Sha256,
        recorded_key: Option<&str>,
    ) -> Result<ReferenceProof, Error> {
        let own = space.reference();
        let recorded = recorded_key.map(|key| own.with_key(key));
        for at in std::iter::once(own).chain(recorded) {
            if let Some(proof) = self.look_at_reference(at, digest).await? {
                return Ok(proof);
            }
        }
        for at in self.trash(space, digest).await? {
            if let Some(proof) = self.look_at_reference(at, digest).await? {
                return Ok(proof);
            }
        }
        Ok(ReferenceProof::Missing)
    }

    /// One HEAD: what stands there, if it says that it is the reference.
    async fn look_at_reference(&self, at: Location, digest: Sha256) -> Result<Option<ReferenceProof>, Error> {
        let head = match found(self.inner.store.head(&at).await) {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(None),
            Err(error) if error.is_damaged() => {
                return Ok(Some(ReferenceProof::Damaged { at, actual: None }));
            }
            Err(error) => return Err(error.into()),
        };
        let Some(content) = reference_record(&head).filter(|content| content.sha256 == Some(digest)) else {
            return Ok(None);
        };
        Ok(Some(match content.size {
            Some(size) if size != head.size => ReferenceProof::Damaged { at, actual: None },
            _ => ReferenceProof::Stands(at),
        }))
    }

    async fn read_reference(
        &self,
        space: &DeltaSpace,
        digest: Sha256,
        recorded_key: Option<&str>,
    ) -> Result<ReferenceProof, Error> {
        let search = Search::StoreAlone;
        let (at, object) = match self.search_reference(space, digest, recorded_key, &Form::STORED, search).await {
            Ok(Some(FoundReference::Remote { at, object, .. })) => (at, object),
            Ok(_) => return Ok(ReferenceProof::Missing),
            Err(Error::Store(error)) if error.is_damaged() => {
                return Ok(ReferenceProof::Damaged { at: error.at, actual: None });
            }
            Err(error) => return Err(error),
        };
        let size = object.head.size;
        let (scratch, actual) = self.spool_object(*object).await?;
        if actual != digest {
            return Ok(ReferenceProof::Damaged { at, actual: Some(actual) });
        }
        let kept = !matches!(self.look_up(digest, &Form::STORED, Search::CacheFirst).await, Ok(InCache::Nothing(_)));
        if !kept && size <= self.inner.limits.memory {
            let _memory = self.take_memory(size).await;
            let bytes = match scratch.bytes() {
                Some(bytes) => bytes,
                None => blocking(move || read_all(&scratch)).await.map_err(Error::Scratch)?,
            };
            // Without it each delta fetches the reference anew.
            let _ = self.keep(digest, Form::STORED, bytes).await;
        }
        Ok(ReferenceProof::Stands(at))
    }
}

/// The record of a reference, where an object has one.
pub(super) fn reference_record(head: &ObjectHead) -> Option<ContentRecord> {
    match Record::read(&head.attributes.metadata) {
        Ok(Record::Reference(content)) => Some(content),
        _ => None,
    }
}
