//! What goes wrong in a client, and what kind of trouble it is.

use std::io;
use std::path::PathBuf;

use deltaglider_core::Error as EngineError;
use deltaglider_core::cache::CacheError;
use deltaglider_core::keys::KeyError;
use deltaglider_core::location::ParseUrlError;
use deltaglider_core::store::{StoreError, StoreErrorKind};
use deltaglider_keys::rotation::RotationError;

/// An error of the client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A part of the request that it cannot do without was not set. No request was made.
    #[error("{operation} needs a {field}")]
    Missing {
        /// The operation's name in the S3 API.
        operation: &'static str,
        /// What is missing: `bucket`, `key`, `body`.
        field: &'static str,
    },
    /// The request cannot be meant as it is. No request was made.
    #[error("{0}")]
    Usage(String),
    /// The text is no store URL.
    #[error(transparent)]
    Url(#[from] ParseUrlError),
    /// The settings cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No local store is at a path, nor above it.
    #[error("no store is at {} or above it; make one with `deltaglider mb file://{}`", path.display(), path.display())]
    NoLocalStore {
        /// The path of the `file://` URL.
        path: PathBuf,
    },
    /// A local file or directory cannot be read or written.
    #[error("{} cannot be {action}", path.display())]
    Local {
        /// Which one.
        path: PathBuf,
        /// What could not be done with it: `read`, `written`.
        action: &'static str,
        /// Why.
        source: io::Error,
    },
    /// What was read cannot be written to where the caller wants it.
    #[error("the content cannot be written")]
    Write(#[source] io::Error),
    /// A key of the cache is not to be had.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A rotation of keys does not go on. It can be resumed or aborted from where it stands.
    #[error(transparent)]
    Rotation(#[from] RotationError),
    /// The engine, the store below it or the cache failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Settings that cannot be used. The texts name the variable and what is expected of it, never the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The value of a variable cannot be understood.
    #[error("{name} is `{value}`; expected is {expected}")]
    Value {
        /// The variable.
        name: &'static str,
        /// Its value, without what no terminal should show.
        value: String,
        /// What is expected of it.
        expected: &'static str,
    },
    /// The value of a variable that holds a secret cannot be used.
    #[error("{0}")]
    Key(String),
    /// Two variables are set that exclude one another.
    #[error(
        "{first} and {second} are both set, and each names where the cache's key comes from; keep the one that is meant and unset the other"
    )]
    Exclusive {
        /// One of them.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// A variable is set that would go unheard, and that must not.
    #[error("{name} is set, but {reason}")]
    Unusable {
        /// The variable.
        name: &'static str,
        /// Why it cannot be used, and what to do.
        reason: &'static str,
    },
    /// A setting cannot be used.
    #[error("{0}")]
    Setting(String),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<CacheError> for Error {
    fn from(error: CacheError) -> Self {
        Self::Engine(error.into())
    }
}

/// What kind of trouble an error is: what a caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request is wrong: something is missing, malformed or out of bounds.
    Usage,
    /// The settings are wrong: a variable, a directory, a key of the cache.
    Config,
    /// The store does not know who asks.
    Credentials,
    /// The store knows who asks, and refuses.
    Denied,
    /// There is no such object.
    NotFound,
    /// There is no such bucket or local store.
    NoSuchBucket,
    /// Others were faster, a condition does not hold, or the bucket is not empty.
    Conflict,
    /// The range begins past the end of the object.
    InvalidRange,
    /// Stored bytes do not give back what was recorded of them, or a reference is gone.
    Integrity,
    /// The store wants fewer requests.
    Throttled,
    /// The store fails for now, or cannot be reached.
    Transient,
    /// The store fails or refuses in another way.
    Service,
    /// Something local cannot be read or written: a source, a destination, temporary space.
    Local,
    /// More memory would be needed than may be used.
    Memory,
}

impl Error {
    /// What kind of trouble it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Missing { .. } | Self::Usage(_) | Self::Url(_) => ErrorKind::Usage,
            Self::Config(_) | Self::Key(_) | Self::Rotation(RotationError::Vault(_)) => ErrorKind::Config,
            Self::Rotation(RotationError::Canary { .. }) => ErrorKind::Integrity,
            Self::Rotation(_) => ErrorKind::Conflict,
            Self::NoLocalStore { .. } => ErrorKind::NoSuchBucket,
            Self::Local { .. } | Self::Write(_) => ErrorKind::Local,
            Self::Engine(error) => engine_kind(error),
        }
    }

    /// The store's own error, where there is one beneath.
    #[must_use]
    pub fn as_store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Engine(EngineError::Store(error)) => Some(error),
            _ => None,
        }
    }

    /// Whether the object is known to be absent.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }

    /// Whether trying again later may help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind(), ErrorKind::Throttled | ErrorKind::Transient)
            || matches!(self, Self::Engine(EngineError::Contended { .. } | EngineError::SourceChanged))
    }
}

fn engine_kind(error: &EngineError) -> ErrorKind {
    match error {
        EngineError::Store(error) => store_kind(error.kind),
        EngineError::ReferenceMissing { .. }
        | EngineError::Integrity { .. }
        | EngineError::Damaged { .. }
        | EngineError::Record { .. } => ErrorKind::Integrity,
        EngineError::Memory { .. } => ErrorKind::Memory,
        EngineError::Source(_) | EngineError::SourceChanged | EngineError::Destination(_) | EngineError::Scratch(_) => {
            ErrorKind::Local
        }
        EngineError::Contended { .. } => ErrorKind::Conflict,
        EngineError::Cache(CacheError::Io(_) | CacheError::NoSpace) => ErrorKind::Local,
        EngineError::Cache(_) | EngineError::BucketConfig { .. } => ErrorKind::Config,
        EngineError::Invalid(_) => ErrorKind::Usage,
        // An unknown codec among them: nothing is wrong with what is stored.
        _ => ErrorKind::Service,
    }
}

fn store_kind(kind: StoreErrorKind) -> ErrorKind {
    match kind {
        StoreErrorKind::NotFound => ErrorKind::NotFound,
        StoreErrorKind::NoSuchBucket => ErrorKind::NoSuchBucket,
        StoreErrorKind::Conflict | StoreErrorKind::NotEmpty => ErrorKind::Conflict,
        StoreErrorKind::InvalidRange => ErrorKind::InvalidRange,
        StoreErrorKind::Throttled => ErrorKind::Throttled,
        StoreErrorKind::Denied => ErrorKind::Denied,
        StoreErrorKind::Unauthenticated => ErrorKind::Credentials,
        StoreErrorKind::Transient => ErrorKind::Transient,
        StoreErrorKind::Damaged => ErrorKind::Integrity,
        StoreErrorKind::Invalid => ErrorKind::Usage,
        _ => ErrorKind::Service,
    }
}
