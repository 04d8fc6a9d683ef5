//! The store in memory keeps the contract of the port.

use bytes::Bytes;
use deltaglider_core::Location;
use deltaglider_core::store::memory::MemoryStore;
use deltaglider_core::store::{Attributes, ObjectStore, Promises, PutOptions, StoreErrorKind};

deltaglider_testkit::object_store_conformance!(|| async { (MemoryStore::with_bucket("bucket"), "bucket") });
deltaglider_testkit::bucket_store_conformance!(|| async { (MemoryStore::new(), ()) });

#[tokio::test]
async fn the_limits_of_s3_hold() {
    let store = MemoryStore::with_bucket("bucket");
    assert_eq!(store.promises(), Promises::Kept);
    let put = |key: String, metadata: usize| {
        let store = store.clone();
        async move {
            let attributes =
                Attributes { metadata: [("n".into(), "v".repeat(metadata))].into(), ..Attributes::default() };
            let options = PutOptions { attributes, ..PutOptions::default() };
            let put = store.put(&Location::new("bucket", key), Bytes::new().into(), options).await;
            put.map(drop).map_err(|error| (error.kind, error.code))
        }
    };
    assert_eq!(put("k".repeat(1024), 2047).await, Ok(()));
    assert_eq!(put("k".repeat(1025), 0).await, Err((StoreErrorKind::Invalid, "KeyTooLongError".into())));
    assert_eq!(put("k".into(), 2048).await, Err((StoreErrorKind::Invalid, "MetadataTooLarge".into())));
}

#[tokio::test]
async fn every_control_character_is_part_of_a_key() {
    let subject = (MemoryStore::with_bucket("bucket"), "bucket").into();
    let keys: Vec<String> = (0..32_u8).chain([127]).map(|byte| format!("a{}b", char::from(byte))).collect();
    deltaglider_testkit::conformance::keys::every_one_is_a_key(&subject, &keys).await;
}
