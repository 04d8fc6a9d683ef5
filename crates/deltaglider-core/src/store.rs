//! The port to an object store: objects, ranges, conditions and listings. It knows nothing of references and deltas.

mod attributes;
mod bucket;
mod error;
mod limits;
pub mod local;
pub mod memory;
mod sharing;
mod uploads;

use std::fmt::{self, Debug, Display};
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;

pub use attributes::{Attributes, Metadata, Placement};
pub use bucket::{BucketStore, BucketSummary};
pub(crate) use error::found;
pub use error::{Operation, StoreError, StoreErrorKind};
pub use sharing::{AclGrant, BucketAcl, Grantee, NewBucketAcl, PresignedUrl};
pub use uploads::{PendingUpload, UploadStore};

use crate::Location;

/// An object store.
///
/// Contract, each line a test of the conformance suite:
/// - `get` answers head and body together; the body is the content that the head describes, or ends in an error.
/// - `get` with `if_match` of another entity tag is a [`StoreErrorKind::Conflict`]; of an absent object, `NotFound`.
/// - A range is cut at the end of the object; one that begins past the end is [`StoreErrorKind::InvalidRange`].
/// - `put` is atomic: readers see the old object or the new one, with its metadata, never a mixture; a failed or dropped put
///   leaves nothing visible.
/// - [`PutMode::Create`] has exactly one winner among any number of writers; the others get `Conflict`.
/// - [`PutMode::Update`] replaces only what has the entity tag; otherwise `Conflict` (`NotFound` where there is nothing).
/// - What was put is read, listed, copied and deleted at once by everybody who asks afterwards.
/// - `copy` carries content and attributes; `CopyOptions::replace` puts others in their place.
/// - Deleting what is not there succeeds, unless an entity tag was asked for.
/// - `list` answers in the order of the keys' UTF-8 bytes; with a delimiter, common prefixes stand among them in that order.
/// - Any key of 1 to 1024 bytes of UTF-8 is a key: `..`, `a//b`, a leading `/`, `a` beside `a/b`.
/// - Only an object that is known to be absent is `NotFound`.
#[async_trait]
pub trait ObjectStore: Debug + Display + Send + Sync + 'static {
    /// Head and body of an object in one request.
    async fn get(&self, at: &Location, options: GetOptions) -> Result<GetObject, StoreError>;

    /// The head of an object; one request.
    async fn head(&self, at: &Location) -> Result<ObjectHead, StoreError>;

    /// Stores an object; one request, or several parts above the store's own threshold.
    async fn put(&self, at: &Location, body: PutBody, options: PutOptions) -> Result<PutReceipt, StoreError>;

    /// Copies on the server's side; one request.
    async fn copy(&self, from: &Location, to: &Location, options: CopyOptions) -> Result<PutReceipt, StoreError>;

    /// Deletes objects; conditions one by one, the rest in batches of the store's own size. Answers in any order.
    fn delete(&self, targets: BoxStream<'static, DeleteTarget>) -> BoxStream<'static, Result<Location, StoreError>>;

    /// Lists objects page by page, as far as the stream is read.
    fn list(&self, request: ListRequest) -> BoxStream<'static, Result<ListEntry, StoreError>>;

    /// Which conditions the store is known to honour without asking it.
    fn promises(&self) -> Promises {
        Promises::Unknown
    }

    /// Seconds by which this machine's clock is ahead of the store's, by whose clock the dates of objects are, as far as its answers have
    /// told; negative where it is behind.
    fn clock_ahead(&self) -> Option<i64> {
        None
    }
}

/// Below this, the clocks of store and machine count as one: it may be the way of an answer.
const NOTICED_SKEW: Duration = Duration::from_secs(60);

/// When a time of this machine's clock is by that of a store, which it is so many seconds [ahead](ObjectStore::clock_ahead) of.
#[must_use]
pub fn by_store_clock(ahead: Option<i64>, here: SystemTime) -> SystemTime {
    let ahead = ahead.unwrap_or(0);
    let distance = Duration::from_secs(ahead.unsigned_abs());
    let there = if distance < NOTICED_SKEW {
        Some(here)
    } else if ahead > 0 {
        here.checked_sub(distance)
    } else {
        here.checked_add(distance)
    };
    there.unwrap_or(here)
}

