//! The composition root: settings in, stores, caches and engines out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use deltaglider_cache::{FilesystemCache, FilesystemConfig, MemoryCache, MemoryConfig};
use deltaglider_codec::{Dgd1Codec, VcdiffCodec};
use deltaglider_core::cache::{CacheError, ReferenceCache};
use deltaglider_core::codec::DeltaCodec;
use deltaglider_core::codec::zstd::ZstdCodec;
use deltaglider_core::engine::{Engine, EngineParts};
use deltaglider_core::keys::{KeyProvider, Lifetime};
use deltaglider_core::scratch::ScratchSpace;
use deltaglider_core::store::ObjectStore;
use deltaglider_core::store::local::LocalStore;
use deltaglider_keys::{EphemeralKeys, FileKeys};
#[cfg(feature = "secrets-manager")]
use deltaglider_keys::{SecretsManagerKeys, SecretsManagerSettings};
use deltaglider_s3::S3Store;

use crate::config::{CacheBackend, CacheSettings, Codec, Config, KeySource, S3Settings};
use crate::env;
use crate::error::{ConfigError, Error};
use crate::shared_cache::SharedCache;

/// Of the allowed memory, one content takes this share at most before it goes to disk.
const SCRATCH_SHARE: u64 = 32;
/// One content stays in memory up to this size.
const MAX_IN_MEMORY: u64 = 32 << 20;

/// Reads no configuration of AWS; that comes with the first request.
pub(crate) fn s3(settings: &S3Settings) -> Result<S3Store, Error> {
    let mut builder = S3Store::builder()
        .verify_ssl(settings.verify_ssl)
        .addressing_style(settings.addressing_style)
        .connect_timeout(settings.connect_timeout)
        .read_timeout(settings.read_timeout)
        .max_attempts(settings.max_attempts)
        .concurrency(settings.concurrency)
        .bandwidth(settings.bandwidth);
    if let Some(profile) = &settings.profile {
        builder = builder.profile(profile);
    }
    if let Some(region) = &settings.region {
        builder = builder.region(region);
    }
    if let Some(endpoint) = &settings.endpoint_url {
        builder = builder.endpoint_url(endpoint);
    }
    if let Some(path) = &settings.ca_bundle {
        builder = builder.ca_bundle(path);
    }
    if settings.no_sign_request {
        builder = builder.anonymous();
    } else if let Some(credentials) = &settings.credentials {
        let (id, secret, token) = credentials.parts();
        builder = builder.static_credentials(id, secret, token);
    }
    builder.build().map_err(|error| ConfigError::Setting(error.to_string()).into())
}

pub(crate) fn engine(config: &Config, store: Arc<dyn ObjectStore>, cache: &Arc<SharedCache>) -> Engine {
    let directory = config.scratch_directory.clone().unwrap_or_else(env::temporary_directory);
    let in_memory = (config.limits.memory / SCRATCH_SHARE).min(MAX_IN_MEMORY);
    let (codecs, writers) = codecs(config);
    Engine::new(EngineParts {
        store,
        cache: Arc::clone(cache) as Arc<dyn ReferenceCache>,
        codecs,
        writers,
        policy: config.policy.clone(),
        limits: config.limits,
        scratch: ScratchSpace::new(directory, in_memory),
    })
}

/// All codecs, and how many of them write.
fn codecs(config: &Config) -> (Vec<Arc<dyn DeltaCodec>>, usize) {
    let dgd1 = Arc::new(Dgd1Codec::new(config.effort));
    let zstd = Arc::new(ZstdCodec::new());
    let vcdiff = Arc::new(VcdiffCodec);
    match config.codec {
        Codec::Dgd1 => (vec![dgd1, zstd, vcdiff], 2),
        Codec::Zstd => (vec![zstd, dgd1, vcdiff], 1),
        // Who wants these wants no others: another client has to read them.
        Codec::Vcdiff => (vec![vcdiff, dgd1, zstd], 1),
    }
}

/// The local store and the bucket that the last component of a path is, or would be.
pub(crate) fn local_bucket(path: &Path) -> Result<(LocalStore, String), Error> {
    match (path.parent(), path.file_name().and_then(|name| name.to_str())) {
        (Some(root), Some(name)) => Ok((LocalStore::open(root.to_owned()), name.to_owned())),
        _ => Err(Error::Usage(format!("{} cannot be a store: it needs a name in UTF-8", path.display()))),
    }
}

