//! The delta engine: one operation a file, over the ports.

mod bodies;
mod bucket_config;
mod coding;
mod conditions;
mod copy;
mod delete;
mod get;
mod head;
mod heads;
mod list;
mod making;
mod migrate;
pub mod plan;
mod proof;
pub mod purge;
mod put;
mod reference;
mod rehydrate;
pub mod repair;
mod sample;
mod source;
pub mod stats;
mod survey;
mod temporary;
mod verify;

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use lru::LruCache;
use tokio::sync::{OnceCell, Semaphore};

pub use bodies::ContentStream;
pub use bucket_config::{BucketConfig, CONFIG_LIFETIME};
pub use conditions::Guarantees;
pub use copy::CopyRequest;
pub use delete::{DeleteReport, DeleteRequest};
pub use get::{DownloadReport, GetReport, GetRequest};
pub use list::{LogicalEntry, LogicalListRequest, LogicalObject};
pub use migrate::{MigrateReport, Migrated};
pub use put::{Estimate, PutReport, PutRequest};
pub use rehydrate::{RehydrateReport, Rehydrated};
pub use sample::Sampler;
pub use source::Source;
pub use verify::{Depth, Verdict, VerifyReport, VerifyRequest};

use crate::cache::ReferenceCache;
use crate::codec::DeltaCodec;
use crate::codec::zstd::ZstdCodec;
use crate::policy::Policy;
use crate::scratch::ScratchSpace;
use crate::store::{Attributes, ETag, ObjectHead, ObjectStore, by_store_clock};
use crate::{DeltaSpace, Location, Sha256};

use bucket_config::BucketConfigs;
use conditions::Conditions;

/// Stored heads that listings and recursive deletes remember, by key and entity tag.
const REMEMBERED_HEADS: usize = 65_536;

/// Rounds of an operation that others keep disturbing, before it gives up.
const MAX_ROUNDS: u32 = 16;

/// The delta engine over one store and one cache. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Engine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<dyn ObjectStore>,
    cache: Arc<dyn ReferenceCache>,
    /// The first one writes, all of them read.
    codecs: Vec<Arc<dyn DeltaCodec>>,
    writers: usize,
    policy: Policy,
    limits: Limits,
    scratch: ScratchSpace,
    /// Memory of codecs and of what they work on, in units of [`MEMORY_UNIT`].
    memory: Arc<Semaphore>,
    /// Codec runs at a time.
    codec_runs: Arc<Semaphore>,
    /// Heads that listings have seen, by key and entity tag.
    heads: Mutex<LruCache<(Location, ETag), Arc<RememberedHead>>>,
    /// Spaces whose kept heads were recalled.
    recalled: Mutex<LruCache<DeltaSpace, Arc<OnceCell<()>>>>,
    conditions: Conditions,
    bucket_configs: BucketConfigs,
}

/// The head of a stored object as a listing remembers it.
#[derive(Debug)]
struct RememberedHead {
    head: ObjectHead,
}

/// Bounds of what an engine uses at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory for contents and codecs. What does not fit is stored whole.
    pub memory: u64,
    /// Codec runs at a time.
    pub codecs: usize,
    /// Requests for heads that a listing has under way.
    pub heads: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(2, NonZeroUsize::get);
        Self { memory: 1 << 30, codecs: processors, heads: 32 }
    }
}

/// What an engine is made of.
#[derive(Clone, Debug)]
pub struct EngineParts {
    /// The store.
    pub store: Arc<dyn ObjectStore>,
    /// The reference cache.
    pub cache: Arc<dyn ReferenceCache>,
    /// Codecs, all of which read; empty for `zstd` alone.
    pub codecs: Vec<Arc<dyn DeltaCodec>>,
    /// So many of them write, the first one at least: each where those before it would take more memory than is allowed.
    pub writers: usize,
    /// Which objects become deltas.
    pub policy: Policy,
    /// Bounds of what is used at a time.
    pub limits: Limits,
    /// Where temporary contents go.
    pub scratch: ScratchSpace,
}

