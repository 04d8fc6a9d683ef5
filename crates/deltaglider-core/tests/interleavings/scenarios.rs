//! What the scenarios have in common: engines, contents, and how they are judged.

use std::sync::Arc;

use bytes::Bytes;
use deltaglider_core::delta_space::configuration;
use deltaglider_core::engine::repair::RepairRequest;
use deltaglider_core::engine::{Depth, Engine, EngineParts, GetRequest, Limits, PutRequest, Source};
use deltaglider_core::policy::Policy;
use deltaglider_core::scratch::ScratchSpace;
use deltaglider_core::store::{ObjectStore, PutOptions};
use deltaglider_core::{Error, Location, Sha256};
use deltaglider_testkit::MapCache;
use deltaglider_testkit::interleavings::{Client, Contents, Explored, Outcome, Reading, Scenario, ValueStore};
use futures::{StreamExt, TryStreamExt};

/// When the clients are at work, in seconds since 1970: two hours after what was stored before.
pub const NOW: u64 = BEFORE + 7200;
const BEFORE: u64 = 1_700_000_000;

pub fn at(key: &str) -> Location {
    Location::new("b", key)
}

/// Contents that make small deltas of one another.
pub fn version(n: u8) -> Bytes {
    let mut content: Vec<u8> = (0u32..8).flat_map(|block| Sha256::of(&block.to_le_bytes()).0).collect();
    content[100] = n;
    content.into()
}

/// A content that makes no delta with any version.
pub fn other(n: u8) -> Bytes {
    (0u32..8)
        .flat_map(|block| Sha256::of(&[block.to_le_bytes().as_slice(), &[n]].concat()).0)
        .collect::<Vec<u8>>()
        .into()
}

/// The content with this digest, out of those above.
pub fn content_of(sha256: Sha256) -> Option<Bytes> {
    (0..10).flat_map(|n| [version(n), other(n)]).find(|content| Sha256::of(content) == sha256)
}

pub fn engine(store: Arc<dyn ObjectStore>) -> Engine {
    Engine::new(EngineParts {
        store,
        cache: Arc::new(MapCache::default()),
        codecs: Vec::new(),
        writers: 1,
        policy: Policy { min_size: 1, ..Policy::default() },
        limits: Limits { codecs: 1, ..Limits::default() },
        scratch: ScratchSpace::new(std::env::temp_dir(), 1 << 20),
    })
}

pub fn outcome<T>(result: Result<T, Error>) -> Outcome {
    result.map_or_else(|error| Outcome::of_error(&error), |_| Outcome::Done)
}

pub async fn read(engine: &Engine, key: &str) -> Outcome {
    let read = async {
        let got = engine.get(&at(key), &GetRequest::default()).await?;
        got.body.try_collect::<Vec<Bytes>>().await
    };
    match read.await {
        Ok(content) => Outcome::Content(Some(content.concat().into())),
        Err(error) => Outcome::of_error(&error),
    }
}

/// What engines store that do one after the other.
pub fn stored(objects: &[(&str, Bytes)]) -> Contents {
    let store = ValueStore::new(Contents::default(), BEFORE);
    let engine = engine(Arc::new(store.clone()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    for (key, content) in objects {
        let put = async { engine.put(&at(key), Source::Bytes(content.clone()), &PutRequest::default()).await };
        runtime.block_on(put).expect("put");
    }
    store.contents()
}

/// The same, and a plain object by somebody else.
pub fn plain(contents: Contents, key: &str, content: &Bytes) -> Contents {
    let store = ValueStore::new(contents, BEFORE);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let put = async { store.put(&at(key), content.clone().into(), PutOptions::default()).await };
    runtime.block_on(put).expect("put");
    store.contents()
}

pub fn scenario(names: &[&str], at_first: Contents, clients: Vec<Client>) -> Scenario {
    Scenario {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        at_first,
        clients,
        faults: 1,
        now: NOW,
        still: vec![configuration("b").key().to_owned()],
        most: 2_000_000,
        reading: reading(),
    }
}

pub fn reading() -> Reading {
    Reading {
        read: Arc::new(|store, name| Box::pin(async move { read(&engine(store), &name).await })),
        repair: Arc::new(|store| {
            Box::pin(async move {
                let engine = engine(store);
                let now = std::time::UNIX_EPOCH + std::time::Duration::from_secs(NOW);
                let request = RepairRequest { prefix: at(""), depth: Depth::Full, now };
                let findings: Vec<_> = engine.repair_plan(request).collect().await;
                for finding in findings.into_iter().flatten() {
                    // What cannot be mended shows when it is read.
                    let _ = engine.mend(&finding).await;
                }
            })
        }),
    }
}

/// Plays a scenario in which nothing may go wrong.
pub fn holds(what: &str, scenario: Scenario) -> Explored {
    let began = std::time::Instant::now();
    let explored = scenario.explore();
    eprintln!("{what}: {explored}; {:?}", began.elapsed());
    if let Some(counterexample) = &explored.counterexample {
        panic!("{what}:\n{counterexample}");
    }
    assert!(explored.complete, "{what}: more states than are looked at");
    explored
}
