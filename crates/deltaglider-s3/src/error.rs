//! What an error of the SDK means: facts are taken from it, and one pure function classifies them.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;
use deltaglider_core::Location;
use deltaglider_core::store::{Operation, StoreError, StoreErrorKind};

/// How far a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reached {
    /// It could not be made.
    Nothing,
    /// It could not be signed: there are no credentials, or they could not be had.
    NoCredentials,
    /// It went out, and no answer came in time.
    TimedOut,
    /// No connection, or a broken one.
    Disconnected,
    /// An answer came.
    Answered,
}

/// What is known of a failed request.
#[derive(Clone, Copy, Debug)]
struct Facts<'a> {
    operation: Operation,
    reached: Reached,
    status: Option<u16>,
    code: &'a str,
    message: &'a str,
}

/// The meaning of a failure. Only what is certain is `NotFound`: a 404 that names the key, or one to a HEAD, which has no words.
fn classify(facts: Facts<'_>) -> StoreErrorKind {
    use StoreErrorKind as Kind;
    match facts.reached {
        Reached::Nothing => return Kind::Invalid,
        Reached::NoCredentials => return Kind::Unauthenticated,
        Reached::TimedOut | Reached::Disconnected => return Kind::Transient,
        Reached::Answered => {}
    }
    if let Some(kind) = classify_code(facts) {
        return kind;
    }
    let head = facts.operation == Operation::Head;
    match facts.status {
        Some(404) if head && facts.code.is_empty() => Kind::NotFound,
        Some(409 | 412) => Kind::Conflict,
        Some(416) => Kind::InvalidRange,
        Some(429) => Kind::Throttled,
        // A throttled HEAD has no body that would say `SlowDown`.
        Some(503) if head => Kind::Throttled,
        Some(401) => Kind::Unauthenticated,
        Some(403) => Kind::Denied,
        Some(405 | 501) => Kind::Unsupported,
        Some(507) => Kind::NoSpace,
        Some(404) => Kind::Other,
        // A success that could not be understood may have had its effect, too.
        Some(200..300 | 408 | 500..) => Kind::Transient,
        Some(400..) => Kind::Invalid,
        _ => Kind::Other,
    }
}

fn classify_code(facts: Facts<'_>) -> Option<StoreErrorKind> {
    use StoreErrorKind as Kind;
    let kind = match facts.code {
        "NoSuchKey" | "NotFound" if facts.status == Some(404) => Kind::NotFound,
        "NoSuchBucket" => Kind::NoSuchBucket,
        "PreconditionFailed"
        | "ConditionalRequestConflict"
        | "OperationAborted"
        | "BucketAlreadyExists"
        | "BucketAlreadyOwnedByYou" => Kind::Conflict,
        "BucketNotEmpty" => Kind::NotEmpty,
        "InvalidRange" => Kind::InvalidRange,
        "SlowDown"
        | "SlowDownRead"
        | "SlowDownWrite"
        | "TooManyRequests"
        | "TooManyRequestsException"
        | "Throttling"
        | "ThrottlingException"
        | "RequestLimitExceeded"
        | "BandwidthLimitExceeded" => Kind::Throttled,
        "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "InvalidToken"
        | "TokenRefreshRequired"
        | "RequestTimeTooSkewed"
        | "MissingSecurityHeader"
        | "MissingAuthenticationToken"
        | "CredentialsNotSupported"
        | "RequestExpired"
        | "NotSignedUp" => Kind::Unauthenticated,
        "AccessDenied" | "AllAccessDisabled" | "AccountProblem" => Kind::Denied,
        "InvalidObjectState" => Kind::Unreadable,
        // What was stored with a key of the customer's answers so to whoever does not bring it.
        "InvalidRequest" if facts.message.contains("Server Side Encryption") && is_read(facts.operation) => {
            Kind::Unreadable
        }
        "NotImplemented" | "MethodNotAllowed" => Kind::Unsupported,
        "QuotaExceeded" | "InsufficientStorage" | "XMinioStorageFull" | "XMinioAdminBucketQuotaExceeded" => {
            Kind::NoSpace
        }
        "RequestTimeout" | "IncompleteBody" | "BadDigest" | "InternalError" | "ServiceUnavailable" => Kind::Transient,
        _ => return None,
    };
    Some(kind)
}