impl dyn ObjectStore + '_ {
    /// Deletes one object; where an entity tag is given, only if it is still that object.
    pub async fn delete_one(&self, at: &Location, if_match: Option<ETag>) -> Result<(), StoreError> {
        let target = DeleteTarget { at: at.clone(), if_match };
        match self.delete(futures::stream::iter([target]).boxed()).next().await {
            Some(Ok(_)) | None => Ok(()),
            Some(Err(error)) => Err(error),
        }
    }
}

/// What a store is known to do with conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Promises {
    /// Honours every condition of the port.
    Kept,
    /// Has to be asked.
    Unknown,
}

/// An entity tag as the store writes it, with its quotes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ETag(String);

impl ETag {
    /// Takes a tag, quoted or not.
    #[must_use]
    pub fn new(tag: &str) -> Self {
        if tag.starts_with('"') || tag.starts_with("W/") { Self(tag.to_owned()) } else { Self(format!("\"{tag}\"")) }
    }

    /// The tag with its quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tag without its quotes.
    #[must_use]
    pub fn unquoted(&self) -> &str {
        self.0.trim_start_matches("W/").trim_matches('"')
    }
}

impl Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Debug for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A stream of an object's bytes.
pub type BodyStream = BoxStream<'static, Result<Bytes, StoreError>>;

/// Part of an object, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ByteRange {
    /// From an offset up to, not including, another.
    Bounded(u64, u64),
    /// From an offset to the end.
    From(u64),
    /// The last bytes.
    Last(u64),
}

impl ByteRange {
    /// The range within an object of `size` bytes, cut at its end; `None` where it begins past the end or holds nothing.
    #[must_use]
    pub fn resolve(self, size: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::Bounded(start, end) => start..end.min(size),
            Self::From(start) => start..size,
            Self::Last(length) => size.saturating_sub(length)..size,
        };
        (range.start < range.end).then_some(range)
    }
}

/// How an object is fetched.
#[derive(Clone, Debug, Default)]
pub struct GetOptions {
    /// Only this part of it.
    pub range: Option<ByteRange>,
    /// Only if it still has this entity tag.
    pub if_match: Option<ETag>,
}

/// What a store says of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectHead {
    /// Length of the whole object in bytes.
    pub size: u64,
    /// The store's entity tag.
    pub e_tag: ETag,
    /// When it was last written.
    pub last_modified: SystemTime,
    /// Headers and user metadata that came with it.
    pub attributes: Attributes,
    /// Version, where the bucket keeps versions.
    pub version_id: Option<String>,
    /// Storage class, where it is not the standard one.
    pub storage_class: Option<String>,
}

/// An object, its body not yet read.
pub struct GetObject {
    /// Its head.
    pub head: ObjectHead,
    /// Which bytes the body holds.
    pub range: Range<u64>,
    /// The bytes.
    pub body: BodyStream,
}

impl Debug for GetObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GetObject").field("head", &self.head).field("range", &self.range).finish_non_exhaustive()
    }
}

impl GetObject {
    /// Reads the body into memory; refuses more than `limit` bytes before reading them.
    pub async fn bytes(self, limit: u64) -> Result<Bytes, StoreError> {
        let length = self.range.end - self.range.start;
        if length > limit {
            return Err(StoreError::new(
                Operation::Get,
                &Location::new("", ""),
                StoreErrorKind::Other,
                format!("the body holds {length} bytes, over the limit of {limit}"),
            ));
        }
        let mut bytes = bytes::BytesMut::with_capacity(length as usize);
        let mut body = self.body;
        while let Some(chunk) = body.next().await {
            bytes.extend_from_slice(&chunk?);
        }
        Ok(bytes.freeze())
    }
}

/// What happens where an object stands already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PutMode {
    /// It is replaced.
    #[default]
    Overwrite,
    /// The put fails with `Conflict`: exactly one writer wins.
    Create,
    /// It is replaced only if it has this entity tag.
    Update(ETag),
}

