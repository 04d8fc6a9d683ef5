//! What went wrong, in words: what happened, why, and what to do.

use std::io;

use deltaglider::core::Error as EngineError;
use deltaglider::core::cache::CacheError;
use deltaglider::core::store::{StoreError, StoreErrorKind};
use deltaglider::{Error, ErrorKind};

use crate::exit::Exit;

/// Code of the failure that a profile is nowhere.
const NO_SUCH_PROFILE: &str = "NoSuchProfile";

/// A failure, ready to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) class: Class,
    /// A short name for programs: the store's own code where there is one.
    pub(crate) code: String,
    /// What happened, in the form of `aws` where the store refused.
    pub(crate) message: String,
    /// Why, where that is not said yet.
    pub(crate) why: Option<String>,
    /// What can be done about it.
    pub(crate) fix: Option<String>,
    /// Status of the HTTP answer.
    pub(crate) http: Option<u16>,
    pub(crate) request_id: Option<String>,
    pub(crate) retryable: bool,
}

/// What a failure means for the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// The command line is wrong.
    Usage,
    /// Settings or credentials are wrong.
    Configuration,
    /// The object is known to be absent.
    NotFound,
    /// The object has to be restored from an archive first.
    Archived,
    /// Stored bytes do not give back what was recorded.
    Integrity,
    /// The store refused or failed.
    Service,
    /// Something local cannot be read or written.
    Local,
}

impl Failure {
    /// A wrong command line.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Class::Usage, "Usage", message)
    }

    /// A failure of the local file system.
    pub(crate) fn local(message: impl Into<String>, error: &io::Error) -> Self {
        Self { why: Some(error.to_string()), ..Self::new(Class::Local, "LocalError", message) }
    }

    pub(crate) fn new(class: Class, code: &str, message: impl Into<String>) -> Self {
        Self {
            class,
            code: code.to_owned(),
            message: message.into(),
            why: None,
            fix: None,
            http: None,
            request_id: None,
            retryable: false,
        }
    }

    pub(crate) fn with_fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// Whether whatever else is tried fails as well: the command ends, however many files it is about.
    pub(crate) fn is_final(&self) -> bool {
        self.code == NO_SUCH_PROFILE
    }

    /// The exit code where this ended a command that transfers nothing.
    pub(crate) fn exit(&self) -> Exit {
        match self.class {
            Class::Usage => Exit::Usage,
            Class::Configuration => Exit::Configuration,
            Class::NotFound | Class::Archived | Class::Service => Exit::Service,
            Class::Integrity => Exit::Integrity,
            Class::Local => Exit::Other,
        }
    }

    /// The exit code where this ended a transfer.
    pub(crate) fn transfer_exit(&self) -> Exit {
        match self.class {
            Class::Usage => Exit::Usage,
            Class::Integrity => Exit::Integrity,
            Class::Configuration | Class::NotFound | Class::Archived | Class::Service | Class::Local => Exit::Failed,
        }
    }

    /// S3's rule for names, broken by a URL without one.
    pub(crate) fn no_bucket() -> Self {
        let message = "Parameter validation failed: Invalid bucket name \"\": the URL names no bucket";
        Self::new(Class::Service, "InvalidBucketName", message).with_fix("write s3://bucket/key")
    }

    /// A missing source, in the words of `aws`.
    pub(crate) fn no_such_key(key: &str) -> Self {
        let message =
            format!("An error occurred (404) when calling the HeadObject operation: Key \"{key}\" does not exist");
        Self { http: Some(404), ..Self::new(Class::NotFound, "404", message) }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let retryable = error.is_retryable();
        let kind = error.kind();
        let failure = match error {
            Error::Engine(error) => return Self::from(error),
            Error::NoLocalStore { ref path } => {
                let message = format!("no store is at {} or above it", path.display());
                Self::new(Class::Service, "NoSuchStore", message)
                    .with_fix(format!("check the path, or make a store: deltaglider mb file://{}", path.display()))
            }
            other => {
                let class = match kind {
                    ErrorKind::Usage => Class::Usage,
                    ErrorKind::Config | ErrorKind::Credentials => Class::Configuration,
                    ErrorKind::Local => Class::Local,
                    _ => Class::Service,
                };
                let code = match class {
                    Class::Usage => "Usage",
                    Class::Configuration => "Configuration",
                    _ => "LocalError",
                };
                Self { why: beneath(&other), ..Self::new(class, code, other.to_string()) }
            }
        };
        Self { retryable, ..failure }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let why = beneath(&error);
        match error {
            EngineError::Store(error) => Self::from(error),
            EngineError::ReferenceMissing { ref reference, .. } => Self {
                http: Some(404),
                why: Some(format!("the delta needs {reference}, which is gone (deleted outside of DeltaGlider?)")),
                ..Self::new(
                    Class::Integrity,
                    "ReferenceMissing",
                    "An error occurred (404) when calling the GetObject operation: reference missing",
                )
                .with_fix(
                    "restore that object from a version or a backup of the bucket, or see what can be done: \
                     `deltaglider verify` its prefix with --repair-plan",
                )
            },
            EngineError::Integrity { .. } | EngineError::Damaged { .. } | EngineError::Record { .. } => {
                Self { why, ..Self::new(Class::Integrity, "Integrity", error.to_string()) }
                    .with_fix("restore that object from a version or a backup of the bucket; nothing was written")
            }
            EngineError::Memory { .. } => {
                Self::new(Class::Service, "Memory", error.to_string()).with_fix("allow more memory with --memory")
            }
            EngineError::Source(ref source) => {
                let failure = Self { why, ..Self::new(Class::Local, "LocalError", error.to_string()) };
                match source.kind() {
                    io::ErrorKind::IsADirectory => failure.with_fix("copy directories with --recursive"),
                    _ => failure,
                }
            }
            EngineError::BucketConfig { .. } => Self::new(Class::Configuration, "BucketConfig", error.to_string())
                .with_fix("update this program, or write the configuration anew: deltaglider put-bucket-config"),
            EngineError::SourceChanged => {
                Self { retryable: true, ..Self::new(Class::Local, "SourceChanged", error.to_string()) }
            }
            EngineError::Destination(_) | EngineError::Scratch(_) => {
                Self { why, ..Self::new(Class::Local, "LocalError", error.to_string()) }
            }
            EngineError::Contended { .. } => {
                Self { retryable: true, ..Self::new(Class::Service, "Contended", error.to_string()) }
            }
            EngineError::Cache(ref cache) => {
                let failure = Self { why, ..Self::new(Class::Configuration, "Cache", error.to_string()) };
                match cache {
                    CacheError::InsecureDirectory { .. } | CacheError::Io(_) => {
                        failure.with_fix("name a directory of your own in DG_CACHE_DIR")
                    }
                    _ => failure,
                }
            }
            other => Self { why, ..Self::new(Class::Service, "Failed", other.to_string()) },
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let class = match error.kind {
            StoreErrorKind::NotFound => Class::NotFound,
            StoreErrorKind::Unauthenticated => Class::Configuration,
            StoreErrorKind::Unreadable if error.code == "InvalidObjectState" => Class::Archived,
            StoreErrorKind::Damaged => Class::Integrity,
            _ => Class::Service,
        };
        let retryable = matches!(error.kind, StoreErrorKind::Throttled | StoreErrorKind::Transient);
        let fix = match error.kind {
            StoreErrorKind::NoSuchBucket => {
                Some(format!("check the name, or create it: deltaglider mb s3://{}", error.at.bucket()))
            }
            StoreErrorKind::Throttled => Some("use fewer --jobs, or try again later".to_owned()),
            StoreErrorKind::NotEmpty => Some("remove its objects first, or add --force".to_owned()),
            StoreErrorKind::Unauthenticated if error.code == NO_SUCH_PROFILE => {
                Some("check the name, or write the profile into ~/.aws/config".to_owned())
            }
            StoreErrorKind::Unauthenticated if error.code != "NoCredentials" => {
                Some("check the credentials, the clock and the region: --profile, --region, --endpoint-url".to_owned())
            }
            // The answer to a HEAD has no body that could say which of the two it is.
            StoreErrorKind::Denied if error.code == "403" => Some(
                "check the credentials (--profile, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) and their right to do this"
                    .to_owned(),
            ),
            StoreErrorKind::Denied => Some("the credentials work, but need the right to do this".to_owned()),
            StoreErrorKind::Damaged => Some("put the object again, or remove it".to_owned()),
            StoreErrorKind::Unreadable => {
                Some("restore the object first, then use --force-glacier-transfer".to_owned())
            }
            _ => None,
        };
        let failure = Self {
            http: error.status,
            request_id: error.request_id.clone(),
            retryable,
            why: beneath(&error).filter(|why| !error.message.contains(why.as_str())),
            fix,
            ..Self::new(class, &error.code, error.to_string())
        };
        if error.code == NO_SUCH_PROFILE {
            return Self { message: error.message, ..failure };
        }
        if error.code == "NoCredentials" {
            return Self { why: None, ..failure.no_credentials(error.message) };
        }
        failure
    }
}

