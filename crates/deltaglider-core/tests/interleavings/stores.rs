//! Stores that ignore conditions, deltas for other readers, and the limits of what is promised.

use std::io::{Read, Write};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use deltaglider_core::codec::zstd::ZstdCodec;
use deltaglider_core::codec::{CodecError, CodecId, CodecLimits, DeltaCodec, DeltaParts, ReferenceSize};
use deltaglider_core::engine::Source;
use deltaglider_core::store::{
    CopyOptions, DeleteTarget, GetObject, GetOptions, ListEntry, ListRequest, ObjectHead, ObjectStore, Promises,
    PutBody, PutMode, PutOptions, PutReceipt, StoreError,
};
use deltaglider_core::{Location, RandomAccess};
use deltaglider_testkit::interleavings::{Claim, Client, Contents, Scenario};
use futures::StreamExt;
use futures::stream::BoxStream;

use super::clients::{delete, get, migrate, put, put_whole};
use super::scenarios::{at, breaks, engine_by, holds, other, outcome, plain, put_request, scenario, stored, version};

const A: &str = "p/a.zip";
const B: &str = "p/b.zip";
const X: &str = "p/x.zip";

/// A store that takes conditions and ignores them.
#[derive(Debug)]
struct Careless(Arc<dyn ObjectStore>);

impl std::fmt::Display for Careless {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Careless {
    async fn get(&self, at: &Location, options: GetOptions) -> Result<GetObject, StoreError> {
        self.0.get(at, options).await
    }

    async fn head(&self, at: &Location) -> Result<ObjectHead, StoreError> {
        self.0.head(at).await
    }

    async fn put(&self, at: &Location, body: PutBody, options: PutOptions) -> Result<PutReceipt, StoreError> {
        self.0.put(at, body, PutOptions { mode: PutMode::Overwrite, ..options }).await
    }

    async fn copy(&self, from: &Location, to: &Location, options: CopyOptions) -> Result<PutReceipt, StoreError> {
        self.0.copy(from, to, CopyOptions { source_if_match: None, mode: PutMode::Overwrite, ..options }).await
    }

    fn delete(&self, targets: BoxStream<'static, DeleteTarget>) -> BoxStream<'static, Result<Location, StoreError>> {
        self.0.delete(targets.map(|target| DeleteTarget::from(target.at)).boxed())
    }

    fn list(&self, request: ListRequest) -> BoxStream<'static, Result<ListEntry, StoreError>> {
        self.0.list(request)
    }

    fn promises(&self) -> Promises {
        Promises::Unknown
    }
}

fn careless(names: &[&str], at_first: Contents, clients: Vec<Client>) -> Scenario {
    let clients = clients.into_iter().map(|client| client.over(|store| Arc::new(Careless(store))));
    Scenario { faults: 0, ..scenario(names, at_first, clients.collect()) }
}

#[test]
fn without_conditions_references_stay_and_nothing_is_lost_by_deletes() {
    let at_first = || stored(&[(A, version(1))]);
    for own in [put(B, version(2)), get(A), delete(A)] {
        let clients = vec![delete(A), own.clone()];
        holds(&format!("no conditions: delete a | {own:?}"), careless(&[A, B], at_first(), clients));
    }
    let clients = vec![put(A, version(2)), put(B, version(3))];
    holds("no conditions: put a | put b, into a space", careless(&[A, B], at_first(), clients));
}

#[test]
fn without_conditions_one_of_two_first_puts_may_be_lost() {
    let clients = vec![put(A, version(1)), put(B, version(2))];
    breaks("no conditions: put a | put b, empty", careless(&[A, B], stored(&[]), clients));
}

/// `zstd` under the name of a codec whose other readers ask for the whole form first.
#[derive(Debug)]
struct WholeFirst(ZstdCodec);

impl DeltaCodec for WholeFirst {
    fn id(&self) -> CodecId {
        CodecId::VCDIFF
    }

    fn memory(&self, reference: ReferenceSize, target_size: u64, limit: u64) -> Option<u64> {
        self.0.memory(reference, target_size, limit)
    }

    fn encode(
        &self,
        reference: &dyn RandomAccess,
        target: &dyn RandomAccess,
        delta: &mut dyn Write,
        limits: &CodecLimits,
    ) -> Result<DeltaParts, CodecError> {
        self.0.encode(reference, target, delta, limits)
    }

    fn decode(
        &self,
        reference: &dyn RandomAccess,
        delta: &mut dyn Read,
        target: &mut dyn Write,
        limits: &CodecLimits,
    ) -> Result<(), CodecError> {
        self.0.decode(reference, delta, target, limits)
    }
}

pub fn whole_first() -> Arc<dyn DeltaCodec> {
    Arc::new(WholeFirst(ZstdCodec::default()))
}

fn put_for_others(key: &'static str, content: Bytes) -> Client {
    let claim = Claim::Put { name: key.into(), content: content.clone() };
    Client::new(format!("put {key} for other readers"), vec![claim], move |store, diary| {
        let content = content.clone();
        async move {
            let engine = engine_by(store, vec![whole_first(), Arc::new(ZstdCodec::default())]);
            let put = engine.put(&at(key), Source::Bytes(content.clone()), &put_request(&content)).await;
            diary.note(outcome(put));
        }
    })
}

#[test]
fn deltas_for_readers_of_the_whole_form() {
    for before in [version(1), other(1)] {
        let at_first = || stored(&[(X, version(0)), (A, before.clone())]);
        for beside in [put_for_others(A, other(3)), put_for_others(A, version(3)), put(A, other(3)), get(A)] {
            let clients = vec![put_for_others(A, version(2)), beside.clone()];
            holds(&format!("vcdiff: put a | {beside:?}"), scenario(&[A], at_first(), clients));
        }
    }
}

/// The whole form is stored again with the very same content, between the last look at it and its removal, by a writer who has seen
/// the delta.
#[test]
fn a_migration_cannot_tell_the_same_content_from_itself() {
    let at_first = plain(stored(&[(X, version(0))]), A, &version(1));
    let clients = vec![migrate(A, 256), put_whole(A, version(1))];
    let scenario = Scenario { faults: 0, ..scenario(&[A, X], at_first, clients) };
    breaks("migrate a | put a whole, the same", scenario);
}

/// A writer that dies between its delta and the look at the reference, while the last other delta is deleted: the delta hides the
/// older whole object, and cannot be read. It is told, and nothing is removed.
#[test]
fn a_delta_over_a_whole_object_hides_it_when_its_writer_dies() {
    let at_first = stored(&[(X, version(0)), (A, other(1))]);
    let clients = || vec![put(A, version(2)), delete(X)];
    let told = scenario(&[A, X], at_first.clone(), clients());
    breaks("put a over its whole form | delete x", Scenario { faults: 0, ..told.clone() });
    holds("put a over its whole form | delete x, and that is told", Scenario { missing_is_told: true, ..told });
}
