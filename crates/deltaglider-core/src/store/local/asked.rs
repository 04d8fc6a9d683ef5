//! What was asked of the store: the ground on which its errors are made.

use std::io;
use std::path::Path;

use super::super::{Operation, StoreError, StoreErrorKind};
use super::object_file::ObjectFileError;
use crate::Location;

/// An operation and its place.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// What was asked.
    pub(super) operation: Operation,
    /// Of which object.
    pub(super) at: Location,
}

impl Asked {
    pub(super) fn new(operation: Operation, at: &Location) -> Self {
        Self { operation, at: at.clone() }
    }

    pub(super) fn error(&self, kind: StoreErrorKind, message: impl Into<String>) -> StoreError {
        StoreError::new(self.operation, &self.at, kind, message)
    }

    pub(super) fn absent(&self) -> StoreError {
        self.error(StoreErrorKind::NotFound, "there is no object of this key")
    }

    pub(super) fn other_tag(&self) -> StoreError {
        self.error(StoreErrorKind::Conflict, "the object has another entity tag")
    }

    /// An error of the system at a path; what could not be done comes first: `cannot write`.
    pub(super) fn io(&self, what: &str, path: &Path, error: io::Error) -> StoreError {
        let kind = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                StoreErrorKind::NoSpace
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => StoreErrorKind::Denied,
            io::ErrorKind::InvalidFilename => StoreErrorKind::Invalid,
            _ => StoreErrorKind::Other,
        };
        self.error(kind, format!("{what} {}", path.display())).with_source(error)
    }

    /// A file that gives no object.
    pub(super) fn object_file(&self, path: &Path, error: ObjectFileError) -> StoreError {
        match error {
            ObjectFileError::Absent => self.absent(),
            ObjectFileError::Io(error) => self.io("cannot read", path, error),
            ObjectFileError::Damaged(why) => {
                let message = format!("{} is damaged: {why}", path.display());
                self.error(StoreErrorKind::Damaged, message)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_have_a_meaning() {
        let asked = Asked::new(Operation::Put, &Location::new("b", "k"));
        for (error, kind) in [
            (io::ErrorKind::StorageFull, StoreErrorKind::NoSpace),
            (io::ErrorKind::QuotaExceeded, StoreErrorKind::NoSpace),
            (io::ErrorKind::PermissionDenied, StoreErrorKind::Denied),
            (io::ErrorKind::ReadOnlyFilesystem, StoreErrorKind::Denied),
            (io::ErrorKind::InvalidFilename, StoreErrorKind::Invalid),
            (io::ErrorKind::Other, StoreErrorKind::Other),
        ] {
            let error = asked.io("cannot write", Path::new("/s/k"), error.into());
            assert_eq!((error.kind, error.message.as_str()), (kind, "cannot write /s/k"));
        }
        #[cfg(unix)]
        for (code, kind) in [
            (rustix::io::Errno::NOSPC, StoreErrorKind::NoSpace),
            (rustix::io::Errno::DQUOT, StoreErrorKind::NoSpace),
            (rustix::io::Errno::PERM, StoreErrorKind::Denied),
            (rustix::io::Errno::ACCESS, StoreErrorKind::Denied),
            (rustix::io::Errno::ROFS, StoreErrorKind::Denied),
        ] {
            assert_eq!(asked.io("cannot write", Path::new("/s/k"), code.into()).kind, kind);
        }
    }
}
