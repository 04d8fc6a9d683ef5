//! Settings of an [`S3Store`], each with a default that fits AWS.

use std::fmt;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use http::Uri;

use crate::S3Store;

/// Bytes in a mebibyte.
pub(crate) const MIB: u64 = 1024 * 1024;
/// The largest object that one PutObject or one part may carry at S3.
pub(crate) const MAX_SINGLE_PUT: u64 = 5 * 1024 * MIB;
/// The most parts that an upload may have at S3.
pub(crate) const MAX_PARTS: u64 = 10_000;

/// Where the bucket's name stands in a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressingStyle {
    /// In the host name at AWS (in the path where it holds dots, which no certificate covers), in the path at other endpoints.
    #[default]
    Auto,
    /// In the path.
    Path,
    /// In the host name.
    Virtual,
}

/// When checksums beyond those of the signature are sent and checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChecksumPolicy {
    /// Only where the operation demands one, and `Content-MD5` with bodies, by which a server refuses one that has changed on its
    /// way: servers that know no checksum trailers work.
    #[default]
    WhenRequired,
    /// Wherever the operation knows one.
    WhenSupported,
}

/// Why no store can be made of the settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The endpoint is no URL with `http` or `https` and a host.
    #[error("the endpoint is not a URL such as https://host:port")]
    Endpoint,
    /// Parts are smaller than S3 allows.
    #[error("a part size of {0} bytes is outside of 5 MiB to 5 GiB")]
    PartSize(u64),
}

#[derive(Clone)]
pub(crate) enum Identity {
    /// The chain of `aws-config`.
    Chain,
    /// Given by the caller.
    Given(SharedCredentialsProvider),
    /// Nobody: requests are not signed.
    Anonymous,
}

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) region: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) identity: Identity,
    pub(crate) addressing: AddressingStyle,
    pub(crate) verify_ssl: bool,
    pub(crate) ca_bundle: Option<PathBuf>,
    pub(crate) connect_timeout: Duration,
    pub(crate) read_timeout: Option<Duration>,
    pub(crate) max_attempts: u32,
    pub(crate) initial_backoff: Duration,
    pub(crate) throttled_for: Duration,
    pub(crate) checksums: ChecksumPolicy,
    pub(crate) multipart_threshold: u64,
    pub(crate) part_size: u64,
    pub(crate) copy_part_size: u64,
    pub(crate) part_concurrency: usize,
    pub(crate) concurrency: usize,
    pub(crate) bandwidth: Option<NonZeroU64>,
}

impl Settings {
    /// Whether neither the store nor the source of credentials is reached over TLS.
    pub(crate) fn is_plain(&self) -> bool {
        let plain =
            self.endpoint.as_deref().is_some_and(|endpoint| endpoint.to_ascii_lowercase().starts_with("http://"));
        plain && !matches!(self.identity, Identity::Chain)
    }
}

/// Builds an [`S3Store`].
///
/// What is not set comes from the chain of `aws-config` (environment, profile, SSO, web identity, container, instance), read with
/// the first request. `AWS_CA_BUNDLE` and the like, which that chain does not know, are the caller's to pass.
#[derive(Clone)]
#[must_use]
pub struct S3StoreBuilder {
    settings: Settings,
}

impl Default for S3StoreBuilder {
    fn default() -> Self {
        Self {
            settings: Settings {
                region: None,
                profile: None,
                endpoint: None,
                identity: Identity::Chain,
                addressing: AddressingStyle::Auto,
                verify_ssl: true,
                ca_bundle: None,
                connect_timeout: Duration::from_secs(10),
                read_timeout: Some(Duration::from_secs(60)),
                max_attempts: 5,
                initial_backoff: Duration::from_millis(500),
                throttled_for: Duration::from_secs(30),
                checksums: ChecksumPolicy::WhenRequired,
                multipart_threshold: 64 * MIB,
                part_size: 8 * MIB,
                copy_part_size: 512 * MIB,
                part_concurrency: 8,
                concurrency: 32,
                bandwidth: None,
            },
        }
    }
}

impl fmt::Debug for S3StoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3StoreBuilder")
            .field("region", &self.settings.region)
            .field("profile", &self.settings.profile)
            .field("endpoint", &self.settings.endpoint.as_deref().map(shown_endpoint))
            .finish_non_exhaustive()
    }
}

