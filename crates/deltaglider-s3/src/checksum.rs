//! The digest that deleting in batches needs.

use aws_sdk_s3::config::http::HttpRequest;
use deltaglider_core::Md5;

/// Adds `Content-MD5` to a request whose body lies in memory. The SDK sends a newer checksum, which S3 takes instead; older
/// servers insist on this one.
pub(crate) fn add_content_md5(request: &mut HttpRequest) {
    if let Some(bytes) = request.body().bytes() {
        let digest = aws_smithy_types::base64::encode(Md5::of(bytes).0);
        request.headers_mut().insert("content-md5", digest);
    }
}
