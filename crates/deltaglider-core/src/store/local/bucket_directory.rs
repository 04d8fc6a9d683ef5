//! The directory of a bucket: its marker, its locks, and the directories between it and its objects.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::super::{StoreError, StoreErrorKind};
use super::asked::Asked;
use super::path::MARKER;
use crate::Sha256;

/// What the marker's `format` file holds.
const FORMAT: &str = "1\n";

/// Names of the directory of buckets that are no buckets.
const RESERVED: &str = ".deltaglider-";

/// How a bucket is called while its directory is being removed.
const REMOVED: &str = ".deltaglider-removed-";

/// How many locks the keys of a bucket share.
const STRIPES: u8 = 64;

/// The lock that publishers share, and that readers of directories and the removal of the bucket have alone.
const PUBLISH: &str = "publish";

/// The directory of an existing bucket.
#[derive(Clone, Debug)]
pub(super) struct BucketDirectory {
    path: PathBuf,
}

impl BucketDirectory {
    /// Finds a bucket; `NoSuchBucket` where there is none, `Unsupported` where a later program made it.
    pub(super) fn open(root: &Path, asked: &Asked) -> Result<Self, StoreError> {
        let name = asked.at.bucket();
        let path = root.join(name);
        let format = path.join(MARKER).join("format");
        let absent = || asked.error(StoreErrorKind::NoSuchBucket, format!("there is no store at {}", path.display()));
        if !is_bucket_name(name) {
            return Err(absent());
        }
        match fs::read_to_string(&format) {
            Ok(version) if version == FORMAT => Ok(Self { path }),
            Ok(version) => {
                let message = format!("{} is a store of the unknown version {:?}", path.display(), version.trim());
                Err(asked.error(StoreErrorKind::Unsupported, message))
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Err(absent())
            }
            Err(error) => Err(asked.io("cannot read", &format, error)),
        }
    }

    /// Makes a bucket in a new directory or an empty one; of several makers one wins, the others get `Conflict`.
    pub(super) fn create(root: &Path, asked: &Asked) -> Result<(), StoreError> {
        let name = asked.at.bucket();
        if !is_bucket_name(name) {
            let message = format!("`{name}` is not the name of a bucket");
            return Err(asked.error(StoreErrorKind::Invalid, message));
        }
        let path = root.join(name);
        fs::create_dir_all(&path).map_err(|error| asked.io("cannot make", &path, error))?;
        let exists = || asked.error(StoreErrorKind::Conflict, format!("{} is a store already", path.display()));
        sweep_removed(root);
        let entries = names(&path).map_err(|error| asked.io("cannot read", &path, error))?;
        if entries.iter().any(|entry| entry == MARKER) {
            return Err(exists());
        }
        if let Some(foreign) = entries.iter().find(|entry| !entry.starts_with(MARKER)) {
            let message = format!("{} is not empty and no store: it holds {foreign}", path.display());
            return Err(asked.error(StoreErrorKind::Conflict, message));
        }
        let new = path.join(format!("{MARKER}.new-{}", unique(asked)?));
        let made = make_marker(&new).and_then(|()| fs::rename(&new, path.join(MARKER)));
        if let Err(error) = made {
            // Another maker's marker stands there: a directory that is not empty is never replaced.
            let lost = path.join(MARKER).join("format").exists();
            drop(fs::remove_dir_all(&new));
            return Err(if lost { exists() } else { asked.io("cannot make", &new, error) });
        }
        sync_directory(&path).and_then(|()| sync_directory(root)).map_err(|error| asked.io("cannot sync", &path, error))
    }

