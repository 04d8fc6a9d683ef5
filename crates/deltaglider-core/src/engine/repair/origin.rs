//! Where the content of a lost reference is still to be had.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use super::super::list::undamaged;
use super::plan::Origin;
use super::{DeltaSeen, Engine, Found};
use crate::cache::Form;
use crate::digest::ContentHasher;
use crate::engine::GetRequest;
use crate::engine::bodies::Spool;
use crate::engine::coding::KeptReference;
use crate::engine::reference::{FoundReference, InCache, Search};
use crate::engine::survey::StoredSpace;
use crate::error::Error;
use crate::policy::may_be_delta;
use crate::record::Record;
use crate::store::{GetOptions, ListedObject, found};
use crate::{ContentDigest, Location, RandomAccess, Sha256};

/// Content that was read and proven.
pub(super) type ProvenContent = (Arc<dyn RandomAccess>, ContentDigest);

impl Engine {
    /// Looks for the content with this digest: in the cache, among the whole objects of the space by their records, among its other
    /// objects, and then, by reading them, among its whole objects without a record.
    ///
    /// Requests: none where the cache has it; one HEAD for each whole object; one GET for each one without a record that may be it.
    pub(super) async fn find_origin(
        &self,
        stored: &StoredSpace,
        digest: Sha256,
        deltas: &[DeltaSeen],
        missing: &HashMap<Sha256, Found>,
    ) -> Result<Option<Origin>, Error> {
        if let Ok(InCache::Found(_)) = self.look_up(digest, &Form::STORED, Search::CacheFirst).await {
            return Ok(Some(Origin::Cache));
        }
        let mut foreign = Vec::new();
        let whole = stored.whole.iter().map(|(_, object)| object);
        let mut heads = self.listed_heads(stored.listed(whole)).map(undamaged);
        for (_, object) in &stored.whole {
            let at = stored.at(object);
            let Some(head) = heads.try_next().await?.flatten() else { continue };
            match Record::read(&head.head.attributes.metadata) {
                Ok(Record::Whole(content)) if content.sha256 == Some(digest) => return Ok(Some(Origin::Stored(at))),
                Ok(Record::Foreign) => foreign.push((at, object)),
                _ => {}
            }
        }
        if let Some(delta) =
            deltas.iter().find(|delta| delta.content == Some(digest) && !missing.contains_key(&delta.reference))
        {
            return Ok(Some(Origin::Object(delta.at.clone())));
        }
        let size = deltas.iter().find(|delta| delta.content == Some(digest)).and_then(|delta| delta.size);
        for (at, object) in foreign {
            if !may_hold(object, size) {
                continue;
            }
            if self.stored_content(&at, digest).await?.is_some() {
                return Ok(Some(Origin::Stored(at)));
            }
        }
        Ok(None)
    }

    /// Reads the content of an origin; `None` where it is no longer there, or another one.
    pub(super) async fn origin_content(&self, origin: &Origin, digest: Sha256) -> Result<Option<ProvenContent>, Error> {
        match origin {
            Origin::Stored(at) => self.stored_content(at, digest).await,
            Origin::Object(at) => match self.get(at, &GetRequest::default()).await {
                Ok(report) => self.spool_proven(report.body, digest).await,
                Err(error) if error.is_not_found() => Ok(None),
                Err(error) => Err(error),
            },
            Origin::Cache => {
                let kept = match self.look_up(digest, &Form::STORED, Search::CacheFirst).await? {
                    InCache::Found(FoundReference::Ready(content)) => {
                        KeptReference { content, form: Form::STORED, sha256: digest }
                    }
                    InCache::Found(FoundReference::Cached { content, form, .. }) => {
                        KeptReference { content, form, sha256: digest }
                    }
                    _ => return Ok(None),
                };
                let restored = self.restore(&kept).await;
                Ok(restored.map(|(bytes, digest)| (Arc::new(bytes) as Arc<dyn RandomAccess>, digest)))
            }
        }
    }

    /// Reads a stored object as it is; `None` where it is no longer there, or has another content.
    pub(super) async fn stored_content(&self, at: &Location, digest: Sha256) -> Result<Option<ProvenContent>, Error> {
        let Some(object) = found(self.inner.store.get(at, GetOptions::default()).await)? else { return Ok(None) };
        self.spool_proven(object.body.map_err(Error::from).boxed(), digest).await
    }

    async fn spool_proven(
        &self,
        mut body: BoxStream<'static, Result<Bytes, Error>>,
        expected: Sha256,
    ) -> Result<Option<ProvenContent>, Error> {
        let mut spool = Spool::new(&self.inner.scratch);
        let mut hasher = ContentHasher::default();
        while let Some(chunk) = body.try_next().await? {
            hasher.update(&chunk);
            spool.push(chunk).await.map_err(Error::Scratch)?;
        }
        let digest = hasher.finish();
        let content: Arc<dyn RandomAccess> = Arc::new(spool.finish().await.map_err(Error::Scratch)?);
        Ok((digest.sha256 == expected).then_some((content, digest)))
    }
}

/// Whether an object without a record may be a reference that was lost; the size of that is known where an object says so.
fn may_hold(object: &ListedObject, size: Option<u64>) -> bool {
    match size {
        Some(size) => object.size == size,
        None => may_be_delta(object.key.rsplit('/').next().unwrap_or_default()),
    }
}
