//! Secrets with their versions, and the rules by which stages move.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde_json::{Value, json};

const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

/// Why a call is refused: the error's name and its message.
pub type Refusal = (&'static str, String);

/// All secrets by name. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    secrets: Arc<Mutex<BTreeMap<String, Secret>>>,
}

#[derive(Debug, Default)]
struct Secret {
    versions: BTreeMap<String, Version>,
}

struct Version {
    value: String,
    created: f64,
    stages: Vec<String>,
}

impl std::fmt::Debug for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Version").field("stages", &self.stages).finish_non_exhaustive()
    }
}

impl Secrets {
    /// Makes a secret, or replaces it, with a value at AWSCURRENT.
    pub fn set(&self, name: &str, value: &str) {
        let version = Version::new(value, &[CURRENT]);
        let secret = Secret { versions: BTreeMap::from([("first-version-of-the-secret-0001".to_owned(), version)]) };
        self.lock().insert(name.to_owned(), secret);
    }

    /// Puts a version of some id at a stage, as somebody else would.
    pub fn put(&self, name: &str, id: &str, value: &str, stage: &str) {
        let call =
            json!({ "SecretId": name, "ClientRequestToken": id, "SecretString": value, "VersionStages": [stage] });
        self.call("PutSecretValue", &call).expect("the secret is there and the id is new");
    }

    /// The value at a stage.
    #[must_use]
    pub fn value(&self, name: &str, stage: &str) -> Option<String> {
        let secrets = self.lock();
        let (_, version) = secrets.get(name)?.at(stage)?;
        Some(version.value.clone())
    }

    /// The id of the version at a stage.
    #[must_use]
    pub fn version(&self, name: &str, stage: &str) -> Option<String> {
        let secrets = self.lock();
        Some(secrets.get(name)?.at(stage)?.0.clone())
    }

    /// Says that every version was made so many days ago.
    pub fn age(&self, name: &str, days: u32) {
        if let Some(secret) = self.lock().get_mut(name) {
            secret.versions.values_mut().for_each(|version| version.created -= f64::from(days) * 86_400.0);
        }
    }

