//! What becomes of each entry of the source: pure decisions.

use std::path::{Path, PathBuf};

use super::{End, Entry, Item, Planned};
use crate::local;
use crate::operand::as_directory;
use crate::output::{Action, Line, Warning};
use crate::session::Root;

/// Where transfers go.
#[derive(Clone, Debug)]
pub(crate) enum Destination {
    /// Standard output.
    Stream,
    /// A file.
    File(PathBuf),
    /// A directory, into which names go.
    Directory(PathBuf),
    /// An object.
    Object(Root),
    /// A prefix, under which names go.
    Prefix(Root),
}

impl Destination {
    /// A local destination: a directory if everything under the source goes there, if it is one, or if it is written as one.
    pub(crate) fn local(path: PathBuf, recursive: bool) -> Self {
        let written_as_directory = path.as_os_str().as_encoded_bytes().ends_with(b"/");
        if recursive || written_as_directory || path.is_dir() { Self::Directory(path) } else { Self::File(path) }
    }

    /// A destination in a store: a prefix if everything under the source goes there, or if it is written as one.
    pub(crate) fn store(root: Root, recursive: bool) -> Self {
        let key = root.at.key();
        if recursive || key.is_empty() || key.ends_with('/') { Self::Prefix(root) } else { Self::Object(root) }
    }

    fn end(&self, relative: &str) -> End {
        match self {
            Self::Stream => End::Stream,
            Self::File(path) => End::Local(path.clone()),
            // A name that begins with a slash stays below the directory.
            Self::Directory(path) => End::Local(path.join(relative.trim_start_matches('/'))),
            Self::Object(root) => End::Object(root.clone(), root.at.clone()),
            Self::Prefix(root) => {
                let key = format!("{}{relative}", as_directory(root.at.key()));
                End::Object(root.clone(), root.at.with_key(key))
            }
        }
    }
}

/// Plans one entry.
pub(crate) fn plan(entry: Entry, destination: &Destination, alone: bool, ignore_archived: bool) -> Planned {
    let (source, relative, size) = match entry {
        Entry::Ready { end, relative, size } => (end, relative, size),
        Entry::Unfit(warning) => return Planned::Skip(Some(warning)),
        Entry::Archived(warning) => return Planned::Skip((!ignore_archived).then_some(warning)),
    };
    if let (End::Object(root, at), Destination::Directory(_)) = (&source, destination)
        && let Some(message) = unfit_for_a_path(&relative)
    {
        return Planned::Skip(Some(Warning { path: root.url(at.key()), message: message.to_owned() }));
    }
    let destination = destination.end(&relative);
    let action = match (&source, &destination) {
        (End::Object(..), End::Object(..)) => Action::Copy,
        (_, End::Object(..)) => Action::Upload,
        _ => Action::Download,
    };
    let streamed = matches!(source, End::Stream) || matches!(destination, End::Stream);
    let line = Line { action, source: shown(&source), destination: Some(shown(&destination)), streamed };
    Planned::Move(Box::new(Item { source, destination, size, line, alone }))
}

/// Why a key cannot be the path of a file below a directory.
fn unfit_for_a_path(relative: &str) -> Option<&'static str> {
    if relative.split('/').any(|part| part == "..") {
        return Some("File references a parent directory.");
    }
    if relative.is_empty() || relative.ends_with('/') {
        return Some("Its key ends in a slash, which no file name does.");
    }
    if relative.contains('\0') {
        return Some("Its key holds a zero byte, which no file name does.");
    }
    let escapes = Path::new(relative.trim_start_matches('/')).is_absolute();
    escapes.then_some("Its key names a place outside of the directory.")
}

/// An end as `aws s3` shows it.
pub(crate) fn shown(end: &End) -> String {
    match end {
        End::Stream => "-".to_owned(),
        End::Local(path) => local::shown(path),
        End::Object(root, at) => root.url(at.key()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_out_of_the_directory_are_no_paths() {
        for name in ["..", "../x", "a/../../x", "a/..", "", "a/", "a\0b"] {
            assert!(unfit_for_a_path(name).is_some(), "{name:?}");
        }
        for name in ["a", "a/b", "/etc/passwd", "..a", "a..", "a//b", "...", "ünï"] {
            assert_eq!(unfit_for_a_path(name), None, "{name:?}");
        }
    }

    #[test]
    fn an_absolute_name_stays_below_the_directory() {
        let directory = Destination::Directory(PathBuf::from("got"));
        let End::Local(path) = directory.end("//etc/passwd") else { panic!("a local end") };
        assert_eq!(path, Path::new("got/etc/passwd"));
    }

    #[test]
    fn a_trailing_slash_makes_a_directory() {
        assert!(matches!(Destination::local("nowhere/".into(), false), Destination::Directory(_)));
        assert!(matches!(Destination::local("nowhere".into(), false), Destination::File(_)));
        assert!(matches!(Destination::local("nowhere".into(), true), Destination::Directory(_)));
        assert!(matches!(Destination::local("/".into(), false), Destination::Directory(_)));
    }

    #[test]
    fn warnings_pass_through() {
        let warning = Warning { path: "x".to_owned(), message: "y".to_owned() };
        let destination = Destination::Stream;
        let unfit = plan(Entry::Unfit(warning.clone()), &destination, false, false);
        assert!(matches!(unfit, Planned::Skip(Some(_))));
        assert!(matches!(plan(Entry::Archived(warning), &destination, false, true), Planned::Skip(None)));
    }
}
