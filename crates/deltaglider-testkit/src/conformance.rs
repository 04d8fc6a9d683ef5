//! The contracts of the ports as tests, one for each promise, for every store to run.
//!
//! ```text
//! deltaglider_testkit::object_store_conformance!(|| async { (MemoryStore::with_bucket("bucket"), "bucket") });
//! deltaglider_testkit::bucket_store_conformance!(|| async { (MemoryStore::new(), ()) });
//! ```
//!
//! The closure runs once a test. For objects it answers an empty bucket: `(store, bucket)`, or `(store, bucket, guard)` with
//! whatever has to live as long as the store; for buckets `(store, guard)`. The crate that calls needs `tokio` with `macros` and `rt-multi-thread`.

pub mod buckets;
pub mod copying;
pub mod deleting;
pub mod keys;
pub mod listing;
pub mod reading;
pub mod writing;

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;
use deltaglider_core::Location;
use deltaglider_core::store::{
    GetOptions, ListEntry, ListRequest, ObjectHead, ObjectStore, PutMode, PutOptions, PutReceipt, StoreError,
    StoreErrorKind,
};
use futures::{StreamExt, TryStreamExt, stream};

/// A store under test and an empty bucket in it.
pub struct Subject {
    /// The store.
    pub store: Arc<dyn ObjectStore>,
    /// The bucket.
    pub bucket: String,
    _guard: Box<dyn Any + Send + Sync>,
}

impl Subject {
    /// A store, an empty bucket of it, and what has to live as long.
    pub fn new(store: Arc<dyn ObjectStore>, bucket: impl Into<String>, guard: impl Any + Send + Sync) -> Self {
        Self { store, bucket: bucket.into(), _guard: Box::new(guard) }
    }

    /// A place in the bucket.
    #[must_use]
    pub fn at(&self, key: &str) -> Location {
        Location::new(self.bucket.as_str(), key)
    }

    /// Puts a small object, whatever was there.
    pub async fn put(&self, key: &str, content: &str) -> PutReceipt {
        self.put_with(key, content, PutMode::Overwrite).await.expect("put")
    }

    /// Puts a small object on a condition.
    pub async fn put_with(&self, key: &str, content: &str, mode: PutMode) -> Result<PutReceipt, StoreError> {
        let body = Bytes::copy_from_slice(content.as_bytes()).into();
        self.store.put(&self.at(key), body, PutOptions { mode, ..PutOptions::default() }).await
    }

    /// Puts many empty objects, some at a time.
    pub async fn put_all(&self, keys: impl IntoIterator<Item = String>) {
        stream::iter(keys)
            .for_each_concurrent(16, |key| async move {
                self.put(&key, "").await;
            })
            .await;
    }

    /// The content of an object.
    pub async fn read(&self, key: &str) -> Result<String, StoreErrorKind> {
        let object = self.store.get(&self.at(key), GetOptions::default()).await.map_err(|error| error.kind)?;
        let bytes = object.bytes(u64::MAX).await.map_err(|error| error.kind)?;
        Ok(String::from_utf8(bytes.to_vec()).expect("text"))
    }

    /// The head of an object.
    pub async fn head(&self, key: &str) -> ObjectHead {
        self.store.head(&self.at(key)).await.expect("head")
    }

    /// Keys and common prefixes as they are listed.
    pub async fn names(&self, request: ListRequest) -> Vec<String> {
        self.entries(request).await.iter().map(|entry| entry.name().to_owned()).collect()
    }

    /// All lines of a listing.
    pub async fn entries(&self, request: ListRequest) -> Vec<ListEntry> {
        self.store.list(request).try_collect().await.expect("listed")
    }

    /// All keys of the bucket.
    pub async fn keys(&self) -> Vec<String> {
        self.names(self.below("")).await
    }

    /// A listing of what is below a prefix.
    #[must_use]
    pub fn below(&self, prefix: &str) -> ListRequest {
        ListRequest::below(self.bucket.as_str(), prefix)
    }

    /// Asserts that there is nothing of a key.
    pub async fn assert_absent(&self, key: &str) {
        assert_eq!(self.read(key).await, Err(StoreErrorKind::NotFound), "get of {key:?}");
        let error = self.store.head(&self.at(key)).await.expect_err("nothing there");
        assert_eq!(error.kind, StoreErrorKind::NotFound, "head of {key:?}");
        assert!(!self.names(self.below(key)).await.contains(&key.to_owned()), "{key:?} is listed");
    }
}

