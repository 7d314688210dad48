//! `cargo xtask bench files`: a million events become Parquet files on disk, by `dlt ingest` and by DuckDB's `COPY`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use dlt_testkit::PythonDlt;
use serde_json::Value;

use super::data::Data;
use super::measure;
use super::shape::Shape;
use crate::workspace::Workspace;
use crate::{binary, process};

/// Who writes: the names in the table.
const COPY: &str = "DuckDB's `COPY`";
const OURS: &str = "`dlt ingest`";

/// One run.
struct Sample {
    seconds: f64,
    cpu_seconds: f64,
    peak_bytes: u64,
    written_bytes: u64,
}

pub(super) fn run(workspace: &Workspace, words: &[&str]) -> Result<()> {
    let (size, rounds) = super::size_and_rounds("files", words)?;
    let dlt = binary::chosen(workspace)?;
    let python = PythonDlt::shared()?.python();
    let script = workspace.path("bench/python/copy_to.py");
    let data = Data::new(workspace.path("bench/data"), size);
    data.ensure(Shape::Events)?;
    let (input, work) = (data.path(Shape::Events), workspace.path("bench/data/work"));
    let mut samples: [(&str, Vec<Sample>); 2] = [(COPY, Vec::new()), (OURS, Vec::new())];
    let mut contents = Vec::new();
    for _ in 0..rounds {
        for (who, samples) in &mut samples {
            let _ = fs::remove_dir_all(&work);
            fs::create_dir_all(work.join("copy"))?;
            let (mut command, written) = match *who {
                COPY => {
                    let mut command = Command::new(&python);
                    command.arg(&script).arg("write").arg(&input).arg(work.join("copy/events.parquet"));
                    (command, work.join("copy"))
                }
                _ => {
                    let mut command = Command::new(&dlt);
                    command
                        .arg("ingest")
                        .arg(&input)
                        .args(["--to", &format!("filesystem:{}", work.join("lake").display())]);
                    command.args(["--dataset", "bench", "--table", "events"]);
                    command.env("DESTINATION__FILESYSTEM__LOADER_FILE_FORMAT", "parquet");
                    (command, work.join("lake/bench/events"))
                }
            };
            command.env("HOME", &work).env("DLT_DATA_DIR", work.join("dlt")).env("RUNTIME__DLTHUB_TELEMETRY", "false");
            let (printed, cost) = measure::run(&mut command)?;
            let seconds = match *who {
                COPY => last_line(&printed)?["seconds"].as_f64().context("the script told no seconds")?,
                _ => cost.wall_seconds,
            };
            println!(
                "  {who:<16} {seconds:>6.2} s  {:>6.2} s cpu  {:>5} MB",
                cost.cpu_seconds,
                cost.peak_bytes / 1_000_000
            );
            let mut count = Command::new(&python);
            count.arg(&script).arg("count").arg(written.join("*.parquet"));
            contents.push(last_line(&process::output(&mut count)?)?);
            let written_bytes = bytes_in(&written)?;
            samples.push(Sample { seconds, cpu_seconds: cost.cpu_seconds, peak_bytes: cost.peak_bytes, written_bytes });
        }
    }
    fs::remove_dir_all(&work)?;
    if let Some(other) = contents.iter().find(|content| **content != contents[0]) {
        bail!("not all have written the same rows: {other} and {}", contents[0]);
    }
    println!("\n{}", table(&samples));
    Ok(())
}

/// What a script told in its last line.
pub(super) fn last_line(printed: &str) -> Result<Value> {
    let line = printed.lines().next_back().unwrap_or_default();
    serde_json::from_str(line).with_context(|| format!("not a line of JSON: {line:?}"))
}

fn bytes_in(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}

fn table(samples: &[(&str, Vec<Sample>)]) -> String {
    let median = |samples: &[Sample], value: fn(&Sample) -> f64| {
        let mut values: Vec<f64> = samples.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let mut text =
        String::from("| to Parquet | seconds | processor seconds | memory | files |\n|---|---|---|---|---|\n");
    for (who, samples) in samples {
        text.push_str(&format!(
            "| {who} | {:.2} | {:.2} | {:.0} MB | {:.0} MB |\n",
            median(samples, |one| one.seconds),
            median(samples, |one| one.cpu_seconds),
            median(samples, |one| one.peak_bytes as f64) / 1e6,
            median(samples, |one| one.written_bytes as f64) / 1e6,
        ));
    }
    text
}