    /// Removes the bucket, unless it holds a file.
    pub(super) fn remove(&self, root: &Path, asked: &Asked) -> Result<(), StoreError> {
        let _alone = self
            .publish_lock()
            .and_then(|lock| lock.lock().map(|()| lock))
            .map_err(|error| asked.io("cannot lock", &self.path, error))?;
        if let Some(file) = first_file(&self.path).map_err(|error| asked.io("cannot read", &self.path, error))? {
            let message = format!("the bucket still holds objects, such as {}", file.display());
            return Err(asked.error(StoreErrorKind::NotEmpty, message));
        }
        // In one step, so that nobody finds a bucket with half a marker.
        let removed = root.join(format!("{REMOVED}{}", unique(asked)?));
        fs::rename(&self.path, &removed).map_err(|error| asked.io("cannot remove", &self.path, error))?;
        match fs::remove_dir_all(&removed) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(asked.io("cannot remove", &removed, error));
            }
            _ => {}
        }
        sync_directory(root).map_err(|error| asked.io("cannot sync", root, error))
    }

    /// The bucket's own path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where objects are written before they are published.
    pub(super) fn staging(&self) -> PathBuf {
        self.path.join(MARKER).join("staging")
    }

    /// Holds the lock of a key until the file is dropped: whoever decides by what stands there has it.
    pub(super) fn lock_key(&self, key: &str, asked: &Asked) -> Result<File, StoreError> {
        let stripe = Sha256::of(key.as_bytes()).0[0] % STRIPES;
        let path = self.path.join(MARKER).join("locks").join(format!("{stripe:02}"));
        let locked = OpenOptions::new().create(true).truncate(false).write(true).open(&path).and_then(|file| {
            file.lock()?;
            Ok(file)
        });
        locked.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => self.gone(asked),
            _ => asked.io("cannot lock", &path, error),
        })
    }

    /// Holds the bucket while something is published.
    pub(super) fn lock_for_publishing(&self) -> io::Result<File> {
        let lock = self.publish_lock()?;
        lock.lock_shared()?;
        Ok(lock)
    }

    /// Keeps names from being replaced while a directory is read: some file systems would show a replaced name twice, or not at
    /// all. `None` where locks cannot be had.
    pub(super) fn lock_for_reading(&self) -> Option<File> {
        let lock = self.publish_lock().ok()?;
        lock.lock().ok()?;
        Some(lock)
    }

    /// The bucket was removed while it was in use.
    pub(super) fn gone(&self, asked: &Asked) -> StoreError {
        asked.error(StoreErrorKind::NoSuchBucket, format!("the store at {} was removed", self.path.display()))
    }

    /// Refuses a path that leads over a symbolic link.
    pub(super) fn refuse_links(&self, relative: &Path, asked: &Asked) -> Result<(), StoreError> {
        let mut path = self.path.clone();
        for name in relative {
            path.push(name);
            match path.symlink_metadata() {
                Ok(metadata) if metadata.is_symlink() => {
                    let message = format!("{} is a symbolic link, which a store does not follow", path.display());
                    return Err(asked.error(StoreErrorKind::Denied, message));
                }
                Ok(_) => {}
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => break,
                Err(error) => return Err(asked.io("cannot read", &path, error)),
            }
        }
        Ok(())
    }

    /// Makes the directories of a path below the bucket, but not the bucket.
    pub(super) fn make_directories(&self, relative: &Path) -> io::Result<()> {
        let mut path = self.path.clone();
        for name in relative {
            let parent = path.clone();
            path.push(name);
            match fs::create_dir(&path) {
                Ok(()) => sync_directory(&parent)?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Removes the directories of a path that are empty, from its end up to the bucket; answers the deepest that is left.
    pub(super) fn prune_directories(&self, relative: &Path) -> PathBuf {
        let mut left = relative;
        while let Some(parent) = left.parent()
            && fs::remove_dir(self.path.join(left)).is_ok()
        {
            left = parent;
        }
        self.path.join(left)
    }

    fn publish_lock(&self) -> io::Result<File> {
        File::open(self.path.join(MARKER).join("locks").join(PUBLISH))
    }
}

/// Buckets in a directory, with the time when they were made, in the order of their names.
pub(super) fn buckets(root: &Path) -> io::Result<Vec<(String, Option<SystemTime>)>> {
    let mut buckets = Vec::new();
    for name in names(root)? {
        if !is_bucket_name(&name) {
            continue;
        }
        if let Ok(format) = fs::metadata(root.join(&name).join(MARKER).join("format")) {
            buckets.push((name, format.modified().ok()));
        }
    }
    buckets.sort_unstable();
    Ok(buckets)
}

/// Whether a directory is a bucket's.
pub(super) fn is_bucket(path: &Path) -> bool {
    path.join(MARKER).join("format").is_file()
}

/// Makes what was renamed or made in a directory survive a loss of power.
#[cfg(unix)]
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Makes what was renamed or made in a directory survive a loss of power: elsewhere the system's business.
#[cfg(not(unix))]
pub(super) fn sync_directory(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// A name that nobody else chooses.
pub(super) fn unique(asked: &Asked) -> Result<String, StoreError> {
    let random = getrandom::u64().map_err(|error| {
        asked.error(StoreErrorKind::Other, "the system gives no random numbers").with_source(error.to_string())
    })?;
    Ok(format!("{}-{random:016x}", std::process::id()))
}

/// Ends removals that were interrupted; one that is under way loses nothing by it.
fn sweep_removed(root: &Path) {
    for name in names(root).unwrap_or_default().iter().filter(|name| name.starts_with(REMOVED)) {
        drop(fs::remove_dir_all(root.join(name)));
    }
}

fn is_bucket_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\\', '\0']) && !name.starts_with(RESERVED)
}

fn make_marker(path: &Path) -> io::Result<()> {
    fs::create_dir(path)?;
    fs::create_dir(path.join("staging"))?;
    fs::create_dir(path.join("locks"))?;
    File::create_new(path.join("locks").join(PUBLISH))?;
    fs::write(path.join("format"), FORMAT)?;
    File::open(path.join("format"))?.sync_all()?;
    sync_directory(path)
}

/// Names in a directory; those that are no text are no names of ours.
fn names(path: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    Ok(names)
}

/// Anything below a bucket's directory that is no directory, but for the bucket's own.
fn first_file(bucket: &Path) -> io::Result<Option<PathBuf>> {
    let mut directories = vec![bucket.to_owned()];
    while let Some(directory) = directories.pop() {
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            if directory == bucket && entry.file_name().to_string_lossy().starts_with(MARKER) {
                continue;
            }
            if !entry.file_type()?.is_dir() {
                return Ok(Some(entry.path()));
            }
            directories.push(entry.path());
        }
    }
    Ok(None)
}
