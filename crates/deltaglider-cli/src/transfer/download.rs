//! Downloads: into a file beside the target, which takes its name only when its content was proven.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::SystemTime;

use deltaglider::core::engine::DownloadReport;
use deltaglider::core::progress::SharedProgress;
use deltaglider::core::{Error, Location};
use tempfile::{Builder, TempPath};

use crate::failure::Failure;
use crate::session::Root;

/// Longest name that file systems take, in bytes.
const NAME_MAX: usize = 255;
const MARK: &str = ".dgtmp-";
const RANDOM: usize = 8;

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
    let (file, temporary) = open_beside(target).map_err(failed)?;
    let times = file.try_clone().map_err(failed)?;
    let report = root.engine.download(at, file, progress).await.map_err(|error| match error {
        Error::Destination(error) => failed(error),
        other => other.into(),
    })?;
    publish(&times, temporary, target, report.head.last_modified).map_err(failed)?;
    Ok(report)
}

fn open_beside(target: &Path) -> io::Result<(File, TempPath)> {
    if target.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let directory = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(directory)?;
    let name = target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let prefix = format!("{}{MARK}", cut(&name, NAME_MAX - MARK.len() - RANDOM));
    let mut builder = Builder::new();
    builder.prefix(&prefix).rand_bytes(RANDOM);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As any new file: the user's umask takes away from this.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    Ok(builder.tempfile_in(directory)?.into_parts())
}

fn publish(file: &File, temporary: TempPath, target: &Path, modified: SystemTime) -> io::Result<()> {
    file.set_modified(modified)?;
    temporary.persist(target).map_err(|error| error.error)
}

/// Whether a path is one that bytes are written to, and not replaced: a device or a pipe.
fn is_device(target: &Path) -> bool {
    fs::metadata(target).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// The beginning of a text, at most so many bytes of it.
fn cut(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_replaced_only_when_all_is_there() {
        let directory = tempfile::tempdir().expect("a directory");
        let target = directory.path().join("sub/a.zip");
        let (file, temporary) = open_beside(&target).expect("opened");
        assert!(!target.exists());
        let modified = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        publish(&file, temporary, &target, modified).expect("published");
        assert_eq!(fs::metadata(&target).expect("there").modified().expect("known"), modified);
        assert_eq!(fs::read_dir(target.parent().expect("one")).expect("listed").count(), 1);
    }

    #[test]
    fn the_longest_name_has_a_temporary_one_too() {
        let directory = tempfile::tempdir().expect("a directory");
        let target = directory.path().join("ü".repeat(127));
        let opened = open_beside(&target).expect("opened");
        drop(opened);
        assert_eq!(fs::read_dir(directory.path()).expect("listed").count(), 0);
    }

    #[test]
    fn cuts_fall_between_characters() {
        assert_eq!([cut("aü", 2), cut("aü", 3), cut("aü", 9)], ["a", "aü", "aü"]);
    }
}
