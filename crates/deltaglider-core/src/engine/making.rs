//! Makes the delta of a put: by which codec, against which reference, in how much memory.

use std::sync::Arc;

use super::coding::{CodecMemory, Encoded, KeptReference, ReadyReference};
use super::plan::{self, WhyWhole};
use super::put::Put;
use super::reference::{FoundReference, Keep, Loaded, Proof, Search, StoredReference};
use super::{Engine, ReferenceUse};
use crate::cache::Form;
use crate::codec::{DeltaCodec, DeltaParts, ReferenceSize};
use crate::error::Error;
use crate::scratch::Scratch;

/// A delta made against a reference, and where the reference is kept.
pub(super) struct Made {
    pub(super) codec: Arc<dyn DeltaCodec>,
    pub(super) delta: Arc<Scratch>,
    pub(super) parts: DeltaParts,
    pub(super) reference: KeptReference,
    pub(super) used: ReferenceUse,
}

/// What came of trying to make a delta.
pub(super) enum Making {
    Made(Made),
    /// The reference is no longer there, or another one is.
    Moved,
    Whole(WhyWhole),
    /// It takes so many bytes of memory, or more.
    NeedsMemory(u64),
}

/// A reference that was found, not yet in memory.
enum Begun {
    /// The object itself.
    Own,
    Found(FoundReference),
}

/// What came of loading a reference.
enum Loading {
    Loaded(ReadyReference, ReferenceUse),
    NeedsMemory(u64),
    Moved,
    Damaged,
}

impl Engine {
    /// Whether an object of this size may become a reference, and be used as one later.
    pub(super) fn may_be_reference(&self, size: u64, writers: &[Arc<dyn DeltaCodec>]) -> bool {
        let limit = self.inner.limits.memory;
        let needs = |codec: &Arc<dyn DeltaCodec>| codec.memory(ReferenceSize::Stored(size), size, limit);
        plan::may_be_reference(size, writers.iter().map(needs))
    }

    /// Makes a delta by the first codec that can within the memory that is allowed. The content is kept as the reference where it
    /// was `created` as that.
    pub(super) async fn make_delta(
        &self,
        put: &Put<'_>,
        reference: &StoredReference,
        created: bool,
    ) -> Result<Making, Error> {
        let limit = self.inner.limits.memory;
        let mut needed = u64::MAX;
        for codec in &put.writers {
            let size = ReferenceSize::Stored(reference.size);
            let mut wanted = codec.memory(size, put.prepared.digest.size, limit).filter(|bytes| *bytes <= limit);
            while let Some(bytes) = wanted {
                // Before memory is taken: whoever holds some must not wait for somebody else's fetch, who may wait for memory.
                let Some(found) = self.begin_reference(codec, put, reference).await? else { return Ok(Making::Moved) };
                let memory = self.take_memory(bytes).await;
                match self.make_delta_by(codec, &memory, put, (reference, found), created).await? {
                    Making::NeedsMemory(more) => needed = more,
                    making => return Ok(making),
                }
                wanted = plan::more_memory(bytes, needed, limit);
            }
        }
        Ok(Making::NeedsMemory(needed))
    }

