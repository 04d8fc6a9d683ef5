//! A bound on the bytes that all requests of a store move in a second, in both directions together.
//!
//! Bytes are let through one slice after the other, each when those before it had their time at the rate (a leaky bucket as a
//! queue; Turner 1986). A slice waits at most as long as all the bodies that are under way need for one slice each.

use std::fmt;
use std::num::NonZeroU64;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use crate::pieces::Pieces;

/// Bytes that are let through at a time, at most.
const SLICE: usize = 64 << 10;
/// A slice takes no longer than this at the rate, so that slow rates flow too.
const SLICE_TIME: Duration = Duration::from_millis(250);

/// A rate that clones share.
#[derive(Clone, Debug)]
pub(crate) struct Bandwidth {
    rate: NonZeroU64,
    /// When the next slice may pass.
    next: Arc<Mutex<Instant>>,
}

impl Bandwidth {
    pub(crate) fn new(bytes_per_second: NonZeroU64) -> Self {
        Self { rate: bytes_per_second, next: Arc::new(Mutex::new(Instant::now())) }
    }

    /// How long so many bytes take at the rate.
    pub(crate) fn time(rate: NonZeroU64, bytes: u64) -> Duration {
        Duration::from_secs_f64(bytes as f64 / rate.get() as f64)
    }

    /// The longest pause between two slices of a body, where so many bodies are under way.
    pub(crate) fn longest_pause(rate: NonZeroU64, bodies: usize) -> Duration {
        Self::time(rate, (slice(rate) * bodies.max(1)) as u64)
    }

    /// Books the time of some bytes; answers when they may pass.
    fn book(&self, bytes: usize) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let at = (*next).max(Instant::now());
        *next = at + Self::time(self.rate, bytes as u64);
        at
    }
}

fn slice(rate: NonZeroU64) -> usize {
    let bytes = (rate.get() as f64 * SLICE_TIME.as_secs_f64()) as usize;
    bytes.clamp(1, SLICE)
}

/// A client whose bodies keep to the rate.
pub(crate) fn bounded(client: SharedHttpClient, bandwidth: Bandwidth) -> SharedHttpClient {
    SharedHttpClient::new(BoundedClient { client, bandwidth })
}

#[derive(Debug)]
struct BoundedClient {
    client: SharedHttpClient,
    bandwidth: Bandwidth,
}

impl HttpClient for BoundedClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let connector = self.client.http_connector(settings, components);
        SharedHttpConnector::new(BoundedConnector { connector, bandwidth: self.bandwidth.clone() })
    }
}

#[derive(Debug)]
struct BoundedConnector {
    connector: SharedHttpConnector,
    bandwidth: Bandwidth,
}

impl HttpConnector for BoundedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let out = self.bandwidth.clone();
        let back = self.bandwidth.clone();
        let answer = self.connector.call(request.map(|body| slowed(body, out.clone())));
        HttpConnectorFuture::new(async move { Ok(answer.await?.map(|body| slowed(body, back.clone()))) })
    }
}

fn slowed(body: SdkBody, bandwidth: Bandwidth) -> SdkBody {
    SdkBody::from_body_1_x(Slowed { pieces: Pieces::new(body), bandwidth, pause: None })
}

/// A body that gives out its bytes when they are due.
struct Slowed {
    /// What came and is not due yet.
    pieces: Pieces,
    bandwidth: Bandwidth,
    pause: Option<Pin<Box<Sleep>>>,
}

impl fmt::Debug for Slowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slowed").finish_non_exhaustive()
    }
}

impl Body for Slowed {
    type Data = Bytes;
    type Error = aws_smithy_types::body::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        let there = match ready!(this.pieces.poll_ready(context)) {
            Ok(there) => there,
            Err(other) => return Poll::Ready(other),
        };
        let length = there.min(slice(this.bandwidth.rate));
        let bandwidth = &this.bandwidth;
        let pause = this.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(bandwidth.book(length))));
        ready!(pause.as_mut().poll(context));
        this.pause = None;
        Poll::Ready(Some(Ok(this.pieces.give(length))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.pieces.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(bytes: u64) -> NonZeroU64 {
        NonZeroU64::new(bytes).expect("not zero")
    }

    #[tokio::test(start_paused = true)]
    async fn all_bodies_together_keep_to_the_rate() {
        let bandwidth = Bandwidth::new(rate(100_000));
        let began = Instant::now();
        let read = |bandwidth: Bandwidth| async move {
            let mut body = slowed(SdkBody::from(vec![7_u8; 100_000]), bandwidth);
            let mut length = 0;
            while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
                length += frame.expect("a frame").into_data().expect("data").len();
            }
            length
        };
        let (one, other) = tokio::join!(read(bandwidth.clone()), read(bandwidth.clone()));
        assert_eq!((one, other), (100_000, 100_000));
        // The last slice of 25 kB need not be waited for after it has passed.
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(1700) && took <= Duration::from_millis(2100), "{took:?}");
    }

    #[test]
    fn slices_are_short_in_time() {
        assert_eq!(slice(rate(1)), 1);
        assert_eq!(slice(rate(40_000)), 10_000);
        assert_eq!(slice(rate(1 << 30)), SLICE);
        assert_eq!(Bandwidth::longest_pause(rate(40_000), 32), Duration::from_secs(8));
    }

    #[test]
    fn the_length_of_a_body_is_told() {
        let body = slowed(SdkBody::from("content"), Bandwidth::new(rate(1)));
        assert_eq!(body.content_length(), Some(7));
    }
}
