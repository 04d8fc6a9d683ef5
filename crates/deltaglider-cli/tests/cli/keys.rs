//! `key generate`, `key status`, and what the other verbs make of keys.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::bench::{Bench, archive};

const KEY: &str = "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=";
const OTHER: &str = "zc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc0=";

fn json(line: &str) -> Value {
    let value: Value = serde_json::from_str(line).unwrap();
    assert_eq!((&value["v"], &value["type"]), (&Value::from(1), &Value::from("key")), "{line}");
    value
}

/// The same world with other variables.
fn with(bench: &Bench, variables: &[(&str, &str)], arguments: &[&str]) -> crate::bench::Run {
    let child = bench.command(arguments).envs(variables.iter().copied()).output().unwrap();
    crate::bench::Run::of(child)
}

#[test]
fn generate_prints_a_key_or_writes_a_file_of_ones_own_and_never_over_another() {
    let bench = Bench::new();
    let (one, other) = (bench.run(&["key", "generate"]), bench.run(&["key", "generate", "--quiet"]));
    assert_eq!((one.code, one.out.len(), one.err.as_str()), (0, 45, ""));
    assert_eq!((other.code, other.out.len()), (0, 45));
    assert_ne!(one.out, other.out);

    let written = bench.run(&["key", "generate", "--out", "new"]);
    assert_eq!(written.code, 0, "{written:?}");
    let content = fs::read_to_string(bench.path("new")).unwrap();
    assert_eq!(content.len(), 45);
    assert!(!written.out.contains(content.trim()) && written.out.contains("is in new"), "{}", written.out);
    assert_eq!(fs::metadata(bench.path("new")).unwrap().permissions().mode() & 0o777, 0o600);
    let again = bench.run(&["key", "generate", "--out", "new"]);
    assert_eq!((again.code, again.out.as_str()), (255, ""));
    assert!(again.err.contains("never overwritten"), "{}", again.err);
    assert_eq!(fs::read_to_string(bench.path("new")).unwrap(), content);

    let shown = json(&bench.run(&["key", "generate", "--json"]).lines()[0]);
    assert_eq!((shown["op"].as_str(), shown["key"].as_str().map(str::len)), (Some("generate"), Some(44)));
    let hidden = json(&bench.run(&["key", "generate", "--json", "--out", "other"]).lines()[0]);
    assert_eq!((hidden["path"].as_str(), hidden.get("key")), (Some("other"), None));
    // What was generated is a key.
    let file = bench.path("other").display().to_string();
    let status = with(&bench, &[("DG_CACHE_ENCRYPTION_KEY_FILE", &file)], &["key", "status", "--json"]);
    assert_eq!(json(&status.lines()[0])["key_id"], hidden["key_id"]);
}

#[test]
fn status_shows_ids_and_what_is_under_them() {
    let bench = Bench::with_store();
    let ephemeral = bench.run(&["key", "status"]);
    assert_eq!((ephemeral.code, ephemeral.out.as_str()), (0, "source: a random key of each process\n"));

    bench.write("a.zip", &archive(1));
    let old = [("DG_CACHE_ENCRYPTION_KEY", OTHER)];
    assert_eq!(with(&bench, &old, &["cp", "a.zip", "STORE/p/"]).code, 0);
    let both = [("DG_CACHE_ENCRYPTION_KEY", KEY), ("DG_CACHE_ENCRYPTION_KEYS_OLD", OTHER)];
    assert_eq!(with(&bench, &both, &["cp", "a.zip", "STORE/q/"]).code, 0);
    let status = with(&bench, &both, &["key", "status"]);
    let lines = status.lines();
    assert_eq!(lines[0], "source: DG_CACHE_ENCRYPTION_KEY");
    assert!(lines[1].starts_with("primary ") && lines[1].ends_with("  0 entries"), "{lines:?}");
    assert!(lines[2].starts_with("decrypt-only ") && lines[2].ends_with("  1 entry"), "{lines:?}");
    let alone = with(&bench, &[("DG_CACHE_ENCRYPTION_KEY", KEY)], &["key", "status", "--json"]);
    let shown = json(&alone.lines()[0]);
    assert_eq!((shown["origin"].as_str(), shown["due"].as_bool()), (Some("environment"), Some(false)));
    assert_eq!((shown["keys"][1]["role"].as_str(), shown["keys"][1]["entries"].as_u64()), (Some("unknown"), Some(1)));

    let rewrapped = json(&with(&bench, &both, &["key", "rewrap", "--json"]).lines()[0]);
    assert_eq!((rewrapped["rewrapped"].as_u64(), rewrapped["failed"].as_u64()), (Some(1), Some(0)));
    let status = with(&bench, &both, &["key", "status"]);
    assert!(status.lines()[1].ends_with("  1 entry") && status.lines()[2].ends_with("  0 entries"), "{status:?}");
    for text in [&status.out, &status.err, &alone.out, &alone.err] {
        assert!(!text.contains(KEY) && !text.contains(OTHER), "{text}");
    }
}

