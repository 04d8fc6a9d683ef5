//! A store in memory: for tests, and for trying things out.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{StreamExt, stream};

use super::limits::{check_attributes, check_key, check_length};
use super::{
    Attributes, BodyStream, BucketStore, BucketSummary, CopyOptions, DeleteTarget, ETag, GetObject, GetOptions,
    ListEntry, ListRequest, ListedObject, ObjectHead, ObjectStore, Operation, Promises, PutBody, PutMode, PutOptions,
    PutReceipt, StoreError, StoreErrorKind,
};
use crate::{Location, Md5};

/// Bytes in one piece of a body.
const CHUNK: usize = 256 * 1024;

/// Keys a page of a listing, as at S3.
const PAGE: u32 = 1000;

/// An object store in memory that keeps every promise of the port.
///
/// Clones share their content. An entity tag is the MD5 of the content; placement is ignored.
#[derive(Clone, Default)]
pub struct MemoryStore {
    buckets: Arc<Mutex<BTreeMap<String, Bucket>>>,
}

#[derive(Debug)]
struct Bucket {
    created: SystemTime,
    objects: BTreeMap<String, Object>,
}

#[derive(Clone, Debug)]
struct Object {
    content: Bytes,
    head: ObjectHead,
}

impl MemoryStore {
    /// A store without buckets.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A store with one empty bucket.
    #[must_use]
    pub fn with_bucket(name: &str) -> Self {
        let store = Self::new();
        store.lock().insert(name.to_owned(), Bucket::new());
        store
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Bucket>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn object(&self, operation: Operation, at: &Location) -> Result<Object, StoreError> {
        check_key(operation, at)?;
        bucket(&mut self.lock(), operation, at)?.objects.get(at.key()).cloned().ok_or_else(|| absent(operation, at))
    }

    /// Puts an object in place, under the lock and thus in one step.
    fn publish(&self, operation: Operation, at: &Location, object: Object, mode: &PutMode) -> Result<(), StoreError> {
        let mut buckets = self.lock();
        match (bucket(&mut buckets, operation, at)?.objects.entry(at.key().to_owned()), mode) {
            (Entry::Occupied(_), PutMode::Create) => {
                return Err(conflict(operation, at, "there is an object of this key"));
            }
            (Entry::Occupied(old), PutMode::Update(e_tag)) if old.get().head.e_tag != *e_tag => {
                return Err(conflict(operation, at, "the object has another entity tag"));
            }
            (Entry::Vacant(_), PutMode::Update(_)) => return Err(absent(operation, at)),
            (Entry::Occupied(mut old), _) => drop(old.insert(object)),
            (Entry::Vacant(place), _) => drop(place.insert(object)),
        }
        Ok(())
    }

    fn remove(&self, target: &DeleteTarget) -> Result<(), StoreError> {
        let at = &target.at;
        check_key(Operation::Delete, at)?;
        let mut buckets = self.lock();
        let bucket = bucket(&mut buckets, Operation::Delete, at)?;
        if let Some(e_tag) = &target.if_match {
            let object = bucket.objects.get(at.key()).ok_or_else(|| absent(Operation::Delete, at))?;
            if object.head.e_tag != *e_tag {
                return Err(conflict(Operation::Delete, at, "the object has another entity tag"));
            }
        }
        bucket.objects.remove(at.key());
        Ok(())
    }

    /// The next page after `cursor`; an empty one is the end.
    fn page(&self, request: &ListRequest, cursor: &str) -> Result<Vec<ListEntry>, StoreError> {
        let limit = request.page_size.unwrap_or(PAGE).clamp(1, PAGE) as usize;
        let prefix = request.prefix.as_str();
        let delimiter = request.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
        let start = if prefix > cursor { Bound::Included(prefix) } else { Bound::Excluded(cursor) };
        let mut buckets = self.lock();
        let bucket = bucket(&mut buckets, Operation::List, &Location::new(request.bucket.as_str(), prefix))?;
        let mut page: Vec<ListEntry> = Vec::new();
        for (key, object) in bucket.objects.range::<str, _>((start, Bound::Unbounded)) {
            let Some(rest) = key.strip_prefix(prefix) else { break };
            let folded = delimiter
                .and_then(|delimiter| rest.find(delimiter).map(|found| &key[..prefix.len() + found + delimiter.len()]));
            match folded {
                Some(common) if common <= cursor || page.last().is_some_and(|last| last.name() == common) => continue,
                _ if page.len() == limit => break,
                Some(common) => page.push(ListEntry::Prefix(common.to_owned())),
                None => page.push(ListEntry::Object(ListedObject {
                    key: key.clone(),
                    size: object.head.size,
                    e_tag: object.head.e_tag.clone(),
                    last_modified: object.head.last_modified,
                    storage_class: None,
                })),
            }
        }
        Ok(page)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

impl fmt::Display for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory")
    }
}

#[async_trait]
impl ObjectStore for MemoryStore {
    async fn get(&self, at: &Location, options: GetOptions) -> Result<GetObject, StoreError> {
        let Object { content, head } = self.object(Operation::Get, at)?;
        if options.if_match.is_some_and(|e_tag| e_tag != head.e_tag) {
            return Err(conflict(Operation::Get, at, "the object has another entity tag"));
        }
        let range = match options.range {
            None => 0..head.size,
            Some(range) => range.resolve(head.size).ok_or_else(|| {
                let message = format!("the range holds nothing of an object of {} bytes", head.size);
                StoreError::new(Operation::Get, at, StoreErrorKind::InvalidRange, message)
            })?,
        };
        let body = chunks(content.slice(range.start as usize..range.end as usize));
        Ok(GetObject { head, range, body })
    }

