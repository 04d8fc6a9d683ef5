//! What goes wrong in an operation of the engine.

use std::io;

use crate::cache::CacheError;
use crate::codec::CodecError;
use crate::record::RecordError;
use crate::store::StoreError;
use crate::{Location, Sha256};

/// An error of the engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A delta whose reference is not there, under its own space, under the recorded key and in the trash.
    #[error("reference missing: the delta {at} needs {reference} with the SHA-256 {digest}, and it is gone")]
    ReferenceMissing {
        /// Where the delta is stored.
        at: Location,
        /// Where its reference should be.
        reference: Location,
        /// Digest of the reference.
        digest: Sha256,
    },
    /// What the store holds does not give the recorded content. Nothing of it was handed over as complete.
    #[error("{at} is damaged: its content should have the SHA-256 {expected} and has {actual}")]
    Integrity {
        /// The stored object.
        at: Location,
        /// The recorded digest.
        expected: Sha256,
        /// The digest of what was read.
        actual: Sha256,
    },
    /// The delta itself cannot be decoded.
    #[error("{at} is damaged and cannot be decoded")]
    Damaged {
        /// The stored object.
        at: Location,
        /// What the codec said.
        source: CodecError,
    },
    /// The stored record cannot be used.
    #[error("{at} cannot be read")]
    Record {
        /// The stored object.
        at: Location,
        /// What is wrong with it.
        source: RecordError,
    },
    /// Written by a codec that is not built in.
    #[error("{at} was stored with the codec `{codec}`, which this version cannot read")]
    UnsupportedCodec {
        /// The stored object.
        at: Location,
        /// The codec's name.
        codec: String,
    },
    /// What a bucket asks of its clients cannot be understood or followed; nothing was written.
    #[error("{at} cannot be followed: {reason}")]
    BucketConfig {
        /// The bucket's configuration.
        at: Location,
        /// What is wrong with it.
        reason: String,
    },
    /// More memory would be needed than may be used.
    #[error("{at} needs {needed} bytes of memory and {limit} may be used; allow more with --memory or DG_MEMORY")]
    Memory {
        /// The object.
        at: Location,
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// The source of a put cannot be read.
    #[error("the source cannot be read")]
    Source(#[source] io::Error),
    /// The source of a put changed while it was read; nothing was stored under the object's name.
    #[error("the source changed while it was read; try again when nobody writes to it")]
    SourceChanged,
    /// The destination of a get cannot be written.
    #[error("the destination cannot be written")]
    Destination(#[source] io::Error),
    /// Temporary space cannot be had.
    #[error("temporary space cannot be used; choose another place with TMPDIR")]
    Scratch(#[source] io::Error),
    /// Other writers were faster, each time.
    #[error("{at} was changed by others at each of {rounds} attempts; try again")]
    Contended {
        /// The object.
        at: Location,
        /// How often it was tried.
        rounds: u32,
    },
    /// A URL of what is stored would give a delta, not the object.
    #[error("{at} is stored as a delta: a URL would give the delta, not the object")]
    StoredAsDelta {
        /// The object.
        at: Location,
    },
    /// The cache cannot be used as it is configured.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The request itself is wrong.
    #[error("{0}")]
    Invalid(String),
}

impl Error {
    /// Whether the object is known to be absent.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_not_found())
    }

    /// Whether stored bytes do not give back what was recorded of them.
    #[must_use]
    pub fn is_integrity(&self) -> bool {
        match self {
            Self::Integrity { .. } | Self::Damaged { .. } | Self::Record { .. } => true,
            Self::Store(error) => error.is_damaged(),
            _ => false,
        }
    }

    /// Whether the store itself says that it holds an object no more as it was put.
    pub(crate) fn is_damaged_at_store(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_damaged())
    }
}
