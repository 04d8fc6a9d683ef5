//! `Content-MD5`, by which a server refuses a body that has changed on its way.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

use aws_sdk_s3::config::http::HttpRequest;
use deltaglider_core::Md5;

use crate::builder::{ChecksumPolicy, MIB, Settings};
use crate::put::Replayable;

/// Adds `Content-MD5` to a request whose body lies in memory. The SDK sends a newer checksum, which S3 takes instead; older
/// servers insist on this one.
pub(crate) fn add_content_md5(request: &mut HttpRequest) {
    if let Some(bytes) = request.body().bytes() {
        let digest = encoded(Md5::of(bytes));
        request.headers_mut().insert("content-md5", digest);
    }
}

/// The header's value for a body, which is read once for it; none where the SDK sends a checksum by itself.
///
/// It costs one reading and one MD5 of the body, beside no request.
pub(crate) async fn content_md5(settings: &Settings, body: &Replayable) -> io::Result<Option<String>> {
    if settings.checksums != ChecksumPolicy::WhenRequired {
        return Ok(None);
    }
    let digest = match body {
        Replayable::Bytes(bytes) if (bytes.len() as u64) < MIB => Md5::of(bytes),
        Replayable::Bytes(bytes) => {
            let bytes = bytes.clone();
            tokio::task::spawn_blocking(move || Md5::of(&bytes)).await?
        }
        Replayable::File { path, offset, length } => {
            let (path, offset, length) = (path.clone(), *offset, *length);
            let read = move || {
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(offset))?;
                Md5::of_reader(&mut file.take(length))
            };
            tokio::task::spawn_blocking(read).await??
        }
    };
    Ok(Some(encoded(digest)))
}

fn encoded(digest: Md5) -> String {
    aws_smithy_types::base64::encode(digest.0)
}
