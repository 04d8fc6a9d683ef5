//! The keys of the cache, as the users of a client see them: named, counted and aged, never shown.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use deltaglider_core::keys::{CacheEncryptionKey, KeyId, Lifetime};
pub use deltaglider_keys::material::{generate, parse_key};

use crate::client::Client;
use crate::config::KeySource;
use crate::error::Error;

/// A key that is older than this is worth replacing.
pub const ROTATE_AFTER: Duration = Duration::from_secs(90 * 24 * 3600);

/// Where the keys of a client come from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyOrigin {
    /// A random key of the client's own.
    Ephemeral,
    /// The process environment.
    Environment,
    /// A file.
    File(PathBuf),
    /// A secret of AWS Secrets Manager, by its name or ARN.
    SecretsManager(String),
    /// A provider of the application's.
    Provider,
}

/// The keys in force, and what of the cache is under which.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyStatus {
    /// Where the keys come from.
    pub origin: KeyOrigin,
    /// The same in words: a variable, a path, the name of a secret.
    pub source: String,
    /// The key that seals; `None` for an ephemeral one, which is made when it is needed.
    pub primary: Option<KeyId>,
    /// Keys that only open.
    pub decrypt_only: Vec<KeyId>,
    /// When the primary key was made, where its source tells: when the version of the secret, or the file, was written.
    pub created: Option<SystemTime>,
    /// How many entries of the cache are under which key, unknown ones included.
    pub entries_by_key: Vec<(KeyId, u64)>,
}

impl KeyStatus {
    /// How old the primary key is, where its source tells.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.created.map(|created| SystemTime::now().duration_since(created).unwrap_or_default())
    }

    /// Whether the primary key is known to be older than [`ROTATE_AFTER`].
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.age().is_some_and(|age| age > ROTATE_AFTER)
    }
}

impl Client {
    /// Where the keys of the cache come from. Reads nothing.
    #[must_use]
    pub fn key_origin(&self) -> KeyOrigin {
        match &self.config().cache.keys {
            KeySource::Ephemeral => KeyOrigin::Ephemeral,
            KeySource::Environment(_) => KeyOrigin::Environment,
            KeySource::File(path) => KeyOrigin::File(path.clone()),
            #[cfg(feature = "secrets-manager")]
            KeySource::SecretsManager(settings) => KeyOrigin::SecretsManager(settings.secret_id.clone()),
            KeySource::Provider(_) => KeyOrigin::Provider,
        }
    }

    /// Where keys that outlive the client come from, in words, such as the name of a variable; `None` for those that die with it.
    /// Reads nothing.
    #[must_use]
    pub fn persistent_key_source(&self) -> Option<String> {
        let keys = self.cache().keys();
        (keys.lifetime() == Lifetime::Persistent).then(|| keys.provider().map(|provider| provider.source()))?
    }

    /// The keys in force, and what of the cache is under which. Opens a cache that is kept; costs 3 requests where the keys are in
    /// Secrets Manager and were not read yet.
    ///
    /// # Errors
    /// [`Error::Key`] where the source holds no key or does not answer.
    pub async fn key_status(&self) -> Result<KeyStatus, Error> {
        let origin = self.key_origin();
        let Some(keys) = self.cache().keys().provider() else {
            let source = "a random key of each process".to_owned();
            let (decrypt_only, entries_by_key) = Default::default();
            return Ok(KeyStatus { origin, source, primary: None, decrypt_only, created: None, entries_by_key });
        };
        let ring = keys.key_ring().await?;
        Ok(KeyStatus {
            origin,
            source: keys.source(),
            primary: Some(ring.primary.id()),
            decrypt_only: ring.decrypt_only.iter().map(CacheEncryptionKey::id).collect(),
            created: ring.created,
            entries_by_key: self.cache_stats().await?.entries_by_key,
        })
    }
}
