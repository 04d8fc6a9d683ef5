//! Control groups that bound the memory of child processes, on Linux, where this user may make them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where version 1 has its memory controller.
const VERSION_1: &str = "/sys/fs/cgroup/memory";
/// Where version 2 has everything.
const VERSION_2: &str = "/sys/fs/cgroup";

/// A control group of its own, at the root of the hierarchy; removed with the value, once its processes have ended.
///
/// Memory is what a group counts: that of its processes and the files that they have in memory, which go first. There is no swap.
#[derive(Debug)]
pub struct ControlGroup {
    path: PathBuf,
    files: Files,
}

/// What the two versions call the same.
#[derive(Debug)]
struct Files {
    limit: &'static str,
    /// The limit once more, with swap counted in; or that of swap alone.
    swap: (&'static str, fn(u64) -> u64),
    events: &'static str,
    peak: &'static str,
}

const FILES_1: Files = Files {
    limit: "memory.limit_in_bytes",
    swap: ("memory.memsw.limit_in_bytes", |limit| limit),
    events: "memory.oom_control",
    peak: "memory.max_usage_in_bytes",
};

const FILES_2: Files =
    Files { limit: "memory.max", swap: ("memory.swap.max", |_| 0), events: "memory.events", peak: "memory.peak" };

impl ControlGroup {
    /// A group of at most `limit` bytes; an error says why there can be none.
    pub fn of_memory(limit: u64) -> io::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let (root, files) = if Path::new(VERSION_1).join(FILES_1.limit).exists() {
            (Path::new(VERSION_1), FILES_1)
        } else {
            let root = Path::new(VERSION_2);
            fs::write(root.join("cgroup.subtree_control"), "+memory")?;
            (root, FILES_2)
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = root.join(format!("deltaglider-test-{}-{number}", std::process::id()));
        fs::create_dir(&path)?;
        let group = Self { path, files };
        fs::write(group.path.join(group.files.limit), limit.to_string())?;
        // A kernel that does not count swap has no such file.
        let (swap, value) = group.files.swap;
        match fs::write(group.path.join(swap), value(limit).to_string()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(group),
        }
    }

    /// A program that runs in the group from its first instruction; arguments and the rest can be added.
    #[must_use]
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new("/bin/sh");
        let enter = r#"echo $$ > "$0" && exec "$@""#;
        command.arg("-c").arg(enter).arg(self.path.join("cgroup.procs")).arg(program.as_ref());
        command
    }

    /// How many of its processes were killed since they took more than there is.
    pub fn killed(&self) -> io::Result<u64> {
        let events = fs::read_to_string(self.path.join(self.files.events))?;
        let killed = events.lines().find_map(|line| line.strip_prefix("oom_kill "));
        killed.and_then(|killed| killed.parse().ok()).ok_or_else(|| io::Error::other("the kernel does not count kills"))
    }

    /// Bytes that it took at most, files in memory included; `None` where the kernel does not say.
    #[must_use]
    pub fn peak(&self) -> Option<u64> {
        fs::read_to_string(self.path.join(self.files.peak)).ok()?.trim().parse().ok()
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        // One that still has processes stays; so does one that was never whole, if even this is not allowed.
        drop(fs::remove_dir(&self.path));
    }
}
