//! Between local files and stores: one upload, one download, by URL.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use deltaglider_core::Error as EngineError;
use deltaglider_core::engine::{DownloadReport, Estimate, PutRequest, ReferenceUse, Source, VerifyReport};
use deltaglider_core::progress::silent;

use crate::client::Client;
use crate::error::Error;
use crate::object::ObjectInfo;
use crate::object::put::PutObjectOutput;
use crate::partial_file::PartialFile;
use crate::place::Place;
use crate::telemetry;

impl Client {
    /// Puts a file at a URL; at one that ends in `/`, or names a bucket, under the file's own name. Costs as [`Client::put_object`].
    pub async fn upload(&self, path: impl AsRef<Path>, url: &str) -> Result<PutObjectOutput, Error> {
        let path = path.as_ref();
        let place = self.upload_place(path, url)?;
        let source = Source::File(path.to_owned());
        let report = place.engine.put(&place.at, source, &PutRequest::default()).await;
        Ok(telemetry::put(report.map_err(|error| name_file(error, path))?.into()))
    }

    /// Fetches an object into a file; into a directory (or a path that ends in `/`), under the object's own name. Directories on the
    /// way are made. Costs as [`Client::get_object`].
    ///
    /// The file appears at once and complete, proven by its SHA-256, or not at all: until then its content is in a file
    /// without a name, or one beside it, which is removed on every failure (see [`PartialFile`]). A file that is there is replaced.
    ///
    /// # Errors
    /// [`Error::Usage`] where the object's name cannot be that of a file in the directory; [`Error::Local`]; else those of
    /// [`Engine::download`](deltaglider_core::engine::Engine::download).
    pub async fn download(&self, url: &str, path: impl AsRef<Path>) -> Result<Download, Error> {
        let place = self.object_place("GetObject", url)?;
        let path = download_path(path.as_ref(), place.at.name())?;
        let (file, partial) = {
            let path = path.clone();
            blocking(move || begin(&path)).await?
        };
        let report = place.engine.download(&place.at, file, &silent()).await;
        let DownloadReport { head, reference, fetched, .. } = report.map_err(|error| name_file(error, &path))?;
        let object = ObjectInfo::new(place.at, head);
        telemetry::got(reference, object.size, fetched);
        let path = blocking(move || publish(partial, path)).await?;
        Ok(Download { path, object, reference, fetched })
    }

    /// Reads the object at a URL to its end and compares it with its record. Costs as [`Client::get_object`].
    ///
    /// # Errors
    /// What says nothing about the object's bytes: that there is no such object, that the store cannot be reached.
    pub async fn verify(&self, url: &str) -> Result<VerifyReport, Error> {
        let place = self.object_place("GetObject", url)?;
        Ok(place.engine.verify(&place.at).await?)
    }

    /// What [`Client::upload`] would store, without storing it. Costs 1 request, and 1 more to fetch the reference where it is not
    /// cached.
    pub async fn estimate(&self, path: impl AsRef<Path>, url: &str) -> Result<Estimate, Error> {
        let path = path.as_ref();
        let place = self.upload_place(path, url)?;
        let source = Source::File(path.to_owned());
        let estimate = place.engine.estimate(&place.at, source, &PutRequest::default()).await;
        estimate.map_err(|error| name_file(error, path))
    }

    fn upload_place(&self, path: &Path, url: &str) -> Result<Place, Error> {
        let mut place = self.place(url)?;
        let key = place.at.key();
        if key.is_empty() || key.ends_with('/') {
            let name = path.file_name().and_then(OsStr::to_str).ok_or_else(|| {
                Error::Usage(format!("{} has no name that could be a key; write it out in the URL", path.display()))
            })?;
            place.at = place.at.with_key(format!("{key}{name}"));
        }
        if place.at.bucket().is_empty() {
            return Err(Error::Missing { operation: "PutObject", field: "bucket" });
        }
        Ok(place)
    }

    /// Resolves the URL of an object.
    pub(crate) fn object_place(&self, operation: &'static str, url: &str) -> Result<Place, Error> {
        let place = self.place(url)?;
        if place.at.bucket().is_empty() {
            return Err(Error::Missing { operation, field: "bucket" });
        }
        if place.at.key().is_empty() {
            return Err(Error::Missing { operation, field: "key" });
        }
        Ok(place)
    }
}

/// What a download did.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Download {
    /// The file.
    pub path: PathBuf,
    /// What is known of the object.
    pub object: ObjectInfo,
    /// Where the reference came from.
    pub reference: ReferenceUse,
    /// Bytes that had to be fetched: the stored form, and the reference where it was not cached.
    pub fetched: u64,
}

/// The file that a download makes. A key's last component is never a way out of the directory.
fn download_path(path: &Path, name: &str) -> Result<PathBuf, Error> {
    let ends_in_slash =
        path.as_os_str().as_encoded_bytes().last().is_some_and(|byte| std::path::is_separator(*byte as char));
    if !ends_in_slash && !path.is_dir() {
        return match path.file_name() {
            Some(_) => Ok(path.to_owned()),
            None => Err(Error::Usage(format!("{} cannot be a file", path.display()))),
        };
    }
    let is_name = !name.is_empty() && Path::new(name).file_name() == Some(OsStr::new(name)) && !name.contains('\0');
    if !is_name {
        return Err(Error::Usage(format!(
            "an object of the name `{}` cannot be a file; name the file",
            name.escape_debug()
        )));
    }
    Ok(path.join(name))
}

/// Says of an error of the source or the destination which file that was.
fn name_file(error: EngineError, path: &Path) -> Error {
    let path = path.to_owned();
    match error {
        EngineError::Source(source) => Error::Local { path, action: "read", source },
        EngineError::Destination(source) => Error::Local { path, action: "written", source },
        other => other.into(),
    }
}

/// Begins the file that is to be made.
fn begin(path: &Path) -> Result<(std::fs::File, PartialFile), Error> {
    let local = |action, source| Error::Local { path: path.to_owned(), action, source };
    if std::fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        // A device or a pipe would be replaced, not written to.
        return Err(local("replaced", io::Error::other("it is no regular file")));
    }
    let partial = PartialFile::begin(path).map_err(|error| local("written", error))?;
    let file = partial.file().map_err(|error| local("written", error))?;
    Ok((file, partial))
}

/// Puts the proven file in its place.
fn publish(partial: PartialFile, path: PathBuf) -> Result<PathBuf, Error> {
    match partial.publish() {
        Ok(()) => Ok(path),
        Err(source) => Err(Error::Local { path, action: "written", source }),
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going down, and nobody waits for the answer any more.
            Err(_) => futures::future::pending().await,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_in_its_directory() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name| download_path(directory.path(), name);
        assert_eq!(at("a.zip").expect("a path"), directory.path().join("a.zip"));
        for name in ["", ".", "..", "a\0b"] {
            assert!(at(name).is_err(), "{name:?}");
        }
        assert_eq!(download_path(Path::new("new/"), "a").expect("a path"), Path::new("new/a"));
        assert_eq!(download_path(Path::new("new"), "a").expect("a path"), Path::new("new"));
        assert!(download_path(Path::new("x/.."), "..").is_err());
    }
}