    /// Finds the reference that a put needs; `None` where it is not there any more.
    async fn begin_reference(
        &self,
        codec: &Arc<dyn DeltaCodec>,
        put: &Put<'_>,
        reference: &StoredReference,
    ) -> Result<Option<Begun>, Error> {
        if reference.sha256 == put.prepared.digest.sha256 {
            return Ok(Some(Begun::Own));
        }
        match self.find_reference(reference, &codec.reference_form(), Search::CacheFirst).await {
            Ok(found) => Ok(Some(Begun::Found(found))),
            Err(Error::Store(error)) if error.is_not_found() || error.is_conflict() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn make_delta_by(
        &self,
        codec: &Arc<dyn DeltaCodec>,
        memory: &CodecMemory,
        put: &Put<'_>,
        (reference, begun): (&StoredReference, Begun),
        created: bool,
    ) -> Result<Making, Error> {
        let digest = put.prepared.digest;
        let (ready, used) = match begun {
            Begun::Own => match self.own_reference(codec, memory, put, created).await? {
                Ok(ready) => (ready, ReferenceUse::None),
                Err(needed) => return Ok(Making::NeedsMemory(needed)),
            },
            Begun::Found(found) => match self.ready_reference(reference, found, codec, memory).await? {
                Loading::Loaded(ready, used) => (ready, used),
                Loading::NeedsMemory(needed) => return Ok(Making::NeedsMemory(needed)),
                Loading::Moved => return Ok(Making::Moved),
                Loading::Damaged => {
                    tracing::warn!(at = %reference.at, "the reference is damaged; the object is stored whole");
                    return Ok(Making::Whole(WhyWhole::DamagedReference));
                }
            },
        };
        // Now that it is known how long the reference is in the codec's form.
        let size = ReferenceSize::Prepared(ready.bytes.len() as u64);
        match codec.memory(size, digest.size, self.inner.limits.memory) {
            Some(needed) if needed <= memory.bytes() => {}
            needed => return Ok(Making::NeedsMemory(needed.unwrap_or(u64::MAX))),
        }
        let ratio = put.request.max_ratio.unwrap_or(self.inner.policy.max_ratio);
        // An object that is its own reference is read like any other, whatever the ratio.
        let ratio = if reference.sha256 == digest.sha256 { 1.0 } else { ratio };
        let max_size = (ratio * digest.size as f64) as u64;
        let target = (Arc::clone(put.prepared.content()), digest);
        let progress = Arc::clone(&put.request.progress);
        match self.encode(codec, memory, ready.bytes, target, max_size, progress).await? {
            Encoded::Delta(delta, parts) => {
                let (codec, delta) = (Arc::clone(codec), Arc::new(delta));
                Ok(Making::Made(Made { codec, delta, parts, reference: ready.kept, used }))
            }
            Encoded::TooLarge => Ok(Making::Whole(WhyWhole::Ratio)),
            Encoded::NeedsMemory(needed) => Ok(Making::NeedsMemory(needed)),
        }
    }

    /// The content itself as its reference, kept in the cache where it was `created` as that; or the memory that this takes.
    async fn own_reference(
        &self,
        codec: &Arc<dyn DeltaCodec>,
        memory: &CodecMemory,
        put: &Put<'_>,
        created: bool,
    ) -> Result<Result<ReadyReference, u64>, Error> {
        let sha256 = put.prepared.digest.sha256;
        let keep = if created { Keep::Either } else { Keep::Nothing };
        let made = self.make_ready(codec, memory, put.prepared.bytes().await?, sha256, keep).await?;
        // The source is there for as long as the put.
        let kept = KeptReference { content: Arc::clone(put.prepared.content()), form: Form::STORED, sha256 };
        Ok(made.map(|ready| ReadyReference { kept, ..ready }))
    }

    /// The reference in memory, proven: from the cache or from the store, tried again where the cache was damaged.
    async fn ready_reference(
        &self,
        reference: &StoredReference,
        mut found: FoundReference,
        codec: &Arc<dyn DeltaCodec>,
        memory: &CodecMemory,
    ) -> Result<Loading, Error> {
        let mut rounds = Search::ROUNDS.into_iter().skip(1);
        loop {
            match self.load_reference(found, reference.sha256, codec, memory, Proof::First).await? {
                Loaded::Ready(ready, used) => return Ok(Loading::Loaded(ready, used)),
                Loaded::NeedsMemory(needed) => return Ok(Loading::NeedsMemory(needed)),
                Loaded::DamagedInStore(_) => return Ok(Loading::Damaged),
                Loaded::DamagedInCache => {}
            }
            let Some(search) = rounds.next() else { return Ok(Loading::Damaged) };
            found = match self.find_reference(reference, &codec.reference_form(), search).await {
                Ok(found) => found,
                Err(Error::Store(error)) if error.is_not_found() || error.is_conflict() => return Ok(Loading::Moved),
                Err(error) => return Err(error),
            };
        }
    }
}
