//! Reads how full memory is: `/proc/meminfo`, and the control groups of both versions.

use super::Fill;

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

/// The fullest of the machine, the process's control group and the groups above it. `read` gives the text of a file.
pub(super) fn read(read: &impl Fn(&str) -> Option<String>) -> Option<Fill> {
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    let groups = groups.lines().filter_map(group).flat_map(|(files, path)| limited(files, path, read));
    groups.chain(machine(read)).max_by(|one, other| one.share().total_cmp(&other.share()))
}

/// The machine's memory.
fn machine(read: &impl Fn(&str) -> Option<String>) -> Option<Fill> {
    let text = read("/proc/meminfo")?;
    let kibibytes = |name: &str| number(&text, name)?.checked_mul(1024);
    let size = kibibytes("MemTotal:")?;
    Some(Fill { size, used: size.saturating_sub(kibibytes("MemAvailable:")?) })
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

/// The group and those above it, as far as they have a limit. In a container the path may be one that only the host has; the
/// container's own group is then at the top.
fn limited(files: &'static Files, path: &str, read: &impl Fn(&str) -> Option<String>) -> Vec<Fill> {
    let mut fills = Vec::new();
    let mut path = path.trim_matches('/');
    loop {
        let directory = format!("{GROUPS}{}/{path}", files.mount);
        let file = |name: &str| read(&format!("{}/{name}", directory.trim_end_matches('/')));
        let bytes = |name: &str| file(name)?.trim().parse::<u64>().ok();
        // `max` is no number, and no limit.
        if let (Some(size), Some(used)) = (bytes(files.limit), bytes(files.used)) {
            let idle = file("memory.stat").and_then(|text| number(&text, files.idle)).unwrap_or(0);
            fills.push(Fill { size, used: used.saturating_sub(idle) });
        }
        if path.is_empty() {
            return fills;
        }
        path = path.rsplit_once('/').map_or("", |(above, _)| above);
    }
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

    fn of(files: &[(&str, &str)]) -> Option<Fill> {
        read(&|path| files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned()))
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
            assert_eq!(of(files), expected, "{what}");
        }
    }
}
