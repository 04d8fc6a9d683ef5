//! What a store honours is found out whatever becomes of the answers.

use std::sync::Arc;

use deltaglider_core::Location;
use deltaglider_core::engine::{Engine, EngineParts, Limits, PutRequest};
use deltaglider_core::policy::Policy;
use deltaglider_core::scratch::ScratchSpace;
use deltaglider_core::store::memory::MemoryStore;
use deltaglider_core::store::{ListRequest, ObjectStore, Operation, Promises, StoreErrorKind};
use deltaglider_testkit::fault_store::Fault;
use deltaglider_testkit::{CountingStore, FaultStore, MapCache};
use futures::TryStreamExt;

/// A store that has to be asked, whose calls can fail.
fn bench() -> (FaultStore, Engine) {
    let store = FaultStore::new(Arc::new(MemoryStore::with_bucket("b")));
    let engine = Engine::new(EngineParts {
        store: Arc::new(CountingStore::new(Arc::new(store.clone())).promising(Promises::Unknown)),
        cache: Arc::new(MapCache::default()),
        codecs: Vec::new(),
        writers: 1,
        policy: Policy::default(),
        limits: Limits::default(),
        scratch: ScratchSpace::new(std::env::temp_dir(), 1 << 20),
    });
    (store, engine)
}

/// An adapter that tries again after a lost answer to a create finds its own effect there.
#[tokio::test]
async fn a_lost_answer_to_a_probe_is_no_failure() {
    let (store, engine) = bench();
    store.fail(Operation::Put, 1, Fault::After(StoreErrorKind::Conflict));
    let guarantees = engine.guarantees(&Location::new("b", "r/a.zip")).await.expect("asked");
    assert!(guarantees.create && guarantees.delete, "{guarantees:?}");
    assert_eq!(store.struck(), 1);
    let left: Vec<_> = store.list(ListRequest::below("b", "")).try_collect().await.expect("listed");
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_lost_answer_to_a_probe_does_not_fail_a_put() {
    for put in 1..=4 {
        let (store, engine) = bench();
        store.fail(Operation::Put, put, Fault::After(StoreErrorKind::Conflict));
        let at = Location::new("b", "r/a.zip");
        engine.put(&at, vec![7; 5000].into(), &PutRequest::default()).await.expect("put");
        assert_eq!(store.struck(), 1, "{put}");
        assert_eq!(engine.verify(&at).await.map(drop).map_err(|error| error.to_string()), Ok(()), "{put}");
    }
}