/// The keys of a client, from one source for as long as it lives.
#[derive(Clone, Debug)]
pub(crate) enum Keys {
    /// Made when the cache is opened.
    Ephemeral,
    /// Keys that outlive the client, unless a provider of the caller's says otherwise.
    Provider(Arc<dyn KeyProvider>),
    /// Keys that can be rotated.
    #[cfg(feature = "secrets-manager")]
    SecretsManager(Arc<SecretsManagerKeys>),
}

impl Keys {
    pub(crate) fn lifetime(&self) -> Lifetime {
        self.provider().map_or(Lifetime::Ephemeral, |keys| keys.lifetime())
    }

    /// The provider; none where it is made with the cache.
    pub(crate) fn provider(&self) -> Option<Arc<dyn KeyProvider>> {
        match self {
            Self::Ephemeral => None,
            Self::Provider(keys) => Some(Arc::clone(keys)),
            #[cfg(feature = "secrets-manager")]
            Self::SecretsManager(keys) => Some(Arc::clone(keys) as Arc<dyn KeyProvider>),
        }
    }
}

/// Reads nothing and makes no request; that comes when keys are first needed.
pub(crate) fn keys(config: &Config) -> Keys {
    match &config.cache.keys {
        KeySource::Ephemeral => Keys::Ephemeral,
        KeySource::Environment(keys) => Keys::Provider(Arc::new(keys.clone())),
        KeySource::File(path) => Keys::Provider(Arc::new(FileKeys::new(path))),
        KeySource::Provider(keys) => Keys::Provider(Arc::clone(keys)),
        #[cfg(feature = "secrets-manager")]
        KeySource::SecretsManager(settings) => {
            Keys::SecretsManager(Arc::new(SecretsManagerKeys::new(as_for_s3(settings, &config.s3))))
        }
    }
}

/// Whoever says how S3 is reached means all of AWS, but for the endpoint, which is one service's.
#[cfg(feature = "secrets-manager")]
fn as_for_s3(settings: &SecretsManagerSettings, s3: &S3Settings) -> SecretsManagerSettings {
    let mut settings = settings.clone();
    // An ARN names its region by itself.
    if !settings.secret_id.starts_with("arn:") {
        settings.region = settings.region.or_else(|| s3.region.clone());
    }
    if s3.max_attempts != S3Settings::default().max_attempts {
        settings.max_attempts = settings.max_attempts.or(Some(s3.max_attempts));
    }
    settings.ca_bundle = settings.ca_bundle.or_else(|| s3.ca_bundle.clone());
    if settings.profile.is_none() && !settings.has_credentials() {
        settings.profile.clone_from(&s3.profile);
        if let Some(credentials) = &s3.credentials {
            let (id, secret, token) = credentials.parts();
            settings = settings.with_credentials(id, secret, token);
        }
    }
    settings
}

/// Opens the cache that the settings ask for.
pub(crate) async fn cache(settings: &CacheSettings, keys: &Keys) -> Result<Arc<dyn ReferenceCache>, CacheError> {
    let keys = match keys.provider() {
        Some(keys) => keys,
        None => Arc::new(EphemeralKeys::new()?),
    };
    match settings.backend {
        CacheBackend::Memory => {
            let mut config = MemoryConfig::new(settings.memory_size);
            config.ttl = settings.ttl;
            Ok(Arc::new(MemoryCache::open(config, keys).await?))
        }
        CacheBackend::Filesystem => {
            let mut config = FilesystemConfig::new(directory(settings, keys.lifetime())?);
            config.max_bytes = settings.max_size;
            config.min_free = settings.min_free;
            config.ttl = settings.ttl;
            Ok(Arc::new(FilesystemCache::open(config, keys).await?))
        }
    }
}

fn directory(settings: &CacheSettings, lifetime: Lifetime) -> Result<PathBuf, CacheError> {
    match (&settings.directory, lifetime) {
        (Some(directory), _) => Ok(directory.clone()),
        (None, Lifetime::Ephemeral) => Ok(env::temporary_directory()),
        (None, Lifetime::Persistent) => env::cache_directory().ok_or_else(|| CacheError::InsecureDirectory {
            path: PathBuf::from("deltaglider"),
            reason: format!("this user has no cache directory; set {}", env::CACHE_DIR),
        }),
    }
}
