//! The reference of a delta space: find it, create it, fetch it once, put it back.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt};

use super::bodies::{Spool, blocking};
use super::coding::{CodecMemory, KeptReference, ReadyReference};
use super::plan;
use super::{Engine, ReferenceUse};
use crate::cache::{CacheError, CacheKey, Claim, Form, Lookup};
use crate::codec::{CodecError, DeltaCodec, ReferenceSize};
use crate::digest::Sha256Hasher;
use crate::error::Error;
use crate::record::{Record, reference_metadata};
use crate::scratch::Scratch;
use crate::store::{
    Attributes, ETag, GetObject, GetOptions, ListEntry, ListRequest, ObjectHead, Placement, PutBody, PutMode,
    PutOptions, PutReceipt, found,
};
use crate::{ContentDigest, DeltaSpace, Location, Proven, RandomAccess, Sha256};

/// Trash copies that are looked at, at most, for a lost reference.
const MAX_TRASH: usize = 64;

/// What stands where the reference of a space would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ReferenceState {
    Absent,
    Foreign,
    Present(StoredReference),
}

/// A reference in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoredReference {
    pub(super) at: Location,
    pub(super) e_tag: ETag,
    pub(super) sha256: Sha256,
    pub(super) size: u64,
}

/// Where a reference is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Search {
    /// In the cache, then in the store.
    CacheFirst,
    /// In the store alone: what the cache holds cannot be read.
    StoreAlone,
}

impl Search {
    /// The rounds in which a reference is loaded, where the cached one turns out to be damaged. Whoever is in the second one holds
    /// memory, and must not wait for somebody else's fetch, who may wait for memory.
    pub(super) const ROUNDS: [Self; 2] = [Self::CacheFirst, Self::StoreAlone];
}

/// When a reference from the cache is proven; one from the store is before it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// Before it is used: others will need it for what is made against it.
    First,
    /// Where what it gives turns out to be something else than was recorded.
    OnFailure,
}

/// A reference found, not yet in memory.
#[derive(Debug)]
pub(super) enum FoundReference {
    /// In the cache, in the codec's form.
    Ready(Arc<dyn RandomAccess>),
    /// In the cache in another form, with the duty to prepare it.
    Cached { content: Arc<dyn RandomAccess>, form: Form, claim: Claim },
    /// In the store, its body under way, with the duty to fetch it.
    Remote { at: Location, object: Box<GetObject>, claim: Claim },
}

/// What the cache has of a reference.
pub(super) enum InCache {
    Found(FoundReference),
    Nothing(Claim),
}

/// Which form of a reference to keep in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// The codec's; where it cannot be made, or is too large for the cache, the stored one.
    Either,
    /// The codec's alone: another one is there.
    Prepared,
    /// None.
    Nothing,
}

/// What came of loading a reference.
#[derive(Debug)]
pub(super) enum Loaded {
    /// It is in memory in the codec's form.
    Ready(ReadyReference, ReferenceUse),
    /// The cached entry cannot be read, or is none of this reference; it was dropped.
    DamagedInCache,
    /// The store holds something else than the record says.
    DamagedInStore(Sha256),
    /// Preparing it takes so many bytes of memory, or more.
    NeedsMemory(u64),
}

impl FoundReference {
    /// How long it is, or at most.
    pub(super) fn size(&self) -> ReferenceSize {
        match self {
            Self::Ready(content) => ReferenceSize::Prepared(content.size()),
            // No form is shorter than what it is made of.
            Self::Cached { content, .. } => ReferenceSize::Stored(content.size()),
            Self::Remote { object, .. } => ReferenceSize::Stored(object.head.size),
        }
    }

    /// Bytes that have to be fetched.
    pub(super) fn to_fetch(&self) -> u64 {
        match self {
            Self::Ready(_) | Self::Cached { .. } => 0,
            Self::Remote { object, .. } => object.head.size,
        }
    }
}

impl Engine {
    /// One HEAD: what stands where the reference would be. Only a known absence is read as absence.
    pub(super) async fn reference_state(&self, space: &DeltaSpace) -> Result<ReferenceState, Error> {
        let at = space.reference();
        match found(self.inner.store.head(&at).await)? {
            None => Ok(ReferenceState::Absent),
            Some(head) => Ok(read_reference(at, &head)),
        }
    }

