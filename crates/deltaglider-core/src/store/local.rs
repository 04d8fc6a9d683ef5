//! A store in a directory: `file://`.
//!
//! Each bucket is a directory with a marker in it, each object one file, published whole. `docs/formats/local-store.md` describes
//! what stands there.

mod asked;
mod bucket_directory;
mod object_file;
mod path;
mod removal;
mod staged_file;
mod walk;

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, stream};

use self::asked::Asked;
use self::bucket_directory::{BucketDirectory, is_bucket};
use self::object_file::ObjectFile;
use self::path::object_path;
use self::staged_file::StagedFile;
use self::walk::Walk;
use super::limits::{check_attributes, check_key, check_length};
use super::{
    BodyStream, BucketStore, BucketSummary, CopyOptions, DeleteTarget, GetObject, GetOptions, ListEntry, ListRequest,
    ObjectHead, ObjectStore, Operation, Promises, PutBody, PutOptions, PutReceipt, StoreError, StoreErrorKind,
};
use crate::Location;

/// Bytes in one piece of a body, in either direction.
const CHUNK: usize = 1 << 20;

/// Entries a page of a listing.
const PAGE: u32 = 1000;

/// An object store whose buckets are directories below a root. It keeps every promise of the port, also between processes.
///
/// What was put has reached the disk when the put is answered. An entity tag is the MD5 of the content; placement is ignored. The
/// file system has to tell names apart byte by byte; where it does not, an object is never replaced by that of another key.
/// Clones share their state; between calls no file is open.
#[derive(Clone)]
pub struct LocalStore {
    root: Arc<Path>,
    /// Buckets that were cleaned of what dead writers had left.
    swept: Arc<Mutex<HashSet<String>>>,
}

impl LocalStore {
    /// A store of the buckets in a directory, which need not exist before the first bucket is made.
    #[must_use]
    pub fn open(root: PathBuf) -> Self {
        Self { root: root.into(), swept: Arc::default() }
    }

    /// Finds the bucket that a path lies in: the store, the bucket's name, and the key, which is the rest of the path as written.
    ///
    /// The bucket is the last directory on the path that is one, but what follows a bucket is a key as soon as a `.` or `..` is in
    /// it. `None` where no directory on the path is a bucket; an error where the path is relative or no UTF-8. Blocks.
    pub fn locate(path: &Path) -> Result<Option<(Self, String, String)>, StoreError> {
        let asked = Asked::new(Operation::Head, &Location::new("", path.to_string_lossy()));
        let text = path.to_str().filter(|text| text.starts_with('/') || path.is_absolute()).ok_or_else(|| {
            asked.error(StoreErrorKind::Invalid, format!("{} is not an absolute path in UTF-8", path.display()))
        })?;
        let ends = text.match_indices('/').map(|(index, _)| index).chain([text.len()]);
        let mut found: Option<usize> = None;
        for end in ends.filter(|&end| !text[..end].ends_with('/') && end > 0) {
            let key = found.map_or("", |bucket| &text[bucket..end]);
            if key.split('/').any(|component| matches!(component, "." | "..")) {
                break;
            }
            if is_bucket(Path::new(&text[..end])) {
                found = Some(end);
            }
        }
        let Some(end) = found else { return Ok(None) };
        let bucket = Path::new(&text[..end]);
        let (Some(root), Some(name)) = (bucket.parent(), bucket.file_name().and_then(|name| name.to_str())) else {
            return Ok(None);
        };
        let key = text[end..].strip_prefix('/').unwrap_or_default();
        Ok(Some((Self::open(root.to_owned()), name.to_owned(), key.to_owned())))
    }

    /// The directory that holds the buckets.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Runs what blocks, with the bucket that was asked for.
    async fn in_bucket<T: Send + 'static>(
        &self,
        asked: Asked,
        work: impl FnOnce(BucketDirectory, Asked) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let root = Arc::clone(&self.root);
        blocking(asked.clone(), move || work(BucketDirectory::open(&root, &asked)?, asked)).await
    }

    async fn object(&self, asked: Asked) -> Result<ObjectFile, StoreError> {
        check_key(asked.operation, &asked.at)?;
        self.in_bucket(asked, |bucket, asked| open_object(&bucket, &asked)).await
    }

    /// Begins an object in a bucket that is swept before its first put.
    async fn stage(&self, asked: Asked) -> Result<StagedFile, StoreError> {
        let swept = Arc::clone(&self.swept);
        self.in_bucket(asked, move |bucket, asked| {
            let is_first = swept.lock().unwrap_or_else(PoisonError::into_inner).insert(asked.at.bucket().to_owned());
            if is_first {
                staged_file::sweep(&bucket);
            }
            StagedFile::create(bucket, asked)
        })
        .await
    }

    async fn delete_together(&self, targets: Vec<DeleteTarget>) -> Vec<Result<Location, StoreError>> {
        let Some(first) = targets.first() else { return Vec::new() };
        let asked = Asked::new(Operation::Delete, &first.at);
        let targets: Arc<[DeleteTarget]> = targets.into();
        let (root, all) = (Arc::clone(&self.root), Arc::clone(&targets));
        let answers = blocking(asked, move || Ok(removal::remove_objects(&root, &all))).await;
        // Each is answered for: what is not said to have failed counts as gone.
        answers.unwrap_or_else(|error| {
            let failed = |at| Err(Asked::new(Operation::Delete, at).error(error.kind, error.message.clone()));
            targets.iter().map(|target| failed(&target.at)).collect()
        })
    }
}

