//! A body as it is read: broken ones go on where they broke off, so that the reader sees one clean stream or an error.

use std::ops::Range;
use std::time::Duration;

use async_stream::try_stream;
use aws_sdk_s3::primitives::ByteStream;
use deltaglider_core::Location;
use deltaglider_core::store::{BodyStream, ByteRange, ETag, Operation, StoreError, StoreErrorKind};
use futures::StreamExt;

use crate::get;
use crate::store::S3Store;

/// How often in a row a body may break off without a byte having come.
const MAX_FRUITLESS: u32 = 4;

/// Reads the bytes `range` of the object whose entity tag is `e_tag`, of which `body` is the first answer.
pub(crate) fn resuming(store: S3Store, at: Location, e_tag: ETag, range: Range<u64>, body: ByteStream) -> BodyStream {
    try_stream! {
        let mut body = body;
        let mut offset = range.start;
        let mut fruitless = 0;
        loop {
            // At the end the answer is still read to its own end, where the SDK checks its checksum.
            let cause = match body.next().await {
                Some(Ok(chunk)) => {
                    offset += chunk.len() as u64;
                    if offset > range.end {
                        Err(broken(&at, "the body is longer than its head says".to_owned()))?;
                    }
                    fruitless = 0;
                    yield chunk;
                    continue;
                }
                None if offset == range.end => return,
                Some(Err(error)) if offset == range.end => {
                    Err(broken(&at, format!("the body does not end well: {error}")))?;
                    return;
                }
                None => "it ended early".to_owned(),
                Some(Err(error)) => error.to_string(),
            };
            fruitless += 1;
            if fruitless > MAX_FRUITLESS {
                let message = format!("the body broke off after {} bytes: {cause}", offset - range.start);
                Err(broken(&at, message))?;
            }
            tracing::debug!(%at, offset, cause, "a body broke off and is resumed");
            if fruitless > 1 {
                let pause = store.settings().initial_backoff * 2_u32.pow(fruitless - 2);
                tokio::time::sleep(pause.min(Duration::from_secs(20))).await;
            }
            let rest = ByteRange::Bounded(offset, range.end);
            let fetched = get::fetch(&store, &at, Some(rest), Some(&e_tag)).await?;
            if fetched.range != (offset..range.end) {
                Err(broken(&at, "the store answers with another range than was asked for".to_owned()))?;
            }
            body = fetched.body;
        }
    }
    .boxed()
}

fn broken(at: &Location, message: String) -> StoreError {
    let mut error = StoreError::new(Operation::Get, at, StoreErrorKind::Transient, message);
    "IncompleteBody".clone_into(&mut error.code);
    error
}
