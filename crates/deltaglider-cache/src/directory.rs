//! Directories that nobody else may write to, as handles where the system has them.

#[cfg(any(not(unix), test))]
#[cfg_attr(unix, allow(dead_code))]
mod portable;
#[cfg(unix)]
mod unix;

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use deltaglider_core::cache::CacheError;

#[cfg(not(unix))]
pub(crate) use self::portable::{Directory, status_of_file};
#[cfg(unix)]
pub(crate) use self::unix::{Directory, status_of_file};

/// Beginning of the names of files that are not published yet, where files without a name are not to be had.
pub(crate) const UNPUBLISHED: &str = "unpublished-";

/// What is known of a file without opening it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Status {
    /// Bytes that it takes on disk.
    pub(crate) bytes: u64,
    /// When it was last written, or marked as used.
    pub(crate) modified: SystemTime,
}

/// A file that has no name yet, or none that counts.
#[derive(Debug)]
pub(crate) struct Unpublished {
    pub(crate) file: File,
    /// Its name until it is published; the owner holds a lock on the file.
    name: Option<String>,
}

/// A name that nobody guesses.
pub(crate) fn random_name(prefix: &str) -> io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(format!("{prefix}{}", hex::encode(bytes)))
}

/// Whether a name is `prefix` and then as many hexadecimal digits in lower case.
pub(crate) fn is_hex_name(name: &str, prefix: &str, digits: usize) -> bool {
    name.strip_prefix(prefix)
        .is_some_and(|rest| rest.len() == digits && rest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}

fn insecure(path: &Path, reason: impl Into<String>) -> CacheError {
    CacheError::InsecureDirectory { path: path.to_owned(), reason: reason.into() }
}

/// Takes an absence as an answer.
pub(crate) fn absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    /// Both kinds of directory do the same.
    macro_rules! directory_tests {
        ($kind:ident, $directory:ty) => {
            mod $kind {
                use super::*;

                #[test]
                fn files_appear_when_they_are_published_and_once() -> Result<(), Box<dyn std::error::Error>> {
                    let place = tempfile::tempdir()?;
                    let root = <$directory>::open_own(&place.path().join("a/b"))?;
                    let directory = root.ensure_child("entries")?;
                    let mut first = directory.unpublished(3)?;
                    first.file.write_all(b"one")?;
                    assert!(directory.publish(&first, "name")?);
                    let second = directory.unpublished(0)?;
                    assert!(!directory.publish(&second, "name")?);
                    drop(directory.unpublished(10)?);
                    let mut text = String::new();
                    directory.open_file("name")?.read_to_string(&mut text)?;
                    assert_eq!(text, "one");
                    assert!(directory.status("name")?.bytes >= 3);
                    let names: Vec<_> = directory.names()?;
                    assert_eq!(names.iter().filter(|name| *name == "name").count(), 1);
                    directory.sweep_unpublished();
                    assert_eq!(directory.names()?, ["name"]);
                    directory.unlink("name")?;
                    assert!(absent(directory.open_file("name"))?.is_none());
                    Ok(())
                }

                #[test]
                fn directories_move_and_go() -> Result<(), Box<dyn std::error::Error>> {
                    let place = tempfile::tempdir()?;
                    let root = <$directory>::open_own(place.path().join("root").as_path())?;
                    let child = root.ensure_child("v1")?;
                    child.lock_file("lock")?;
                    root.rename("v1", &root, "trash")?;
                    assert!(absent(root.child("v1"))?.is_none());
                    root.child("trash")?.unlink("lock")?;
                    root.remove_child("trash")?;
                    assert!(root.names()?.is_empty());
                    assert!(!root.is_gone());
                    Ok(())
                }

                #[test]
                fn one_owner_at_a_time() -> Result<(), Box<dyn std::error::Error>> {
                    let place = tempfile::tempdir()?;
                    let root = <$directory>::open_own(place.path().join("root").as_path())?;
                    let owner = root.try_own()?;
                    assert!(owner.is_some());
                    assert!(root.try_own()?.is_none());
                    drop(owner);
                    assert!(root.try_own()?.is_some());
                    Ok(())
                }
            }
        };
    }

    #[cfg(unix)]
    directory_tests!(by_handles, super::unix::Directory);
    directory_tests!(by_paths, super::portable::Directory);

    #[test]
    fn names_are_recognised() {
        assert!(is_hex_name("trash-00ff", "trash-", 4));
        assert!(!is_hex_name("trash-00fF", "trash-", 4) && !is_hex_name("trash-00f", "trash-", 4));
    }
}
