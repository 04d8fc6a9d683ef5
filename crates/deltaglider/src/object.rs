//! Objects: what is known of one, and the operations on one.

pub mod copy;
pub mod delete;
pub mod get;
pub mod head;
pub mod put;

use std::collections::BTreeMap;
use std::time::SystemTime;

use deltaglider_core::engine::{LogicalHead, StoredForm};
use deltaglider_core::store::ETag;
use deltaglider_core::{Location, Sha256};

/// What is known of an object, whatever form is stored.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ObjectInfo {
    /// Where it is.
    pub at: Location,
    /// Length of the content in bytes.
    pub size: u64,
    /// Entity tag of the content: its MD5, in quotes, the same whatever form is stored.
    pub e_tag: ETag,
    /// Digest of the content; `None` for objects that others stored.
    pub sha256: Option<Sha256>,
    /// When it was stored.
    pub last_modified: SystemTime,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// `Content-Language`.
    pub content_language: Option<String>,
    /// `Expires`, as it was written.
    pub expires: Option<String>,
    /// Where a website redirects to instead.
    pub website_redirect_location: Option<String>,
    /// User metadata, by names in lower case.
    pub metadata: BTreeMap<String, String>,
    /// The form that is stored, and where.
    pub stored: StoredForm,
    /// Length of what is stored under the object's name in bytes.
    pub stored_size: u64,
    /// Version of the stored object, where the bucket keeps versions.
    pub version_id: Option<String>,
    /// Storage class of the stored object, where it is not the standard one.
    pub storage_class: Option<String>,
}

impl ObjectInfo {
    pub(crate) fn new(at: Location, head: LogicalHead) -> Self {
        let stored_size = match &head.stored {
            StoredForm::Delta { size, .. } => *size,
            _ => head.size,
        };
        let attributes = head.attributes;
        Self {
            at,
            size: head.size,
            e_tag: head.e_tag,
            sha256: head.sha256,
            last_modified: head.last_modified,
            content_type: attributes.content_type,
            cache_control: attributes.cache_control,
            content_disposition: attributes.content_disposition,
            content_encoding: attributes.content_encoding,
            content_language: attributes.content_language,
            expires: attributes.expires,
            website_redirect_location: attributes.website_redirect,
            metadata: attributes.metadata,
            stored: head.stored,
            stored_size,
            version_id: head.version_id,
            storage_class: head.storage_class,
        }
    }

    /// The form's name: `delta`, `whole`, `foreign`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.stored.kind()
    }

    /// What is stored as a share of the content; 1 for a whole object, and for one of no bytes.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        ratio(self.stored_size, self.size)
    }
}

pub(crate) fn ratio(stored: u64, size: u64) -> f64 {
    if size == 0 { 1.0 } else { stored as f64 / size as f64 }
}
