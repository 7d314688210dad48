//! Percentiles, the verdict, and the two files: JSON for machines, a table for people.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::thread;

use anyhow::Result;
use serde_json::{Value, json};

use super::{BUDGET, COMMAND, LIFE, Measured, PythonExit};
use crate::process;
use crate::workspace::Workspace;

/// Percentiles of one tracker, in milliseconds.
struct Figures {
    off: [f64; 2],
    on: [f64; 2],
}

impl Figures {
    fn of(measured: &Measured) -> Figures {
        let both = |values: &[f64]| [percentile(values, 50), percentile(values, 99)];
        Figures { off: both(&measured.off), on: both(&measured.on) }
    }

    fn difference(&self, which: usize) -> f64 {
        self.on[which] - self.off[which]
    }
}

fn is_held(measured: &Measured) -> bool {
    let budget = BUDGET.as_secs_f64() * 1e3;
    Figures::of(measured).difference(1) <= budget && measured.longest_life <= LIFE && measured.left == 0
}

/// The smallest value that so many of a hundred do not exceed.
fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// One tracker in one line.
pub(super) fn line(measured: &Measured) -> String {
    let figures = Figures::of(measured);
    format!(
        "{:<13} p50 {:+.2} ms, p99 {:+.2} ms; the longest sender {:.2} s, {} left",
        measured.tracker,
        figures.difference(0),
        figures.difference(1),
        measured.longest_life.as_secs_f64(),
        measured.left
    )
}

/// Writes `bench/results/overhead.json` and `overhead.md`, and prints the latter.
pub(super) fn write(workspace: &Workspace, runs: usize, all: &[Measured], python: &[PythonExit]) -> Result<()> {
    let git =
        process::output(Command::new("git").args(["describe", "--always", "--dirty"]).current_dir(workspace.root()));
    let commit = git.map(|text| text.trim().to_owned()).unwrap_or_default();
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let held = all.iter().all(is_held);

    let mut document = as_json(all, python);
    document["version"] = json!(1);
    document["commit"] = commit.as_str().into();
    document["cores"] = cores.into();
    document["runs"] = runs.into();
    document["held"] = held.into();
    let mut table = format!(
        "`dlt {}`, {runs} runs with telemetry off and on in turns; {cores} cores; commit {commit}\n\n",
        COMMAND.join(" ")
    );
    table.push_str(&as_markdown(all, python));
    let _ = writeln!(
        table,
        "\nBudget: {} ms more at p99, {} s for a sender, none left behind: {}.",
        BUDGET.as_millis(),
        LIFE.as_secs(),
        if held { "held" } else { "NOT held" }
    );

    let folder = workspace.path("bench/results");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("overhead.json"), format!("{}\n", serde_json::to_string_pretty(&document)?))?;
    fs::write(folder.join("overhead.md"), &table)?;
    println!("\n{table}\nin {}", folder.display());
    Ok(())
}

fn as_json(all: &[Measured], python: &[PythonExit]) -> Value {
    let rounded = |value: f64| (value * 1000.0).round() / 1000.0;
    let trackers: Vec<Value> = all
        .iter()
        .map(|measured| {
            let figures = Figures::of(measured);
            json!({
                "tracker": measured.tracker,
                "off_ms": {"p50": rounded(figures.off[0]), "p99": rounded(figures.off[1])},
                "on_ms": {"p50": rounded(figures.on[0]), "p99": rounded(figures.on[1])},
                "difference_ms": {"p50": rounded(figures.difference(0)), "p99": rounded(figures.difference(1))},
                "longest_sender_seconds": rounded(measured.longest_life.as_secs_f64()),
                "senders_left": measured.left,
                "held": is_held(measured),
            })
        })
        .collect();
    let python: Vec<Value> = python
        .iter()
        .map(|exit| {
            json!({
                "events": exit.events,
                "off_seconds": rounded(exit.off.as_secs_f64()),
                "on_seconds": rounded(exit.on.as_secs_f64()),
            })
        })
        .collect();
    json!({
        "command": COMMAND.join(" "),
        "budget": {"p99_ms": BUDGET.as_millis() as u64, "sender_seconds": LIFE.as_secs()},
        "trackers": trackers,
        "python_dlt_silent_tracker": python,
    })
}

fn as_markdown(all: &[Measured], python: &[PythonExit]) -> String {
    let mut text = String::from(
        "| tracker | off p50 ms | on p50 ms | more | off p99 ms | on p99 ms | more | longest sender s | left |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for measured in all {
        let Figures { off, on } = Figures::of(measured);
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "| {} | {:.2} | {:.2} | **{:+.2}** | {:.2} | {:.2} | **{:+.2}** | {:.2} | {} |",
            measured.tracker,
            off[0],
            on[0],
            on[0] - off[0],
            off[1],
            on[1],
            on[1] - off[1],
            measured.longest_life.as_secs_f64(),
            measured.left
        );
    }
    if !python.is_empty() {
        text.push_str("\n| Python dlt at the silent tracker | off s | on s | more |\n|---|---:|---:|---:|\n");
    }
    for exit in python {
        let (off, on) = (exit.off.as_secs_f64(), exit.on.as_secs_f64());
        let _ = writeln!(text, "| events: {} | {off:.2} | {on:.2} | **{:+.2}** |", exit.events, on - off);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn measured(on: f64, life: u64, left: usize) -> Measured {
        let longest_life = Duration::from_secs(life);
        Measured { tracker: "fast", off: vec![1.0; 100], on: vec![on; 100], longest_life, left }
    }

    #[test]
    fn a_percentile_is_a_value_that_occurred() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!([percentile(&values, 50), percentile(&values, 99)], [100.0, 198.0]);
        assert_eq!(percentile(&[7.0], 99), 7.0);
    }

    #[test]
    fn the_budget_covers_the_command_and_its_sender() {
        assert!(is_held(&measured(2.9, 10, 0)));
        for broken in [measured(3.1, 1, 0), measured(1.0, 11, 0), measured(1.0, 1, 1)] {
            assert!(!is_held(&broken), "{}", line(&broken));
        }
    }
}