    /// Creates the reference of a space; `None` where somebody was first.
    ///
    /// A lost answer may hide our own success: the caller looks again, and finds its own digest.
    pub(super) async fn create_reference(
        &self,
        space: &DeltaSpace,
        object: &Location,
        digest: &ContentDigest,
        body: PutBody,
        placement: &Placement,
    ) -> Result<Option<PutReceipt>, Error> {
        let honoured = self.honours_create(space).await?;
        let options = PutOptions {
            mode: if honoured { PutMode::Create } else { PutMode::Overwrite },
            attributes: Attributes {
                content_type: Some("application/octet-stream".to_owned()),
                metadata: reference_metadata(object, digest, SystemTime::now()),
                ..Attributes::default()
            },
            placement: placement.clone(),
        };
        match self.inner.store.put(&space.reference(), body, options).await {
            Ok(receipt) => Ok(Some(receipt)),
            Err(error) if error.is_conflict() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Looks a reference up in the cache, else begins to fetch it from where it stands.
    pub(super) async fn find_reference(
        &self,
        wanted: &StoredReference,
        form: &Form,
        search: Search,
    ) -> Result<FoundReference, Error> {
        let claim = match self.look_up(wanted.sha256, form, search).await? {
            InCache::Found(found) => return Ok(found),
            InCache::Nothing(claim) => claim,
        };
        let options = GetOptions { if_match: Some(wanted.e_tag.clone()), range: None };
        let object = self.inner.store.get(&wanted.at, options).await?;
        Ok(FoundReference::Remote { at: wanted.at.clone(), object: Box::new(object), claim })
    }

    /// Looks for a reference by its digest: in the cache, under the space, under the recorded key, in the trash.
    pub(super) async fn search_reference(
        &self,
        space: &DeltaSpace,
        digest: Sha256,
        recorded_key: Option<&str>,
        form: &Form,
        search: Search,
    ) -> Result<Option<FoundReference>, Error> {
        let claim = match self.look_up(digest, form, search).await? {
            InCache::Found(found) => return Ok(Some(found)),
            InCache::Nothing(claim) => claim,
        };
        let own = space.reference();
        let recorded = recorded_key.filter(|key| *key != own.key()).map(|key| own.with_key(key));
        for at in std::iter::once(own).chain(recorded) {
            if let Some(object) = self.get_if_reference(&at, digest).await? {
                return Ok(Some(FoundReference::Remote { at, object: Box::new(object), claim }));
            }
        }
        for at in self.trash(space, digest).await? {
            if let Some(object) = self.get_if_reference(&at, digest).await? {
                return Ok(Some(FoundReference::Remote { at, object: Box::new(object), claim }));
            }
        }
        Ok(None)
    }

    /// Reads a reference into memory, puts it into the codec's form, and keeps it in the cache.
    pub(super) async fn load_reference(
        &self,
        reference: FoundReference,
        digest: Sha256,
        codec: &Arc<dyn DeltaCodec>,
        memory: &CodecMemory,
        proof: Proof,
    ) -> Result<Loaded, Error> {
        match reference {
            FoundReference::Ready(content) => {
                let kept = KeptReference { content, form: codec.reference_form(), sha256: digest };
                let ready = self.read_cached(&kept).await;
                match ready {
                    Some(ready) if proof == Proof::OnFailure || self.is_proven(codec, &ready).await => {
                        Ok(Loaded::Ready(ready, ReferenceUse::Cached))
                    }
                    _ => {
                        self.drop_damaged(&kept).await;
                        Ok(Loaded::DamagedInCache)
                    }
                }
            }
            FoundReference::Cached { content, form, claim } => {
                // It lies in memory beside what is made of it.
                let needed = content.size().saturating_mul(2);
                if form != Form::STORED && needed > memory.bytes() {
                    return Ok(Loaded::NeedsMemory(needed));
                }
                let kept = KeptReference { content, form, sha256: digest };
                let Some((bytes, _)) = self.restore(&kept).await else {
                    self.drop_damaged(&kept).await;
                    return Ok(Loaded::DamagedInCache);
                };
                let loaded = self.make_ready(codec, memory, bytes, digest, Keep::Prepared).await?;
                drop(claim);
                Ok(match loaded {
                    Ok(ready) => Loaded::Ready(ready, ReferenceUse::Cached),
                    Err(needed) => Loaded::NeedsMemory(needed),
                })
            }
            FoundReference::Remote { object, claim, .. } => {
                let mut object = *object;
                // Whoever waits for this fetch waits on as long as something comes.
                let claim = Arc::new(claim);
                let arriving = Arc::clone(&claim);
                object.body = object.body.inspect(move |_| arriving.progress()).boxed();
                let (scratch, actual) = self.spool_object(object).await?;
                if actual != digest {
                    return Ok(Loaded::DamagedInStore(actual));
                }
                // What scratch gives back is what was hashed on its way there.
                let bytes = match scratch.bytes() {
                    Some(bytes) => bytes,
                    None => blocking(move || read_all(&scratch)).await.map_err(Error::Scratch)?,
                };
                let loaded = self.make_ready(codec, memory, bytes, digest, Keep::Either).await?;
                drop(claim);
                Ok(match loaded {
                    Ok(ready) => Loaded::Ready(ready, ReferenceUse::Fetched),
                    Err(needed) => Loaded::NeedsMemory(needed),
                })
            }
        }
    }

    /// Reads what the cache holds, if that can be read.
    async fn read_cached(&self, kept: &KeptReference) -> Option<ReadyReference> {
        let content = Arc::clone(&kept.content);
        match blocking(move || read_all(&*content)).await {
            Ok(bytes) => Some(ReadyReference { bytes, kept: kept.clone() }),
            Err(error) => {
                tracing::debug!(%error, digest = %kept.sha256, "a cached reference cannot be read");
                None
            }
        }
    }

    /// Drops an entry of the cache that does not give its reference. Where that fails, the store is asked nevertheless.
    pub(super) async fn drop_damaged(&self, kept: &KeptReference) {
        let _ = self.inner.cache.evict(&CacheKey { digest: kept.sha256, form: kept.form.clone() }).await;
    }

    /// Puts a proven reference into a codec's form and keeps it in the cache; or says how much memory it takes to make that.
    pub(super) async fn make_ready(
        &self,
        codec: &Arc<dyn DeltaCodec>,
        memory: &CodecMemory,
        stored: Bytes,
        digest: Sha256,
        keep: Keep,
    ) -> Result<Result<ReadyReference, u64>, Error> {
        let form = codec.reference_form();
        let bytes = match self.prepare(codec, memory, stored.clone(), digest).await {
            Ok(bytes) => bytes,
            Err(error) => {
                if keep == Keep::Either && form != Form::STORED {
                    let _ = self.keep(digest, Form::STORED, stored).await;
                }
                return match error {
                    CodecError::Memory { needed, .. } => Ok(Err(needed)),
                    CodecError::Io(error) => Err(Error::Scratch(error)),
                    other => {
                        tracing::error!(error = %other, codec = %codec.id(), %digest, "a reference could not be prepared");
                        // No memory is enough; another codec may do.
                        Ok(Err(u64::MAX))
                    }
                };
            }
        };
        let mut kept = KeptReference { content: Arc::new(bytes.clone()), form: form.clone(), sha256: digest };
        if keep == Keep::Nothing {
            return Ok(Ok(ReadyReference { bytes, kept }));
        }
        match self.keep(digest, form.clone(), bytes.clone()).await {
            Ok(content) => kept.content = content,
            Err(CacheError::TooLarge { .. }) if keep == Keep::Either && form != Form::STORED => {
                if let Ok(content) = self.keep(digest, Form::STORED, stored).await {
                    kept = KeptReference { content, form: Form::STORED, sha256: digest };
                }
            }
            Err(_) => {}
        }
        Ok(Ok(ReadyReference { bytes, kept }))
    }

    /// Keeps a proven reference in the cache, in a form.
    pub(super) async fn keep(
        &self,
        digest: Sha256,
        form: Form,
        bytes: Bytes,
    ) -> Result<Arc<dyn RandomAccess>, CacheError> {
        let entry = CacheKey { digest, form };
        let kept = match entry.form == Form::STORED {
            true => self.inner.cache.insert_proven(&entry, Proven::hashed(bytes, digest)).await,
            // The digest is the reference's: there is nothing to compare this with, and it is not hashed.
            false => self.inner.cache.insert(&entry, Arc::new(bytes)).await,
        };
        // Trouble with keeping a reference is never the user's.
        kept.inspect_err(|error| {
            tracing::debug!(error = error as &dyn std::error::Error, %digest, "a reference was not cached");
        })
    }

    /// Removes a reference from the cache, in every form in which a codec keeps it; says whether there was anything.
    pub async fn evict_reference(&self, digest: Sha256) -> Result<bool, CacheError> {
        let mut evicted = false;
        for form in self.kept_forms() {
            evicted |= self.inner.cache.evict(&CacheKey { digest, form }).await?;
        }
        Ok(evicted)
    }

    /// The forms in which references are kept, the stored one first.
    fn kept_forms(&self) -> Vec<Form> {
        let mut forms = vec![Form::STORED];
        for form in self.inner.codecs.iter().map(|codec| codec.reference_form()) {
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
        forms
    }

    /// Reads an object's body to temporary space and hashes it.
    pub(super) async fn spool_object(&self, object: GetObject) -> Result<(Scratch, Sha256), Error> {
        let mut spool = Spool::new(&self.inner.scratch);
        let mut hasher = Sha256Hasher::default();
        let mut body = object.body;
        while let Some(chunk) = body.try_next().await? {
            hasher.update(&chunk);
            spool.push(chunk).await.map_err(Error::Scratch)?;
        }
        Ok((spool.finish().await.map_err(Error::Scratch)?, hasher.finish()))
    }

    /// The keys of a space's trash, those named by the digest first.
    pub(super) async fn trash(&self, space: &DeltaSpace, digest: Sha256) -> Result<Vec<Location>, Error> {
        if !space.fits_internal_keys() {
            return Ok(Vec::new());
        }
        let named = space.trash_prefix(&digest);
        let directory = named.rsplit_once('/').map_or("", |(directory, _)| directory).to_owned() + "/";
        let request = ListRequest::below(space.bucket(), directory);
        let mut keys: Vec<String> = self
            .inner
            .store
            .list(request)
            .take(MAX_TRASH)
            .try_filter_map(|entry| async move {
                Ok(match entry {
                    ListEntry::Object(object) => Some(object.key),
                    ListEntry::Prefix(_) => None,
                })
            })
            .try_collect()
            .await?;
        keys.sort_by_key(|key| !key.starts_with(&named));
        Ok(keys.into_iter().map(|key| Location::new(space.bucket(), key)).collect())
    }

    /// Fails where the cache cannot be used as it is configured; other trouble shows later, and is gone around.
    pub(super) async fn cache_ready(&self) -> Result<(), Error> {
        match self.inner.cache.ready().await {
            Err(error) if error.is_configuration() => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Looks for a reference in a form, then for the same in another one.
    pub(super) async fn look_up(&self, digest: Sha256, form: &Form, search: Search) -> Result<InCache, Error> {
        if search == Search::StoreAlone {
            return Ok(InCache::Nothing(Claim::unshared()));
        }
        let entry = CacheKey { digest, form: form.clone() };
        let looked_up = async {
            let claim = match self.inner.cache.lookup(&entry).await? {
                Lookup::Hit(content) => return Ok(InCache::Found(FoundReference::Ready(content))),
                Lookup::Miss(claim) => claim,
            };
            for form in self.kept_forms().into_iter().filter(|form| *form != entry.form) {
                let other = CacheKey { digest, form };
                let Some(content) = self.inner.cache.peek(&other).await? else { continue };
                let form = other.form;
                if form == Form::STORED || plan::may_be_restored(content.size(), self.inner.limits.memory) {
                    return Ok(InCache::Found(FoundReference::Cached { content, form, claim }));
                }
            }
            Ok(InCache::Nothing(claim))
        };
        match looked_up.await {
            Ok(found) => Ok(found),
            Err(error) if CacheError::is_configuration(&error) => Err(error.into()),
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, %digest, "the cache was gone around");
                Ok(InCache::Nothing(Claim::unshared()))
            }
        }
    }

    /// One GET: an object, if it is a reference of ours with this digest.
    async fn get_if_reference(&self, at: &Location, digest: Sha256) -> Result<Option<GetObject>, Error> {
        let Some(object) = found(self.inner.store.get(at, GetOptions::default()).await)? else { return Ok(None) };
        match read_reference(at.clone(), &object.head) {
            ReferenceState::Present(reference) if reference.sha256 == digest => Ok(Some(object)),
            _ => Ok(None),
        }
    }
}

fn read_reference(at: Location, head: &ObjectHead) -> ReferenceState {
    match Record::read(&head.attributes.metadata) {
        Ok(Record::Reference(content)) => match content.sha256 {
            Some(sha256) => {
                ReferenceState::Present(StoredReference { at, e_tag: head.e_tag.clone(), sha256, size: head.size })
            }
            None => ReferenceState::Foreign,
        },
        // What cannot be read as ours is left alone like anybody else's.
        _ => ReferenceState::Foreign,
    }
}

pub(super) fn read_all(content: &dyn RandomAccess) -> std::io::Result<Bytes> {
    content.read_vec(0, content.size() as usize).map(Bytes::from)
}
