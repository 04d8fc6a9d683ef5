//! Everything that can be set, in one typed struct. Nothing here reads the environment; [`crate::env`] does. What memory there is
//! is asked of the system.

use std::fmt;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use deltaglider_codec::Effort;
use deltaglider_core::engine::Limits;
use deltaglider_core::keys::KeyProvider;
use deltaglider_core::policy::Policy;
use deltaglider_core::store::{BucketStore, ObjectStore};
use deltaglider_keys::EnvironmentKeys;
#[cfg(feature = "secrets-manager")]
pub use deltaglider_keys::SecretsManagerSettings;
pub use deltaglider_s3::AddressingStyle;

use crate::memory;

/// What a [`Client`](crate::Client) is made of.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// How S3 is reached.
    pub s3: S3Settings,
    /// What the buckets of operations are the names of.
    pub buckets: Buckets,
    /// The reference cache.
    pub cache: CacheSettings,
    /// Which objects become deltas.
    pub policy: Policy,
    /// What deltas are written by; all of them are read in any case.
    pub codec: Codec,
    /// How much CPU is spent to save bytes.
    pub effort: Effort,
    /// Memory, codec runs and HEAD requests at a time. By default memory is half of what this process may have, which is the least
    /// of the machine's and the limits of its control groups where the system is Linux; between 16 MiB and 1 GiB.
    pub limits: Limits,
    /// Transfers of a batch at a time; 8 by default.
    pub jobs: NonZeroUsize,
    /// Where temporary contents go that do not fit into memory, sealed; the system's temporary directory by default.
    pub scratch_directory: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            s3: S3Settings::default(),
            buckets: Buckets::default(),
            cache: CacheSettings::default(),
            policy: Policy::default(),
            codec: Codec::default(),
            effort: Effort::default(),
            limits: Limits { memory: memory::default_limit(), ..Limits::default() },
            jobs: crate::env::DEFAULT_JOBS,
            scratch_directory: None,
        }
    }
}

/// The codecs that write deltas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// Looks into archives; where that would take more memory than is allowed, `zstd` is in its place.
    #[default]
    Dgd1,
    /// Takes every object as it stands; the `zstd` command opens such deltas as well.
    Zstd,
    /// Takes every object as it stands; `xdelta3` opens such deltas as well, and so do earlier clients. Where that would take more
    /// memory than is allowed, the object is stored whole.
    Vcdiff,
}

impl Codec {
    /// Its name, as it is stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dgd1 => "dgd1",
            Self::Zstd => "zstd",
            Self::Vcdiff => "vcdiff",
        }
    }
}

/// How S3, or a server like it, is reached. What is not set comes from the chain of `aws-config`, with the first request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct S3Settings {
    /// Profile of `~/.aws/config` and `~/.aws/credentials`.
    pub profile: Option<String>,
    /// Region that requests are signed for.
    pub region: Option<String>,
    /// Another server than AWS: `https://host:port`.
    pub endpoint_url: Option<String>,
    /// Fixed credentials instead of the chain's.
    pub credentials: Option<Credentials>,
    /// Signs no request: for public buckets.
    pub no_sign_request: bool,
    /// Whether the server's certificate is checked; without, anybody on the way can read and change everything.
    pub verify_ssl: bool,
    /// PEM file of certificate authorities, which replace the system's.
    pub ca_bundle: Option<PathBuf>,
    /// Where the bucket's name stands in a request.
    pub addressing_style: AddressingStyle,
    /// How long a connection may take to be made; 10 s by default.
    pub connect_timeout: Duration,
    /// How long the head of an answer may take to come; 60 s by default, `None` waits for ever.
    pub read_timeout: Option<Duration>,
    /// How often a request is tried in all; 5 by default.
    pub max_attempts: u32,
    /// Requests under way at a time; 32 by default.
    pub concurrency: NonZeroUsize,
    /// Bytes that all requests together move in a second, in both directions; unbounded by default.
    pub bandwidth: Option<NonZeroU64>,
}

impl Default for S3Settings {
    fn default() -> Self {
        Self {
            profile: None,
            region: None,
            endpoint_url: None,
            credentials: None,
            no_sign_request: false,
            verify_ssl: true,
            ca_bundle: None,
            addressing_style: AddressingStyle::Auto,
            connect_timeout: Duration::from_secs(10),
            read_timeout: Some(Duration::from_secs(60)),
            max_attempts: 5,
            concurrency: NonZeroUsize::MIN.saturating_add(31),
            bandwidth: None,
        }
    }
}

/// Credentials for S3 that are given, not looked up. Never printed but for the access key's id.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

impl Credentials {
    /// Takes an access key, and a session token where it is a temporary one.
    #[must_use]
    pub fn new(
        access_key_id: impl Into<String>,
        secret_access_key: impl Into<String>,
        session_token: Option<String>,
    ) -> Self {
        Self { access_key_id: access_key_id.into(), secret_access_key: secret_access_key.into(), session_token }
    }

    pub(crate) fn parts(&self) -> (&str, &str, Option<&str>) {
        (&self.access_key_id, &self.secret_access_key, self.session_token.as_deref())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.access_key_id)
    }
}

/// What the `bucket` of an operation names, and `s3://` URLs lead to. `file://` URLs lead to local stores in any case.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Buckets {
    /// Buckets of S3.
    #[default]
    S3,
    /// Local stores: sub-directories of this directory. `s3://` URLs still lead to S3.
    Local(PathBuf),
    /// Buckets of another store, in place of S3.
    Store {
        /// Its objects.
        objects: Arc<dyn ObjectStore>,
        /// Its buckets.
        buckets: Arc<dyn BucketStore>,
    },
}

/// The reference cache: encrypted always, wherever it lies.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CacheSettings {
    /// Where entries are kept.
    pub backend: CacheBackend,
    /// Directory of the cache. By default the platform's cache directory with persistent keys, the system's temporary directory
    /// with ephemeral ones; in the latter case a directory of the client's own is made in it, and removed at the end.
    pub directory: Option<PathBuf>,
    /// Bytes that entries take on disk at most; 10 GiB by default.
    pub max_size: u64,
    /// Bytes that are left free on the volume; by default the smaller of 1 GiB and 5 % of it.
    pub min_free: Option<u64>,
    /// Entries that nobody used for this long are removed; off by default.
    pub ttl: Option<Duration>,
    /// Bytes that entries take in memory at most; 100 MiB by default.
    pub memory_size: u64,
    /// Where the keys come from.
    pub keys: KeySource,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self {
            backend: CacheBackend::Filesystem,
            directory: None,
            max_size: 10 << 30,
            min_free: None,
            ttl: None,
            memory_size: 100 << 20,
            keys: KeySource::Ephemeral,
        }
    }
}

/// Where the entries of the cache are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheBackend {
    /// On disk.
    #[default]
    Filesystem,
    /// In memory: no file is written.
    Memory,
}

/// Where the keys of the cache come from.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum KeySource {
    /// A random key of the client's own, which dies with it, and the cache with the key.
    #[default]
    Ephemeral,
    /// Keys that the environment held when the settings were made.
    Environment(EnvironmentKeys),
    /// The file with the keys, the one in force in its first line; read again when it changes.
    File(PathBuf),
    /// The secret with the keys; read again from time to time. Where these settings do not say how it is reached, those of S3
    /// do, but for the endpoint.
    #[cfg(feature = "secrets-manager")]
    SecretsManager(SecretsManagerSettings),
    /// Keys from elsewhere. Clients with the same persistent key and the same directory share one cache.
    Provider(Arc<dyn KeyProvider>),
}
