//! Directories as handles: a swapped link or a renamed parent leads nowhere else.

use std::ffi::OsString;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use deltaglider_core::cache::CacheError;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::{Status, UNPUBLISHED, Unpublished, insecure, is_hex_name, random_name};
use crate::budget::Volume;

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const FILE: OFlags = OFlags::CLOEXEC.union(OFlags::NOFOLLOW);

/// An open directory.
#[derive(Debug)]
pub(crate) struct Directory(OwnedFd);

impl Directory {
    /// Opens a directory that must be ours alone, making it (0700) where there is none.
    pub(crate) fn open_own(path: &Path) -> Result<Self, CacheError> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).or_else(|error| {
            // Something else is there: opening it says what.
            if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) }
        })?;
        let opened = match rustix::fs::open(path, DIRECTORY | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(opened) => Self(opened),
            Err(Errno::NOTDIR | Errno::LOOP) => {
                return Err(insecure(path, "it is a link or no directory; name the directory itself"));
            }
            Err(error) => return Err(CacheError::Io(error.into())),
        };
        match distrust(&rustix::fs::fstat(&opened.0).map_err(io::Error::from)?) {
            None => Ok(opened),
            Some(reason) => Err(insecure(path, reason)),
        }
    }

    /// Opens a directory in which directories of ours are made: others may write to it only if they can't touch what is ours.
    pub(crate) fn open_shared(path: &Path) -> Result<Self, CacheError> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let opened = Self(rustix::fs::open(path, DIRECTORY, Mode::empty()).map_err(io::Error::from)?);
        let stat = rustix::fs::fstat(&opened.0).map_err(io::Error::from)?;
        let mode = Mode::from_raw_mode(stat.st_mode);
        let us = rustix::process::geteuid().as_raw();
        if stat.st_uid != us && stat.st_uid != 0 {
            return Err(insecure(path, format!("it belongs to user {}; name a directory of your own", stat.st_uid)));
        }
        if mode.intersects(Mode::WGRP | Mode::WOTH) && !mode.contains(Mode::SVTX) {
            return Err(insecure(path, "others may write to it; run chmod go-w on it, or name another directory"));
        }
        Ok(opened)
    }

    /// Opens a directory in this one.
    pub(crate) fn child(&self, name: &str) -> io::Result<Self> {
        let opened = match rustix::fs::openat(&self.0, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(opened) => Self(opened),
            Err(Errno::LOOP) => return Err(io::ErrorKind::NotADirectory.into()),
            Err(error) => return Err(error.into()),
        };
        match distrust(&rustix::fs::fstat(&opened.0)?) {
            None => Ok(opened),
            Some(reason) => Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("{name}: {reason}"))),
        }
    }

    /// Opens a directory in this one, making it (0700) where there is none.
    pub(crate) fn ensure_child(&self, name: &str) -> io::Result<Self> {
        match rustix::fs::mkdirat(&self.0, name, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => self.child(name),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a directory in this one and becomes its owner; `None` where somebody took it for an orphan in between.
    pub(crate) fn make_owned_child(&self, name: &str) -> io::Result<Option<(Self, File)>> {
        rustix::fs::mkdirat(&self.0, name, Mode::RWXU)?;
        let child = self.child(name)?;
        let owner = child.again()?;
        owner.lock()?;
        let ours = rustix::fs::fstat(&child.0)?;
        let named = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW);
        let same = named.is_ok_and(|named| (named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino));
        Ok(same.then_some((child, owner)))
    }

    /// Becomes the owner of this directory until the value is dropped; `None` while it has one.
    pub(crate) fn try_own(&self) -> io::Result<Option<File>> {
        let owner = self.again()?;
        match owner.try_lock() {
            Ok(()) => Ok(Some(owner)),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => Err(error),
        }
    }

    /// Whether this directory was removed.
    pub(crate) fn is_gone(&self) -> bool {
        rustix::fs::fstat(&self.0).is_ok_and(|stat| stat.st_nlink == 0)
    }

    /// Opens a file to read.
    pub(crate) fn open_file(&self, name: &str) -> io::Result<File> {
        // Not blocking: a pipe of this name must not hold us up.
        let file = rustix::fs::openat(&self.0, name, FILE | OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty())?;
        if FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) != FileType::RegularFile {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a file"));
        }
        Ok(file.into())
    }

    /// Opens a file that is only there to be locked, making it where there is none.
    pub(crate) fn lock_file(&self, name: &str) -> io::Result<File> {
        let flags = FILE | OFlags::RDWR | OFlags::CREATE | OFlags::NONBLOCK;
        Ok(rustix::fs::openat(&self.0, name, flags, Mode::RUSR | Mode::WUSR)?.into())
    }

    /// Makes a file without a name, and takes `length` bytes of the disk for it, so that a full disk shows now.
    pub(crate) fn unpublished(&self, length: u64) -> io::Result<Unpublished> {
        let unpublished = self.without_name()?;
        take_space(&unpublished.file, length).inspect_err(|_| self.forget(&unpublished))?;
        Ok(unpublished)
    }

    /// Gives a file its name; `false` where the name is taken.
    pub(crate) fn publish(&self, unpublished: &Unpublished, name: &str) -> io::Result<bool> {
        let linked = match &unpublished.name {
            Some(temporary) => rustix::fs::linkat(&self.0, temporary.as_str(), &self.0, name, AtFlags::empty()),
            None => link_open_file(&unpublished.file, &self.0, name),
        };
        self.forget(unpublished);
        match linked {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(error) => Err(error.into()),
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
        Ok(status_of(&rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?))
    }

    /// Removes a file, or a link as such.
    pub(crate) fn unlink(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    /// Removes an empty directory.
    pub(crate) fn remove_child(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
    }

    /// Moves a file or directory.
    pub(crate) fn rename(&self, from: &str, into: &Self, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, from, &into.0, to)?)
    }

    /// Moves what is not ours, unless the name is taken.
    pub(crate) fn give_back(&self, name: &OsString, into: &Self) -> io::Result<()> {
        if rustix::fs::statat(&into.0, name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Ok(rustix::fs::renameat(&self.0, name, &into.0, name)?)
    }

    /// The names in this directory.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let name = entry?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name));
            }
        }
        Ok(names)
    }

    /// What the volume has; `None` where it does not say.
    pub(crate) fn volume(&self) -> Option<Volume> {
        let found = rustix::fs::fstatvfs(&self.0).ok()?;
        let unit = if found.f_frsize > 0 { found.f_frsize } else { found.f_bsize };
        Some(Volume {
            size: found.f_blocks.saturating_mul(unit),
            available: found.f_bavail.saturating_mul(unit),
            inodes: found.f_files,
            inodes_available: found.f_favail,
        })
    }

    fn again(&self) -> io::Result<File> {
        Ok(rustix::fs::openat(&self.0, ".", DIRECTORY, Mode::empty())?.into())
    }

    fn without_name(&self) -> io::Result<Unpublished> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
            match rustix::fs::openat(&self.0, ".", flags, Mode::RUSR | Mode::WUSR) {
                Ok(file) => return Ok(Unpublished { file: file.into(), name: None }),
                Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let name = random_name(UNPUBLISHED)?;
        let flags = FILE | OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        let file = File::from(rustix::fs::openat(&self.0, name.as_str(), flags, Mode::RUSR | Mode::WUSR)?);
        // Locked as long as it is open, so that nobody takes it for left behind.
        let _ = file.try_lock();
        Ok(Unpublished { file, name: Some(name) })
    }
}

