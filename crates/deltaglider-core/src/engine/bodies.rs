//! Bodies between the store, temporary space and blocking readers.

use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;

use crate::error::Error;
use crate::scratch::{Scratch, ScratchSpace, ScratchWriter};
use crate::store::{Operation, PutBody, StoreError, StoreErrorKind};
use crate::{Location, RandomAccess};

/// Bytes of an object as they are handed out; the last of them only when all of it was proven.
pub type ContentStream = BoxStream<'static, Result<Bytes, Error>>;

const CHUNK: u64 = 256 << 10;
const BATCH: usize = 1 << 20;

/// Runs a blocking piece of work on the blocking pool. A panic there goes on here.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going down, and nobody waits for the answer any more.
            Err(_) => futures::future::pending().await,
        },
    }
}

/// Writes a stream to temporary space, in batches on the blocking pool.
pub(super) struct Spool {
    writer: Option<ScratchWriter>,
    batch: Vec<Bytes>,
    batched: usize,
}

impl Spool {
    pub(super) fn new(scratch: &ScratchSpace) -> Self {
        Self { writer: Some(scratch.writer()), batch: Vec::new(), batched: 0 }
    }

    pub(super) async fn push(&mut self, chunk: Bytes) -> io::Result<()> {
        self.batched += chunk.len();
        self.batch.push(chunk);
        if self.batched >= BATCH { self.write_batch().await } else { Ok(()) }
    }

    pub(super) async fn finish(mut self) -> io::Result<Scratch> {
        self.write_batch().await?;
        let writer = self.writer.take().ok_or_else(lost)?;
        blocking(move || writer.finish()).await
    }

    async fn write_batch(&mut self) -> io::Result<()> {
        let batch = std::mem::take(&mut self.batch);
        self.batched = 0;
        let mut writer = self.writer.take().ok_or_else(lost)?;
        let written = blocking(move || {
            for chunk in batch {
                writer.write_all(&chunk)?;
            }
            Ok::<_, io::Error>(writer)
        });
        self.writer = Some(written.await?);
        Ok(())
    }
}

/// A batch failed before, and its error was given out then.
fn lost() -> io::Error {
    io::Error::other("the temporary content is lost")
}

/// Reads a range of a content as a stream, on the blocking pool.
pub(super) fn content_stream(
    content: Arc<dyn RandomAccess>,
    range: Range<u64>,
) -> BoxStream<'static, io::Result<Bytes>> {
    futures::stream::try_unfold((content, range.start), move |(content, at)| async move {
        if at >= range.end {
            return Ok(None);
        }
        let length = (range.end - at).min(CHUNK) as usize;
        let reader = Arc::clone(&content);
        let chunk = blocking(move || (&*reader as &dyn RandomAccess).read_vec(at, length)).await?;
        Ok(Some((Bytes::from(chunk), (content, at + length as u64))))
    })
    .boxed()
}

/// A content as the body of a put to the store.
pub(super) fn content_body(content: Arc<dyn RandomAccess>) -> PutBody {
    let size = content.size();
    let stream = content_stream(content, 0..size).map(|chunk| {
        chunk.map_err(|error| {
            let nowhere = Location::new("", "");
            StoreError::new(Operation::Put, &nowhere, StoreErrorKind::Other, "the content cannot be read")
                .with_source(error)
        })
    });
    PutBody::Stream { size: Some(size), stream: stream.boxed() }
}
