//! A store that fails where it is told to.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use deltaglider_core::Location;
use deltaglider_core::store::{
    BodyStream, CopyOptions, DeleteTarget, GetObject, GetOptions, ListEntry, ListRequest, ObjectHead, ObjectStore,
    Operation, Promises, PutBody, PutOptions, PutReceipt, StoreError, StoreErrorKind,
};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use tokio::sync::Notify;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The call fails and has no effect.
    Before(StoreErrorKind),
    /// The call has its effect, but its answer is lost. Of a listing, the entries come, then the error.
    After(StoreErrorKind),
    /// The body breaks after so many bytes, on its way in or out, with `Transient`; a listing after so many entries. Calls
    /// without a body fail with no effect.
    Cut(u64),
    /// The call has its effect and its answer is lost, so it is sent again: the second answer is given.
    Again,
    /// The call is held before its effect, until [`FaultStore::release`] lets it go on. Whoever drops it has crashed there.
    HeldBefore,
    /// The call has its effect, and its answer is held.
    HeldAfter,
}

/// A store that passes everything on, but for the calls that are to fail; clones share the plan.
///
/// Deterministic: calls are counted from 1 as they are made, each target of a deletion as a call of its own, a listing as one
/// call. Each planned fault strikes once.
#[derive(Clone, Debug)]
pub struct FaultStore {
    inner: Arc<dyn ObjectStore>,
    plan: Arc<Mutex<Plan>>,
    hold: Arc<Hold>,
}

/// What a held call and whoever lets it go on wait for.
#[derive(Debug, Default)]
struct Hold {
    reached: Notify,
    released: Notify,
}

impl Hold {
    async fn wait(&self) {
        self.reached.notify_one();
        self.released.notified().await;
    }
}

#[derive(Debug, Default)]
struct Plan {
    /// Every call so far, in order.
    calls: Vec<Operation>,
    faults: Vec<Planned>,
    ahead: Option<i64>,
    struck: usize,
}

#[derive(Debug)]
struct Planned {
    /// Of this operation only; of all, where there is none.
    operation: Option<Operation>,
    /// How many more calls go well.
    spared: usize,
    fault: Fault,
}

impl FaultStore {
    /// Wraps a store; nothing fails yet.
    #[must_use]
    pub fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self { inner, plan: Arc::default(), hold: Arc::default() }
    }

    /// Lets the n-th call from now on fail, counted from 1.
    pub fn fail_call(&self, n: usize, fault: Fault) {
        self.plan().faults.push(Planned { operation: None, spared: n.saturating_sub(1), fault });
    }

    /// Lets the n-th call of an operation from now on fail, counted from 1.
    pub fn fail(&self, operation: Operation, n: usize, fault: Fault) {
        self.plan().faults.push(Planned { operation: Some(operation), spared: n.saturating_sub(1), fault });
    }

    /// Forgets the faults that have not struck.
    pub fn heal(&self) {
        self.plan().faults.clear();
    }

    /// Lets the clock of this machine be ahead of the store's by so many seconds, as the answer to the next call tells.
    pub fn set_clock_ahead(&self, seconds: i64) {
        self.plan().ahead = Some(seconds);
    }

    /// How many calls were made.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.plan().calls.len()
    }

    /// How many faults have struck.
    #[must_use]
    pub fn struck(&self) -> usize {
        self.plan().struck
    }

    /// Waits until a call is held.
    pub async fn held(&self) {
        self.hold.reached.notified().await;
    }

    /// Lets the held call go on.
    pub fn release(&self) {
        self.hold.released.notify_one();
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call, and says what goes wrong with it.
    fn next(&self, operation: Operation) -> Option<Fault> {
        let mut plan = self.plan();
        plan.calls.push(operation);
        let mut due = None;
        for (index, planned) in plan.faults.iter_mut().enumerate() {
            if planned.operation.is_some_and(|only| only != operation) {
                continue;
            }
            match planned.spared.checked_sub(1) {
                Some(spared) => planned.spared = spared,
                None if due.is_none() => due = Some(index),
                // Two faults on one call: the later strikes at the next.
                None => {}
            }
        }
        let fault = plan.faults.remove(due?).fault;
        plan.struck += 1;
        Some(fault)
    }

    /// Makes a call that has no body.
    async fn call<T: Send, F: Future<Output = Result<T, StoreError>> + Send>(
        &self,
        operation: Operation,
        at: &Location,
        call: impl Fn() -> F + Send + Sync,
    ) -> Result<T, StoreError> {
        match self.next(operation) {
            None => call().await,
            Some(Fault::Before(kind)) => Err(fault(operation, at, kind)),
            Some(Fault::After(kind)) => call().await.and(Err(fault(operation, at, kind))),
            Some(Fault::Cut(_)) => Err(fault(operation, at, StoreErrorKind::Transient)),
            Some(Fault::Again) => {
                // Only the second answer is heard.
                drop(call().await);
                call().await
            }
            Some(Fault::HeldBefore) => {
                self.hold.wait().await;
                call().await
            }
            Some(Fault::HeldAfter) => {
                let answer = call().await;
                self.hold.wait().await;
                answer
            }
        }
    }

    /// The whole of a body, so that it can be sent again.
    async fn whole(body: PutBody, at: &Location) -> Result<Bytes, StoreError> {
        match body {
            PutBody::Bytes(content) => Ok(content),
            PutBody::File(path) => {
                std::fs::read(&path).map(Bytes::from).map_err(|_| fault(Operation::Put, at, StoreErrorKind::Other))
            }
            PutBody::Stream { stream, .. } => Ok(stream.try_collect::<Vec<Bytes>>().await?.concat().into()),
        }
    }
}

