//! Who is measured, and how each is called.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::data::Data;
use super::measure::{self, Cost};
use super::shape::Shape;
use crate::process;

impl Shape {
    /// Whether Python dlt runs too: the others show limits, and would take it many minutes.
    pub(super) fn is_for(self, contender: Contender) -> bool {
        let is_python = matches!(contender, Contender::PythonTuned | Contender::PythonDefault);
        !is_python || matches!(self, Shape::Events | Shape::Documents)
    }

    /// The file or folder.
    pub(super) fn file(self, data: &Data) -> PathBuf {
        data.path(self)
    }
}

/// A program that loads a file into a new DuckDB file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Contender {
    /// DuckDB's JSON reader with SQL for ids and child tables: the yardstick.
    Reader,
    /// `dlt ingest`.
    Ingest,
    /// Python dlt with the fastest settings found.
    PythonTuned,
    /// Python dlt as it comes.
    PythonDefault,
}

impl Contender {
    /// The name in results, stable between versions.
    pub(super) fn key(self) -> &'static str {
        match self {
            Contender::Reader => "duckdb_reader",
            Contender::Ingest => "dlt_ingest",
            Contender::PythonTuned => "python_dlt_tuned",
            Contender::PythonDefault => "python_dlt_default",
        }
    }

    /// The name in the table.
    pub(super) fn title(self) -> &'static str {
        match self {
            Contender::Reader => "DuckDB's own reader",
            Contender::Ingest => "`dlt ingest`",
            Contender::PythonTuned => "Python dlt, tuned",
            Contender::PythonDefault => "Python dlt, default",
        }
    }
}

/// One run and what it cost.
pub(super) struct Sample {
    pub(super) cost: Cost,
    /// The time that counts: for Python programs what they took after their imports, for ours the whole process.
    pub(super) seconds: f64,
    pub(super) database_bytes: u64,
    /// Row counts and figures of what was loaded.
    pub(super) content: Value,
    /// Version of the program that loaded.
    pub(super) version: String,
}

/// Everything that a run needs: programs, and a folder to work in that is emptied before each.
pub(super) struct Arena {
    pub(super) dlt: PathBuf,
    pub(super) python: PathBuf,
    pub(super) scripts: PathBuf,
    pub(super) work: PathBuf,
}

impl Arena {
    pub(super) fn run(&self, contender: Contender, shape: Shape, data: &Data) -> Result<Sample> {
        let _ = fs::remove_dir_all(&self.work);
        fs::create_dir_all(self.work.join("home"))?;
        let python = matches!(contender, Contender::PythonTuned | Contender::PythonDefault);
        let database = self.work.join(if python { "python.duckdb" } else { "loaded.duckdb" });
        let file = shape.file(data);
        let mut command = match contender {
            Contender::Reader => {
                let mut command = self.script("duckdb_reader.py");
                command.arg(shape.table()).arg(&file).arg(&database);
                command
            }
            Contender::Ingest => {
                let mut command = Command::new(&self.dlt);
                command.arg("ingest").arg(&file).args(["--to", &format!("duckdb:{}", database.display())]);
                command.args(["--dataset", "bench"]);
                if !shape.has_many_tables() {
                    command.args(["--table", shape.table()]);
                }
                command
            }
            Contender::PythonTuned | Contender::PythonDefault => {
                let setting = if contender == Contender::PythonTuned { "tuned" } else { "default" };
                let mut command = self.script("python_dlt.py");
                command.arg(shape.table()).arg(&file).arg(&self.work).arg(setting);
                command
            }
        };
        self.isolate(&mut command);
        let (printed, cost) = measure::run(&mut command)?;
        let (seconds, version) = match contender {
            Contender::Ingest => (cost.wall_seconds, self.version_of_dlt()?),
            _ => told(&printed)?,
        };
        let content = self.content(shape, &database)?;
        let database_bytes = fs::metadata(&database)?.len();
        fs::remove_dir_all(&self.work)?;
        Ok(Sample { cost, seconds, database_bytes, content, version })
    }

    fn script(&self, name: &str) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(self.scripts.join(name));
        command
    }

    /// A home of its own, no telemetry, nothing of the caller's settings.
    fn isolate(&self, command: &mut Command) {
        command.env_clear().current_dir(&self.work);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.work.join("home"));
        command.env("DLT_DATA_DIR", self.work.join("home/.dlt"));
        command.env("RUNTIME__DLTHUB_TELEMETRY", "false").env("RUNTIME__LOG_LEVEL", "ERROR");
        command.env("PYTHONNOUSERSITE", "1").env("PYTHONDONTWRITEBYTECODE", "1");
    }

    fn version_of_dlt(&self) -> Result<String> {
        let mut command = Command::new(&self.dlt);
        command.arg("--version");
        self.isolate(&mut command);
        let printed = process::output(&mut command)?;
        Ok(printed.trim().trim_start_matches("dlt ").to_owned())
    }

    fn content(&self, shape: Shape, database: &Path) -> Result<Value> {
        let mut command = self.script("content.py");
        command.arg(shape.table()).arg(database);
        self.isolate(&mut command);
        let content: Value = serde_json::from_str(&process::output(&mut command)?)?;
        if content["double_ids"] != 0 {
            bail!("{} holds row ids that are not unique: {content}", database.display());
        }
        Ok(content)
    }
}

/// What a script said of itself in its last line.
fn told(printed: &str) -> Result<(f64, String)> {
    let line = printed.lines().next_back().unwrap_or_default();
    let value: Value = serde_json::from_str(line).with_context(|| format!("not a line of JSON: {line:?}"))?;
    let seconds = value["seconds"].as_f64().context("the script told no seconds")?;
    Ok((seconds, value["version"].as_str().unwrap_or_default().to_owned()))
}
