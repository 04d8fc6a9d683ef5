//! What travels with an object beside its bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// User metadata: names in lower case, without `x-amz-meta-`.
pub type Metadata = BTreeMap<String, String>;

/// Headers that are stored with an object and come back with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attributes {
    /// `Content-Type`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// `Cache-Control`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    /// `Content-Disposition`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_disposition: Option<String>,
    /// `Content-Encoding`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    /// `Content-Language`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_language: Option<String>,
    /// `Expires`, as it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// `x-amz-website-redirect-location`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub website_redirect: Option<String>,
    /// User metadata; names and values together at most 2048 bytes at S3.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: Metadata,
}

/// Where and under whose eyes an object is kept: asked for at each put, not read back. Stores without such a notion ignore it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// Storage class, such as `STANDARD_IA`.
    pub storage_class: Option<String>,
    /// Canned ACL, such as `public-read`.
    pub acl: Option<String>,
    /// Grantees for full control.
    pub grant_full_control: Option<String>,
    /// Grantees for reading.
    pub grant_read: Option<String>,
    /// Grantees for reading the ACL.
    pub grant_read_acp: Option<String>,
    /// Grantees for writing the ACL.
    pub grant_write_acp: Option<String>,
    /// Encryption at the server: `AES256`, `aws:kms`.
    pub server_side_encryption: Option<String>,
    /// Key of the server's encryption.
    pub sse_kms_key_id: Option<String>,
}

impl Placement {
    /// Whether what is put has to be restored from an archive before it can be read: a reference there would lock every delta.
    #[must_use]
    pub fn is_archived(&self) -> bool {
        matches!(self.storage_class.as_deref(), Some("GLACIER" | "DEEP_ARCHIVE"))
    }
}
