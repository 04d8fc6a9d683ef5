//! Listing, page by page as far as the stream is read.

use async_stream::try_stream;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::{EncodingType, ObjectStorageClass};
use deltaglider_core::Location;
use deltaglider_core::store::{ListEntry, ListRequest, ListedObject, Operation, StoreError, StoreErrorKind};
use futures::StreamExt;
use futures::stream::BoxStream;

use crate::attributes::{e_tag, storage_class, time};
use crate::naming::decode_listed;
use crate::store::S3Store;

pub(crate) fn list(store: S3Store, request: ListRequest) -> BoxStream<'static, Result<ListEntry, StoreError>> {
    try_stream! {
        let mut token = None;
        loop {
            let page = page(&store, &request, token.take()).await?;
            let next = next_token(&page, &request)?;
            for entry in entries(page) {
                // Servers differ on a common prefix before the start of keys after it.
                if request.start_after.as_deref().is_none_or(|start| entry.name() > start) {
                    yield entry;
                }
            }
            if next.is_none() {
                return;
            }
            token = next;
        }
    }
    .boxed()
}

async fn page(
    store: &S3Store,
    request: &ListRequest,
    token: Option<String>,
) -> Result<ListObjectsV2Output, StoreError> {
    let at = place(request);
    let call = store.call(Operation::List, &at).await?;
    let prefix = Some(&request.prefix).filter(|prefix| !prefix.is_empty());
    let sent = call
        .client
        .list_objects_v2()
        .bucket(&request.bucket)
        .set_prefix(prefix.cloned())
        .set_delimiter(request.delimiter.clone())
        // A token says where to go on, and some servers let the start overrule it.
        .set_start_after(if token.is_none() { request.start_after.clone() } else { None })
        .set_continuation_token(token)
        .set_max_keys(request.page_size.map(|size| size.clamp(1, 1000) as i32))
        .encoding_type(EncodingType::Url)
        .customize()
        .config_override(call.limits(0))
        .interceptor(call.watch());
    call.answer(sent.send().await)
}

fn next_token(page: &ListObjectsV2Output, request: &ListRequest) -> Result<Option<String>, StoreError> {
    match (page.is_truncated(), page.next_continuation_token()) {
        (Some(true), Some(token)) => Ok(Some(token.to_owned())),
        (Some(true), None) => {
            let message = "the store says that the listing goes on, and not where";
            Err(StoreError::new(Operation::List, &place(request), StoreErrorKind::Other, message))
        }
        _ => Ok(None),
    }
}

/// Objects and common prefixes of a page in the order of their bytes.
fn entries(page: ListObjectsV2Output) -> Vec<ListEntry> {
    // A server that ignores the wish answers keys as they are.
    let encoded = page.encoding_type() == Some(&EncodingType::Url);
    let name = |name: Option<String>| {
        let name = name.unwrap_or_default();
        if encoded { decode_listed(&name) } else { name }
    };
    let objects = page.contents.unwrap_or_default().into_iter().map(|object| {
        ListEntry::Object(ListedObject {
            size: object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
            e_tag: e_tag(object.e_tag.as_deref()),
            last_modified: time(object.last_modified),
            storage_class: storage_class(object.storage_class.as_ref().map(ObjectStorageClass::as_str)),
            key: name(object.key),
        })
    });
    let mut entries: Vec<_> = objects.collect();
    let prefixes = page.common_prefixes.unwrap_or_default();
    entries.extend(prefixes.into_iter().map(|prefix| ListEntry::Prefix(name(prefix.prefix))));
    entries.sort_by(|one, other| one.name().cmp(other.name()));
    entries
}

fn place(request: &ListRequest) -> Location {
    Location::new(request.bucket.as_str(), request.prefix.as_str())
}
