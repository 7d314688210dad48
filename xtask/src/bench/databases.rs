//! `cargo xtask bench databases`: a table of events of a Postgres server becomes a table of DuckDB, Parquet files and CSV, by
//! `dlt ingest`; beside `COPY … TO STDOUT` of the same table, which is what reading it costs at least, and beside programs that
//! do the same work.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use dlt_testkit::{Movers, Postgres};

use super::data::Data;
use super::measure;
use super::shape::Shape;
use crate::workspace::Workspace;
use crate::{binary, duckdb};

/// Who does what.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Contender {
    Copy,
    ToDuckDb,
    IngestrToDuckDb,
    ToParquet,
    ToCsv,
    SlingToCsv,
}

impl Contender {
    const ALL: [Contender; 6] =
        [Self::Copy, Self::ToDuckDb, Self::IngestrToDuckDb, Self::ToParquet, Self::ToCsv, Self::SlingToCsv];

    fn title(self) -> &'static str {
        match self {
            Self::Copy => "`COPY events TO STDOUT` of psql, into nothing",
            Self::ToDuckDb => "`dlt ingest`, into DuckDB",
            Self::IngestrToDuckDb => "ingestr, into DuckDB",
            Self::ToParquet => "`dlt ingest`, into Parquet files",
            Self::ToCsv => "`dlt ingest`, into CSV files",
            Self::SlingToCsv => "sling, into a CSV file",
        }
    }
}

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
        movers: Movers::shared()?,
        driver: workspace.duckdb_folder().join(duckdb::LIBRARY),
        work: workspace.path("bench/data/databases"),
        server: Postgres::start()?,
    };
    arena.server.create_database("shop")?;
    arena.begin()?;
    let url = arena.server.url("shop");
    arena.dlt("jsonl", &[&data.path(Shape::Events), Path::new("--to"), Path::new(&url)])?;
    arena.server.sql("shop", "ANALYZE")?;
    // sling does not understand a password that an address has to write in another way.
    arena.server.sql("shop", "CREATE ROLE mover LOGIN SUPERUSER PASSWORD 'mover'")?;
    let mut samples: Vec<(Contender, Vec<Sample>)> = Contender::ALL.iter().map(|who| (*who, Vec::new())).collect();
    for round in 1..=rounds {
        for (who, samples) in &mut samples {
            arena.begin()?;
            let sample = arena.sample(*who, &url)?;
            println!(
                "  round {round}  {:<46} {:>6.2} s  {:>6.2} s cpu  {:>5} MB",
                who.title(),
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
    movers: Movers,
    /// DuckDB's library, which is the driver by which ingestr reaches it.
    driver: PathBuf,
    work: PathBuf,
    server: Postgres,
}

impl Arena {
    /// An empty folder to work in.
    fn begin(&self) -> Result<()> {
        let _ = fs::remove_dir_all(&self.work);
        fs::create_dir_all(self.work.join("home")).context("could not make the folder to work in")
    }

    fn sample(&self, who: Contender, url: &str) -> Result<Sample> {
        let ours = |format, to| {
            let source = [Path::new(url), Path::new("--schema"), Path::new("bench"), Path::new("--to"), Path::new(to)];
            self.dlt(format, &source)
        };
        match who {
            Contender::Copy => self.copy(),
            Contender::ToDuckDb => ours("parquet", "duckdb:events.duckdb"),
            Contender::ToParquet => ours("parquet", "filesystem:lake"),
            Contender::ToCsv => ours("csv", "filesystem:lake"),
            Contender::IngestrToDuckDb => self.ingestr(url),
            Contender::SlingToCsv => self.sling(),
        }
    }

    /// `dlt ingest` of the table `events` into the dataset `bench`.
    fn dlt(&self, format: &str, words: &[&Path]) -> Result<Sample> {
        let mut command = self.command(&self.dlt);
        command.arg("ingest").args(words).args(["--dataset", "bench", "--table", "events"]);
        command.env("DESTINATION__FILESYSTEM__LOADER_FILE_FORMAT", format);
        command.env("DESTINATION__FILESYSTEM__DISABLE_COMPRESSION", "true");
        measured(&mut command)
    }

    fn ingestr(&self, url: &str) -> Result<Sample> {
        let drivers = self.work.join("home/.config/adbc/drivers");
        fs::create_dir_all(&drivers)?;
        let manifest = format!(
            "manifest_version = 1\nname = \"DuckDB\"\n\n[Driver]\nentrypoint = \"duckdb_adbc_init\"\nshared = {:?}\n",
            self.driver
        );
        fs::write(drivers.join("duckdb.toml"), manifest)?;
        let mut command = self.command(&self.movers.ingestr());
        command.args(["ingest", "--yes", "--progress", "log", "--source-table", "bench.events"]);
        command.args(["--source-uri", &format!("{url}?sslmode=disable"), "--dest-table", "main.events", "--dest-uri"]);
        command.arg(format!("duckdb:///{}", self.work.join("events.duckdb").display()));
        measured(&mut command)
    }

    fn sling(&self) -> Result<Sample> {
        let mut command = self.command(&self.movers.sling()?);
        let port = self.server.port();
        command.env("SHOP", format!("postgresql://mover:mover@127.0.0.1:{port}/shop?sslmode=disable"));
        command.args(["run", "--src-conn", "SHOP", "--src-stream", "bench.events", "--tgt-object"]);
        command.arg(format!("file://{}", self.work.join("events.csv").display()));
        measured(&mut command)
    }

    /// A program in an environment of its own, which tells nobody that it runs.
    fn command(&self, program: &Path) -> Command {
        let home = self.work.join("home");
        let mut command = Command::new(program);
        command.env_clear().current_dir(&self.work);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", &home).env("DLT_DATA_DIR", home.join(".dlt")).env("RUNTIME__DLTHUB_TELEMETRY", "false");
        command.env("INGESTR_DISABLE_TELEMETRY", "true").env("DISABLE_TELEMETRY", "true");
        command.env("SLING_DISABLE_TELEMETRY", "true").env("DO_NOT_TRACK", "1");
        command
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

fn measured(command: &mut Command) -> Result<Sample> {
    let (_, cost) = measure::run(command)?;
    Ok(Sample { seconds: cost.wall_seconds, cpu_seconds: cost.cpu_seconds, peak_bytes: cost.peak_bytes })
}

fn median(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    let mut sorted: Vec<f64> = samples.iter().map(of).collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn table(events: u64, rounds: usize, samples: &[(Contender, Vec<Sample>)]) -> String {
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
        let _ = writeln!(out, "| {} | {seconds:.2} s | {:.2} | {cost} |", who.title(), seconds / floor);
    }
    out
}