impl fmt::Debug for LocalStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalStore").field("root", &self.root).finish_non_exhaustive()
    }
}

impl fmt::Display for LocalStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "file://{}", self.root.display())
    }
}

#[async_trait]
impl ObjectStore for LocalStore {
    async fn get(&self, at: &Location, options: GetOptions) -> Result<GetObject, StoreError> {
        let asked = Asked::new(Operation::Get, at);
        let object = self.object(asked.clone()).await?;
        if options.if_match.is_some_and(|e_tag| e_tag != object.trailer.e_tag()) {
            return Err(asked.other_tag());
        }
        let size = object.trailer.size;
        let range = match options.range {
            None => 0..size,
            Some(range) => range.resolve(size).ok_or_else(|| {
                let message = format!("the range holds nothing of an object of {size} bytes");
                asked.error(StoreErrorKind::InvalidRange, message)
            })?,
        };
        let head = object.trailer.clone().into_head();
        Ok(GetObject { head, body: body(object, asked, range.start, range.end), range })
    }

    async fn head(&self, at: &Location) -> Result<ObjectHead, StoreError> {
        Ok(self.object(Asked::new(Operation::Head, at)).await?.trailer.into_head())
    }

    async fn put(&self, at: &Location, body: PutBody, options: PutOptions) -> Result<PutReceipt, StoreError> {
        let asked = Asked::new(Operation::Put, at);
        check_key(asked.operation, at)?;
        check_attributes(asked.operation, at, &options.attributes)?;
        // Gone as soon as this future is dropped: nothing is published then.
        let wanted = Arc::new(());
        let still_wanted = Arc::downgrade(&wanted);
        let staged = self.stage(asked.clone()).await?;
        let staged = match body {
            PutBody::Bytes(bytes) => write(staged, asked.clone(), vec![bytes]).await?,
            PutBody::File(path) => {
                let mut staged = staged;
                blocking(asked.clone(), move || staged.write_file(&path).map(|()| staged)).await?
            }
            PutBody::Stream { size, stream } => {
                let staged = write_stream(staged, &asked, stream).await?;
                check_length(at, size, staged.size())?;
                staged
            }
        };
        let publish = move || staged.publish(options.attributes, &options.mode, &still_wanted);
        let e_tag = blocking(asked, publish).await?;
        drop(wanted);
        Ok(PutReceipt { e_tag, version_id: None })
    }

    async fn copy(&self, from: &Location, to: &Location, options: CopyOptions) -> Result<PutReceipt, StoreError> {
        let asked = Asked::new(Operation::Copy, to);
        check_key(asked.operation, to)?;
        let source = self.object(Asked::new(Operation::Copy, from)).await?;
        if options.source_if_match.is_some_and(|e_tag| e_tag != source.trailer.e_tag()) {
            return Err(Asked::new(Operation::Copy, from).other_tag());
        }
        let attributes = options.replace.unwrap_or_else(|| source.trailer.attributes.clone());
        check_attributes(asked.operation, to, &attributes)?;
        let wanted = Arc::new(());
        let still_wanted = Arc::downgrade(&wanted);
        let mut staged = self.stage(asked.clone()).await?;
        let work = move || {
            staged.write_object(&source)?;
            staged.publish(attributes, &options.mode, &still_wanted)
        };
        let e_tag = blocking(asked, work).await?;
        drop(wanted);
        Ok(PutReceipt { e_tag, version_id: None })
    }

