//! The file of an object: its content, then what is said of it, then a footer that tells them apart.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::super::{Attributes, ETag, ObjectHead};
use crate::random_access::FileAccess;
use crate::{Md5, RandomAccess, Sha256};

/// The last bytes of every object's file.
const MAGIC: [u8; 8] = *b"DGLOCAL1";

/// The version of the trailer.
const VERSION: u32 = 1;

/// Length of the footer in bytes: length of the trailer, version, first half of the trailer's SHA-256, magic.
const FOOTER: usize = 32;

/// A longer trailer is damage: keys and metadata are bounded.
const MAX_TRAILER: u32 = 1 << 20;

/// How much is read from the end at first: footer and trailer of nearly every object.
const TAIL: u64 = 2048;

/// What is said of an object, as JSON between content and footer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trailer {
    /// The object's key.
    pub(super) key: String,
    /// Length of the content in bytes.
    pub(super) size: u64,
    /// MD5 of the content: the entity tag.
    pub(super) md5: String,
    /// When the object was put.
    #[serde(with = "timestamp")]
    pub(super) created: jiff::Timestamp,
    /// Headers and metadata.
    #[serde(default)]
    pub(super) attributes: Attributes,
}

/// Why a file gives no object.
#[derive(Debug, thiserror::Error)]
pub(super) enum ObjectFileError {
    /// There is no such file.
    #[error("there is no such file")]
    Absent,
    /// The file is not what it should be.
    #[error("{0}")]
    Damaged(String),
    /// The system says no.
    #[error("the file cannot be read")]
    Io(#[source] io::Error),
}

/// An open object: what happens to its path does not change what is read from it.
#[derive(Debug)]
pub(super) struct ObjectFile {
    /// What is said of it.
    pub(super) trailer: Trailer,
    file: FileAccess,
}

impl Trailer {
    /// Says of a content what it is, now.
    pub(super) fn new(key: &str, size: u64, md5: Md5, attributes: Attributes) -> Self {
        Self { key: key.to_owned(), size, md5: md5.to_string(), created: jiff::Timestamp::now(), attributes }
    }

    /// The trailer and the footer as they follow the content.
    pub(super) fn encode(&self) -> io::Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec(self)?;
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        let digest = Sha256::of(&bytes);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&digest.0[..16]);
        bytes.extend_from_slice(&MAGIC);
        Ok(bytes)
    }

    /// The entity tag.
    pub(super) fn e_tag(&self) -> ETag {
        ETag::new(&self.md5)
    }

    /// What the store says of the object.
    pub(super) fn into_head(self) -> ObjectHead {
        ObjectHead {
            size: self.size,
            e_tag: self.e_tag(),
            last_modified: SystemTime::from(self.created),
            attributes: self.attributes,
            version_id: None,
            storage_class: None,
        }
    }
}

impl ObjectFile {
    /// Opens an object's file, without following a link, and reads its trailer.
    pub(super) fn open(path: &Path, key: &str) -> Result<Self, ObjectFileError> {
        let file = open_plain(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ObjectFileError::Absent,
            _ => ObjectFileError::Io(error),
        })?;
        if !file.metadata().map_err(ObjectFileError::Io)?.is_file() {
            return Err(ObjectFileError::Damaged("it is no file".to_owned()));
        }
        let file = FileAccess::new(file).map_err(ObjectFileError::Io)?;
        let trailer = read_trailer(&file)?;
        if trailer.key != key {
            return Err(ObjectFileError::Damaged(format!("it holds the object of another key, {:?}", trailer.key)));
        }
        Ok(Self { trailer, file })
    }

    /// The entity tag of what stands at a path: that of the object, and that by which a damaged one is listed.
    pub(super) fn standing_tag(path: &Path, key: &str) -> Result<ETag, ObjectFileError> {
        match Self::open(path, key) {
            Ok(object) => Ok(object.trailer.e_tag()),
            Err(ObjectFileError::Damaged(_)) => Ok(Self::damaged_tag()),
            Err(error) => Err(error),
        }
    }

    /// The entity tag by which a damaged object is listed: it can be replaced and removed under conditions as any other.
    pub(super) fn damaged_tag() -> ETag {
        ETag::new("")
    }

    /// The next bytes of the content: at most `length` from `offset`. Blocks.
    pub(super) fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let file: &dyn RandomAccess = &self.file;
        file.read_vec(offset, length)
    }
}

#[cfg(unix)]
fn open_plain(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;

    use rustix::fs::OFlags;
    // NONBLOCK: a pipe of an object's name must not hold up its reader.
    OpenOptions::new().read(true).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed()).open(path)
}