impl fmt::Display for FaultStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for FaultStore {
    async fn get(&self, at: &Location, options: GetOptions) -> Result<GetObject, StoreError> {
        match self.next(Operation::Get) {
            None | Some(Fault::Again) => self.inner.get(at, options).await,
            Some(Fault::Before(kind) | Fault::After(kind)) => Err(fault(Operation::Get, at, kind)),
            Some(Fault::HeldBefore) => {
                self.hold.wait().await;
                self.inner.get(at, options).await
            }
            Some(Fault::HeldAfter) => {
                let object = self.inner.get(at, options).await;
                self.hold.wait().await;
                object
            }
            Some(Fault::Cut(bytes)) => {
                let object = self.inner.get(at, options).await?;
                Ok(GetObject { body: cut(object.body, bytes, Operation::Get, at), ..object })
            }
        }
    }

    async fn head(&self, at: &Location) -> Result<ObjectHead, StoreError> {
        self.call(Operation::Head, at, || self.inner.head(at)).await
    }

    async fn put(&self, at: &Location, body: PutBody, options: PutOptions) -> Result<PutReceipt, StoreError> {
        match self.next(Operation::Put) {
            None => self.inner.put(at, body, options).await,
            Some(Fault::Before(kind)) => Err(fault(Operation::Put, at, kind)),
            Some(Fault::Again) => {
                let content = Self::whole(body, at).await?;
                drop(self.inner.put(at, content.clone().into(), options.clone()).await);
                self.inner.put(at, content.into(), options).await
            }
            Some(Fault::HeldBefore) => {
                self.hold.wait().await;
                self.inner.put(at, body, options).await
            }
            Some(Fault::HeldAfter) => {
                let answer = self.inner.put(at, body, options).await;
                self.hold.wait().await;
                answer
            }
            Some(Fault::After(kind)) => {
                self.inner.put(at, body, options).await.and(Err(fault(Operation::Put, at, kind)))
            }
            Some(Fault::Cut(bytes)) => {
                let (size, stream) = match body {
                    PutBody::Stream { size, stream } => (size, stream),
                    PutBody::Bytes(content) => (Some(content.len() as u64), once(Ok(content))),
                    PutBody::File(path) => match std::fs::read(&path) {
                        Ok(content) => (Some(content.len() as u64), once(Ok(Bytes::from(content)))),
                        Err(_) => return Err(fault(Operation::Put, at, StoreErrorKind::Other)),
                    },
                };
                let stream = cut(stream, bytes, Operation::Put, at);
                // A store may give up before the end of the body, or not look at it; the call fails all the same.
                self.inner.put(at, PutBody::Stream { size, stream }, options).await.and(Err(fault(
                    Operation::Put,
                    at,
                    StoreErrorKind::Transient,
                )))
            }
        }
    }

