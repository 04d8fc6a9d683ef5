//! The contracts of the ports, kept by a real server.
//!
//! `DG_TEST_S3_ENDPOINT` names it, `DG_TEST_S3_ACCESS_KEY` and `DG_TEST_S3_SECRET_KEY` sign:
//!
//! ```text
//! DG_TEST_S3_ENDPOINT=http://127.0.0.1:18333 DG_TEST_S3_ACCESS_KEY=… DG_TEST_S3_SECRET_KEY=… \
//!     cargo test -p deltaglider-s3 --features real-server-tests --test real_server
//! ```
//!
//! What a server cannot do is skipped by name. SeaweedFS 4.48 keeps directories below its buckets: it makes buckets on the way,
//! lists a directory's content beside its name, and knows no `a//b`, no `..` and no redirects. With it, after `--`:
//!
//! ```text
//! --skip _no_bucket_ --skip odd_keys --skip all_attributes --skip copy_can_replace --skip get_of_nothing --skip start_after
//! --skip pages_join_without_seam --skip a_listing_can_be_left --skip common_prefixes_stand
//! ```
//!
//! Each test makes a bucket of its own, `deltaglider-test-…`, empties it and removes it.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use deltaglider_core::Location;
use deltaglider_core::store::{BucketStore, DeleteTarget, ListEntry, ListRequest, ObjectStore};
use deltaglider_s3::S3Store;
use futures::{StreamExt, TryStreamExt};

fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: these tests need a server"))
}

fn store() -> S3Store {
    S3Store::builder()
        .endpoint_url(setting("DG_TEST_S3_ENDPOINT"))
        .region("us-east-1")
        .static_credentials(&setting("DG_TEST_S3_ACCESS_KEY"), &setting("DG_TEST_S3_SECRET_KEY"), None)
        .build()
        .unwrap()
}

/// Empties and removes a bucket at the end of its test.
struct Bucket {
    store: S3Store,
    name: String,
}

impl Drop for Bucket {
    fn drop(&mut self) {
        let (store, name) = (self.store.clone(), self.name.clone());
        // The test's runtime may be in the middle of ending, so the work gets one of its own.
        let cleaning = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(clean(&store, &name));
        });
        drop(cleaning.join());
    }
}

async fn clean(store: &S3Store, bucket: &str) {
    let listed: Vec<ListEntry> = store.list(ListRequest::below(bucket, "")).try_collect().await.unwrap_or_default();
    let targets: Vec<DeleteTarget> = listed.iter().map(|entry| Location::new(bucket, entry.name()).into()).collect();
    let _ = store.delete(futures::stream::iter(targets).boxed()).collect::<Vec<_>>().await;
    let _ = store.delete_bucket(bucket).await;
}

mod objects {
    use super::*;

    deltaglider_testkit::object_store_conformance!(|| async {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let name = format!("deltaglider-test-{since}-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let store = store();
        match store.create_bucket(&name).await {
            // Nobody else has this name: a request was repeated whose first answer was lost, as by a server that just starts.
            Err(error) if error.is_conflict() => {}
            created => created.unwrap(),
        }
        let bucket = Bucket { store: self::store(), name: name.clone() };
        (store, name, bucket)
    });
}
