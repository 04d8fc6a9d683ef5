//! The body of a put: bytes, a path, an open file, a reader or a stream.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use deltaglider_core::engine::Source;
use futures::{Stream, StreamExt, TryStreamExt};
use tokio::io::AsyncRead;
use tokio_util::io::ReaderStream;

/// Bytes read from a reader at a time.
const CHUNK: usize = 256 << 10;

/// What is put. Made `From` bytes and texts, or by its functions from everything else.
pub struct Body(Kind);

enum Kind {
    Source(Source),
    AsyncFile(tokio::fs::File),
}

impl Body {
    /// A file, by its path. It must not change while it is put; if it does, the put fails.
    pub fn from_path(path: impl Into<PathBuf>) -> Self {
        Self(Kind::Source(Source::File(path.into())))
    }

    /// An open file, of the standard library or of tokio: all of it, from its beginning, wherever it stands.
    pub fn from_file(file: impl Into<OpenFile>) -> Self {
        match file.into().0 {
            Opened::Std(file) => Self(Kind::Source(Source::OpenFile(file))),
            Opened::Tokio(file) => Self(Kind::AsyncFile(file)),
        }
    }

    /// What a reader gives until its end. Kept in temporary space, since it has to be hashed before it can be stored.
    pub fn from_reader(reader: impl AsyncRead + Send + 'static) -> Self {
        Self(Kind::Source(Source::Stream(ReaderStream::with_capacity(reader, CHUNK).boxed())))
    }

    /// What a stream gives until its end. Kept in temporary space, since it has to be hashed before it can be stored.
    pub fn from_stream<S, B, E>(stream: S) -> Self
    where
        S: Stream<Item = Result<B, E>> + Send + 'static,
        B: Into<Bytes> + 'static,
        E: Into<Box<dyn StdError + Send + Sync>> + 'static,
    {
        Self(Kind::Source(Source::Stream(stream.map_ok(Into::into).map_err(io::Error::other).boxed())))
    }

    pub(crate) async fn into_source(self) -> Source {
        match self.0 {
            Kind::Source(source) => source,
            Kind::AsyncFile(file) => Source::OpenFile(file.into_std().await),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Source(source) => source.fmt(f),
            Kind::AsyncFile(_) => f.write_str("OpenFile"),
        }
    }
}

/// Nothing: an object of no bytes.
impl Default for Body {
    fn default() -> Self {
        Bytes::new().into()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Kind::Source(Source::Bytes(bytes)))
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<&'static [u8]> for Body {
    fn from(bytes: &'static [u8]) -> Self {
        Bytes::from_static(bytes).into()
    }
}

impl<const N: usize> From<&'static [u8; N]> for Body {
    fn from(bytes: &'static [u8; N]) -> Self {
        Bytes::from_static(bytes).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl From<std::fs::File> for Body {
    fn from(file: std::fs::File) -> Self {
        Self::from_file(file)
    }
}

impl From<tokio::fs::File> for Body {
    fn from(file: tokio::fs::File) -> Self {
        Self::from_file(file)
    }
}

/// An open file, of the standard library or of tokio.
#[derive(Debug)]
pub struct OpenFile(Opened);

#[derive(Debug)]
enum Opened {
    Std(std::fs::File),
    Tokio(tokio::fs::File),
}

impl From<std::fs::File> for OpenFile {
    fn from(file: std::fs::File) -> Self {
        Self(Opened::Std(file))
    }
}

impl From<tokio::fs::File> for OpenFile {
    fn from(file: tokio::fs::File) -> Self {
        Self(Opened::Tokio(file))
    }
}