    async fn head(&self, at: &Location) -> Result<ObjectHead, StoreError> {
        Ok(self.object(Operation::Head, at)?.head)
    }

    async fn put(&self, at: &Location, body: PutBody, options: PutOptions) -> Result<PutReceipt, StoreError> {
        check_key(Operation::Put, at)?;
        check_attributes(Operation::Put, at, &options.attributes)?;
        bucket(&mut self.lock(), Operation::Put, at)?;
        let object = Object::new(collect(at, body).await?, options.attributes);
        let e_tag = object.head.e_tag.clone();
        self.publish(Operation::Put, at, object, &options.mode)?;
        Ok(PutReceipt { e_tag, version_id: None })
    }

    async fn copy(&self, from: &Location, to: &Location, options: CopyOptions) -> Result<PutReceipt, StoreError> {
        check_key(Operation::Copy, to)?;
        let source = self.object(Operation::Copy, from)?;
        if options.source_if_match.is_some_and(|e_tag| e_tag != source.head.e_tag) {
            return Err(conflict(Operation::Copy, from, "the source has another entity tag"));
        }
        let attributes = options.replace.unwrap_or(source.head.attributes);
        check_attributes(Operation::Copy, to, &attributes)?;
        let object = Object::new(source.content, attributes);
        let e_tag = object.head.e_tag.clone();
        self.publish(Operation::Copy, to, object, &options.mode)?;
        Ok(PutReceipt { e_tag, version_id: None })
    }

    fn delete(&self, targets: BoxStream<'static, DeleteTarget>) -> BoxStream<'static, Result<Location, StoreError>> {
        let store = self.clone();
        targets.map(move |target| store.remove(&target).map(|()| target.at)).boxed()
    }

    fn list(&self, request: ListRequest) -> BoxStream<'static, Result<ListEntry, StoreError>> {
        let store = self.clone();
        let cursor = request.start_after.clone().unwrap_or_default();
        let pages = stream::unfold(Some(cursor), move |cursor| {
            let page = cursor.map(|cursor| store.page(&request, &cursor));
            async move {
                match page? {
                    Err(error) => Some((vec![Err(error)], None)),
                    Ok(page) => {
                        let next = page.last()?.name().to_owned();
                        Some((page.into_iter().map(Ok).collect(), Some(next)))
                    }
                }
            }
        });
        pages.flat_map(stream::iter).boxed()
    }

    fn promises(&self) -> Promises {
        Promises::Kept
    }
}

#[async_trait]
impl BucketStore for MemoryStore {
    async fn create_bucket(&self, bucket: &str) -> Result<(), StoreError> {
        let at = Location::new(bucket, "");
        if bucket.is_empty() || bucket.contains('/') {
            let message = format!("`{bucket}` is not the name of a bucket");
            return Err(StoreError::new(Operation::CreateBucket, &at, StoreErrorKind::Invalid, message));
        }
        match self.lock().entry(bucket.to_owned()) {
            Entry::Occupied(_) => Err(conflict(Operation::CreateBucket, &at, "there is a bucket of this name")),
            Entry::Vacant(place) => {
                place.insert(Bucket::new());
                Ok(())
            }
        }
    }

