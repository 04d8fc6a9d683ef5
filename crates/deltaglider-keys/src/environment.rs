//! Keys that the environment holds.

use async_trait::async_trait;
use deltaglider_core::keys::{KeyError, KeyProvider, KeyRing, Lifetime};
use zeroize::Zeroizing;

use crate::access;
use crate::material::{EXPECTED, parse_key};

/// The variable that holds the key.
pub const KEY: &str = "DG_CACHE_ENCRYPTION_KEY";
/// The variable that holds keys that only open: comma-separated, at most [`OLD_LIMIT`].
pub const OLD_KEYS: &str = "DG_CACHE_ENCRYPTION_KEYS_OLD";
/// How many keys that only open there may be.
pub const OLD_LIMIT: usize = 8;

/// Keys that stay as they were when the provider was made.
#[derive(Clone, Debug)]
pub struct EnvironmentKeys {
    ring: KeyRing,
}

impl EnvironmentKeys {
    /// Reads keys out of the values of [`KEY`] and [`OLD_KEYS`]; an empty list of old keys is none.
    pub fn from_values(primary: &str, old: Option<&str>) -> Result<Self, KeyError> {
        let ring = read(primary, old);
        access::loaded(KEY, &ring);
        Ok(Self { ring: ring? })
    }

    /// Reads the environment; `None` where [`KEY`] is not set or is empty.
    pub fn from_env() -> Result<Option<Self>, KeyError> {
        let Some(primary) = value_of(KEY)? else { return Ok(None) };
        let old = value_of(OLD_KEYS)?;
        Self::from_values(&primary, old.as_ref().map(|old| old.as_str())).map(Some)
    }
}

#[async_trait]
impl KeyProvider for EnvironmentKeys {
    async fn key_ring(&self) -> Result<KeyRing, KeyError> {
        Ok(self.ring.clone())
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Persistent
    }

    fn source(&self) -> String {
        KEY.to_owned()
    }
}

fn read(primary: &str, old: Option<&str>) -> Result<KeyRing, KeyError> {
    let mut ring = KeyRing::of(parse_key(primary, KEY)?);
    let old: Vec<&str> = old.unwrap_or_default().split(',').filter(|text| !text.trim().is_empty()).collect();
    if old.len() > OLD_LIMIT {
        let expected = format!("at most {OLD_LIMIT} keys are expected, separated by commas");
        return Err(KeyError::Format { source_name: OLD_KEYS.to_owned(), expected });
    }
    for text in old {
        ring.add_decrypt_only(parse_key(text, OLD_KEYS)?);
    }
    Ok(ring)
}

fn value_of(variable: &str) -> Result<Option<Zeroizing<String>>, KeyError> {
    let Some(value) = std::env::var_os(variable) else { return Ok(None) };
    let format = |_| KeyError::Format { source_name: variable.to_owned(), expected: EXPECTED.to_owned() };
    let value = value.into_string().map(Zeroizing::new).map_err(format)?;
    Ok((!value.trim().is_empty()).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(byte: u8) -> String {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode([byte; 32])
    }

    #[tokio::test]
    async fn the_old_keys_only_open() -> Result<(), KeyError> {
        let old = format!("{}, {},,{}", text(2), text(3), text(1));
        let keys = EnvironmentKeys::from_values(&text(1), Some(&old))?;
        let ring = keys.key_ring().await?;
        assert_eq!(ring.decrypt_only.len(), 2, "the primary key is not taken twice");
        assert_eq!(ring.primary.id(), EnvironmentKeys::from_values(&text(1), None)?.key_ring().await?.primary.id());
        assert!(!keys.refresh().await? && !keys.renew().await?);
        assert_eq!(keys.lifetime(), Lifetime::Persistent);
        Ok(())
    }

    #[test]
    fn errors_name_their_variable() {
        let error = EnvironmentKeys::from_values("nonsense", None).expect_err("no key").to_string();
        assert!(error.starts_with("DG_CACHE_ENCRYPTION_KEY holds"), "{error}");
        let error = EnvironmentKeys::from_values(&text(1), Some("nonsense")).expect_err("no key").to_string();
        assert!(error.starts_with("DG_CACHE_ENCRYPTION_KEYS_OLD holds") && !error.contains("nonsense"), "{error}");
        let many = (2..11).map(text).collect::<Vec<_>>().join(",");
        let error = EnvironmentKeys::from_values(&text(1), Some(&many)).expect_err("too many").to_string();
        assert!(error.contains("at most 8"), "{error}");
        let eight = (2..10).map(text).collect::<Vec<_>>().join(",");
        assert!(EnvironmentKeys::from_values(&text(1), Some(&eight)).is_ok());
    }
}
