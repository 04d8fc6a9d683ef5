//! The body of a get: a stream that ends in an error rather than in wrong bytes.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use deltaglider_core::engine::ContentStream;
use futures::{Stream, TryStreamExt};
use tokio::io::{AsyncBufRead, AsyncWrite, AsyncWriteExt};
use tokio_util::io::StreamReader;

use crate::error::Error;

/// The bytes of an object, as they come. Of a whole object, the last of them come only when all of it was proven by its SHA-256: what
/// came before an error is not the object.
pub struct Content {
    stream: ContentStream,
    length: u64,
}

impl Content {
    pub(crate) fn new(stream: ContentStream, length: u64) -> Self {
        Self { stream, length }
    }

    /// How many bytes it holds in all.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Reads all of it into memory.
    pub async fn collect(mut self) -> Result<Bytes, Error> {
        let mut bytes = BytesMut::new();
        while let Some(chunk) = self.stream.try_next().await? {
            if bytes.is_empty() && chunk.len() as u64 == self.length {
                // The usual small object, in one piece; the stream still has to end well.
                return match self.stream.try_next().await? {
                    None => Ok(chunk),
                    Some(more) => Ok([chunk, more].concat().into()),
                };
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
    }

    /// The next bytes; `None` at the end.
    pub async fn try_next(&mut self) -> Result<Option<Bytes>, Error> {
        Ok(self.stream.try_next().await?)
    }

    /// Writes all of it; gives the number of bytes.
    ///
    /// # Errors
    /// Those of the content, and [`Error::Write`].
    pub async fn write_to(mut self, writer: &mut (impl AsyncWrite + Unpin)) -> Result<u64, Error> {
        let mut written = 0;
        while let Some(chunk) = self.stream.try_next().await? {
            writer.write_all(&chunk).await.map_err(Error::Write)?;
            written += chunk.len() as u64;
        }
        writer.flush().await.map_err(Error::Write)?;
        Ok(written)
    }

    /// A reader of it. The errors of the content come as [`io::Error`]s with the [`Error`] inside.
    pub fn into_async_read(self) -> impl AsyncBufRead + Send + Unpin {
        StreamReader::new(self.map_err(io::Error::other))
    }
}

impl Stream for Content {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.stream.as_mut().poll_next(context).map(|next| next.map(|chunk| chunk.map_err(Error::from)))
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes)", self.length)
    }
}
