//! Sources and destinations as they are written on the command line.

use std::path::PathBuf;

use deltaglider::core::StoreUrl;

use crate::error::CliError;
use crate::failure::{Class, Failure};

/// A source or a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    /// Standard input or output.
    Stream,
    /// An object or a prefix of a store.
    Store(String),
    /// A file or a directory here.
    Local(PathBuf),
}

impl Operand {
    pub(crate) fn parse(text: &str) -> Result<Self, CliError> {
        if text == "-" {
            return Ok(Self::Stream);
        }
        if StoreUrl::is_url(text) {
            text.parse::<StoreUrl>().map_err(|error| CliError::usage(error.to_string()))?;
            return Ok(Self::Store(text.to_owned()));
        }
        Ok(Self::Local(PathBuf::from(text)))
    }

    /// A local source has to be there, in the words of `aws`; `text` is how it was written.
    pub(crate) fn ensure_exists(&self, text: &str, no_follow_symlinks: bool) -> Result<(), CliError> {
        match self {
            Self::Local(path) if !(path.exists() || no_follow_symlinks && path.is_symlink()) => {
                let message = format!("The user-provided path {text} does not exist.");
                Err(CliError::plain(Failure::new(Class::Local, "NoSuchFile", message)))
            }
            _ => Ok(()),
        }
    }

    /// A URL and nothing else.
    pub(crate) fn url(text: &str) -> Result<String, CliError> {
        match Self::parse(text)? {
            Self::Store(url) => Ok(url),
            _ => Err(CliError::usage(format!("`{text}` is not a URL: write s3://{text} or file:///path/to/store"))),
        }
    }
}

/// A prefix that holds what is below a directory: with a slash at its end, unless it is empty.
pub(crate) fn as_directory(key: &str) -> String {
    if key.is_empty() || key.ends_with('/') { key.to_owned() } else { format!("{key}/") }
}

/// The last part of a key.
pub(crate) fn base_name(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_are_told_apart() {
        assert_eq!(Operand::parse("-").expect("fine"), Operand::Stream);
        assert_eq!(Operand::parse("s3://b/k").expect("fine"), Operand::Store("s3://b/k".into()));
        assert_eq!(Operand::parse("a/b").expect("fine"), Operand::Local("a/b".into()));
        assert!(Operand::parse("file://relative").is_err());
        assert!(Operand::url("bucket").is_err());
    }

    #[test]
    fn prefixes_get_one_slash() {
        assert_eq!([as_directory(""), as_directory("p"), as_directory("p/")], ["", "p/", "p/"]);
        assert_eq!([base_name("a/b"), base_name("a/"), base_name("a")], ["b", "", "a"]);
    }
}
