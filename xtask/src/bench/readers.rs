//! `cargo xtask bench readers`: a million events in CSV and Parquet files become a table of DuckDB, by `dlt ingest` and by
//! DuckDB's own readers; then ten times as many, which shows what memory follows.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use dlt_testkit::PythonDlt;
use serde_json::Value;

use super::data::Data;
use super::files::last_line;
use super::measure::{self, Cost};
use super::merging::median;
use super::shape::Shape;
use crate::workspace::Workspace;
use crate::{binary, process};

const KINDS: [&str; 2] = ["csv", "parquet"];
/// Who loads: the names in the table.
const READER: &str = "DuckDB's reader";
const OURS: &str = "`dlt ingest`";
/// How often the file is there.
const TIMES: [usize; 2] = [1, 10];

struct Arena {
    dlt: PathBuf,
    python: PathBuf,
    script: PathBuf,
    folder: PathBuf,
}

/// The rounds of one program with one input.
struct Figures {
    kind: &'static str,
    times: usize,
    who: &'static str,
    costs: Vec<Cost>,
}

pub(super) fn run(workspace: &Workspace, words: &[&str]) -> Result<()> {
    let (size, rounds) = super::size_and_rounds("readers", words)?;
    let data = Data::new(workspace.path("bench/data"), size);
    data.ensure(Shape::Events)?;
    let arena = Arena {
        dlt: binary::chosen(workspace)?,
        python: PythonDlt::shared()?.python(),
        script: workspace.path("bench/python/readers.py"),
        folder: workspace.path("bench/data/readers"),
    };
    let _ = fs::remove_dir_all(&arena.folder);
    fs::create_dir_all(&arena.folder)?;
    arena.script(&[Path::new("make"), &data.path(Shape::Events), &arena.folder])?;
    let mut all = Vec::new();
    for kind in KINDS {
        for times in TIMES {
            let pattern = arena.files(kind, times)?;
            let (mut reader, mut ours, mut contents) = (Vec::new(), Vec::new(), Vec::new());
            for round in 1..=rounds {
                for (who, costs) in [(READER, &mut reader), (OURS, &mut ours)] {
                    let (cost, content) = arena.load(who, kind, &pattern)?;
                    println!(
                        "  {kind:<8} × {times:<3} round {round}  {who:<16} {:>6.2} s  {:>6.2} s cpu  {:>5} MB",
                        cost.wall_seconds,
                        cost.cpu_seconds,
                        cost.peak_bytes / 1_000_000
                    );
                    costs.push(cost);
                    contents.push(content);
                }
            }
            if let Some(other) = contents.iter().find(|content| **content != contents[0]) {
                bail!("{kind}: not all have loaded the same rows: {other} and {}", contents[0]);
            }
            all.push(Figures { kind, times, who: READER, costs: reader });
            all.push(Figures { kind, times, who: OURS, costs: ours });
        }
    }
    fs::remove_dir_all(&arena.folder)?;
    let table = table(size.events, rounds, &all);
    fs::create_dir_all(workspace.path("bench/results"))?;
    fs::write(workspace.path("bench/results/readers.md"), &table)?;
    println!("\n{table}");
    Ok(())
}

impl Arena {
    /// The file so many times, and the pattern that means all of them.
    fn files(&self, kind: &str, times: usize) -> Result<PathBuf> {
        let folder = self.folder.join(format!("{kind}-{times}"));
        fs::create_dir_all(&folder)?;
        for number in 0..times {
            fs::hard_link(self.folder.join(format!("events.{kind}")), folder.join(format!("{number}.{kind}")))?;
        }
        Ok(folder.join(format!("*.{kind}")))
    }

    fn load(&self, who: &str, kind: &str, pattern: &Path) -> Result<(Cost, Value)> {
        let database = self.folder.join("work.duckdb");
        for left in [database.clone(), database.with_extension("duckdb.wal")] {
            let _ = fs::remove_file(left);
        }
        let home = self.folder.join("home");
        let _ = fs::remove_dir_all(&home);
        fs::create_dir_all(&home)?;
        let (mut cost, seconds) = if who == READER {
            let (told, cost) =
                measure::run(&mut self.python(&[Path::new("load"), Path::new(kind), pattern, &database]))?;
            (cost, last_line(&told)?["seconds"].as_f64())
        } else {
            let mut command = Command::new(&self.dlt);
            command.arg("ingest").arg(pattern).args(["--to", &format!("duckdb:{}", database.display())]);
            command.args(["--dataset", "bench", "--table", "events"]);
            command.env("HOME", &home).env("DLT_DATA_DIR", home.join(".dlt")).env("RUNTIME__DLTHUB_TELEMETRY", "false");
            (measure::run(&mut command)?.1, None)
        };
        cost.wall_seconds = seconds.unwrap_or(cost.wall_seconds);
        Ok((cost, self.script(&[Path::new("content"), &database])?["content"].clone()))
    }

    fn python(&self, words: &[&Path]) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(&self.script).args(words);
        command
    }

    fn script(&self, words: &[&Path]) -> Result<Value> {
        last_line(&process::output(&mut self.python(words))?)
    }
}

fn table(events: u64, rounds: usize, all: &[Figures]) -> String {
    let mut out = format!(
        "{events} events and ten times as many, into a new DuckDB file; medians of {rounds} rounds.\n\n\
         | input | program | seconds | × reader | processor | peak |\n|---|---|---:|---:|---:|---:|\n"
    );
    let of = |figures: &Figures, value: fn(&Cost) -> f64| median(&figures.costs.iter().map(value).collect::<Vec<_>>());
    for pair in all.chunks(2) {
        let floor = of(&pair[0], |cost| cost.wall_seconds);
        for figures in pair {
            let seconds = of(figures, |cost| cost.wall_seconds);
            // Writing to a string cannot fail.
            let _ = writeln!(
                out,
                "| {} × {} | {} | {seconds:.2} | {:.2} | {:.2} s | {:.0} MB |",
                figures.kind,
                figures.times,
                figures.who,
                seconds / floor,
                of(figures, |cost| cost.cpu_seconds),
                of(figures, |cost| cost.peak_bytes as f64) / 1e6
            );
        }
    }
    out
}
