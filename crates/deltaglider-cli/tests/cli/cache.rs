//! `cache`: what it says, word for word, and what it removes.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::bench::{Bench, archive};

const KEY: &str = "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=";
const KEY_ID: &str = "0a8bd276e9ac226a6cde7448790f2b68";
const OTHER_KEY: &str = "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urqzA=";

/// A world with a persistent key, a cache directory, and so many references in both.
fn with_references(number: u64) -> Bench {
    let bench = Bench::new();
    let directory = bench.outside("cache");
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
    let bench = bench.with("DG_CACHE_ENCRYPTION_KEY", KEY).with("DG_CACHE_DIR", directory.to_str().unwrap());
    assert_eq!(bench.run(&["mb", "STORE"]).code, 0);
    for number in 1..=number {
        bench.write("app.zip", &archive(number));
        assert_eq!(bench.run(&["cp", "app.zip", &format!("STORE/{number}/")]).code, 0);
    }
    bench
}

/// Bytes on disk that the files of a cache take.
fn taken(directory: &Path) -> u64 {
    let files = ["v1/headers", "v1/bodies"].map(|name| fs::read_dir(directory.join(name)).unwrap());
    files.into_iter().flatten().map(|file| file.unwrap().metadata().unwrap().blocks() * 512).sum()
}

#[test]
fn status_says_that_nothing_is_kept_and_how_to_keep_it() {
    let bench = Bench::new();
    let run = bench.run(&["cache", "status"]);
    assert_eq!(
        run.out,
        "nothing is kept: each process caches on disk, encrypted, up to 10.0 GiB\n\
         without a persistent key the cache lives and dies with each process\n  \
         to keep it: set DG_CACHE_ENCRYPTION_KEY to 32 random bytes in base64, such as head -c 32 /dev/urandom | base64 gives\n"
    );
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    assert_eq!(bench.left_behind(), Vec::<String>::new());
    let run = bench.run(&["cache", "status", "--json"]);
    assert_eq!(
        run.out,
        "{\"v\":1,\"type\":\"cache\",\"strategy\":\"ephemeral\",\"backend\":\"filesystem\",\"entries\":0,\"bytes\":0,\
         \"limit\":10737418240,\"encrypted\":true}\n"
    );
}

#[test]
fn status_of_a_cache_in_memory_names_the_variable() {
    let bench = Bench::new().with("DG_CACHE_BACKEND", "memory").with("DG_CACHE_ENCRYPTION_KEY", KEY);
    let run = bench.run(&["cache", "status"]);
    assert_eq!(
        run.out,
        "nothing is kept: each process caches in memory, encrypted, up to 100.0 MiB\n\
         DG_CACHE_BACKEND is `memory`: the cache lives and dies with each process\n  \
         to keep it: set DG_CACHE_BACKEND to `filesystem`, and DG_CACHE_ENCRYPTION_KEY to 32 random bytes in base64\n"
    );
}

#[test]
fn status_of_a_cache_that_is_kept() {
    let bench = with_references(2);
    let directory = bench.outside("cache");
    let bytes = taken(&directory);
    let run = bench.run(&["cache", "status"]);
    let (path, kib) = (directory.display(), format!("{:.1} KiB", bytes as f64 / 1024.0));
    let short = &KEY_ID[..8];
    let expected = format!(
        "{path}  2 entries, {kib} of 10.0 GiB (0%), encrypted (key {short} from DG_CACHE_ENCRYPTION_KEY)\n  \
         least recently used "
    );
    assert_eq!(run.out.get(..expected.len()), Some(expected.as_str()), "{}", run.out);
    assert_eq!(run.lines().len(), 2);

    let run = bench.run(&["cache", "status", "--json"]);
    let expected = format!(
        "{{\"v\":1,\"type\":\"cache\",\"strategy\":\"kept\",\"backend\":\"filesystem\",\"path\":\"{path}\",\
         \"entries\":2,\"bytes\":{bytes},\"limit\":10737418240,\"encrypted\":true,\
         \"key_source\":\"DG_CACHE_ENCRYPTION_KEY\",\"key_id\":\"{KEY_ID}\",\
         \"keys\":[{{\"key_id\":\"{KEY_ID}\",\"entries\":2}}],\"oldest_use\":\""
    );
    assert_eq!(run.out.get(..expected.len()), Some(expected.as_str()), "{}", run.out);
}

