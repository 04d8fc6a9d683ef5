//! Storing: one PutObject where it can be, parts where it must be.

use std::path::Path;
use std::sync::Arc;

use aws_sdk_s3::primitives::{ByteStream, Length};
use bytes::{Bytes, BytesMut};
use deltaglider_core::Location;
use deltaglider_core::store::{
    BodyStream, Operation, PutBody, PutMode, PutOptions, PutReceipt, StoreError, StoreErrorKind,
};
use futures::StreamExt;

use crate::attributes::{self, receipt, set_expires, with_attributes, with_placement};
use crate::builder::{MAX_SINGLE_PUT, Settings};
use crate::checksum::content_md5;
use crate::multipart;
use crate::naming::check_key;
use crate::store::S3Store;

/// Bytes that can be sent again.
#[derive(Clone, Debug)]
pub(crate) enum Replayable {
    Bytes(Bytes),
    File { path: Arc<Path>, offset: u64, length: u64 },
}

impl Replayable {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { length, .. } => *length,
        }
    }

    /// Part of it.
    pub(crate) fn slice(&self, from: u64, length: u64) -> Self {
        match self {
            Self::Bytes(bytes) => Self::Bytes(bytes.slice(from as usize..(from + length) as usize)),
            Self::File { path, offset, .. } => Self::File { path: Arc::clone(path), offset: offset + from, length },
        }
    }

    /// The digest that goes with it, where one does.
    pub(crate) async fn digest(&self, store: &S3Store, at: &Location) -> Result<Option<String>, StoreError> {
        let path = match self {
            Self::Bytes(_) => Path::new("memory"),
            Self::File { path, .. } => path,
        };
        content_md5(store.settings(), self).await.map_err(|error| unreadable(at, path, error))
    }

    /// The body of a request.
    pub(crate) async fn body(&self, at: &Location) -> Result<ByteStream, StoreError> {
        match self {
            Self::Bytes(bytes) => Ok(ByteStream::from(bytes.clone())),
            Self::File { length: 0, .. } => Ok(ByteStream::from_static(b"")),
            Self::File { path, offset, length } => ByteStream::read_from()
                .path(&**path)
                .offset(*offset)
                .length(Length::Exact(*length))
                .buffer_size(64 * 1024)
                .build()
                .await
                .map_err(|error| unreadable(at, path, error)),
        }
    }
}

pub(crate) async fn put(
    store: &S3Store,
    at: &Location,
    body: PutBody,
    options: &PutOptions,
) -> Result<PutReceipt, StoreError> {
    check_key(Operation::Put, at)?;
    attributes::check(Operation::Put, at, &options.attributes)?;
    let settings = store.settings();
    match body {
        PutBody::Bytes(bytes) => put_replayable(store, at, Replayable::Bytes(bytes), options).await,
        PutBody::File(path) => {
            let metadata = tokio::fs::metadata(&path).await.map_err(|error| unreadable(at, &path, error))?;
            let file = Replayable::File { path: path.into(), offset: 0, length: metadata.len() };
            put_replayable(store, at, file, options).await
        }
        PutBody::Stream { size: Some(size), stream } if size <= settings.multipart_threshold => {
            let bytes = collect(at, stream, size).await?;
            put_once(store, at, &Replayable::Bytes(bytes), options).await
        }
        PutBody::Stream { size, stream } => {
            let mut stream = stream;
            let (first, ended) = fill(&mut stream, BytesMut::new(), first_part_size(settings, size)).await?;
            if ended && size.is_none() {
                return put_once(store, at, &Replayable::Bytes(first.freeze()), options).await;
            }
            multipart::put_stream(store, at, (first, stream), size, options).await
        }
    }
}

/// A conditional put stays one request as long as S3 lets it: more servers honour the condition there than at the end of parts.
async fn put_replayable(
    store: &S3Store,
    at: &Location,
    body: Replayable,
    options: &PutOptions,
) -> Result<PutReceipt, StoreError> {
    let conditional = options.mode != PutMode::Overwrite;
    let most = if conditional { MAX_SINGLE_PUT } else { store.settings().multipart_threshold.min(MAX_SINGLE_PUT) };
    if body.len() <= most {
        put_once(store, at, &body, options).await
    } else {
        multipart::put_replayable(store, at, &body, options).await
    }
}

