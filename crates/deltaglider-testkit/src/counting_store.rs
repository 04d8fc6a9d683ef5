//! A store that keeps a log of what was asked of it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use deltaglider_core::Location;
use deltaglider_core::store::{
    BodyStream, CopyOptions, DeleteTarget, GetObject, GetOptions, ListEntry, ListRequest, ObjectHead, ObjectStore,
    Operation, Promises, PutBody, PutOptions, PutReceipt, StoreError, StoreErrorKind,
};
use futures::StreamExt;
use futures::stream::BoxStream;

/// Keys a page of a listing, where the caller does not say.
const PAGE: u32 = 1000;

/// A store that passes everything on and keeps a log of it; clones share the log.
///
/// What counts as one request: each call of `get`, `head`, `put` and `copy`, each page of a listing (of `page_size` entries,
/// 1000 by default), each target of a deletion.
#[derive(Clone, Debug)]
pub struct CountingStore {
    inner: Arc<dyn ObjectStore>,
    log: Log,
    promises: Option<Promises>,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What was asked.
    pub operation: Operation,
    /// Of which object; of which prefix, for a listing; the destination, for a copy.
    pub at: Location,
    /// Bytes of the body that passed so far, in either direction.
    pub bytes: u64,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has not ended, or was dropped before it ended.
    Pending,
    /// It was done. The body of a `get` may still break afterwards.
    Done,
    /// It failed.
    Failed(StoreErrorKind),
}

/// How many requests of each kind there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls of `get`.
    pub get: u64,
    /// Calls of `head`.
    pub head: u64,
    /// Calls of `put`.
    pub put: u64,
    /// Calls of `copy`.
    pub copy: u64,
    /// Targets of `delete`.
    pub delete: u64,
    /// Pages of `list`.
    pub list: u64,
}

impl Counts {
    /// All requests together.
    #[must_use]
    pub fn total(self) -> u64 {
        self.get + self.head + self.put + self.copy + self.delete + self.list
    }
}

impl CountingStore {
    /// Wraps a store; the log is empty.
    #[must_use]
    pub fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self { inner, log: Log::default(), promises: None }
    }

    /// The same, saying something else of its conditions than the store itself does; the conditions are still the store's.
    #[must_use]
    pub fn promising(self, promises: Promises) -> Self {
        Self { promises: Some(promises), ..self }
    }

    /// The log since the beginning or the last reset.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.log.lock().requests.clone()
    }

    /// The log, counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for request in &self.log.lock().requests {
            match request.operation {
                Operation::Get => counts.get += 1,
                Operation::Head => counts.head += 1,
                Operation::Put => counts.put += 1,
                Operation::Copy => counts.copy += 1,
                Operation::Delete => counts.delete += 1,
                Operation::List => counts.list += 1,
                _ => {}
            }
        }
        counts
    }

    /// Bytes of all bodies of one operation so far.
    #[must_use]
    pub fn bytes(&self, operation: Operation) -> u64 {
        let log = self.log.lock();
        log.requests.iter().filter(|request| request.operation == operation).map(|request| request.bytes).sum()
    }

    /// Empties the log; requests that are under way are forgotten.
    pub fn reset(&self) {
        let mut log = self.log.lock();
        log.generation += 1;
        log.requests.clear();
    }
}

impl fmt::Display for CountingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for CountingStore {
    async fn get(&self, at: &Location, options: GetOptions) -> Result<GetObject, StoreError> {
        let line = self.log.begin(Operation::Get, at);
        let object = line.end(self.inner.get(at, options).await)?;
        Ok(GetObject { body: line.count(object.body), ..object })
    }

    async fn head(&self, at: &Location) -> Result<ObjectHead, StoreError> {
        let line = self.log.begin(Operation::Head, at);
        line.end(self.inner.head(at).await)
    }

    async fn put(&self, at: &Location, body: PutBody, options: PutOptions) -> Result<PutReceipt, StoreError> {
        let line = self.log.begin(Operation::Put, at);
        let body = match body {
            PutBody::Bytes(bytes) => {
                line.add(bytes.len() as u64);
                PutBody::Bytes(bytes)
            }
            PutBody::File(path) => {
                line.add(std::fs::metadata(&path).map_or(0, |metadata| metadata.len()));
                PutBody::File(path)
            }
            PutBody::Stream { size, stream } => PutBody::Stream { size, stream: line.clone().count(stream) },
        };
        line.end(self.inner.put(at, body, options).await)
    }

    async fn copy(&self, from: &Location, to: &Location, options: CopyOptions) -> Result<PutReceipt, StoreError> {
        let line = self.log.begin(Operation::Copy, to);
        line.end(self.inner.copy(from, to, options).await)
    }

    fn delete(&self, targets: BoxStream<'static, DeleteTarget>) -> BoxStream<'static, Result<Location, StoreError>> {
        let log = self.log.clone();
        let answers = self.inner.delete(targets).map(move |answer| match answer {
            Ok(at) => {
                let line = log.begin(Operation::Delete, &at);
                line.end(Ok(at))
            }
            Err(error) => {
                let line = log.begin(Operation::Delete, &error.at);
                line.end(Err(error))
            }
        });
        answers.boxed()
    }

    fn list(&self, request: ListRequest) -> BoxStream<'static, Result<ListEntry, StoreError>> {
        let at = Location::new(request.bucket.as_str(), request.prefix.as_str());
        let page = request.page_size.unwrap_or(PAGE).clamp(1, PAGE);
        let log = self.log.clone();
        let mut line = log.begin(Operation::List, &at);
        let mut entries = 0;
        let listing = self.inner.list(request).map(move |entry| {
            if entries == page {
                (line, entries) = (log.begin(Operation::List, &at), 0);
            }
            entries += 1;
            line.end(entry)
        });
        listing.boxed()
    }

    fn promises(&self) -> Promises {
        self.promises.unwrap_or_else(|| self.inner.promises())
    }

    fn clock_ahead(&self) -> Option<i64> {
        self.inner.clock_ahead()
    }
}

#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    generation: u64,
    requests: Vec<Request>,
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, operation: Operation, at: &Location) -> Line {
        let mut lines = self.lock();
        lines.requests.push(Request { operation, at: at.clone(), bytes: 0, outcome: Outcome::Pending });
        Line { log: self.clone(), generation: lines.generation, index: lines.requests.len() - 1 }
    }
}

/// A line that is being written; it falls silent when the log is reset.
#[derive(Clone, Debug)]
struct Line {
    log: Log,
    generation: u64,
    index: usize,
}

impl Line {
    fn edit(&self, change: impl FnOnce(&mut Request)) {
        let mut lines = self.log.lock();
        if lines.generation == self.generation
            && let Some(request) = lines.requests.get_mut(self.index)
        {
            change(request);
        }
    }

    fn add(&self, bytes: u64) {
        self.edit(|request| request.bytes += bytes);
    }

    fn end<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        let outcome = result.as_ref().map_or_else(|error| Outcome::Failed(error.kind), |_| Outcome::Done);
        self.edit(|request| request.outcome = outcome);
        result
    }

    fn count(self, body: BodyStream) -> BodyStream {
        body.inspect(move |chunk| match chunk {
            Ok(bytes) => self.add(bytes.len() as u64),
            Err(error) => self.edit(|request| request.outcome = Outcome::Failed(error.kind)),
        })
        .boxed()
    }
}
