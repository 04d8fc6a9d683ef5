//! Local trees, walked as `aws s3` walks them, and local paths as it shows them.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use crate::output::Warning;

/// What a walk finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A file to be read.
    File(LocalFile),
    /// Something to be passed over with a warning.
    Unfit {
        warning: Warning,
        /// Its name below the tree's root; what is below that name could not be looked at.
        relative: String,
    },
}

/// A file of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocalFile {
    pub(crate) path: PathBuf,
    /// Its name below the tree's root, with `/` between its parts.
    pub(crate) relative: String,
    pub(crate) size: u64,
    pub(crate) modified: SystemTime,
}

const ABSENT: &str = "File does not exist.";
const SPECIAL: &str = "File is character special device, block special device, FIFO, or socket.";
const UNREADABLE: &str = "File/Directory is not readable.";
const NOT_UTF8: &str = "File name is not valid UTF-8.";
const LOOP: &str = "Symbolic link leads back to a directory above it.";

/// Looks at a single file. `None` for a symbolic link that is not to be followed.
pub(crate) fn single(path: &Path, follow_symlinks: bool) -> Option<Found> {
    if !follow_symlinks && path.is_symlink() {
        return None;
    }
    let Some(name) = path.file_name().map_or(Some(""), |name| name.to_str()) else {
        return Some(unfit(path, "", NOT_UTF8));
    };
    Some(match fs::metadata(path) {
        Err(_) => unfit(path, name, ABSENT),
        Ok(metadata) if is_special(&metadata) => unfit(path, name, SPECIAL),
        // A directory fails when it is read, and says so.
        Ok(metadata) if metadata.is_file() && File::open(path).is_err() => unfit(path, name, UNREADABLE),
        Ok(metadata) => file(path, name, &metadata),
    })
}

/// Walks a tree in the order of its names; `visit` says whether to go on. Blocks.
pub(crate) fn walk(root: &Path, follow_symlinks: bool, visit: &mut dyn FnMut(Found) -> bool) {
    let as_directory = |path: &Path| PathBuf::from(format!("{}/", path.display()));
    if !root.is_dir() {
        visit(unfit(&as_directory(root), "", ABSENT));
        return;
    }
    if !follow_symlinks && root.is_symlink() {
        return;
    }
    let mut walk = Walk { follow_symlinks, above: Vec::new(), visit };
    walk.directory(root, "");
}

struct Walk<'a> {
    follow_symlinks: bool,
    /// The directories that lead to where the walk is, with links resolved.
    above: Vec<PathBuf>,
    visit: &'a mut dyn FnMut(Found) -> bool,
}

impl Walk<'_> {
    /// Visits a directory; answers whether to go on.
    fn directory(&mut self, directory: &Path, relative: &str) -> bool {
        let resolved = fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
        if self.above.contains(&resolved) {
            return (self.visit)(unfit(directory, relative, LOOP));
        }
        let entries: io::Result<Vec<_>> = fs::read_dir(directory)
            .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.file_name())).collect());
        let Ok(mut names) = entries else {
            return (self.visit)(unfit(directory, relative, UNREADABLE));
        };
        // Keys come in the order of their bytes, where a directory's name ends in a slash.
        names.sort_by_cached_key(|name| {
            let mut key = name.as_encoded_bytes().to_vec();
            if directory.join(name).is_dir() {
                key.push(b'/');
            }
            key
        });
        self.above.push(resolved);
        let on = names.iter().all(|name| match name.to_str() {
            Some(text) => self.entry(&directory.join(name), &format!("{relative}{text}")),
            None => {
                let shown = format!("{relative}{}", name.to_string_lossy());
                (self.visit)(unfit(&directory.join(name), &shown, NOT_UTF8))
            }
        });
        self.above.pop();
        on
    }

    fn entry(&mut self, path: &Path, relative: &str) -> bool {
        if !self.follow_symlinks && path.is_symlink() {
            return true;
        }
        let found = match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => return self.directory(path, &format!("{relative}/")),
            Ok(metadata) if is_special(&metadata) => unfit(path, relative, SPECIAL),
            Ok(metadata) => match File::open(path) {
                Ok(_) => file(path, relative, &metadata),
                Err(_) => unfit(path, relative, UNREADABLE),
            },
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => unfit(path, relative, UNREADABLE),
            Err(_) => unfit(path, relative, ABSENT),
        };
        (self.visit)(found)
    }
}