/// The unit of the memory semaphore in bytes: permits are 32 bits wide.
const MEMORY_UNIT: u64 = 64 << 10;

impl Engine {
    /// Puts the parts together; makes no request.
    #[must_use]
    pub fn new(parts: EngineParts) -> Self {
        let EngineParts { store, cache, mut codecs, writers, policy, limits, scratch } = parts;
        if codecs.is_empty() {
            codecs.push(Arc::new(ZstdCodec::default()));
        }
        let units = usize::try_from(limits.memory / MEMORY_UNIT).unwrap_or(usize::MAX);
        Self {
            inner: Arc::new(Inner {
                store,
                cache,
                writers: writers.clamp(1, codecs.len()),
                codecs,
                policy,
                limits,
                scratch,
                memory: Arc::new(Semaphore::new(units.clamp(1, Semaphore::MAX_PERMITS))),
                codec_runs: Arc::new(Semaphore::new(limits.codecs.max(1))),
                heads: Mutex::new(LruCache::new(NonZeroUsize::new(REMEMBERED_HEADS).unwrap_or(NonZeroUsize::MIN))),
                recalled: Mutex::new(LruCache::new(NonZeroUsize::new(REMEMBERED_HEADS).unwrap_or(NonZeroUsize::MIN))),
                conditions: Conditions::default(),
                bucket_configs: BucketConfigs::default(),
            }),
        }
    }

    /// The store below.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.inner.store
    }

    /// The reference cache.
    #[must_use]
    pub fn cache(&self) -> &Arc<dyn ReferenceCache> {
        &self.inner.cache
    }

    /// Which objects become deltas.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.inner.policy
    }

    /// When a time of this machine's clock is by the store's, as far as an answer of it has told. A minute of difference may be the
    /// answers' way, and counts for nothing.
    #[must_use]
    pub fn store_time(&self, here: SystemTime) -> SystemTime {
        by_store_clock(self.inner.store.clock_ahead(), here)
    }

    fn reader_codec(&self, name: &str) -> Option<&Arc<dyn DeltaCodec>> {
        self.inner.codecs.iter().find(|codec| codec.id().as_str() == name)
    }
}

/// An object as its users know it, whatever form is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct LogicalHead {
    /// Length of the content in bytes.
    pub size: u64,
    /// The logical entity tag: MD5 of the content, where it is known.
    pub e_tag: ETag,
    /// Digest of the content; `None` for foreign objects.
    pub sha256: Option<Sha256>,
    /// When it was stored.
    pub last_modified: SystemTime,
    /// The user's headers and metadata.
    pub attributes: Attributes,
    /// The form that is stored.
    pub stored: StoredForm,
    /// Version of the stored object, where the bucket keeps versions.
    pub version_id: Option<String>,
    /// Storage class of the stored object, where it is not the standard one.
    pub storage_class: Option<String>,
}

/// In which form an object is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoredForm {
    /// As a delta.
    Delta {
        /// Where.
        at: Location,
        /// Length of the delta in bytes.
        size: u64,
        /// Name of the codec.
        codec: String,
        /// Digest of the reference.
        reference: Option<Sha256>,
    },
    /// Whole, with our record.
    Whole {
        /// Where.
        at: Location,
    },
    /// Whole, by somebody else.
    Foreign {
        /// Where.
        at: Location,
    },
}

impl StoredForm {
    /// Where it is stored.
    #[must_use]
    pub fn at(&self) -> &Location {
        match self {
            Self::Delta { at, .. } | Self::Whole { at } | Self::Foreign { at } => at,
        }
    }

    /// The form's name: `delta`, `whole`, `foreign`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Delta { .. } => "delta",
            Self::Whole { .. } => "whole",
            Self::Foreign { .. } => "foreign",
        }
    }
}

/// Where the reference that an operation needed came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReferenceUse {
    /// No reference was needed.
    None,
    /// The object became the reference.
    Created,
    /// It was in the cache.
    Cached,
    /// It was fetched from the store.
    Fetched,
}
