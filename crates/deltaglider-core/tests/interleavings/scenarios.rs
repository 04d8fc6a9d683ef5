//! What the scenarios have in common: engines, contents, and how they are judged.

use std::sync::Arc;

use bytes::Bytes;
use deltaglider_core::codec::DeltaCodec;
use deltaglider_core::codec::zstd::ZstdCodec;
use deltaglider_core::delta_space::configuration;
use deltaglider_core::engine::repair::RepairRequest;
use deltaglider_core::engine::{Depth, Engine, EngineParts, GetRequest, Limits, PutRequest, Source};
use deltaglider_core::policy::Policy;
use deltaglider_core::scratch::ScratchSpace;
use deltaglider_core::store::{Attributes, ObjectStore, PutOptions};
use deltaglider_core::{Error, Location, Md5, Sha256};
use deltaglider_testkit::MapCache;
use deltaglider_testkit::interleavings::{Client, Contents, Explored, Failure, Outcome, Reading, Scenario, ValueStore};
use futures::{StreamExt, TryStreamExt};

use super::stores::whole_first;

/// When the clients are at work, in seconds since 1970: two hours after what was stored before.
pub const NOW: u64 = BEFORE + 7200;
const BEFORE: u64 = 1_700_000_000;

pub fn at(key: &str) -> Location {
    Location::new("b", key)
}

/// How long tests may take.
fn seconds() -> u64 {
    std::env::var("DG_TEST_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2)
}

/// The same for three clients: their orders are so many more.
pub fn of_three(scenario: Scenario) -> Scenario {
    Scenario { faults: scenario.faults - 1, ..scenario }
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
    engine_by(store, vec![Arc::new(ZstdCodec::default()), whole_first()])
}

/// An engine that writes by the first of these codecs.
pub fn engine_by(store: Arc<dyn ObjectStore>, codecs: Vec<Arc<dyn DeltaCodec>>) -> Engine {
    Engine::new(EngineParts {
        store,
        cache: Arc::new(MapCache::default()),
        codecs,
        writers: 1,
        policy: Policy { min_size: 1, ..Policy::default() },
        limits: Limits { codecs: 1, ..Limits::default() },
        scratch: ScratchSpace::new(std::env::temp_dir(), 1 << 20),
    })
}

/// Metadata that say which content they belong to.
const OF: &str = "of";

pub fn put_request(content: &Bytes) -> PutRequest {
    let metadata = [(OF.to_owned(), Md5::of(content).to_string())].into();
    PutRequest { attributes: Attributes { metadata, ..Attributes::default() }, ..PutRequest::default() }
}

pub fn outcome<T>(result: Result<T, Error>) -> Outcome {
    result.map_or_else(|error| Outcome::of_error(&error), |_| Outcome::Done)
}

pub async fn read(engine: &Engine, key: &str) -> Outcome {
    let read = async {
        let got = engine.get(&at(key), &GetRequest::default()).await?;
        let told = got.head.attributes.metadata.get(OF).cloned();
        Ok::<_, Error>((got.body.try_collect::<Vec<Bytes>>().await?.concat(), told))
    };
    match read.await {
        Ok((content, Some(told))) if told != Md5::of(&content).to_string() => {
            Outcome::Failed(Failure::Damaged, "it has the metadata of another content".into())
        }
        Ok((content, _)) => Outcome::Content(Some(content.into())),
        Err(error) => Outcome::of_error(&error),
    }
}

/// What engines store that do one after the other.
pub fn stored(objects: &[(&str, Bytes)]) -> Contents {
    let store = ValueStore::new(Contents::default(), BEFORE);
    let engine = engine(Arc::new(store.clone()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    for (key, content) in objects {
        let put = async { engine.put(&at(key), Source::Bytes(content.clone()), &put_request(content)).await };
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
        faults: if seconds() >= 20 { 2 } else { 1 },
        now: NOW,
        still: vec![configuration("b").key().to_owned()],
        missing_is_told: false,
        most: 5_000_000,
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
pub fn holds(what: &str, scenario: Scenario) {
    let explored = play(what, scenario);
    if let Some(counterexample) = &explored.counterexample {
        panic!("{what}:\n{counterexample}");
    }
    assert!(explored.complete, "{what}: more states than are looked at");
}

/// Plays a scenario in which something goes wrong without any fault, and says what, in as few steps as that takes.
pub fn breaks(what: &str, scenario: Scenario) {
    let scenario = Scenario { faults: 0, ..scenario };
    let counterexample = play(what, scenario).counterexample.unwrap_or_else(|| panic!("{what}: nothing goes wrong"));
    eprintln!("{what}:\n{counterexample}");
}

fn play(what: &str, scenario: Scenario) -> Explored {
    let explored = scenario.explore();
    eprintln!("{what}: {explored}");
    explored
}
