//! An object that is being written, and the step that makes it visible.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Weak;

use md5::Digest;

use super::super::{Attributes, ETag, PutMode, StoreError, StoreErrorKind};
use super::asked::Asked;
use super::bucket_directory::{BucketDirectory, sync_directory, unique};
use super::object_file::{ObjectFile, ObjectFileError, Trailer};
use super::path::object_path;
use crate::Md5;

/// How often the directories of an object are made anew, while others remove them because they are empty.
const ATTEMPTS: usize = 1000;

/// Bytes in one piece of a copy.
const BUFFER: usize = 1 << 20;

/// A file in the bucket's staging directory, locked as long as it lives; dropped, it is removed.
#[derive(Debug)]
pub(super) struct StagedFile {
    file: File,
    path: PathBuf,
    bucket: BucketDirectory,
    asked: Asked,
    md5: md5::Md5,
    size: u64,
}

impl StagedFile {
    /// Begins an object. Blocks.
    pub(super) fn create(bucket: BucketDirectory, asked: Asked) -> Result<Self, StoreError> {
        loop {
            let path = bucket.staging().join(unique(&asked)?);
            let file = OpenOptions::new().write(true).create_new(true).open(&path).and_then(|file| {
                file.lock()?;
                Ok(file)
            });
            let file = file.map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => bucket.gone(&asked),
                _ => asked.io("cannot write", &path, error),
            })?;
            // A sweep that came before the lock took the file for a dead writer's.
            if path.exists() {
                return Ok(Self { file, path, bucket, asked, md5: md5::Md5::new(), size: 0 });
            }
        }
    }

    /// How many bytes were written.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Appends to the content. Blocks.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.md5.update(bytes);
        self.size += bytes.len() as u64;
        self.file.write_all(bytes).map_err(|error| self.asked.io("cannot write", &self.path, error))
    }

    /// Appends a whole file. Blocks.
    pub(super) fn write_file(&mut self, path: &Path) -> Result<(), StoreError> {
        let unreadable = |asked: &Asked, error| asked.io("cannot read", path, error);
        let mut file = File::open(path).map_err(|error| unreadable(&self.asked, error))?;
        let mut buffer = vec![0; BUFFER];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => self.write(&buffer[..read])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(&self.asked, error)),
            }
        }
    }

    /// Appends the content of another object. Blocks.
    pub(super) fn write_object(&mut self, source: &ObjectFile) -> Result<(), StoreError> {
        while let left = source.trailer.size - self.size
            && left > 0
        {
            let bytes = source.read(self.size, left.min(BUFFER as u64) as usize);
            let bytes = bytes.map_err(|error| self.asked.io("cannot read the source of", &self.path, error))?;
            self.write(&bytes)?;
        }
        Ok(())
    }

    /// Ends the object and makes it visible in one step, unless the condition does not hold or nobody wants it any more. Blocks.
    pub(super) fn publish(
        mut self,
        attributes: Attributes,
        mode: &PutMode,
        wanted: &Weak<()>,
    ) -> Result<ETag, StoreError> {
        let asked = self.asked.clone();
        let md5 = Md5(std::mem::take(&mut self.md5).finalize().into());
        let trailer = Trailer::new(asked.at.key(), self.size, md5, attributes);
        let written =
            trailer.encode().and_then(|bytes| self.file.write_all(&bytes)).and_then(|()| self.file.sync_data());
        written.map_err(|error| asked.io("cannot write", &self.path, error))?;
        if cfg!(windows) {
            // There a locked file cannot be read, and the lock would outlast the publication.
            drop(self.file.unlock());
        }
        let relative = object_path(asked.at.key());
        let parent = relative.parent().unwrap_or(Path::new(""));
        let _lock = self.bucket.lock_key(asked.at.key(), &asked)?;
        for _ in 0..ATTEMPTS {
            self.bucket.refuse_links(&relative, &asked)?;
            let target = self.bucket.path().join(&relative);
            if wanted.strong_count() == 0 {
                return Err(asked.error(StoreErrorKind::Other, "the put was given up"));
            }
            match self.place(&target, mode)? {
                Ok(()) => {
                    let directory = self.bucket.path().join(parent);
                    return match sync_directory(&directory) {
                        // A delete that came at once took the directory along.
                        Err(error) if error.kind() != io::ErrorKind::NotFound => {
                            Err(asked.io("cannot sync", &directory, error))
                        }
                        _ => Ok(trailer.e_tag()),
                    };
                }
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(asked.io("cannot write", &target, error));
                }
                Err(_) if !self.path.exists() => return Err(self.bucket.gone(&asked)),
                Err(_) => match self.bucket.make_directories(parent) {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(asked.io("cannot make", &self.bucket.path().join(parent), error)),
                },
            }
        }
        Err(asked.error(StoreErrorKind::Transient, "the object's directory was removed again and again"))
    }

    /// Gives the file its name; the caller holds the key's lock. The inner error is the system's.
    fn place(&self, target: &Path, mode: &PutMode) -> Result<io::Result<()>, StoreError> {
        let _lock = match self.bucket.lock_for_publishing() {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(self.bucket.gone(&self.asked)),
            Err(error) => return Ok(Err(error)),
        };
        let exists = || self.asked.error(StoreErrorKind::Conflict, "there is an object of this key");
        match mode {
            PutMode::Overwrite => {
                self.refuse_other_key(target)?;
                Ok(fs::rename(&self.path, target))
            }
            PutMode::Create => match fs::hard_link(&self.path, target) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(exists()),
                // A file system without links; the key's lock keeps other creators away.
                Err(error) if matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied) => {
                    if target.symlink_metadata().is_ok() {
                        return Err(exists());
                    }
                    Ok(fs::rename(&self.path, target))
                }
                linked => Ok(linked),
            },
            PutMode::Update(e_tag) => {
                let old = ObjectFile::standing_tag(target, self.asked.at.key());
                if old.map_err(|error| self.asked.object_file(target, error))? != *e_tag {
                    return Err(self.asked.other_tag());
                }
                Ok(fs::rename(&self.path, target))
            }
        }
    }

    /// Where the file system may take two keys for one name, an object is never replaced by that of another key.
    fn refuse_other_key(&self, target: &Path) -> Result<(), StoreError> {
        if cfg!(target_os = "linux") {
            return Ok(());
        }
        match ObjectFile::open(target, self.asked.at.key()) {
            Err(error @ ObjectFileError::Damaged(_)) => Err(self.asked.object_file(target, error)),
            _ => Ok(()),
        }
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        // Renamed, the name is gone; linked, it has to go; what cannot be removed is swept later.
        drop(fs::remove_file(&self.path));
    }
}

/// Removes what dead writers left: the system gave up their locks. Blocks.
pub(super) fn sweep(bucket: &BucketDirectory) {
    let Ok(entries) = fs::read_dir(bucket.staging()) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(file) = OpenOptions::new().write(true).open(&path) else { continue };
        match file.try_lock() {
            Ok(()) => match fs::remove_file(&path) {
                Ok(()) => tracing::info!(path = %path.display(), "removed what an interrupted put had left"),
                // Its writer has just published it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "cannot remove what an interrupted put left");
                }
            },
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => tracing::warn!(path = %path.display(), %error, "cannot lock"),
        }
    }
}