fn is_read(operation: Operation) -> bool {
    matches!(operation, Operation::Get | Operation::Head | Operation::Copy)
}

/// Turns an error of the SDK into core's, with the store's own code, words, status and request id.
pub(crate) fn translate<E>(
    operation: Operation,
    at: &Location,
    endpoint: &str,
    error: &SdkError<E, HttpResponse>,
) -> StoreError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let response = error.raw_response();
    let status = response.map(|response| response.status().as_u16());
    let header = |name| response.and_then(|response| response.headers().get(name)).map(str::to_owned);
    let reached = match error {
        _ if find::<CredentialsError>(error).is_some() => Reached::NoCredentials,
        SdkError::ConstructionFailure(_) => Reached::Nothing,
        SdkError::TimeoutError(_) => Reached::TimedOut,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => Reached::TimedOut,
        SdkError::DispatchFailure(failure) if failure.is_user() => Reached::Nothing,
        SdkError::DispatchFailure(_) => Reached::Disconnected,
        _ => Reached::Answered,
    };
    let code = error.code().unwrap_or_default();
    let said = error.message().unwrap_or_default();
    let kind = classify(Facts { operation, reached, status, code, message: said });

    let message = match reached {
        Reached::NoCredentials => explain_credentials(error),
        Reached::TimedOut => format!("{endpoint} did not answer in time"),
        Reached::Disconnected => format!("{endpoint} cannot be reached: {}", deepest(error)),
        Reached::Nothing => format!("the request could not be made: {}", deepest(error)),
        Reached::Answered => match header("x-amz-bucket-region") {
            Some(region) if matches!(status, Some(300..=308 | 400)) => {
                format!("{} (the bucket is in the region {region})", or_reason(said, status)).trim().to_owned()
            }
            _ => or_reason(said, status),
        },
    };
    let mut translated = StoreError::new(operation, at, kind, message);
    match (reached, code, status) {
        (Reached::NoCredentials, ..) => {}
        (Reached::TimedOut, ..) => "RequestTimeout".clone_into(&mut translated.code),
        (Reached::Disconnected, ..) => "ConnectionError".clone_into(&mut translated.code),
        (Reached::Nothing, ..) => "InvalidRequest".clone_into(&mut translated.code),
        // The SDK's own name for what a HEAD answers; S3 clients print the status.
        (_, "" | "NotFound", Some(status)) => translated.code = status.to_string(),
        (_, "", None) => {}
        (_, code, _) => code.clone_into(&mut translated.code),
    }
    translated.status = status;
    let named = error.request_id().or_else(|| error.meta().request_id());
    translated.request_id = named.map(str::to_owned).or_else(|| header("x-amz-request-id"));
    if reached != Reached::Answered {
        // As text: the SDK's own error would show whole answers.
        translated.source = error.source().map(|source| chain(source).into());
    }
    translated
}

/// The store's words, or what its status means.
fn or_reason(said: &str, status: Option<u16>) -> String {
    if !said.is_empty() {
        return said.to_owned();
    }
    let status = status.and_then(|status| http::StatusCode::from_u16(status).ok());
    let reason = status.and_then(|status| status.canonical_reason());
    reason.unwrap_or("the answer could not be understood").to_owned()
}

fn explain_credentials(error: &(dyn Error + 'static)) -> String {
    let what = match find::<CredentialsError>(error) {
        Some(CredentialsError::CredentialsNotLoaded(_)) | None => "no credentials were found".to_owned(),
        Some(other) => format!("no credentials could be had ({})", deepest(other).trim_end_matches('.')),
    };
    format!(
        "{what}: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or read a public bucket with \
         --no-sign-request"
    )
}

fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    beneath(error).find_map(|error| error.downcast_ref())
}

