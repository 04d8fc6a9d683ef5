//! CopyObject.

use std::io;
use std::sync::Arc;

use deltaglider_core::Error as EngineError;
use deltaglider_core::engine::{CopyRequest, GetRequest, PutRequest, Source};
use deltaglider_core::progress::SharedProgress;
use deltaglider_core::store::Attributes;
use futures::{StreamExt, TryStreamExt};

use super::put::PutObjectOutput;
use crate::client::Client;
use crate::error::Error;
use crate::telemetry;

impl Client {
    /// Copies an object, on the server's side where its stored form fits its new place.
    pub fn copy_object(&self) -> CopyObject {
        CopyObject { client: self.clone(), source: (None, None), target: (None, None), request: CopyRequest::default() }
    }
}

/// A copy, being described; [`send`](Self::send) does it.
#[derive(Clone, Debug)]
#[must_use = "nothing is copied before `send`"]
pub struct CopyObject {
    client: Client,
    source: (Option<String>, Option<String>),
    target: (Option<String>, Option<String>),
    request: CopyRequest,
}

impl CopyObject {
    /// Bucket and key of the source, as they are; the bucket may be a URL. Without it, nothing is copied.
    pub fn copy_source(mut self, bucket: impl Into<String>, key: impl Into<String>) -> Self {
        self.source = (Some(bucket.into()), Some(key.into()));
        self
    }

    /// The bucket of the copy, or its URL: `file:///path/to/store`.
    pub fn bucket(mut self, bucket: impl Into<String>) -> Self {
        self.target.0 = Some(bucket.into());
        self
    }

    /// The key of the copy.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.target.1 = Some(key.into());
        self
    }

    /// Other headers and metadata instead of the source's.
    pub fn replace_attributes(mut self, attributes: Attributes) -> Self {
        self.request.replace = Some(attributes);
        self
    }

    /// Storage class of the copy, such as `STANDARD_IA`.
    pub fn storage_class(mut self, value: impl Into<String>) -> Self {
        self.request.put.placement.storage_class = Some(value.into());
        self
    }

    /// Canned ACL of the copy, such as `bucket-owner-full-control`.
    pub fn acl(mut self, value: impl Into<String>) -> Self {
        self.request.put.placement.acl = Some(value.into());
        self
    }

    /// Hears how far it is, where the content passes through this client.
    pub fn progress(mut self, progress: SharedProgress) -> Self {
        self.request.put.progress = progress;
        self
    }

    /// Copies the object. Between two stores its content is read and put.
    ///
    /// # Errors
    /// [`Error::Missing`] without a source, a bucket or a key, before any request; else those of
    /// [`Engine::copy`](deltaglider_core::engine::Engine::copy).
    pub async fn send(self) -> Result<PutObjectOutput, Error> {
        const OPERATION: &str = "CopyObject";
        let (bucket, key) = &self.source;
        if bucket.is_none() && key.is_none() {
            return Err(Error::Missing { operation: OPERATION, field: "copy source" });
        }
        let (from_engine, from) = self.client.target(OPERATION, bucket.as_deref(), key.as_deref())?;
        let (bucket, key) = &self.target;
        let (engine, to) = self.client.target(OPERATION, bucket.as_deref(), key.as_deref())?;
        if Arc::ptr_eq(from_engine.store(), engine.store()) {
            return Ok(telemetry::put(engine.copy(&from, &to, &self.request).await?.into()));
        }
        let got = from_engine.get(&from, &GetRequest::default()).await?;
        let attributes = self.request.replace.unwrap_or(got.head.attributes);
        let put = PutRequest { attributes, ..self.request.put };
        let body = got.body.map_err(io::Error::other).boxed();
        Ok(telemetry::put(engine.put(&to, Source::Stream(body), &put).await.map_err(of_the_source)?.into()))
    }
}

/// What the source's reader said is what the user needs to hear.
fn of_the_source(error: EngineError) -> EngineError {
    match error {
        EngineError::Source(error) => match error.downcast::<EngineError>() {
            Ok(inner) => inner,
            Err(error) => EngineError::Source(error),
        },
        other => other,
    }
}
