//! Copying on the server's side.

use deltaglider_core::Location;
use deltaglider_core::store::{Attributes, CopyOptions, ObjectHead, Operation, PutReceipt, StoreError, StoreErrorKind};
use futures::{StreamExt, TryStreamExt};

use aws_sdk_s3::types::MetadataDirective;

use crate::attributes::{self, receipt, set_expires, with_attributes, with_placement};
use crate::get;
use crate::multipart::{Upload, part_size};
use crate::naming::{check_key, copy_source};
use crate::put::conditions;
use crate::store::S3Store;

/// One CopyObject; where the store says that the source is too large for it (5 GiB at S3), its head and a copy in parts.
pub(crate) async fn copy(
    store: &S3Store,
    from: &Location,
    to: &Location,
    options: &CopyOptions,
) -> Result<PutReceipt, StoreError> {
    check_key(Operation::Copy, from)?;
    check_key(Operation::Copy, to)?;
    if let Some(replace) = &options.replace {
        attributes::check(Operation::Copy, to, replace)?;
    }
    match copy_once(store, from, to, options).await {
        Err(error) if is_too_large(&error) => {
            let head = get::head(store, from, Operation::Copy).await?;
            copy_parts(store, from, to, options, &head).await
        }
        result => result,
    }
}

/// S3 says: "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120".
fn is_too_large(error: &StoreError) -> bool {
    let said = error.code == "InvalidRequest" && error.message.contains("larger than the maximum");
    error.kind == StoreErrorKind::Invalid && (said || error.code == "EntityTooLarge")
}

/// One CopyObject; a second one where the server misread the entity tag of its condition on the target.
async fn copy_once(
    store: &S3Store,
    from: &Location,
    to: &Location,
    options: &CopyOptions,
) -> Result<PutReceipt, StoreError> {
    let answer = send(store, from, to, options).await;
    // A condition on the source alone is not looked at: servers that misread tags have none there, or read both forms.
    if options.source_if_match.is_none() && store.tags().was_misread(store, to, &options.mode, &answer).await {
        return send(store, from, to, options).await;
    }
    answer
}

async fn send(
    store: &S3Store,
    from: &Location,
    to: &Location,
    options: &CopyOptions,
) -> Result<PutReceipt, StoreError> {
    let call = store.call(Operation::Copy, to).await?;
    let (if_none_match, if_match) = conditions(store, &options.mode);
    let source_tag = options.source_if_match.as_ref().map(|tag| tag.as_str().to_owned());
    let request = call.client.copy_object().bucket(to.bucket()).key(to.key());
    let nothing = Attributes::default();
    let replace = options.replace.as_ref();
    let request = match replace {
        Some(replace) => with_attributes!(request, replace).metadata_directive(MetadataDirective::Replace),
        None => request,
    };
    let request = with_placement!(request, &options.placement)
        .copy_source(copy_source(from))
        .set_copy_source_if_match(source_tag)
        .set_if_none_match(if_none_match)
        .set_if_match(if_match)
        .customize()
        // The size is not known; S3 answers at once and works while it keeps the connection.
        .config_override(call.limits(1024 * 1024 * 1024))
        .mutate_request(set_expires(replace.unwrap_or(&nothing).expires.as_deref()))
        .interceptor(call.watch());
    let output = call.answer(request.send().await)?;
    let tag = output.copy_object_result().and_then(|result| result.e_tag());
    Ok(receipt(tag, output.version_id().map(str::to_owned)))
}

/// Every part is pinned to the entity tag of the head, so that they are parts of one object.
async fn copy_parts(
    store: &S3Store,
    from: &Location,
    to: &Location,
    options: &CopyOptions,
    head: &ObjectHead,
) -> Result<PutReceipt, StoreError> {
    if let Some(tag) = options.source_if_match.as_ref().filter(|tag| **tag != head.e_tag) {
        let message = format!("the source has the entity tag {} and not {tag}", head.e_tag);
        return Err(StoreError::new(Operation::Copy, from, StoreErrorKind::Conflict, message));
    }
    let attributes = options.replace.as_ref().unwrap_or(&head.attributes);
    let source = copy_source(from);
    let step = part_size(store.settings().copy_part_size, head.size);
    let upload = Upload::create(store, to, Operation::Copy, attributes, &options.placement).await?;
    let parts = futures::stream::iter(0..head.size.div_ceil(step))
        .map(|index| {
            let range = index * step..head.size.min((index + 1) * step);
            upload.send_copy(index as i32 + 1, (&source, head.e_tag.as_str()), range)
        })
        .buffer_unordered(store.settings().part_concurrency)
        .try_collect()
        .await;
    upload.finish(parts, &options.mode).await
}
