//! A file that is being made: it has its name when it is whole, and until then, where the system can, none at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::{Builder, TempPath};

/// Longest name that file systems take, in bytes.
const NAME_MAX: usize = 255;
const MARK: &str = ".dgtmp-";
const RANDOM: usize = 8;

/// A file that takes its name when it is published; dropped before that, nothing is left of it.
///
/// On Linux it has no name until then (`O_TMPFILE`), where the file system can do that: the system removes it however the process ends.
/// Elsewhere it is called `NAME.dgtmp-XXXXXXXX`, beside the file that it is to be, and is left there where the process is killed.
#[derive(Debug)]
pub struct PartialFile {
    file: File,
    /// None where it has no name.
    name: Option<TempPath>,
    target: PathBuf,
}

impl PartialFile {
    /// Begins a file of this name. Directories on the way are made; what has the name stays as it is until the end. Blocks.
    ///
    /// # Errors
    /// What the system says, and `IsADirectory` for the name of a directory.
    pub fn begin(target: &Path) -> io::Result<Self> {
        if target.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        fs::create_dir_all(directory(target))?;
        match unnamed(target) {
            Some(file) => Ok(Self { file, name: None, target: target.to_owned() }),
            None => Self::with_name(target),
        }
    }

    /// The file, to be written to from its beginning.
    ///
    /// # Errors
    /// What the system says, which has no descriptor left.
    pub fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Gives it its name, and replaces what has that. Blocks.
    ///
    /// # Errors
    /// What the system says; what has the name stays then.
    pub fn publish(self) -> io::Result<()> {
        let Self { file, name, target } = self;
        let name = match name {
            Some(name) => name,
            None => match link(&file, &target) {
                Ok(()) => return Ok(()),
                // Links replace nothing, renames do.
                Err(_) => match beside(&target, |builder, place| builder.make_in(place, |path| link(&file, path))) {
                    Ok(linked) => linked.into_temp_path(),
                    Err(_) => copied(file, &target)?,
                },
            },
        };
        name.persist(target).map_err(|error| error.error)
    }

    fn with_name(target: &Path) -> io::Result<Self> {
        let (file, name) = named(target)?;
        Ok(Self { file, name: Some(name), target: target.to_owned() })
    }
}

fn directory(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Uses a name beside this one that nothing has.
fn beside<T>(target: &Path, make: impl FnOnce(&mut Builder<'_, '_>, &Path) -> io::Result<T>) -> io::Result<T> {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!("{}{MARK}", &name[..name.floor_char_boundary(NAME_MAX - MARK.len() - RANDOM)]);
    make(Builder::new().prefix(&prefix).rand_bytes(RANDOM), directory(target))
}

/// An empty file beside this one.
fn named(target: &Path) -> io::Result<(File, TempPath)> {
    beside(target, |builder, directory| {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // As any new file: the user's umask takes away from this.
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        Ok(builder.tempfile_in(directory)?.into_parts())
    })
}

/// A file without a name that can be given one; none where the system or the file system has no such.
#[cfg(target_os = "linux")]
fn unnamed(target: &Path) -> Option<File> {
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

    use rustix::fs::OFlags;

    let flags = i32::try_from(OFlags::TMPFILE.bits()).ok()?;
    // As any new file: the user's umask takes away from this.
    let mut options = File::options();
    let file = options.read(true).write(true).mode(0o666).custom_flags(flags).open(directory(target)).ok()?;
    // Where it gets its name by.
    let (own, seen) = (file.metadata().ok()?, fs::metadata(descriptor(&file)).ok()?);
    ((own.dev(), own.ino()) == (seen.dev(), seen.ino())).then_some(file)
}

#[cfg(not(target_os = "linux"))]
fn unnamed(_target: &Path) -> Option<File> {
    None
}

/// Gives a file a name that nothing has.
#[cfg(target_os = "linux")]
fn link(file: &File, path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};

    Ok(linkat(CWD, descriptor(file), CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

#[cfg(not(target_os = "linux"))]
fn link(_file: &File, _path: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(target_os = "linux")]
fn descriptor(file: &File) -> PathBuf {
    use std::os::fd::AsRawFd;

    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// The same content under a name, for a file system that makes files without one and then gives them none.
fn copied(mut file: File, target: &Path) -> io::Result<TempPath> {
    use std::io::Seek;

    let (mut copy, name) = named(target)?;
    file.rewind()?;
    io::copy(&mut file, &mut copy)?;
    copy.set_modified(file.metadata()?.modified()?)?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::{Duration, SystemTime};

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).expect("listed").flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    /// Ways to begin: what this system does, and what it does where a file has a name from the beginning.
    const WAYS: [fn(&Path) -> io::Result<PartialFile>; 2] = [PartialFile::begin, PartialFile::with_name];

    #[test]
    fn a_target_is_replaced_only_when_all_is_there() {
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        for way in WAYS {
            let directory = tempfile::tempdir().expect("a directory");
            let target = directory.path().join("a.zip");
            for content in ["first", "second"] {
                let before = fs::read(&target).ok();
                let partial = way(&target).expect("begun");
                let mut file = partial.file().expect("a descriptor");
                file.write_all(content.as_bytes()).expect("written");
                file.set_modified(modified).expect("set");
                assert_eq!(fs::read(&target).ok(), before);
                partial.publish().expect("published");
                assert_eq!(fs::read(&target).expect("there"), content.as_bytes());
                assert_eq!(fs::metadata(&target).expect("there").modified().expect("known"), modified);
                assert_eq!(names(directory.path()), ["a.zip"]);
            }
            let dropped = way(&target).expect("begun");
            drop(dropped);
            assert_eq!(names(directory.path()), ["a.zip"]);
        }
    }

    #[test]
    fn directories_are_made_and_not_replaced() {
        let directory = tempfile::tempdir().expect("a directory");
        PartialFile::begin(&directory.path().join("sub/a.zip")).expect("begun").publish().expect("published");
        assert_eq!(names(&directory.path().join("sub")), ["a.zip"]);
        let error = PartialFile::begin(&directory.path().join("sub")).expect_err("a directory");
        assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
    }

    #[test]
    fn the_longest_name_has_a_temporary_one_too() {
        for way in WAYS {
            let directory = tempfile::tempdir().expect("a directory");
            let target = directory.path().join("\u{fc}".repeat(127));
            for _ in 0..2 {
                way(&target).expect("begun").publish().expect("published");
            }
            assert_eq!(names(directory.path()).len(), 1);
        }
    }

    #[test]
    fn what_can_be_given_no_name_is_copied() {
        let directory = tempfile::tempdir().expect("a directory");
        let target = directory.path().join("a.zip");
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(b"all of it").expect("written");
        let name = copied(file, &target).expect("copied");
        name.persist(&target).expect("renamed");
        assert_eq!(fs::read(&target).expect("there"), b"all of it");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn it_has_no_name_where_the_system_can_do_without() {
        let directory = tempfile::tempdir().expect("a directory");
        let partial = PartialFile::begin(&directory.path().join("a.zip")).expect("begun");
        // Not on every file system; on those that tests run on, it is.
        let can = unnamed(&directory.path().join("b")).is_some();
        assert_eq!(names(directory.path()).is_empty(), can);
        drop(partial);
        assert!(names(directory.path()).is_empty());
    }
}
