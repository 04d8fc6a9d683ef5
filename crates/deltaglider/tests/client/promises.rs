//! What a store promises is asked when it is needed, not when the client is made.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use deltaglider::Client;
use deltaglider::core::Location;
use deltaglider::core::store::memory::MemoryStore;
use deltaglider::core::store::{
    CopyOptions, DeleteTarget, GetObject, GetOptions, ListEntry, ListRequest, ObjectHead, ObjectStore, Promises,
    PutBody, PutOptions, PutReceipt, StoreError,
};
use deltaglider_testkit::CountingStore;
use futures::stream::BoxStream;

use crate::fixture::{BUCKET, put};

/// A store that knows what it can promise only after its first request, as one that reads its configuration with it.
#[derive(Debug)]
struct LateStore {
    inner: MemoryStore,
    connected: AtomicBool,
}

impl fmt::Display for LateStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a store that connects late")
    }
}

#[async_trait]
impl ObjectStore for LateStore {
    async fn get(&self, at: &Location, options: GetOptions) -> Result<GetObject, StoreError> {
        self.inner.get(at, options).await
    }

    async fn head(&self, at: &Location) -> Result<ObjectHead, StoreError> {
        self.connected.store(true, Ordering::Relaxed);
        self.inner.head(at).await
    }

    async fn put(&self, at: &Location, body: PutBody, options: PutOptions) -> Result<PutReceipt, StoreError> {
        self.inner.put(at, body, options).await
    }

    async fn copy(&self, from: &Location, to: &Location, options: CopyOptions) -> Result<PutReceipt, StoreError> {
        self.inner.copy(from, to, options).await
    }

    fn delete(&self, targets: BoxStream<'static, DeleteTarget>) -> BoxStream<'static, Result<Location, StoreError>> {
        self.inner.delete(targets)
    }

    fn list(&self, request: ListRequest) -> BoxStream<'static, Result<ListEntry, StoreError>> {
        self.inner.list(request)
    }

    fn promises(&self) -> Promises {
        if self.connected.load(Ordering::Relaxed) { Promises::Kept } else { Promises::Unknown }
    }
}

#[tokio::test]
async fn a_store_that_knows_itself_late_is_not_probed() {
    let memory = MemoryStore::with_bucket(BUCKET);
    let late = LateStore { inner: memory.clone(), connected: AtomicBool::new(false) };
    let store = CountingStore::new(Arc::new(late));
    let cache = tempfile::tempdir().expect("a directory");
    let builder = Client::builder().store(Arc::new(store.clone()), Arc::new(memory));
    let client = builder.cache_directory(cache.path()).build().await.expect("a client");
    put(&client, "app/v1.zip", 1).await;
    // The four of a first put, and the bucket's configuration.
    assert_eq!(store.counts().total(), 5, "{:?}", store.requests());
}
