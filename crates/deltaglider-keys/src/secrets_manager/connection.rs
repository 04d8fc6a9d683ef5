//! From settings to a client of the SDK.

use std::path::Path;
use std::time::Duration;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Region, SharedCredentialsProvider, SharedHttpClient};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_types::service_config::ServiceConfigKey;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::SecretsManagerSettings;

/// The region of requests to a server of one's own that has none.
const FALLBACK_REGION: &str = "us-east-1";
const MAX_ATTEMPTS: u32 = 12;
const MAX_BACKOFF: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one attempt may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client, and the region that it asks in.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) client: Client,
    pub(super) region: String,
}

/// Reads files and variables of the AWS tools; an error says what is wrong with them, and what to do.
pub(super) async fn connect(settings: &SecretsManagerSettings) -> Result<Connection, String> {
    let http = http_client(settings)?;
    let found = find_region(settings, &http).await;
    let region = found.clone().unwrap_or(Region::from_static(FALLBACK_REGION));
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http.clone()).region(region.clone());
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(endpoint) = &settings.endpoint_url {
        loader = loader.endpoint_url(endpoint);
    }
    loader = loader.credentials_provider(match &settings.credentials {
        Some(given) => SharedCredentialsProvider::new(given.clone()),
        None => credentials(settings, &http, region.clone()).await,
    });
    let shared = loader.load().await;
    if found.is_none() && !has_endpoint(settings, &shared) {
        return Err("no region is known; to fix: set AWS_REGION, or name the secret by its ARN".to_owned());
    }
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(ATTEMPT_TIMEOUT).build();
    let config = aws_sdk_secretsmanager::config::Builder::from(&shared).timeout_config(timeouts).retry_config(
        RetryConfig::standard()
            .with_max_attempts(settings.max_attempts.unwrap_or(MAX_ATTEMPTS).max(1))
            .with_initial_backoff(settings.initial_backoff)
            .with_max_backoff(MAX_BACKOFF),
    );
    Ok(Connection { client: Client::from_conf(config.build()), region: region.to_string() })
}

/// rustls with ring; the server's certificate is checked always.
fn http_client(settings: &SecretsManagerSettings) -> Result<SharedHttpClient, String> {
    let plain = settings.endpoint_url.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    let trust = match &settings.ca_bundle {
        Some(path) => TrustStore::empty().with_pem_certificate(read_bundle(path)?),
        // Nobody speaks TLS then: the system's certificates, which take a while, need not be loaded.
        None if plain && settings.credentials.is_some() => TrustStore::empty(),
        None => TrustStore::default(),
    };
    Ok(Builder::new().build_with_connector_fn(move |limits, components| {
        let mut connector =
            Connector::builder().proxy_config(ProxyConfig::from_env()).tls_provider(Provider::Rustls(CryptoMode::Ring));
        connector.set_connector_settings(limits.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        // Cannot fail: the context is two fields.
        if let Ok(context) = TlsContext::builder().with_trust_store(trust.clone()).build() {
            connector.set_tls_context(context);
        }
        connector.build()
    }))
}

/// Reads a bundle and makes sure that every certificate in it can be used: the SDK's client would panic over it.
fn read_bundle(path: &Path) -> Result<Vec<u8>, String> {
    let pem =
        std::fs::read(path).map_err(|error| format!("the CA bundle {} cannot be read ({error})", path.display()))?;
    let mut roots = RootCertStore::empty();
    let mut certificates = CertificateDer::pem_slice_iter(&pem);
    let usable = certificates.all(|found| found.is_ok_and(|certificate| roots.add(certificate).is_ok()));
    if usable && !roots.is_empty() {
        return Ok(pem);
    }
    Err(format!("the CA bundle {} holds no certificate in PEM, or one that cannot be understood", path.display()))
}

/// The region that is set, that the secret's ARN names, that environment or profile name, or that the instance runs in.
async fn find_region(settings: &SecretsManagerSettings, http: &SharedHttpClient) -> Option<Region> {
    if let Some(region) = settings.region.as_deref().or_else(|| region_of(&settings.secret_id)) {
        return Some(Region::new(region.to_owned()));
    }
    let provider = ProviderConfig::default().with_http_client(http.clone());
    let mut profile = ProfileFileRegionProvider::builder().configure(&provider);
    if let Some(name) = &settings.profile {
        profile = profile.profile_name(name);
    }
    let mut chain = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new()).or_else(profile.build());
    if settings.endpoint_url.is_none() && settings.credentials.is_none() {
        let instance = imds::region::ImdsRegionProvider::builder().configure(&provider);
        chain = chain.or_else(instance.imds_client(metadata_service(&provider)).build());
    }
    chain.region().await
}

/// The region in an ARN: `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME`.
fn region_of(secret_id: &str) -> Option<&str> {
    let mut parts = secret_id.split(':');
    let is_arn = parts.next() == Some("arn");
    parts.nth(2).filter(|region| is_arn && !region.is_empty())
}

/// A profile that is asked for by name is the one that is used, as with the AWS tools: credentials in the environment are not.
async fn credentials(
    settings: &SecretsManagerSettings,
    http: &SharedHttpClient,
    region: Region,
) -> SharedCredentialsProvider {
    let provider = ProviderConfig::default().with_http_client(http.clone());
    if let Some(profile) = &settings.profile {
        let profile = ProfileFileCredentialsProvider::builder().profile_name(profile);
        return SharedCredentialsProvider::new(profile.configure(&provider.with_region(Some(region))).build());
    }
    let chain =
        DefaultCredentialsChain::builder().region(region).imds_client(metadata_service(&provider)).configure(provider);
    SharedCredentialsProvider::new(chain.build().await)
}

/// The instance's metadata service, asked once and briefly: on a machine that is no instance nobody answers.
fn metadata_service(provider: &ProviderConfig) -> imds::Client {
    let second = Duration::from_secs(1);
    imds::Client::builder().configure(provider).max_attempts(1).connect_timeout(second).read_timeout(second).build()
}

/// Whether the settings, the environment or a profile name another server than AWS.
fn has_endpoint(settings: &SecretsManagerSettings, shared: &aws_config::SdkConfig) -> bool {
    let key = ServiceConfigKey::builder()
        .service_id("Secrets Manager")
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok();
    let of_service = || shared.service_config().and_then(|config| config.load_config(key?));
    settings.endpoint_url.is_some() || shared.endpoint_url().is_some() || of_service().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_names_its_region() {
        let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:deltaglider/key-AbCdEf";
        assert_eq!(region_of(arn), Some("eu-west-1"));
        for name in ["deltaglider/cache-encryption-key", "a:b:c:d", "arn:aws:secretsmanager::1:secret:x", "arn"] {
            assert_eq!(region_of(name), None, "{name}");
        }
    }

    #[test]
    fn a_bundle_without_certificates_is_an_error() {
        assert!(read_bundle(Path::new("/nowhere/at/all")).expect_err("none").contains("/nowhere/at/all"));
    }
}
