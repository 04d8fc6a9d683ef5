//! ListObjectsV2: objects as their users know them, page by page or as one stream.

use deltaglider_core::engine::{LogicalEntry, LogicalListRequest, LogicalObject};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use crate::client::Client;
use crate::error::Error;

const OPERATION: &str = "ListObjectsV2";
/// Entries of a page at most, as S3 has it.
const MAX_KEYS: u32 = 1000;

impl Client {
    /// Lists objects, with the sizes and entity tags of their content, without anything internal.
    ///
    /// Requests: the store's pages, and one HEAD for each delta that this client has not listed before.
    pub fn list_objects_v2(&self) -> ListObjectsV2 {
        ListObjectsV2 {
            client: self.clone(),
            bucket: None,
            prefix: String::new(),
            delimiter: None,
            max_keys: MAX_KEYS,
            start_after: None,
            continuation_token: None,
        }
    }
}

/// A listing, being described; [`send`](Self::send) gives a page of it, [`into_stream`](Self::into_stream) all of it.
#[derive(Clone, Debug)]
#[must_use = "nothing is listed before `send`"]
pub struct ListObjectsV2 {
    client: Client,
    bucket: Option<String>,
    prefix: String,
    delimiter: Option<String>,
    max_keys: u32,
    start_after: Option<String>,
    continuation_token: Option<String>,
}

impl ListObjectsV2 {
    /// The bucket, or its URL: `file:///path/to/store`.
    pub fn bucket(mut self, bucket: impl Into<String>) -> Self {
        self.bucket = Some(bucket.into());
        self
    }

    /// Only keys that begin with this.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// `/` folds keys that hold one after the prefix into common prefixes; there is no other delimiter.
    pub fn delimiter(mut self, delimiter: impl Into<String>) -> Self {
        self.delimiter = Some(delimiter.into());
        self
    }

    /// Objects and common prefixes of a page, 1000 at most.
    pub fn max_keys(mut self, max_keys: u32) -> Self {
        self.max_keys = max_keys.min(MAX_KEYS);
        self
    }

    /// Only keys after this one.
    pub fn start_after(mut self, key: impl Into<String>) -> Self {
        self.start_after = Some(key.into());
        self
    }

    /// Goes on where the page before ended: its `next_continuation_token`.
    pub fn continuation_token(mut self, token: impl Into<String>) -> Self {
        self.continuation_token = Some(token.into());
        self
    }

    /// Lists one page.
    ///
    /// # Errors
    /// [`Error::Missing`] without a bucket, [`Error::Usage`] for another delimiter than `/` or a token that is none, before any
    /// request.
    pub async fn send(self) -> Result<ListObjectsV2Output, Error> {
        let limit = self.max_keys as usize;
        let mut entries = self.entries()?;
        let mut output = ListObjectsV2Output::default();
        let mut last = None;
        if limit == 0 {
            return Ok(output);
        }
        while let Some(entry) = entries.try_next().await? {
            if output.key_count == limit {
                output.is_truncated = true;
                output.next_continuation_token = last.as_deref().map(encode_token);
                break;
            }
            output.key_count += 1;
            last = Some(entry.name().to_owned());
            match entry {
                LogicalEntry::Object(object) => output.contents.push(object),
                LogicalEntry::Prefix(prefix) => output.common_prefixes.push(prefix),
            }
        }
        Ok(output)
    }

    /// Lists everything, as far as the stream is read: objects and common prefixes in the order of their names.
    ///
    /// # Errors
    /// As [`send`](Self::send), at once; what fails later is in the stream.
    pub fn into_stream(self) -> Result<BoxStream<'static, Result<LogicalEntry, Error>>, Error> {
        self.entries()
    }

    /// Lists everything in pages, as far as the stream is read.
    pub fn into_paginator(self) -> BoxStream<'static, Result<ListObjectsV2Output, Error>> {
        futures::stream::try_unfold(Some(self), |listing| async move {
            let Some(listing) = listing else { return Ok(None) };
            let page = listing.clone().send().await?;
            let next = page.next_continuation_token.clone().map(|token| listing.continuation_token(token));
            Ok(Some((page, next)))
        })
        .boxed()
    }

    fn entries(self) -> Result<BoxStream<'static, Result<LogicalEntry, Error>>, Error> {
        let (engine, bucket) = self.client.bucket_engine(OPERATION, self.bucket.as_deref())?;
        let fold = match self.delimiter.as_deref() {
            None | Some("") => false,
            Some("/") => true,
            Some(other) => return Err(Error::Usage(format!("`{other}` cannot be a delimiter; `/` can"))),
        };
        let after_token = self.continuation_token.as_deref().map(decode_token).transpose()?;
        let request = LogicalListRequest {
            bucket: bucket.bucket().to_owned(),
            prefix: self.prefix,
            fold,
            start_after: after_token.or(self.start_after),
            // One more than asked for shows whether there is more.
            page_size: Some((self.max_keys + 1).min(MAX_KEYS)),
        };
        Ok(engine.list(request).map_err(Error::from).boxed())
    }
}

/// A page of a listing.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ListObjectsV2Output {
    /// Objects, in the order of their keys.
    pub contents: Vec<LogicalObject>,
    /// Common prefixes, each with its `/`, in their order.
    pub common_prefixes: Vec<String>,
    /// Objects and common prefixes together.
    pub key_count: usize,
    /// Whether there is more.
    pub is_truncated: bool,
    /// Where the next page begins, if there is one.
    pub next_continuation_token: Option<String>,
}

fn encode_token(last: &str) -> String {
    format!("1{}", hex::encode(last))
}

fn decode_token(token: &str) -> Result<String, Error> {
    let last =
        token.strip_prefix('1').and_then(|rest| hex::decode(rest).ok()).and_then(|last| String::from_utf8(last).ok());
    last.ok_or_else(|| Error::Usage(format!("`{token}` is no continuation token")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_tells_where_a_page_ended() {
        assert_eq!(decode_token(&encode_token("a/ü b.zip")).expect("a token"), "a/ü b.zip");
        for token in ["", "1", "2aa", "1a", "1ff", "a/b"] {
            assert!(token == "1" || decode_token(token).is_err(), "{token}");
        }
    }
}
