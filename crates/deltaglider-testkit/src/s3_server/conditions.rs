//! Which conditions the server honours: real servers differ.

/// What a server does with a condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Honour {
    /// Keeps it.
    #[default]
    Kept,
    /// Takes no notice of it.
    Ignored,
    /// Answers 501.
    Refused,
    /// Compares an entity tag as text with the bare one: in quotes it is none.
    Bare,
}

/// What a server does with each condition; all are kept by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// `If-None-Match: *` of a PutObject.
    pub create: Honour,
    /// `If-Match` of a PutObject.
    pub update: Honour,
    /// Conditions of a CompleteMultipartUpload.
    pub complete: Honour,
    /// Conditions of a CopyObject on its destination.
    pub copy: Honour,
    /// `x-amz-copy-source-if-match`.
    pub copy_source: Honour,
    /// `If-Match` of a DeleteObject.
    pub delete: Honour,
}

impl Conditions {
    /// A server that takes no notice of any.
    #[must_use]
    pub fn ignored() -> Self {
        let ignored = Honour::Ignored;
        Self {
            create: ignored,
            update: ignored,
            complete: ignored,
            copy: ignored,
            copy_source: ignored,
            delete: ignored,
        }
    }
}
