//! Where the keys of a client come from, and what happens to the cache when they change.

use std::path::Path;
use std::time::{Duration, SystemTime};

use deltaglider::config::SecretsManagerSettings;
use deltaglider::core::engine::ReferenceUse;
use deltaglider::keys::{KeyOrigin, generate, parse_key};
use deltaglider::rotation::{Action, RotationError, Step, StepProgress};
use deltaglider::{Client, Config, Error, ErrorKind};
use deltaglider_testkit::SecretsServer;

use crate::fixture::{Fixture, archive, get, put};

const KEY: &str = "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=";
const OTHER: &str = "zc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc0=";
const SECRET: &str = "deltaglider/cache-encryption-key";

/// Writes a file as of a while ago, so that it counts as settled.
fn write(path: &Path, content: &str) {
    std::fs::write(path, content).expect("written");
    let file = std::fs::File::options().write(true).open(path).expect("there");
    file.set_modified(SystemTime::now() - Duration::from_secs(60)).expect("set");
}

async fn server() -> SecretsServer {
    let server = SecretsServer::start().await.expect("a server");
    server.secrets().set(SECRET, &format!(r#"{{"encryption_key":"{KEY}"}}"#));
    server
}

/// A client whose key is in a secret; nothing of the environment is asked for it.
async fn with_secret(fixture: &Fixture, server: &SecretsServer) -> Client {
    let mut settings = SecretsManagerSettings::of(SECRET).with_credentials("AKID", "secret", None);
    settings.endpoint_url = Some(server.endpoint());
    settings.region = Some("us-east-1".to_owned());
    settings.initial_backoff = Duration::from_millis(1);
    private(fixture);
    fixture.builder().key_secret(settings).build().await.expect("a client")
}

fn private(fixture: &Fixture) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(fixture.cache_directory(), std::fs::Permissions::from_mode(0o700)).expect("set");
}

#[tokio::test]
async fn every_form_of_a_key_is_accepted_from_the_environment_and_from_a_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("key");
    // All of them are the same key.
    let accepted = [
        KEY,
        "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s",
        " q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=\n",
        "cTZ1cnE2dXJxNnVycTZ1cnE2dXJxNnVycTZ1cnE2dXJxNnVycTZ1cnE2cz0=",
    ];
    for text in accepted {
        write(&file, text);
        for (name, value) in
            [("DG_CACHE_ENCRYPTION_KEY", text), ("DG_CACHE_ENCRYPTION_KEY_FILE", &*file.to_string_lossy())]
        {
            let config = Config::from_variables(|asked| (asked == name).then(|| value.into()));
            let mut config = config.expect(text);
            config.cache.directory = Some(directory.path().join("cache"));
            let status = Client::from_config(config).await.expect("a client").key_status().await.expect("a status");
            assert_eq!(status.primary, Some(parse_key(KEY, "").expect("a key").id()), "{name} {text}");
        }
    }
    for text in ["secret-passphrase", &KEY[..40], &"ab".repeat(32), &format!("{KEY}{KEY}")] {
        let error = Config::from_variables(|asked| (asked == "DG_CACHE_ENCRYPTION_KEY").then(|| text.into()));
        let error = error.expect_err("refused").to_string();
        assert!(error.contains("DG_CACHE_ENCRYPTION_KEY") && error.contains("32 bytes in base64"), "{error}");
        write(&file, text);
        let client = Client::builder().key_file(&file).build().await.expect("a client");
        let refused = client.key_status().await.expect_err("refused");
        assert_eq!(refused.kind(), ErrorKind::Config);
        let refused = refused.to_string();
        assert!(refused.contains(&*file.to_string_lossy()) && refused.contains("32 bytes in base64"), "{refused}");
        assert!(!error.contains(text) && !refused.contains(text), "{error} {refused}");
    }
}

#[tokio::test]
async fn a_file_that_is_replaced_while_a_client_runs_keeps_what_is_cached() {
    let fixture = Fixture::new();
    private(&fixture);
    let file = fixture.directory.path().join("key");
    write(&file, KEY);
    let client = fixture.builder().key_file(&file).build().await.expect("a client");
    assert_eq!(client.key_origin(), KeyOrigin::File(file.clone()));
    put(&client, "app/v1.zip", 1).await;
    assert_eq!(put(&client, "app/v2.zip", 2).await.reference, ReferenceUse::Cached);

    // The new key seals, the old one opens what it sealed; both are hits.
    write(&file, &format!("{OTHER}\n{KEY}\n"));
    let changed = parse_key(OTHER, "").expect("a key").id();
    while client.key_status().await.expect("a status").primary != Some(changed) {
        tokio::task::yield_now().await;
    }
    assert_eq!(put(&client, "app/v3.zip", 3).await.reference, ReferenceUse::Cached);
    assert_eq!(client.rewrap_cache().await.expect("rewrapped").rewrapped, 1);
    write(&file, OTHER);
    let later = fixture.builder().key_file(&file).build().await.expect("a client");
    assert_eq!(put(&later, "app/v4.zip", 4).await.reference, ReferenceUse::Cached);
    assert_eq!(get(&later, "app/v3.zip").await, archive(3));
    assert_eq!(fixture.reference_gets(), 0);
}

#[tokio::test]
async fn clients_share_a_cache_by_a_key_in_secrets_manager() {
    let (fixture, server) = (Fixture::new(), server().await);
    let first = with_secret(&fixture, &server).await;
    assert_eq!(first.key_origin(), KeyOrigin::SecretsManager(SECRET.to_owned()));
    assert_eq!(server.calls().len(), 0, "nothing is asked before it is needed");
    put(&first, "app/v1.zip", 1).await;
    put(&first, "app/v2.zip", 2).await;
    assert_eq!(server.calls().len(), 3);
    let second = with_secret(&fixture, &server).await;
    assert_eq!(put(&second, "app/v3.zip", 3).await.reference, ReferenceUse::Cached);
    assert_eq!(get(&second, "app/v2.zip").await, archive(2));
    assert_eq!((fixture.reference_gets(), server.calls().len()), (0, 6));
    let stats = second.cache_stats().await.expect("stats");
    assert_eq!((stats.hits, stats.misses), (2, 0));
    assert_eq!(stats.key_id, Some(parse_key(KEY, "").expect("a key").id()));
}

