//! Keys that AWS Secrets Manager holds, with no detour through the environment.

mod connection;
mod failure;
mod refresher;
mod secret_text;
mod vault;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_credential_types::Credentials;
use deltaglider_core::keys::{KeyError, KeyProvider, KeyRing, Lifetime};

use crate::key_ring::{RingSource, ServedRing};
use crate::rotation::{KeyVault, Stage};
use refresher::Refresher;
pub use vault::SecretsManagerVault;

/// The secret that is read where no other is named.
pub const DEFAULT_SECRET_ID: &str = "deltaglider/cache-encryption-key";
/// The field of the secret that holds the key, where the secret is JSON.
pub const FIELD: &str = "encryption_key";
/// How often the keys are read again, if nothing else is said; each time 20 % sooner or later.
pub const REFRESH: Duration = Duration::from_secs(300);
/// An entry under an unknown key has them read again this often at most.
pub const UNKNOWN_KEY_PACE: Duration = Duration::from_secs(30);

/// Where the secret is, and how it is read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SecretsManagerSettings {
    /// Name or ARN of the secret; [`DEFAULT_SECRET_ID`] by default.
    pub secret_id: String,
    /// Region of the secret; by default that of its ARN, else what the tools of AWS are configured with.
    pub region: Option<String>,
    /// Profile of `~/.aws/config` and `~/.aws/credentials`.
    pub profile: Option<String>,
    /// Another server than AWS: `https://host:port`. By default what `AWS_ENDPOINT_URL_SECRETS_MANAGER`, `AWS_ENDPOINT_URL` or
    /// the profile name.
    pub endpoint_url: Option<String>,
    /// PEM file of certificate authorities, which replace the system's. The server's certificate is checked in any case.
    pub ca_bundle: Option<PathBuf>,
    /// How often the keys are read again; [`REFRESH`] by default.
    pub refresh: Duration,
    /// How often a request is tried in all; 12 by default, with pauses of 18 s in all at most: nothing goes on
    /// without a key.
    pub max_attempts: Option<u32>,
    /// The pause before the first retry, at most; it doubles with each and is jittered. 200 ms by default.
    pub initial_backoff: Duration,
    credentials: Option<Credentials>,
}

impl Default for SecretsManagerSettings {
    fn default() -> Self {
        Self {
            secret_id: DEFAULT_SECRET_ID.to_owned(),
            region: None,
            profile: None,
            endpoint_url: None,
            ca_bundle: None,
            refresh: REFRESH,
            max_attempts: None,
            initial_backoff: Duration::from_millis(200),
            credentials: None,
        }
    }
}

impl SecretsManagerSettings {
    /// Settings of a secret by its name or ARN.
    #[must_use]
    pub fn of(secret_id: impl Into<String>) -> Self {
        Self { secret_id: secret_id.into(), ..Self::default() }
    }

    /// Takes fixed credentials instead of those that the tools of AWS would find.
    #[must_use]
    pub fn with_credentials(mut self, access_key_id: &str, secret_access_key: &str, token: Option<&str>) -> Self {
        let token = token.map(str::to_owned);
        self.credentials = Some(Credentials::new(access_key_id, secret_access_key, token, None, "given"));
        self
    }

    /// Whether credentials were given.
    #[must_use]
    pub fn has_credentials(&self) -> bool {
        self.credentials.is_some()
    }
}

/// Keys out of a secret of AWS Secrets Manager: AWSCURRENT seals and opens, AWSPENDING and AWSPREVIOUS only open.
///
/// The secret is JSON with the key in the field [`FIELD`], or the key alone; other fields are not looked at. It is read when keys
/// are first asked for, by 3 requests, which must succeed; again in the background every [`refresh`](SecretsManagerSettings::refresh),
/// 20 % sooner or later; and when an entry of the cache is under an unknown key, at most once in [`UNKNOWN_KEY_PACE`]. While the
/// service fails, the last keys stay in force. The background ends when the provider is dropped.
///
/// Whoever reads needs `secretsmanager:GetSecretValue` on the secret, and `kms:Decrypt` where it is under a key of one's own.
#[derive(Debug)]
pub struct SecretsManagerKeys {
    ring: Arc<ServedRing<Secret>>,
    refresh: Duration,
    refresher: Mutex<Option<Refresher>>,
}

impl SecretsManagerKeys {
    /// Takes a secret. Makes no request yet; the first [`key_ring`](KeyProvider::key_ring) does.
    #[must_use]
    pub fn new(settings: SecretsManagerSettings) -> Self {
        let refresh = settings.refresh;
        let vault = SecretsManagerVault::new(settings);
        Self { ring: Arc::new(ServedRing::new(Secret(vault))), refresh, refresher: Mutex::default() }
    }

    /// The secret, as a rotation works on it. It shares its connections with the provider.
    #[must_use]
    pub fn vault(&self) -> &SecretsManagerVault {
        &self.ring.source().0
    }

    /// How often the keys are read again.
    #[must_use]
    pub fn refresh_interval(&self) -> Duration {
        self.refresh
    }

    /// Reads the keys again now, by 3 requests, and says whether they have changed.
    ///
    /// # Errors
    /// Where that fails; the last keys stay in force.
    pub async fn reload(&self) -> Result<bool, KeyError> {
        self.ring.read_again(Duration::ZERO).await
    }

    /// Has a task read the keys again from time to time, unless one does; it lives as long as the runtime that it was begun in.
    fn refresh_in_background(&self) {
        let mut refresher = self.refresher.lock().unwrap_or_else(PoisonError::into_inner);
        if refresher.as_ref().is_none_or(Refresher::has_ended) {
            *refresher = Some(Refresher::begin(&self.ring, self.refresh));
        }
    }
}

#[async_trait]
impl KeyProvider for SecretsManagerKeys {
    async fn key_ring(&self) -> Result<KeyRing, KeyError> {
        let ring = self.ring.get().await?;
        self.refresh_in_background();
        Ok(ring)
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Persistent
    }

    fn source(&self) -> String {
        self.ring.source().name()
    }

    async fn refresh(&self) -> Result<bool, KeyError> {
        self.ring.read_again(UNKNOWN_KEY_PACE).await
    }
}

/// A secret, read as a ring.
#[derive(Debug)]
struct Secret(SecretsManagerVault);

#[async_trait]
impl RingSource for Secret {
    fn name(&self) -> String {
        self.0.name()
    }

    async fn read(&self) -> Result<KeyRing, KeyError> {
        // In this order, a key that is promoted meanwhile is in one of the answers, and so is the one that it replaces.
        let pending = self.0.version(Stage::Pending).await?;
        let current = self.0.version(Stage::Current).await?.ok_or_else(|| self.0.has_no_current())?;
        let previous = self.0.version(Stage::Previous).await?;
        let mut ring = KeyRing::of(current.key?);
        ring.created = current.created;
        for version in [pending, previous].into_iter().flatten() {
            match version.key {
                Ok(key) => ring.add_decrypt_only(key),
                // What others put at a stage that only opens must not take the key in force away.
                Err(error) => tracing::warn!(version = version.id, %error, "passed over a version of the secret"),
            }
        }
        Ok(ring)
    }
}
