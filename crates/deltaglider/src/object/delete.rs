//! DeleteObject and DeleteObjects.

use std::sync::{Arc, Mutex, PoisonError};

use deltaglider_core::engine::{DeleteReport, DeleteRequest, LogicalEntry, LogicalListRequest};
use deltaglider_core::{Error as EngineError, Location};
use futures::StreamExt;
use futures::stream::BoxStream;

use crate::client::Client;
use crate::error::Error;

impl Client {
    /// Deletes an object, in whatever form; the reference of its delta space goes with the last delta. That there is no such object
    /// is no error. Requests: 2 to 4, and 6 more for the last of a delta space.
    pub fn delete_object(&self) -> DeleteObject {
        DeleteObject { client: self.clone(), bucket: None, key: None }
    }

    /// Deletes everything below a URL, which is taken as a directory: `s3://bucket/app/` and `s3://bucket/app` mean the same, and
    /// `s3://bucket` the whole bucket. References and what nobody sees of their delta spaces go too.
    ///
    /// Requests: the pages of the listing and one HEAD for each delta, and those of
    /// [`Engine::delete_many`](deltaglider_core::engine::Engine::delete_many).
    ///
    /// # Errors
    /// [`Error::Url`] and [`Error::NoLocalStore`], before any request. What fails later is in the output, what ends the listing among
    /// it.
    pub async fn delete_prefix(&self, url: &str) -> Result<DeleteObjectsOutput, Error> {
        let (place, prefix) = self.directory(url)?;
        let listing = LogicalListRequest {
            bucket: prefix.bucket().to_owned(),
            prefix: prefix.key().to_owned(),
            ..LogicalListRequest::default()
        };
        let unlisted = Arc::new(Mutex::new(None));
        let noted = Arc::clone(&unlisted);
        let targets = place.engine.list(listing).filter_map(move |entry| {
            let target = match entry {
                Ok(LogicalEntry::Object(object)) => {
                    Some(DeleteRequest { at: prefix.with_key(object.key), stored: Some(object.stored) })
                }
                Ok(LogicalEntry::Prefix(_)) => None,
                Err(error) => {
                    *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    None
                }
            };
            std::future::ready(target)
        });
        let mut output = deleted(place.engine.delete_many(targets.boxed())).await;
        let unlisted = unlisted.lock().unwrap_or_else(PoisonError::into_inner).take();
        output.errors.extend(unlisted.map(Error::from));
        Ok(output)
    }

    /// Deletes many objects of a bucket.
    pub fn delete_objects(&self) -> DeleteObjects {
        DeleteObjects { client: self.clone(), bucket: None, keys: Vec::new() }
    }
}

/// A deletion, being described; [`send`](Self::send) does it.
#[derive(Clone, Debug)]
#[must_use = "nothing is deleted before `send`"]
pub struct DeleteObject {
    client: Client,
    bucket: Option<String>,
    key: Option<String>,
}

impl DeleteObject {
    /// The bucket, or its URL: `file:///path/to/store`.
    pub fn bucket(mut self, bucket: impl Into<String>) -> Self {
        self.bucket = Some(bucket.into());
        self
    }

    /// The key.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Deletes the object.
    ///
    /// # Errors
    /// [`Error::Missing`] without a bucket or a key, before any request; else those of
    /// [`Engine::delete`](deltaglider_core::engine::Engine::delete).
    pub async fn send(self) -> Result<DeleteReport, Error> {
        let (engine, at) = self.client.target("DeleteObject", self.bucket.as_deref(), self.key.as_deref())?;
        Ok(engine.delete(&at).await?)
    }
}

/// Deletions, being described; [`send`](Self::send) does them.
#[derive(Clone, Debug)]
#[must_use = "nothing is deleted before `send`"]
pub struct DeleteObjects {
    client: Client,
    bucket: Option<String>,
    keys: Vec<String>,
}

impl DeleteObjects {
    /// The bucket, or its URL: `file:///path/to/store`.
    pub fn bucket(mut self, bucket: impl Into<String>) -> Self {
        self.bucket = Some(bucket.into());
        self
    }

    /// Adds a key.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.keys.push(key.into());
        self
    }

    /// Adds keys, any number of them.
    pub fn keys(mut self, keys: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.keys.extend(keys.into_iter().map(Into::into));
        self
    }

    /// Deletes the objects; what fails does not keep the others from being deleted.
    ///
    /// # Errors
    /// [`Error::Missing`] without a bucket or with an empty key, before any request. What fails later is in the output.
    pub async fn send(self) -> Result<DeleteObjectsOutput, Error> {
        const OPERATION: &str = "DeleteObjects";
        let (engine, bucket) = self.client.bucket_engine(OPERATION, self.bucket.as_deref())?;
        if self.keys.iter().any(String::is_empty) {
            return Err(Error::Missing { operation: OPERATION, field: "key" });
        }
        let targets: Vec<_> = self.keys.into_iter().map(|key| DeleteRequest::from(bucket.with_key(key))).collect();
        Ok(deleted(engine.delete_many(futures::stream::iter(targets).boxed())).await)
    }
}

async fn deleted(mut answers: BoxStream<'_, Result<Location, EngineError>>) -> DeleteObjectsOutput {
    let mut output = DeleteObjectsOutput::default();
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(at) => output.deleted.push(at),
            Err(error) => output.errors.push(error.into()),
        }
    }
    output
}

/// What deletions did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct DeleteObjectsOutput {
    /// Objects that are gone, in any order.
    pub deleted: Vec<Location>,
    /// What failed.
    pub errors: Vec<Error>,
}