#[tokio::test]
async fn a_secret_that_is_not_to_be_had_is_told_before_anything_is_stored() {
    let (fixture, server) = (Fixture::new(), SecretsServer::start().await.expect("a server"));
    let client = with_secret(&fixture, &server).await;
    let error = client.put_object().bucket("releases").key("app/v1.zip").body(archive(1)).send().await;
    let error = error.expect_err("no key");
    assert_eq!((error.kind(), fixture.store.counts().put), (ErrorKind::Config, 0));
    let status = client.key_status().await.expect_err("no key").to_string();
    assert!(status.contains(SECRET) && status.contains("us-east-1") && status.contains("GetSecretValue"), "{status}");
    // What the key is not needed for goes on: a name that can be no delta.
    put(&client, "a.txt", 1).await;
}

#[tokio::test]
async fn a_rotation_keeps_what_is_cached_and_others_go_on() {
    let (fixture, server) = (Fixture::new(), server().await);
    let (client, other) = (with_secret(&fixture, &server).await, with_secret(&fixture, &server).await);
    put(&client, "app/v1.zip", 1).await;
    assert_eq!(put(&other, "app/v2.zip", 2).await.reference, ReferenceUse::Cached);
    assert_eq!(client.rotation_wait(), Some(Duration::from_secs(600)));
    let plan = client.rotation_plan(Action::Rotate.into()).await.expect("a plan");
    let mut told = Vec::new();
    let tell = |step, progress| {
        if !matches!(progress, StepProgress::Begun { .. }) {
            told.push((step, progress));
        }
    };
    let rotated = client.rotate_key(Action::Rotate.into(), Some(Duration::ZERO), tell).await.expect("rotated");
    assert_eq!((&rotated.steps, told.iter().map(|(step, _)| *step).collect()), (&plan, plan.clone()));
    let rewrapped = told.iter().find_map(|(_, progress)| match progress {
        StepProgress::Rewrapped(rewrapped) => Some(rewrapped.rewrapped),
        _ => None,
    });
    assert_eq!(rewrapped, Some(1));
    let status = client.key_status().await.expect("a status");
    assert_eq!((status.primary, status.decrypt_only.len()), (rotated.current, 1));
    assert_eq!(status.entries_by_key, [(rotated.current.expect("a key"), 1)]);
    assert!(!status.is_due() && status.age().is_some_and(|age| age < Duration::from_secs(60)));

    // The client that rotated has a hit; one that has not heard of the new key yet has a miss, and harms nothing.
    assert_eq!(put(&client, "app/v3.zip", 3).await.reference, ReferenceUse::Cached);
    assert_eq!(fixture.reference_gets(), 0);
    assert_eq!(put(&other, "app/v4.zip", 4).await.reference, ReferenceUse::Fetched);
    assert_eq!(put(&client, "app/v5.zip", 5).await.reference, ReferenceUse::Cached);
    assert_eq!(fixture.reference_gets(), 1);

    // Retiring takes along what the other one has sealed under the old key since.
    let retired = client.rotate_key(Action::Retire.into(), Some(Duration::ZERO), |_, _| {}).await.expect("retired");
    assert_eq!(retired.steps.last(), Some(&Step::Retire));
    let status = client.key_status().await.expect("a status");
    assert_eq!(status.entries_by_key.iter().map(|(id, _)| Some(*id)).collect::<Vec<_>>(), [rotated.current]);
}

#[tokio::test]
async fn a_rotation_that_is_dropped_is_in_the_way_until_it_is_ended() {
    let (fixture, server) = (Fixture::new(), server().await);
    let client = with_secret(&fixture, &server).await;
    let wait = Some(Duration::from_secs(3600));
    {
        let (waits, waited) = tokio::sync::oneshot::channel();
        let mut waits = Some(waits);
        let tell = |step, _| {
            if step == Step::Spread
                && let Some(waits) = waits.take()
            {
                waits.send(()).expect("heard");
            }
        };
        let rotation = client.rotate_key(Action::Rotate.into(), wait, tell);
        tokio::select! {
            ended = rotation => panic!("{ended:?}"),
            _ = waited => {}
        }
    }
    let refused = client.rotate_key(Action::Rotate.into(), None, |_, _| {}).await.expect_err("in the way");
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert!(matches!(refused, Error::Rotation(RotationError::UnderWay { foreign: false, .. })), "{refused:?}");
    let aborted = client.rotate_key(Action::Abort.into(), None, |_, _| {}).await.expect("aborted");
    assert_eq!(aborted.steps, [Step::Withdraw]);
    assert_eq!(aborted.current, Some(parse_key(KEY, "").expect("a key").id()));
}

#[tokio::test]
async fn only_keys_in_secrets_manager_are_rotated_by_a_call() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    assert_eq!((client.key_origin(), client.rotation_wait()), (KeyOrigin::Ephemeral, None));
    let refused = client.rotate_key(Action::Rotate.into(), None, |_, _| {}).await.expect_err("refused");
    assert_eq!(refused.kind(), ErrorKind::Usage);
    let status = client.key_status().await.expect("a status");
    assert_eq!((status.primary, status.age(), status.is_due()), (None, None, false));
    assert_eq!(generate().expect("random").len(), 44);
}
