//! Keys that a file holds, as secrets are mounted: read again when the file changes.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use deltaglider_core::keys::{KeyError, KeyProvider, KeyRing, Lifetime};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::key_ring::{RingSource, ServedRing};
use crate::material::parse_key;

/// How many keys that only open a file may hold, below the one that seals.
pub const OLD_LIMIT: usize = 8;
/// The file is looked at this often at most.
pub const LOOK: Duration = Duration::from_secs(1);

/// The longest file that is read.
const LONGEST: u64 = 16 << 10;
/// A file that changed so short a time before it was read may change once more without showing it.
const SETTLED: Duration = Duration::from_secs(2);
const EXPECTED: &str = "a key a line is expected, the first one in force and at most 8 more that only open, each of 32 bytes \
                        in base64, as `deltaglider key generate` prints them; lines that begin with # are left out";

/// Keys out of a file: the first line seals and opens, up to [`OLD_LIMIT`] further ones only open.
///
/// The file is looked at at most once in [`LOOK`], when keys are asked for, and read again when it was written, replaced, or
/// when a link on the way to it leads elsewhere (as Kubernetes and Vault swap mounted secrets). While what it holds then cannot
/// be read, the last keys that could be stay in force. A file that others may write, or one of this user's own that others may
/// read, is taken with a warning: mounted secrets often belong to somebody else and are open to all of a container.
#[derive(Debug)]
pub struct FileKeys {
    ring: ServedRing<KeyFile>,
    looked: Mutex<Option<Instant>>,
}

impl FileKeys {
    /// Takes the file at a path. Reads nothing yet; the first [`key_ring`](KeyProvider::key_ring) does.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let file = KeyFile { path: path.into(), seen: Mutex::default() };
        Self { ring: ServedRing::new(file), looked: Mutex::default() }
    }

    fn is_due(&self) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let due = looked.is_none_or(|at| at.elapsed() >= LOOK);
        if due {
            *looked = Some(Instant::now());
        }
        due
    }

    /// Reads the file again if it is another than the one that was read last.
    async fn look(&self) -> Result<bool, KeyError> {
        let path = self.ring.source().path.clone();
        // A file that is away, as in the middle of being replaced, is one that has changed: reading it says what is wrong.
        let now = blocking(move || Stamp::of(&std::fs::metadata(path)?)).await.ok();
        if now.is_some() && now == *self.ring.source().seen() {
            return Ok(false);
        }
        // Many may ask at once, over an unknown key.
        self.ring.read_again(LOOK / 2).await
    }
}

#[async_trait]
impl KeyProvider for FileKeys {
    async fn key_ring(&self) -> Result<KeyRing, KeyError> {
        let ring = self.ring.get().await?;
        if !self.is_due() {
            return Ok(ring);
        }
        // The last good ring is served; what is wrong was told of already.
        drop(self.look().await);
        self.ring.get().await
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Persistent
    }

    fn source(&self) -> String {
        self.ring.source().name()
    }

    async fn refresh(&self) -> Result<bool, KeyError> {
        self.look().await
    }
}

#[derive(Debug)]
struct KeyFile {
    path: PathBuf,
    /// The file as it was when it was read last; `None` where it may change without showing it.
    seen: Mutex<Option<Stamp>>,
}

impl KeyFile {
    fn seen(&self) -> std::sync::MutexGuard<'_, Option<Stamp>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RingSource for KeyFile {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    async fn read(&self) -> Result<KeyRing, KeyError> {
        let path = self.path.clone();
        let read = blocking(move || read(&path)).await;
        // A file that cannot be opened is tried again at the next look.
        *self.seen() = read.as_ref().ok().and_then(|(_, stamp)| stamp.settled(SystemTime::now()));
        let (text, stamp) = read.map_err(|error| KeyError::Unavailable {
            source_name: self.name(),
            reason: format!("the file cannot be read ({error}); check its path and its permissions"),
        })?;
        let mut ring = parse(&text, &self.name())?;
        ring.created = Some(stamp.modified);
        Ok(ring)
    }
}

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    length: u64,
    /// Device and inode.
    place: (u64, u64),
}

