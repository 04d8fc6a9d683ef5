//! Directories by their paths, for systems without handles to them.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use deltaglider_core::cache::CacheError;

use super::{Status, UNPUBLISHED, Unpublished, insecure, is_hex_name, random_name};
use crate::budget::Volume;

/// Name of the file whose lock says that a directory has an owner.
const OWNER: &str = "owner";

/// A directory that exists.
#[derive(Debug)]
pub(crate) struct Directory(PathBuf);

impl Directory {
    /// Opens a directory, making it where there is none.
    pub(crate) fn open_own(path: &Path) -> Result<Self, CacheError> {
        if fs::symlink_metadata(path).is_ok_and(|found| !found.is_dir()) {
            return Err(insecure(path, "it is a link or no directory; name the directory itself"));
        }
        fs::create_dir_all(path)?;
        Ok(Self(path.to_owned()))
    }

    /// Opens a directory in which directories of ours are made.
    pub(crate) fn open_shared(path: &Path) -> Result<Self, CacheError> {
        fs::create_dir_all(path)?;
        Ok(Self(path.to_owned()))
    }

    /// Opens a directory in this one.
    pub(crate) fn child(&self, name: &str) -> io::Result<Self> {
        let path = self.0.join(name);
        if !fs::symlink_metadata(&path)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self(path))
    }

    /// Opens a directory in this one, making it where there is none.
    pub(crate) fn ensure_child(&self, name: &str) -> io::Result<Self> {
        match fs::create_dir(self.0.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => self.child(name),
        }
    }

    /// Makes a directory in this one and becomes its owner; `None` where somebody took it for an orphan in between.
    pub(crate) fn make_owned_child(&self, name: &str) -> io::Result<Option<(Self, File)>> {
        fs::create_dir(self.0.join(name))?;
        let child = self.child(name)?;
        Ok(child.try_own()?.map(|owner| (child, owner)))
    }

    /// Becomes the owner of this directory until the value is dropped; `None` while it has one.
    pub(crate) fn try_own(&self) -> io::Result<Option<File>> {
        let owner = self.lock_file(OWNER)?;
        match owner.try_lock() {
            Ok(()) => Ok(Some(owner)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    /// Whether this directory was removed.
    pub(crate) fn is_gone(&self) -> bool {
        !self.0.exists()
    }

    /// Opens a file to read.
    pub(crate) fn open_file(&self, name: &str) -> io::Result<File> {
        let path = self.0.join(name);
        if !fs::symlink_metadata(&path)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a file"));
        }
        // Writing is asked for since marking a file as used needs it on some systems.
        OpenOptions::new().read(true).write(true).open(path)
    }

    /// Opens a file that is only there to be locked, making it where there is none.
    pub(crate) fn lock_file(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(self.0.join(name))
    }

    /// Makes a file that is not published yet.
    pub(crate) fn unpublished(&self, length: u64) -> io::Result<Unpublished> {
        let name = random_name(UNPUBLISHED)?;
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(self.0.join(&name))?;
        let unpublished = Unpublished { file, name: Some(name) };
        unpublished.file.set_len(length).inspect_err(|_| self.forget(&unpublished))?;
        Ok(unpublished)
    }

    /// Gives a file its name; `false` where the name is taken.
    pub(crate) fn publish(&self, unpublished: &Unpublished, name: &str) -> io::Result<bool> {
        let temporary = unpublished.name.as_deref().unwrap_or_default();
        let linked = fs::hard_link(self.0.join(temporary), self.0.join(name));
        self.forget(unpublished);
        match linked {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes the name of a file that is not to be published.
    pub(crate) fn forget(&self, unpublished: &Unpublished) {
        if let Some(name) = &unpublished.name {
            let _ = self.unlink(name);
        }
    }

    /// Removes files whose owner died before they were published.
    pub(crate) fn sweep_unpublished(&self) {
        for name in self.names().unwrap_or_default() {
            let Some(name) = name.to_str().filter(|name| is_hex_name(name, UNPUBLISHED, 32)) else { continue };
            if self.open_file(name).is_ok_and(|file| file.try_lock().is_ok()) {
                let _ = self.unlink(name);
            }
        }
    }

    /// What is known of a file.
    pub(crate) fn status(&self, name: &str) -> io::Result<Status> {
        status_of(&fs::symlink_metadata(self.0.join(name))?)
    }

    /// Removes a file, or a link as such.
    pub(crate) fn unlink(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    /// Removes an empty directory.
    pub(crate) fn remove_child(&self, name: &str) -> io::Result<()> {
        let path = self.0.join(name);
        let _ = fs::remove_file(path.join(OWNER));
        fs::remove_dir(path)
    }

    /// Moves a file or directory.
    pub(crate) fn rename(&self, from: &str, into: &Self, to: &str) -> io::Result<()> {
        fs::rename(self.0.join(from), into.0.join(to))
    }

    /// Moves what is not ours, unless the name is taken.
    pub(crate) fn give_back(&self, name: &OsString, into: &Self) -> io::Result<()> {
        if fs::symlink_metadata(into.0.join(name)).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        fs::rename(self.0.join(name), into.0.join(name))
    }

    /// The names in this directory.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        fs::read_dir(&self.0)?.map(|entry| Ok(entry?.file_name())).collect()
    }

    /// What the volume has; not to be known here.
    pub(crate) fn volume(&self) -> Option<Volume> {
        None
    }
}

/// When and how large an open file is.
pub(crate) fn status_of_file(file: &File) -> io::Result<Status> {
    status_of(&file.metadata()?)
}

fn status_of(found: &fs::Metadata) -> io::Result<Status> {
    Ok(Status { bytes: found.len().next_multiple_of(4096), modified: found.modified()? })
}
