//! `cargo xtask bench postgres`: the events go into a Postgres server by `dlt ingest`, by psql's `\copy` of the same rows into an
//! equal table, and by Python dlt, in turns. Each is done with the unique index that Python dlt makes, and without.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use dlt_testkit::{Postgres, PythonDlt};
use serde_json::Value;

use super::data::{Data, Size};
use super::shape::Shape;
use crate::workspace::Workspace;
use crate::{binary, process};

/// How much slower than COPY of the same rows the load may be.
const BUDGET: f64 = 1.3;

/// Who does it: the names in the table.
const COPY: &str = "`\\copy` of psql, from CSV";
const WHOLE: &str = "`dlt ingest`, from JSON Lines";
const LOAD: &str = "of which the load";
const PYTHON: &str = "Python dlt, from JSON Lines";

struct Plan {
    size: Size,
    rounds: usize,
    /// Rounds of Python dlt, which is slow.
    python_rounds: usize,
}

impl Plan {
    fn read(words: &[&str]) -> Result<Plan> {
        let mut plan = Plan { size: Size::FULL, rounds: 3, python_rounds: 1 };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--quick" => plan.size = Size::QUICK,
                "--no-python" => plan.python_rounds = 0,
                "--rounds" => {
                    let number = words.next().context("--rounds needs a number")?;
                    plan.rounds = number.parse().with_context(|| format!("--rounds {number} is not a number"))?;
                }
                other => bail!("bench postgres knows --quick, --no-python and --rounds N, and not {other}"),
            }
        }
        if plan.rounds == 0 {
            bail!("--rounds 0 measures nothing");
        }
        Ok(plan)
    }
}

struct Arena {
    dlt: PathBuf,
    python: PathBuf,
    script: PathBuf,
    work: PathBuf,
    events: PathBuf,
    server: Postgres,
}

pub(super) fn run(workspace: &Workspace, words: &[&str]) -> Result<()> {
    let plan = Plan::read(words)?;
    let data = Data::new(workspace.path("bench/data"), plan.size);
    data.ensure(Shape::Events)?;
    let arena = Arena {
        dlt: binary::chosen(workspace)?,
        python: PythonDlt::shared()?.python(),
        script: workspace.path("bench/python/postgres.py"),
        work: workspace.path("bench/data/postgres"),
        events: data.path(Shape::Events),
        server: Postgres::start()?,
    };
    let mut seconds: BTreeMap<(bool, &str), Vec<f64>> = BTreeMap::new();
    for indexes in [true, false] {
        for round in 1..=plan.rounds {
            let (whole, load) = arena.ingest(indexes)?;
            let copied = arena.copy()?;
            let mut took = vec![(WHOLE, whole), (LOAD, load), (COPY, copied)];
            if round <= plan.python_rounds {
                took.push((PYTHON, arena.python(indexes, plan.size.events)?));
            }
            for (who, took) in took {
                println!("  round {round}, {:<16} {who:<30} {took:>7.2} s", title(indexes));
                seconds.entry((indexes, who)).or_default().push(took);
            }
        }
    }
    let table = table(&plan, &seconds);
    fs::create_dir_all(workspace.path("bench/results"))?;
    fs::write(workspace.path("bench/results/postgres.md"), &table)?;
    println!("\n{table}");
    Ok(())
}

fn title(indexes: bool) -> &'static str {
    if indexes { "unique ids" } else { "without indexes" }
}

impl Arena {
    /// The database `name`, empty.
    fn database(&self, name: &str) -> Result<String> {
        self.server.sql("postgres", &format!("DROP DATABASE IF EXISTS {name}"))?;
        self.server.create_database(name)?;
        self.server.sql("postgres", "CHECKPOINT")?;
        let _ = fs::remove_dir_all(&self.work);
        fs::create_dir_all(self.work.join("home"))?;
        Ok(self.server.url(name))
    }

