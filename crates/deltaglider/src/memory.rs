//! Memory as the system tells it: how much this process may have, and how full it is. `/proc/meminfo`, and the control groups of
//! both versions.

use crate::maintenance::Fill;

/// What is taken for contents and codecs at most, if nothing else is said.
const MOST: u64 = 1 << 30;
/// And at least: with less, hardly an archive has a delta.
const LEAST: u64 = 16 << 20;

/// Where control groups are mounted, on all systems that are alike in it.
const GROUPS: &str = "/sys/fs/cgroup";

/// The files of a version of control groups.
struct Files {
    mount: &'static str,
    limit: &'static str,
    used: &'static str,
    /// The line of `memory.stat` with the bytes of cached files that may go at once.
    idle: &'static str,
}

const VERSION_1: Files = Files {
    mount: "/memory",
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    idle: "total_inactive_file",
};
const VERSION_2: Files = Files { mount: "", limit: "memory.max", used: "memory.current", idle: "inactive_file" };

/// Bytes for contents and codecs where nothing is said: half of what the process may have, and 1 GiB at most. Reads files of the
/// system.
pub(crate) fn default_limit() -> u64 {
    half(allowed(&system))
}

/// How full the fullest is of the machine, the process's control group and the groups above it.
pub(crate) fn fill() -> Option<Fill> {
    fullest(&system)
}

