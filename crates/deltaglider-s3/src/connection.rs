//! From settings to a client of the SDK: where the default chain is asked, and where it is cut short.

use std::time::Duration;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{self, ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Region, RequestChecksumCalculation, ResponseChecksumValidation, SharedCredentialsProvider,
    SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_types::os_shim_internal::{Env, Fs};
use aws_types::service_config::ServiceConfigKey;
use deltaglider_core::Location;
use deltaglider_core::store::{Operation, StoreError, StoreErrorKind};

use crate::again::Again;
use crate::bandwidth::{self, Bandwidth};
use crate::builder::{AddressingStyle, ChecksumPolicy, Identity, Settings};
use crate::{http_client, progress};

/// The region of requests to a server that has none.
pub(crate) const FALLBACK_REGION: &str = "us-east-1";

/// How long a body may stand still, without a bound on bandwidth; the SDK's own default.
const STALL: Duration = Duration::from_secs(20);

/// Attempts where an answer asks to slow down: their pauses, which double, take 45 s on average. (Many more would let the SDK wait for
/// credentials for longer, whose time it reckons by this number.)
const THROTTLED: u32 = 10;

/// A client, and what the store has to know about it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) client: Client,
    /// Another server than AWS.
    pub(crate) endpoint: Option<String>,
    pub(crate) region: String,
}

/// Reads files and variables of the AWS tools; asks the instance's metadata service for a region where nothing else names one.
pub(crate) async fn connect(settings: &Settings, target: (Operation, &Location)) -> Result<Connection, StoreError> {
    let http = http_client::make(settings).map_err(|error| {
        StoreError::new(target.0, target.1, StoreErrorKind::Invalid, error.to_string()).with_source(error)
    })?;
    let http = match settings.read_timeout {
        Some(limit) => {
            // What waits for its turn makes no progress, and is not stuck.
            let turn = settings.bandwidth.map(|rate| Bandwidth::longest_pause(rate, settings.concurrency));
            progress::watched(http, limit + turn.unwrap_or_default())
        }
        None => http,
    };
    let http = match settings.bandwidth {
        Some(rate) => bandwidth::bounded(http, Bandwidth::new(rate)),
        None => http,
    };
    let named = match &settings.identity {
        Identity::Chain => settings.profile.clone().or_else(|| Env::real().get("AWS_PROFILE").ok()),
        Identity::Given(_) | Identity::Anonymous => settings.profile.clone(),
    };
    if let Some(profile) = named.filter(|name| !name.is_empty()) {
        ensure_profile(&profile, target).await?;
    }
    let region = find_region(settings, &http).await.unwrap_or(Region::from_static(FALLBACK_REGION));
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http.clone()).region(region.clone());
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(endpoint) = &settings.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    loader = match &settings.identity {
        Identity::Chain => loader.credentials_provider(credentials(settings, &http, region.clone()).await),
        Identity::Given(provider) => loader.credentials_provider(provider.clone()),
        Identity::Anonymous => loader.no_credentials(),
    };
    let shared = loader.load().await;

    let endpoint = settings.endpoint.clone().or_else(|| configured_endpoint(&shared));
    let (sent, checked) = match settings.checksums {
        ChecksumPolicy::WhenRequired => {
            (RequestChecksumCalculation::WhenRequired, ResponseChecksumValidation::WhenRequired)
        }
        ChecksumPolicy::WhenSupported => {
            (RequestChecksumCalculation::WhenSupported, ResponseChecksumValidation::WhenSupported)
        }
    };
    let mut config = aws_sdk_s3::config::Builder::from(&shared)
        .force_path_style(match settings.addressing {
            AddressingStyle::Auto => endpoint.is_some(),
            AddressingStyle::Path => true,
            AddressingStyle::Virtual => false,
        })
        .request_checksum_calculation(sent)
        .response_checksum_validation(checked)
        .timeout_config(TimeoutConfig::builder().connect_timeout(settings.connect_timeout).build())
        .retry_config(
            RetryConfig::standard()
                // `Patience` has the nearer bounds.
                .with_max_attempts(if settings.max_attempts == 1 { 1 } else { settings.max_attempts.max(THROTTLED) })
                .with_initial_backoff(settings.initial_backoff),
        )
        .retry_classifier(Again);
    if let Some(rate) = settings.bandwidth {
        // A body that waits for its turn has not stalled.
        let grace = STALL + Bandwidth::longest_pause(rate, settings.concurrency);
        config = config.stalled_stream_protection(StalledStreamProtectionConfig::enabled().grace_period(grace).build());
    }
    if matches!(settings.identity, Identity::Anonymous) {
        config = config.allow_no_auth();
    }
    Ok(Connection { client: Client::from_conf(config.build()), endpoint, region: region.to_string() })
}

/// A profile that is asked for has to be in one of the files; the chain would go on without it, and miss credentials.
async fn ensure_profile(name: &str, target: (Operation, &Location)) -> Result<(), StoreError> {
    let profiles = profile::load(&Fs::real(), &Env::real(), &Default::default(), None).await;
    // Files that cannot be read are told of by whoever needs them.
    if profiles.is_ok_and(|profiles| profiles.get_profile(name).is_none()) {
        let message = format!("The config profile ({name}) could not be found");
        let mut error = StoreError::new(target.0, target.1, StoreErrorKind::Unauthenticated, message);
        "NoSuchProfile".clone_into(&mut error.code);
        return Err(error);
    }
    Ok(())
}

/// The region that is set, or that environment or profile name, or, at AWS, that the instance runs in.
async fn find_region(settings: &Settings, http: &SharedHttpClient) -> Option<Region> {
    if let Some(region) = &settings.region {
        return Some(Region::new(region.clone()));
    }
    let provider = ProviderConfig::default().with_http_client(http.clone());
    let mut profile = ProfileFileRegionProvider::builder().configure(&provider);
    if let Some(name) = &settings.profile {
        profile = profile.profile_name(name);
    }
    let mut chain = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new()).or_else(profile.build());
    // An instance of EC2 takes its region from there; anonymous requests and other servers can do without.
    if settings.endpoint.is_none() && matches!(settings.identity, Identity::Chain) {
        let instance = imds::region::ImdsRegionProvider::builder().configure(&provider);
        chain = chain.or_else(instance.imds_client(metadata_service(&provider)).build());
    }
    chain.region().await
}

/// A profile that is asked for by name is the one that is used, as with the AWS tools: credentials in the environment are not.
async fn credentials(settings: &Settings, http: &SharedHttpClient, region: Region) -> SharedCredentialsProvider {
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
pub(crate) fn metadata_service(provider: &ProviderConfig) -> imds::Client {
    imds::Client::builder()
        .configure(provider)
        .max_attempts(1)
        .connect_timeout(Duration::from_secs(1))
        .read_timeout(Duration::from_secs(1))
        .build()
}

/// The endpoint that the environment or a profile names, for S3 or for everything.
fn configured_endpoint(shared: &aws_config::SdkConfig) -> Option<String> {
    let key =
        ServiceConfigKey::builder().service_id("S3").env("AWS_ENDPOINT_URL").profile("endpoint_url").build().ok()?;
    let of_service = shared.service_config().and_then(|config| config.load_config(key));
    of_service.or_else(|| shared.endpoint_url().map(str::to_owned))
}
