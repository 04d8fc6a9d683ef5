//! What goes wrong at a store, by what it means for us.

use std::error::Error;
use std::fmt;

use crate::Location;

/// What was asked of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Fetching an object.
    Get,
    /// Asking for an object's head.
    Head,
    /// Storing an object.
    Put,
    /// Copying on the server's side.
    Copy,
    /// Deleting an object.
    Delete,
    /// Listing objects.
    List,
    /// Making a bucket.
    CreateBucket,
    /// Removing a bucket.
    DeleteBucket,
    /// Listing buckets.
    ListBuckets,
    /// Reading the access control list of a bucket.
    GetBucketAcl,
    /// Replacing the access control list of a bucket.
    PutBucketAcl,
    /// Listing unfinished uploads.
    ListUploads,
    /// Aborting an unfinished upload.
    AbortUpload,
}

impl Operation {
    /// The operation's name in the S3 API.
    #[must_use]
    pub fn api_name(self) -> &'static str {
        match self {
            Self::Get => "GetObject",
            Self::Head => "HeadObject",
            Self::Put => "PutObject",
            Self::Copy => "CopyObject",
            Self::Delete => "DeleteObject",
            Self::List => "ListObjectsV2",
            Self::CreateBucket => "CreateBucket",
            Self::DeleteBucket => "DeleteBucket",
            Self::ListBuckets => "ListBuckets",
            Self::GetBucketAcl => "GetBucketAcl",
            Self::PutBucketAcl => "PutBucketAcl",
            Self::ListUploads => "ListMultipartUploads",
            Self::AbortUpload => "AbortMultipartUpload",
        }
    }
}

/// What an error of a store means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The object is known to be absent: the only kind that means so.
    NotFound,
    /// The bucket is known to be absent.
    NoSuchBucket,
    /// A condition did not hold, or another writer was first.
    Conflict,
    /// The bucket still holds objects.
    NotEmpty,
    /// The range begins past the end of the object.
    InvalidRange,
    /// The store wants us to slow down.
    Throttled,
    /// The store knows who asks, and refuses.
    Denied,
    /// The store does not know who asks: no credentials, or wrong ones.
    Unauthenticated,
    /// A passing fault: a time-out, a broken connection, a 5xx. What was asked may have been done.
    Transient,
    /// The store cannot do that.
    Unsupported,
    /// The request itself is wrong: a key too long, metadata too large.
    Invalid,
    /// No space is left.
    NoSpace,
    /// The content cannot be read as it is: archived, or encrypted with a key of the customer's.
    Unreadable,
    /// The object is there, and not as it was put: the store itself says so.
    Damaged,
    /// Anything else.
    Other,
}

/// An error of a store.
///
/// Its `Display` says what the store said; operation and place are fields, for the caller to put before it.
#[derive(Debug)]
pub struct StoreError {
    /// What was asked.
    pub operation: Operation,
    /// Of which object; the key is empty where a bucket was meant.
    pub at: Location,
    /// What it means.
    pub kind: StoreErrorKind,
    /// The store's own code, such as `NoSuchKey` or `404`.
    pub code: String,
    /// The store's own words.
    pub message: String,
    /// Status of the HTTP answer, where there was one.
    pub status: Option<u16>,
    /// The store's name for the request, for its operators.
    pub request_id: Option<String>,
    /// What lies beneath.
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// An error with the code that S3 gives for its kind.
    #[must_use]
    pub fn new(operation: Operation, at: &Location, kind: StoreErrorKind, message: impl Into<String>) -> Self {
        let code = match kind {
            StoreErrorKind::NotFound if operation == Operation::Head => "404",
            StoreErrorKind::NotFound => "NoSuchKey",
            StoreErrorKind::NoSuchBucket => "NoSuchBucket",
            StoreErrorKind::Conflict => match operation {
                Operation::CreateBucket => "BucketAlreadyOwnedByYou",
                _ => "PreconditionFailed",
            },
            StoreErrorKind::NotEmpty => "BucketNotEmpty",
            StoreErrorKind::InvalidRange => "InvalidRange",
            StoreErrorKind::Throttled => "SlowDown",
            StoreErrorKind::Denied => "AccessDenied",
            StoreErrorKind::Unauthenticated => "NoCredentials",
            StoreErrorKind::Transient => "InternalError",
            StoreErrorKind::Unsupported => "NotImplemented",
            StoreErrorKind::Invalid => "InvalidRequest",
            StoreErrorKind::NoSpace => "NoSpace",
            StoreErrorKind::Unreadable => "InvalidObjectState",
            StoreErrorKind::Damaged => "DamagedObject",
            StoreErrorKind::Other => "Unknown",
        };
        Self {
            operation,
            at: at.clone(),
            kind,
            code: code.to_owned(),
            message: message.into(),
            status: None,
            request_id: None,
            source: None,
        }
    }

    /// The same error with what lies beneath it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Whether the object is known to be absent.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind == StoreErrorKind::NotFound
    }

    /// Whether the store says that it holds an object no more as it was put.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.kind == StoreErrorKind::Damaged
    }

    /// Whether a condition did not hold.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.kind == StoreErrorKind::Conflict
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "An error occurred ({}) when calling the {} operation: {}",
            self.code,
            self.operation.api_name(),
            self.message
        )
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Turns `NotFound` into `None`, and leaves every other answer as it is.
pub(crate) fn found<T>(result: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
