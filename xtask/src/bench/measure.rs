//! What one run of a program costs: wall time, processor time and memory of its whole process tree, read from the
//! kernel's `/proc`.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process;

/// How often memory is looked at. A peak shorter than this may be missed, but for the largest process the kernel
/// itself remembers its highest.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// The unit of processor time in `/proc`, which Linux has fixed at a hundredth of a second.
const TICKS_PER_SECOND: f64 = 100.0;

/// The cost of one run.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    /// From start to end of the process.
    pub(super) wall_seconds: f64,
    /// User and system time of the process and of all its descendants that were waited for.
    pub(super) cpu_seconds: f64,
    /// The highest sum of resident memory over the tree, files that it maps included.
    pub(super) peak_bytes: u64,
    /// The highest sum of memory that belongs to no file: what the tree itself allocated.
    pub(super) peak_anonymous_bytes: u64,
}

/// Runs the command to its end and returns what it printed and what it cost.
pub(super) fn run(command: &mut Command) -> Result<(String, Cost)> {
    let cpu_before = waited_cpu_seconds()?;
    let start = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.with_context(|| format!("`{}` could not be started", process::shown(command)))?;
    let root = child.id();
    let ended = AtomicBool::new(false);
    let (output, peak) = thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(root, &ended));
        let output = child.wait_with_output();
        let wall = start.elapsed();
        ended.store(true, Ordering::Release);
        (output.map(|output| (output, wall)), watcher.join())
    });
    let (output, wall) = output?;
    let peak = peak.map_err(|_| anyhow::anyhow!("the watch over the memory ended early"))?;
    if !output.status.success() {
        bail!(
            "`{}` ended with {}\n{}",
            process::shown(command),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    let cost = Cost {
        wall_seconds: wall.as_secs_f64(),
        cpu_seconds: waited_cpu_seconds()? - cpu_before,
        peak_bytes: peak.resident,
        peak_anonymous_bytes: peak.anonymous,
    };
    Ok((String::from_utf8_lossy(&output.stdout).into_owned(), cost))
}

#[derive(Default)]
struct Peak {
    resident: u64,
    anonymous: u64,
}

fn watch(root: u32, ended: &AtomicBool) -> Peak {
    let mut peak = Peak::default();
    while !ended.load(Ordering::Acquire) {
        let (mut resident, mut anonymous) = (0, 0);
        for id in tree(root) {
            // A process that ended between two looks has no status any more.
            let Ok(status) = fs::read_to_string(format!("/proc/{id}/status")) else { continue };
            let values = kilobytes(&status);
            let value = |name: &str| values.get(name).copied().unwrap_or(0) * 1024;
            resident += value("VmRSS");
            anonymous += value("RssAnon");
            peak.resident = peak.resident.max(value("VmHWM"));
        }
        peak.resident = peak.resident.max(resident);
        peak.anonymous = peak.anonymous.max(anonymous);
        thread::sleep(LOOK_EVERY);
    }
    peak
}

/// A process and all that descend from it.
fn tree(root: u32) -> Vec<u32> {
    let mut all = vec![root];
    let mut next = 0;
    while next < all.len() {
        let tasks = fs::read_dir(format!("/proc/{}/task", all[next])).into_iter().flatten().flatten();
        for task in tasks {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            all.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
        }
        next += 1;
    }
    all
}

fn kilobytes(status: &str) -> BTreeMap<&str, u64> {
    let pairs = status.lines().filter_map(|line| {
        let (name, rest) = line.split_once(':')?;
        Some((name, rest.trim().strip_suffix(" kB")?.parse().ok()?))
    });
    pairs.collect()
}

/// The processor time of all children that this process has waited for, and of theirs.
fn waited_cpu_seconds() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat").context("the measurement needs Linux's /proc")?;
    // The name in parentheses may hold spaces; the counted fields begin after it, with the third.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |number: usize| fields.get(number - 3).and_then(|text| text.parse::<f64>().ok());
    match (ticks(16), ticks(17)) {
        (Some(user), Some(system)) => Ok((user + system) / TICKS_PER_SECOND),
        _ => bail!("/proc/self/stat has no times of children: {stat}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_of_children_is_counted_too() {
        let script = "python3 -c \"x = bytearray(96 << 20); import time; t = time.process_time()\nwhile time.process_time() - t < 0.3: pass\" & wait; echo done";
        let (printed, cost) = run(Command::new("sh").args(["-c", script])).unwrap();
        assert_eq!(printed, "done\n");
        assert!(cost.cpu_seconds >= 0.3, "{cost:?}");
        assert!(cost.wall_seconds >= 0.3, "{cost:?}");
        assert!(cost.peak_bytes >= 96 << 20 && cost.peak_anonymous_bytes >= 96 << 20, "{cost:?}");
        assert!(cost.peak_anonymous_bytes <= cost.peak_bytes, "{cost:?}");
    }

    #[test]
    fn a_run_that_fails_is_no_measurement() {
        let error = run(Command::new("sh").args(["-c", "echo no space >&2; exit 4"])).unwrap_err().to_string();
        assert!(error.contains("no space") && error.contains("exit status: 4"), "{error}");
    }
}
