//! How entity tags are written into conditions of writes: in quotes, as HTTP has it, or bare.
//!
//! Some servers (Ceph's gateway up to version 17 at least) compare the tag of an `If-Match` of a put as text with the bare tag:
//! in quotes it matches nothing, and nothing could ever be replaced. AWS takes both. Which of the two a server wants is found out
//! where it refuses: if the object has the tag that was asked for, it was misread.

use std::sync::atomic::{AtomicBool, Ordering};

use deltaglider_core::Location;
use deltaglider_core::store::{ETag, ObjectStore, Operation, Promises, PutMode, PutReceipt, StoreError};

use crate::get;
use crate::store::S3Store;

/// The form that a server understands, as far as it is known.
#[derive(Debug, Default)]
pub(crate) struct TagForm {
    bare: AtomicBool,
    /// A condition was met in this form: whatever is refused is refused for good reason.
    proven: AtomicBool,
}

impl TagForm {
    /// A tag as it goes into a condition.
    pub(crate) fn written(&self, tag: &ETag) -> String {
        let bare = self.bare.load(Ordering::Relaxed);
        if bare { tag.unquoted().to_owned() } else { tag.as_str().to_owned() }
    }

    /// Whether a write was refused only since its tag was in the form that the server misreads; from then on the other form is
    /// written, and the same request may be sent again. One request (a head) where a write under a tag is refused, until the
    /// first one is not; AWS, which takes both forms, is spared it.
    pub(crate) async fn was_misread(
        &self,
        store: &S3Store,
        at: &Location,
        mode: &PutMode,
        answer: &Result<PutReceipt, StoreError>,
    ) -> bool {
        let PutMode::Update(tag) = mode else { return false };
        match answer {
            Ok(_) => {
                self.proven.store(true, Ordering::Relaxed);
                false
            }
            Err(error)
                if error.is_conflict()
                    && !self.proven.load(Ordering::Relaxed)
                    && store.promises() != Promises::Kept =>
            {
                let stands = get::head(store, at, Operation::Head).await.is_ok_and(|head| head.e_tag == *tag);
                if stands {
                    self.bare.fetch_xor(true, Ordering::Relaxed);
                }
                stands
            }
            Err(_) => false,
        }
    }
}