#[test]
fn status_tells_the_keys_apart() {
    let bench = with_references(1).with("DG_CACHE_ENCRYPTION_KEY", OTHER_KEY);
    let run = bench.run(&["cache", "status"]);
    assert_eq!(run.lines()[1], format!("  1 entry under another key, {}", &KEY_ID[..8]), "{}", run.out);
}

#[test]
fn clear_removes_every_reference_once() {
    let bench = with_references(3);
    let bytes = taken(&bench.outside("cache"));
    let run = bench.run(&["cache", "clear"]);
    assert_eq!(run.out, format!("cleared: 3 entries, {:.1} KiB\n", bytes as f64 / 1024.0));
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    let run = bench.run(&["cache", "clear", "--json"]);
    assert_eq!(run.out, "{\"v\":1,\"type\":\"cache\",\"op\":\"cleared\",\"entries\":0,\"bytes\":0,\"failed\":0}\n");
    assert_eq!(bench.run(&["cache", "status", "--json"]).out.matches("\"entries\":0").count(), 1);
    // The objects are as they were.
    assert_eq!(bench.run(&["cp", "STORE/3/app.zip", "back.zip"]).code, 0);
    assert_eq!(bench.read("back.zip"), archive(3));
}

#[test]
fn prune_goes_down_to_a_size_or_an_age() {
    let bench = with_references(3);
    let one = taken(&bench.outside("cache")) / 3;
    let run = bench.run(&["cache", "prune"]);
    assert_eq!(run.out, "pruned: 0 entries, 0 Bytes\n", "the environment asks for no more");
    let run = bench.run(&["cache", "prune", "--max-age", "30d"]);
    assert_eq!(run.out, "pruned: 0 entries, 0 Bytes\n");
    let run = bench.run(&["cache", "prune", "--max-size", &(2 * one).to_string()]);
    assert_eq!(run.out, format!("pruned: 1 entry, {:.1} KiB\n", one as f64 / 1024.0));
    let run = bench.run(&["cache", "prune", "--max-age", "0s"]);
    assert_eq!(run.out, format!("pruned: 2 entries, {:.1} KiB\n", 2.0 * one as f64 / 1024.0));
}

#[test]
fn without_a_key_there_is_nothing_to_remove_and_it_says_why() {
    let bench = Bench::new();
    for (verb, done) in [("clear", "cleared"), ("prune", "pruned")] {
        let run = bench.run(&["cache", verb]);
        assert_eq!((run.code, run.out), (0, format!("{done}: 0 entries, 0 Bytes\n")));
        assert!(run.err.contains("DG_CACHE_ENCRYPTION_KEY"), "{}", run.err);
        assert_eq!(bench.left_behind(), Vec::<String>::new());
    }
}

#[test]
fn errors_name_the_variable_and_the_remedy() {
    for (name, value, said) in [
        ("DG_CACHE_BACKEND", "redis", "error: DG_CACHE_BACKEND is `redis`; expected is `filesystem` or `memory`\n"),
        ("DG_CACHE_MAX_SIZE_MB", "0", "error: DG_CACHE_MAX_SIZE_MB is `0`; expected is a whole number from 1\n"),
    ] {
        let run = Bench::new().with(name, value).run(&["cache", "status"]);
        assert_eq!((run.code, run.err.as_str()), (253, said));
    }
    let run = Bench::new().with("DG_CACHE_ENCRYPTION_KEY", "secret-word").run(&["cache", "status"]);
    assert_eq!(run.code, 253);
    assert!(run.err.contains("DG_CACHE_ENCRYPTION_KEY") && run.err.contains("base64"), "{}", run.err);
    assert!(!run.err.contains("secret-word"), "{}", run.err);

    let bench = with_references(1);
    let directory = bench.outside("cache");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).unwrap();
    let run = bench.run(&["cache", "clear"]);
    assert_eq!(
        run.err,
        format!(
            "error: the cache directory {} cannot be used: others may write to it; run chmod go-w on it, or name \
             another directory\n  to fix: name a directory of your own in DG_CACHE_DIR\n",
            directory.display()
        )
    );
    assert_eq!(run.code, 253);

    let run = Bench::new().run(&["cache", "prune", "--max-age", "soon"]);
    assert_eq!(run.code, 252);
    assert!(run.err.contains("such as 30d"), "{}", run.err);
}
