//! `cargo xtask bench merge`: changed rows are merged into a table that is there, and a few are appended to a long one: by
//! `dlt ingest`, by SQL that was written for it, and by Python dlt. All begin with the same file and must end with the same rows.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use dlt_testkit::PythonDlt;
use serde_json::Value;

use super::measure;
use super::random::Random;
use crate::workspace::Workspace;
use crate::{binary, process};

/// How much slower than SQL a merge may be.
const BUDGET: f64 = 1.5;
/// One row in so many is changed.
pub(super) const CHANGED: u64 = 10;

struct Plan {
    rows: u64,
    rounds: usize,
    /// Rounds of Python dlt, which is slow.
    python_rounds: usize,
}

impl Plan {
    fn read(words: &[&str]) -> Result<Plan> {
        let mut plan = Plan { rows: 1_000_000, rounds: 5, python_rounds: 1 };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--quick" => plan.rows = 100_000,
                "--no-python" => plan.python_rounds = 0,
                "--rounds" => {
                    let number = words.next().context("--rounds needs a number")?;
                    plan.rounds = number.parse().with_context(|| format!("--rounds {number} is not a number"))?;
                }
                other => bail!("bench merge knows --quick, --no-python and --rounds N, and not {other}"),
            }
        }
        if plan.rounds == 0 {
            bail!("--rounds 0 measures nothing");
        }
        Ok(plan)
    }
}

/// What is done with the rows that change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    DeleteInsert,
    Upsert,
    Scd2,
    /// A few rows to as few.
    AppendToFew,
    /// As many to ten times as many as the others have.
    AppendToMany,
}

impl Work {
    const ALL: [Work; 5] = [Work::DeleteInsert, Work::Upsert, Work::Scd2, Work::AppendToFew, Work::AppendToMany];

    fn title(self) -> &'static str {
        match self {
            Work::DeleteInsert => "delete-insert",
            Work::Upsert => "upsert",
            Work::Scd2 => "scd2",
            Work::AppendToFew => "append to few",
            Work::AppendToMany => "append to many",
        }
    }

    fn is_append(self) -> bool {
        matches!(self, Work::AppendToFew | Work::AppendToMany)
    }

    /// The word of the scripts, which is that of the command line.
    fn word(self) -> &'static str {
        if self.is_append() { "append" } else { self.title() }
    }

    fn options(self) -> Vec<&'static str> {
        let merge = ["--write-disposition", "merge", "--merge-strategy", self.word()];
        match self {
            Work::AppendToFew | Work::AppendToMany => vec!["--write-disposition", "append"],
            Work::Scd2 => [&merge[..], &["--merge-key", "id"]].concat(),
            Work::DeleteInsert | Work::Upsert => [&merge[..], &["--primary-key", "id"]].concat(),
        }
    }
}

/// Who does it: the names in the table.
const SQL: &str = "SQL in DuckDB";
const OURS: &str = "`dlt ingest`";
const PYTHON: &str = "Python dlt";

struct Arena {
    dlt: PathBuf,
    python: PathBuf,
    script: PathBuf,
    folder: PathBuf,
}

pub(super) fn run(workspace: &Workspace, words: &[&str]) -> Result<()> {
    let plan = Plan::read(words)?;
    let folder = workspace.path("bench/data/merge");
    let arena = Arena {
        dlt: binary::chosen(workspace)?,
        python: PythonDlt::shared()?.python(),
        script: workspace.path("bench/python/merge.py"),
        folder,
    };
    fs::create_dir_all(&arena.folder)?;
    let mut seconds: BTreeMap<(Work, &str), Vec<f64>> = BTreeMap::new();
    for work in Work::ALL {
        let (before, changed) = arena.inputs(work, plan.rows)?;
        let base = arena.folder.join("base.duckdb");
        arena.begin(&base)?;
        arena.ingest(&before, &base, work)?;
        if work == Work::AppendToMany {
            arena.script(&["grow", "-", &(plan.rows * 10).to_string()], &base)?;
        }
        let mut content = BTreeMap::new();
        for round in 1..=plan.rounds {
            for who in [SQL, OURS, PYTHON].into_iter().filter(|who| *who != PYTHON || round <= plan.python_rounds) {
                let database = arena.folder.join("work.duckdb");
                arena.begin(&database)?;
                fs::copy(&base, &database)?;
                let took = match who {
                    OURS => arena.ingest(&changed, &database, work)?,
                    _ => {
                        let word = if who == SQL { "sql" } else { "python" };
                        let told = arena.script(&[word, work.word(), &changed.to_string_lossy()], &database)?;
                        told["seconds"].as_f64().context("the script told no seconds")?
                    }
                };
                println!("  {:<14} round {round}  {who:<14} {took:>7.2} s", work.title());
                content.insert(who, arena.script(&["content", work.word(), "-"], &database)?["content"].clone());
                seconds.entry((work, who)).or_default().push(took);
            }
        }
        if let Some((who, other)) = content.iter().find(|(_, other)| **other != content[SQL]) {
            bail!("{}: {who} left something else than {SQL}:\n  {other}\n  {}", work.title(), content[SQL]);
        }
        fs::remove_file(&base)?;
    }
    let table = table(&plan, &seconds);
    fs::create_dir_all(workspace.path("bench/results"))?;
    fs::write(workspace.path("bench/results/merge.md"), &table)?;
    println!("\n{table}");
    Ok(())
}

impl Arena {
    /// Removes what an earlier run left of a database, and what programs remember of it.
    fn begin(&self, database: &Path) -> Result<()> {
        let home = self.folder.join("home");
        let _ = fs::remove_dir_all(&home);
        for file in [database.to_owned(), database.with_extension("duckdb.wal")] {
            let _ = fs::remove_file(file);
        }
        Ok(fs::create_dir_all(home)?)
    }

