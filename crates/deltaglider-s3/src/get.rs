//! Heads and bodies: one GET for one object, whatever its size.

use std::ops::Range;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::types::StorageClass;
use deltaglider_core::Location;
use deltaglider_core::store::{
    ByteRange, ETag, GetObject, GetOptions, ObjectHead, ObjectStore, Operation, Promises, StoreError, StoreErrorKind,
};

use crate::attributes::{attributes_of, e_tag, storage_class, time};
use crate::body;
use crate::naming::check_key;
use crate::store::S3Store;

/// An answer to a GET: which part of which object.
pub(crate) struct Fetched {
    pub(crate) head: ObjectHead,
    pub(crate) range: Range<u64>,
    pub(crate) body: aws_sdk_s3::primitives::ByteStream,
}

pub(crate) async fn get(store: &S3Store, at: &Location, options: GetOptions) -> Result<GetObject, StoreError> {
    let Fetched { head, range, body } = fetch(store, at, options.range, options.if_match.as_ref()).await?;
    let body = body::resuming(store.clone(), at.clone(), head.e_tag.clone(), range.clone(), body);
    Ok(GetObject { head, range, body })
}

pub(crate) async fn head(store: &S3Store, at: &Location, operation: Operation) -> Result<ObjectHead, StoreError> {
    check_key(Operation::Head, at)?;
    let call = store.call(Operation::Head, at).await?;
    let request = call.client.head_object().bucket(at.bucket()).key(at.key());
    let request = request.customize().config_override(call.limits(0)).interceptor(call.watch());
    let mut output = call.answer(request.send().await).map_err(|error| StoreError { operation, ..error })?;
    Ok(ObjectHead {
        size: length(output.content_length),
        e_tag: e_tag(output.e_tag()),
        last_modified: time(output.last_modified),
        attributes: attributes_of!(output),
        version_id: output.version_id.take().filter(|version| version != "null"),
        storage_class: storage_class(output.storage_class().map(StorageClass::as_str)),
    })
}

/// Some servers fail a condition on an entity tag where there is no object at all; S3 says so. One HEAD tells, which AWS is
/// spared.
pub(crate) async fn settle<T>(
    store: &S3Store,
    at: &Location,
    tag: Option<&ETag>,
    answer: Result<T, StoreError>,
) -> Result<T, StoreError> {
    match answer {
        Err(error) if error.is_conflict() && tag.is_some() && store.promises() != Promises::Kept => {
            match head(store, at, error.operation).await {
                Err(absent) if absent.is_not_found() => Err(absent),
                _ => Err(error),
            }
        }
        answer => answer,
    }
}

/// One GET.
pub(crate) async fn fetch(
    store: &S3Store,
    at: &Location,
    range: Option<ByteRange>,
    if_match: Option<&ETag>,
) -> Result<Fetched, StoreError> {
    check_key(Operation::Get, at)?;
    let header = range
        .map(range_header)
        .transpose()
        .map_err(|message| StoreError::new(Operation::Get, at, StoreErrorKind::InvalidRange, message))?;
    let call = store.call(Operation::Get, at).await?;
    let request = call.client.get_object().bucket(at.bucket()).key(at.key());
    let request = request.set_range(header).set_if_match(if_match.map(|tag| tag.as_str().to_owned()));
    let request = request.customize().config_override(call.limits(0)).interceptor(call.watch());
    let answer = call.answer(request.send().await);
    drop(call);
    let mut output = settle(store, at, if_match, answer).await?;

    let (range, size) = match (range, output.content_range.as_deref().and_then(parse_content_range)) {
        (_, Some((range, size))) => (range, size),
        (None, None) => whole(&output),
        (Some(wanted), None) => {
            let (all, size) = whole(&output);
            if wanted.resolve(size) != Some(all.clone()) {
                let message = "the store answers a request for a range with the whole object";
                return Err(StoreError::new(Operation::Get, at, StoreErrorKind::Unsupported, message));
            }
            (all, size)
        }
    };
    let head = ObjectHead {
        size,
        e_tag: e_tag(output.e_tag()),
        last_modified: time(output.last_modified),
        attributes: attributes_of!(output),
        version_id: output.version_id.take().filter(|version| version != "null"),
        storage_class: storage_class(output.storage_class().map(StorageClass::as_str)),
    };
    Ok(Fetched { head, range, body: output.body })
}

fn whole(output: &GetObjectOutput) -> (Range<u64>, u64) {
    let size = length(output.content_length);
    (0..size, size)
}

fn length(length: Option<i64>) -> u64 {
    length.and_then(|length| u64::try_from(length).ok()).unwrap_or_default()
}

/// The `Range` header; an error for a range of no bytes, which it cannot express.
fn range_header(range: ByteRange) -> Result<String, &'static str> {
    match range {
        ByteRange::Bounded(start, end) if start < end => Ok(format!("bytes={start}-{}", end - 1)),
        ByteRange::From(start) => Ok(format!("bytes={start}-")),
        ByteRange::Last(length) if length > 0 => Ok(format!("bytes=-{length}")),
        _ => Err("the range holds no bytes"),
    }
}

/// Reads `bytes 2-5/10` as range and size.
fn parse_content_range(header: &str) -> Option<(Range<u64>, u64)> {
    let (span, size) = header.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = span.split_once('-')?;
    let (first, last, size): (u64, u64, u64) = (first.parse().ok()?, last.parse().ok()?, size.parse().ok()?);
    (first <= last && last < size).then(|| (first..last + 1, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_written_and_read() {
        assert_eq!(range_header(ByteRange::Bounded(2, 6)).as_deref(), Ok("bytes=2-5"));
        assert_eq!(range_header(ByteRange::From(7)).as_deref(), Ok("bytes=7-"));
        assert_eq!(range_header(ByteRange::Last(3)).as_deref(), Ok("bytes=-3"));
        assert!(range_header(ByteRange::Bounded(2, 2)).is_err());
        assert!(range_header(ByteRange::Last(0)).is_err());
        assert_eq!(parse_content_range("bytes 2-5/10"), Some((2..6, 10)));
        for wrong in
            ["", "bytes */10", "bytes 5-2/10", "bytes 2-10/10", "bytes 0-0/*", "bytes 0-18446744073709551615/1"]
        {
            assert_eq!(parse_content_range(wrong), None, "{wrong}");
        }
    }
}
