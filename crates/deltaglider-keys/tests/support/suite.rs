//! What a server of Secrets Manager has to do for keys to be read from it and rotated, whoever wrote the server.

use std::time::Duration;

use deltaglider_core::keys::{CacheEncryptionKey, KeyId, KeyProvider};
use deltaglider_keys::rotation::{Action, Request, Rotation, RotationError, Step};

use crate::secret::{Secret, id, json, text};

const FOREIGN: &str = "a-version-that-somebody-else-made";

async fn ring(secret: &Secret) -> (KeyId, Vec<KeyId>) {
    let ring = secret.keys().key_ring().await.unwrap();
    (ring.primary.id(), ring.decrypt_only.iter().map(CacheEncryptionKey::id).collect())
}

/// Carries out what is left to do, up to a number of steps.
async fn run(secret: &Secret, request: impl Into<Request>, steps: usize) -> Vec<Step> {
    let vault = secret.vault();
    let mut rotation = Rotation::look(&vault, Duration::ZERO).await.unwrap();
    let plan = rotation.plan(request.into()).unwrap();
    let done: Vec<Step> = plan.into_iter().take(steps).collect();
    for step in &done {
        rotation.carry_out(*step).await.unwrap();
    }
    done
}

async fn stages(secret: &Secret) -> [Option<KeyId>; 3] {
    [secret.key_at("AWSPENDING").await, secret.key_at("AWSCURRENT").await, secret.key_at("AWSPREVIOUS").await]
}

pub async fn the_key_in_force_is_read(secret: Secret) {
    assert_eq!(ring(&secret).await, (id(1), vec![]));
    let ring = secret.keys().key_ring().await.unwrap();
    assert!(ring.created.is_some(), "the service says when a version was made");
}

pub async fn other_stages_only_open(secret: Secret) {
    let (first, _) = secret.at("AWSCURRENT").await.unwrap();
    secret.put("AWSPENDING", FOREIGN, &json(&text(2))).await;
    assert_eq!(ring(&secret).await, (id(1), vec![id(2)]));
    secret.promote(&first, FOREIGN).await;
    assert_eq!(ring(&secret).await, (id(2), vec![id(1)]));
}

pub async fn what_is_no_key_at_another_stage_is_passed_over(secret: Secret) {
    secret.put("AWSPENDING", FOREIGN, "secret-passphrase").await;
    assert_eq!(ring(&secret).await, (id(1), vec![]));
}

pub async fn a_secret_that_is_not_there_is_an_error_with_a_remedy(mut secret: Secret) {
    secret.settings.secret_id.push_str("-not");
    let error = secret.keys().key_ring().await.unwrap_err().to_string();
    for part in [&*secret.settings.secret_id, "us-east-1", "secretsmanager:GetSecretValue", "to fix:"] {
        assert!(error.contains(part), "{error}");
    }
}

pub async fn a_rotation_goes_to_its_end(secret: Secret) {
    let done = run(&secret, Action::Rotate, usize::MAX).await;
    let names: Vec<_> = done.into_iter().map(Step::name).collect();
    assert_eq!(names, ["create", "spread", "prove", "promote", "settle", "rewrap", "verify", "finish"]);
    let [pending, current, previous] = stages(&secret).await;
    assert_eq!((pending, previous), (None, Some(id(1))));
    assert_ne!(current, Some(id(1)));
    assert_eq!(ring(&secret).await, (current.unwrap(), vec![id(1)]));
    assert_eq!(run(&secret, Action::Retire, usize::MAX).await.len(), 3);
    assert_eq!(stages(&secret).await, [None, current, None]);
    // The next one begins where this one ended.
    assert_eq!(run(&secret, Action::Rotate, usize::MAX).await.len(), 8);
    assert_eq!(secret.key_at("AWSPREVIOUS").await, current);
}

/// Killed after every step, a rotation goes on to its end, and no state in between loses a key.
pub async fn a_rotation_is_resumed_after_every_step(secret: Secret) {
    for killed_after in 1..9 {
        let before = secret.key_at("AWSCURRENT").await.unwrap();
        let done = run(&secret, Action::Rotate, killed_after).await;
        let (primary, others) = ring(&secret).await;
        let in_force = if done.contains(&Step::Promote) { Some(&primary) } else { others.first() };
        assert_ne!(in_force, Some(&before), "the new key is known after {killed_after}");
        assert!(primary == before || others.contains(&before), "after {killed_after}");
        let resumed = run(&secret, Action::Resume, usize::MAX).await;
        assert_eq!(done.iter().chain(&resumed).last(), Some(&Step::Finish), "after {killed_after}");
        let [pending, current, previous] = stages(&secret).await;
        assert_eq!((pending, previous), (None, Some(before)), "after {killed_after}");
        assert_ne!(current, Some(before), "after {killed_after}");
    }
    // When nothing was begun, or all was done, there is nothing to resume.
    assert_eq!(run(&secret, Action::Resume, usize::MAX).await, []);
}

