//! Breaks off a request that makes no progress: nothing more of its body could be sent for a while, and no answer came.
//!
//! The SDK's time-outs count the sending of the body, so that a slow line needs long ones, and a server that is silent is waited for as
//! long. Here the time runs from the last piece that the connection took.

use std::fmt;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use crate::builder::MIB;
use crate::pieces::Pieces;

/// Bytes that count as a piece, at most.
const PIECE: usize = 64 << 10;
/// What a connection has taken and not sent yet; the system takes about what the line moves in a round trip or two, up to this.
const TAKEN: u64 = MIB;
/// How long a mebibyte may take.
const SLOW: Duration = Duration::from_secs(4);

/// A client whose requests with a body end so long after the last progress.
pub(crate) fn watched(client: SharedHttpClient, limit: Duration) -> SharedHttpClient {
    SharedHttpClient::new(WatchedClient { client, limit })
}

#[derive(Debug)]
struct WatchedClient {
    client: SharedHttpClient,
    limit: Duration,
}

impl HttpClient for WatchedClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let connector = self.client.http_connector(settings, components);
        SharedHttpConnector::new(WatchedConnector { connector, limit: self.limit })
    }
}

#[derive(Debug)]
struct WatchedConnector {
    connector: SharedHttpConnector,
    limit: Duration,
}

impl HttpConnector for WatchedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let length = request.body().content_length().unwrap_or(u64::MAX);
        if length == 0 {
            // An attempt without a body has a time-out of its own.
            return self.connector.call(request);
        }
        let limit = self.limit + SLOW.mul_f64(length.min(TAKEN) as f64 / MIB as f64);
        let last = Arc::new(Mutex::new(Instant::now()));
        let noted = Arc::clone(&last);
        let answer = self.connector.call(
            request.map(|body| SdkBody::from_body_1_x(Noted { pieces: Pieces::new(body), last: Arc::clone(&noted) })),
        );
        HttpConnectorFuture::new(async move {
            let mut answer = pin!(answer);
            loop {
                let due = *last.lock().unwrap_or_else(PoisonError::into_inner) + limit;
                match tokio::time::timeout_at(due, &mut answer).await {
                    Ok(answer) => return answer,
                    Err(_) if *last.lock().unwrap_or_else(PoisonError::into_inner) + limit > due => {}
                    Err(elapsed) => return Err(ConnectorError::timeout(elapsed.into())),
                }
            }
        })
    }
}

/// A body that notes when a piece of it was taken.
struct Noted {
    pieces: Pieces,
    last: Arc<Mutex<Instant>>,
}

impl fmt::Debug for Noted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Noted").finish_non_exhaustive()
    }
}

impl Body for Noted {
    type Data = Bytes;
    type Error = aws_smithy_types::body::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        let there = match ready!(this.pieces.poll_ready(context)) {
            Ok(there) => there,
            Err(other) => return Poll::Ready(other),
        };
        *this.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        Poll::Ready(Some(Ok(this.pieces.give(there.min(PIECE)))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.pieces.size_hint()
    }
}
