//! Uploads in parts: in parallel, with bounded memory, and taken back when they fail or are dropped.

use std::sync::atomic::{AtomicU64, Ordering};

use async_stream::try_stream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::BytesMut;
use deltaglider_core::store::{
    Attributes, BodyStream, Operation, Placement, PutMode, PutOptions, PutReceipt, StoreError, StoreErrorKind,
};
use deltaglider_core::{Location, Md5};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::attributes::{receipt, set_expires, with_attributes, with_placement};
use crate::builder::MAX_PARTS;
use crate::get;
use crate::put::{Replayable, check_length, conditions, fill, first_part_size};
use crate::store::S3Store;

/// The size of a stream's parts doubles each so many parts where nobody knows how long it is.
const PARTS_BEFORE_DOUBLING: u64 = 1000;

/// A store that joins parts by copying them joins so many times as much as is sent in the same time, and needs at most as long as for
/// moving the second: AWS begins its answer at once.
const JOINED: u64 = 100;
const LONGEST_JOIN: u64 = 256 * 1024 * 1024;

/// The size of the parts of `size` bytes: `least`, or as much as the greatest number of parts needs, in whole mebibytes.
pub(crate) fn part_size(least: u64, size: u64) -> u64 {
    const MIB: u64 = 1024 * 1024;
    least.max(size.div_ceil(MAX_PARTS).div_ceil(MIB) * MIB)
}

/// Stores what can be read at any place.
pub(crate) async fn put_replayable(
    store: &S3Store,
    at: &Location,
    body: &Replayable,
    options: &PutOptions,
) -> Result<PutReceipt, StoreError> {
    let size = body.len();
    let step = part_size(store.settings().part_size, size);
    let body = body.clone();
    let slices = (0..size.div_ceil(step)).map(move |index| {
        let from = index * step;
        Ok(body.slice(from, step.min(size - from)))
    });
    upload(store, at, futures::stream::iter(slices).boxed(), options).await
}

/// Stores a stream, of which `first` is read already.
pub(crate) async fn put_stream(
    store: &S3Store,
    at: &Location,
    (first, rest): (BytesMut, BodyStream),
    size: Option<u64>,
    options: &PutOptions,
) -> Result<PutReceipt, StoreError> {
    let step = first_part_size(store.settings(), size);
    let place = at.clone();
    let parts = try_stream! {
        let (mut buffer, mut stream) = (first, rest);
        let (mut number, mut passed) = (0, 0);
        loop {
            let doublings = if size.is_some() { 0 } else { number / PARTS_BEFORE_DOUBLING };
            let step = step << doublings;
            let (filled, ended) = fill(&mut stream, buffer, step).await?;
            buffer = filled;
            while buffer.len() as u64 >= step || (ended && !buffer.is_empty()) {
                let part = buffer.split_to((buffer.len() as u64).min(step) as usize);
                passed += part.len() as u64;
                if let Some(size) = size.filter(|size| passed > *size) {
                    check_length(&place, size, passed)?;
                }
                number += 1;
                yield Replayable::Bytes(part.freeze());
            }
            if ended {
                break;
            }
        }
        if let Some(size) = size {
            check_length(&place, size, passed)?;
        }
    };
    upload(store, at, parts.boxed(), options).await
}

async fn upload(
    store: &S3Store,
    at: &Location,
    bodies: BoxStream<'static, Result<Replayable, StoreError>>,
    options: &PutOptions,
) -> Result<PutReceipt, StoreError> {
    let upload = Upload::create(store, at, Operation::Put, &options.attributes, &options.placement).await?;
    let parts = bodies
        .enumerate()
        .map(|(index, body)| body.map(|body| (index as i32 + 1, body)))
        .map_ok(|(number, body)| upload.send(number, body))
        .try_buffer_unordered(store.settings().part_concurrency)
        .try_collect()
        .await;
    upload.finish(parts, &options.mode).await
}

/// An upload under way. What is not finished is aborted: at once by [`finish`](Self::finish), or by a task when it is dropped.
/// (A part that the store still receives while it aborts may stay behind; buckets have a lifecycle rule for such.)
pub(crate) struct Upload {
    store: S3Store,
    at: Location,
    operation: Operation,
    id: String,
    armed: bool,
    /// Bytes of the parts that the store has.
    sent: AtomicU64,
}

