//! `cargo xtask bench databases`: a table of events of a Postgres server becomes a table of DuckDB, and Parquet files, by
//! `dlt ingest`; beside `COPY … TO STDOUT` of the same table, which is what reading it costs at least.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use dlt_testkit::Postgres;

use super::data::Data;
use super::measure;
use super::shape::Shape;
use crate::binary;
use crate::workspace::Workspace;

/// What is done: the names in the table.
const COPY: &str = "`COPY events TO STDOUT` of psql, into nothing";
const DUCKDB: &str = "`dlt ingest`, into DuckDB";
const PARQUET: &str = "`dlt ingest`, into Parquet files";

/// One run.
struct Sample {
    seconds: f64,
    cpu_seconds: f64,
    peak_bytes: u64,
}

pub(super) fn run(workspace: &Workspace, words: &[&str]) -> Result<()> {
    let (size, rounds) = super::size_and_rounds("databases", words)?;
    let data = Data::new(workspace.path("bench/data"), size);
    data.ensure(Shape::Events)?;
    let arena = Arena {
        dlt: binary::chosen(workspace)?,
        work: workspace.path("bench/data/databases"),
        server: Postgres::start()?,
    };
    arena.server.create_database("shop")?;
    arena.begin()?;
    let url = arena.server.url("shop");
    arena.dlt(&[&data.path(Shape::Events), Path::new("--to"), Path::new(&url)])?;
    arena.server.sql("shop", "ANALYZE")?;
    let mut samples: [(&str, Vec<Sample>); 3] = [(COPY, Vec::new()), (DUCKDB, Vec::new()), (PARQUET, Vec::new())];
    for round in 1..=rounds {
        for (who, samples) in &mut samples {
            arena.begin()?;
            let source = [Path::new(&url), Path::new("--schema"), Path::new("bench"), Path::new("--to")];
            let sample = match *who {
                COPY => arena.copy()?,
                DUCKDB => arena.dlt(&[&source[..], &[Path::new("duckdb:events.duckdb")]].concat())?,
                _ => arena.dlt(&[&source[..], &[Path::new("filesystem:lake")]].concat())?,
            };
            println!(
                "  round {round}  {who:<46} {:>6.2} s  {:>6.2} s cpu  {:>5} MB",
                sample.seconds,
                sample.cpu_seconds,
                sample.peak_bytes / 1_000_000
            );
            samples.push(sample);
        }
    }
    let table = table(size.events, rounds, &samples);
    fs::create_dir_all(workspace.path("bench/results"))?;
    fs::write(workspace.path("bench/results/databases.md"), &table)?;
    println!("\n{table}");
    Ok(())
}

struct Arena {
    dlt: PathBuf,
    work: PathBuf,
    server: Postgres,
}

impl Arena {
    /// An empty folder to work in.
    fn begin(&self) -> Result<()> {
        let _ = fs::remove_dir_all(&self.work);
        fs::create_dir_all(self.work.join("home")).context("could not make the folder to work in")
    }

    /// `dlt ingest` of the table `events` into the dataset `bench`.
    fn dlt(&self, words: &[&Path]) -> Result<Sample> {
        let home = self.work.join("home");
        let mut command = Command::new(&self.dlt);
        command.arg("ingest").args(words).args(["--dataset", "bench", "--table", "events"]);
        command.env_clear().current_dir(&self.work);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", &home).env("DLT_DATA_DIR", home.join(".dlt"));
        command.env("RUNTIME__DLTHUB_TELEMETRY", "false");
        command.env("DESTINATION__FILESYSTEM__LOADER_FILE_FORMAT", "parquet");
        let begun = Instant::now();
        let (_, cost) = measure::run(&mut command)?;
        Ok(Sample {
            seconds: begun.elapsed().as_secs_f64(),
            cpu_seconds: cost.cpu_seconds,
            peak_bytes: cost.peak_bytes,
        })
    }

    fn copy(&self) -> Result<Sample> {
        let mut command = self.server.psql("shop");
        command.args(["-c", "COPY bench.events TO STDOUT"]).stdout(Stdio::null());
        let begun = Instant::now();
        if !command.status()?.success() {
            bail!("psql could not copy the table");
        }
        Ok(Sample { seconds: begun.elapsed().as_secs_f64(), cpu_seconds: 0.0, peak_bytes: 0 })
    }
}

fn median(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    let mut sorted: Vec<f64> = samples.iter().map(of).collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn table(events: u64, rounds: usize, samples: &[(&str, Vec<Sample>); 3]) -> String {
    let mut out = format!(
        "{events} events in a table of a Postgres server of this machine; medians of {rounds} rounds.\n\n\
         | | seconds | beside `COPY` | processor | peak |\n|---|---|---|---|---|\n"
    );
    let floor = median(&samples[0].1, |sample| sample.seconds);
    for (who, samples) in samples {
        let seconds = median(samples, |sample| sample.seconds);
        let (cpu, peak) = (median(samples, |it| it.cpu_seconds), median(samples, |it| it.peak_bytes as f64) / 1e6);
        let cost = if peak > 0.0 { format!("{cpu:.2} s | {peak:.0} MB") } else { " | ".to_owned() };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "| {who} | {seconds:.2} s | {:.2} | {cost} |", seconds / floor);
    }
    out
}
