//! Every access to a secret is told of by an event, and its value by nothing, whoever logs at whatever level.
#![allow(clippy::unwrap_used)]

#[path = "support/logged.rs"]
mod logged;
#[path = "support/secret.rs"]
mod secret;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use deltaglider_core::keys::KeyProvider;
use deltaglider_keys::material::parse_key;
use deltaglider_keys::rotation::{Action, Rotation};
use deltaglider_testkit::SecretsServer;
use deltaglider_testkit::secrets_manager_server::SecretsFault;

use logged::{assert_hidden, log};
use secret::Secret;

/// The bytes of a key in the JSON of a secret.
fn bytes(text: &str) -> [u8; 32] {
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    STANDARD.decode(value["encryption_key"].as_str().unwrap()).unwrap().try_into().unwrap()
}

#[tokio::test]
async fn loads_refreshes_and_rotations_are_told_of_and_no_key_ever_is() {
    log();
    let old: [u8; 32] = std::array::from_fn(|i| (i as u8).wrapping_mul(41).wrapping_add(77));
    let server = SecretsServer::start().await.unwrap();
    let mut secret = Secret::with_key(&server.endpoint(), old).await;
    secret.settings.max_attempts = Some(1);
    let keys = secret.keys();
    keys.key_ring().await.unwrap();
    keys.reload().await.unwrap();
    server.inject(|_, _| Some(SecretsFault::internal()));
    keys.reload().await.unwrap_err();
    server.heal();

    let mut rotation = Rotation::look(keys.vault(), Duration::ZERO).await.unwrap();
    for step in rotation.plan(Action::Rotate.into()).unwrap() {
        rotation.carry_out(step).await.unwrap();
    }
    keys.reload().await.unwrap();
    let mut retiring = Rotation::look(keys.vault(), Duration::ZERO).await.unwrap();
    for step in retiring.plan(Action::Retire.into()).unwrap() {
        retiring.carry_out(step).await.unwrap();
    }

    let new = bytes(&secret.at("AWSCURRENT").await.unwrap().1);
    let id = |key: [u8; 32]| Some(parse_key(&STANDARD.encode(key), "").unwrap().id().to_string());
    let expected = [
        (id(old), "loaded"),
        (id(old), "refreshed"),
        (None, "unavailable"),
        (id(new), "created"),
        (id(new), "proven"),
        (id(new), "promoted"),
        (id(new), "finished"),
        (id(new), "changed"),
        (id(old), "changed to decrypt only"),
        (id(old), "retired"),
    ];
    let told = log().accesses(&keys.source());
    assert_eq!(told, expected.map(|(id, outcome)| (id, outcome.to_owned())));

    let standing = format!("{:?}", rotation.standing());
    let shown = format!("{keys:?} {rotation:?} {standing} {:?} {:?}", keys.key_ring().await.unwrap(), secret.settings);
    for key in [old, new] {
        assert_hidden(&shown, key, "a text");
        assert_hidden(&log().text(), key, "the log");
    }
    assert!(log().text().contains("TRACE"), "the SDK was listened to as well");
}
