//! What one run of a program costs: CPU, wall time and peak memory, as the kernel counts them for the child.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use wait4::Wait4;

use crate::programs::shown;

/// The cost of one run, with all that it started and waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// User and system time.
    pub(super) cpu: Duration,
    pub(super) wall: Duration,
    /// Most bytes resident at a time, in the largest process. The kernel begins at what this program holds as it starts
    /// another, which is why nothing here reads a whole file into memory.
    pub(super) peak: u64,
}

/// Runs the program to its end; an error that holds its complaint where it fails.
pub(super) fn run(command: &mut Command, complaints: &Path) -> Result<Cost> {
    let mut log = File::options().create(true).truncate(true).read(true).write(true).open(complaints)?;
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log.try_clone()?);
    let began = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot start {}", shown(command)))?;
    let used = child.wait4()?;
    let wall = began.elapsed();
    if !used.status.success() {
        let mut said = String::new();
        log.rewind()?;
        log.read_to_string(&mut said).unwrap_or_default();
        bail!("{} failed ({}):\n{}", shown(command), used.status, said.trim_end());
    }
    Ok(Cost { cpu: used.rusage.utime + used.rusage.stime, wall, peak: used.rusage.maxrss })
}

/// The median of each figure by itself.
pub(super) fn median(costs: &[Cost]) -> Cost {
    Cost {
        cpu: middle(costs.iter().map(|cost| cost.cpu).collect()),
        wall: middle(costs.iter().map(|cost| cost.wall).collect()),
        peak: middle(costs.iter().map(|cost| cost.peak).collect()),
    }
}

/// The one in the middle; of an even number, the lower of the two.
fn middle<T: Copy + Default + Ord>(mut values: Vec<T>) -> T {
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

/// SHA-256 of a file.
pub(super) fn digest(path: &Path) -> Result<[u8; 32]> {
    let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(digest.finalize().into()),
            Ok(read) => digest.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(cpu: u64, wall: u64, peak: u64) -> Cost {
        Cost { cpu: Duration::from_millis(cpu), wall: Duration::from_millis(wall), peak }
    }

    #[test]
    fn each_figure_has_its_own_median() {
        assert_eq!(median(&[cost(1, 30, 200), cost(2, 10, 300), cost(3, 20, 100)]), cost(2, 20, 200));
        assert_eq!(median(&[cost(4, 1, 1), cost(2, 2, 2), cost(1, 3, 3), cost(3, 4, 4)]), cost(2, 2, 2));
        assert_eq!(median(&[cost(5, 6, 7)]), cost(5, 6, 7));
        assert_eq!(median(&[]), Cost::default());
    }

    #[test]
    fn a_run_is_measured_and_a_failure_is_told() {
        let log = std::env::temp_dir().join(format!("xtask-measure-{}", std::process::id()));
        let cost = run(Command::new("sh").args(["-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"]), &log);
        let cost = cost.expect("sh counts");
        assert!(cost.cpu > Duration::ZERO && cost.wall > Duration::ZERO && cost.peak > 0, "{cost:?}");
        let error = run(Command::new("sh").args(["-c", "echo why >&2; exit 3"]), &log).expect_err("it fails");
        assert!(error.to_string().ends_with("why"), "{error}");
        std::fs::remove_file(&log).expect("the log can be removed");
    }

    #[test]
    fn a_digest_is_sha_256() {
        let file = std::env::temp_dir().join(format!("xtask-digest-{}", std::process::id()));
        std::fs::write(&file, "abc").expect("a file can be written");
        let digest = digest(&file).expect("it can be read");
        assert_eq!((&digest[..4], &digest[28..]), (&[0xba, 0x78, 0x16, 0xbf][..], &[0xf2, 0x00, 0x15, 0xad][..]));
        std::fs::remove_file(&file).expect("the file can be removed");
    }
}
