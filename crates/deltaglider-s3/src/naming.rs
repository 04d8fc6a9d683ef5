//! Keys on the wire: percent-encoded in copy sources and listings.

use deltaglider_core::Location;
use deltaglider_core::location::MAX_KEY_BYTES;
use deltaglider_core::store::{Operation, StoreError, StoreErrorKind};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// All but the unreserved characters of RFC 3986 and the `/`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The value of `x-amz-copy-source`.
pub(crate) fn copy_source(at: &Location) -> String {
    format!("{}/{}", at.bucket(), utf8_percent_encode(at.key(), ENCODED))
}

/// A key of a listing with `encoding-type=url`, where S3 writes a space as `+`.
pub(crate) fn decode_listed(name: &str) -> String {
    let spaced = name.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

/// Whether a key can stand in an XML 1.0 document, as deleting in batches needs.
pub(crate) fn is_xml_text(key: &str) -> bool {
    key.chars().all(|c| matches!(c, ' '..='\u{fffd}' | '\u{10000}'..) && !matches!(c, '\u{7f}'..='\u{9f}'))
}

/// Refuses what is no key: an empty one would name the bucket.
pub(crate) fn check_key(operation: Operation, at: &Location) -> Result<(), StoreError> {
    let length = at.key().len();
    let (code, message) = match length {
        0 => ("InvalidRequest", "the key is empty".to_owned()),
        1..=MAX_KEY_BYTES => return Ok(()),
        _ => ("KeyTooLongError", format!("the key is {length} bytes long; {MAX_KEY_BYTES} are allowed")),
    };
    let mut error = StoreError::new(operation, at, StoreErrorKind::Invalid, message);
    code.clone_into(&mut error.code);
    Err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_encoded_and_decoded() {
        assert_eq!(copy_source(&Location::new("b", "a b/ü+%?&~.zip")), "b/a%20b/%C3%BC%2B%25%3F%26~.zip");
        assert_eq!(decode_listed("a+b%2Bc%20d%25/%C3%BC"), "a b+c d%/ü");
    }

    #[test]
    fn xml_knows_no_control_characters() {
        assert!(is_xml_text("a/ü b<&>\u{1f600}"));
        for key in ["a\u{1}", "a\n", "a\r", "\u{ffff}", "\u{85}"] {
            assert!(!is_xml_text(key), "{key:?}");
        }
    }
}
