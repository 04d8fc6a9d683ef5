//! The source of a put: bytes, a file, or a stream, made readable more than once and hashed.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;

use super::Engine;
use super::bodies::{Spool, blocking, content_body};
use crate::digest::ContentHasher;
use crate::error::Error;
use crate::progress::{SharedProgress, Stage};
use crate::random_access::FileAccess;
use crate::store::PutBody;
use crate::{ContentDigest, RandomAccess, Sha256};

/// Files up to this size are read once and kept in memory while they are put.
const SMALL_FILE: u64 = 8 << 20;

/// Where the content of a put comes from.
pub enum Source {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A file. It must not change while it is put; if it does, the put fails.
    File(PathBuf),
    /// An open file, from its beginning.
    OpenFile(File),
    /// A stream; kept in temporary space, since it has to be hashed before it can be stored.
    Stream(BoxStream<'static, io::Result<Bytes>>),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::OpenFile(_) => f.write_str("OpenFile"),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

impl From<Bytes> for Source {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<Vec<u8>> for Source {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<PathBuf> for Source {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

/// A source opened: its size is known, and it can be read more than once.
#[derive(Debug)]
pub(super) struct Opened {
    content: Arc<dyn RandomAccess>,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    /// The content lies in memory.
    Memory(Bytes),
    /// The content is a file that others may write to.
    File { path: Option<PathBuf>, file: File, before: Fingerprint },
    /// The content lies in temporary space of our own.
    Scratch,
}

/// What changes when a file is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fingerprint {
    size: u64,
    modified: Option<SystemTime>,
}

impl Fingerprint {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self { size: metadata.len(), modified: metadata.modified().ok() })
    }
}

/// A source opened and hashed.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) digest: ContentDigest,
    opened: Opened,
}

impl Opened {
    pub(super) fn size(&self) -> u64 {
        self.content.size()
    }

    /// Reads it once, for its digests.
    pub(super) async fn hash(self, progress: SharedProgress) -> Result<Prepared, Error> {
        let content = Arc::clone(&self.content);
        let digest = blocking(move || hash_content(&*content, &progress)).await.map_err(Error::Source)?;
        if digest.size != self.size() {
            return Err(Error::SourceChanged);
        }
        Ok(Prepared { digest, opened: self })
    }
}

impl Prepared {
    pub(super) fn content(&self) -> &Arc<dyn RandomAccess> {
        &self.opened.content
    }

    /// The content in memory, as it was hashed.
    pub(super) async fn bytes(&self) -> Result<Bytes, Error> {
        let may_change = match &self.opened.origin {
            Origin::Memory(bytes) => return Ok(bytes.clone()),
            Origin::Scratch => false,
            Origin::File { .. } => true,
        };
        let (content, sha256) = (Arc::clone(&self.opened.content), self.digest.sha256);
        blocking(move || {
            let bytes = content.read_vec(0, content.size() as usize).map_err(Error::Source)?;
            if may_change && Sha256::of(&bytes) != sha256 {
                return Err(Error::SourceChanged);
            }
            Ok(bytes.into())
        })
        .await
    }

    /// The content as the body of a put to the store.
    pub(super) fn body(&self) -> PutBody {
        match &self.opened.origin {
            Origin::Memory(bytes) => PutBody::Bytes(bytes.clone()),
            Origin::File { path: Some(path), .. } => PutBody::File(path.clone()),
            Origin::File { path: None, .. } | Origin::Scratch => content_body(Arc::clone(&self.opened.content)),
        }
    }

    /// Fails if the source is a file that was written to since it was opened: what was sent of it may not be what was hashed.
    pub(super) fn ensure_unchanged(&self) -> Result<(), Error> {
        if let Origin::File { file, before, path } = &self.opened.origin {
            let same = Fingerprint::of(file).map_err(Error::Source)? == *before;
            // The body was read by path: another file may have been put there.
            let same_path = match path {
                Some(path) => File::open(path).and_then(|file| Fingerprint::of(&file)).is_ok_and(|now| now == *before),
                None => true,
            };
            if !same || !same_path {
                return Err(Error::SourceChanged);
            }
        }
        Ok(())
    }
}

impl Engine {
    /// Opens a source; a stream is read to its end.
    pub(super) async fn open_source(&self, source: Source, progress: &SharedProgress) -> Result<Opened, Error> {
        match source {
            Source::Bytes(bytes) => Ok(in_memory(bytes)),
            Source::File(path) => {
                let open = blocking(move || {
                    let file = File::open(&path)?;
                    open_file(file, Some(path))
                });
                open.await.map_err(Error::Source)
            }
            Source::OpenFile(file) => blocking(move || open_file(file, None)).await.map_err(Error::Source),
            Source::Stream(mut stream) => {
                let mut spool = Spool::new(&self.inner.scratch);
                while let Some(chunk) = stream.next().await {
                    let chunk = chunk.map_err(Error::Source)?;
                    progress.advance(Stage::Read, 0);
                    spool.push(chunk).await.map_err(Error::Scratch)?;
                }
                let scratch = spool.finish().await.map_err(Error::Scratch)?;
                Ok(match scratch.bytes() {
                    Some(bytes) => in_memory(bytes),
                    None => Opened { content: Arc::new(scratch), origin: Origin::Scratch },
                })
            }
        }
    }
}

fn in_memory(bytes: Bytes) -> Opened {
    Opened { content: Arc::new(bytes.clone()), origin: Origin::Memory(bytes) }
}

fn open_file(file: File, path: Option<PathBuf>) -> io::Result<Opened> {
    let before = Fingerprint::of(&file)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let access = FileAccess::new(file.try_clone()?)?;
    if before.size <= SMALL_FILE {
        let bytes = (&access as &dyn RandomAccess).read_vec(0, before.size as usize)?;
        return Ok(in_memory(bytes.into()));
    }
    Ok(Opened { content: Arc::new(access), origin: Origin::File { path, file, before } })
}

fn hash_content(content: &dyn RandomAccess, progress: &SharedProgress) -> io::Result<ContentDigest> {
    let mut hasher = ContentHasher::default();
    if let Some(bytes) = content.as_slice() {
        hasher.update(bytes);
        progress.advance(Stage::Read, bytes.len() as u64);
        return Ok(hasher.finish());
    }
    let mut buffer = vec![0; 256 << 10];
    let mut offset = 0;
    loop {
        let read = content.read_at(&mut buffer, offset)?;
        if read == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(&buffer[..read]);
        progress.advance(Stage::Read, read as u64);
        offset += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom, Write};

    use super::*;
    use crate::progress::silent;

    #[tokio::test]
    async fn a_file_that_is_written_to_is_not_taken_for_what_was_hashed() {
        let mut file = tempfile::tempfile().expect("a temporary file");
        let content = vec![7; SMALL_FILE as usize + 1];
        file.write_all(&content).expect("written");
        let opened = open_file(file.try_clone().expect("a handle"), None).expect("opened");
        let prepared = opened.hash(silent()).await.expect("hashed");
        assert!(prepared.bytes().await.expect("read") == content);
        file.seek(SeekFrom::Start(1000)).expect("moved");
        file.write_all(&[8]).expect("written");
        assert!(matches!(prepared.bytes().await, Err(Error::SourceChanged)));
        file.set_len(1000).expect("cut");
        assert!(matches!(prepared.bytes().await, Err(Error::Source(_))));
    }
}