    /// Carries out a call.
    pub(super) fn call(&self, operation: &str, body: &Value) -> Result<Value, Refusal> {
        let name = body["SecretId"].as_str().unwrap_or_default();
        let mut secrets = self.lock();
        if operation == "CreateSecret" {
            drop(secrets);
            let name = body["Name"].as_str().unwrap_or_default();
            self.set(name, body["SecretString"].as_str().unwrap_or_default());
            return Ok(json!({ "Name": name }));
        }
        let secret = secrets.get_mut(name).ok_or_else(|| absent("Secrets Manager can't find the specified secret."))?;
        match operation {
            "GetSecretValue" => secret.get(name, body["VersionStage"].as_str().unwrap_or(CURRENT)),
            "PutSecretValue" => secret.put(name, body),
            "UpdateSecretVersionStage" => secret.move_stage(name, body),
            _ => Err(("InvalidAction", format!("{operation} is not served"))),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Secret>> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Version {
    fn new(value: &str, stages: &[&str]) -> Self {
        let created = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        Self { value: value.to_owned(), created, stages: stages.iter().map(|stage| (*stage).to_owned()).collect() }
    }

    fn has(&self, stage: &str) -> bool {
        self.stages.iter().any(|held| held == stage)
    }
}

impl Secret {
    fn at(&self, stage: &str) -> Option<(&String, &Version)> {
        self.versions.iter().find(|(_, version)| version.has(stage))
    }

    fn get(&self, name: &str, stage: &str) -> Result<Value, Refusal> {
        let (id, version) = self.at(stage).ok_or_else(|| {
            absent(&format!("Secrets Manager can't find the specified secret value for staging label: {stage}"))
        })?;
        Ok(json!({
            "ARN": format!("arn:aws:secretsmanager:us-east-1:123456789012:secret:{name}"),
            "Name": name,
            "VersionId": id,
            "SecretString": version.value,
            "VersionStages": version.stages,
            "CreatedDate": version.created,
        }))
    }

    fn put(&mut self, name: &str, body: &Value) -> Result<Value, Refusal> {
        let id = body["ClientRequestToken"].as_str().unwrap_or_default();
        if !(32..=64).contains(&id.len()) {
            return Err(("InvalidParameterException", "ClientRequestToken must be 32-64 characters long.".to_owned()));
        }
        let value = body["SecretString"].as_str().unwrap_or_default();
        if let Some(known) = self.versions.get(id) {
            if known.value != value {
                return Err(("ResourceExistsException", "The token was used for another value.".to_owned()));
            }
        } else {
            let stages: Vec<&str> = match body["VersionStages"].as_array() {
                Some(stages) => stages.iter().filter_map(Value::as_str).collect(),
                None => vec![CURRENT],
            };
            stages.iter().for_each(|stage| self.take(stage));
            self.versions.insert(id.to_owned(), Version::new(value, &stages));
        }
        Ok(json!({ "Name": name, "VersionId": id, "VersionStages": self.versions[id].stages }))
    }

    fn move_stage(&mut self, name: &str, body: &Value) -> Result<Value, Refusal> {
        let stage = body["VersionStage"].as_str().unwrap_or_default();
        let from = body["RemoveFromVersionId"].as_str();
        let to = body["MoveToVersionId"].as_str();
        let held = self.at(stage).map(|(id, _)| id.clone());
        if from != held.as_deref() && (from.is_some() || (held.is_some() && to != held.as_deref())) {
            let message = format!("The staging label {stage} is not attached to version {}.", from.unwrap_or("none"));
            return Err(("InvalidParameterException", message));
        }
        if stage == CURRENT && to.is_none() {
            return Err(("InvalidParameterException", "You can only move staging label AWSCURRENT.".to_owned()));
        }
        if to.is_some_and(|to| !self.versions.contains_key(to)) {
            return Err(absent("Secrets Manager can't find the specified version."));
        }
        self.take(stage);
        if let Some(to) = to {
            self.give(stage, to);
        }
        if let (CURRENT, Some(from)) = (stage, held.filter(|held| Some(held.as_str()) != to)) {
            self.take(PREVIOUS);
            self.give(PREVIOUS, &from);
        }
        Ok(json!({ "Name": name }))
    }

    fn take(&mut self, stage: &str) {
        self.versions.values_mut().for_each(|version| version.stages.retain(|held| held != stage));
    }

    fn give(&mut self, stage: &str, id: &str) {
        if let Some(version) = self.versions.get_mut(id) {
            version.stages.push(stage.to_owned());
        }
    }
}

fn absent(message: &str) -> Refusal {
    ("ResourceNotFoundException", message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: &str = "second-version-of-the-secret-002";

    #[test]
    fn stages_move_as_at_aws() {
        let secrets = Secrets::default();
        secrets.set("s", "one");
        let first = secrets.version("s", CURRENT).expect("there");
        secrets.put("s", SECOND, "two", "AWSPENDING");
        assert_eq!(secrets.value("s", CURRENT).as_deref(), Some("one"));
        let moved = |from: &str, to: Option<&str>, stage: &str| {
            let body =
                json!({ "SecretId": "s", "VersionStage": stage, "RemoveFromVersionId": from, "MoveToVersionId": to });
            secrets.call("UpdateSecretVersionStage", &body)
        };
        assert!(moved(SECOND, Some(&first), CURRENT).is_err(), "it is not there");
        assert!(moved(&first, None, CURRENT).is_err(), "it can only be moved");
        assert!(moved(&first, Some(SECOND), CURRENT).is_ok());
        assert_eq!(secrets.version("s", CURRENT).as_deref(), Some(SECOND));
        assert_eq!(secrets.version("s", PREVIOUS), Some(first.clone()));
        assert_eq!(secrets.version("s", "AWSPENDING").as_deref(), Some(SECOND));
        assert!(moved(SECOND, None, "AWSPENDING").is_ok());
        assert!(moved(SECOND, None, "AWSPENDING").is_err());
        assert!(moved(&first, None, PREVIOUS).is_ok());
        assert_eq!(secrets.version("s", PREVIOUS), None);
    }

    #[test]
    fn a_token_makes_one_version() {
        let secrets = Secrets::default();
        secrets.set("s", "one");
        let put = |value: &str| {
            let stages = ["AWSPENDING"];
            let body = json!({ "SecretId": "s", "ClientRequestToken": SECOND, "SecretString": value, "VersionStages": stages });
            secrets.call("PutSecretValue", &body)
        };
        assert!(put("two").is_ok() && put("two").is_ok());
        assert!(put("three").is_err());
        assert_eq!(secrets.value("s", "AWSPENDING").as_deref(), Some("two"));
    }
}
