//! Files of any size, quickly made: noise where it has to be, and holes.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use crate::random::Random;

/// Up to here a file is noise from its beginning to its end.
const ALL_NOISE: u64 = 64 << 20;
/// Beyond, each of these begins with noise, and the rest is a hole.
const STRIDE: u64 = 1 << 20;
const NOISE: usize = 1 << 16;

/// Writes a file of this size, another one for each seed.
pub(super) fn write(path: &Path, size: u64, seed: u64) -> Result<()> {
    let mut file = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
    let mut random = Random::new(seed);
    if size <= ALL_NOISE {
        let mut left = size as usize;
        while left > 0 {
            let some = random.bytes(left.min(STRIDE as usize));
            file.write_all(&some)?;
            left -= some.len();
        }
        return Ok(());
    }
    file.set_len(size)?;
    for at in (0..size).step_by(STRIDE as usize) {
        file.seek(SeekFrom::Start(at))?;
        let noise = NOISE.min((size - at) as usize);
        file.write_all(&random.bytes(noise))?;
    }
    Ok(())
}

/// Changes a few bytes of a file, another way for each seed.
pub(super) fn edit(path: &Path, seed: u64) -> Result<()> {
    let mut file = File::options().write(true).open(path)?;
    let size = file.metadata()?.len();
    let mut random = Random::new(seed);
    for part in 0..8 {
        file.seek(SeekFrom::Start(size / 8 * part))?;
        file.write_all(&random.bytes(100.min(size as usize)))?;
    }
    Ok(())
}

/// SHA-256 of all that can be read, and how much that was.
pub(super) fn digest(mut from: impl Read) -> Result<([u8; 32], u64)> {
    let (mut digest, mut buffer, mut size) = (Sha256::new(), vec![0; 1 << 18], 0);
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok((digest.finalize().into(), size)),
            Ok(read) => {
                digest.update(&buffer[..read]);
                size += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The digest of a file; none where there is no such file.
pub(super) fn digest_of(path: &Path) -> Result<Option<[u8; 32]>> {
    match File::open(path) {
        Ok(file) => Ok(Some(digest(file)?.0)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_have_their_size_and_differ() {
        let path = std::env::temp_dir().join(format!("xtask-limits-content-{}", std::process::id()));
        let mut seen = Vec::new();
        for (size, seed) in [(1, 1), (3_000_000, 1), (3_000_000, 2), ((65 << 20) + 7, 1)] {
            write(&path, size, seed).expect("written");
            assert_eq!(std::fs::metadata(&path).expect("there").len(), size);
            seen.push(digest_of(&path).expect("read"));
        }
        edit(&path, 1).expect("changed");
        assert_eq!(std::fs::metadata(&path).expect("there").len(), (65 << 20) + 7);
        seen.push(digest_of(&path).expect("read"));
        std::fs::remove_file(&path).expect("removed");
        seen.push(digest_of(&path).expect("known to be absent"));
        assert!((1..seen.len()).all(|end| !seen[..end].contains(&seen[end])), "{seen:?}");
    }
}
