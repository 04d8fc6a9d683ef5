//! Where an object is: bucket and key, and the URLs that people write for them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

/// The longest key that S3 accepts, in bytes of UTF-8.
pub const MAX_KEY_BYTES: usize = 1024;

/// An object's place: a bucket and a key.
///
/// Keys are bytes, not paths: nothing is normalised, `a//b`, `..` and a leading `/` are keys like any other.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Location {
    bucket: Arc<str>,
    key: Arc<str>,
}

impl Location {
    /// Makes a location; neither part is checked or changed.
    pub fn new(bucket: impl Into<Arc<str>>, key: impl Into<Arc<str>>) -> Self {
        Self { bucket: bucket.into(), key: key.into() }
    }

    /// The bucket's name.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The key; empty for the bucket itself.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Another key in the same bucket.
    #[must_use]
    pub fn with_key(&self, key: impl Into<Arc<str>>) -> Self {
        Self { bucket: Arc::clone(&self.bucket), key: key.into() }
    }

    /// What follows the last `/` of the key.
    #[must_use]
    pub fn name(&self) -> &str {
        self.key.rsplit('/').next().unwrap_or(&self.key)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.bucket, self.key)
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:?}", self.bucket, &*self.key)
    }
}

/// A place in a store as a user writes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreUrl {
    /// `s3://bucket/key`; the key is empty for the bucket itself.
    S3 {
        /// The bucket's name, or the ARN of an access point to one; empty for `s3://`, the list of buckets.
        bucket: String,
        /// The key or prefix, exactly as written.
        key: String,
    },
    /// `file:///path/to/store/key`; which part of the path is the store only the file system can tell.
    File {
        /// The path after `file://`, exactly as written.
        path: PathBuf,
    },
}

/// A text that is no store URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseUrlError {
    /// Neither `s3://` nor `file://`.
    #[error("`{0}` is not a store URL: it must begin with s3:// or file://")]
    Scheme(String),
    /// `file://` with a relative path.
    #[error("`{0}` needs an absolute path: file:///path/to/store")]
    RelativePath(String),
    /// A key over the limit of S3.
    #[error("the key is {0} bytes long; S3 allows {MAX_KEY_BYTES}")]
    KeyTooLong(usize),
}

impl StoreUrl {
    /// Whether a text claims to be a store URL, right or wrong.
    #[must_use]
    pub fn is_url(text: &str) -> bool {
        text.starts_with("s3://") || text.starts_with("file://")
    }
}

impl FromStr for StoreUrl {
    type Err = ParseUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(rest) = text.strip_prefix("s3://") {
            let (bucket, key) = split_bucket(rest);
            if key.len() > MAX_KEY_BYTES {
                return Err(ParseUrlError::KeyTooLong(key.len()));
            }
            return Ok(Self::S3 { bucket: bucket.to_owned(), key: key.to_owned() });
        }
        match text.strip_prefix("file://") {
            Some(path) if path.starts_with('/') => Ok(Self::File { path: PathBuf::from(path) }),
            Some(_) => Err(ParseUrlError::RelativePath(text.to_owned())),
            None => Err(ParseUrlError::Scheme(text.to_owned())),
        }
    }
}

/// Bucket and key. An ARN is taken up to the name of its access point, which `/` or `:` may stand before.
fn split_bucket(text: &str) -> (&str, &str) {
    const ACCESS_POINT: &str = "accesspoint";
    let named = text.starts_with("arn:").then(|| text.find(ACCESS_POINT)).flatten();
    let name = match named.map(|found| found + ACCESS_POINT.len() + 1) {
        Some(name) if text.is_char_boundary(name) => name,
        _ => 0,
    };
    match text[name..].find('/') {
        Some(slash) => (&text[..name + slash], &text[name + slash + 1..]),
        None => (text, ""),
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3 { bucket, key } if key.is_empty() => write!(f, "s3://{bucket}"),
            Self::S3 { bucket, key } => write!(f, "s3://{bucket}/{key}"),
            Self::File { path } => write!(f, "file://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_taken_as_written() {
        for key in ["", "a", "/a", "a//b", "../x", "a/", "ü b"] {
            assert_eq!(format!("s3://b/{key}").parse(), Ok(StoreUrl::S3 { bucket: "b".into(), key: key.into() }));
        }
    }

    #[test]
    fn an_access_point_is_a_bucket() {
        let access = "arn:aws:s3:us-west-2:123456789012:accesspoint";
        let outpost = "arn:aws:s3-outposts:us-west-2:123456789012:outpost/op-1/accesspoint/ap";
        for bucket in [format!("{access}/ap"), format!("{access}:ap"), outpost.to_owned()] {
            for key in ["", "k", "a/b"] {
                let parsed = format!("s3://{bucket}/{key}").parse();
                assert_eq!(parsed, Ok(StoreUrl::S3 { bucket: bucket.clone(), key: key.into() }));
            }
            assert_eq!(format!("s3://{bucket}").parse(), Ok(StoreUrl::S3 { bucket, key: String::new() }));
        }
        for odd in ["arn:", "arn:x", "accesspoint", "arn:accesspoint", "arn:accesspointü"] {
            let url = format!("s3://{odd}");
            assert_eq!(url.parse(), Ok(StoreUrl::S3 { bucket: odd.into(), key: String::new() }), "{odd}");
        }
    }

    #[test]
    fn a_url_says_what_is_wrong_with_it() {
        assert_eq!("x".parse::<StoreUrl>(), Err(ParseUrlError::Scheme("x".into())));
        assert_eq!("file://a".parse::<StoreUrl>(), Err(ParseUrlError::RelativePath("file://a".into())));
        let long = format!("s3://b/{}", "k".repeat(1025));
        assert_eq!(long.parse::<StoreUrl>(), Err(ParseUrlError::KeyTooLong(1025)));
    }
}