/// The bytes of a put.
pub enum PutBody {
    /// Bytes in memory; can be sent again.
    Bytes(Bytes),
    /// A file, sent from its beginning; can be sent again.
    File(PathBuf),
    /// Bytes as they come; sent once.
    Stream {
        /// Length in bytes, where it is known.
        size: Option<u64>,
        /// The bytes.
        stream: BodyStream,
    },
}

impl Debug for PutBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Stream { size, .. } => write!(f, "Stream({size:?} bytes)"),
        }
    }
}

impl From<Bytes> for PutBody {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

/// How an object is stored.
#[derive(Clone, Debug, Default)]
pub struct PutOptions {
    /// What happens where an object stands already.
    pub mode: PutMode,
    /// Headers and user metadata to store with it.
    pub attributes: Attributes,
    /// Where and under whose eyes it is kept.
    pub placement: Placement,
}

/// What a store answers to a put or a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutReceipt {
    /// The store's entity tag.
    pub e_tag: ETag,
    /// Version, where the bucket keeps versions.
    pub version_id: Option<String>,
}

/// How an object is copied.
#[derive(Clone, Debug, Default)]
pub struct CopyOptions {
    /// Only if the source still has this entity tag.
    pub source_if_match: Option<ETag>,
    /// What happens where an object stands already at the destination.
    pub mode: PutMode,
    /// Other headers and metadata instead of the source's.
    pub replace: Option<Attributes>,
    /// Where and under whose eyes the copy is kept.
    pub placement: Placement,
}

/// An object to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteTarget {
    /// Where it is.
    pub at: Location,
    /// Only if it still has this entity tag.
    pub if_match: Option<ETag>,
}

impl From<Location> for DeleteTarget {
    fn from(at: Location) -> Self {
        Self { at, if_match: None }
    }
}

/// Which objects to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListRequest {
    /// The bucket.
    pub bucket: String,
    /// Only keys that begin with this.
    pub prefix: String,
    /// Fold what follows the prefix up to this text into common prefixes.
    pub delimiter: Option<String>,
    /// Only keys, and common prefixes, after this one.
    pub start_after: Option<String>,
    /// Keys a page, at most 1000; the store's default otherwise.
    pub page_size: Option<u32>,
}

impl ListRequest {
    /// All keys below a prefix.
    pub fn below(bucket: impl Into<String>, prefix: impl Into<String>) -> Self {
        Self { bucket: bucket.into(), prefix: prefix.into(), ..Self::default() }
    }
}

/// A line of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListEntry {
    /// An object.
    Object(ListedObject),
    /// A common prefix, with its delimiter.
    Prefix(String),
}

impl ListEntry {
    /// The key or the prefix.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Object(object) => &object.key,
            Self::Prefix(prefix) => prefix,
        }
    }
}

/// An object as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject {
    /// Its key.
    pub key: String,
    /// Length in bytes as stored.
    pub size: u64,
    /// The store's entity tag.
    pub e_tag: ETag,
    /// When it was last written.
    pub last_modified: SystemTime,
    /// Storage class, where it is not the standard one.
    pub storage_class: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_at_the_end() {
        assert_eq!(ByteRange::Bounded(2, 5).resolve(10), Some(2..5));
        assert_eq!(ByteRange::Bounded(2, 50).resolve(10), Some(2..10));
        assert_eq!(ByteRange::From(10).resolve(10), None);
        assert_eq!(ByteRange::Last(50).resolve(10), Some(0..10));
        assert_eq!(ByteRange::Last(0).resolve(10), None);
        assert_eq!(ByteRange::Bounded(5, 2).resolve(10), None);
    }

    #[test]
    fn tags_are_quoted_once() {
        assert_eq!(ETag::new("a").as_str(), "\"a\"");
        assert_eq!(ETag::new("\"a\"").as_str(), "\"a\"");
        assert_eq!(ETag::new("\"a\"").unquoted(), "a");
    }
}
