//! Watches the attempts of a request: tells the limiter, and remembers whether one may have been carried out unheard.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_sdk_s3::config::interceptors::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
    InterceptorContext,
};
use aws_sdk_s3::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use deltaglider_core::store::StoreErrorKind;

use crate::clock::{Clock, seconds_of_date, seconds_of_signature};
use crate::limiter::Limiter;

/// Farther than this from a server's clock, a signature may be refused for it; servers take 5 or 15 minutes.
const MAX_SKEW: u64 = 4 * 60;

/// On an answer: its request was signed by a clock that is far from the server's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignedAtAnotherTime;

/// One request's watch; clones are the same watch.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    limiter: Arc<Limiter>,
    clock: Arc<Clock>,
    seen: Arc<Seen>,
    attempts: u32,
    throttled_for: Duration,
}

#[derive(Debug)]
struct Seen {
    began: Instant,
    started: Mutex<Instant>,
    /// Attempts that failed otherwise than by being throttled.
    failures: AtomicU32,
    /// The last attempt was throttled.
    throttled: AtomicBool,
    /// When the attempt under way says that it was signed, in seconds since 1970.
    signed: Mutex<Option<i64>>,
    /// The attempt under way ended without a clear answer.
    unclear: AtomicBool,
    /// An attempt before the one under way did.
    unclear_before: AtomicBool,
}

impl Watch {
    pub(crate) fn new(limiter: Arc<Limiter>, clock: Arc<Clock>, attempts: u32, throttled_for: Duration) -> Self {
        let seen = Seen {
            began: Instant::now(),
            started: Mutex::new(Instant::now()),
            failures: AtomicU32::new(0),
            throttled: AtomicBool::new(false),
            signed: Mutex::new(None),
            unclear: AtomicBool::new(false),
            unclear_before: AtomicBool::new(false),
        };
        Self { limiter, clock, seen: Arc::new(seen), attempts, throttled_for }
    }

    /// How often the request is tried again.
    pub(crate) fn patience(&self) -> Patience {
        Patience(self.clone())
    }

    /// Whether an attempt before the last one may have been carried out although its answer did not come.
    pub(crate) fn may_have_been_done(&self) -> bool {
        self.seen.unclear_before.load(Ordering::Relaxed)
    }
}

impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "Watch"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let signed = context.request().headers().get("x-amz-date").and_then(seconds_of_signature);
        *self.seen.signed.lock().unwrap_or_else(PoisonError::into_inner) = signed;
        *self.seen.started.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.seen.throttled.store(false, Ordering::Relaxed);
        self.seen.unclear_before.fetch_or(self.seen.unclear.load(Ordering::Relaxed), Ordering::Relaxed);
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let signed = *self.seen.signed.lock().unwrap_or_else(PoisonError::into_inner);
        let answered = context.response().headers().get("date").and_then(seconds_of_date);
        if let (Some(signed), Some(answered)) = (signed, answered)
            && signed.abs_diff(answered) > MAX_SKEW
        {
            context.response_mut().add_extension(SignedAtAnotherTime);
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let status = context.response().map(|response| response.status().as_u16());
        if let Some(date) = context.response().and_then(|response| response.headers().get("date")) {
            self.clock.answered(date);
        }
        let started = *self.seen.started.lock().unwrap_or_else(PoisonError::into_inner);
        match context.output_or_error() {
            Some(Ok(_)) => self.limiter.succeeded(),
            Some(Err(_)) | None if matches!(status, Some(429 | 503)) => {
                self.seen.throttled.store(true, Ordering::Relaxed);
                self.limiter.throttled(started);
            }
            // Without a status, by a 5xx or by a success whose body could not be read: the effect may be there.
            Some(Err(_)) | None => {
                let unclear = status.is_none_or(|status| !(300..500).contains(&status));
                self.seen.unclear.fetch_or(unclear, Ordering::Relaxed);
                self.seen.failures.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    }
}

/// Bounds how often a request is tried: in number where it fails, in time where the store asks to slow down, which says nothing against
/// the request.
#[derive(Clone, Debug)]
pub(crate) struct Patience(Watch);

impl ClassifyRetry for Patience {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let (seen, attempts) = (&self.0.seen, self.0.attempts);
        let throttled = seen.throttled.load(Ordering::Relaxed);
        let is_over = match throttled {
            true => seen.began.elapsed() >= self.0.throttled_for,
            false => seen.failures.load(Ordering::Relaxed) >= attempts,
        };
        let failed = !matches!(context.output_or_error(), Some(Ok(_)));
        if failed && is_over { RetryAction::RetryForbidden } else { RetryAction::NoActionIndicated }
    }

    fn name(&self) -> &'static str {
        "Patience"
    }
}

/// Whether an error could hide that an earlier attempt of the same request won.
pub(crate) fn is_doubtful(kind: StoreErrorKind) -> bool {
    matches!(kind, StoreErrorKind::Conflict | StoreErrorKind::NotFound)
}
