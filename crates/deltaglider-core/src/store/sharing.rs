//! Who may read and write: access control lists of buckets, and URLs that lend a right for a while.

use std::fmt;

/// A URL by which whoever holds it may fetch one object until it expires. It is a secret: only [`PresignedUrl::expose`] shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct PresignedUrl(String);

impl PresignedUrl {
    /// Takes a URL.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The URL itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PresignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresignedUrl")
    }
}

/// The access control list of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketAcl {
    /// Whose bucket it is.
    pub owner: Option<Grantee>,
    /// Who may do what.
    pub grants: Vec<AclGrant>,
}

/// A right and who has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclGrant {
    /// Who has it.
    pub grantee: Grantee,
    /// Which right, in the words of S3: `FULL_CONTROL`, `READ`, `WRITE`, `READ_ACP`, `WRITE_ACP`.
    pub permission: String,
}

/// An account, or a group of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grantee {
    /// `CanonicalUser`, `Group` or `AmazonCustomerByEmail`; none for an owner.
    pub kind: Option<String>,
    /// Id of an account.
    pub id: Option<String>,
    /// Name of an account, for display.
    pub display_name: Option<String>,
    /// Address of an account.
    pub email: Option<String>,
    /// Name of a group.
    pub uri: Option<String>,
}

/// What replaces the access control list of a bucket; the grants are texts such as `id=…,uri=…`, as S3 takes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewBucketAcl {
    /// A list with a name, such as `private` or `public-read`.
    pub canned: Option<String>,
    /// Grantees for everything.
    pub grant_full_control: Option<String>,
    /// Grantees for listing.
    pub grant_read: Option<String>,
    /// Grantees for reading this list.
    pub grant_read_acp: Option<String>,
    /// Grantees for storing and deleting.
    pub grant_write: Option<String>,
    /// Grantees for writing this list.
    pub grant_write_acp: Option<String>,
    /// The whole list.
    pub policy: Option<BucketAcl>,
}
