//! The store itself: one client, made with the first request, and the limiter that all requests share.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use deltaglider_core::Location;
use deltaglider_core::store::{
    BucketAcl, BucketStore, BucketSummary, CopyOptions, DeleteTarget, ETag, GetObject, GetOptions, ListEntry,
    ListRequest, NewBucketAcl, ObjectHead, ObjectStore, Operation, PendingUpload, PresignedUrl, Promises, PutBody,
    PutMode, PutOptions, PutReceipt, StoreError, UploadStore,
};
use futures::stream::BoxStream;
use tokio::sync::{Notify, OnceCell};
use tokio_util::task::TaskTracker;

use crate::builder::{S3StoreBuilder, Settings, shown_endpoint};
use crate::call::Call;
use crate::clock::Clock;
use crate::connection::{self, Connection};
use crate::limiter::Limiter;
use crate::tags::TagForm;
use crate::watch::Watch;
use crate::{buckets, copy, delete, get, list, put, sharing, uploads};

/// An object store on Amazon S3, or on a server that speaks its protocol.
///
/// Clones share connections, credentials and the limit on requests under way.
///
/// Requests are retried by the SDK (five attempts by default, exponential pauses with jitter). Throttling (429, 503) halves the
/// number of requests that this store and its clones have under way; answers raise it again.
///
/// **A lost answer.** When the answer to a conditional put, copy or delete does not come, the retry meets the effect of the first
/// attempt and fails with `Conflict` (or `NotFound`): the store cannot tell its own success from somebody else's. The message of
/// such an error says "after a retry". Who must know asks for the head, and compares digests.
#[derive(Clone)]
pub struct S3Store {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Arc<Settings>,
    connection: OnceCell<Connection>,
    /// Tells whoever waits for the connection.
    connecting: Notify,
    limiter: Arc<Limiter>,
    clock: Arc<Clock>,
    tags: TagForm,
    /// What goes on when the operation that it belongs to is dropped.
    behind: TaskTracker,
}

impl S3Store {
    /// Settings to make a store from.
    pub fn builder() -> S3StoreBuilder {
        S3StoreBuilder::default()
    }

    /// Waits until what operations left behind that were dropped is done: uploads that they began are aborted. Whoever ends the
    /// runtime before leaves them to the bucket's lifecycle rules.
    pub async fn settled(&self) {
        // Tasks can be spawned after that as before.
        self.inner.behind.close();
        self.inner.behind.wait().await;
    }

    pub(crate) fn behind(&self) -> &TaskTracker {
        &self.inner.behind
    }

    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        let limiter = Arc::new(Limiter::new(settings.concurrency));
        Self {
            inner: Arc::new(Inner {
                settings,
                connection: OnceCell::new(),
                connecting: Notify::new(),
                limiter,
                clock: Arc::default(),
                tags: TagForm::default(),
                behind: TaskTracker::new(),
            }),
        }
    }

    /// Reads configuration (files and variables of the AWS tools) now instead of with the first request. Sends nothing to the
    /// store; without a region anywhere it asks the metadata service of EC2, for 2 s at most. Afterwards
    /// [`promises`](ObjectStore::promises) knows whether this is AWS.
    pub async fn load(&self) -> Result<(), StoreError> {
        self.connection(Operation::List, &Location::new("", "")).await.map(|_| ())
    }

    /// How many requests may be under way at present: fewer than the configured number after throttling.
    #[must_use]
    pub fn allowed_concurrency(&self) -> usize {
        self.inner.limiter.allowed()
    }

    /// Seconds by which this machine's clock is ahead of the store's, by the date of its last answer; negative where it is behind,
    /// `None` before the first one. Signatures are refused past 15 minutes.
    #[must_use]
    pub fn clock_ahead(&self) -> Option<i64> {
        self.inner.clock.ahead()
    }

    /// How entity tags are written into conditions.
    pub(crate) fn tags(&self) -> &TagForm {
        &self.inner.tags
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    pub(crate) async fn connection(&self, operation: Operation, at: &Location) -> Result<&Connection, StoreError> {
        let connecting = || connection::connect(&self.inner.settings, (operation, at));
        let connection = self.inner.connection.get_or_try_init(connecting).await?;
        self.inner.connecting.notify_waiters();
        Ok(connection)
    }

    /// The connection, once somebody has made it.
    pub(crate) async fn connected(&self) -> &Connection {
        loop {
            // Listens before it looks, so that nothing is missed in between.
            let made = self.inner.connecting.notified();
            if let Some(connection) = self.inner.connection.get() {
                return connection;
            }
            made.await;
        }
    }

    /// Waits for leave to send a request.
    pub(crate) async fn call(&self, operation: Operation, at: &Location) -> Result<Call, StoreError> {
        let connection = self.connection(operation, at).await?;
        let permit = self.inner.limiter.permit().await;
        let watch = Watch::new(
            Arc::clone(&self.inner.limiter),
            Arc::clone(&self.inner.clock),
            self.inner.settings.max_attempts,
            self.inner.settings.throttled_for,
        );
        let endpoint = connection.endpoint.as_deref().map_or_else(|| "Amazon S3".to_owned(), shown_endpoint);
        Ok(Call::new(connection.client.clone(), watch, permit, &self.inner.settings, endpoint, (operation, at)))
    }
}

