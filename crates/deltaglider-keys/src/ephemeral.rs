//! A random key that dies with its owner.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use deltaglider_core::keys::{CacheEncryptionKey, KeyError, KeyProvider, KeyRing, Lifetime};

use crate::access;

const SOURCE: &str = "a random key of this process";

/// Keys that nobody else has: one random key, never written, replaced by [`renew`](KeyProvider::renew), zeroized on drop.
#[derive(Debug)]
pub struct EphemeralKeys {
    ring: Mutex<KeyRing>,
}

impl EphemeralKeys {
    /// Makes a random key; fails where the system gives no random bytes.
    pub fn new() -> Result<Self, KeyError> {
        Ok(Self { ring: Mutex::new(random_ring()?) })
    }
}

#[async_trait]
impl KeyProvider for EphemeralKeys {
    async fn key_ring(&self) -> Result<KeyRing, KeyError> {
        Ok(self.ring.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Ephemeral
    }

    fn source(&self) -> String {
        SOURCE.to_owned()
    }

    async fn renew(&self) -> Result<bool, KeyError> {
        let fresh = random_ring()?;
        *self.ring.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(true)
    }
}

fn random_ring() -> Result<KeyRing, KeyError> {
    let ring = CacheEncryptionKey::fill_with(|bytes| getrandom::fill(bytes)).map(KeyRing::of).map_err(|error| {
        let reason = format!("the system gives no random bytes ({error})");
        KeyError::Unavailable { source_name: SOURCE.to_owned(), reason }
    });
    access::loaded(SOURCE, &ring);
    ring
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_has_its_own_and_renewing_replaces_it() -> Result<(), KeyError> {
        let (one, other) = (EphemeralKeys::new()?, EphemeralKeys::new()?);
        let first = one.key_ring().await?;
        assert_eq!(first.primary.id(), one.key_ring().await?.primary.id());
        assert_ne!(first.primary.id(), other.key_ring().await?.primary.id());
        assert!(one.renew().await?);
        let renewed = one.key_ring().await?;
        assert_ne!(renewed.primary.id(), first.primary.id());
        assert!(renewed.decrypt_only.is_empty());
        Ok(())
    }
}
