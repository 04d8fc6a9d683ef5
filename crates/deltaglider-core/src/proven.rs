//! Contents whose digest is known for certain.

use std::sync::Arc;

use bytes::Bytes;

use crate::{RandomAccess, Sha256};

/// A content that was hashed, and cannot have changed since: nobody needs to hash it again.
///
/// Only this crate makes them, of bytes in memory that it has hashed itself: [`of`](Self::of) any, or of what the engine received.
/// A file that others may write to is never one.
#[derive(Clone, Debug)]
pub struct Proven {
    content: Arc<dyn RandomAccess>,
    sha256: Sha256,
}

impl Proven {
    /// Hashes bytes.
    #[must_use]
    pub fn of(bytes: Bytes) -> Self {
        let sha256 = Sha256::of(&bytes);
        Self::hashed(bytes, sha256)
    }

    /// Takes what was hashed already, as it was made or read.
    pub(crate) fn hashed(bytes: Bytes, sha256: Sha256) -> Self {
        Self { content: Arc::new(bytes), sha256 }
    }

    /// The content's digest.
    #[must_use]
    pub fn sha256(&self) -> Sha256 {
        self.sha256
    }

    /// The content.
    #[must_use]
    pub fn content(&self) -> &Arc<dyn RandomAccess> {
        &self.content
    }
}
