//! The port to the keys of the sealed cache.

use std::fmt::{self, Debug, Display};
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use hkdf::Hkdf;
use secrecy::{ExposeSecret, SecretBox};

/// Domain of every derivation from an input key.
const DOMAIN: &[u8] = b"deltaglider.cache.v1";

/// Names a key without telling it: derived from the key, printed freely.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 16]);

impl Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// A key of the cache: 32 bytes that are never printed, never used raw, and zeroized on drop.
#[derive(Clone)]
pub struct CacheEncryptionKey {
    secret: Arc<SecretBox<[u8; 32]>>,
    id: KeyId,
}

impl CacheEncryptionKey {
    /// Makes a key that `fill` writes in place, so that no copy of it is left behind.
    pub fn fill_with<E>(fill: impl FnOnce(&mut [u8; 32]) -> Result<(), E>) -> Result<Self, E> {
        let mut outcome = Ok(());
        let secret = SecretBox::<[u8; 32]>::init_with_mut(|bytes| outcome = fill(bytes));
        outcome?;
        let mut id = [0; 16];
        expand(&secret, b"key id", &mut id);
        Ok(Self { secret: Arc::new(secret), id: KeyId(id) })
    }

    /// The key's public name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Derives a key for one purpose (HKDF-SHA256, RFC 5869; salt `deltaglider.cache.v1`, info `purpose`).
    pub fn derive(&self, purpose: &[u8], out: &mut [u8]) {
        expand(&self.secret, purpose, out);
    }
}

fn expand(secret: &SecretBox<[u8; 32]>, purpose: &[u8], out: &mut [u8]) {
    Hkdf::<sha2::Sha256>::new(Some(DOMAIN), secret.expose_secret())
        .expand(purpose, out)
        .expect("HKDF gives up to 8160 bytes");
}

impl Debug for CacheEncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheEncryptionKey({})", self.id)
    }
}

/// The keys in force: one that seals, and others that only open.
#[derive(Clone, Debug)]
pub struct KeyRing {
    /// Seals and opens.
    pub primary: CacheEncryptionKey,
    /// Open only, in the order in which they are tried.
    pub decrypt_only: Vec<CacheEncryptionKey>,
    /// Since when the primary key is known.
    pub since: SystemTime,
    /// When the primary key was made, where its source tells.
    pub created: Option<SystemTime>,
}

impl KeyRing {
    /// A ring of one key.
    #[must_use]
    pub fn of(primary: CacheEncryptionKey) -> Self {
        Self { primary, decrypt_only: Vec::new(), since: SystemTime::now(), created: None }
    }

    /// Adds a key that only opens, unless the ring has it: rotating leaves a key in two places for a while.
    pub fn add_decrypt_only(&mut self, key: CacheEncryptionKey) {
        if self.find(key.id()).is_none() {
            self.decrypt_only.push(key);
        }
    }

    /// All keys, the primary one first.
    pub fn keys(&self) -> impl Iterator<Item = &CacheEncryptionKey> {
        std::iter::once(&self.primary).chain(&self.decrypt_only)
    }

    /// The key of an id.
    #[must_use]
    pub fn find(&self, id: KeyId) -> Option<&CacheEncryptionKey> {
        self.keys().find(|key| key.id == id)
    }
}

/// How long a provider's keys live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// With the provider: what is sealed under them dies with it.
    Ephemeral,
    /// Longer than the process: what is sealed under them can be shared and found again.
    Persistent,
}

/// Where the keys come from.
///
/// Contract: `key_ring` answers from memory where it can, and is called for each lookup; the first call of a provider may take a
/// request; a failure names the remedy, never the value.
#[async_trait]
pub trait KeyProvider: Debug + Send + Sync + 'static {
    /// The keys in force.
    async fn key_ring(&self) -> Result<KeyRing, KeyError>;

    /// How long the keys live.
    fn lifetime(&self) -> Lifetime;

    /// Where the keys come from, in words: `DG_CACHE_ENCRYPTION_KEY`.
    fn source(&self) -> String;

    /// Called when an entry's key is not in the ring: a provider that can asks its source again, at most at its own rate.
    /// Says whether the ring has changed.
    async fn refresh(&self) -> Result<bool, KeyError> {
        Ok(false)
    }

    /// Replaces an ephemeral key and forgets the old one; persistent keys stay. Says whether the ring has changed.
    async fn renew(&self) -> Result<bool, KeyError> {
        Ok(false)
    }
}

/// A key is not to be had. The texts name the source and the expected form, never the value.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// What the source holds is no key.
    #[error("{source_name} holds no usable key: {expected}")]
    Format {
        /// The variable, file or secret.
        source_name: String,
        /// What is expected there.
        expected: String,
    },
    /// The source does not answer.
    #[error("the key from {source_name} is not to be had: {reason}")]
    Unavailable {
        /// The variable, file or secret.
        source_name: String,
        /// What happened, and what to do.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_named_but_never_shown() {
        let key = CacheEncryptionKey::fill_with(|bytes| {
            bytes.fill(0xab);
            Ok::<_, ()>(())
        })
        .expect("filled");
        let shown = format!("{key:?} {:?}", KeyRing::of(key.clone()));
        assert!(shown.contains(&key.id().to_string()));
        assert!(!shown.contains("abababab") && !shown.contains("171"));
    }

    #[test]
    fn purposes_give_different_keys() {
        let key = CacheEncryptionKey::fill_with(|_| Ok::<_, ()>(())).expect("filled");
        let (mut a, mut b) = ([0; 32], [0; 32]);
        key.derive(b"a", &mut a);
        key.derive(b"b", &mut b);
        assert_ne!(a, b);
    }
}
