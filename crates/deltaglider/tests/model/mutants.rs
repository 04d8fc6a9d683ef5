//! Stores that break a promise, and a client without a safeguard: the play finds what is lost.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use deltaglider::core::Location;
use deltaglider::core::store::{
    CopyOptions, DeleteTarget, ETag, GetObject, GetOptions, ListEntry, ListRequest, ObjectHead, ObjectStore, Promises,
    PutBody, PutOptions, PutReceipt, StoreError,
};
use futures::StreamExt;
use futures::stream::BoxStream;
use proptest::strategy::{BoxedStrategy, Strategy};

use crate::counts::Counts;
use crate::finds;
use crate::step::{Step, step_of_two_names};
use crate::world::Below;

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    /// It acknowledges each fifth put, and forgets it.
    Forgets,
    /// It deletes in any case, whatever the condition.
    DeletesAnyway,
    /// It answers what was there before, where a writer of a delta looks for the reference once more.
    NoConfirmation,
}

#[derive(Debug)]
struct Mutant {
    inner: Arc<dyn ObjectStore>,
    wrong: Wrong,
    puts: AtomicU32,
    delta_stored: AtomicBool,
    reference: Mutex<Option<ObjectHead>>,
}

impl Mutant {
    fn over(inner: Arc<dyn ObjectStore>, wrong: Wrong) -> Arc<dyn ObjectStore> {
        let (puts, delta_stored, reference) = (AtomicU32::new(0), AtomicBool::new(false), Mutex::new(None));
        Arc::new(Self { inner, wrong, puts, delta_stored, reference })
    }
}

fn is_reference(at: &Location) -> bool {
    at.name() == "reference.bin"
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Mutant {
    async fn get(&self, at: &Location, options: GetOptions) -> Result<GetObject, StoreError> {
        self.inner.get(at, options).await
    }

    async fn head(&self, at: &Location) -> Result<ObjectHead, StoreError> {
        if self.wrong != Wrong::NoConfirmation || !is_reference(at) {
            return self.inner.head(at).await;
        }
        let before = self.reference.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if self.delta_stored.swap(false, Ordering::SeqCst)
            && let Some(before) = before
        {
            return Ok(before);
        }
        let head = self.inner.head(at).await;
        *self.reference.lock().unwrap_or_else(PoisonError::into_inner) = head.as_ref().ok().cloned();
        head
    }

    async fn put(&self, at: &Location, body: PutBody, options: PutOptions) -> Result<PutReceipt, StoreError> {
        if self.wrong == Wrong::Forgets && self.puts.fetch_add(1, Ordering::SeqCst) % 5 == 4 {
            return Ok(PutReceipt { e_tag: ETag::new("forgotten"), version_id: None });
        }
        let receipt = self.inner.put(at, body, options).await?;
        self.delta_stored.store(at.key().ends_with(".delta"), Ordering::SeqCst);
        Ok(receipt)
    }

    async fn copy(&self, from: &Location, to: &Location, options: CopyOptions) -> Result<PutReceipt, StoreError> {
        self.inner.copy(from, to, options).await
    }

    fn delete(&self, targets: BoxStream<'static, DeleteTarget>) -> BoxStream<'static, Result<Location, StoreError>> {
        let ignores = self.wrong == Wrong::DeletesAnyway;
        let targets = targets.map(move |target| if ignores { target.at.into() } else { target });
        self.inner.delete(targets.boxed())
    }

    fn list(&self, request: ListRequest) -> BoxStream<'static, Result<ListEntry, StoreError>> {
        self.inner.list(request)
    }

    fn promises(&self) -> Promises {
        self.inner.promises()
    }
}

struct Forgets;

impl Below for Forgets {
    fn over(bucket: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
        Mutant::over(bucket, Wrong::Forgets)
    }
}

struct DeletesAnyway;

impl Below for DeletesAnyway {
    fn over(bucket: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
        Mutant::over(bucket, Wrong::DeletesAnyway)
    }

    fn steps() -> BoxedStrategy<Step> {
        step_of_two_names().boxed()
    }
}

struct NoConfirmation;

impl Below for NoConfirmation {
    fn over(bucket: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
        Mutant::over(bucket, Wrong::NoConfirmation)
    }

    fn steps() -> BoxedStrategy<Step> {
        step_of_two_names().boxed()
    }
}

#[test]
fn a_store_that_forgets_a_put_is_found() {
    let found = finds::<Forgets>(2);
    println!("{}:\n{found}", Counts::of::<Forgets>());
}

#[test]
fn a_store_that_ignores_the_condition_of_a_delete_is_found() {
    let found = finds::<DeletesAnyway>(40);
    println!("{}:\n{found}", Counts::of::<DeletesAnyway>());
}

#[test]
fn a_client_that_does_not_look_for_the_reference_again_is_found() {
    let found = finds::<NoConfirmation>(40);
    println!("{}:\n{found}", Counts::of::<NoConfirmation>());
}
