//! One fetch of one reference: however many need it at once, and however slowly it comes.

#[path = "support/engine.rs"]
mod engine;
#[path = "support/keys.rs"]
mod support;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use deltaglider_cache::{MemoryCache, MemoryConfig};
use deltaglider_core::Location;
use deltaglider_core::cache::ReferenceCache;
use deltaglider_core::engine::ReferenceUse;
use deltaglider_core::keys::Lifetime;
use deltaglider_core::store::memory::MemoryStore;
use deltaglider_core::store::{
    CopyOptions, DeleteTarget, GetObject, GetOptions, ListEntry, ListRequest, ObjectHead, ObjectStore, Promises,
    PutBody, PutOptions, PutReceipt, StoreError,
};
use engine::Bench;
use futures::StreamExt;
use futures::future::join_all;
use futures::stream::{self, BoxStream};
use support::TestKeys;

/// Pieces that the body of an object comes in.
const PIECES: usize = 8;
/// The pause before each piece: shorter than the patience of those who wait for all of it, which takes longer.
const PAUSE: Duration = Duration::from_secs(20);

/// A store whose bodies come slowly.
#[derive(Debug)]
struct SlowStore(MemoryStore);

impl fmt::Display for SlowStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a slow store")
    }
}

#[async_trait]
impl ObjectStore for SlowStore {
    async fn get(&self, at: &Location, options: GetOptions) -> Result<GetObject, StoreError> {
        let object = self.0.get(at, options).await?;
        let chunks: Vec<_> = object.body.collect().await;
        let bytes = chunks.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
        let pieces: Vec<_> = bytes.chunks(bytes.len().div_ceil(PIECES).max(1)).map(<[u8]>::to_vec).collect();
        let body = stream::iter(pieces).then(|piece| async move {
            tokio::time::sleep(PAUSE).await;
            Ok(piece.into())
        });
        Ok(GetObject { body: body.boxed(), ..object })
    }

    async fn head(&self, at: &Location) -> Result<ObjectHead, StoreError> {
        self.0.head(at).await
    }

    async fn put(&self, at: &Location, body: PutBody, options: PutOptions) -> Result<PutReceipt, StoreError> {
        self.0.put(at, body, options).await
    }

    async fn copy(&self, from: &Location, to: &Location, options: CopyOptions) -> Result<PutReceipt, StoreError> {
        self.0.copy(from, to, options).await
    }

    fn delete(&self, targets: BoxStream<'static, DeleteTarget>) -> BoxStream<'static, Result<Location, StoreError>> {
        self.0.delete(targets)
    }

    fn list(&self, request: ListRequest) -> BoxStream<'static, Result<ListEntry, StoreError>> {
        self.0.list(request)
    }

    fn promises(&self) -> Promises {
        self.0.promises()
    }
}

async fn cold_cache() -> Arc<MemoryCache> {
    let keys = TestKeys::new(1, Lifetime::Ephemeral);
    Arc::new(MemoryCache::open(MemoryConfig::default(), keys).await.expect("opened"))
}

#[tokio::test(start_paused = true)]
async fn a_slow_fetch_is_waited_for_as_long_as_it_goes_on() {
    let bench = Bench::over(Arc::new(SlowStore(MemoryStore::with_bucket("b"))), 100_000);
    let writer = bench.engine(cold_cache().await);
    bench.put(&writer, "a", 0).await.expect("put");
    bench.put(&writer, "a", 1).await.expect("put");
    bench.store.reset();
    let cache = cold_cache().await;
    let engine = bench.engine(Arc::clone(&cache) as _);
    let used = join_all((0..8).map(|_| bench.get(&engine, "a", 1))).await;
    let fetched = used.into_iter().filter(|used| matches!(used, Ok(ReferenceUse::Fetched))).count();
    assert_eq!((fetched, bench.reference_gets()), (1, 1));
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.misses, stats.coalesced), (7, 1, 7));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_that_need_it_at_once_fetch_once() {
    let bench = Bench::new(100_000);
    let writer = bench.engine(cold_cache().await);
    for version in 0..4 {
        bench.put(&writer, "a", version).await.expect("put");
    }
    for _ in 0..20 {
        bench.store.reset();
        let engine = bench.engine(cold_cache().await);
        let tasks: Vec<_> = (0..16)
            .map(|task| {
                let (bench, engine) = (bench.clone(), engine.clone());
                tokio::spawn(async move { bench.get(&engine, "a", task % 4).await.expect("got") })
            })
            .collect();
        let mut fetched = 0;
        for task in tasks {
            fetched += usize::from(task.await.expect("no panic") == ReferenceUse::Fetched);
        }
        assert_eq!((fetched, bench.reference_gets()), (1, 1));
    }
}
