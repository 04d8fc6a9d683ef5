//! Pages of unfinished uploads.

use std::time::SystemTime;

use s3s::dto;

use super::token::encode;

/// A page of uploads by key, id and beginning, as it was asked for.
pub(super) fn page(
    begun: Vec<(String, String, SystemTime)>,
    input: dto::ListMultipartUploadsInput,
) -> dto::ListMultipartUploadsOutput {
    let after = (input.key_marker.unwrap_or_default(), input.upload_id_marker.unwrap_or_default());
    let prefix = input.prefix.unwrap_or_default();
    let most = input.max_uploads.unwrap_or(1000).clamp(1, 1000) as usize;
    let encoded = input.encoding_type.as_ref().is_some_and(|kind| kind.as_str() == dto::EncodingType::URL);
    let name = |key: &str| if encoded { encode(key) } else { key.to_owned() };
    let mut found: Vec<_> =
        begun.into_iter().filter(|(key, id, _)| key.starts_with(&prefix) && (key, id) > (&after.0, &after.1)).collect();
    found.sort();
    let more = found.len() > most;
    found.truncate(most);
    let last = found.last().filter(|_| more);
    dto::ListMultipartUploadsOutput {
        next_key_marker: last.map(|(key, ..)| name(key)),
        next_upload_id_marker: last.map(|(_, id, _)| id.clone()),
        uploads: Some(
            found
                .iter()
                .map(|(key, id, begun)| dto::MultipartUpload {
                    key: Some(name(key)),
                    upload_id: Some(id.clone()),
                    initiated: Some((*begun).into()),
                    ..Default::default()
                })
                .collect(),
        ),
        bucket: Some(input.bucket),
        is_truncated: Some(more),
        encoding_type: input.encoding_type,
        ..Default::default()
    }
}
