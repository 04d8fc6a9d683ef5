//! What becomes of each entry of the source: pure decisions.

use std::path::{Path, PathBuf};

use super::{End, Entry, Item, Planned, Ready};
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

    /// Where the entry of a name goes.
    pub(super) fn end(&self, relative: &str) -> End {
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

/// What the plans of all entries have in common.
#[derive(Clone, Debug)]
pub(crate) struct Planner {
    pub(crate) destination: Destination,
    /// The entry is the only one of its command, named on the command line.
    pub(crate) alone: bool,
    /// Sources go when they have arrived.
    pub(crate) moving: bool,
    /// Nothing is said of what lies in an archive.
    pub(crate) ignore_archived: bool,
}

impl Planner {
    /// Plans one entry.
    pub(crate) fn plan(&self, entry: Entry) -> Planned {
        match entry {
            Entry::Ready(ready) => self.plan_ready(*ready),
            Entry::Unfit { warning, .. } => Planned::Skip(Some(warning)),
        }
    }

    fn plan_ready(&self, entry: Ready) -> Planned {
        let Ready { end: source, relative, size, archived, .. } = entry;
        if let Some(warning) = archived {
            return Planned::Skip((!self.ignore_archived).then_some(warning));
        }
        if let (End::Object(root, at), Destination::Directory(_)) = (&source, &self.destination)
            && let Some(message) = unfit_for_a_path(&relative)
        {
            return Planned::Skip(Some(Warning { path: root.url(at.key()), message: message.to_owned() }));
        }
        let destination = self.destination.end(&relative);
        let action = match (&source, &destination) {
            _ if self.moving => Action::Move,
            (End::Object(..), End::Object(..)) => Action::Copy,
            (_, End::Object(..)) => Action::Upload,
            _ => Action::Download,
        };
        let streamed = matches!(source, End::Stream) || matches!(destination, End::Stream);
        let line = Line { action, source: shown(&source), destination: Some(shown(&destination)), streamed };
        Planned::Transfer(Box::new(Item { source, destination, size, line, alone: self.alone }))
    }
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
        let planner = Planner { destination: Destination::Stream, alone: false, moving: false, ignore_archived: true };
        let unfit = planner.plan(Entry::Unfit { warning: warning.clone(), relative: "x".to_owned() });
        assert!(matches!(unfit, Planned::Skip(Some(_))));
        let archived = Ready {
            end: End::Stream,
            relative: "x".to_owned(),
            size: None,
            modified: None,
            listed: None,
            archived: Some(warning),
        };
        assert!(matches!(planner.plan(Entry::Ready(Box::new(archived))), Planned::Skip(None)));
    }
}