    fn delete(&self, targets: BoxStream<'static, DeleteTarget>) -> BoxStream<'static, Result<Location, StoreError>> {
        let store = self.clone();
        let answers = targets.ready_chunks(removal::TOGETHER).then(move |targets| {
            let store = store.clone();
            async move { stream::iter(store.delete_together(targets).await) }
        });
        answers.flatten().boxed()
    }

    fn list(&self, request: ListRequest) -> BoxStream<'static, Result<ListEntry, StoreError>> {
        let asked = Asked::new(Operation::List, &Location::new(request.bucket.as_str(), request.prefix.as_str()));
        let limit = request.page_size.unwrap_or(PAGE).clamp(1, PAGE) as usize;
        let store = self.clone();
        let pages = stream::unfold(Some(None), move |walk: Option<Option<Walk>>| {
            let (store, asked, request) = (store.clone(), asked.clone(), request.clone());
            async move {
                let step = match walk? {
                    Some(mut walk) => blocking(asked, move || Ok((walk.page(limit)?, walk))).await,
                    None => {
                        let begin = move |bucket, asked| {
                            let mut walk = Walk::new(bucket, asked, request)?;
                            Ok((walk.page(limit)?, walk))
                        };
                        store.in_bucket(asked, begin).await
                    }
                };
                match step {
                    Err(error) => Some((vec![Err(error)], None)),
                    Ok((page, _)) if page.is_empty() => None,
                    Ok((page, walk)) => Some((page.into_iter().map(Ok).collect(), Some(Some(walk)))),
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
impl BucketStore for LocalStore {
    async fn create_bucket(&self, bucket: &str) -> Result<(), StoreError> {
        let asked = Asked::new(Operation::CreateBucket, &Location::new(bucket, ""));
        let root = Arc::clone(&self.root);
        blocking(asked.clone(), move || BucketDirectory::create(&root, &asked)).await
    }

    async fn delete_bucket(&self, bucket: &str) -> Result<(), StoreError> {
        let asked = Asked::new(Operation::DeleteBucket, &Location::new(bucket, ""));
        let root = Arc::clone(&self.root);
        self.in_bucket(asked, move |bucket, asked| bucket.remove(&root, &asked)).await
    }

    async fn list_buckets(&self) -> Result<Vec<BucketSummary>, StoreError> {
        let asked = Asked::new(Operation::ListBuckets, &Location::new("", ""));
        let root = Arc::clone(&self.root);
        let buckets = move || match bucket_directory::buckets(&root) {
            Ok(buckets) => Ok(buckets),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(asked.io("cannot read", &root, error)),
        };
        let asked = Asked::new(Operation::ListBuckets, &Location::new("", ""));
        let buckets = blocking(asked, buckets).await?;
        Ok(buckets.into_iter().map(|(name, created)| BucketSummary { name, created }).collect())
    }
}

/// Runs what blocks where it may.
async fn blocking<T: Send + 'static>(
    asked: Asked,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => Err(asked.error(StoreErrorKind::Other, "the program is ending").with_source(error)),
        },
    }
}

fn open_object(bucket: &BucketDirectory, asked: &Asked) -> Result<ObjectFile, StoreError> {
    let relative = object_path(asked.at.key());
    bucket.refuse_links(&relative, asked)?;
    let path = bucket.path().join(relative);
    ObjectFile::open(&path, asked.at.key()).map_err(|error| asked.object_file(&path, error))
}

async fn write(mut staged: StagedFile, asked: Asked, pieces: Vec<Bytes>) -> Result<StagedFile, StoreError> {
    let work = move || {
        for piece in pieces {
            staged.write(&piece)?;
        }
        Ok(staged)
    };
    blocking(asked, work).await
}

/// Writes a stream in pieces large enough to be worth a thread.
async fn write_stream(mut staged: StagedFile, asked: &Asked, mut stream: BodyStream) -> Result<StagedFile, StoreError> {
    let mut pieces = Vec::new();
    let mut length = 0;
    while let Some(piece) = stream.next().await {
        let piece = piece?;
        length += piece.len();
        pieces.push(piece);
        if length >= CHUNK {
            staged = write(staged, asked.clone(), std::mem::take(&mut pieces)).await?;
            length = 0;
        }
    }
    write(staged, asked.clone(), pieces).await
}

fn body(object: ObjectFile, asked: Asked, start: u64, end: u64) -> BodyStream {
    let chunks = stream::try_unfold((object, start), move |(object, offset)| {
        let asked = asked.clone();
        async move {
            let length = (end - offset).min(CHUNK as u64) as usize;
            if length == 0 {
                return Ok(None);
            }
            let work = {
                let asked = asked.clone();
                move || match object.read(offset, length) {
                    Ok(bytes) => Ok((bytes, object)),
                    Err(error) => Err(asked.error(StoreErrorKind::Other, "cannot read the object").with_source(error)),
                }
            };
            let (bytes, object) = blocking(asked, work).await?;
            Ok(Some((Bytes::from(bytes), (object, offset + length as u64))))
        }
    });
    chunks.boxed()
}