impl Stamp {
    fn of(metadata: &std::fs::Metadata) -> io::Result<Self> {
        Ok(Self { modified: metadata.modified()?, length: metadata.len(), place: place(metadata) })
    }

    /// Itself, unless the file changed so recently that the clock of the file system may not show the next change.
    fn settled(self, now: SystemTime) -> Option<Self> {
        now.duration_since(self.modified).is_ok_and(|age| age >= SETTLED).then_some(self)
    }
}

#[cfg(unix)]
fn place(metadata: &std::fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn place(_metadata: &std::fs::Metadata) -> (u64, u64) {
    (0, 0)
}

fn read(path: &Path) -> io::Result<(Zeroizing<String>, Stamp)> {
    // Asked before it is opened: opening a pipe waits for its writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    let file = std::fs::File::open(path)?;
    let metadata = file.metadata()?;
    let stamp = Stamp::of(&metadata)?;
    warn_of_others(path, &metadata);
    // As large as it may get: a text that grows would leave copies behind.
    let mut text = Zeroizing::new(String::with_capacity(LONGEST as usize));
    file.take(LONGEST).read_to_string(&mut text)?;
    Ok((text, stamp))
}

#[cfg(unix)]
fn warn_of_others(path: &Path, metadata: &std::fs::Metadata) {
    use std::os::unix::fs::MetadataExt;
    let (mode, path) = (metadata.mode() & 0o777, path.display());
    let own = metadata.uid() == rustix::process::geteuid().as_raw();
    if mode & 0o022 != 0 {
        tracing::warn!(%path, mode = format!("{mode:o}"), "others may write the file with the key; to fix: chmod 600");
    } else if own && mode & 0o044 != 0 {
        tracing::warn!(%path, mode = format!("{mode:o}"), "others may read the file with the key; to fix: chmod 600");
    }
}

#[cfg(not(unix))]
fn warn_of_others(_path: &Path, _metadata: &std::fs::Metadata) {}

fn parse(text: &str, name: &str) -> Result<KeyRing, KeyError> {
    let format = || KeyError::Format { source_name: name.to_owned(), expected: EXPECTED.to_owned() };
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut ring = KeyRing::of(parse_key(lines.next().ok_or_else(format)?, name).map_err(|_| format())?);
    for (number, line) in lines.enumerate() {
        if number >= OLD_LIMIT {
            return Err(format());
        }
        ring.add_decrypt_only(parse_key(line, name).map_err(|_| format())?);
    }
    Ok(ring)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(byte: u8) -> String {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode([byte; 32])
    }

    #[test]
    fn the_first_line_seals_and_the_others_open() -> Result<(), KeyError> {
        let lines = format!("# made in May\n\n{}\r\n  {}\n{}\n", text(1), text(2), text(1));
        let ring = parse(&lines, "a file")?;
        assert_eq!(ring.primary.id(), parse_key(&text(1), "")?.id());
        assert_eq!(ring.decrypt_only.len(), 1);
        let nine = (1..=9).map(text).collect::<Vec<_>>().join("\n");
        assert_eq!(parse(&nine, "a file")?.decrypt_only.len(), OLD_LIMIT);
        Ok(())
    }

    #[test]
    fn what_is_no_key_names_the_file_and_never_the_value() {
        let ten = (1..=10).map(text).collect::<Vec<_>>().join("\n");
        let with_old = format!("{}\nsecret-passphrase", text(1));
        for wrong in ["", " \n# nothing\n", "secret-passphrase", &with_old, &ten] {
            let error = parse(wrong, "/run/secrets/key").expect_err("no key").to_string();
            assert!(error.contains("/run/secrets/key") && error.contains("32 bytes in base64"), "{error}");
            assert!(!error.contains("secret-passphrase") && !error.contains(&text(1)), "{error}");
        }
    }

    #[test]
    fn a_file_that_has_just_changed_is_read_once_more() {
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let stamp = Stamp { modified, length: 1, place: (1, 1) };
        assert_eq!(stamp.settled(modified + Duration::from_secs(1)), None);
        assert_eq!(stamp.settled(modified - Duration::from_secs(1)), None);
        assert_eq!(stamp.settled(modified + SETTLED), Some(stamp));
    }
}
