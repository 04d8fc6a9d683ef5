//! Contents whose digest is known for certain.

use std::sync::Arc;

use bytes::Bytes;

use crate::scratch::Scratch;
use crate::{RandomAccess, Sha256};

/// A content that was hashed, and cannot have changed since: nobody needs to hash it again.
///
/// Only this crate makes them, of what it has hashed itself: [`of`](Self::of) bytes, or of what the engine received, which it keeps
/// in memory or sealed. A file that others may write to is never one.
#[derive(Clone, Debug)]
pub struct Proven {
    content: Arc<dyn RandomAccess>,
    sha256: Sha256,
}

/// What cannot change while it is there: bytes in memory, and scratch, which is sealed where it is not in memory.
pub(crate) trait Unchanging: RandomAccess + 'static {}

impl Unchanging for Bytes {}
impl Unchanging for Scratch {}

impl Proven {
    /// Hashes bytes.
    #[must_use]
    pub fn of(bytes: Bytes) -> Self {
        let sha256 = Sha256::of(&bytes);
        Self::hashed(Arc::new(bytes), sha256)
    }

    /// Takes what was hashed already, as it was made or read.
    pub(crate) fn hashed<C: Unchanging>(content: Arc<C>, sha256: Sha256) -> Self {
        Self { content, sha256 }
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
