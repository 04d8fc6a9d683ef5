//! Removing objects: many at once, for a directory is brought to the disk once for all that went from it.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::limits::check_key;
use super::super::{DeleteTarget, Operation, StoreError};
use super::asked::Asked;
use super::bucket_directory::{BucketDirectory, sync_directory};
use super::object_file::ObjectFile;
use super::path::object_path;
use crate::Location;

/// How many objects are removed before the first of them is answered for.
pub(super) const TOGETHER: usize = 1000;

/// Removes objects; each answer tells that its object has gone from the disk, or why it has not. In any order. Blocks.
pub(super) fn remove_objects(root: &Path, targets: &[DeleteTarget]) -> Vec<Result<Location, StoreError>> {
    let mut answers = Vec::with_capacity(targets.len());
    let mut buckets = HashMap::new();
    // What has gone from each directory, and is not known to have gone from the disk.
    let mut touched: BTreeMap<PathBuf, Vec<&Location>> = BTreeMap::new();
    for target in targets {
        match remove_object(root, &mut buckets, target) {
            Ok(Some(directory)) => touched.entry(directory).or_default().push(&target.at),
            Ok(None) => answers.push(Ok(target.at.clone())),
            Err(error) => answers.push(Err(error)),
        }
    }
    for (directory, gone) in touched {
        let synced = match sync_directory(&directory) {
            // Another delete took the directory along.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            synced => synced,
        };
        answers.extend(gone.into_iter().map(|at| match &synced {
            Ok(()) => Ok(at.clone()),
            Err(error) => {
                let error = io::Error::new(error.kind(), error.to_string());
                Err(Asked::new(Operation::Delete, at).io("cannot sync", &directory, error))
            }
        }));
    }
    answers
}

/// Removes an object; answers the directory that shows it, where there was one.
fn remove_object(
    root: &Path,
    buckets: &mut HashMap<String, BucketDirectory>,
    target: &DeleteTarget,
) -> Result<Option<PathBuf>, StoreError> {
    let asked = Asked::new(Operation::Delete, &target.at);
    let key = target.at.key();
    check_key(asked.operation, &asked.at)?;
    let bucket = match buckets.get(target.at.bucket()) {
        Some(bucket) => bucket,
        None => {
            let bucket = BucketDirectory::open(root, &asked)?;
            buckets.entry(target.at.bucket().to_owned()).or_insert(bucket)
        }
    };
    let relative = object_path(key);
    let path = bucket.path().join(&relative);
    bucket.refuse_links(&relative, &asked)?;
    let _lock = bucket.lock_key(key, &asked)?;
    if let Some(e_tag) = &target.if_match
        && ObjectFile::standing_tag(&path, key).map_err(|error| asked.object_file(&path, error))? != *e_tag
    {
        return Err(asked.other_tag());
    }
    match fs::remove_file(&path) {
        Ok(()) => Ok(Some(bucket.prune_directories(relative.parent().unwrap_or(Path::new(""))))),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(asked.io("cannot remove", &path, error)),
    }
}