/// Killed after every step, a rotation goes back: before the new key is in force to where it began, later to where both open.
pub async fn a_rotation_is_aborted_after_every_step(secret: Secret) {
    for killed_after in 1..9 {
        let before = stages(&secret).await;
        let done = run(&secret, Action::Rotate, killed_after).await;
        let aborted = run(&secret, Action::Abort, usize::MAX).await;
        let after = stages(&secret).await;
        if !done.contains(&Step::Promote) {
            assert_eq!(aborted, [Step::Withdraw], "after {killed_after}");
            assert_eq!(after, before, "after {killed_after}");
        } else {
            assert_eq!(aborted, [Step::Finish], "after {killed_after}");
            assert_eq!((after[0], after[2]), (None, before[1]), "after {killed_after}");
        }
        assert_eq!(run(&secret, Action::Abort, usize::MAX).await, []);
    }
}

pub async fn a_version_of_somebody_else_is_in_the_way(secret: Secret) {
    secret.put("AWSPENDING", FOREIGN, &json(&text(2))).await;
    let vault = secret.vault();
    let rotation = Rotation::look(&vault, Duration::ZERO).await.unwrap();
    for action in [Action::Rotate, Action::Retire] {
        let error = rotation.plan(action.into()).unwrap_err();
        assert!(matches!(&error, RotationError::UnderWay { foreign: true, .. }), "{error:?}");
        let said = error.to_string();
        assert!(said.contains(FOREIGN) && said.contains("--resume") && said.contains("--abort"), "{said}");
    }
    run(&secret, Action::Resume, usize::MAX).await;
    assert_eq!(stages(&secret).await, [None, Some(id(2)), Some(id(1))]);
}

pub async fn a_version_that_is_no_key_is_never_put_in_force(secret: Secret) {
    secret.put("AWSPENDING", FOREIGN, &json("secret-passphrase")).await;
    let vault = secret.vault();
    let mut rotation = Rotation::look(&vault, Duration::ZERO).await.unwrap();
    let error = rotation.carry_out(Step::Prove).await.unwrap_err().to_string();
    assert!(error.contains("AWSPENDING") && !error.contains("passphrase"), "{error}");
    run(&secret, Action::Abort, usize::MAX).await;
    assert_eq!(stages(&secret).await, [None, Some(id(1)), None]);
}

pub async fn two_rotations_at_a_time_do_not_mix(secret: Secret) {
    let (one, other) = (secret.vault(), secret.vault());
    let mut first = Rotation::look(&one, Duration::ZERO).await.unwrap();
    let mut second = Rotation::look(&other, Duration::ZERO).await.unwrap();
    first.carry_out(Step::Create).await.unwrap();
    second.carry_out(Step::Create).await.unwrap();
    let error = first.carry_out(Step::Prove).await.unwrap_err();
    assert!(matches!(error, RotationError::Overtaken { .. }), "{error:?}");
    for step in [Step::Prove, Step::Promote, Step::Finish] {
        second.carry_out(step).await.unwrap();
    }
    // What was looked at before is not in force any more.
    assert!(first.carry_out(Step::Promote).await.is_err());
    assert_eq!(secret.key_at("AWSCURRENT").await, second.standing().current.key_id());
    assert_eq!(secret.key_at("AWSPREVIOUS").await, Some(id(1)));
}

/// A key that others have is put out of force and retired at once; so it goes from wherever it was broken off.
pub async fn a_compromised_key_goes_at_once(secret: Secret) {
    for killed_after in 1..9 {
        let before = secret.key_at("AWSCURRENT").await.unwrap();
        let done = run(&secret, Request { action: Action::Rotate, compromised: true }, killed_after).await;
        assert!(!done.contains(&Step::Spread));
        run(&secret, Request { action: Action::Resume, compromised: true }, usize::MAX).await;
        let [pending, current, previous] = stages(&secret).await;
        assert_eq!((pending, previous), (None, None), "after {killed_after}");
        assert_ne!(current, Some(before), "after {killed_after}");
    }
}

/// Hands the names of all tests to a macro.
macro_rules! secret_suite {
    ($run:ident) => {
        $run! {
            the_key_in_force_is_read,
            other_stages_only_open,
            what_is_no_key_at_another_stage_is_passed_over,
            a_secret_that_is_not_there_is_an_error_with_a_remedy,
            a_rotation_goes_to_its_end,
            a_rotation_is_resumed_after_every_step,
            a_rotation_is_aborted_after_every_step,
            a_version_of_somebody_else_is_in_the_way,
            a_version_that_is_no_key_is_never_put_in_force,
            two_rotations_at_a_time_do_not_mix,
            a_compromised_key_goes_at_once,
        }
    };
}
pub(crate) use secret_suite;
