//! Uploads that were begun and not ended.

use std::time::SystemTime;

use aws_sdk_s3::types::EncodingType;
use deltaglider_core::Location;
use deltaglider_core::store::{Operation, PendingUpload, StoreError};

use crate::attributes::time;
use crate::naming::decode_listed;
use crate::store::S3Store;

pub(crate) async fn list(store: &S3Store, bucket: &str, prefix: &str) -> Result<Vec<PendingUpload>, StoreError> {
    let at = Location::new(bucket, prefix);
    let (mut uploads, mut key_marker, mut id_marker) = (Vec::new(), None, None);
    loop {
        let call = store.call(Operation::ListUploads, &at).await?;
        let request = call
            .client
            .list_multipart_uploads()
            .bucket(bucket)
            .set_prefix((!prefix.is_empty()).then(|| prefix.to_owned()))
            .set_key_marker(key_marker)
            .set_upload_id_marker(id_marker)
            .encoding_type(EncodingType::Url)
            .customize()
            .config_override(call.limits(0))
            .interceptor(call.watch());
        let page = call.answer(request.send().await)?;
        // A server that ignores the wish answers keys as they are.
        let encoded = page.encoding_type() == Some(&EncodingType::Url);
        let name = |name: String| if encoded { decode_listed(&name) } else { name };
        uploads.extend(page.uploads.unwrap_or_default().into_iter().filter_map(|upload| {
            Some(PendingUpload {
                at: at.with_key(name(upload.key?)),
                id: upload.upload_id?,
                // Of unknown age it counts as just begun.
                begun: upload.initiated.map_or_else(SystemTime::now, |begun| time(Some(begun))),
            })
        }));
        key_marker = page.next_key_marker.filter(|marker| !marker.is_empty()).map(name);
        id_marker = page.next_upload_id_marker.filter(|marker| !marker.is_empty());
        if page.is_truncated != Some(true) || key_marker.is_none() {
            return Ok(uploads);
        }
    }
}

pub(crate) async fn abort(store: &S3Store, upload: &PendingUpload) -> Result<(), StoreError> {
    let at = &upload.at;
    let call = store.call(Operation::AbortUpload, at).await?;
    let request = call.client.abort_multipart_upload().bucket(at.bucket()).key(at.key()).upload_id(&upload.id);
    let request = request.customize().config_override(call.limits(0)).interceptor(call.watch());
    match call.answer(request.send().await) {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() || error.code == "NoSuchUpload" => Ok(()),
        Err(error) => Err(error),
    }
}