    /// The files: what is there before, and what changes.
    fn inputs(&self, work: Work, rows: u64) -> Result<(PathBuf, PathBuf)> {
        if work.is_append() {
            let few = rows / 100;
            return Ok((file(&self.folder, 0..few, 1, 1)?, file(&self.folder, rows * 100..rows * 100 + few, 1, 1)?));
        }
        Ok((file(&self.folder, 0..rows, 1, 1)?, file(&self.folder, 0..rows, CHANGED, 2)?))
    }

    fn ingest(&self, file: &Path, database: &Path, work: Work) -> Result<f64> {
        let mut command = Command::new(&self.dlt);
        command.arg("ingest").arg(file).args(["--to", &format!("duckdb:{}", database.display())]);
        command.args(["--dataset", "bench", "--table", "rows", "--pipeline", "bench"]).args(work.options());
        self.isolate(&mut command);
        Ok(measure::run(&mut command)?.1.wall_seconds)
    }

    fn script(&self, words: &[&str], database: &Path) -> Result<Value> {
        let mut command = Command::new(&self.python);
        command.arg(&self.script).args(words).arg(database);
        self.isolate(&mut command);
        let printed = process::output(&mut command)?;
        let line = printed.lines().next_back().unwrap_or_default();
        serde_json::from_str(line).with_context(|| format!("not a line of JSON: {line:?}"))
    }

    /// A home of its own, no telemetry, nothing of the caller's settings.
    fn isolate(&self, command: &mut Command) {
        command.env_clear().current_dir(&self.folder);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.folder.join("home")).env("DLT_DATA_DIR", self.folder.join("home/.dlt"));
        command.env("RUNTIME__DLTHUB_TELEMETRY", "false").env("RUNTIME__LOG_LEVEL", "ERROR");
        command.env("PYTHONNOUSERSITE", "1").env("PYTHONDONTWRITEBYTECODE", "1");
    }
}

/// A file in the folder, of every `step`th row, in the `edition` of its values.
pub(super) fn file(folder: &Path, rows: std::ops::Range<u64>, step: u64, edition: u64) -> Result<PathBuf> {
    let path = folder.join(format!("{}-{}-{step}-{edition}.jsonl", rows.start, rows.end));
    if !path.exists() {
        let mut random = Random::new(edition);
        let mut text = String::new();
        for id in rows.step_by(step as usize) {
            row(&mut random, id, edition, &mut text);
        }
        fs::write(&path, text)?;
    }
    Ok(path)
}

/// Six fields, of which one never changes.
fn row(random: &mut Random, id: u64, edition: u64, out: &mut String) {
    // Writing into a string cannot fail.
    let _ = writeln!(
        out,
        r#"{{"id":{id},"name":"name {}","city":"city {}","amount":{:?},"note":"edition {edition} of row {id}, {}","seen":"2024-{:02}-{:02}T{:02}:{:02}:00Z"}}"#,
        random.below(100_000),
        random.below(1_000),
        random.hundredths(1_000_000),
        random.next(),
        1 + random.below(12),
        1 + random.below(28),
        random.below(24),
        random.below(60),
    );
}

pub(super) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn table(plan: &Plan, seconds: &BTreeMap<(Work, &str), Vec<f64>>) -> String {
    let mut out = String::from("| work | program | seconds | × SQL |\n|---|---|---:|---:|\n");
    let mut is_held = true;
    for ((work, who), values) in seconds {
        let (own, sql) = (median(values), median(&seconds[&(*work, SQL)]));
        is_held = is_held && (*who != OURS || work.is_append() || own <= BUDGET * sql);
        let _ = writeln!(out, "| {} | {who} | {own:.2} | {:.2} |", work.title(), own / sql);
    }
    let few = median(&seconds[&(Work::AppendToFew, OURS)]);
    let many = median(&seconds[&(Work::AppendToMany, OURS)]);
    let verdict = if is_held { "held" } else { "was not held" };
    let _ = writeln!(
        out,
        "\n{} changed rows into {}, {} rounds. The budget of {BUDGET} times the SQL {verdict}.\nAn append of {} rows to {} takes {:.2} times as long as one to {}.",
        plan.rows / CHANGED,
        plan.rows,
        plan.rounds,
        plan.rows / 100,
        plan.rows * 10 + plan.rows / 100,
        many / few,
        plan.rows / 100
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_is_read_from_the_words() {
        let plan = Plan::read(&["--quick", "--no-python", "--rounds", "2"]).unwrap();
        assert_eq!((plan.rows, plan.rounds, plan.python_rounds), (100_000, 2, 0));
        assert!(Plan::read(&["--rounds", "0"]).is_err() && Plan::read(&["--slow"]).is_err());
    }

    #[test]
    fn a_row_is_the_same_in_every_run_and_other_in_another_edition() {
        let text = |edition| {
            let mut text = String::new();
            row(&mut Random::new(edition), 7, edition, &mut text);
            serde_json::from_str::<Value>(&text).unwrap()
        };
        assert_eq!(text(1), text(1));
        assert_ne!(text(1), text(2));
        assert_eq!(text(1)["id"], text(2)["id"]);
    }

    #[test]
    fn what_is_slower_than_the_budget_is_told() {
        let plan = Plan { rows: 100, rounds: 1, python_rounds: 0 };
        let all = |ours: f64| {
            Work::ALL.iter().flat_map(|work| [((*work, SQL), vec![1.0]), ((*work, OURS), vec![ours])]).collect()
        };
        assert!(table(&plan, &all(1.4)).contains("1.5 times the SQL held"));
        assert!(table(&plan, &all(1.6)).contains("1.5 times the SQL was not held"));
    }
}