impl Failure {
    fn no_credentials(self, said: String) -> Self {
        let (message, fix) = match said.strip_prefix("no credentials were found: ") {
            Some(fix) => ("Unable to locate credentials".to_owned(), Some(fix.to_owned())),
            None => (said, None),
        };
        Self { message, fix, ..self }
    }
}

/// What lies beneath an error, its layers joined.
fn beneath(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let mut layers = Vec::new();
    let mut next = error.source();
    while let Some(layer) = next {
        layers.push(layer.to_string());
        next = layer.source();
    }
    (!layers.is_empty()).then(|| layers.join(": "))
}

#[cfg(test)]
mod tests {
    use deltaglider::core::Location;
    use deltaglider::core::store::Operation;

    use super::*;

    #[test]
    fn a_missing_bucket_comes_with_a_way_out() {
        let at = Location::new("relases", "a.zip");
        let message = "The specified bucket does not exist";
        let failure = Failure::from(StoreError::new(Operation::Put, &at, StoreErrorKind::NoSuchBucket, message));
        assert_eq!(
            failure.message,
            "An error occurred (NoSuchBucket) when calling the PutObject operation: The specified bucket does not exist"
        );
        assert_eq!(failure.fix.as_deref(), Some("check the name, or create it: deltaglider mb s3://relases"));
        assert_eq!((failure.exit(), failure.transfer_exit()), (Exit::Service, Exit::Failed));
    }

    #[test]
    fn missing_credentials_are_said_as_aws_says_them() {
        let at = Location::new("b", "k");
        let said = "no credentials were found: set AWS_PROFILE";
        let failure = Failure::from(StoreError::new(Operation::Put, &at, StoreErrorKind::Unauthenticated, said));
        assert_eq!(failure.message, "Unable to locate credentials");
        assert_eq!(failure.fix.as_deref(), Some("set AWS_PROFILE"));
        assert_eq!(failure.exit(), Exit::Configuration);
    }
}