impl<S: ObjectStore, B: Into<String>> From<(S, B)> for Subject {
    fn from((store, bucket): (S, B)) -> Self {
        Self::new(Arc::new(store), bucket, ())
    }
}

impl<S: ObjectStore, B: Into<String>, G: Any + Send + Sync> From<(S, B, G)> for Subject {
    fn from((store, bucket, guard): (S, B, G)) -> Self {
        Self::new(Arc::new(store), bucket, guard)
    }
}

/// Asserts that an answer is an error of a kind.
#[track_caller]
pub fn assert_fails<T>(answer: Result<T, StoreError>, kind: StoreErrorKind) {
    match answer {
        Ok(_) => panic!("done, where {kind:?} was expected"),
        Err(error) => assert_eq!(error.kind, kind, "{error}"),
    }
}

/// Expands into the suite of [`ObjectStore`], a test for each promise. See [the module](crate::conformance).
#[macro_export]
macro_rules! object_store_conformance {
    ($make:expr) => {
        $crate::conformance_tests! {
            $make => $crate::conformance::Subject::from;
            reading {
                get_answers_head_and_body_together
                get_and_head_and_list_agree
                get_with_another_entity_tag_is_a_conflict
                get_of_nothing_is_not_found
                get_from_no_bucket_is_no_such_bucket
                ranges_are_cut_at_the_end
                ranges_past_the_end_are_invalid
                an_empty_object_is_an_object
                a_body_is_of_one_object
                bodies_arrive_whole
            }
            writing {
                put_replaces_content_and_attributes
                all_attributes_come_back
                bodies_come_from_memory_files_and_streams
                a_broken_body_leaves_nothing
                a_broken_body_leaves_the_old_object
                a_short_body_leaves_nothing
                a_dropped_put_leaves_nothing
                put_into_no_bucket_is_no_such_bucket
                create_refuses_what_is_there
                create_has_exactly_one_winner
                update_replaces_only_what_has_the_tag
                update_has_exactly_one_winner
                readers_see_the_old_object_or_the_new_one
                what_was_put_is_there_at_once
            }
            copying {
                copy_carries_content_and_attributes
                copy_can_replace_attributes
                copy_onto_itself_replaces_attributes
                copy_of_nothing_is_not_found
                copy_of_another_entity_tag_is_a_conflict
                copy_keeps_the_conditions_of_its_mode
            }
            deleting {
                delete_removes_at_once
                delete_of_nothing_succeeds
                delete_with_a_tag_removes_only_that_object
                delete_with_a_tag_fails_on_nothing
                delete_answers_for_every_target
            }
            keys {
                odd_keys_are_keys
                keys_nest_in_one_another
                keys_are_compared_byte_by_byte
            }
            listing {
                an_empty_bucket_lists_nothing
                keys_stand_in_byte_order
                prefixes_are_text_not_folders
                common_prefixes_stand_among_the_keys
                any_text_can_be_the_delimiter
                start_after_is_exclusive
                start_after_leaves_out_common_prefixes
                pages_join_without_seam
                pages_of_common_prefixes_join_without_seam
                many_keys_are_all_listed
                a_listing_can_be_left
                a_listing_of_no_bucket_is_no_such_bucket
            }
        }
    };
}

/// Expands into the suite of `BucketStore`, for a store that is an `ObjectStore` as well. See [the module](crate::conformance).
#[macro_export]
macro_rules! bucket_store_conformance {
    ($make:expr) => {
        $crate::conformance_tests! {
            $make => ::core::convert::identity;
            buckets {
                a_new_bucket_is_listed_and_empty
                a_bucket_is_made_once
                a_bucket_has_exactly_one_maker
                a_removed_bucket_is_gone
                a_bucket_with_objects_is_not_removed
                a_bucket_that_is_not_there_cannot_be_removed
                buckets_are_listed_in_the_order_of_their_names
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_tests {
    ($make:expr => $subject:expr; $($group:ident { $($name:ident)* })*) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let made = ($make)().await;
                $crate::conformance::$group::$name($subject(made)).await;
            }
        )*)*
    };
}
