//! The store in a directory keeps the contract of the port, and its own promises.

use deltaglider_core::store::BucketStore;
use deltaglider_core::store::local::LocalStore;
use tempfile::TempDir;

deltaglider_testkit::object_store_conformance!(|| async {
    let directory = tempfile::tempdir().expect("a directory");
    let store = LocalStore::open(directory.path().to_owned());
    store.create_bucket("bucket").await.expect("a bucket");
    (store, "bucket", directory)
});

mod buckets {
    use super::*;

    fn store() -> LocalStore {
        LocalStore::open(tempfile::tempdir().expect("a directory").keep())
    }
    deltaglider_testkit::bucket_store_conformance!(|| async { store() });
}
fn _unused(_: TempDir) {}
