//! PutObject.

use deltaglider_core::codec::DeltaParts;
use deltaglider_core::engine::plan::WhyWhole;
use deltaglider_core::engine::{PutReport, PutRequest, ReferenceUse, StoredForm};
use deltaglider_core::progress::SharedProgress;
use deltaglider_core::store::ETag;
use deltaglider_core::{Location, Sha256};

use super::ratio;
use crate::body::Body;
use crate::client::Client;
use crate::error::Error;
use crate::telemetry;

impl Client {
    /// Stores an object, as a delta where that saves space.
    ///
    /// Requests: 3 where the reference is cached, 4 where it is not or the object becomes the reference, 1 for a name that can be no
    /// delta; see [`Engine::put`](deltaglider_core::engine::Engine::put).
    pub fn put_object(&self) -> PutObject {
        PutObject {
            client: self.clone(),
            bucket: None,
            key: None,
            body: Body::default(),
            request: PutRequest::default(),
        }
    }
}

/// A put, being described; [`send`](Self::send) does it.
#[derive(Debug)]
#[must_use = "nothing is put before `send`"]
pub struct PutObject {
    client: Client,
    bucket: Option<String>,
    key: Option<String>,
    body: Body,
    request: PutRequest,
}

impl PutObject {
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

    /// The content; none is an object of no bytes.
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// Adds a piece of user metadata; names are kept in lower case.
    pub fn metadata(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.request.attributes.metadata.insert(name.into().to_ascii_lowercase(), value.into());
        self
    }

    /// `Content-Type`.
    pub fn content_type(mut self, value: impl Into<String>) -> Self {
        self.request.attributes.content_type = Some(value.into());
        self
    }

    /// `Cache-Control`.
    pub fn cache_control(mut self, value: impl Into<String>) -> Self {
        self.request.attributes.cache_control = Some(value.into());
        self
    }

    /// `Content-Disposition`.
    pub fn content_disposition(mut self, value: impl Into<String>) -> Self {
        self.request.attributes.content_disposition = Some(value.into());
        self
    }

    /// `Content-Encoding`.
    pub fn content_encoding(mut self, value: impl Into<String>) -> Self {
        self.request.attributes.content_encoding = Some(value.into());
        self
    }

    /// `Content-Language`.
    pub fn content_language(mut self, value: impl Into<String>) -> Self {
        self.request.attributes.content_language = Some(value.into());
        self
    }

    /// `Expires`, as it is to be written.
    pub fn expires(mut self, value: impl Into<String>) -> Self {
        self.request.attributes.expires = Some(value.into());
        self
    }

    /// Where a website redirects to instead.
    pub fn website_redirect_location(mut self, value: impl Into<String>) -> Self {
        self.request.attributes.website_redirect = Some(value.into());
        self
    }

    /// Storage class, such as `STANDARD_IA`.
    pub fn storage_class(mut self, value: impl Into<String>) -> Self {
        self.request.placement.storage_class = Some(value.into());
        self
    }

    /// Canned ACL, such as `bucket-owner-full-control`.
    pub fn acl(mut self, value: impl Into<String>) -> Self {
        self.request.placement.acl = Some(value.into());
        self
    }

    /// Encryption at the server: `AES256`, `aws:kms`.
    pub fn server_side_encryption(mut self, value: impl Into<String>) -> Self {
        self.request.placement.server_side_encryption = Some(value.into());
        self
    }

    /// Key of the server's encryption.
    pub fn ssekms_key_id(mut self, value: impl Into<String>) -> Self {
        self.request.placement.sse_kms_key_id = Some(value.into());
        self
    }

    /// Stores it whole, whatever its name.
    pub fn whole(mut self, whole: bool) -> Self {
        self.request.whole = whole;
        self
    }

    /// Another limit than the client's for the delta as a share of the content.
    pub fn max_ratio(mut self, ratio: f64) -> Self {
        self.request.max_ratio = Some(ratio);
        self
    }

    /// Hears how far it is.
    pub fn progress(mut self, progress: SharedProgress) -> Self {
        self.request.progress = progress;
        self
    }

    /// Puts the object. When this returns, it is readable by everybody.
    ///
    /// # Errors
    /// [`Error::Missing`] without a bucket or a key, before any request; else those of
    /// [`Engine::put`](deltaglider_core::engine::Engine::put).
    pub async fn send(self) -> Result<PutObjectOutput, Error> {
        let (engine, at) = self.client.target("PutObject", self.bucket.as_deref(), self.key.as_deref())?;
        Ok(telemetry::put(engine.put(&at, self.body.into_source().await, &self.request).await?.into()))
    }
}

/// What a put or a copy did.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PutObjectOutput {
    /// Where the object is.
    pub at: Location,
    /// Entity tag of the content: its MD5, in quotes, the same whatever form is stored.
    pub e_tag: ETag,
    /// Digest of the content.
    pub sha256: Sha256,
    /// Length of the content in bytes.
    pub size: u64,
    /// Bytes stored under the object's own name.
    pub stored_size: u64,
    /// Bytes sent to the store in all, a new reference included.
    pub sent: u64,
    /// The form that is stored, and where.
    pub stored: StoredForm,
    /// The form's name: `delta`, `whole`.
    pub kind: &'static str,
    /// What is stored as a share of the content; 1 for a whole object.
    pub ratio: f64,
    /// Where the reference came from; [`ReferenceUse::Cached`] is a hit.
    pub reference: ReferenceUse,
    /// What its delta is made of, where it is one.
    pub parts: Option<DeltaParts>,
    /// Why it was stored whole, where it was.
    pub why_whole: Option<WhyWhole>,
    /// Version of the stored object, where the bucket keeps versions.
    pub version_id: Option<String>,
}

impl From<PutReport> for PutObjectOutput {
    fn from(report: PutReport) -> Self {
        Self {
            kind: report.stored.kind(),
            ratio: ratio(report.stored_size, report.size),
            at: report.at,
            e_tag: report.e_tag,
            sha256: report.sha256,
            size: report.size,
            stored_size: report.stored_size,
            sent: report.sent,
            stored: report.stored,
            reference: report.reference,
            parts: report.parts,
            why_whole: report.why_whole,
            version_id: report.version_id,
        }
    }
}
