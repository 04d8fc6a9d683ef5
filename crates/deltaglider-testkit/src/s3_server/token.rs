//! Where a listing goes on, and its keys as a client may ask for them: percent-encoded.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use s3s::{S3Result, s3_error};

/// What stays unencoded in a listing with `encoding-type=url`.
const LISTED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*').remove(b'/');

/// S3 writes a space as `+`.
pub(super) fn encode(name: &str) -> String {
    utf8_percent_encode(name, LISTED).to_string().replace("%20", "+")
}

pub(super) fn write_token(name: &str) -> String {
    format!("after.{}", utf8_percent_encode(name, NON_ALPHANUMERIC))
}

pub(super) fn read_token(token: &str) -> S3Result<String> {
    let name = token.strip_prefix("after.").ok_or_else(|| s3_error!(InvalidArgument, "Not a token of this server"))?;
    Ok(percent_decode_str(name).decode_utf8_lossy().into_owned())
}
