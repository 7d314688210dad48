//! How much memory DuckDB may take where nobody has said.

use std::fs;
use std::path::{Path, PathBuf};

/// The default: half of what this process may take, which is the machine's memory, or less in a container. `None` where
/// the system does not tell, and then DuckDB's own rule serves.
///
/// DuckDB itself would take four fifths. What it counts is not all that it takes (strings under way, the reader's buffers
/// and the allocator's rest come to a quarter more), the pages of the file that it writes are to stay cached, and others
/// work on the machine too: in a container, taking all would mean to be killed. What does not fit goes to the folder for
/// temporary data beside the file.
pub(crate) fn default_limit() -> Option<u64> {
    available(Path::new("/")).map(|bytes| bytes / 2)
}

/// Bytes that this process may take, as the system under `root` tells.
fn available(root: &Path) -> Option<u64> {
    let own = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    machine(root).into_iter().chain(own.lines().filter_map(|line| group_limit(root, line))).min()
}

/// Memory of the machine.
fn machine(root: &Path) -> Option<u64> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// The smallest limit of a control group and those around it. The line is `0::/path` in the second version of control
/// groups, and `4:memory:/path` in the first.
fn group_limit(root: &Path, line: &str) -> Option<u64> {
    let mut fields = line.splitn(3, ':');
    let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
    let mounted = root.join("sys/fs/cgroup");
    let (mounted, names) = match controllers {
        "" => (mounted, &["memory.max", "memory.high"][..]),
        _ if controllers.split(',').any(|name| name == "memory") => {
            (mounted.join("memory"), &["memory.limit_in_bytes"][..])
        }
        _ => return None,
    };
    // In a container the path may be the one outside of it: then only the outermost folder is there, and is the container's.
    let path = PathBuf::from(path.trim_start_matches('/'));
    let groups = path.ancestors().map(|group| mounted.join(group));
    // `max`, or a number larger than any memory, is no limit.
    groups.flat_map(|group| names.iter().filter_map(move |name| number_in(&group.join(name)))).min()
}

fn number_in(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn system(files: &[(&str, &str)]) -> TempDir {
        let root = TempDir::new().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    const MACHINE: (&str, &str) = ("proc/meminfo", "MemTotal:        8000000 kB\nMemFree:  1 kB\n");
    const V2: (&str, &str) = ("proc/self/cgroup", "0::/outer/inner\n");
    const V1: (&str, &str) = ("proc/self/cgroup", "12:cpu,cpuacct:/x\n4:memory:/docker/abc\n0::/\n");

    fn check(files: &[(&str, &str)], expected: Option<u64>) {
        assert_eq!(available(system(files).path()), expected, "{files:?}");
    }

    #[test]
    fn the_machine_counts_where_there_is_no_limit() {
        check(&[], None);
        check(&[MACHINE], Some(8_192_000_000));
        check(&[MACHINE, V2, ("sys/fs/cgroup/outer/inner/memory.max", "max\n")], Some(8_192_000_000));
        check(
            &[MACHINE, V1, ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")],
            Some(8_192_000_000),
        );
        check(&[MACHINE, ("proc/self/cgroup", "no line of the kind")], Some(8_192_000_000));
    }

    #[test]
    fn the_smallest_group_counts() {
        let inner = ("sys/fs/cgroup/outer/inner/memory.max", "3000000000\n");
        let outer = ("sys/fs/cgroup/outer/memory.max", "2000000000\n");
        check(&[MACHINE, V2, inner], Some(3_000_000_000));
        check(&[MACHINE, V2, inner, outer], Some(2_000_000_000));
        check(&[MACHINE, V2, inner, ("sys/fs/cgroup/outer/inner/memory.high", "1000000000")], Some(1_000_000_000));
        // A container that sees its own group as the outermost.
        check(&[MACHINE, V2, ("sys/fs/cgroup/memory.max", "500000000")], Some(500_000_000));
        check(
            &[MACHINE, V1, ("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "700000000")],
            Some(700_000_000),
        );
        check(&[MACHINE, V1, ("sys/fs/cgroup/memory/memory.limit_in_bytes", "600000000")], Some(600_000_000));
    }
}
