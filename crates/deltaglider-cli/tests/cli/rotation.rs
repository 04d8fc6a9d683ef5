//! `key rotate` against a server of Secrets Manager: to its end, killed at each step, and under load.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use deltaglider::config::SecretsManagerSettings;
use deltaglider_testkit::SecretsServer;
use deltaglider_testkit::secrets_manager_server::SecretsFault;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::bench::{Bench, Run, archive};

const KEY: &str = "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=";
const SECRET: &str = "deltaglider/cache-encryption-key";

/// A world with a secret at a server, and the runtime that the server lives in.
struct Vault {
    bench: Bench,
    server: SecretsServer,
    runtime: Runtime,
}

impl Vault {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let server = runtime.block_on(SecretsServer::start()).unwrap();
        server.secrets().set(SECRET, &format!(r#"{{"owner":"a test","encryption_key":"{KEY}"}}"#));
        let bench = Bench::with_store()
            .with("AWS_ENDPOINT_URL_SECRETS_MANAGER", &server.endpoint())
            .with("AWS_ACCESS_KEY_ID", "AKID")
            .with("AWS_SECRET_ACCESS_KEY", "secret")
            .with("AWS_DEFAULT_REGION", "us-east-1")
            .with("DG_CACHE_ENCRYPTION_SECRET_ID", SECRET)
            .with("DG_CACHE_KEY_REFRESH_SECS", "1");
        Self { bench, server, runtime }
    }

    /// Puts two versions, the second by the cached first; both come back.
    fn use_cache(&self, prefix: &str) {
        for (name, version) in [("a.zip", 1), ("b.zip", 2)] {
            let up =
                self.bench.run_with_input(&["cp", "-", &format!("STORE/{prefix}/{name}")], &content(prefix, version));
            assert_eq!(up.code, 0, "{up:?}");
        }
        let down = self.bench.run(&["cp", &format!("STORE/{prefix}/b.zip"), "-"]);
        assert_eq!((down.code, down.bytes == content(prefix, 2)), (0, true), "{}", down.err);
    }

    fn rotate(&self, flags: &[&str]) -> Run {
        let line: Vec<&str> = ["key", "rotate", "--wait", "0"].iter().chain(flags).copied().collect();
        self.bench.run(&line)
    }

    fn value(&self, stage: &str) -> Option<String> {
        self.server.secrets().value(SECRET, stage)
    }

    /// Entries of the cache by the role of their key.
    fn entries(&self) -> (u64, u64) {
        let status = self.bench.run(&["key", "status", "--json"]);
        assert_eq!(status.code, 0, "{status:?}");
        let line: Value = serde_json::from_str(&status.lines()[0]).unwrap();
        let sum = |primary: bool| {
            let keys = line["keys"].as_array().unwrap().iter();
            let keys = keys.filter(|key| (key["role"] == "primary") == primary);
            keys.map(|key| key["entries"].as_u64().unwrap()).sum()
        };
        (sum(true), sum(false))
    }
}

#[test]
fn a_rotation_goes_to_its_end_and_the_old_key_can_be_retired() {
    let vault = Vault::new();
    vault.use_cache("p");
    let planned = vault.rotate(&["--dry-run"]);
    assert_eq!((planned.code, planned.lines().len()), (0, 8), "{planned:?}");
    assert!(planned.lines()[0].starts_with("(dryrun) create: "), "{planned:?}");
    assert_eq!((vault.value("AWSPENDING"), vault.entries()), (None, (1, 0)));

    let rotated = vault.rotate(&[]);
    assert_eq!(rotated.code, 0, "{rotated:?}");
    let steps: Vec<String> = rotated.lines().iter().map(|line| line.split(':').next().unwrap().to_owned()).collect();
    assert_eq!(steps, ["create", "spread", "prove", "promote", "settle", "rewrap", "verify", "finish", "key in force"]);
    assert_eq!(vault.entries(), (1, 0));
    assert_eq!(vault.value("AWSPENDING"), None);
    assert!(vault.value("AWSPREVIOUS").unwrap().contains(KEY));
    let current = vault.value("AWSCURRENT").unwrap();
    assert!(current.contains(r#""owner":"a test""#) && !current.contains(KEY), "{current}");
    let current: Value = serde_json::from_str(&current).unwrap();
    for text in [&rotated.out, &rotated.err, &planned.out] {
        assert!(!text.contains(KEY) && !text.contains(current["encryption_key"].as_str().unwrap()), "{text}");
    }
    // What was cached under the old key is a hit under the new one: damage to the store goes unseen.
    vault.bench.damage_references();
    assert_eq!(vault.bench.run(&["cp", "STORE/p/b.zip", "hit.zip"]).code, 0);
    assert_eq!(vault.bench.read("hit.zip"), content("p", 2));

    let retired = vault.rotate(&["--retire", "--json"]);
    assert_eq!((retired.code, vault.value("AWSPREVIOUS")), (0, None), "{retired:?}");
    for line in retired.lines() {
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["v"], &line["type"], &line["op"]), (&1.into(), &"key".into(), &"rotate".into()));
    }
    assert_eq!(vault.rotate(&["--retire"]).out, "nothing to do\n");
}

#[test]
fn a_foreign_version_is_in_the_way_until_it_is_resumed_or_aborted() {
    let vault = Vault::new();
    vault.server.secrets().put(SECRET, "a-version-that-somebody-else-made", "secret-passphrase", "AWSPENDING");
    let refused = vault.rotate(&[]);
    assert_eq!((refused.code, refused.out.as_str()), (254, ""), "{refused:?}");
    assert!(refused.err.contains("--resume") && refused.err.contains("--abort"), "{}", refused.err);
    let malformed = vault.rotate(&["--resume"]);
    assert_eq!(malformed.code, 253, "{malformed:?}");
    assert!(!malformed.err.contains("passphrase"), "{}", malformed.err);
    assert_eq!(vault.rotate(&["--abort"]).code, 0);
    assert_eq!((vault.value("AWSPENDING"), vault.rotate(&[]).code), (None, 0));
}

#[test]
fn a_compromised_key_goes_with_what_is_under_it() {
    let vault = Vault::new();
    vault.use_cache("p");
    let rotated = vault.rotate(&["--compromised"]);
    assert_eq!(rotated.code, 0, "{rotated:?}");
    assert!(rotated.out.contains("\npurge: ") && !rotated.out.contains("rewrap"), "{}", rotated.out);
    assert_eq!((vault.entries(), vault.value("AWSPREVIOUS"), vault.value("AWSPENDING")), ((0, 0), None, None));
    vault.use_cache("p");
    assert_eq!(vault.entries(), (1, 0));
}

#[test]
fn a_key_of_more_than_ninety_days_is_warned_of() {
    let vault = Vault::new();
    let fresh = vault.bench.run(&["key", "status"]);
    assert!(fresh.out.contains("less than a day old") && fresh.err.is_empty(), "{fresh:?}");
    vault.server.secrets().age(SECRET, 91);
    let old = vault.bench.run(&["key", "status"]);
    assert!(old.out.contains("91 days old") && old.err.contains("deltaglider key rotate"), "{old:?}");
    let lines = vault.bench.run(&["key", "status", "--json"]).lines();
    assert!(lines[0].contains(r#""due":true"#) && lines[1].contains(r#""code":"key_age""#), "{lines:?}");
}

#[test]
fn a_rotation_that_is_killed_is_resumed() {
    for (operation, number, fault) in REQUESTS {
        let (vault, place) = killed(operation, number, &fault);
        let resumed = vault.rotate(&["--resume"]);
        assert_eq!(resumed.code, 0, "{place} {resumed:?}");
        assert_eq!(vault.value("AWSPENDING"), None, "{place}");
        let begun = (operation, &fault) != ("PutSecretValue", &SecretsFault::Stall);
        assert_eq!(vault.value("AWSPREVIOUS").is_some_and(|old| old.contains(KEY)), begun, "{place}");
        // Whoever was told of the new key last may have sealed under the old one after it was verified that nobody had.
        assert_eq!(vault.rotate(&["--retire"]).code, 0, "{place}");
        assert_eq!(vault.entries(), (2, 0), "{place}");
    }
}

#[test]
fn a_rotation_that_is_killed_is_aborted() {
    for (operation, number, fault) in REQUESTS {
        let (vault, place) = killed(operation, number, &fault);
        let before = vault.value("AWSCURRENT");
        let aborted = vault.rotate(&["--abort"]);
        assert_eq!(aborted.code, 0, "{place} {aborted:?}");
        assert_eq!((vault.value("AWSPENDING"), vault.value("AWSCURRENT")), (None, before), "{place}");
        // A legal state: another rotation begins and ends, and takes along what is under any key.
        assert_eq!(vault.rotate(&[]).code, 0, "{place}");
        assert_eq!(vault.entries(), (2, 0), "{place}");
    }
}

/// Every request of a rotation that changes something, killed before and after its effect, and those between them.
const REQUESTS: [(&str, u64, SecretsFault); 8] = [
    ("PutSecretValue", 1, SecretsFault::Stall),
    ("PutSecretValue", 1, SecretsFault::StallAfter),
    // Proving: the first four look, and copy the other fields.
    ("GetSecretValue", 5, SecretsFault::Stall),
    ("UpdateSecretVersionStage", 1, SecretsFault::Stall),
    ("UpdateSecretVersionStage", 1, SecretsFault::StallAfter),
    // Rewrapping.
    ("GetSecretValue", 6, SecretsFault::Stall),
    ("UpdateSecretVersionStage", 2, SecretsFault::Stall),
    ("UpdateSecretVersionStage", 2, SecretsFault::StallAfter),
];

/// A vault whose rotation was killed at a request; everybody goes on meanwhile.
fn killed(operation: &'static str, number: u64, fault: &SecretsFault) -> (Vault, String) {
    let vault = Vault::new();
    let up = vault.bench.run_with_input(&["cp", "-", "STORE/p/a.zip"], &content("p", 1));
    assert_eq!(up.code, 0, "{up:?}");
    let (stall, seen) = (fault.clone(), AtomicU64::new(0));
    vault.server.inject(move |call, _| {
        let is = call.operation == operation && seen.fetch_add(1, Ordering::Relaxed) + 1 == number;
        is.then(|| stall.clone())
    });
    let mut child = vault.bench.start(&["key", "rotate", "--wait", "0"]);
    vault.runtime.block_on(vault.server.stalled(1));
    child.kill().unwrap();
    child.wait().unwrap();
    vault.server.heal();
    vault.use_cache("q");
    (vault, format!("{operation} {number} {fault:?}"))
}

/// Four loops of processes and two clients that live long, through rotation after rotation, at a server that throttles every
/// third call: nothing fails, and nothing is left under an old key.
#[test]
fn everybody_goes_on_while_the_key_is_rotated() {
    let seconds = std::env::var("DG_TEST_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2);
    let vault = Vault::new();
    vault.server.throttle_every(3);
    let (ended, operations) = (AtomicBool::new(false), AtomicU64::new(0));
    let began = Instant::now();
    let mut rotations = 0;
    std::thread::scope(|scope| {
        // A failed assertion must end the loops as well.
        let _end = End(&ended);
        for worker in 0..4 {
            let (vault, ended, operations) = (&vault, &ended, &operations);
            scope.spawn(move || {
                let _end = End(ended);
                let mut round = 0;
                while !ended.load(Ordering::Relaxed) {
                    vault.use_cache(&format!("w{worker}/{round}"));
                    operations.fetch_add(3, Ordering::Relaxed);
                    round += 1;
                }
            });
        }
        for client in 0..2 {
            let (vault, ended, operations) = (&vault, &ended, &operations);
            scope.spawn(move || {
                let _end = End(ended);
                vault.runtime.block_on(live_long(vault, client, ended, operations));
            });
        }
        while rotations < 2 || began.elapsed() < Duration::from_secs(seconds) {
            let rotated = vault.bench.run(&["key", "rotate", "--wait", "1"]);
            assert_eq!(rotated.code, 0, "{rotated:?}");
            rotations += 1;
        }
    });
    let (_, late) = vault.entries();
    // The last step of a rotation, which takes along what was sealed at the last moment.
    let retired = vault.bench.run(&["key", "rotate", "--retire", "--wait", "1"]);
    assert_eq!(retired.code, 0, "{retired:?}");
    let (current, old) = vault.entries();
    let operations = operations.into_inner();
    println!(
        "{rotations} rotations, {operations} operations, 0 failed, {current} entries, {late} late, {old} under an old key"
    );
    assert!(current > 0);
    assert_eq!(old, 0);
}

/// Ends the loops when it goes out of scope.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A version of an archive of a delta space's own: references are cached by their content.
fn content(prefix: &str, version: u64) -> Vec<u8> {
    let mut content = archive(version);
    content[..prefix.len()].copy_from_slice(prefix.as_bytes());
    content
}

/// The same by one client, whose keys are read again in the background.
async fn live_long(vault: &Vault, number: u32, ended: &AtomicBool, operations: &AtomicU64) {
    let mut secret = SecretsManagerSettings::of(SECRET).with_credentials("AKID", "secret", None);
    secret.endpoint_url = Some(vault.server.endpoint());
    secret.region = Some("us-east-1".to_owned());
    secret.refresh = Duration::from_millis(300);
    let cache = vault.bench.outside("home").join(".cache/deltaglider");
    let client = deltaglider::Client::builder().key_secret(secret).cache_directory(cache).build().await.unwrap();
    let store = vault.bench.store();
    for round in 0.. {
        if ended.load(Ordering::Relaxed) {
            break;
        }
        let prefix = format!("c{number}/{round}");
        for (name, version) in [("a.zip", 1), ("b.zip", 2)] {
            let put = client.put_object().bucket(&store).key(format!("{prefix}/{name}"));
            put.body(content(&prefix, version)).send().await.unwrap();
        }
        let got = client.get_object().bucket(&store).key(format!("{prefix}/b.zip")).send().await.unwrap();
        assert_eq!(got.body.collect().await.unwrap(), content(&prefix, 2));
        operations.fetch_add(3, Ordering::Relaxed);
    }
    assert_eq!(client.cache_stats().await.unwrap().unknown_keys, 0, "no key was met before it was known");
}
