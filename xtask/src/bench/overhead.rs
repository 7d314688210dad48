//! `cargo xtask bench overhead`: what telemetry costs a command, whatever the tracker does.
//!
//! The same short command runs with telemetry off and on, in turns. Each run has a new home in which the notice of the
//! first run was shown, so that every run with telemetry on records an event and starts a sender, and none profits from
//! the pause that follows a failure of the one before.

mod report;
mod sender;
mod tracker;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use dlt_testkit::PythonDlt;

use crate::workspace::Workspace;
use crate::{binary, process};
use sender::Sender;
use tracker::Tracker;

/// Short, reads no network and no project, and is recorded.
const COMMAND: [&str; 2] = ["init", "--list-sources"];
/// What a command may take longer, at the 99th percentile.
const BUDGET: Duration = Duration::from_millis(2);
/// What a sender may live.
const LIFE: Duration = Duration::from_secs(10);
/// Pairs that are not counted: files and caches get warm.
const WARM_UP: usize = 3;
/// Events that Python dlt records, one process each.
const PYTHON_EVENTS: [u32; 3] = [1, 3, 10];

struct Plan {
    runs: usize,
    python: bool,
}

impl Plan {
    fn read(words: &[&str]) -> Result<Plan> {
        let mut plan = Plan { runs: 500, python: true };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--no-python" => plan.python = false,
                "--runs" => {
                    let number = words.next().context("--runs needs a number")?;
                    plan.runs = number.parse().with_context(|| format!("--runs {number} is not a number"))?;
                }
                other => bail!("bench overhead knows --runs N and --no-python, and not {other}"),
            }
        }
        if plan.runs == 0 {
            bail!("--runs 0 measures nothing");
        }
        Ok(plan)
    }
}

/// What was measured with one tracker.
struct Measured {
    tracker: &'static str,
    /// Wall times of the command, in milliseconds.
    off: Vec<f64>,
    on: Vec<f64>,
    /// The longest time from the start of a command to the end of its sender.
    longest_life: Duration,
    /// Senders that were still there when all had to be gone.
    left: usize,
}

/// Python dlt at the silent tracker.
struct PythonExit {
    events: u32,
    off: Duration,
    on: Duration,
}

pub(super) fn run(workspace: &Workspace, words: &[&str]) -> Result<()> {
    let plan = Plan::read(words)?;
    let arena = Arena {
        dlt: binary::chosen(workspace)?,
        python: PythonDlt::shared()?.python(),
        bench: workspace.path("bench"),
        work: std::path::absolute(workspace.path("bench/data/overhead"))?,
    };
    println!("dlt {}, {} runs off and on in turns for each tracker", COMMAND.join(" "), plan.runs);
    let mut all = Vec::new();
    for name in tracker::NAMES {
        let tracker = Tracker::start(name, &arena)?;
        let measured = arena.measure(&tracker, plan.runs)?;
        println!("  {}", report::line(&measured));
        all.push(measured);
    }
    let mut python = Vec::new();
    for events in PYTHON_EVENTS.into_iter().filter(|_| plan.python) {
        let tracker = Tracker::start("silent", &arena)?;
        let (off, on) = (arena.python_exit(&tracker, events, false)?, arena.python_exit(&tracker, events, true)?);
        println!("  Python dlt, {events} events, silent: {:.2} s off, {:.2} s on", off.as_secs_f64(), on.as_secs_f64());
        python.push(PythonExit { events, off, on });
    }
    let _ = fs::remove_dir_all(&arena.work);
    report::write(workspace, plan.runs, &all, &python)
}

struct Arena {
    dlt: PathBuf,
    python: PathBuf,
    /// The folder of benchmarks, with the scripts that stand in for trackers.
    bench: PathBuf,
    /// Holds the homes; emptied for each tracker.
    work: PathBuf,
}

