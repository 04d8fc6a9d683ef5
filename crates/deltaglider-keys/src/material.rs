//! Reads keys out of texts, leaving no copy behind.

use base64::Engine;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use deltaglider_core::keys::{CacheEncryptionKey, KeyError};
use zeroize::Zeroizing;

/// What is expected where a key is.
pub const EXPECTED: &str =
    "32 bytes in base64 are expected, standard or URL-safe, as `deltaglider key generate` prints them";

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
/// The longest text that is looked at: twice encoded, with room to spare.
const LONGEST: usize = 128;

/// Reads a key: standard or URL-safe base64 of 32 bytes with or without padding, or such a text in base64 once more, as an
/// earlier guide has it made. White space around it is left out.
///
/// `source_name` is what the error names; the text itself is in no error.
pub fn parse_key(text: &str, source_name: &str) -> Result<CacheEncryptionKey, KeyError> {
    let format = || KeyError::Format { source_name: source_name.to_owned(), expected: EXPECTED.to_owned() };
    let once = decode(text.trim().as_bytes()).ok_or_else(format)?;
    let twice;
    let bytes = if once.len() == 32 {
        &once
    } else {
        // Written by hand, the inner text often has the end of its line with it.
        twice = decode(once.trim_ascii()).ok_or_else(format)?;
        &twice
    };
    let bytes: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| format())?;
    CacheEncryptionKey::fill_with(|key| {
        key.copy_from_slice(bytes);
        Ok(())
    })
}

/// Makes a random key and writes it as [`parse_key`] reads it: standard base64, 44 characters. Fails where the system gives no
/// random bytes.
pub fn generate() -> Result<Zeroizing<String>, KeyError> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).map_err(|error| KeyError::Unavailable {
        source_name: "the system's random bytes".to_owned(),
        reason: error.to_string(),
    })?;
    let mut text = Zeroizing::new(String::with_capacity(LONGEST));
    base64::engine::general_purpose::STANDARD.encode_string(*bytes, &mut text);
    Ok(text)
}

fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if text.len() > LONGEST {
        return None;
    }
    decode_as(text, &STANDARD).or_else(|| decode_as(text, &URL_SAFE))
}

fn decode_as(text: &[u8], alphabet: &Alphabet) -> Option<Zeroizing<Vec<u8>>> {
    // Filled in place: a vector that grows would leave copies behind.
    let mut bytes = Zeroizing::new(vec![0; LONGEST]);
    let length = GeneralPurpose::new(alphabet, LENIENT).decode_slice(text, &mut bytes).ok()?;
    bytes.truncate(length);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

    use super::*;

    /// 32 bytes that show the difference between the alphabets.
    fn bytes() -> [u8; 32] {
        std::array::from_fn(|i| 0xfb_u8.wrapping_add((i * 5) as u8) | 0xf0)
    }

    #[test]
    fn every_form_of_a_key_gives_the_same_key() {
        let bytes = bytes();
        let expected = CacheEncryptionKey::fill_with(|key| {
            *key = bytes;
            Ok::<_, KeyError>(())
        })
        .expect("filled");
        let standard = STANDARD.encode(bytes);
        assert!(standard.contains('/') || standard.contains('+'));
        let double = STANDARD.encode(&standard);
        assert_eq!(double.len(), 60);
        for text in [
            standard.clone(),
            STANDARD_NO_PAD.encode(bytes),
            URL_SAFE.encode(bytes),
            URL_SAFE_NO_PAD.encode(bytes),
            format!(" {standard}\n"),
            double,
            URL_SAFE.encode(URL_SAFE.encode(bytes)),
            STANDARD.encode(format!("{standard}\n")),
        ] {
            assert_eq!(parse_key(&text, "KEY").expect(&text).id(), expected.id());
        }
    }

    #[test]
    fn what_is_no_key_names_the_source_and_never_the_value() {
        let cases = [
            String::new(),
            "   ".to_owned(),
            "secret-passphrase".to_owned(),
            STANDARD.encode([7; 31]),
            STANDARD.encode([7; 33]),
            STANDARD.encode([7; 16]),
            hex_of([7; 32]),
            format!("{}!", STANDARD.encode(bytes())),
            // Both alphabets at once.
            "+/-_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
            STANDARD.encode(STANDARD.encode([7; 31])),
            "A".repeat(4000),
        ];
        for text in cases {
            let error = parse_key(&text, "DG_CACHE_ENCRYPTION_KEY").expect_err(&text).to_string();
            assert!(error.contains("DG_CACHE_ENCRYPTION_KEY") && error.contains("32 bytes in base64"), "{error}");
            assert!(text.trim().is_empty() || !error.contains(text.trim()), "{error}");
        }
    }

    #[test]
    fn a_generated_key_is_read_and_is_no_other() {
        let (one, other) = (generate().expect("random"), generate().expect("random"));
        assert_eq!((one.len(), other.len()), (44, 44));
        assert_ne!(parse_key(&one, "KEY").expect("a key").id(), parse_key(&other, "KEY").expect("a key").id());
    }

    fn hex_of(bytes: [u8; 32]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
