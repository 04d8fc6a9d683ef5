//! Keys that are read again: in the background, on an unknown key, and not at all while the service fails.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use deltaglider_core::keys::{CacheEncryptionKey, KeyError, KeyId, KeyProvider};
use deltaglider_keys::SecretsManagerKeys;
use deltaglider_keys::rotation::{Action, KeyVault, Rotation, Stage, Step, Version};
use deltaglider_keys::secrets_manager::UNKNOWN_KEY_PACE;
use deltaglider_testkit::SecretsServer;
use deltaglider_testkit::secrets_manager_server::SecretsFault;

use crate::secret::{Secret, id, json, text};

const SECOND: &str = "a-version-that-somebody-else-made";
const HOUR: Duration = Duration::from_secs(3600);

async fn start() -> (SecretsServer, Secret) {
    let server = SecretsServer::start().await.unwrap();
    let secret = Secret::with_key(&server.endpoint(), [1; 32]).await;
    (server, secret)
}

async fn primary(keys: &SecretsManagerKeys) -> KeyId {
    keys.key_ring().await.unwrap().primary.id()
}

/// Asks until the keys are as wanted, giving the background its turns.
async fn until(keys: &SecretsManagerKeys, wanted: KeyId) {
    let waiting = async {
        while primary(keys).await != wanted {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap();
}

#[tokio::test]
async fn nothing_is_asked_before_keys_are_and_then_once() {
    let (server, secret) = start().await;
    server.reset();
    let keys = secret.keys();
    assert_eq!(server.calls().len(), 0);
    let (one, other) = tokio::join!(primary(&keys), primary(&keys));
    assert_eq!((one, other), (id(1), id(1)));
    primary(&keys).await;
    let stages: Vec<_> = server.calls().into_iter().map(|call| call.stage).collect();
    assert_eq!(stages, ["AWSPENDING", "AWSCURRENT", "AWSPREVIOUS"]);
}

#[tokio::test]
async fn the_background_reads_them_again() {
    let (server, secret) = start().await;
    let keys = secret.keys_refreshed_every(Duration::from_millis(20));
    assert_eq!(primary(&keys).await, id(1));
    let (first, _) = secret.at("AWSCURRENT").await.unwrap();
    secret.put("AWSPENDING", SECOND, &json(&text(2))).await;
    secret.promote(&first, SECOND).await;
    until(&keys, id(2)).await;
    let since = keys.key_ring().await.unwrap().since;
    let seen = server.calls().len();
    while server.calls().len() < seen + 6 {
        tokio::task::yield_now().await;
    }
    assert_eq!(keys.key_ring().await.unwrap().since, since, "it is the same key still");
}

#[tokio::test]
async fn a_provider_outlives_the_runtime_that_it_was_first_used_in() {
    let (_server, secret) = start().await;
    let keys = secret.keys_refreshed_every(Duration::from_millis(20));
    let keys = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        assert_eq!(runtime.block_on(primary(&keys)), id(1));
        keys
    });
    let keys = tokio::task::spawn_blocking(move || keys.join().unwrap()).await.unwrap();
    let (first, _) = secret.at("AWSCURRENT").await.unwrap();
    secret.put("AWSPENDING", SECOND, &json(&text(2))).await;
    secret.promote(&first, SECOND).await;
    until(&keys, id(2)).await;
}

#[tokio::test]
async fn an_unknown_key_has_them_read_again_at_most_twice_a_minute() {
    let (server, secret) = start().await;
    let keys = secret.keys_refreshed_every(HOUR);
    assert_eq!(primary(&keys).await, id(1));
    let (first, _) = secret.at("AWSCURRENT").await.unwrap();
    secret.put("AWSPENDING", SECOND, &json(&text(2))).await;
    secret.promote(&first, SECOND).await;
    server.reset();
    assert!(!keys.refresh().await.unwrap(), "they have just been read");
    assert_eq!(server.calls().len(), 0);
    tokio::time::pause();
    tokio::time::advance(UNKNOWN_KEY_PACE).await;
    tokio::time::resume();
    assert!(keys.refresh().await.unwrap());
    assert!(!keys.refresh().await.unwrap());
    assert_eq!((primary(&keys).await, server.calls().len()), (id(2), 3));
}

