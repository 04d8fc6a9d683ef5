//! The text of a secret: JSON with the key in one of its fields, or the key alone.

use std::borrow::Cow;

use deltaglider_core::keys::{CacheEncryptionKey, KeyError};
use serde::Deserialize;
use serde_json::{Map, Value};
use zeroize::{Zeroize, Zeroizing};

use super::FIELD;
use crate::material::parse_key;

const EXPECTED: &str = "JSON with the field `encryption_key` is expected, which holds 32 bytes in base64 as \
                        `deltaglider key generate` prints them, or these alone";

/// The one field that is looked at; the others are passed over without a copy.
#[derive(Deserialize)]
struct Held<'a> {
    #[serde(borrow)]
    encryption_key: Cow<'a, str>,
}

/// Reads the key out of a secret; the error names the secret and never its text.
pub(super) fn key(text: &str, secret: &str) -> Result<CacheEncryptionKey, KeyError> {
    let format = |_| format(secret);
    if !is_json(text) {
        return parse_key(text, secret).map_err(format);
    }
    let held: Held<'_> = serde_json::from_str(text).map_err(|_| self::format(secret))?;
    let key = parse_key(&held.encryption_key, secret).map_err(format);
    if let Cow::Owned(mut copy) = held.encryption_key {
        copy.zeroize();
    }
    key
}

/// The text of the secret with another key in it, and everything else as it was.
pub(super) fn with_key(text: &str, key: &str, secret: &str) -> Result<Zeroizing<String>, KeyError> {
    if !is_json(text) {
        return Ok(Zeroizing::new(key.to_owned()));
    }
    let mut fields: Map<String, Value> = serde_json::from_str(text).map_err(|_| format(secret))?;
    let Some(Value::String(held)) = fields.get_mut(FIELD) else { return Err(format(secret)) };
    held.zeroize();
    held.push_str(key);
    let text = serde_json::to_string(&fields).map(Zeroizing::new).map_err(|_| format(secret));
    if let Some(Value::String(held)) = fields.get_mut(FIELD) {
        held.zeroize();
    }
    text
}

fn is_json(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

pub(super) fn format(secret: &str) -> KeyError {
    KeyError::Format { source_name: secret.to_owned(), expected: EXPECTED.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=";
    const OTHER: &str = "zc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc0=";

    #[test]
    fn a_key_is_found_in_json_and_alone() {
        let expected = parse_key(KEY, "").expect("a key").id();
        let escaped = format!(r#"{{"encryption_key":"{}\u003d"}}"#, KEY.trim_end_matches('='));
        for text in [
            KEY.to_owned(),
            format!(" {KEY}\n"),
            format!(r#"{{"encryption_key":"{KEY}"}}"#),
            format!(r#" {{"a":{{"encryption_key":1}},"encryption_key":"{KEY}","z":[1]}} "#),
            escaped,
        ] {
            assert_eq!(key(&text, "a secret").expect(&text).id(), expected);
        }
    }

    #[test]
    fn what_holds_no_key_names_the_secret_and_never_the_text() {
        for text in [
            "",
            "secret-passphrase",
            "{",
            r#"{"encryption_key":7}"#,
            r#"{"key":"secret-passphrase"}"#,
            r#"{"encryption_key":"secret-passphrase"}"#,
            r#"["secret-passphrase"]"#,
        ] {
            let error = key(text, "the secret deltaglider/key").expect_err(text).to_string();
            assert!(error.contains("deltaglider/key") && error.contains("`encryption_key`"), "{error}");
            assert!(!error.contains("secret-passphrase"), "{error}");
        }
    }

    #[test]
    fn other_fields_are_kept() {
        let text = format!(r#"{{"owner":"team","encryption_key":"{KEY}","n":[1,{{"a":null}}]}}"#);
        let changed = with_key(&text, OTHER, "a secret").expect("changed");
        let fields: Value = serde_json::from_str(&changed).expect("JSON");
        assert_eq!(fields, serde_json::json!({"owner": "team", "encryption_key": OTHER, "n": [1, {"a": null}]}));
        assert_eq!(*with_key(KEY, OTHER, "a secret").expect("changed"), OTHER);
        assert!(with_key(r#"{"key":"x"}"#, OTHER, "a secret").is_err());
    }
}