/// The entity tag that a mode asks for.
fn tag_of(mode: &PutMode) -> Option<&ETag> {
    match mode {
        PutMode::Update(tag) => Some(tag),
        PutMode::Overwrite | PutMode::Create => None,
    }
}

impl fmt::Display for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connected = self.inner.connection.get().and_then(|connection| connection.endpoint.as_deref());
        match self.inner.settings.endpoint.as_deref().or(connected) {
            Some(endpoint) => write!(f, "S3 at {}", shown_endpoint(endpoint)),
            None => f.write_str("Amazon S3"),
        }
    }
}

impl fmt::Debug for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Store({self})")
    }
}

#[async_trait]
impl ObjectStore for S3Store {
    async fn get(&self, at: &Location, options: GetOptions) -> Result<GetObject, StoreError> {
        get::get(self, at, options).await
    }

    async fn head(&self, at: &Location) -> Result<ObjectHead, StoreError> {
        get::head(self, at, Operation::Head).await
    }

    async fn put(&self, at: &Location, body: PutBody, options: PutOptions) -> Result<PutReceipt, StoreError> {
        let answer = put::put(self, at, body, &options).await;
        get::settle(self, at, tag_of(&options.mode), answer).await
    }

    async fn copy(&self, from: &Location, to: &Location, options: CopyOptions) -> Result<PutReceipt, StoreError> {
        let answer = copy::copy(self, from, to, &options).await;
        get::settle(self, to, tag_of(&options.mode), answer).await
    }

    fn delete(&self, targets: BoxStream<'static, DeleteTarget>) -> BoxStream<'static, Result<Location, StoreError>> {
        delete::delete(self.clone(), targets)
    }

    fn list(&self, request: ListRequest) -> BoxStream<'static, Result<ListEntry, StoreError>> {
        list::list(self.clone(), request)
    }

    fn promises(&self) -> Promises {
        // Before the configuration is read, a profile may still name another server.
        match self.inner.connection.get() {
            Some(connection) if connection.endpoint.is_none() => Promises::Kept,
            _ => Promises::Unknown,
        }
    }

    fn clock_ahead(&self) -> Option<i64> {
        Self::clock_ahead(self)
    }
}

#[async_trait]
impl BucketStore for S3Store {
    async fn create_bucket(&self, bucket: &str) -> Result<(), StoreError> {
        buckets::create(self, bucket).await
    }

    async fn delete_bucket(&self, bucket: &str) -> Result<(), StoreError> {
        buckets::delete(self, bucket).await
    }

    async fn list_buckets(&self) -> Result<Vec<BucketSummary>, StoreError> {
        buckets::list(self).await
    }

    async fn bucket_acl(&self, bucket: &str) -> Result<BucketAcl, StoreError> {
        sharing::bucket_acl(self, bucket).await
    }

    async fn set_bucket_acl(&self, bucket: &str, acl: &NewBucketAcl) -> Result<(), StoreError> {
        sharing::set_bucket_acl(self, bucket, acl).await
    }

    async fn presign(&self, at: &Location, valid: Duration) -> Result<PresignedUrl, StoreError> {
        sharing::presign(self, at, valid).await
    }

    fn uploads(&self) -> Option<&dyn UploadStore> {
        Some(self)
    }
}

#[async_trait]
impl UploadStore for S3Store {
    async fn list_uploads(&self, bucket: &str, prefix: &str) -> Result<Vec<PendingUpload>, StoreError> {
        uploads::list(self, bucket, prefix).await
    }

    async fn abort_upload(&self, upload: &PendingUpload) -> Result<(), StoreError> {
        uploads::abort(self, upload).await
    }
}