fn is_special(metadata: &Metadata) -> bool {
    !metadata.is_file() && !metadata.is_dir()
}

fn file(path: &Path, relative: &str, metadata: &Metadata) -> Found {
    Found::File(LocalFile {
        path: path.to_owned(),
        relative: relative.to_owned(),
        size: metadata.len(),
        // A file system without times says that everything is new: it is moved once more rather than once too few.
        modified: metadata.modified().unwrap_or_else(|_| SystemTime::now()),
    })
}

fn unfit(path: &Path, relative: &str, message: &str) -> Found {
    let absolute = absolute(path);
    let slash = if path.as_os_str().as_encoded_bytes().ends_with(b"/") { "/" } else { "" };
    let warning = Warning { path: format!("{}{slash}", absolute.display()), message: message.to_owned() };
    Found::Unfit { warning, relative: relative.trim_end_matches('/').to_owned() }
}

/// The path from the root on, without `.` and `..`, links left as they are.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

/// A path as `aws s3` shows it: relative to the working directory, with `./` where there is no directory part.
pub(crate) fn shown(path: &Path) -> String {
    match std::env::current_dir() {
        Ok(here) => relative_to(&absolute(path), &here).display().to_string(),
        Err(_) => path.display().to_string(),
    }
}

fn relative_to(path: &Path, here: &Path) -> PathBuf {
    let name = path.file_name().map_or_else(PathBuf::new, PathBuf::from);
    let directory: Vec<Component<'_>> = path.parent().unwrap_or(path).components().collect();
    let here: Vec<Component<'_>> = here.components().collect();
    let common = directory.iter().zip(&here).take_while(|(a, b)| a == b).count();
    let mut relative: PathBuf = std::iter::repeat_n("..", here.len() - common).collect();
    relative.extend(&directory[common..]);
    if relative.as_os_str().is_empty() {
        relative.push(".");
    }
    relative.join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_shown_relative() {
        let here = Path::new("/home/me/w");
        for (path, expected) in [
            ("/home/me/w/a.zip", "./a.zip"),
            ("/home/me/w/d/a.zip", "d/a.zip"),
            ("/home/me/a.zip", "../a.zip"),
            ("/tmp/x/a.zip", "../../../tmp/x/a.zip"),
        ] {
            assert_eq!(relative_to(Path::new(path), here), Path::new(expected));
        }
    }

    #[test]
    fn dots_are_taken_out_of_paths() {
        assert_eq!(absolute(Path::new("/a/./b/../c")), Path::new("/a/c"));
        assert_eq!(absolute(Path::new("/../a")), Path::new("/a"));
    }

    fn names(root: &Path, follow: bool) -> Vec<String> {
        let mut names = Vec::new();
        walk(root, follow, &mut |found| {
            names.push(match found {
                Found::File(file) => file.relative,
                Found::Unfit { warning, .. } => format!("! {}", warning.message),
            });
            true
        });
        names
    }

    #[test]
    fn trees_come_in_the_order_of_keys() {
        let tree = tempfile::tempdir().expect("a directory");
        let root = tree.path();
        fs::create_dir(root.join("a")).expect("made");
        fs::create_dir(root.join("empty")).expect("made");
        for name in ["a.txt", "a/x", "a0", ".hidden"] {
            fs::write(root.join(name), name).expect("written");
        }
        assert_eq!(names(root, true), [".hidden", "a.txt", "a/x", "a0"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_or_not_and_never_in_a_circle() {
        use std::os::unix::fs::symlink;

        let tree = tempfile::tempdir().expect("a directory");
        let root = tree.path();
        fs::create_dir(root.join("d")).expect("made");
        fs::write(root.join("d/f"), "f").expect("written");
        symlink("d", root.join("l")).expect("linked");
        symlink("..", root.join("d/up")).expect("linked");
        symlink("nowhere", root.join("n")).expect("linked");
        let looped = format!("! {LOOP}");
        let absent = format!("! {ABSENT}");
        assert_eq!(names(root, true), ["d/f", looped.as_str(), "l/f", looped.as_str(), absent.as_str()]);
        assert_eq!(names(root, false), ["d/f"]);
    }

    #[test]
    fn a_file_is_no_tree() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let mut found = Vec::new();
        walk(file.path(), true, &mut |entry| {
            found.push(entry);
            true
        });
        let path = format!("{}/", file.path().display());
        let warning = Warning { path, message: ABSENT.to_owned() };
        assert_eq!(found, [Found::Unfit { warning, relative: String::new() }]);
    }
}
