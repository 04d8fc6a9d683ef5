//! Keys are bytes, not paths.

use deltaglider_core::store::{CopyOptions, PutMode, StoreErrorKind};

use super::{Subject, assert_fails};

/// Keys that a path, a URL or a form would change.
pub fn odd_keys() -> Vec<String> {
    let mut keys: Vec<String> = [
        "..",
        ".",
        "../a",
        "a/../b",
        "a/./b",
        "a/.",
        "a/..",
        "a//b",
        "a///b",
        "/a",
        "//a",
        "/",
        "//",
        "a/",
        "a//",
        "a",
        "a/b",
        "a.",
        "a ",
        " a",
        "a b",
        "a+b",
        "+",
        "%41",
        "A",
        "%",
        "%%",
        "%2F",
        "a%2Fb",
        "?",
        "a?b=c",
        "#",
        "a#b",
        "a&b",
        "a;b=c",
        "a=b",
        "*",
        "a*b",
        "|",
        "<a>",
        "\"",
        "'",
        "\\",
        "a\\b",
        "a:b",
        "$a",
        "{a}",
        "~",
        "~/a",
        "@",
        "!",
        "(a)",
        "[a]",
        "^",
        "`",
        ",",
        "-",
        "--help",
        "ü",
        "u\u{308}",
        "日本語/キー",
        "🦀",
        "\u{fffd}",
        "\u{e000}",
        "CON",
        "con.txt",
        "nul/a",
        "a.object",
        "a.object/b",
        "a.OBJECT",
        ".deltaglider-store",
        ".deltaglider-store/a",
        "a/.deltaglider-store",
        "index.html",
        "a/b/c/d/e/f/g",
    ]
    .map(str::to_owned)
    .into();
    keys.push("k".repeat(1024));
    keys.push(format!("{}/{}", "d".repeat(511), "ü".repeat(256)));
    keys.push("a/".repeat(100));
    keys.push("日".repeat(341));
    keys
}

/// Puts, reads, lists, copies and deletes each of some keys while the others are there.
pub async fn every_one_is_a_key(subject: &Subject, keys: &[String]) {
    let mut sorted = keys.to_vec();
    sorted.sort();
    for key in keys {
        subject.put_with(key, key, PutMode::Create).await.unwrap_or_else(|error| panic!("{key:?}: {error}"));
    }
    assert_eq!(subject.keys().await, sorted);
    for key in keys {
        assert_eq!(subject.read(key).await.as_ref(), Ok(key), "{key:?}");
        assert_eq!(subject.head(key).await.size, key.len() as u64, "{key:?}");
        let below: Vec<_> = sorted.iter().filter(|other| other.starts_with(key.as_str())).cloned().collect();
        assert_eq!(subject.names(subject.below(key)).await, below, "below {key:?}");
        assert_fails(subject.put_with(key, "again", PutMode::Create).await, StoreErrorKind::Conflict);
        let copy = subject.at("the copy");
        subject.store.copy(&subject.at(key), &copy, CopyOptions::default()).await.expect(key);
        assert_eq!(subject.read("the copy").await.as_ref(), Ok(key), "the copy of {key:?}");
        subject.store.copy(&copy, &subject.at(key), CopyOptions::default()).await.expect(key);
        subject.store.delete_one(&copy, None).await.expect("deleted");
    }
    for key in keys {
        subject.store.delete_one(&subject.at(key), None).await.expect(key);
        assert_eq!(subject.read(key).await, Err(StoreErrorKind::NotFound), "{key:?}");
        sorted.retain(|other| other != key);
        assert_eq!(subject.keys().await, sorted, "without {key:?}");
    }
}

/// Keys that look like something else are keys all the same.
pub async fn odd_keys_are_keys(subject: Subject) {
    every_one_is_a_key(&subject, &odd_keys()).await;
}

/// An object does not stand in the way of objects below it, in whatever order they come and go.
pub async fn keys_nest_in_one_another(subject: Subject) {
    for keys in [["a", "a/b", "a/b/c"], ["a/b/c", "a/b", "a"], ["a/b", "a", "a/b/c"]] {
        for key in keys {
            subject.put(key, key).await;
        }
        assert_eq!(subject.keys().await, ["a", "a/b", "a/b/c"]);
        for key in keys {
            assert_eq!(subject.read(key).await.as_deref(), Ok(key));
            subject.store.delete_one(&subject.at(key), None).await.expect("deleted");
        }
        assert!(subject.keys().await.is_empty());
    }
}

/// Neither case nor Unicode's compositions make two keys one.
pub async fn keys_are_compared_byte_by_byte(subject: Subject) {
    let keys = ["A.zip", "a.zip", "u\u{308}", "\u{fc}"];
    for key in keys {
        subject.put_with(key, key, PutMode::Create).await.expect(key);
    }
    assert_eq!(subject.keys().await, keys);
    for key in keys {
        assert_eq!(subject.read(key).await.as_deref(), Ok(key));
    }
}