    /// Loads by `dlt ingest`; seconds of the whole program, and of its step that loads.
    fn ingest(&self, indexes: bool) -> Result<(f64, f64)> {
        let url = self.database("ours")?;
        let mut command = Command::new(&self.dlt);
        command.arg("ingest").arg(&self.events).args(["--to", &url, "--dataset", "bench", "--table", "events"]);
        self.isolate(&mut command, indexes);
        let begun = Instant::now();
        let output = command.output()?;
        let whole = begun.elapsed().as_secs_f64();
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            bail!("`dlt ingest` failed\n{said}");
        }
        // `✓ load         1.23s  1,000,000 rows`
        let line = said.lines().find(|line| line.contains(" load ")).context("it told nothing of its load")?;
        let load = line.split_whitespace().find_map(|word| word.strip_suffix('s')?.parse().ok());
        Ok((whole, load.with_context(|| format!("no seconds in {line:?}"))?))
    }

    /// Copies the rows of the last [`Arena::ingest`] into an equal table.
    fn copy(&self) -> Result<f64> {
        let csv = self.work.join("events.csv");
        let written = self.psql("COPY bench.events TO STDOUT (FORMAT csv)").stdout(File::create(&csv)?).status()?;
        if !written.success() {
            bail!("psql could not write the rows");
        }
        self.server.sql("ours", "CREATE TABLE bench.copied (LIKE bench.events INCLUDING ALL); CHECKPOINT")?;
        let mut command = self.psql("COPY bench.copied FROM STDIN (FORMAT csv)");
        command.stdin(File::open(&csv)?).stdout(Stdio::null());
        let begun = Instant::now();
        if !command.status()?.success() {
            bail!("psql could not copy the rows");
        }
        let seconds = begun.elapsed().as_secs_f64();
        let same = "SELECT (SELECT count(*) FROM bench.events) = (SELECT count(*) FROM bench.copied)";
        if self.server.sql("ours", same)? != "t" {
            bail!("psql copied other rows");
        }
        Ok(seconds)
    }

    fn psql(&self, sql: &str) -> Command {
        let mut command = self.server.psql("ours");
        command.args(["-c", sql]);
        command
    }

    fn python(&self, indexes: bool, rows: u64) -> Result<f64> {
        let url = self.database("python")?;
        let mut command = Command::new(&self.python);
        command.arg(&self.script).arg(&self.events).arg(&url);
        self.isolate(&mut command, indexes);
        let printed = process::output(&mut command)?;
        let line = printed.lines().next_back().unwrap_or_default();
        let told: Value = serde_json::from_str(line).with_context(|| format!("not a line of JSON: {line:?}"))?;
        if self.server.sql("python", "SELECT count(*) FROM bench.events")? != rows.to_string() {
            bail!("Python dlt loaded other rows");
        }
        told["seconds"].as_f64().context("the script told no seconds")
    }

    /// A home of its own, no telemetry, nothing of the caller's settings.
    fn isolate(&self, command: &mut Command, indexes: bool) {
        let home: &Path = &self.work.join("home");
        command.env_clear().current_dir(&self.work);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", home).env("DLT_DATA_DIR", home.join(".dlt"));
        command.env("RUNTIME__DLTHUB_TELEMETRY", "false").env("RUNTIME__LOG_LEVEL", "ERROR");
        command.env("PYTHONNOUSERSITE", "1").env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("DESTINATION__POSTGRES__CREATE_INDEXES", indexes.to_string());
    }
}

fn median(of: &[f64]) -> f64 {
    let mut sorted = of.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn table(plan: &Plan, seconds: &BTreeMap<(bool, &str), Vec<f64>>) -> String {
    let mut out = format!(
        "{} events into a Postgres server of this machine; medians of {} rounds (Python dlt: {}).\n\n\
         | | {} | beside `\\copy` | {} | beside `\\copy` |\n|---|---|---|---|---|\n",
        plan.size.events,
        plan.rounds,
        plan.python_rounds,
        title(true),
        title(false)
    );
    for who in [COPY, WHOLE, LOAD, PYTHON] {
        let cells: Vec<String> = [true, false]
            .iter()
            .filter_map(|indexes| {
                let took = median(seconds.get(&(*indexes, who))?);
                let beside = took / median(seconds.get(&(*indexes, COPY))?);
                Some(format!("{took:.2} s | {beside:.2}"))
            })
            .collect();
        if !cells.is_empty() {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "| {who} | {} |", cells.join(" | "));
        }
    }
    let _ = writeln!(out, "\nThe load may take {BUDGET} times as long as `\\copy`.");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_is_read_from_the_words() {
        let plan = Plan::read(&["--quick", "--rounds", "5", "--no-python"]).unwrap();
        assert_eq!((plan.size.events, plan.rounds, plan.python_rounds), (100_000, 5, 0));
        assert!(Plan::read(&["--rounds", "0"]).is_err() && Plan::read(&["--fast"]).is_err());
    }

    #[test]
    fn the_table_has_both_kinds() {
        let plan = Plan { size: Size::QUICK, rounds: 1, python_rounds: 0 };
        let of = |indexes, who, took| ((indexes, who), vec![took]);
        let seconds = [of(true, COPY, 2.0), of(true, LOAD, 3.0), of(false, COPY, 1.0), of(false, LOAD, 1.0)].into();
        assert!(table(&plan, &seconds).contains("| of which the load | 3.00 s | 1.50 | 1.00 s | 1.00 |"));
    }
}
