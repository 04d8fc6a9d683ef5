//! A body whose bytes are held until they are given on, a piece at a time.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aws_smithy_types::body::{Error, SdkBody};
use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};

/// What a body answers: a frame, an error, or its end.
pub(crate) type Answer = Option<Result<Frame<Bytes>, Error>>;

/// A body, and what came of it and was not given on.
pub(crate) struct Pieces {
    body: SdkBody,
    held: Bytes,
}

impl Pieces {
    pub(crate) fn new(body: SdkBody) -> Self {
        Self { body, held: Bytes::new() }
    }

    /// How many bytes are held, at least one, or what else the body answered: trailers, an error, the end.
    pub(crate) fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<usize, Answer>> {
        while self.held.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(mut data) => self.held = data.copy_to_bytes(data.remaining()),
                    Err(other) => return Poll::Ready(Err(Some(Ok(other)))),
                },
                other => return Poll::Ready(Err(other)),
            }
        }
        Poll::Ready(Ok(self.held.len()))
    }

    /// The first bytes of what is held.
    pub(crate) fn give(&mut self, length: usize) -> Frame<Bytes> {
        Frame::data(self.held.split_to(length))
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.held.is_empty() && Body::is_end_stream(&self.body)
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        let mut hint = Body::size_hint(&self.body);
        if let Some(exact) = hint.exact() {
            hint.set_exact(exact + self.held.len() as u64);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn a_body_is_given_on_in_pieces() {
        let mut pieces = Pieces::new(SdkBody::from("content"));
        let mut given = Vec::new();
        while let Ok(held) = poll_fn(|context| pieces.poll_ready(context)).await {
            assert_eq!(pieces.size_hint().exact(), Some((7 - given.len()) as u64));
            assert!(!pieces.is_end_stream());
            given.extend(pieces.give(held.min(3)).into_data().expect("data"));
        }
        assert_eq!(given, b"content");
        assert!(pieces.is_end_stream());
    }
}
