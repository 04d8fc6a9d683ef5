//! The store that the clients are played over keeps the contract of the port.

use deltaglider_testkit::interleavings::{Contents, ValueStore};

deltaglider_testkit::object_store_conformance!(|| async {
    (ValueStore::new(Contents::default(), 0).with_bucket("bucket"), "bucket")
});
