//! A client, its runtime, its faults and its keys: what dies with it, and what does not.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use deltaglider::Client;
use deltaglider::config::Codec;
use deltaglider::core::keys::{CacheEncryptionKey, KeyError, KeyProvider, KeyRing, Lifetime};
use deltaglider::core::store::ObjectStore;
use deltaglider::core::store::memory::MemoryStore;
use deltaglider_testkit::FaultStore;
use tokio::runtime::{Builder, Runtime};

/// Bytes that the cache takes at most: a few references in their forms.
const CACHE: u64 = 60_000;

/// Keys of the cache, the one in force first.
#[derive(Clone, Debug)]
pub struct Keys(Arc<Mutex<Vec<u8>>>);

impl Keys {
    fn rotate(&self) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = keys[0].wrapping_add(1);
        keys.insert(0, next);
        keys.truncate(2);
    }
}

fn key(byte: u8) -> Result<CacheEncryptionKey, KeyError> {
    CacheEncryptionKey::fill_with(|key| {
        key.fill(byte);
        Ok(())
    })
}

#[async_trait]
impl KeyProvider for Keys {
    async fn key_ring(&self) -> Result<KeyRing, KeyError> {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut ring = KeyRing::of(key(keys[0])?);
        ring.decrypt_only = keys[1..].iter().map(|&byte| key(byte)).collect::<Result<_, _>>()?;
        Ok(ring)
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Persistent
    }

    fn source(&self) -> String {
        "a test".to_owned()
    }
}

/// A client that may die and be replaced.
pub struct Seat {
    // Before the runtime: what it has opened is closed in there.
    pub client: Client,
    pub runtime: Runtime,
    pub faults: FaultStore,
    keys: Keys,
    settings: Settings,
}

#[derive(Clone)]
struct Settings {
    memory: MemoryStore,
    cache: std::path::PathBuf,
    codec: Codec,
}

impl Seat {
    pub fn new(store: Arc<dyn ObjectStore>, memory: &MemoryStore, cache: &Path, codec: Codec) -> Self {
        let faults = FaultStore::new(store);
        let keys = Keys(Arc::new(Mutex::new(vec![1])));
        let settings = Settings { memory: memory.clone(), cache: cache.to_owned(), codec };
        let (client, runtime) = begin(&faults, &keys, &settings);
        Self { client, runtime, faults, keys, settings }
    }

    /// Another process takes the place of this one, which dies as it stands.
    pub fn replace(&mut self) {
        let (client, runtime) = begin(&self.faults, &self.keys, &self.settings);
        self.client = client;
        // Waits for what blocks: a call of the system that has begun is finished.
        self.runtime = runtime;
    }

    pub fn rotate(&self, rewrap: bool) {
        self.keys.rotate();
        if rewrap {
            self.runtime.block_on(self.client.rewrap_cache()).expect("rewrapped");
        }
    }

    pub fn clear_cache(&self) {
        self.runtime.block_on(self.client.clear_cache()).expect("cleared");
    }
}

fn begin(faults: &FaultStore, keys: &Keys, settings: &Settings) -> (Client, Runtime) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let builder = Client::builder()
        .store(Arc::new(faults.clone()), Arc::new(settings.memory.clone()))
        .key_provider(keys.clone())
        .cache_directory(&settings.cache)
        .cache_size(CACHE)
        .memory(256 << 20)
        .codec(settings.codec);
    let client = runtime.block_on(builder.build()).expect("a client");
    (client, runtime)
}
