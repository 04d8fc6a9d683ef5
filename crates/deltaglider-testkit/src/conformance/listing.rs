//! `list`.

use deltaglider_core::store::{ListEntry, ListRequest, StoreErrorKind};
use futures::StreamExt;

use super::{Subject, assert_fails};

const KEYS: [&str; 12] =
    ["a", "a-1", "a.zip", "a.zip-1", "a.zip/x", "a/1", "a/2/3", "a/2/4", "a0", "b/c/d", "\u{fffd}", "🦀"];

async fn with_keys(subject: &Subject) {
    for key in KEYS.iter().rev() {
        subject.put(key, key).await;
    }
}

fn folded(subject: &Subject, prefix: &str, delimiter: &str) -> ListRequest {
    ListRequest { delimiter: Some(delimiter.to_owned()), ..subject.below(prefix) }
}

/// Nothing is listed of nothing.
pub async fn an_empty_bucket_lists_nothing(subject: Subject) {
    assert!(subject.keys().await.is_empty());
    assert!(subject.names(folded(&subject, "a/", "/")).await.is_empty());
}

/// Keys stand in the order of their UTF-8 bytes, whatever stands for them where they are kept.
pub async fn keys_stand_in_byte_order(subject: Subject) {
    with_keys(&subject).await;
    assert_eq!(subject.keys().await, KEYS);
    for entry in subject.entries(subject.below("")).await {
        let ListEntry::Object(object) = entry else { panic!("no delimiter, no prefixes") };
        assert_eq!(object.size, object.key.len() as u64);
        assert_eq!(object.e_tag, subject.head(&object.key).await.e_tag);
    }
}

/// A prefix may end anywhere in a name.
pub async fn prefixes_are_text_not_folders(subject: Subject) {
    with_keys(&subject).await;
    for prefix in ["", "a", "a.", "a.zip", "a.zip/", "a/", "a/2", "a/2/", "a/2/3", "b", "b/c/d", "b/c/d/", "z", "🦀"]
    {
        let expected: Vec<_> = KEYS.into_iter().filter(|key| key.starts_with(prefix)).collect();
        assert_eq!(subject.names(subject.below(prefix)).await, expected, "{prefix:?}");
    }
}

/// What is below the delimiter is one line, in its place.
pub async fn common_prefixes_stand_among_the_keys(subject: Subject) {
    with_keys(&subject).await;
    let expected = ["a", "a-1", "a.zip", "a.zip-1", "a.zip/", "a/", "a0", "b/", "\u{fffd}", "🦀"];
    let entries = subject.entries(folded(&subject, "", "/")).await;
    assert_eq!(entries.iter().map(ListEntry::name).collect::<Vec<_>>(), expected);
    for entry in entries {
        assert_eq!(matches!(entry, ListEntry::Prefix(_)), entry.name().ends_with('/'), "{entry:?}");
    }
    assert_eq!(subject.names(folded(&subject, "a/", "/")).await, ["a/1", "a/2/"]);
    assert_eq!(subject.names(folded(&subject, "a", "/")).await, expected[..7]);
    assert_eq!(subject.names(folded(&subject, "a/2", "/")).await, ["a/2/"]);
    assert_eq!(subject.names(folded(&subject, "b/", "/")).await, ["b/c/"]);
    subject.put("b/", "an object of a prefix's name").await;
    subject.put("b//c", "").await;
    assert_eq!(subject.names(folded(&subject, "b", "/")).await, ["b/"]);
    assert_eq!(subject.names(folded(&subject, "b/", "/")).await, ["b/", "b//", "b/c/"]);
}

