//! How the values of variables are understood.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::error::ConfigError;

/// Variables, looked up by name. Values are trimmed; an empty one is none.
pub(super) struct Values<'a> {
    variable: &'a dyn Fn(&str) -> Option<OsString>,
}

impl<'a> Values<'a> {
    pub(super) fn new(variable: &'a dyn Fn(&str) -> Option<OsString>) -> Self {
        Self { variable }
    }

    pub(super) fn is_set(&self, name: &'static str) -> bool {
        self.raw(name).is_some()
    }

    /// A path, in whatever encoding.
    pub(super) fn path(&self, name: &'static str) -> Option<PathBuf> {
        self.raw(name).map(PathBuf::from)
    }

    pub(super) fn text(&self, name: &'static str, expected: &'static str) -> Result<Option<String>, ConfigError> {
        let Some(value) = self.raw(name) else { return Ok(None) };
        match value.into_string() {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(_) => Err(self.error(name, expected)),
        }
    }

    pub(super) fn secret(&self, name: &'static str) -> Result<Option<Zeroizing<String>>, ConfigError> {
        let Some(value) = self.raw(name) else { return Ok(None) };
        let text = value.into_string().map_err(|_| ConfigError::Key(format!("{name} is not text in UTF-8")))?;
        Ok(Some(Zeroizing::new(text)))
    }

    /// A whole number from 0, times `unit`.
    pub(super) fn whole(&self, name: &'static str, unit: u64) -> Result<Option<u64>, ConfigError> {
        self.parsed(name, "a whole number", |text| text.parse::<u64>().ok()?.checked_mul(unit))
    }

    /// A whole number from 1, times `unit`.
    pub(super) fn positive(&self, name: &'static str, unit: u64) -> Result<Option<u64>, ConfigError> {
        self.parsed(name, "a whole number from 1", |text| {
            text.parse::<u64>().ok().filter(|number| *number > 0)?.checked_mul(unit)
        })
    }

    pub(super) fn count(&self, name: &'static str) -> Result<Option<NonZeroUsize>, ConfigError> {
        self.parsed(name, "a whole number from 1", |text| text.parse().ok())
    }

    pub(super) fn ratio(&self, name: &'static str) -> Result<Option<f64>, ConfigError> {
        self.parsed(name, "a number between 0 and 1", |text| {
            text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio))
        })
    }

    pub(super) fn size(&self, name: &'static str) -> Result<Option<u64>, ConfigError> {
        self.parsed(name, "a size such as `512MiB`, `1GiB` or `1000000`", |text| {
            parse_size(text).filter(|size| *size > 0)
        })
    }

    pub(super) fn switch(&self, name: &'static str) -> Result<bool, ConfigError> {
        let words = [("1", true), ("true", true), ("yes", true), ("on", true)]
            .into_iter()
            .chain([("0", false), ("false", false)]);
        let words: Vec<_> = words.chain([("no", false), ("off", false)]).collect();
        Ok(self.choice(name, &words, "`1` or `0`")?.unwrap_or(false))
    }

    /// One of a few words, in whatever case.
    pub(super) fn choice<T: Copy>(
        &self,
        name: &'static str,
        words: &[(&str, T)],
        expected: &'static str,
    ) -> Result<Option<T>, ConfigError> {
        self.parsed(name, expected, |text| {
            words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, meaning)| *meaning)
        })
    }

    /// The error of a value that is not as expected. Not for secrets.
    pub(super) fn error(&self, name: &'static str, expected: &'static str) -> ConfigError {
        let value = self.raw(name).unwrap_or_default();
        let value = value.to_string_lossy().chars().take(100).flat_map(char::escape_debug).collect();
        ConfigError::Value { name, value, expected }
    }

    fn parsed<T>(
        &self,
        name: &'static str,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        match self.text(name, expected)? {
            None => Ok(None),
            Some(text) => parse(&text).map(Some).ok_or_else(|| self.error(name, expected)),
        }
    }

    fn raw(&self, name: &'static str) -> Option<OsString> {
        (self.variable)(name).filter(|value| value.to_str().is_none_or(|text| !text.trim().is_empty()))
    }
}

/// Reads a size in bytes: `1000000`, `512MiB`, `1GiB`. As with the tools of AWS, `MB` is the same as `MiB`, and case does not matter.
#[must_use]
pub fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        for (text, size) in [
            ("0", 0),
            ("1000000", 1_000_000),
            ("512MiB", 512 << 20),
            ("1GiB", 1 << 30),
            ("1 gb", 1 << 30),
            ("2k", 2048),
            ("3B", 3),
        ] {
            assert_eq!(parse_size(text), Some(size), "{text}");
        }
        for text in ["", "MiB", "1.5GiB", "-1", "1XB", "99999999999999999999", "99999999TiB", "1 MiB x"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }
}