impl Upload {
    /// Begins an upload. Dropped before it has an id, it goes on until it has one, and is aborted then.
    pub(crate) async fn create(
        store: &S3Store,
        at: &Location,
        operation: Operation,
        attributes: &Attributes,
        placement: &Placement,
    ) -> Result<Self, StoreError> {
        let (give, given) = oneshot::channel();
        let (own, place, attributes, placement) = (store.clone(), at.clone(), attributes.clone(), placement.clone());
        store.behind().spawn(async move {
            // Where nobody takes it, it is dropped here.
            drop(give.send(Self::begin(&own, &place, operation, &attributes, &placement).await));
        });
        given.await.unwrap_or_else(|_| {
            Err(StoreError::new(operation, at, StoreErrorKind::Other, "the runtime ended before the upload began"))
        })
    }

    async fn begin(
        store: &S3Store,
        at: &Location,
        operation: Operation,
        attributes: &Attributes,
        placement: &Placement,
    ) -> Result<Self, StoreError> {
        let call = store.call(operation, at).await?;
        let request = call.client.create_multipart_upload().bucket(at.bucket()).key(at.key());
        let request = with_placement!(with_attributes!(request, attributes), placement)
            .customize()
            .config_override(call.limits(0))
            .mutate_request(set_expires(attributes.expires.as_deref()))
            .interceptor(call.watch());
        let output = call.answer(request.send().await)?;
        let Some(id) = output.upload_id else {
            let message = "the store began an upload and did not name it";
            return Err(StoreError::new(operation, at, StoreErrorKind::Other, message));
        };
        Ok(Self { store: store.clone(), at: at.clone(), operation, id, armed: true, sent: AtomicU64::new(0) })
    }

    /// Sends one part.
    async fn send(&self, number: i32, body: Replayable) -> Result<CompletedPart, StoreError> {
        let content = body.body(&self.at).await?;
        let digest = body.digest(&self.store, &self.at).await?;
        let call = self.store.call(self.operation, &self.at).await?;
        let request = call.client.upload_part().bucket(self.at.bucket()).key(self.at.key()).upload_id(&self.id);
        let request = request
            .part_number(number)
            .set_content_md5(digest)
            .content_length(i64::try_from(body.len()).unwrap_or(i64::MAX))
            .body(content)
            .customize()
            .config_override(call.limits_of_body())
            .interceptor(call.watch());
        let output = call.answer(request.send().await)?;
        self.sent.fetch_add(body.len(), Ordering::Relaxed);
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(output.e_tag)
            .set_checksum_crc32(output.checksum_crc32)
            .set_checksum_crc64_nvme(output.checksum_crc64_nvme)
            .build())
    }

    /// Copies one part from another object, of which it must have the entity tag.
    pub(crate) async fn send_copy(
        &self,
        number: i32,
        (source, tag): (&str, &str),
        range: std::ops::Range<u64>,
    ) -> Result<CompletedPart, StoreError> {
        let call = self.store.call(self.operation, &self.at).await?;
        let request = call.client.upload_part_copy().bucket(self.at.bucket()).key(self.at.key()).upload_id(&self.id);
        let request = request
            .part_number(number)
            .copy_source(source)
            .copy_source_if_match(tag)
            .copy_source_range(format!("bytes={}-{}", range.start, range.end - 1))
            .customize()
            .config_override(call.limits(range.end - range.start))
            .interceptor(call.watch());
        let output = call.answer(request.send().await)?;
        self.sent.fetch_add(range.end - range.start, Ordering::Relaxed);
        let copied = output.copy_part_result.unwrap_or_else(|| aws_sdk_s3::types::CopyPartResult::builder().build());
        Ok(CompletedPart::builder().part_number(number).set_e_tag(copied.e_tag).build())
    }

    /// Completes the upload of these parts, or aborts it and gives the error back.
    pub(crate) async fn finish(
        mut self,
        parts: Result<Vec<CompletedPart>, StoreError>,
        mode: &PutMode,
    ) -> Result<PutReceipt, StoreError> {
        let result = match parts {
            Ok(mut parts) => {
                parts.sort_unstable_by_key(CompletedPart::part_number);
                self.complete(parts, mode).await
            }
            Err(error) => Err(error),
        };
        self.armed = false;
        if result.is_err() {
            abort(&self.store, &self.at, self.operation, &self.id).await;
        }
        result
    }

    /// One request; three where the server misread the entity tag of its condition.
    async fn complete(&self, parts: Vec<CompletedPart>, mode: &PutMode) -> Result<PutReceipt, StoreError> {
        let answer = self.complete_once(parts.clone(), mode).await;
        if self.store.tags().was_misread(&self.store, &self.at, mode, &answer).await {
            return self.complete_once(parts, mode).await;
        }
        answer
    }

    async fn complete_once(&self, parts: Vec<CompletedPart>, mode: &PutMode) -> Result<PutReceipt, StoreError> {
        let size = self.sent.load(Ordering::Relaxed);
        let expected = expected_tag(&parts);
        let call = self.store.call(self.operation, &self.at).await?;
        let (if_none_match, if_match) = conditions(&self.store, mode);
        let request = call.client.complete_multipart_upload().bucket(self.at.bucket()).key(self.at.key());
        let request = request
            .upload_id(&self.id)
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build())
            .set_if_none_match(if_none_match)
            .set_if_match(if_match)
            .customize()
            .config_override(call.limits((size / JOINED).min(LONGEST_JOIN)))
            .interceptor(call.watch());
        let error = match call.answer(request.send().await) {
            Ok(output) => return Ok(receipt(output.e_tag(), output.version_id().map(str::to_owned))),
            Err(error) => error,
        };
        let retried = call.may_have_been_done();
        drop(call);
        // The answer to our own completion was lost, and its retry finds no upload any more.
        if retried && error.code == "NoSuchUpload" {
            let head = get::head(&self.store, &self.at, self.operation).await?;
            if expected.is_some_and(|tag| tag == head.e_tag.unquoted()) {
                return Ok(PutReceipt { e_tag: head.e_tag, version_id: head.version_id });
            }
        }
        Err(error)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }
        let (store, at, operation) = (self.store.clone(), self.at.clone(), self.operation);
        let id = std::mem::take(&mut self.id);
        if Handle::try_current().is_ok() {
            let behind = store.behind().clone();
            behind.spawn(async move { abort(&store, &at, operation, &id).await });
        } else {
            tracing::warn!(%at, "an unfinished upload is left behind: the runtime is gone");
        }
    }
}

