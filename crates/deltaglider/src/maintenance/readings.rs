//! How full disk and memory are.

use std::path::Path;

use crate::memory;

/// How full something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Bytes in all.
    pub size: u64,
    /// Bytes in use.
    pub used: u64,
}

impl Fill {
    /// Bytes in use over this share of all.
    pub(super) fn excess(self, share: f64) -> u64 {
        // Of negative shares and of NaN nothing is allowed; the sizes of this world are exact enough in a float.
        self.used.saturating_sub((self.size as f64 * share) as u64)
    }

    /// The share in use.
    pub(crate) fn share(self) -> f64 {
        self.used as f64 / self.size.max(1) as f64
    }
}

/// The volume that a cache lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volume {
    /// How full it is, of what may be used by this user.
    pub fill: Fill,
    /// Whether what is written there takes memory.
    pub in_memory: bool,
}

/// Says how full disk and memory are. `None` where that is not known: the rule that asks for it does nothing then.
///
/// Called on a thread that may block.
pub trait Readings: Send + Sync + 'static {
    /// The volume of a directory.
    fn disk(&self, directory: &Path) -> Option<Volume>;

    /// The memory that this process may use.
    fn memory(&self) -> Option<Fill>;
}

/// What the system says: of disks on every Unix, of memory on Linux.
///
/// Memory is that of the machine (`/proc/meminfo`) or of the control group, version 1 or 2, whichever is fuller. What the system
/// could drop at once, such as cached files, does not count as used.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemReadings;

impl Readings for SystemReadings {
    fn disk(&self, directory: &Path) -> Option<Volume> {
        volume(directory)
    }

    fn memory(&self) -> Option<Fill> {
        memory::fill()
    }
}

#[cfg(unix)]
fn volume(directory: &Path) -> Option<Volume> {
    let status = rustix::fs::statvfs(directory).ok()?;
    let used = status.f_blocks.saturating_sub(status.f_bfree).saturating_mul(status.f_frsize);
    let size = used.saturating_add(status.f_bavail.saturating_mul(status.f_frsize));
    Some(Volume { fill: Fill { size, used }, in_memory: lies_in_memory(directory) })
}

#[cfg(not(unix))]
fn volume(_: &Path) -> Option<Volume> {
    None
}

#[cfg(target_os = "linux")]
fn lies_in_memory(directory: &Path) -> bool {
    const TMPFS: u64 = 0x0102_1994;
    const RAMFS: u64 = 0x8584_58f6;
    // The width of the field is the platform's.
    rustix::fs::statfs(directory).is_ok_and(|status| [TMPFS, RAMFS].contains(&(status.f_type as u32 as u64)))
}

#[cfg(all(unix, not(target_os = "linux")))]
fn lies_in_memory(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_told() {
        let fill = Fill { size: 1000, used: 900 };
        assert_eq!((fill.excess(0.8), fill.excess(0.9), fill.excess(1.0)), (100, 0, 0));
        assert_eq!((fill.excess(-1.0), fill.excess(f64::NAN), fill.excess(f64::INFINITY)), (900, 900, 0));
        assert_eq!(fill.share(), 0.9);
        assert_eq!(Fill { size: 0, used: 0 }.share(), 0.0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_system_is_read() {
        let directory = tempfile::tempdir().expect("a directory");
        let volume = SystemReadings.disk(directory.path()).expect("a volume");
        assert!(volume.fill.size >= volume.fill.used && volume.fill.size > 0, "{volume:?}");
        assert_eq!(SystemReadings.disk(&directory.path().join("nothing")), None);
        let memory = SystemReadings.memory().expect("memory");
        assert!(memory.used > 0 && memory.used < memory.size, "{memory:?}");
        if Path::new("/dev/shm").is_dir() {
            assert!(SystemReadings.disk(Path::new("/dev/shm")).expect("a volume").in_memory);
        }
    }
}