#[tokio::test]
async fn the_last_good_keys_are_served_while_the_service_fails() {
    let (server, mut secret) = start().await;
    secret.settings.max_attempts = Some(1);
    let keys = secret.keys_refreshed_every(HOUR);
    assert_eq!(primary(&keys).await, id(1));
    for fault in
        [SecretsFault::internal(), SecretsFault::Refuse(400, "AccessDeniedException"), SecretsFault::Disconnect]
    {
        server.inject(move |_, _| Some(fault.clone()));
        assert!(keys.reload().await.is_err());
        assert_eq!(primary(&keys).await, id(1));
    }
    // Nor is a stage that cannot be asked for one that is not there.
    server.inject(|call, _| (call.stage == "AWSPENDING").then(SecretsFault::internal));
    assert!(keys.reload().await.is_err());
    server.heal();
    secret.put("AWSCURRENT", SECOND, "secret-passphrase").await;
    assert!(keys.reload().await.is_err());
    assert_eq!(primary(&keys).await, id(1));
}

#[tokio::test]
async fn at_start_a_failure_is_an_error_with_a_remedy() {
    let (server, mut secret) = start().await;
    secret.settings.max_attempts = Some(1);
    for (fault, said) in [
        (SecretsFault::Refuse(400, "AccessDeniedException"), "allow secretsmanager:GetSecretValue"),
        (SecretsFault::Refuse(400, "UnrecognizedClientException"), "check the credentials"),
        (SecretsFault::throttled(), "ThrottlingException"),
        (SecretsFault::Disconnect, "check the network"),
    ] {
        server.inject(move |_, _| Some(fault.clone()));
        let error = secret.keys().key_ring().await.unwrap_err().to_string();
        for part in [&*secret.settings.secret_id, "us-east-1", said] {
            assert!(error.contains(part), "{error}");
        }
    }
    server.heal();
    server.secrets().set(&secret.settings.secret_id, r#"{"password": "secret-passphrase"}"#);
    let error = secret.keys().key_ring().await.unwrap_err().to_string();
    assert!(error.contains("`encryption_key`") && !error.contains("passphrase"), "{error}");
    server.secrets().set(&secret.settings.secret_id, &text(7));
    assert_eq!(secret.keys().key_ring().await.unwrap().primary.id(), id(7), "a secret may be the key alone");
}

#[tokio::test]
async fn an_answer_that_is_lost_is_no_second_version() {
    let (server, secret) = start().await;
    server.inject(|call, number| {
        let changes = call.operation != "GetSecretValue";
        (changes && !number.is_multiple_of(2)).then_some(SecretsFault::LoseAnswer)
    });
    let vault = secret.vault();
    let mut rotation = Rotation::look(&vault, Duration::ZERO).await.unwrap();
    for step in rotation.plan(Action::Rotate.into()).unwrap() {
        rotation.carry_out(step).await.unwrap();
    }
    assert!(server.calls().iter().any(|call| call.status == 0), "answers were lost");
    assert_eq!(secret.key_at("AWSPREVIOUS").await, Some(id(1)));
    assert_eq!(secret.key_at("AWSPENDING").await, None);
    assert_eq!(secret.key_at("AWSCURRENT").await, rotation.standing().current.key_id());
}

/// A vault of one key that nobody rotates.
#[derive(Debug)]
struct Still;

#[async_trait]
impl KeyVault for Still {
    fn name(&self) -> String {
        "a test".to_owned()
    }

    async fn version(&self, stage: Stage) -> Result<Option<Version>, KeyError> {
        let key = CacheEncryptionKey::fill_with(|_| Ok(()));
        let version = Version { id: "1".to_owned(), created: Some(SystemTime::UNIX_EPOCH), key };
        Ok((stage == Stage::Current).then_some(version))
    }

    async fn create_pending(&self, _id: &str, _key: &str) -> Result<(), KeyError> {
        Ok(())
    }

    async fn promote(&self, _from: &str, _to: &str) -> Result<(), KeyError> {
        Ok(())
    }

    async fn withdraw(&self, _stage: Stage, _id: &str) -> Result<(), KeyError> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_rotation_waits_where_others_have_to_hear_of_it() {
    // The clock stands: only what waits moves it, and the vault is not asked over the network.
    let vault = Still;
    let mut rotation = Rotation::look(&vault, Duration::from_secs(600)).await.unwrap();
    for (step, waits) in [(Step::Spread, 600), (Step::Settle, 600), (Step::Rewrap, 0)] {
        let began = tokio::time::Instant::now();
        rotation.carry_out(step).await.unwrap();
        assert_eq!(began.elapsed(), Duration::from_secs(waits), "{step:?}");
    }
}
