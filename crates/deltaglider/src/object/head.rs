//! HeadObject.

use super::ObjectInfo;
use crate::client::Client;
use crate::error::Error;

impl Client {
    /// Asks what is known of an object, without its content. Requests: 1, or 2 for a whole object whose name could be a delta.
    pub fn head_object(&self) -> HeadObject {
        HeadObject { client: self.clone(), bucket: None, key: None }
    }

    /// What is known of the object at a URL. Costs as [`Client::head_object`].
    pub async fn object_info(&self, url: &str) -> Result<ObjectInfo, Error> {
        let place = self.object_place("HeadObject", url)?;
        Ok(ObjectInfo::new(place.at.clone(), place.engine.head(&place.at).await?))
    }
}

/// A question for an object's head, being described; [`send`](Self::send) asks it.
#[derive(Clone, Debug)]
#[must_use = "nothing is asked before `send`"]
pub struct HeadObject {
    client: Client,
    bucket: Option<String>,
    key: Option<String>,
}

impl HeadObject {
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

    /// Asks.
    ///
    /// # Errors
    /// [`Error::Missing`] without a bucket or a key, before any request; else those of
    /// [`Engine::head`](deltaglider_core::engine::Engine::head).
    pub async fn send(self) -> Result<ObjectInfo, Error> {
        let (engine, at) = self.client.target("HeadObject", self.bucket.as_deref(), self.key.as_deref())?;
        let head = engine.head(&at).await?;
        Ok(ObjectInfo::new(at, head))
    }
}