#[test]
fn a_key_that_cannot_be_used_ends_with_253_and_a_remedy() {
    let bench = Bench::with_store();
    bench.write("a.zip", &archive(1));
    bench.write("bad", b"secret-passphrase");
    let bad = bench.path("bad").display().to_string();
    for (variables, said) in [
        (vec![("DG_CACHE_ENCRYPTION_KEY", "secret-passphrase")], "DG_CACHE_ENCRYPTION_KEY"),
        (vec![("DG_CACHE_ENCRYPTION_KEY_FILE", bad.as_str())], bad.as_str()),
        (vec![("DG_CACHE_ENCRYPTION_KEY_FILE", "/nowhere")], "/nowhere"),
        (
            vec![("DG_CACHE_ENCRYPTION_KEY_FILE", bad.as_str()), ("DG_CACHE_ENCRYPTION_SECRET_ID", "x")],
            "DG_CACHE_ENCRYPTION_KEY_FILE and DG_CACHE_ENCRYPTION_SECRET_ID are both set",
        ),
        (
            vec![
                ("DG_CACHE_ENCRYPTION_SECRET_ID", "x"),
                ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:9"),
                ("AWS_MAX_ATTEMPTS", "1"),
            ],
            "the secret x",
        ),
    ] {
        let run = with(&bench, &variables, &["key", "status"]);
        assert_eq!((run.code, run.out.as_str()), (253, ""), "{variables:?} {run:?}");
        assert!(run.err.contains(said) && !run.err.contains("passphrase"), "{}", run.err);
        // Nor does anything else go on with another key.
        let put = with(&bench, &variables, &["cp", "a.zip", "STORE/p/"]);
        assert_ne!(put.code, 0, "{variables:?}");
    }
    assert_eq!(bench.run(&["ls", "STORE"]).out, "");
}

#[test]
fn keys_elsewhere_are_rotated_by_hand_and_the_steps_are_told() {
    let bench = Bench::new();
    fs::write(bench.path("key"), KEY).unwrap();
    fs::set_permissions(bench.path("key"), fs::Permissions::from_mode(0o600)).unwrap();
    let file = bench.path("key").display().to_string();
    for (variables, said) in [
        (vec![("DG_CACHE_ENCRYPTION_KEY", KEY)], "DG_CACHE_ENCRYPTION_KEYS_OLD"),
        (vec![("DG_CACHE_ENCRYPTION_KEY_FILE", file.as_str())], "in its first line"),
        (vec![], "nothing has to be done"),
    ] {
        let run = with(&bench, &variables, &["key", "rotate"]);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{run:?}");
        assert!(run.out.starts_with("1. ") && run.out.contains(said) && !run.out.contains(KEY), "{}", run.out);
        let shown = json(&with(&bench, &variables, &["key", "rotate", "--json"]).lines()[0]);
        assert_eq!(shown["status"], "by_hand");
    }
    let compromised = with(&bench, &[("DG_CACHE_ENCRYPTION_KEY", KEY)], &["key", "rotate", "--compromised"]);
    assert!(compromised.out.contains("deltaglider cache clear"), "{}", compromised.out);
    for line in [
        &["key"][..],
        &["key", "rotate", "--resume", "--abort"],
        &["key", "rotate", "--retire", "--compromised"],
        &["key", "rotate", "--wait", "soon"],
        &["key", "generate", KEY],
    ] {
        assert_eq!(bench.run(line).code, 252, "{line:?}");
    }
}