/// The delimiter need not be a slash, nor a single character.
pub async fn any_text_can_be_the_delimiter(subject: Subject) {
    with_keys(&subject).await;
    assert_eq!(
        subject.names(folded(&subject, "", "-")).await,
        ["a", "a-", "a.zip", "a.zip-", "a.zip/x", "a/1", "a/2/3", "a/2/4", "a0", "b/c/d", "\u{fffd}", "🦀"]
    );
    assert_eq!(subject.names(folded(&subject, "a", "zip")).await, ["a", "a-1", "a.zip", "a/1", "a/2/3", "a/2/4", "a0"]);
    assert_eq!(subject.names(folded(&subject, "a/", "2/")).await, ["a/1", "a/2/"]);
}

/// A listing goes on after any text, be it a key or not.
pub async fn start_after_is_exclusive(subject: Subject) {
    with_keys(&subject).await;
    for start in ["a", "a-", "a-1", "a.zip", "a.zip/", "a.zip/x", "a/", "a/2", "a/2/3", "a/9", "a0", "b/c/d", "c", "🦀"]
    {
        for prefix in ["", "a", "a/", "a/2/", "b/"] {
            let request = ListRequest { start_after: Some(start.to_owned()), ..subject.below(prefix) };
            let expected: Vec<_> = KEYS.into_iter().filter(|key| key.starts_with(prefix) && *key > start).collect();
            assert_eq!(subject.names(request).await, expected, "below {prefix:?} after {start:?}");
        }
    }
}

/// A common prefix that was listed before is not listed again.
pub async fn start_after_leaves_out_common_prefixes(subject: Subject) {
    with_keys(&subject).await;
    let all = subject.names(folded(&subject, "", "/")).await;
    for (index, name) in all.iter().enumerate() {
        let request = ListRequest { start_after: Some(name.clone()), ..folded(&subject, "", "/") };
        assert_eq!(subject.names(request).await, all[index + 1..], "after {name:?}");
    }
}

/// Pages of any size make the same listing.
pub async fn pages_join_without_seam(subject: Subject) {
    with_keys(&subject).await;
    for page_size in [1, 2, 5, 11, 12, 13, 1000] {
        let request = ListRequest { page_size: Some(page_size), ..subject.below("") };
        assert_eq!(subject.names(request).await, KEYS, "pages of {page_size}");
    }
}

/// A page may end with a common prefix, below which there is more than another page.
pub async fn pages_of_common_prefixes_join_without_seam(subject: Subject) {
    let keys = (0..30).flat_map(|dir| (0..7).map(move |n| format!("{dir:02}/{n}")));
    subject.put_all(keys.chain((0..30).map(|n| format!("{n:02}")))).await;
    let expected: Vec<_> = (0..30).flat_map(|dir| [format!("{dir:02}"), format!("{dir:02}/")]).collect();
    for page_size in [1, 2, 5, 59, 60] {
        let request = ListRequest { page_size: Some(page_size), ..folded(&subject, "", "/") };
        assert_eq!(subject.names(request).await, expected, "pages of {page_size}");
    }
}

/// More keys than a page are all listed, once.
pub async fn many_keys_are_all_listed(subject: Subject) {
    let keys: Vec<String> = (0..2500).map(|n| format!("many/{n:05}.zip")).collect();
    subject.put_all(keys.iter().cloned()).await;
    assert_eq!(subject.keys().await, keys);
    let request = ListRequest { start_after: Some(keys[1700].clone()), ..subject.below("many/") };
    assert_eq!(subject.names(request).await, keys[1701..]);
}

/// A listing need not be read to its end.
pub async fn a_listing_can_be_left(subject: Subject) {
    with_keys(&subject).await;
    let request = ListRequest { page_size: Some(2), ..subject.below("") };
    let names: Vec<_> =
        subject.store.list(request).take(3).map(|entry| entry.expect("listed").name().to_owned()).collect().await;
    assert_eq!(names, KEYS[..3]);
}

/// A bucket that is not there is not an empty bucket.
pub async fn a_listing_of_no_bucket_is_no_such_bucket(subject: Subject) {
    let mut entries = subject.store.list(ListRequest::below("a-bucket-that-nobody-made", ""));
    assert_fails(entries.next().await.expect("an answer"), StoreErrorKind::NoSuchBucket);
}
