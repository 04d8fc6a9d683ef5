//! What the server was asked.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderMap;

/// A request and its answer.
#[derive(Clone, Debug, Default)]
pub struct LoggedRequest {
    /// Name in the S3 API, such as `PutObject`.
    pub operation: &'static str,
    /// The bucket; empty for the list of buckets.
    pub bucket: String,
    /// The key; empty for the bucket itself.
    pub key: String,
    /// The request's headers, without `authorization`.
    pub headers: HeaderMap,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the answer's body that were sent.
    pub bytes_out: u64,
    /// Status of the answer; 0 where none was sent.
    pub status: u16,
}

impl LoggedRequest {
    /// A header of the request.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// All requests, in the order of their answers. Clones are the same log.
#[derive(Clone, Debug, Default)]
pub struct RequestLog {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    requests: Vec<LoggedRequest>,
    running: usize,
    most_running: usize,
}

impl RequestLog {
    /// All requests.
    #[must_use]
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.state().requests.clone()
    }

    /// The operations' names.
    #[must_use]
    pub fn operations(&self) -> Vec<&'static str> {
        self.state().requests.iter().map(|request| request.operation).collect()
    }

    /// How many requests of an operation there were.
    #[must_use]
    pub fn count(&self, operation: &str) -> usize {
        self.state().requests.iter().filter(|request| request.operation == operation).count()
    }

    /// How many requests there were.
    #[must_use]
    pub fn total(&self) -> usize {
        self.state().requests.len()
    }

    /// The most requests that were under way at a time.
    #[must_use]
    pub fn most_at_a_time(&self) -> usize {
        self.state().most_running
    }

    /// Forgets everything.
    pub fn reset(&self) {
        let mut state = self.state();
        state.requests.clear();
        state.most_running = state.running;
    }

    /// A request comes in.
    pub(super) fn begin(&self) {
        let mut state = self.state();
        state.running += 1;
        state.most_running = state.most_running.max(state.running);
    }

    /// It is answered.
    pub(super) fn end(&self, request: LoggedRequest) {
        let mut state = self.state();
        state.running -= 1;
        state.requests.push(request);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
