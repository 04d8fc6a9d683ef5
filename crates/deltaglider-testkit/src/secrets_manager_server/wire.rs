//! Between the socket and the secrets: names calls, logs them, and lets them fail.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::secret::Secrets;

/// A call and its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoggedCall {
    /// Name in the API, such as `GetSecretValue`.
    pub operation: String,
    /// The stage that it names; empty where it names none.
    pub stage: String,
    /// Status of the answer; 0 where none was sent.
    pub status: u16,
}

/// What can go wrong, before or after the effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretsFault {
    /// An error instead of the effect: status and name.
    Refuse(u16, &'static str),
    /// The connection ends before the effect.
    Disconnect,
    /// The effect, and then the connection ends without an answer.
    LoseAnswer,
    /// No answer ever, before the effect.
    Stall,
    /// The effect, and then no answer ever.
    StallAfter,
}

impl SecretsFault {
    /// Too many requests.
    #[must_use]
    pub fn throttled() -> Self {
        Self::Refuse(400, "ThrottlingException")
    }

    /// An error of the service's own.
    #[must_use]
    pub fn internal() -> Self {
        Self::Refuse(500, "InternalServiceError")
    }
}

type Decide = dyn Fn(&LoggedCall, u64) -> Option<SecretsFault> + Send + Sync;

#[derive(Clone, Default)]
pub(super) struct Front {
    secrets: Secrets,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    calls: Vec<LoggedCall>,
    decide: Option<Arc<Decide>>,
    seen: u64,
    stalled: watch::Sender<u64>,
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("secrets", &self.secrets).finish_non_exhaustive()
    }
}

impl Front {
    pub(super) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    pub(super) fn calls(&self) -> Vec<LoggedCall> {
        self.state().calls.clone()
    }

    pub(super) fn reset(&self) {
        self.state().calls.clear();
    }

    pub(super) fn inject(&self, decide: impl Fn(&LoggedCall, u64) -> Option<SecretsFault> + Send + Sync + 'static) {
        let mut state = self.state();
        state.decide = Some(Arc::new(decide));
        state.seen = 0;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fate(&self, call: &LoggedCall) -> Option<SecretsFault> {
        let (decide, number) = {
            let mut state = self.state();
            state.seen += 1;
            (state.decide.clone()?, state.seen)
        };
        decide(call, number)
    }

    async fn serve(&self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let operation = header("x-amz-target").rsplit('.').next().unwrap_or_default().to_owned();
        let signed = header("authorization").starts_with("AWS4-HMAC-SHA256 ");
        let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let stage = body["VersionStage"].as_str().unwrap_or_default().to_owned();
        let mut call = LoggedCall { operation, stage, status: 0 };

        let fault = self.fate(&call);
        let outcome = match fault {
            Some(SecretsFault::Disconnect) => return self.break_off(call),
            Some(SecretsFault::Stall) => return self.stall(call).await,
            Some(SecretsFault::Refuse(status, name)) => Err((status, name, "As planned.".to_owned())),
            _ if !signed => Err((400, "MissingAuthenticationTokenException", "The request is not signed.".to_owned())),
            _ => self.secrets.call(&call.operation, &body).map_err(|(name, message)| (400, name, message)),
        };
        if fault == Some(SecretsFault::LoseAnswer) {
            return self.break_off(call);
        }
        if fault == Some(SecretsFault::StallAfter) {
            return self.stall(call).await;
        }
        let (status, answer) = match outcome {
            Ok(answer) => (200, answer),
            Err((status, name, message)) => (status, json!({ "__type": name, "Message": message })),
        };
        call.status = status;
        self.state().calls.push(call);
        let mut answer = Response::new(Full::new(Bytes::from(answer.to_string())));
        *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = HeaderValue::from_static("application/x-amz-json-1.1");
        answer.headers_mut().insert(http::header::CONTENT_TYPE, kind);
        Ok(answer)
    }

    /// Holds the caller until it goes away.
    async fn stall(&self, call: LoggedCall) -> io::Result<Response<Full<Bytes>>> {
        {
            let mut state = self.state();
            state.calls.push(call);
            state.stalled.send_modify(|stalled| *stalled += 1);
        }
        std::future::pending().await
    }

    /// Waits until this many calls have been held.
    pub(super) async fn stalled(&self, calls: u64) {
        let mut stalled = self.state().stalled.subscribe();
        // The sender lives as long as the front.
        drop(stalled.wait_for(|stalled| *stalled >= calls).await);
    }

    fn break_off(&self, call: LoggedCall) -> io::Result<Response<Full<Bytes>>> {
        self.state().calls.push(call);
        Err(io::ErrorKind::ConnectionAborted.into())
    }
}

impl hyper::service::Service<Request<Incoming>> for Front {
    type Response = Response<Full<Bytes>>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let front = self.clone();
        Box::pin(async move { front.serve(request).await })
    }
}
