//! The end of a sequence: everything is read by a client that was not there before, and what is left over is swept.

use std::path::Path;
use std::sync::Arc;

use deltaglider::config::Codec;
use deltaglider::core::engine::{Depth, Verdict};
use deltaglider::core::store::memory::MemoryStore;
use deltaglider::core::store::{ListEntry, ListRequest, ObjectStore};
use futures::TryStreamExt;

use crate::carry_out::{carry_out, purge, url};
use crate::contents::{BUCKET, KEYS};
use crate::counts::Counts;
use crate::expectation::Model;
use crate::seat::Seat;
use crate::step::Op;
use crate::world::Below;

/// # Panics
/// Where a name does not read as it may, is not proven, or where something is left that nobody needs.
pub fn finish<B: Below>(bucket: &MemoryStore, directory: &Path, mut model: Model) {
    let seat = Seat::new(Arc::new(bucket.clone()), bucket, &directory.join("empty"), Codec::Dgd1);
    let mut done = |op: Op| {
        let came = seat.runtime.block_on(carry_out(&seat.client, &op, &model));
        assert!(came.error.is_none(), "at the end, {op:?}: {:?}", came.error);
        model.happened(&format!("at the end, {op:?}"), &came.events);
    };
    for key in KEYS {
        done(Op::Get(key));
    }
    Counts::add::<B>(|counts| counts.read_at_the_end += KEYS.len() as u64);
    done(Op::List { prefix: "", in_pages: true });
    let verified = seat.client.verify_all(&url(""), Depth::Full).expect("a URL");
    let reports: Vec<_> = seat.runtime.block_on(verified.try_collect()).expect("listed");
    for report in reports {
        assert!(matches!(report.verdict, Verdict::Proven | Verdict::Unproven), "{report:?}");
    }

    done(Op::Purge { exclusive: true });
    let stored = seat.runtime.block_on(stored(bucket));
    for key in &stored {
        assert!(!key.contains("/trash/") && !key.contains("/probe/"), "left after a purge: {stored:?}");
        if let Some(space) = key.strip_suffix("reference.bin") {
            let needs_it = |other: &String| {
                other.strip_prefix(space).is_some_and(|name| name.ends_with(".delta") && !name.contains('/'))
            };
            assert!(stored.iter().any(needs_it), "a reference without a delta: {stored:?}");
        }
    }
    for key in KEYS {
        done(Op::Get(key));
    }

    done(Op::DeletePrefix(""));
    seat.runtime.block_on(purge(&seat.client, true)).expect("purged");
    let left = seat.runtime.block_on(self::stored(bucket));
    assert!(left.is_empty(), "left when all was deleted: {left:?}");
}

/// Every stored key.
async fn stored(bucket: &MemoryStore) -> Vec<String> {
    let listed: Vec<ListEntry> = bucket.list(ListRequest::below(BUCKET, "")).try_collect().await.expect("listed");
    listed.iter().map(|entry| entry.name().to_owned()).collect()
}
