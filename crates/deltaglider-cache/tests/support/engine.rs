//! An engine over a counted store, with a cache of the test's: what a user's operations need of it.
#![allow(dead_code, reason = "each test uses its part")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use deltaglider_core::cache::ReferenceCache;
use deltaglider_core::engine::{Engine, EngineParts, GetRequest, Limits, PutReport, PutRequest, ReferenceUse, Source};
use deltaglider_core::policy::Policy;
use deltaglider_core::scratch::ScratchSpace;
use deltaglider_core::store::memory::MemoryStore;
use deltaglider_core::store::{ObjectStore, Operation};
use deltaglider_core::{Error, Location};
use deltaglider_testkit::CountingStore;
use deltaglider_testkit::cache_conformance::content;
use futures::TryStreamExt;

/// A store, and engines over it.
#[derive(Clone, Debug)]
pub struct Bench {
    pub store: CountingStore,
    /// Bytes of a version.
    size: usize,
    /// What the versions of a space have in common: made once.
    contents: Arc<Mutex<HashMap<String, Bytes>>>,
}

impl Bench {
    /// An empty store, for versions of so many bytes.
    pub fn new(size: usize) -> Self {
        Self::over(Arc::new(MemoryStore::with_bucket("b")), size)
    }

    /// The same over a store of the caller's.
    pub fn over(store: Arc<dyn ObjectStore>, size: usize) -> Self {
        Self { store: CountingStore::new(store), size, contents: Arc::default() }
    }

    /// An engine with a cache.
    pub fn engine(&self, cache: Arc<dyn ReferenceCache>) -> Engine {
        Engine::new(EngineParts {
            store: Arc::new(self.store.clone()),
            cache,
            codecs: Vec::new(),
            writers: 1,
            policy: Policy { min_size: 0, ..Policy::default() },
            limits: Limits::default(),
            scratch: ScratchSpace::new(std::env::temp_dir(), 32 << 20),
        })
    }

    /// A version of the content of a delta space: the reference, but for a few bytes.
    pub fn version(&self, space: &str, version: u8) -> Bytes {
        let seed = space.bytes().fold(7_u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let mut contents = self.contents.lock().expect("not poisoned");
        let mut bytes = contents.entry(space.to_owned()).or_insert_with(|| content(seed, self.size).1).to_vec();
        for byte in bytes.iter_mut().take(8) {
            *byte = version;
        }
        bytes.into()
    }

    /// Puts a version of a delta space.
    pub async fn put(&self, engine: &Engine, space: &str, version: u8) -> Result<PutReport, Error> {
        let source = Source::Bytes(self.version(space, version));
        engine.put(&at(space, version), source, &PutRequest::default()).await
    }

    /// Gets a version of a delta space, and says where its reference came from.
    pub async fn get(&self, engine: &Engine, space: &str, version: u8) -> Result<ReferenceUse, Error> {
        let report = engine.get(&at(space, version), &GetRequest::default()).await?;
        let got = report.body.try_collect::<Vec<_>>().await?.concat();
        assert!(got == self.version(space, version), "wrong bytes: {space} {version}");
        Ok(report.reference)
    }

    /// How often a reference was fetched since the last reset.
    pub fn reference_gets(&self) -> usize {
        let fetched = |request: &deltaglider_testkit::Request| {
            request.operation == Operation::Get && request.at.name() == "reference.bin"
        };
        self.store.requests().iter().filter(|request| fetched(request)).count()
    }
}

fn at(space: &str, version: u8) -> Location {
    Location::new("b", format!("{space}/{version}.zip"))
}