async fn abort(store: &S3Store, at: &Location, operation: Operation, id: &str) {
    let result = async {
        let call = store.call(operation, at).await?;
        let request = call.client.abort_multipart_upload().bucket(at.bucket()).key(at.key()).upload_id(id);
        let request = request.customize().config_override(call.limits(0)).interceptor(call.watch());
        call.answer(request.send().await)
    };
    if let Err(error) = result.await
        && error.code != "NoSuchUpload"
    {
        tracing::warn!(%at, %error, "an unfinished upload could not be aborted and is left behind");
    }
}

/// The entity tag that S3 gives such an upload: MD5 over the parts' MD5s, and their number. `None` where the parts' tags are no
/// MD5s (encryption by a key of the customer's or of KMS).
fn expected_tag(parts: &[CompletedPart]) -> Option<String> {
    let mut digests = Vec::with_capacity(parts.len() * 16);
    for part in parts {
        let digest: Md5 = part.e_tag()?.trim_matches('"').parse().ok()?;
        digests.extend_from_slice(&digest.0);
    }
    Some(format!("{}-{}", Md5::of(&digests), parts.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_grow_where_ten_thousand_would_not_do() {
        const MIB: u64 = 1024 * 1024;
        assert_eq!(part_size(8 * MIB, 100 * MIB), 8 * MIB);
        assert_eq!(part_size(8 * MIB, 80_000 * MIB), 8 * MIB);
        assert_eq!(part_size(8 * MIB, 80_000 * MIB + 1), 9 * MIB);
        let most = 5 * MIB * MIB;
        assert!(most.div_ceil(part_size(8 * MIB, most)) <= MAX_PARTS);
    }

    #[test]
    fn the_tag_of_parts_is_foretold() {
        let part = |tag: &str| CompletedPart::builder().e_tag(tag).build();
        let of_parts = [part("\"900150983cd24fb0d6963f7d28e17f72\""), part("900150983cd24fb0d6963f7d28e17f72")];
        assert_eq!(expected_tag(&of_parts).as_deref(), Some("043a916d6cfeecedf5e04f0312ba762d-2"));
        assert_eq!(expected_tag(&[part("not-md5")]), None);
    }
}
