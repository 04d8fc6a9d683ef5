//! Downloads: into a file beside the target, which takes its name only when its content was proven.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use deltaglider::PartialFile;
use deltaglider::core::engine::DownloadReport;
use deltaglider::core::progress::SharedProgress;
use deltaglider::core::{Error, Location};

use crate::failure::Failure;
use crate::session::Root;

/// Fetches an object into a file. Until its content is proven, a file of that name stays as it is.
pub(super) async fn download(
    root: &Root,
    at: &Location,
    target: &Path,
    progress: &SharedProgress,
) -> Result<DownloadReport, Failure> {
    let failed = |error: io::Error| Failure::local(format!("{} cannot be written", target.display()), &error);
    if is_device(target) {
        let file = File::options().write(true).open(target).map_err(failed)?;
        return Ok(root.engine.download(at, file, progress).await?);
    }
    let partial = PartialFile::begin(target).map_err(failed)?;
    let times = partial.file().map_err(failed)?;
    let file = partial.file().map_err(failed)?;
    let report = root.engine.download(at, file, progress).await.map_err(|error| match error {
        Error::Destination(error) => failed(error),
        other => other.into(),
    })?;
    times.set_modified(report.head.last_modified).map_err(failed)?;
    partial.publish().map_err(failed)?;
    Ok(report)
}

/// Whether a path is one that bytes are written to, and not replaced: a device or a pipe.
fn is_device(target: &Path) -> bool {
    fs::metadata(target).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}
