//! GetObject.

use std::ops::Range;

use deltaglider_core::engine::{GetRequest, ReferenceUse};
use deltaglider_core::progress::SharedProgress;
use deltaglider_core::store::{ByteRange, ETag};

use super::ObjectInfo;
use crate::client::Client;
use crate::content::Content;
use crate::error::Error;
use crate::telemetry;

impl Client {
    /// Fetches an object, whatever form is stored.
    ///
    /// Requests: 1 for a delta whose reference is cached and for a name that can be no delta, else 2.
    pub fn get_object(&self) -> GetObject {
        GetObject { client: self.clone(), bucket: None, key: None, range: None, request: GetRequest::default() }
    }
}

/// A get, being described; [`send`](Self::send) does it.
#[derive(Clone, Debug)]
#[must_use = "nothing is fetched before `send`"]
pub struct GetObject {
    client: Client,
    bucket: Option<String>,
    key: Option<String>,
    range: Option<String>,
    request: GetRequest,
}

impl GetObject {
    /// The bucket, or its URL: `file:///path/to/store`.
    pub fn bucket(mut self, bucket: impl Into<String>) -> Self {
        self.bucket = Some(bucket.into());
        self
    }

    /// The key.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Only part of it, as HTTP has it: `bytes=0-99`, `bytes=100-`, `bytes=-100`.
    pub fn range(mut self, range: impl Into<String>) -> Self {
        self.range = Some(range.into());
        self
    }

    /// Only part of it.
    pub fn byte_range(mut self, range: ByteRange) -> Self {
        self.request.range = Some(range);
        self
    }

    /// Only if its entity tag is this one.
    pub fn if_match(mut self, e_tag: impl AsRef<str>) -> Self {
        self.request.if_match = Some(ETag::new(e_tag.as_ref()));
        self
    }

    /// Hears how far it is.
    pub fn progress(mut self, progress: SharedProgress) -> Self {
        self.request.progress = progress;
        self
    }

    /// Fetches the object; its body is read by the caller. A range of a delta is made of what its codec needs for that, against a
    /// reference that was proven; where the codec decodes all (`zstd`, `vcdiff`), it is cut out of the whole object, which is proven
    /// first.
    ///
    /// # Errors
    /// [`Error::Missing`] without a bucket or a key and [`Error::Usage`] for a range that is none, before any request; else those of
    /// [`Engine::get`](deltaglider_core::engine::Engine::get).
    pub async fn send(mut self) -> Result<GetObjectOutput, Error> {
        let (engine, at) = self.client.target("GetObject", self.bucket.as_deref(), self.key.as_deref())?;
        if let Some(range) = &self.range {
            self.request.range = Some(parse_range(range).ok_or_else(|| {
                Error::Usage(format!("`{range}` is no range; expected is such as `bytes=0-99` or `bytes=-100`"))
            })?);
        }
        let report = engine.get(&at, &self.request).await?;
        telemetry::got(report.reference, report.range.end - report.range.start, report.fetched);
        Ok(GetObjectOutput {
            body: Content::new(report.body, report.range.end - report.range.start),
            range: report.range,
            object: ObjectInfo::new(at, report.head),
            reference: report.reference,
            fetched: report.fetched,
        })
    }
}

/// An object, its body not yet read.
#[derive(Debug)]
#[non_exhaustive]
pub struct GetObjectOutput {
    /// The bytes that were asked for.
    pub body: Content,
    /// Which bytes of the object these are.
    pub range: Range<u64>,
    /// What is known of the object.
    pub object: ObjectInfo,
    /// Where the reference came from; [`ReferenceUse::Cached`] is a hit.
    pub reference: ReferenceUse,
    /// Bytes that had to be fetched: the stored form, and the reference where it was not cached.
    pub fetched: u64,
}

impl GetObjectOutput {
    /// Entity tag of the content: its MD5, in quotes.
    #[must_use]
    pub fn e_tag(&self) -> &str {
        self.object.e_tag.as_str()
    }

    /// How many bytes the body holds.
    #[must_use]
    pub fn content_length(&self) -> u64 {
        self.body.length()
    }
}

/// Reads a `Range` header of one range; the last offset is part of it there.
fn parse_range(text: &str) -> Option<ByteRange> {
    let (first, last) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok())?;
    match (first, last) {
        ("", last) => Some(ByteRange::Last(number(last)?)),
        (first, "") => Some(ByteRange::From(number(first)?)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then(|| ByteRange::Bounded(first, last.saturating_add(1)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_http_has_them() {
        assert_eq!(parse_range("bytes=0-99"), Some(ByteRange::Bounded(0, 100)));
        assert_eq!(parse_range("bytes=5-5"), Some(ByteRange::Bounded(5, 6)));
        assert_eq!(parse_range("bytes=5-"), Some(ByteRange::From(5)));
        assert_eq!(parse_range("bytes=-5"), Some(ByteRange::Last(5)));
        for text in ["", "0-9", "bytes=", "bytes=-", "bytes=9-5", "bytes=a-b", "bytes=0-1,3-4", "bytes=+1-2"] {
            assert_eq!(parse_range(text), None, "{text}");
        }
    }
}
