//! A bucket in memory, what stands before it, and ways to break what is in it.

use std::sync::Arc;

use bytes::Bytes;
use deltaglider_core::engine::{Engine, EngineParts, GetRequest, Limits, PutRequest, Source};
use deltaglider_core::policy::Policy;
use deltaglider_core::scratch::ScratchSpace;
use deltaglider_core::store::memory::MemoryStore;
use deltaglider_core::store::{Attributes, GetOptions, ListRequest, Metadata, ObjectStore, PutBody, PutOptions};
use deltaglider_core::{Error, Location, Sha256};
use deltaglider_testkit::{CountingStore, FaultStore, MapCache};
use futures::TryStreamExt;

/// An engine with an empty cache of its own, a store that counts and one that fails, and the bucket below them.
pub struct Bench {
    pub engine: Engine,
    pub count: CountingStore,
    pub fault: FaultStore,
    pub store: MemoryStore,
}

impl Bench {
    pub fn new() -> Self {
        Self::over(MemoryStore::with_bucket("b"))
    }

    pub fn over(store: MemoryStore) -> Self {
        let fault = FaultStore::new(Arc::new(store.clone()));
        let count = CountingStore::new(Arc::new(fault.clone()));
        let engine = Engine::new(EngineParts {
            store: Arc::new(count.clone()),
            cache: Arc::new(MapCache::default()),
            codecs: Vec::new(),
            writers: 1,
            policy: Policy::default(),
            limits: Limits { memory: 64 << 20, ..Limits::default() },
            scratch: ScratchSpace::new(std::env::temp_dir(), 1 << 20),
        });
        Self { engine, count, fault, store }
    }

    /// Another client of the same bucket, whose cache is empty.
    pub fn cold(&self) -> Self {
        Self::over(self.store.clone())
    }

    /// A bucket of its own with the same objects.
    pub async fn copied(&self) -> Self {
        let copy = MemoryStore::with_bucket("b");
        for key in self.stored().await {
            let object = self.store.get(&at(&key), GetOptions::default()).await.expect("got");
            let options = PutOptions { attributes: object.head.attributes.clone(), ..PutOptions::default() };
            let body = object.bytes(1 << 30).await.expect("read");
            copy.put(&at(&key), PutBody::Bytes(body), options).await.expect("put");
        }
        Self::over(copy)
    }

    pub async fn put(&self, key: &str, content: &[u8]) {
        self.put_as(key, content, false).await;
    }

    /// An object that is stored whole.
    pub async fn put_whole(&self, key: &str, content: &[u8]) {
        self.put_as(key, content, true).await;
    }

    async fn put_as(&self, key: &str, content: &[u8], whole: bool) {
        let source = Source::Bytes(Bytes::copy_from_slice(content));
        let request = PutRequest { whole, ..PutRequest::default() };
        self.engine.put(&at(key), source, &request).await.expect("put");
    }

    pub async fn get(&self, key: &str) -> Result<Vec<u8>, Error> {
        let report = self.engine.get(&at(key), &GetRequest::default()).await?;
        Ok(report.body.try_collect::<Vec<_>>().await?.concat())
    }

    /// An object with the metadata that somebody else gave it.
    pub async fn put_raw(&self, key: &str, content: &[u8], fields: &[(&str, &str)]) {
        let metadata: Metadata = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let options =
            PutOptions { attributes: Attributes { metadata, ..Attributes::default() }, ..PutOptions::default() };
        self.store.put(&at(key), PutBody::Bytes(Bytes::copy_from_slice(content)), options).await.expect("put");
    }

    /// Puts other bytes in the place of a stored object, under the same metadata.
    pub async fn damage(&self, key: &str) {
        let object = self.store.get(&at(key), GetOptions::default()).await.expect("got");
        let options = PutOptions { attributes: object.head.attributes.clone(), ..PutOptions::default() };
        let mut bytes = object.bytes(1 << 30).await.expect("read").to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        self.store.put(&at(key), PutBody::Bytes(bytes.into()), options).await.expect("put");
    }

    /// The metadata of a stored object.
    pub async fn store_fields(&self, key: &str) -> Metadata {
        self.store.head(&at(key)).await.expect("head").attributes.metadata
    }

    pub async fn rename(&self, from: &str, to: &str) {
        self.store.copy(&at(from), &at(to), Default::default()).await.expect("copied");
        self.remove(from).await;
    }

    pub async fn remove(&self, key: &str) {
        (&self.store as &dyn ObjectStore).delete_one(&at(key), None).await.expect("deleted");
    }

    pub async fn stored(&self) -> Vec<String> {
        let listed = self.store.list(ListRequest::below("b", "")).map_ok(|entry| entry.name().to_owned());
        listed.try_collect().await.expect("listed")
    }
}

pub fn at(key: &str) -> Location {
    Location::new("b", key)
}

/// Bytes that do not compress, and later versions of them.
pub fn version(n: u8) -> Vec<u8> {
    let mut content = unrelated(0);
    for (position, byte) in content.iter_mut().skip(300 * usize::from(n)).take(50).enumerate() {
        *byte = n.wrapping_add(position as u8);
    }
    content
}

/// Bytes that have nothing in common with those of another seed.
pub fn unrelated(seed: u8) -> Vec<u8> {
    (0u32..600).flat_map(|block| Sha256::of(&[&[seed][..], &block.to_le_bytes()].concat()).0).collect()
}
