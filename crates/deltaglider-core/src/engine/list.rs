//! List: the logical view of a bucket, in the order of logical keys, without internals.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::SystemTime;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use super::head::{Candidate, logical_head};
use super::heads::{Glimpse, Harvest};
use super::{Engine, LogicalHead, RememberedHead, StoredForm};
use crate::delta_space::{StoredName, is_escaped, logical_directory, stored_prefix, whole_form};
use crate::error::Error;
use crate::policy::may_be_delta;
use crate::record::Record;
use crate::store::{Attributes, ETag, ListEntry, ListRequest, ListedObject, ObjectHead, found};
use crate::{DeltaSpace, Location, Sha256};

/// Which objects to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogicalListRequest {
    /// The bucket.
    pub bucket: String,
    /// Only keys that begin with this.
    pub prefix: String,
    /// Whether keys that hold a `/` after the prefix are folded into common prefixes.
    pub fold: bool,
    /// Only keys after this one.
    pub start_after: Option<String>,
    /// Stored keys a page, at most 1000; the store's default otherwise.
    pub page_size: Option<u32>,
}

/// A line of a logical listing.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly all lines of a listing are objects")]
pub enum LogicalEntry {
    /// An object.
    Object(LogicalObject),
    /// A common prefix, with its `/`.
    Prefix(String),
}

impl LogicalEntry {
    /// The key or the prefix.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Object(object) => &object.key,
            Self::Prefix(prefix) => prefix,
        }
    }
}

/// An object as a logical listing shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct LogicalObject {
    /// Its logical key.
    pub key: String,
    /// Length of its content in bytes.
    pub size: u64,
    /// Length of what is stored under its name in bytes.
    pub stored_size: u64,
    /// Its logical entity tag.
    pub e_tag: ETag,
    /// Digest of its content, where it is known.
    pub sha256: Option<Sha256>,
    /// When it was stored.
    pub last_modified: SystemTime,
    /// The form that is stored.
    pub stored: StoredForm,
    /// The store's entity tag of that form.
    pub stored_e_tag: ETag,
    /// Storage class of the stored object, where it is not the standard one.
    pub storage_class: Option<String>,
}

/// A stored line, looked at.
struct Seen {
    stored_key: String,
    entry: Option<(LogicalEntry, bool)>,
    /// The head that it took.
    glimpse: Option<Glimpse>,
}