    async fn copy(&self, from: &Location, to: &Location, options: CopyOptions) -> Result<PutReceipt, StoreError> {
        self.call(Operation::Copy, to, || self.inner.copy(from, to, options.clone())).await
    }

    fn delete(&self, targets: BoxStream<'static, DeleteTarget>) -> BoxStream<'static, Result<Location, StoreError>> {
        let store = self.clone();
        let answers = targets.then(move |target| {
            let store = store.clone();
            async move {
                let at = target.at.clone();
                let delete = || store.inner.delete_one(&at, target.if_match.clone());
                store.call(Operation::Delete, &at, delete).await.map(|()| at.clone())
            }
        });
        answers.boxed()
    }

    fn list(&self, request: ListRequest) -> BoxStream<'static, Result<ListEntry, StoreError>> {
        let at = Location::new(request.bucket.as_str(), request.prefix.as_str());
        let failed = |kind| stream::iter([Err(fault(Operation::List, &at, kind))]);
        match self.next(Operation::List) {
            None | Some(Fault::Again) => self.inner.list(request),
            Some(Fault::HeldBefore) => {
                let store = self.clone();
                let listed = async move {
                    store.hold.wait().await;
                    store.inner.list(request)
                };
                listed.flatten_stream().boxed()
            }
            Some(Fault::HeldAfter) => {
                // What was listed is of before, so it is asked for before anybody waits.
                let (store, listed) = (self.clone(), self.inner.list(request));
                let listed = async move {
                    let listed: Vec<_> = listed.collect().await;
                    store.hold.wait().await;
                    stream::iter(listed)
                };
                listed.flatten_stream().boxed()
            }
            Some(Fault::Before(kind)) => failed(kind).boxed(),
            Some(Fault::After(kind)) => self.inner.list(request).chain(failed(kind)).boxed(),
            Some(Fault::Cut(entries)) => {
                self.inner.list(request).take(entries as usize).chain(failed(StoreErrorKind::Transient)).boxed()
            }
        }
    }

    fn promises(&self) -> Promises {
        self.inner.promises()
    }

    fn clock_ahead(&self) -> Option<i64> {
        let plan = self.plan();
        plan.ahead.filter(|_| !plan.calls.is_empty()).or_else(|| self.inner.clock_ahead())
    }
}

fn fault(operation: Operation, at: &Location, kind: StoreErrorKind) -> StoreError {
    StoreError::new(operation, at, kind, "a fault was injected")
}

fn once(content: Result<Bytes, StoreError>) -> BodyStream {
    stream::iter([content]).boxed()
}

/// The first bytes of a body, then an error; a body that is shorter breaks at its end.
fn cut(body: BodyStream, bytes: u64, operation: Operation, at: &Location) -> BodyStream {
    let error = fault(operation, at, StoreErrorKind::Transient);
    let kept = body.scan(bytes, |left, chunk| {
        let piece = match chunk {
            _ if *left == 0 => None,
            Ok(chunk) => {
                let chunk = chunk.slice(..chunk.len().min(usize::try_from(*left).unwrap_or(usize::MAX)));
                *left -= chunk.len() as u64;
                Some(Ok(chunk))
            }
            Err(error) => Some(Err(error)),
        };
        std::future::ready(piece)
    });
    kept.chain(once(Err(error))).boxed()
}
