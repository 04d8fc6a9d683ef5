//! From errors of the SDK to ours: what happened, and what to do. Nothing of a request or an answer is in them.

use std::error::Error;

use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};

/// Why the service did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// There is no such secret, or no such version or stage of it.
    Absent,
    /// Anything else, in words.
    Refused(String),
}

/// Tells what an error means for whoever asked; `action` is the right that the request needs.
pub(super) fn failure<E>(error: &SdkError<E>, action: &str) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let SdkError::ServiceError(refusal) = error else {
        return Failure::Refused(unanswered(error));
    };
    let code = refusal.err().code().unwrap_or("an unknown error");
    // Messages of the service hold names and stages, and never a value.
    let message = refusal.err().message().unwrap_or_default();
    let fix = match code {
        "ResourceNotFoundException" => return Failure::Absent,
        "AccessDeniedException" => {
            format!("; to fix: allow {action} on it, and kms:Decrypt where its key is one's own")
        }
        "DecryptionFailure" | "DecryptionFailureException" => {
            "; to fix: allow kms:Decrypt on the key of the secret".to_owned()
        }
        "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "ExpiredTokenException"
        | "InvalidClientTokenId" => "; to fix: check the credentials, the clock and the region".to_owned(),
        _ => String::new(),
    };
    Failure::Refused(format!("{code}: {message}{fix}"))
}

fn unanswered<E>(error: &SdkError<E>) -> String
where
    E: Error + 'static,
{
    let what = match error {
        SdkError::TimeoutError(_) => "no answer in time",
        SdkError::DispatchFailure(_) => "the service was not reached",
        SdkError::ResponseError(_) => "the answer cannot be understood",
        _ => "the request cannot be made",
    };
    let mut text = what.to_owned();
    let mut next = error.source();
    while let Some(layer) = next {
        text.push_str(&format!(": {layer}"));
        next = layer.source();
    }
    text + "; to fix: check the network, the region and the credentials"
}