fn deepest(error: &(dyn Error + 'static)) -> String {
    beneath(error).last().map(ToString::to_string).unwrap_or_default()
}

/// An error and all that lie beneath it.
fn beneath<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn chain(error: &(dyn Error + 'static)) -> String {
    beneath(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(operation: Operation, status: u16, code: &str, message: &str) -> StoreErrorKind {
        classify(Facts { operation, reached: Reached::Answered, status: Some(status), code, message })
    }

    #[test]
    fn answers_are_classified_by_meaning() {
        use Operation::{CreateBucket, Delete, DeleteBucket, Get, Head, List, Put};
        use StoreErrorKind as Kind;
        let table = [
            (Get, 404, "NoSuchKey", Kind::NotFound),
            (Head, 404, "NotFound", Kind::NotFound),
            (Head, 404, "", Kind::NotFound),
            (Get, 404, "", Kind::Other),
            (Get, 500, "NoSuchKey", Kind::Transient),
            (Get, 404, "NoSuchBucket", Kind::NoSuchBucket),
            (Put, 404, "NoSuchUpload", Kind::Other),
            (Put, 412, "PreconditionFailed", Kind::Conflict),
            (Get, 412, "", Kind::Conflict),
            (Put, 409, "ConditionalRequestConflict", Kind::Conflict),
            (CreateBucket, 409, "BucketAlreadyOwnedByYou", Kind::Conflict),
            (DeleteBucket, 409, "BucketNotEmpty", Kind::NotEmpty),
            (Get, 416, "InvalidRange", Kind::InvalidRange),
            (Put, 503, "SlowDown", Kind::Throttled),
            (Put, 429, "", Kind::Throttled),
            (Head, 503, "", Kind::Throttled),
            (Put, 503, "ServiceUnavailable", Kind::Transient),
            (List, 500, "InternalError", Kind::Transient),
            (Get, 502, "", Kind::Transient),
            (Put, 400, "RequestTimeout", Kind::Transient),
            (Get, 403, "AccessDenied", Kind::Denied),
            (Head, 403, "", Kind::Denied),
            (Get, 403, "InvalidAccessKeyId", Kind::Unauthenticated),
            (Get, 403, "SignatureDoesNotMatch", Kind::Unauthenticated),
            (Get, 400, "ExpiredToken", Kind::Unauthenticated),
            (Get, 401, "", Kind::Unauthenticated),
            (Get, 403, "InvalidObjectState", Kind::Unreadable),
            (Put, 501, "NotImplemented", Kind::Unsupported),
            (Delete, 405, "", Kind::Unsupported),
            (Put, 400, "KeyTooLongError", Kind::Invalid),
            (Put, 507, "XMinioStorageFull", Kind::NoSpace),
            (Get, 301, "PermanentRedirect", Kind::Other),
            (Put, 200, "", Kind::Transient),
        ];
        for (operation, status, code, expected) in table {
            assert_eq!(kind(operation, status, code, ""), expected, "{operation:?} {status} {code}");
        }
        let sealed = "The object was stored using a form of Server Side Encryption.";
        assert_eq!(kind(Get, 400, "InvalidRequest", sealed), Kind::Unreadable);
        assert_eq!(kind(Put, 400, "InvalidRequest", sealed), Kind::Invalid);
    }

    #[test]
    fn what_was_not_answered_is_not_absent() {
        for (reached, expected) in [
            (Reached::Nothing, StoreErrorKind::Invalid),
            (Reached::NoCredentials, StoreErrorKind::Unauthenticated),
            (Reached::TimedOut, StoreErrorKind::Transient),
            (Reached::Disconnected, StoreErrorKind::Transient),
        ] {
            let facts = Facts { operation: Operation::Get, reached, status: None, code: "", message: "" };
            assert_eq!(classify(facts), expected);
        }
    }
}