impl Engine {
    /// Lists objects as their users know them, as far as the stream is read.
    ///
    /// Requests: the store's pages, and one HEAD for each delta and each large object that was not seen before, several at a time.
    /// What has been seen is kept in the cache where that outlives this client.
    /// Objects that may still be overtaken by the delta of a shorter name (`a.zip-1` by `a.zip.delta`) are held back in memory.
    pub fn list(&self, request: LogicalListRequest) -> BoxStream<'static, Result<LogicalEntry, Error>> {
        let engine = self.clone();
        let stored = ListRequest {
            bucket: request.bucket.clone(),
            prefix: stored_prefix(&request.prefix),
            delimiter: request.fold.then(|| "/".to_owned()),
            start_after: request.start_after.as_deref().and_then(stored_start),
            page_size: request.page_size,
        };
        let parallel = self.inner.limits.heads.max(1);
        let mut harvest = (self.keeps_heads() && request.start_after.is_none()).then(Harvest::default);
        let stored_prefix = stored.prefix.clone();
        async_stream::try_stream! {
            let bucket = request.bucket.clone();
            let mut seen = engine
                .inner
                .store
                .list(stored)
                .map(|entry| {
                    let engine = engine.clone();
                    let bucket = bucket.clone();
                    async move { engine.see(&bucket, entry?).await }
                })
                .buffered(parallel);
            let mut merge = Merge::default();
            while let Some(mut next) = seen.try_next().await? {
                if let (Some(harvest), Some(glimpse)) = (&mut harvest, next.glimpse.take()) {
                    harvest.add(glimpse);
                }
                for entry in merge.push(next) {
                    if wanted(&request, &entry) {
                        yield entry;
                    }
                }
            }
            // Before the last entries: who has seen them may stop reading.
            if let Some(harvest) = harvest {
                engine.keep_heads(harvest, &stored_prefix).await;
            }
            for entry in merge.finish() {
                if wanted(&request, &entry) {
                    yield entry;
                }
            }
        }
        .boxed()
    }

    async fn see(&self, bucket: &str, entry: ListEntry) -> Result<Seen, Error> {
        let object = match entry {
            ListEntry::Prefix(stored_key) => {
                let entry = logical_directory(&stored_key).map(|prefix| (LogicalEntry::Prefix(prefix), false));
                return Ok(Seen { stored_key, entry, glimpse: None });
            }
            ListEntry::Object(object) => object,
        };
        let at = Location::new(bucket, object.key.as_str());
        let mut glimpse = None;
        let entry = match StoredName::of(&object.key) {
            StoredName::Internal => None,
            StoredName::Whole(key) => {
                // The store's entity tag is the MD5 of the content but for objects that were stored in parts.
                let in_parts = object.e_tag.unquoted().contains('-');
                let logical = if in_parts {
                    self.see_head(&Candidate::Whole(at.clone()), &object, &mut glimpse).await?
                } else {
                    None
                };
                let stored = StoredForm::Whole { at };
                Some((line(key, &object, stored, logical.as_ref()), false))
            }
            StoredName::Reference => self.see_foreign(at, &object, &mut glimpse).await?,
            StoredName::Delta(key) => {
                match self.see_head(&Candidate::Delta(at.clone()), &object, &mut glimpse).await? {
                    Some(head) => {
                        let stored = head.stored.clone();
                        Some((line(key, &object, stored, Some(&head)), true))
                    }
                    None => self.see_foreign(at, &object, &mut glimpse).await?,
                }
            }
        };
        Ok(Seen { stored_key: object.key, entry, glimpse })
    }

    /// A line for an object of an internal name that is not ours; none for one that is, or that is gone.
    async fn see_foreign(
        &self,
        at: Location,
        object: &ListedObject,
        glimpse: &mut Option<Glimpse>,
    ) -> Result<Option<(LogicalEntry, bool)>, Error> {
        let Some(head) = self.see_head(&Candidate::Foreign(at), object, glimpse).await? else { return Ok(None) };
        let stored = head.stored.clone();
        Ok(Some((line(object.key.clone(), object, stored, Some(&head)), false)))
    }

    /// The logical head of a listed object: remembered, else by one HEAD.
    async fn see_head(
        &self,
        candidate: &Candidate,
        object: &ListedObject,
        glimpse: &mut Option<Glimpse>,
    ) -> Result<Option<LogicalHead>, Error> {
        let at = candidate.at();
        let (remembered, fresh) = match self.glance(at, &object.e_tag).await {
            Ok(Some(seen)) => seen,
            Ok(None) => return Ok(None),
            Err(error) if error.is_damaged_at_store() => return Ok(Some(unreadable(candidate, &listed_as(object)))),
            Err(error) => return Err(error),
        };
        *glimpse = Some(Glimpse { at: at.clone(), head: Arc::clone(&remembered), fresh });
        match logical_head(candidate, &remembered.head) {
            Ok(head) => Ok(head),
            Err(error) => {
                // A listing shows what can be shown: the object is there, and reading it will say what is wrong.
                tracing::debug!(error = &error as &dyn std::error::Error, "a stored record cannot be read");
                Ok(Some(unreadable(candidate, &remembered.head)))
            }
        }
    }

    /// The heads of listed objects in their order, several at a time; each as [`Engine::listed_head`].
    pub(super) fn listed_heads(
        &self,
        listed: Vec<(Location, ETag)>,
    ) -> BoxStream<'static, Result<Option<Arc<RememberedHead>>, Error>> {
        let engine = self.clone();
        futures::stream::iter(listed)
            .map(move |(at, e_tag)| {
                let engine = engine.clone();
                async move { engine.listed_head(&at, &e_tag).await }
            })
            .buffered(self.inner.limits.heads.max(1))
            .boxed()
    }

    /// The head of a stored object that a listing has shown with this entity tag: remembered, else by one HEAD; `None` where it is
    /// gone.
    pub(super) async fn listed_head(&self, at: &Location, e_tag: &ETag) -> Result<Option<Arc<RememberedHead>>, Error> {
        Ok(self.glance(at, e_tag).await?.map(|(head, _)| head))
    }

    /// The same, and whether it took a HEAD.
    async fn glance(&self, at: &Location, e_tag: &ETag) -> Result<Option<(Arc<RememberedHead>, bool)>, Error> {
        let key = (at.clone(), e_tag.clone());
        let remember = || {
            let mut heads = self.inner.heads.lock().unwrap_or_else(PoisonError::into_inner);
            heads.get(&key).cloned()
        };
        let mut remembered = remember();
        if remembered.is_none() && self.keeps_heads() {
            self.recall_heads(&DeltaSpace::of_stored(at)).await;
            remembered = remember();
        }
        if let Some(remembered) = remembered {
            return Ok(Some((remembered, false)));
        }
        let Some(head) = found(self.inner.store.head(at).await)? else { return Ok(None) };
        let remembered = Arc::new(RememberedHead { head });
        let key = (at.clone(), remembered.head.e_tag.clone());
        self.inner.heads.lock().unwrap_or_else(PoisonError::into_inner).put(key, Arc::clone(&remembered));
        Ok(Some((remembered, true)))
    }
}

