//! Medians, ratios, and the two files that a benchmark leaves: JSON for machines, a table for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use anyhow::Result;
use serde_json::{Value, json};

use super::Plan;
use super::contender::{Contender, Sample};
use super::shape::Shape;
use crate::process;
use crate::workspace::Workspace;

type Samples = BTreeMap<(Shape, Contender), Vec<Sample>>;

/// Writes `bench/results/latest.json` and `latest.md`, and prints the latter.
pub(super) fn write(workspace: &Workspace, plan: &Plan, samples: &Samples) -> Result<()> {
    let machine = Machine::read(workspace);
    let folder = workspace.path("bench/results");
    fs::create_dir_all(&folder)?;
    let document = as_json(plan, samples, &machine);
    fs::write(folder.join("latest.json"), format!("{}\n", serde_json::to_string_pretty(&document)?))?;
    let table = as_markdown(plan, samples, &machine);
    fs::write(folder.join("latest.md"), &table)?;
    println!("\n{table}\nin {}", folder.display());
    Ok(())
}

struct Machine {
    commit: String,
    cores: usize,
    memory_gigabytes: u64,
    processor: String,
}

impl Machine {
    fn read(workspace: &Workspace) -> Machine {
        let git = process::output(
            Command::new("git").args(["describe", "--always", "--dirty"]).current_dir(workspace.root()),
        );
        let field = |file: &str, name: &str| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
            line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let memory = field("/proc/meminfo", "MemTotal");
        let kilobytes: u64 = memory.trim_end_matches(" kB").parse().unwrap_or(0);
        Machine {
            commit: git.map(|text| text.trim().to_owned()).unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_gigabytes: kilobytes / (1 << 20),
            processor: field("/proc/cpuinfo", "model name"),
        }
    }
}

/// The medians of one contender on one shape.
struct Medians {
    seconds: f64,
    wall: f64,
    cpu: f64,
    peak_megabytes: f64,
    anonymous_megabytes: f64,
    database_megabytes: f64,
}

impl Medians {
    fn of(samples: &[Sample]) -> Medians {
        let of = |value: fn(&Sample) -> f64| median(samples.iter().map(value).collect());
        Medians {
            seconds: of(|sample| sample.seconds),
            wall: of(|sample| sample.cost.wall_seconds),
            cpu: of(|sample| sample.cost.cpu_seconds),
            peak_megabytes: of(|sample| sample.cost.peak_bytes as f64 / 1e6),
            anonymous_megabytes: of(|sample| sample.cost.peak_anonymous_bytes as f64 / 1e6),
            database_megabytes: of(|sample| sample.database_bytes as f64 / 1e6),
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        count if count % 2 == 1 => values[count / 2],
        count => (values[count / 2 - 1] + values[count / 2]) / 2.0,
    }
}

fn as_json(plan: &Plan, samples: &Samples, machine: &Machine) -> Value {
    let rounded = |value: f64| (value * 1000.0).round() / 1000.0;
    let mut results = Vec::new();
    for ((shape, contender), runs) in samples {
        let medians = Medians::of(runs);
        let yardstick = samples.get(&(*shape, Contender::Reader)).map(|runs| Medians::of(runs).seconds);
        results.push(json!({
            "input": shape.table(),
            "program": contender.key(),
            "version": runs.first().map(|run| run.version.clone()),
            "rows": runs.first().map(|run| run.content["rows"].clone()),
            "seconds": rounded(medians.seconds),
            "wall_seconds": rounded(medians.wall),
            "cpu_seconds": rounded(medians.cpu),
            "peak_megabytes": rounded(medians.peak_megabytes),
            "peak_anonymous_megabytes": rounded(medians.anonymous_megabytes),
            "database_megabytes": rounded(medians.database_megabytes),
            "times_duckdb_reader": yardstick.map(|yardstick| rounded(medians.seconds / yardstick)),
            "runs_seconds": runs.iter().map(|run| rounded(run.seconds)).collect::<Vec<_>>(),
        }));
    }
    json!({
        "version": 1,
        "commit": machine.commit,
        "cores": machine.cores,
        "memory_gigabytes": machine.memory_gigabytes,
        "processor": machine.processor,
        "rounds": plan.rounds,
        "events": plan.size.events,
        "documents": plan.size.documents,
        "results": results,
    })
}

fn as_markdown(plan: &Plan, samples: &Samples, machine: &Machine) -> String {
    let mut text = format!(
        "{} events and {} nested documents; medians of {} rounds in turns; {} cores, {} GB; commit {}\n\n",
        plan.size.events, plan.size.documents, plan.rounds, machine.cores, machine.memory_gigabytes, machine.commit
    );
    text.push_str(
        "| input | program | seconds | × DuckDB's reader | CPU s | peak MB | of it anonymous MB | file MB |\n",
    );
    text.push_str("|---|---|---:|---:|---:|---:|---:|---:|\n");
    for ((shape, contender), runs) in samples {
        let medians = Medians::of(runs);
        let yardstick = samples.get(&(*shape, Contender::Reader)).map_or(f64::NAN, |runs| Medians::of(runs).seconds);
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} {} | {:.2} | {:.2} | {:.2} | {:.0} | {:.0} | {:.0} |",
            shape.table(),
            contender.title(),
            runs.first().map_or("", |run| run.version.as_str()),
            medians.seconds,
            medians.seconds / yardstick,
            medians.cpu,
            medians.peak_megabytes,
            medians.anonymous_megabytes,
            medians.database_megabytes
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_or_between_the_two_middles() {
        assert_eq!(median(vec![9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 9.0]), 3.0);
    }
}