    async fn delete_bucket(&self, name: &str) -> Result<(), StoreError> {
        let at = Location::new(name, "");
        let mut buckets = self.lock();
        if !bucket(&mut buckets, Operation::DeleteBucket, &at)?.objects.is_empty() {
            let message = "the bucket still holds objects";
            return Err(StoreError::new(Operation::DeleteBucket, &at, StoreErrorKind::NotEmpty, message));
        }
        buckets.remove(name);
        Ok(())
    }

    async fn list_buckets(&self) -> Result<Vec<BucketSummary>, StoreError> {
        let buckets = self.lock();
        Ok(buckets
            .iter()
            .map(|(name, bucket)| BucketSummary { name: name.clone(), created: Some(bucket.created) })
            .collect())
    }
}

impl Bucket {
    fn new() -> Self {
        Self { created: SystemTime::now(), objects: BTreeMap::new() }
    }
}

impl Object {
    fn new(content: Bytes, attributes: Attributes) -> Self {
        let head = ObjectHead {
            size: content.len() as u64,
            e_tag: ETag::new(&Md5::of(&content).to_string()),
            last_modified: SystemTime::now(),
            attributes,
            version_id: None,
            storage_class: None,
        };
        Self { content, head }
    }
}

fn bucket<'a>(
    buckets: &'a mut BTreeMap<String, Bucket>,
    operation: Operation,
    at: &Location,
) -> Result<&'a mut Bucket, StoreError> {
    buckets.get_mut(at.bucket()).ok_or_else(|| {
        let message = format!("there is no bucket {}", at.bucket());
        StoreError::new(operation, at, StoreErrorKind::NoSuchBucket, message)
    })
}

fn absent(operation: Operation, at: &Location) -> StoreError {
    StoreError::new(operation, at, StoreErrorKind::NotFound, "there is no object of this key")
}

fn conflict(operation: Operation, at: &Location, message: &str) -> StoreError {
    StoreError::new(operation, at, StoreErrorKind::Conflict, message)
}

/// The whole body, before anything of it becomes visible.
async fn collect(at: &Location, body: PutBody) -> Result<Bytes, StoreError> {
    match body {
        PutBody::Bytes(bytes) => Ok(bytes),
        PutBody::File(path) => tokio::fs::read(&path).await.map(Bytes::from).map_err(|error| {
            let message = format!("cannot read {}", path.display());
            StoreError::new(Operation::Put, at, StoreErrorKind::Other, message).with_source(error)
        }),
        PutBody::Stream { size, mut stream } => {
            let mut content = BytesMut::new();
            while let Some(chunk) = stream.next().await {
                content.extend_from_slice(&chunk?);
            }
            check_length(at, size, content.len() as u64)?;
            Ok(content.freeze())
        }
    }
}

fn chunks(mut content: Bytes) -> BodyStream {
    let pieces =
        std::iter::from_fn(move || (!content.is_empty()).then(|| Ok(content.split_to(content.len().min(CHUNK)))));
    stream::iter(pieces).boxed()
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;

    use super::*;

    #[tokio::test]
    async fn clones_share_their_content() {
        let store = MemoryStore::with_bucket("b");
        let at = Location::new("b", "k");
        store.clone().put(&at, Bytes::from_static(b"abc").into(), PutOptions::default()).await.expect("put");
        let head = store.head(&at).await.expect("head");
        assert_eq!(head.e_tag.as_str(), "\"900150983cd24fb0d6963f7d28e17f72\"");
    }

    #[tokio::test]
    async fn a_page_continues_after_a_common_prefix() {
        let store = MemoryStore::with_bucket("b");
        for key in ["a", "a/1", "a/2", "a0", "b/1", "b/2", "c"] {
            let at = Location::new("b", key);
            store.put(&at, Bytes::new().into(), PutOptions::default()).await.expect("put");
        }
        for page_size in 1..6 {
            let request =
                ListRequest { delimiter: Some("/".into()), page_size: Some(page_size), ..ListRequest::below("b", "") };
            let names: Vec<String> =
                store.list(request).map_ok(|entry| entry.name().to_owned()).try_collect().await.expect("listed");
            assert_eq!(names, ["a", "a/", "a0", "b/", "c"], "pages of {page_size}");
        }
    }
}