/// What is damaged at the store itself is passed over, as what is gone: for counts, and for who looks at more than it.
pub(super) fn undamaged<T>(seen: Result<Option<T>, Error>) -> Result<Option<T>, Error> {
    match seen {
        Err(error) if error.is_damaged_at_store() => Ok(None),
        seen => seen,
    }
}

/// All that is known of an object whose head cannot be had.
fn listed_as(object: &ListedObject) -> ObjectHead {
    ObjectHead {
        size: object.size,
        e_tag: object.e_tag.clone(),
        last_modified: object.last_modified,
        attributes: Attributes::default(),
        version_id: None,
        storage_class: object.storage_class.clone(),
    }
}

fn unreadable(candidate: &Candidate, head: &ObjectHead) -> LogicalHead {
    let at = candidate.at().clone();
    let stored = match (candidate, Record::read(&head.attributes.metadata)) {
        (Candidate::Delta(_), Ok(Record::Delta(record))) => {
            StoredForm::Delta { at, size: head.size, codec: record.codec, reference: record.reference_sha256 }
        }
        (Candidate::Delta(_), _) => StoredForm::Delta { at, size: head.size, codec: String::new(), reference: None },
        _ => StoredForm::Whole { at },
    };
    LogicalHead {
        size: head.size,
        e_tag: head.e_tag.clone(),
        sha256: None,
        last_modified: head.last_modified,
        attributes: head.attributes.clone(),
        stored,
        version_id: head.version_id.clone(),
        storage_class: head.storage_class.clone(),
    }
}

fn line(key: String, object: &ListedObject, stored: StoredForm, head: Option<&LogicalHead>) -> LogicalEntry {
    LogicalEntry::Object(LogicalObject {
        key,
        size: head.map_or(object.size, |head| head.size),
        stored_size: object.size,
        e_tag: head.map_or_else(|| object.e_tag.clone(), |head| head.e_tag.clone()),
        sha256: head.and_then(|head| head.sha256),
        last_modified: object.last_modified,
        stored,
        stored_e_tag: object.e_tag.clone(),
        storage_class: object.storage_class.clone(),
    })
}

fn wanted(request: &LogicalListRequest, entry: &LogicalEntry) -> bool {
    entry.name().starts_with(&request.prefix) && request.start_after.as_deref().is_none_or(|after| entry.name() > after)
}

/// Where the store's listing has to begin for everything after a logical key to be in it.
fn stored_start(after: &str) -> Option<String> {
    // What may be escaped sorts elsewhere in the store: such a region is listed from its beginning, and filtered.
    let mut start = 0;
    for component in after.split('/') {
        if component.starts_with(".d") {
            return (start > 0).then(|| after[..start].to_owned());
        }
        start += component.len() + 1;
    }
    Some(after.to_owned())
}

/// Turns the order of stored keys into that of logical keys, and two forms of one name into one line.
#[derive(Debug, Default)]
struct Merge {
    held: BTreeMap<String, LogicalEntry>,
    /// Whole objects whose name is no archive's, already given out, that a delta of theirs could still follow. Such a whole form
    /// is what readers ask for first.
    shown: Vec<String>,
}

impl Merge {
    /// Takes the next stored line, and gives out what no later one can come before or replace.
    fn push(&mut self, seen: Seen) -> Vec<LogicalEntry> {
        self.shown.retain(|key| seen.stored_key.starts_with(key.as_str()));
        if let Some((entry, is_delta)) = seen.entry {
            let key = entry.name().to_owned();
            let archive = may_be_delta(name(&key));
            if is_delta && !archive && self.shown.contains(&key) {
                // Read as its whole form.
            } else {
                if !is_delta && !archive {
                    self.shown.push(key.clone());
                }
                self.held.insert(key, entry);
            }
        }
        match pending(&seen.stored_key) {
            Some(key) => {
                let later = self.held.split_off(&key);
                std::mem::replace(&mut self.held, later).into_values().collect()
            }
            None => std::mem::take(&mut self.held).into_values().collect(),
        }
    }

