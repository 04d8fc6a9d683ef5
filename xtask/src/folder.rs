//! Folders as a whole.

use std::fs;
use std::path::Path;

use anyhow::Result;

/// Bytes of all files below a directory.
pub(crate) fn size_of(directory: &Path) -> Result<u64> {
    let mut size = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        size += if entry.file_type()?.is_dir() { size_of(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(size)
}
