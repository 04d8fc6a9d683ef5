//! A secret at a server of Secrets Manager, past the crate under test.
#![allow(dead_code, reason = "each test uses its part")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Config, Credentials, Region};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use deltaglider_core::keys::KeyId;
use deltaglider_keys::material::parse_key;
use deltaglider_keys::secrets_manager::SecretsManagerVault;
use deltaglider_keys::{SecretsManagerKeys, SecretsManagerSettings};

/// A secret of a test's own, with a key in JSON that has another field.
pub struct Secret {
    pub settings: SecretsManagerSettings,
    client: Client,
}

impl Secret {
    /// Makes one, whose key is of these bytes.
    pub async fn with_key(endpoint: &str, key: [u8; 32]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let name = format!("deltaglider/test-{since}-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(endpoint)
            .region(Region::from_static("us-east-1"))
            .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
            .credentials_provider(Credentials::new("AKID", "secret", None, None, "a test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        let client = Client::from_conf(config);
        client.create_secret().name(&name).secret_string(json(&STANDARD.encode(key))).send().await.unwrap();
        let mut settings = SecretsManagerSettings::of(name).with_credentials("AKID", "secret", None);
        settings.endpoint_url = Some(endpoint.to_owned());
        settings.region = Some("us-east-1".to_owned());
        settings.initial_backoff = Duration::from_millis(1);
        Self { settings, client }
    }

    pub fn keys(&self) -> SecretsManagerKeys {
        SecretsManagerKeys::new(self.settings.clone())
    }

    pub fn keys_refreshed_every(&self, interval: Duration) -> SecretsManagerKeys {
        let mut settings = self.settings.clone();
        settings.refresh = interval;
        SecretsManagerKeys::new(settings)
    }

    pub fn vault(&self) -> SecretsManagerVault {
        SecretsManagerVault::new(self.settings.clone())
    }

    /// Id and text of the version at a stage.
    pub async fn at(&self, stage: &str) -> Option<(String, String)> {
        let request = self.client.get_secret_value().secret_id(&self.settings.secret_id);
        match request.version_stage(stage).send().await {
            Ok(value) => Some((value.version_id.unwrap(), value.secret_string.unwrap())),
            Err(error) if error.as_service_error().unwrap().is_resource_not_found_exception() => None,
            Err(error) => panic!("{error:?}"),
        }
    }

    /// The id of the key at a stage; its JSON has the other field still.
    pub async fn key_at(&self, stage: &str) -> Option<KeyId> {
        let (_, text) = self.at(stage).await?;
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["owner"], "a test");
        Some(parse_key(value["encryption_key"].as_str().unwrap(), "").unwrap().id())
    }

    /// Puts a version at a stage, as somebody else would.
    pub async fn put(&self, stage: &str, version: &str, text: &str) {
        let request = self.client.put_secret_value().secret_id(&self.settings.secret_id);
        request.client_request_token(version).version_stages(stage).secret_string(text).send().await.unwrap();
    }

    /// Moves AWSCURRENT, as somebody else would.
    pub async fn promote(&self, from: &str, to: &str) {
        let request = self.client.update_secret_version_stage().secret_id(&self.settings.secret_id);
        let request = request.version_stage("AWSCURRENT").remove_from_version_id(from).move_to_version_id(to);
        request.send().await.unwrap();
    }
}

/// The text of a secret with this key.
pub fn json(key: &str) -> String {
    serde_json::json!({ "owner": "a test", "encryption_key": key }).to_string()
}

/// The id of a key of equal bytes.
pub fn id(byte: u8) -> KeyId {
    parse_key(&text(byte), "").unwrap().id()
}

/// A key of equal bytes.
pub fn text(byte: u8) -> String {
    STANDARD.encode([byte; 32])
}
