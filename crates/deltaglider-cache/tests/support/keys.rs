//! What the tests of the cache share: keys, and a look at the files.
#![allow(dead_code, reason = "each test uses its part")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use deltaglider_core::keys::{CacheEncryptionKey, KeyError, KeyProvider, KeyRing, Lifetime};

/// A key of equal bytes.
pub fn key(byte: u8) -> CacheEncryptionKey {
    CacheEncryptionKey::fill_with(|key| {
        key.fill(byte);
        Ok::<_, KeyError>(())
    })
    .expect("filled")
}

/// Keys that a test sets.
#[derive(Debug)]
pub struct TestKeys {
    ring: Mutex<KeyRing>,
    next: Mutex<Option<KeyRing>>,
    lifetime: Lifetime,
}

impl TestKeys {
    /// A ring of one key of equal bytes.
    pub fn new(byte: u8, lifetime: Lifetime) -> Arc<Self> {
        Self::ring(&[byte], lifetime)
    }

    /// A ring of several.
    pub fn ring(bytes: &[u8], lifetime: Lifetime) -> Arc<Self> {
        Arc::new(Self { ring: Mutex::new(ring(bytes)), next: Mutex::default(), lifetime })
    }

    /// Puts another ring in force.
    pub fn set(&self, bytes: &[u8]) {
        *self.ring.lock().expect("not poisoned") = ring(bytes);
    }

    /// The ring that a refresh will find.
    pub fn on_refresh(&self, bytes: &[u8]) {
        *self.next.lock().expect("not poisoned") = Some(ring(bytes));
    }
}

fn ring(bytes: &[u8]) -> KeyRing {
    let mut ring = KeyRing::of(key(bytes[0]));
    ring.decrypt_only = bytes[1..].iter().map(|&byte| key(byte)).collect();
    ring
}

#[async_trait]
impl KeyProvider for TestKeys {
    async fn key_ring(&self) -> Result<KeyRing, KeyError> {
        Ok(self.ring.lock().expect("not poisoned").clone())
    }

    fn lifetime(&self) -> Lifetime {
        self.lifetime
    }

    fn source(&self) -> String {
        "a test".to_owned()
    }

    async fn refresh(&self) -> Result<bool, KeyError> {
        let next = self.next.lock().expect("not poisoned").take();
        let changed = next.is_some();
        if let Some(next) = next {
            *self.ring.lock().expect("not poisoned") = next;
        }
        Ok(changed)
    }

    async fn renew(&self) -> Result<bool, KeyError> {
        if self.lifetime == Lifetime::Persistent {
            return Ok(false);
        }
        let fresh = CacheEncryptionKey::fill_with(|key| getrandom::fill(key)).expect("random");
        *self.ring.lock().expect("not poisoned") = KeyRing::of(fresh);
        Ok(true)
    }
}

/// Every file below a directory; links are not followed.
pub fn all_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let Ok(entries) = std::fs::read_dir(directory) else { return files };
    for entry in entries {
        let path = entry.expect("listed").path();
        if path.is_dir() && !path.is_symlink() {
            files.extend(all_files(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}
