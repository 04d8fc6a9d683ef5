//! A secret with its versions and stages, one request an operation.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use deltaglider_core::keys::KeyError;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use super::connection::{Connection, connect};
use super::failure::{Failure, failure};
use super::{SecretsManagerSettings, secret_text};
use crate::rotation::{KeyVault, Stage, Version};

const READ: &str = "secretsmanager:GetSecretValue";
const WRITE: &str = "secretsmanager:PutSecretValue";
const MOVE: &str = "secretsmanager:UpdateSecretVersionStage";

/// A secret of AWS Secrets Manager. Clones share their connections, which are made with the first request.
///
/// Whoever rotates needs `secretsmanager:GetSecretValue`, `PutSecretValue` and `UpdateSecretVersionStage` on the secret, and
/// `kms:Decrypt` and `kms:GenerateDataKey` where it is under a key of one's own.
#[derive(Clone, Debug)]
pub struct SecretsManagerVault {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: SecretsManagerSettings,
    connection: OnceCell<Connection>,
}

impl SecretsManagerVault {
    /// Takes a secret. Makes no request.
    #[must_use]
    pub fn new(settings: SecretsManagerSettings) -> Self {
        Self { inner: Arc::new(Inner { settings, connection: OnceCell::new() }) }
    }

    pub(super) fn has_no_current(&self) -> KeyError {
        self.unavailable(format!(
            "there is no such secret, or no value at AWSCURRENT; to fix: check its name and the region, or create it with a \
             key of `deltaglider key generate`; whoever reads it needs {READ}"
        ))
    }

    async fn connection(&self) -> Result<&Connection, KeyError> {
        let connect = || async { connect(&self.inner.settings).await.map_err(|reason| self.unavailable(reason)) };
        self.inner.connection.get_or_try_init(connect).await
    }

    /// The error of this secret; its region is named as soon as it is known.
    fn unavailable(&self, reason: String) -> KeyError {
        let source_name = match self.inner.connection.get() {
            Some(connection) => format!("{} in {}", self.name(), connection.region),
            None => self.name(),
        };
        KeyError::Unavailable { source_name, reason }
    }

    fn refused(&self, failure: Failure, action: &str) -> KeyError {
        match failure {
            Failure::Absent => self.unavailable(format!("there is no such secret or version; {action} needs it")),
            Failure::Refused(reason) => self.unavailable(reason),
        }
    }

    /// The value at a stage, and what else is known of its version.
    async fn value(&self, stage: Stage) -> Result<Option<Value>, KeyError> {
        let connection = self.connection().await?;
        let request = connection.client.get_secret_value().secret_id(&self.inner.settings.secret_id);
        // The stage is named always: what a request without one gives is not the same everywhere.
        let answer = match request.version_stage(label(stage)).send().await {
            Ok(answer) => answer,
            Err(error) => match failure(&error, READ) {
                Failure::Absent => return Ok(None),
                refused => return Err(self.refused(refused, READ)),
            },
        };
        let created = answer.created_date().and_then(|date| SystemTime::try_from(*date).ok());
        let id = answer.version_id().unwrap_or_default().to_owned();
        Ok(Some(Value { id, created, text: answer.secret_string.map(Zeroizing::new) }))
    }
}

/// What a stage holds; `text` is none for a binary value.
struct Value {
    id: String,
    created: Option<SystemTime>,
    text: Option<Zeroizing<String>>,
}

#[async_trait]
impl KeyVault for SecretsManagerVault {
    fn name(&self) -> String {
        format!("the secret {}", self.inner.settings.secret_id)
    }

    async fn version(&self, stage: Stage) -> Result<Option<Version>, KeyError> {
        let Some(value) = self.value(stage).await? else { return Ok(None) };
        let secret = format!("{} ({})", self.name(), label(stage));
        let key = value
            .text
            .as_ref()
            .map_or_else(|| Err(secret_text::format(&secret)), |text| secret_text::key(text, &secret));
        Ok(Some(Version { id: value.id, created: value.created, key }))
    }

    async fn create_pending(&self, id: &str, key: &str) -> Result<(), KeyError> {
        let current = self.value(Stage::Current).await?.ok_or_else(|| self.has_no_current())?;
        let secret = self.name();
        let text = current.text.ok_or_else(|| secret_text::format(&secret))?;
        let text = secret_text::with_key(&text, key, &secret)?;
        let request = self.connection().await?.client.put_secret_value();
        let request = request.secret_id(&self.inner.settings.secret_id).client_request_token(id);
        let request = request.version_stages(label(Stage::Pending)).secret_string(text.as_str());
        request.send().await.map(drop).map_err(|error| self.refused(failure(&error, WRITE), WRITE))
    }

    async fn promote(&self, from: &str, to: &str) -> Result<(), KeyError> {
        let request = self.connection().await?.client.update_secret_version_stage();
        let request = request.secret_id(&self.inner.settings.secret_id).version_stage(label(Stage::Current));
        let moved = request.remove_from_version_id(from).move_to_version_id(to).send().await;
        let Err(error) = moved else { return Ok(()) };
        // The answer to an attempt that had its effect may have been lost: the next one is refused then.
        match self.value(Stage::Current).await {
            Ok(Some(current)) if current.id == to => Ok(()),
            _ => Err(self.refused(failure(&error, MOVE), MOVE)),
        }
    }

    async fn withdraw(&self, stage: Stage, id: &str) -> Result<(), KeyError> {
        let request = self.connection().await?.client.update_secret_version_stage();
        let request = request.secret_id(&self.inner.settings.secret_id).version_stage(label(stage));
        let Err(error) = request.remove_from_version_id(id).send().await else { return Ok(()) };
        match self.value(stage).await {
            Ok(held) if held.as_ref().is_none_or(|held| held.id != id) => Ok(()),
            _ => Err(self.refused(failure(&error, MOVE), MOVE)),
        }
    }
}

/// The label of a stage at AWS.
fn label(stage: Stage) -> &'static str {
    match stage {
        Stage::Pending => "AWSPENDING",
        Stage::Current => "AWSCURRENT",
        Stage::Previous => "AWSPREVIOUS",
    }
}