#[cfg(not(unix))]
fn open_plain(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

fn read_trailer(file: &dyn RandomAccess) -> Result<Trailer, ObjectFileError> {
    let damaged = |why: &str| ObjectFileError::Damaged(why.to_owned());
    let length = file.size();
    let tail = file.read_vec(length - length.min(TAIL), length.min(TAIL) as usize).map_err(ObjectFileError::Io)?;
    let (before, footer) = tail.split_last_chunk::<FOOTER>().ok_or_else(|| damaged("it is too short"))?;
    if footer[24..] != MAGIC {
        return Err(damaged("it does not end as an object does"));
    }
    let number = |at: usize| u32::from_le_bytes([footer[at], footer[at + 1], footer[at + 2], footer[at + 3]]);
    let (trailer_length, version) = (number(0), number(4));
    if version != VERSION {
        return Err(ObjectFileError::Damaged(format!("it is of version {version}, which this program does not know")));
    }
    let content = length.checked_sub(FOOTER as u64 + u64::from(trailer_length));
    let Some(content) = content.filter(|_| trailer_length <= MAX_TRAILER) else {
        return Err(damaged("its footer is wrong"));
    };
    let again;
    let trailer = match before.len().checked_sub(trailer_length as usize) {
        Some(start) => &before[start..],
        None => {
            again = file.read_vec(content, trailer_length as usize).map_err(ObjectFileError::Io)?;
            &again
        }
    };
    if Sha256::of(trailer).0[..16] != footer[8..24] {
        return Err(damaged("its trailer is damaged"));
    }
    let trailer: Trailer =
        serde_json::from_slice(trailer).map_err(|error| ObjectFileError::Damaged(format!("its trailer: {error}")))?;
    if trailer.size != content {
        return Err(damaged("its content is not as long as it was"));
    }
    Ok(trailer)
}

/// Times as text by RFC 3339.
mod timestamp {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(time)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &[u8], metadata: usize) -> Vec<u8> {
        let attributes = Attributes { metadata: [("n".into(), "v".repeat(metadata))].into(), ..Attributes::default() };
        let trailer = Trailer::new("key", content.len() as u64, Md5::of(content), attributes);
        [content, &trailer.encode().expect("encoded")].concat()
    }

    fn open(bytes: &[u8]) -> Result<ObjectFile, ObjectFileError> {
        let path = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(&path, bytes).expect("written");
        ObjectFile::open(path.path(), "key")
    }

    #[test]
    fn what_was_written_is_read() {
        for (size, metadata) in [(0, 0), (1, 0), (5000, 2000), (0, 100_000)] {
            let content = vec![7; size];
            let object = open(&file(&content, metadata)).expect("opened");
            assert_eq!(object.trailer.e_tag(), ETag::new(&Md5::of(&content).to_string()));
            assert_eq!(object.trailer.attributes.metadata["n"].len(), metadata);
            assert_eq!(object.read(0, size).expect("read"), content);
        }
    }

    #[test]
    fn no_byte_after_the_content_can_change() {
        let good = file(b"content", 3);
        for at in 7..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(matches!(open(&bad), Err(ObjectFileError::Damaged(_))), "byte {at}");
        }
        for length in 0..good.len() {
            assert!(matches!(open(&good[..length]), Err(ObjectFileError::Damaged(_))), "cut at {length}");
        }
        assert!(open(&[good.as_slice(), b"x"].concat()).is_err());
        assert!(open(&[b"x", good.as_slice()].concat()).is_err());
    }

    #[test]
    fn a_golden_object() {
        let trailer = r#"{"key":"key","size":3,"md5":"900150983cd24fb0d6963f7d28e17f72","created":"2026-01-02T03:04:05.6Z","attributes":{"content_type":"text/plain","metadata":{"n":"v"}}}"#;
        let footer = "a200000001000000";
        let digest = hex::encode(&Sha256::of(trailer.as_bytes()).0[..16]);
        assert_eq!((trailer.len(), digest.as_str()), (0xa2, "ce07e76861213c5ab728a832bfcb614b"));
        let bytes =
            [b"abc", trailer.as_bytes(), &hex::decode(footer.to_owned() + &digest).expect("hex"), &MAGIC].concat();
        let object = open(&bytes).expect("opened");
        assert_eq!(object.trailer.attributes.metadata["n"], "v");
        assert_eq!(object.trailer.encode().expect("encoded"), bytes[3..]);
    }
}
