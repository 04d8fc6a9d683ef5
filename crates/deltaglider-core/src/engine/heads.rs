//! Heads that listings have seen: remembered by key and entity tag, and kept in the cache from one process to the next, since a
//! listing does not tell how long the content of a delta is.
//!
//! One entry of the cache holds the heads of one delta space. It never goes stale: each head counts for the object of its entity
//! tag alone.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use super::bodies::blocking;
use super::{Engine, RememberedHead};
use crate::cache::{CacheError, CacheKey, Form};
use crate::store::{Attributes, ETag, ObjectHead};
use crate::{DeltaSpace, Location, RandomAccess, Sha256};

const FORM: Form = Form::prepared("heads/1");

/// Heads of one listing that are kept, at most: as many as are remembered.
const MOST: usize = super::REMEMBERED_HEADS;

/// A head as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    key: String,
    tag: String,
    size: u64,
    /// Since 1970.
    modified: Duration,
    attributes: Attributes,
    version_id: Option<String>,
    storage_class: Option<String>,
}

/// The heads that a listing comes by, to be kept at its end.
#[derive(Debug, Default)]
pub(super) struct Harvest {
    spaces: BTreeMap<DeltaSpace, Heads>,
    count: usize,
}

#[derive(Debug, Default)]
struct Heads {
    heads: Vec<(Location, Arc<RememberedHead>)>,
    /// Some of them had to be asked for.
    fresh: bool,
}

/// A head that a listing has come by.
#[derive(Clone, Debug)]
pub(super) struct Glimpse {
    pub(super) at: Location,
    pub(super) head: Arc<RememberedHead>,
    /// It had to be asked for.
    pub(super) fresh: bool,
}

impl Harvest {
    pub(super) fn add(&mut self, glimpse: Glimpse) {
        self.count += 1;
        if self.count > MOST {
            // More than anybody remembers: nothing of it is kept, and no memory held for it.
            self.spaces.clear();
            return;
        }
        let heads = self.spaces.entry(DeltaSpace::of_stored(&glimpse.at)).or_default();
        heads.fresh |= glimpse.fresh;
        heads.heads.push((glimpse.at, glimpse.head));
    }
}

impl Engine {
    /// Whether heads are kept beyond this process.
    pub(super) fn keeps_heads(&self) -> bool {
        self.inner.cache.outlives()
    }

    /// Remembers what was kept of a space; once for each space.
    pub(super) async fn recall_heads(&self, space: &DeltaSpace) {
        if !self.keeps_heads() {
            return;
        }
        let recalled = {
            let mut spaces = self.inner.recalled.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(spaces.get_or_insert(space.clone(), || Arc::new(OnceCell::new())))
        };
        recalled
            .get_or_init(|| async {
                let kept = self.kept_heads(space).await.unwrap_or_else(|error| {
                    tracing::debug!(error = &error as &dyn std::error::Error, %space, "kept heads cannot be read");
                    Vec::new()
                });
                let mut heads = self.inner.heads.lock().unwrap_or_else(PoisonError::into_inner);
                for kept in kept {
                    let (at, head) = kept.open(space);
                    let key = (at, head.e_tag.clone());
                    heads.get_or_insert(key, || Arc::new(RememberedHead { head }));
                }
            })
            .await;
    }

    /// Keeps what a listing has come by, of the spaces that it saw as a whole. Trouble with the cache is nobody's but its own.
    pub(super) async fn keep_heads(&self, harvest: Harvest, prefix: &str) {
        if harvest.count > MOST {
            return;
        }
        for (space, Heads { heads, fresh }) in harvest.spaces {
            if !fresh || !space.prefix().starts_with(prefix) {
                continue;
            }
            if let Err(error) = self.write_heads(&space, heads).await {
                tracing::debug!(error = &error as &dyn std::error::Error, %space, "heads cannot be kept");
            }
        }
    }

