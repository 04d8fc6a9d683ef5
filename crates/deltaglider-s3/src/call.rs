//! One request: its permit, its watch, its time limits, and its error in core's words.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use deltaglider_core::Location;
use deltaglider_core::store::{Operation, StoreError};

use crate::bandwidth::Bandwidth;
use crate::builder::{MIB, Settings};
use crate::error;
use crate::limiter::Permit;
use crate::watch::{Watch, is_doubtful};

/// A request about to be sent. The permit goes back with it, so a body is read without one: no request ever waits for another
/// while it holds a permit.
pub(crate) struct Call {
    pub(crate) client: Client,
    watch: Watch,
    limits: TimeoutConfig,
    attempt_limit: Option<Duration>,
    /// How long a mebibyte takes at the store's bandwidth, where all other requests move one at the same time.
    slow: Duration,
    endpoint: String,
    operation: Operation,
    at: Location,
    _permit: Permit,
}

impl Call {
    pub(crate) fn new(
        client: Client,
        watch: Watch,
        permit: Permit,
        settings: &Settings,
        endpoint: String,
        target: (Operation, &Location),
    ) -> Self {
        Self {
            client,
            watch,
            limits: TimeoutConfig::builder().connect_timeout(settings.connect_timeout).build(),
            attempt_limit: settings.read_timeout,
            slow: settings
                .bandwidth
                .map_or(Duration::ZERO, |rate| Bandwidth::time(rate, MIB.saturating_mul(settings.concurrency as u64))),
            endpoint,
            operation: target.0,
            at: target.1.clone(),
            _permit: permit,
        }
    }

    /// The watch, for the request's interceptors.
    pub(crate) fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// The time limits of a request without a body, at which the store moves `bytes` bytes before it answers: what was set, and 4 s for
    /// each MiB, or what a MiB takes where bandwidth is bounded.
    pub(crate) fn limits(&self, bytes: u64) -> aws_sdk_s3::config::Builder {
        let mut limits = self.limits.to_builder();
        // An answer has a body, too.
        let mebibytes = u32::try_from(bytes.div_ceil(MIB).max(1)).unwrap_or(u32::MAX);
        let extra = Duration::from_secs(4 * (bytes / MIB)).max(self.slow.saturating_mul(mebibytes));
        limits.set_operation_attempt_timeout(self.attempt_limit.map(|limit| limit + extra));
        self.bounded(limits.build())
    }

    /// Those of a request with a body: it may take as long as it makes [progress](crate::progress).
    pub(crate) fn limits_of_body(&self) -> aws_sdk_s3::config::Builder {
        self.bounded(self.limits.clone())
    }

    fn bounded(&self, limits: TimeoutConfig) -> aws_sdk_s3::config::Builder {
        aws_sdk_s3::config::Builder::default().timeout_config(limits).retry_classifier(self.watch.patience())
    }

    /// Turns the SDK's answer into core's.
    pub(crate) fn answer<T, E>(&self, answer: Result<T, SdkError<E, HttpResponse>>) -> Result<T, StoreError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        answer.map_err(|error| {
            let mut error = error::translate(self.operation, &self.at, &self.endpoint, &error);
            if is_doubtful(error.kind) && self.may_have_been_done() {
                error
                    .message
                    .push_str(" (after a retry: an earlier attempt of this request may have been carried out)");
            }
            error
        })
    }

    /// Whether an attempt before the last one may have been carried out.
    pub(crate) fn may_have_been_done(&self) -> bool {
        self.watch.may_have_been_done()
    }
}
