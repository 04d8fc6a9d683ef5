//! What is tried again beside what the SDK tries again by itself.

use aws_sdk_s3::config::interceptors::InterceptorContext;
use aws_sdk_s3::config::retry::{ClassifyRetry, RetryAction};

use crate::watch::SignedAtAnotherTime;

/// 429, by which other servers than AWS throttle, a body that has changed on its way, which its digest told the server, and what was
/// refused since this machine's clock is wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Again;

impl ClassifyRetry for Again {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(response) = context.response() else { return RetryAction::NoActionIndicated };
        match response.status().as_u16() {
            // The answer to a HEAD has no body that could say why; the SDK signs the next attempt by the server's clock.
            403 if response.extension::<SignedAtAnotherTime>().is_some() => RetryAction::transient_error(),
            429 => RetryAction::throttling_error(),
            400 if response.body().bytes().is_some_and(says_bad_digest) => RetryAction::transient_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "Again"
    }
}

fn says_bad_digest(body: &[u8]) -> bool {
    const CODE: &[u8] = b"<Code>BadDigest</Code>";
    body.windows(CODE.len()).any(|window| window == CODE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_digest_is_told_by_its_code() {
        assert!(says_bad_digest(b"<?xml version=\"1.0\"?><Error><Code>BadDigest</Code><Message>no</Message></Error>"));
        assert!(!says_bad_digest(b"<Error><Code>InvalidDigest</Code></Error>") && !says_bad_digest(b""));
    }
}