/// When and how large an open file is.
pub(crate) fn status_of_file(file: &File) -> io::Result<Status> {
    Ok(status_of(&rustix::fs::fstat(file)?))
}

fn status_of(stat: &Stat) -> Status {
    let since = Duration::new(stat.st_mtime.max(0).unsigned_abs(), u32::try_from(stat.st_mtime_nsec).unwrap_or(0));
    Status { bytes: stat.st_blocks.max(0).unsigned_abs() * 512, modified: SystemTime::UNIX_EPOCH + since }
}

/// Why a directory is not ours alone.
fn distrust(stat: &Stat) -> Option<String> {
    let us = rustix::process::geteuid().as_raw();
    let mode = Mode::from_raw_mode(stat.st_mode);
    if stat.st_uid != us {
        return Some(format!("it belongs to user {}, not to user {us}; name a directory of your own", stat.st_uid));
    }
    mode.intersects(Mode::WGRP | Mode::WOTH)
        .then(|| "others may write to it; run chmod go-w on it, or name another directory".to_owned())
}

fn link_open_file(file: &File, directory: &OwnedFd, name: &str) -> rustix::io::Result<()> {
    use std::os::fd::AsRawFd;

    let open = format!("/proc/self/fd/{}", file.as_raw_fd());
    match rustix::fs::linkat(rustix::fs::CWD, open, directory, name, AtFlags::SYMLINK_FOLLOW) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        Err(Errno::NOENT | Errno::NOTDIR) => rustix::fs::linkat(file, "", directory, name, AtFlags::EMPTY_PATH),
        linked => linked,
    }
}

fn take_space(file: &File, length: u64) -> io::Result<()> {
    if length == 0 {
        return Ok(());
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, length) {
        Ok(()) => return Ok(()),
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
        Err(error) => return Err(error.into()),
    }
    file.set_len(length)
}