impl Arena {
    fn measure(&self, tracker: &Tracker, runs: usize) -> Result<Measured> {
        let _ = fs::remove_dir_all(&self.work);
        let (mut off, mut on) = (Vec::new(), Vec::new());
        let mut senders = Vec::new();
        for pair in 0..WARM_UP + runs {
            // In turns, so that a slow moment of the machine hits both, and neither always comes second.
            for is_on in [pair % 2 == 0, pair % 2 != 0] {
                let home = self.home(&format!("{pair}-{}", if is_on { "on" } else { "off" }))?;
                let (wall, started, host) = self.time(tracker, &home, is_on)?;
                let recorded = is_there(&home, "spool.jsonl") || is_there(&home, "receipts.jsonl");
                if recorded != is_on {
                    bail!(
                        "{}: telemetry was to be {}, and recorded {recorded}",
                        home.display(),
                        if is_on { "on" } else { "off" }
                    );
                }
                if is_on {
                    // The next run must not be measured beside a sender that is only just starting.
                    senders.push(Sender::of(host, &home, started));
                    senders.iter_mut().for_each(Sender::look);
                    senders.iter_mut().next_back().into_iter().for_each(Sender::settle);
                }
                if pair >= WARM_UP {
                    if is_on { &mut on } else { &mut off }.push(wall.as_secs_f64() * 1e3);
                }
            }
        }
        let deadline = Instant::now() + LIFE + Duration::from_secs(2);
        let is_over = |senders: &[Sender]| !senders.iter().any(Sender::is_alive) && self.tried() == senders.len();
        while !is_over(&senders) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
            senders.iter_mut().for_each(Sender::look);
        }
        let left: Vec<_> = senders.iter().filter(|sender| sender.is_alive()).collect();
        left.iter().for_each(|sender| sender.end());
        let tried = self.tried();
        if tried != senders.len() {
            // What was measured is not what it would be said to be.
            bail!("{tried} of {} senders tried to send: see {}", senders.len(), self.work.display());
        }
        let longest_life = senders.iter().map(Sender::life).max().unwrap_or_default();
        Ok(Measured { tracker: tracker.name, off, on, longest_life, left: left.len() })
    }

    /// How many senders have begun a request.
    fn tried(&self) -> usize {
        let homes = fs::read_dir(&self.work).into_iter().flatten().flatten();
        homes.filter(|home| is_there(&home.path(), "receipts.jsonl")).count()
    }

    /// A home that has seen `dlt` before.
    fn home(&self, name: &str) -> Result<PathBuf> {
        let home = self.work.join(name);
        let data = home.join(".dlt");
        fs::create_dir_all(data.join("telemetry"))?;
        fs::write(data.join("telemetry/notice"), "shown\n")?;
        // What an earlier sender left: nothing waits, nobody sends.
        fs::write(data.join("telemetry/spool.jsonl"), "")?;
        fs::write(data.join("telemetry/sender.lock"), "")?;
        fs::write(data.join("telemetry/secret"), "5e".repeat(32))?;
        fs::write(data.join(".anonymous_id"), "1d".repeat(16))?;
        Ok(home)
    }

    /// The wall time from the start of the command to its end, when it started, and which process it was.
    fn time(&self, tracker: &Tracker, home: &Path, on: bool) -> Result<(Duration, Instant, u32)> {
        let mut command = Command::new(&self.dlt);
        command.args(COMMAND);
        isolate(&mut command, tracker, home, on);
        let started = Instant::now();
        let mut child = command.spawn().with_context(|| process::shown(&command))?;
        let status = child.wait()?;
        let wall = started.elapsed();
        if !status.success() {
            bail!("`{}` ended with {status}", process::shown(&command));
        }
        Ok((wall, started, child.id()))
    }

    fn python_exit(&self, tracker: &Tracker, events: u32, on: bool) -> Result<Duration> {
        let home = self.home(&format!("python-{events}-{on}"))?;
        let mut command = Command::new(&self.python);
        command.arg(self.bench.join("python/telemetry_exit.py")).arg(events.to_string());
        isolate(&mut command, tracker, &home, on);
        let started = Instant::now();
        let status = command.status().with_context(|| process::shown(&command))?;
        if !status.success() {
            bail!("`{}` ended with {status}", process::shown(&command));
        }
        Ok(started.elapsed())
    }
}

/// Nothing of the caller's settings; both variants have the same variables.
fn isolate(command: &mut Command, tracker: &Tracker, home: &Path, on: bool) {
    command.env_clear().current_dir(home);
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", home).env("DLT_DATA_DIR", home.join(".dlt"));
    command.env("PYTHONNOUSERSITE", "1").env("RUNTIME__LOG_LEVEL", "CRITICAL");
    command.env("RUNTIME__DLTHUB_TELEMETRY", if on { "true" } else { "false" });
    command.env("RUNTIME__DLTHUB_TELEMETRY_ENDPOINT", &tracker.url);
    command.envs(tracker.preload.iter().map(|library| ("LD_PRELOAD", library)));
    // The machine that measures may be a container, where events would leave in place.
    command.env("RUNTIME__DLTHUB_TELEMETRY_DELIVERY", "detached");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
}

fn is_there(home: &Path, name: &str) -> bool {
    fs::metadata(home.join(".dlt/telemetry").join(name)).is_ok_and(|found| found.len() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_is_read_from_the_words() {
        let plan = Plan::read(&["--runs", "7", "--no-python"]).unwrap();
        assert_eq!((plan.runs, plan.python), (7, false));
        for words in [&["--runs"][..], &["--runs", "0"], &["--runs", "x"], &["--fast"]] {
            assert!(Plan::read(words).is_err(), "{words:?}");
        }
    }
}