impl S3StoreBuilder {
    /// The region that requests are signed for. Without one anywhere: `us-east-1`.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.settings.region = Some(region.into());
        self
    }

    /// The profile of `~/.aws/config` and `~/.aws/credentials`.
    pub fn profile(mut self, profile: impl Into<String>) -> Self {
        self.settings.profile = Some(profile.into());
        self
    }

    /// Another server than AWS: `https://host:port`.
    pub fn endpoint_url(mut self, url: impl Into<String>) -> Self {
        self.settings.endpoint = Some(url.into());
        self
    }

    /// Fixed credentials instead of the chain's.
    pub fn static_credentials(self, access_key: &str, secret_key: &str, session_token: Option<&str>) -> Self {
        let token = session_token.map(str::to_owned);
        self.credentials_provider(Credentials::new(access_key, secret_key, token, None, "static"))
    }

    /// Another source of credentials than the chain.
    pub fn credentials_provider(mut self, provider: impl ProvideCredentials + 'static) -> Self {
        self.settings.identity = Identity::Given(SharedCredentialsProvider::new(provider));
        self
    }

    /// Signs no request and asks for no credentials: for public buckets.
    pub fn anonymous(mut self) -> Self {
        self.settings.identity = Identity::Anonymous;
        self
    }

    /// Where the bucket's name stands.
    pub fn addressing_style(mut self, style: AddressingStyle) -> Self {
        self.settings.addressing = style;
        self
    }

    /// Whether the server's certificate is checked; without, anybody on the way can read and change everything.
    pub fn verify_ssl(mut self, verify: bool) -> Self {
        self.settings.verify_ssl = verify;
        self
    }

    /// A PEM file of certificate authorities, which replace the system's.
    pub fn ca_bundle(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.ca_bundle = Some(path.into());
        self
    }

    /// How long a connection may take to be made; 10 s by default.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.settings.connect_timeout = limit;
        self
    }

    /// How long the head of an answer may take to come, 60 s by default: where a request has a body, since the last of it that the connection
    /// took, and up to 4 s more for what the system holds of it. `None` waits for ever. A body that stalls is broken off by the SDK's own watch.
    pub fn read_timeout(mut self, limit: Option<Duration>) -> Self {
        self.settings.read_timeout = limit;
        self
    }

    /// How long a request is tried again that the store asks to slow down, 30 s by default, unless [`max_attempts`](Self::max_attempts) is
    /// 1. Such answers do not count as attempts.
    pub fn throttled_for(mut self, time: Duration) -> Self {
        self.settings.throttled_for = time;
        self
    }

    /// How often a request is tried in all; at least 1, 5 by default.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.settings.max_attempts = attempts.max(1);
        self
    }

    /// The pause before the first retry, at most; it doubles with each and is jittered. 500 ms by default.
    pub fn initial_backoff(mut self, pause: Duration) -> Self {
        self.settings.initial_backoff = pause;
        self
    }

    /// When checksums are sent and checked.
    pub fn checksums(mut self, policy: ChecksumPolicy) -> Self {
        self.settings.checksums = policy;
        self
    }

    /// Bodies above so many bytes are sent in parts; 64 MiB by default.
    pub fn multipart_threshold(mut self, bytes: u64) -> Self {
        self.settings.multipart_threshold = bytes;
        self
    }

    /// Bytes of a part, 5 MiB to 5 GiB, 8 MiB by default; parts grow where 10 000 of them would not do.
    pub fn part_size(mut self, bytes: u64) -> Self {
        self.settings.part_size = bytes;
        self
    }

    /// Bytes of a part of a copy of what CopyObject refuses as too large; 512 MiB by default.
    pub fn copy_part_size(mut self, bytes: u64) -> Self {
        self.settings.copy_part_size = bytes.max(1);
        self
    }

    /// Parts of one upload under way at a time; 8 by default. A streamed upload holds this many parts in memory, and one more.
    pub fn part_concurrency(mut self, parts: NonZeroUsize) -> Self {
        self.settings.part_concurrency = parts.get();
        self
    }

    /// Requests of this store under way at a time, at most; 32 by default. Throttling lowers it for a while.
    pub fn concurrency(mut self, requests: NonZeroUsize) -> Self {
        self.settings.concurrency = requests.get();
        self
    }

    /// Bytes of bodies that all requests of this store and its clones move in a second, in both directions together; unbounded by
    /// default. Time limits grow with what the rate makes a request wait.
    pub fn bandwidth(mut self, bytes_per_second: Option<NonZeroU64>) -> Self {
        self.settings.bandwidth = bytes_per_second;
        self
    }

    /// Makes the store; no request, no file and no variable is read.
    pub fn build(self) -> Result<S3Store, BuildError> {
        let settings = self.settings;
        if let Some(endpoint) = &settings.endpoint {
            let uri: Uri = endpoint.parse().map_err(|_| BuildError::Endpoint)?;
            if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
                return Err(BuildError::Endpoint);
            }
        }
        if !(5 * MIB..=MAX_SINGLE_PUT).contains(&settings.part_size) {
            return Err(BuildError::PartSize(settings.part_size));
        }
        Ok(S3Store::new(Arc::new(settings)))
    }
}

/// An endpoint without what may be secret in it: user, password, query.
pub(crate) fn shown_endpoint(endpoint: &str) -> String {
    let without_query = endpoint.split(['?', '#']).next().unwrap_or_default();
    match without_query.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
            let host = authority.rsplit('@').next().unwrap_or_default();
            let slash = if path.is_empty() { "" } else { "/" };
            format!("{scheme}://{host}{slash}{path}")
        }
        None => without_query.rsplit('@').next().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_url() {
        for wrong in ["localhost:9000", "", "ftp://host", "https://", "host", "http:// x"] {
            let built = S3StoreBuilder::default().endpoint_url(wrong).build();
            assert_eq!(built.err(), Some(BuildError::Endpoint), "{wrong}");
        }
        assert!(S3StoreBuilder::default().endpoint_url("http://127.0.0.1:9000").build().is_ok());
        let small = S3StoreBuilder::default().part_size(MIB).build();
        assert_eq!(small.err(), Some(BuildError::PartSize(MIB)));
    }

    #[test]
    fn nothing_secret_is_shown() {
        let builder = S3StoreBuilder::default()
            .endpoint_url("https://user:secret-word@host:9/p?X-Amz-Signature=secret-word")
            .static_credentials("AKID", "secret-word", Some("secret-word"));
        let store = builder.clone().build().expect("a store");
        for shown in [format!("{builder:?}"), format!("{store:?}"), store.to_string()] {
            assert!(!shown.contains("secret-word"), "{shown}");
            assert!(shown.contains("https://host:9/p"), "{shown}");
        }
    }
}