    fn finish(self) -> Vec<LogicalEntry> {
        self.held.into_values().collect()
    }
}

/// The shortest logical key that another stored form may still come for, though it sorts before the stored key: the delta of an
/// archive, or the escaped form that stands for a foreign object of an internal name.
fn pending(stored_key: &str) -> Option<String> {
    let slash = stored_key.rfind('/').map_or(0, |slash| slash + 1);
    (slash + 1..=stored_key.len()).filter(|end| stored_key.is_char_boundary(*end)).find_map(|end| {
        let (key, rest) = stored_key.split_at(end);
        match StoredName::of(key) {
            StoredName::Whole(logical) if rest < ".delta" && may_be_delta(&key[slash..]) => Some(logical),
            StoredName::Reference | StoredName::Delta(_)
                if whole_form_key(key).is_some_and(|form| *stored_key < *form) =>
            {
                Some(key.to_owned())
            }
            _ => None,
        }
    })
}

/// Where an object of an internal name is stored by us.
fn whole_form_key(key: &str) -> Option<String> {
    let at = Location::new("", key);
    is_escaped(&at).then(|| whole_form(&at).key().to_owned())
}

fn name(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn seen(stored_key: &str) -> Seen {
        let object = |key: String, is_delta| {
            let at = Location::new("b", stored_key);
            let object = ListedObject {
                key: stored_key.to_owned(),
                size: u64::from(is_delta),
                e_tag: ETag::new("x"),
                last_modified: UNIX_EPOCH,
                storage_class: None,
            };
            Some((line(key, &object, StoredForm::Whole { at }, None), is_delta))
        };
        let entry = match StoredName::of(stored_key) {
            StoredName::Delta(key) => object(key, true),
            StoredName::Whole(key) => object(key, false),
            _ => None,
        };
        Seen { stored_key: stored_key.to_owned(), entry, glimpse: None }
    }

    fn merge(stored: &[&str]) -> Vec<(String, bool)> {
        assert!(stored.is_sorted(), "{stored:?}");
        let mut merge = Merge::default();
        let mut entries: Vec<_> = stored.iter().flat_map(|key| merge.push(seen(key))).collect();
        entries.extend(merge.finish());
        entries
            .into_iter()
            .map(|entry| match entry {
                LogicalEntry::Object(object) => (object.key, object.size == 1),
                LogicalEntry::Prefix(prefix) => (prefix, false),
            })
            .collect()
    }

    fn plain(keys: &[(&str, bool)]) -> Vec<(String, bool)> {
        keys.iter().map(|(key, delta)| ((*key).to_owned(), *delta)).collect()
    }

    #[test]
    fn logical_order_is_restored() {
        assert_eq!(
            merge(&["a.zip-1", "a.zip.delta", "a.zip0"]),
            plain(&[("a.zip", true), ("a.zip-1", false), ("a.zip0", false)])
        );
        assert_eq!(
            merge(&["a-1.zip.delta", "a-2.zip.delta", "reference.bin"]),
            plain(&[("a-1.zip", true), ("a-2.zip", true)])
        );
    }

    #[test]
    fn a_delta_replaces_the_whole_form_of_an_archive() {
        assert_eq!(
            merge(&["a.zip", "a.zip-1", "a.zip.delta", "b.zip"]),
            plain(&[("a.zip", true), ("a.zip-1", false), ("b.zip", false)])
        );
    }

    #[test]
    fn the_whole_form_of_other_names_is_what_is_read() {
        assert_eq!(merge(&["a.txt", "a.txt-1", "a.txt.delta"]), plain(&[("a.txt", false), ("a.txt-1", false)]));
        assert_eq!(merge(&["a.txt.delta"]), plain(&[("a.txt", true)]));
    }

    #[test]
    fn little_is_held_back() {
        let mut merge = Merge::default();
        assert_eq!(merge.push(seen("a.txt")).len(), 1);
        assert_eq!(merge.push(seen("b.zip")).len(), 0);
        assert_eq!(merge.push(seen("c.txt")).len(), 2);
    }

    #[test]
    fn a_listing_goes_on_where_it_has_to() {
        assert_eq!(stored_start("a/b.zip").as_deref(), Some("a/b.zip"));
        assert_eq!(stored_start("a/.deltaglider/x").as_deref(), Some("a/"));
        assert_eq!(stored_start(".dx"), None);
    }
}