/// The text of a file of the system.
fn system(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

fn half(allowed: Option<u64>) -> u64 {
    allowed.map_or(MOST, |allowed| (allowed / 2).clamp(LEAST, MOST))
}

/// The least of the machine's memory and the limits of the groups. `read` gives the text of a file.
fn allowed(read: &impl Fn(&str) -> Option<String>) -> Option<u64> {
    groups(read).iter().filter_map(|group| group.limit(read)).chain(machine_size(read)).min()
}

fn fullest(read: &impl Fn(&str) -> Option<String>) -> Option<Fill> {
    let groups = groups(read);
    let fills = groups.iter().filter_map(|group| group.fill(read)).chain(machine(read));
    fills.max_by(|one, other| one.share().total_cmp(&other.share()))
}

/// Bytes of the machine's memory.
fn machine_size(read: &impl Fn(&str) -> Option<String>) -> Option<u64> {
    kibibytes(&read("/proc/meminfo")?, "MemTotal:")
}

fn machine(read: &impl Fn(&str) -> Option<String>) -> Option<Fill> {
    let size = machine_size(read)?;
    Some(Fill { size, used: size.saturating_sub(kibibytes(&read("/proc/meminfo")?, "MemAvailable:")?) })
}

fn kibibytes(text: &str, name: &str) -> Option<u64> {
    number(text, name)?.checked_mul(1024)
}

/// A control group that counts memory.
struct Group {
    files: &'static Files,
    directory: String,
}

impl Group {
    fn file(&self, name: &str, read: &impl Fn(&str) -> Option<String>) -> Option<String> {
        read(&format!("{}/{name}", self.directory))
    }

    /// `max` is no number, and no limit.
    fn limit(&self, read: &impl Fn(&str) -> Option<String>) -> Option<u64> {
        self.file(self.files.limit, read)?.trim().parse().ok()
    }

    fn fill(&self, read: &impl Fn(&str) -> Option<String>) -> Option<Fill> {
        let size = self.limit(read)?;
        let used: u64 = self.file(self.files.used, read)?.trim().parse().ok()?;
        let idle = self.file("memory.stat", read).and_then(|text| number(&text, self.files.idle)).unwrap_or(0);
        Some(Fill { size, used: used.saturating_sub(idle) })
    }
}

/// The groups of the process and those above them. In a container the path may be one that only the host has; the container's own
/// group is then at the top.
fn groups(read: &impl Fn(&str) -> Option<String>) -> Vec<Group> {
    let mut groups = Vec::new();
    for (files, path) in read("/proc/self/cgroup").unwrap_or_default().lines().filter_map(group) {
        let mut path = path.trim_matches('/');
        loop {
            let directory = format!("{GROUPS}{}/{path}", files.mount);
            groups.push(Group { files, directory: directory.trim_end_matches('/').to_owned() });
            if path.is_empty() {
                break;
            }
            path = path.rsplit_once('/').map_or("", |(above, _)| above);
        }
    }
    groups
}

/// Which group a line of `/proc/self/cgroup` names, where it is one that counts memory: `0::/a/b`, `4:memory:/a/b`.
fn group(line: &str) -> Option<(&'static Files, &str)> {
    let mut parts = line.splitn(3, ':');
    let (number, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    if number == "0" && controllers.is_empty() {
        return Some((&VERSION_2, path));
    }
    controllers.split(',').any(|controller| controller == "memory").then_some((&VERSION_1, path))
}

/// The number on the line that begins with a word.
fn number(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().map(str::split_ascii_whitespace);
    lines.find_map(|mut words| (words.next()? == name).then(|| words.next()?.parse().ok())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: (&str, &str) =
        ("/proc/meminfo", "MemTotal:       1000 kB\nMemFree:          10 kB\nMemAvailable:    600 kB\n");

    fn reader(files: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        |path| files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned())
    }

    #[test]
    fn the_fullest_counts() {
        let machine = Some(Fill { size: 1_024_000, used: 409_600 });
        let group = |size, used| Some(Fill { size, used });
        for (what, files, expected) in [
            ("nothing", &[][..], None),
            ("a machine", &[MACHINE], machine),
            ("half of what is needed", &[("/proc/meminfo", "MemTotal: 1000 kB\n")], None),
            (
                "version 2, in a container",
                &[
                    MACHINE,
                    ("/proc/self/cgroup", "0::/\n"),
                    ("/sys/fs/cgroup/memory.max", "1000\n"),
                    ("/sys/fs/cgroup/memory.current", "900\n"),
                    ("/sys/fs/cgroup/memory.stat", "anon 1\ninactive_file 100\nactive_file 5\n"),
                ],
                group(1000, 800),
            ),
            (
                "version 2, without a limit",
                &[
                    MACHINE,
                    ("/proc/self/cgroup", "0::/a\n"),
                    ("/sys/fs/cgroup/a/memory.max", "max\n"),
                    ("/sys/fs/cgroup/a/memory.current", "900\n"),
                ],
                machine,
            ),
            (
                "a limit further up",
                &[
                    MACHINE,
                    ("/proc/self/cgroup", "0::/a/b\n"),
                    ("/sys/fs/cgroup/a/b/memory.max", "max\n"),
                    ("/sys/fs/cgroup/a/b/memory.current", "700\n"),
                    ("/sys/fs/cgroup/a/memory.max", "1000\n"),
                    ("/sys/fs/cgroup/a/memory.current", "950\n"),
                ],
                group(1000, 950),
            ),
            (
                "version 1",
                &[
                    MACHINE,
                    ("/proc/self/cgroup", "5:devices:/\n4:hugetlb,memory:/x\n0::/\n"),
                    ("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "1000\n"),
                    ("/sys/fs/cgroup/memory/x/memory.usage_in_bytes", "990\n"),
                    ("/sys/fs/cgroup/memory/x/memory.stat", "inactive_file 3\ntotal_inactive_file 40\n"),
                ],
                group(1000, 950),
            ),
            (
                "version 1, a path of the host's, and no limit to speak of",
                &[
                    MACHINE,
                    ("/proc/self/cgroup", "4:memory:/docker/0123\n"),
                    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
                    ("/sys/fs/cgroup/memory/memory.usage_in_bytes", "990\n"),
                ],
                machine,
            ),
            ("nonsense", &[MACHINE, ("/proc/self/cgroup", "memory\n::\n4:cpu\n")], machine),
        ] {
            assert_eq!(fullest(&reader(files)), expected, "{what}");
        }
    }

    #[test]
    fn the_least_is_allowed() {
        const MIB: u64 = 1 << 20;
        const LARGE: (&str, &str) = ("/proc/meminfo", "MemTotal: 8388608 kB\n");
        let version_2 = |path| ("/proc/self/cgroup", path);
        for (what, files, expected, limit) in [
            ("nothing", &[][..], None, 1024 * MIB),
            ("a large machine", &[LARGE], Some(8192 * MIB), 1024 * MIB),
            ("a small one", &[("/proc/meminfo", "MemTotal: 524288 kB\n")], Some(512 * MIB), 256 * MIB),
            ("a tiny one", &[("/proc/meminfo", "MemTotal: 16384 kB\n")], Some(16 * MIB), 16 * MIB),
            (
                "a group of version 2",
                &[LARGE, version_2("0::/a\n"), ("/sys/fs/cgroup/a/memory.max", "268435456\n")],
                Some(256 * MIB),
                128 * MIB,
            ),
            (
                "the smallest of several, further up",
                &[
                    LARGE,
                    version_2("0::/a/b\n"),
                    ("/sys/fs/cgroup/a/b/memory.max", "max\n"),
                    ("/sys/fs/cgroup/a/memory.max", "134217728\n"),
                    ("/sys/fs/cgroup/memory.max", "268435456\n"),
                ],
                Some(128 * MIB),
                64 * MIB,
            ),
            (
                "version 1",
                &[
                    LARGE,
                    ("/proc/self/cgroup", "4:hugetlb,memory:/x\n0::/\n"),
                    ("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "104857600\n"),
                    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
                ],
                Some(100 * MIB),
                50 * MIB,
            ),
            (
                "no limit to speak of",
                &[LARGE, version_2("0::/\n"), ("/sys/fs/cgroup/memory.max", "max\n")],
                Some(8192 * MIB),
                1024 * MIB,
            ),
        ] {
            let allowed = allowed(&reader(files));
            assert_eq!((allowed, half(allowed)), (expected, limit), "{what}");
        }
    }
}