/// One PutObject; a second one where the server misread the entity tag of its condition.
async fn put_once(
    store: &S3Store,
    at: &Location,
    body: &Replayable,
    options: &PutOptions,
) -> Result<PutReceipt, StoreError> {
    let answer = send(store, at, body, options).await;
    if store.tags().was_misread(store, at, &options.mode, &answer).await {
        return send(store, at, body, options).await;
    }
    answer
}

async fn send(
    store: &S3Store,
    at: &Location,
    body: &Replayable,
    options: &PutOptions,
) -> Result<PutReceipt, StoreError> {
    let content = body.body(at).await?;
    let digest = body.digest(store, at).await?;
    let call = store.call(Operation::Put, at).await?;
    let (if_none_match, if_match) = conditions(store, &options.mode);
    let request = call.client.put_object().bucket(at.bucket()).key(at.key());
    let request = with_placement!(with_attributes!(request, &options.attributes), &options.placement);
    let request = request
        .set_if_none_match(if_none_match)
        .set_if_match(if_match)
        .set_content_md5(digest)
        .content_length(i64::try_from(body.len()).unwrap_or(i64::MAX))
        .body(content)
        .customize()
        .config_override(call.limits_of_body())
        .mutate_request(set_expires(options.attributes.expires.as_deref()))
        .interceptor(call.watch());
    let output = call.answer(request.send().await)?;
    Ok(receipt(output.e_tag(), output.version_id().map(str::to_owned)))
}

/// `If-None-Match` and `If-Match` of a mode.
pub(crate) fn conditions(store: &S3Store, mode: &PutMode) -> (Option<String>, Option<String>) {
    match mode {
        PutMode::Overwrite => (None, None),
        PutMode::Create => (Some("*".to_owned()), None),
        PutMode::Update(tag) => (None, Some(store.tags().written(tag))),
    }
}

/// The size of the first part of a stream.
pub(crate) fn first_part_size(settings: &Settings, size: Option<u64>) -> u64 {
    size.map_or(settings.part_size, |size| multipart::part_size(settings.part_size, size))
}

/// Reads on until `buffer` holds `target` bytes or more, or the stream has ended.
pub(crate) async fn fill(
    stream: &mut BodyStream,
    mut buffer: BytesMut,
    target: u64,
) -> Result<(BytesMut, bool), StoreError> {
    while (buffer.len() as u64) < target {
        match stream.next().await {
            Some(chunk) => buffer.extend_from_slice(&chunk?),
            None => return Ok((buffer, true)),
        }
    }
    Ok((buffer, false))
}

/// The whole of a stream that must hold `size` bytes.
async fn collect(at: &Location, mut stream: BodyStream, size: u64) -> Result<Bytes, StoreError> {
    let mut bytes = BytesMut::with_capacity(size as usize);
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk?);
        if bytes.len() as u64 > size {
            break;
        }
    }
    check_length(at, size, bytes.len() as u64)?;
    Ok(bytes.freeze())
}

/// Refuses a body that is not as long as it was said to be.
pub(crate) fn check_length(at: &Location, declared: u64, length: u64) -> Result<(), StoreError> {
    if declared == length {
        return Ok(());
    }
    let message = if length > declared {
        format!("the body holds more than the {declared} bytes that were declared")
    } else {
        format!("the body holds {length} bytes where {declared} were declared")
    };
    let mut error = StoreError::new(Operation::Put, at, StoreErrorKind::Invalid, message);
    "IncompleteBody".clone_into(&mut error.code);
    Err(error)
}

fn unreadable(at: &Location, path: &Path, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    let message = format!("{} cannot be read", path.display());
    StoreError::new(Operation::Put, at, StoreErrorKind::Invalid, message).with_source(error)
}