    async fn kept_heads(&self, space: &DeltaSpace) -> Result<Vec<Kept>, CacheError> {
        let Some(content) = self.inner.cache.peek(&self.heads_key(space)).await? else { return Ok(Vec::new()) };
        blocking(move || {
            let length = usize::try_from(content.size()).unwrap_or(usize::MAX);
            let text = (&*content as &dyn RandomAccess).read_vec(0, length).map_err(CacheError::from)?;
            // What another version wrote is as good as nothing.
            Ok(serde_json::from_slice(&text).unwrap_or_default())
        })
        .await
    }

    async fn write_heads(
        &self,
        space: &DeltaSpace,
        heads: Vec<(Location, Arc<RememberedHead>)>,
    ) -> Result<(), CacheError> {
        let kept: Vec<Kept> = heads.iter().map(|(at, head)| Kept::of(space, at, &head.head)).collect();
        let text = blocking(move || serde_json::to_vec(&kept)).await.map_err(std::io::Error::other)?;
        let key = self.heads_key(space);
        self.inner.cache.evict(&key).await?;
        self.inner.cache.insert(&key, Arc::new(Bytes::from(text))).await.map(|_| ())
    }

    /// By the store too: another one may have a bucket of the same name.
    fn heads_key(&self, space: &DeltaSpace) -> CacheKey {
        let name = format!("{}\n{}\n{}", self.inner.store, space.bucket(), space.prefix());
        CacheKey { digest: Sha256::of(name.as_bytes()), form: FORM }
    }
}

impl Kept {
    fn of(space: &DeltaSpace, at: &Location, head: &ObjectHead) -> Self {
        Self {
            key: at.key().strip_prefix(space.prefix()).unwrap_or(at.key()).to_owned(),
            tag: head.e_tag.as_str().to_owned(),
            size: head.size,
            modified: head.last_modified.duration_since(UNIX_EPOCH).unwrap_or_default(),
            attributes: head.attributes.clone(),
            version_id: head.version_id.clone(),
            storage_class: head.storage_class.clone(),
        }
    }

    fn open(self, space: &DeltaSpace) -> (Location, ObjectHead) {
        let at = space.reference().with_key(format!("{}{}", space.prefix(), self.key));
        let head = ObjectHead {
            size: self.size,
            e_tag: ETag::new(&self.tag),
            last_modified: UNIX_EPOCH.checked_add(self.modified).unwrap_or(SystemTime::UNIX_EPOCH),
            attributes: self.attributes,
            version_id: self.version_id,
            storage_class: self.storage_class,
        };
        (at, head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(tag: &str) -> ObjectHead {
        ObjectHead {
            size: 7,
            e_tag: ETag::new(tag),
            last_modified: UNIX_EPOCH + Duration::from_millis(1_700_000_000_123),
            attributes: Attributes {
                content_type: Some("application/zip".to_owned()),
                metadata: [("dg-note".to_owned(), "delta".to_owned())].into(),
                ..Attributes::default()
            },
            version_id: Some("v".to_owned()),
            storage_class: None,
        }
    }

    #[test]
    fn a_head_is_kept_and_opened() {
        let at = Location::new("b", "p/ü a.zip.delta");
        let space = DeltaSpace::of_stored(&at);
        for tag in ["0123", "\"quoted\"", "W/\"weak\""] {
            let text = serde_json::to_vec(&[Kept::of(&space, &at, &head(tag))]).expect("written");
            let mut kept: Vec<Kept> = serde_json::from_slice(&text).expect("read");
            assert_eq!(kept.remove(0).open(&space), (at.clone(), head(tag)));
        }
    }

    #[test]
    fn more_heads_than_are_remembered_are_not_held() {
        let mut harvest = Harvest::default();
        let remembered = Arc::new(RememberedHead { head: head("x") });
        for number in 0..=MOST {
            let at = Location::new("b", format!("{number}.delta"));
            harvest.add(Glimpse { at, head: Arc::clone(&remembered), fresh: true });
        }
        assert!(harvest.spaces.is_empty());
    }
}
