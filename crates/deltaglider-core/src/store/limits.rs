//! What S3 refuses, for stores that have no server to refuse it.

use super::{Attributes, Operation, StoreError, StoreErrorKind};
use crate::Location;
use crate::location::MAX_KEY_BYTES;

/// Names and values of user metadata together, in bytes.
pub(super) const MAX_METADATA_BYTES: usize = 2048;

/// Refuses an empty key, and one over [`MAX_KEY_BYTES`].
pub(super) fn check_key(operation: Operation, at: &Location) -> Result<(), StoreError> {
    let length = at.key().len();
    let (code, message) = match length {
        0 => ("InvalidRequest", "the key is empty".to_owned()),
        1..=MAX_KEY_BYTES => return Ok(()),
        _ => ("KeyTooLongError", format!("the key is {length} bytes long; {MAX_KEY_BYTES} are allowed")),
    };
    Err(invalid(operation, at, code, message))
}

/// Refuses user metadata over [`MAX_METADATA_BYTES`].
pub(super) fn check_attributes(operation: Operation, at: &Location, attributes: &Attributes) -> Result<(), StoreError> {
    let length: usize = attributes.metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if length <= MAX_METADATA_BYTES {
        return Ok(());
    }
    let message = format!("the user metadata is {length} bytes long; {MAX_METADATA_BYTES} are allowed");
    Err(invalid(operation, at, "MetadataTooLarge", message))
}

/// Refuses a body that is not as long as it was said to be.
pub(super) fn check_length(at: &Location, declared: Option<u64>, length: u64) -> Result<(), StoreError> {
    match declared {
        Some(declared) if declared != length => {
            let message = format!("the body holds {length} bytes where {declared} were declared");
            Err(invalid(Operation::Put, at, "IncompleteBody", message))
        }
        _ => Ok(()),
    }
}

fn invalid(operation: Operation, at: &Location, code: &str, message: String) -> StoreError {
    let mut error = StoreError::new(operation, at, StoreErrorKind::Invalid, message);
    code.clone_into(&mut error.code);
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_inclusive() {
        let key = |length| Location::new("b", "k".repeat(length));
        assert!(check_key(Operation::Put, &key(1024)).is_ok());
        assert_eq!(check_key(Operation::Put, &key(1025)).expect_err("too long").code, "KeyTooLongError");
        assert_eq!(check_key(Operation::Put, &key(0)).expect_err("empty").kind, StoreErrorKind::Invalid);
        let attributes = |length: usize| Attributes {
            metadata: [("n".into(), "v".repeat(length - 1))].into(),
            ..Attributes::default()
        };
        assert!(check_attributes(Operation::Put, &key(1), &attributes(2048)).is_ok());
        let error = check_attributes(Operation::Put, &key(1), &attributes(2049)).expect_err("too large");
        assert_eq!(error.code, "MetadataTooLarge");
    }
}
