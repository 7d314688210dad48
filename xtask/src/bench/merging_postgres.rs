//! `cargo xtask bench merge-postgres`: changed rows are merged into a table of a Postgres server, by `dlt ingest` and by SQL that
//! was written for it. Both begin with a copy of the same database and must end with the same rows.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use dlt_testkit::Postgres;

use super::measure;
use super::merging::{CHANGED, file, median};
use crate::binary;
use crate::workspace::Workspace;

/// The strategies, by the words of the command line.
const STRATEGIES: [&str; 2] = ["delete-insert", "upsert"];

struct Arena {
    dlt: PathBuf,
    folder: PathBuf,
    server: Postgres,
}

/// Figures of a strategy: seconds of SQL and of ours, and memory of ours.
#[derive(Default)]
struct Figures {
    sql: Vec<f64>,
    ours: Vec<f64>,
    peak_bytes: Vec<f64>,
}

pub(super) fn run(workspace: &Workspace, words: &[&str]) -> Result<()> {
    let (size, rounds) = super::size_and_rounds("merge-postgres", words)?;
    let folder = workspace.path("bench/data/merge-postgres");
    fs::create_dir_all(&folder)?;
    let arena = Arena { dlt: binary::chosen(workspace)?, folder, server: Postgres::start()? };
    let (before, changed) =
        (file(&arena.folder, 0..size.events, 1, 1)?, file(&arena.folder, 0..size.events, CHANGED, 2)?);
    arena.server.create_database("base")?;
    arena.ingest(&before, "base", &["--write-disposition", "append"])?;
    arena.server.sql("base", "VACUUM ANALYZE")?;
    let mut out = format!(
        "{} changed rows into {} of a Postgres server; medians of {rounds} rounds.\n\n\
         | strategy | SQL, seconds | `dlt ingest`, seconds | × SQL | peak |\n|---|---:|---:|---:|---:|\n",
        size.events / CHANGED,
        size.events
    );
    for strategy in STRATEGIES {
        let figures = arena.strategy(strategy, rounds, &changed)?;
        let (sql, ours) = (median(&figures.sql), median(&figures.ours));
        let peak = median(&figures.peak_bytes) / 1e6;
        // Writing to a string cannot fail.
        let _ = writeln!(out, "| {strategy} | {sql:.2} | {ours:.2} | {:.2} | {peak:.0} MB |", ours / sql);
    }
    fs::create_dir_all(workspace.path("bench/results"))?;
    fs::write(workspace.path("bench/results/merge-postgres.md"), &out)?;
    println!("\n{out}");
    Ok(())
}

impl Arena {
    fn strategy(&self, strategy: &str, rounds: usize, changed: &Path) -> Result<Figures> {
        let mut figures = Figures::default();
        for round in 1..=rounds {
            let sql = self.on_a_copy(|| self.sql(strategy, changed))?;
            let options = ["--write-disposition", "merge", "--merge-strategy", strategy, "--primary-key", "id"];
            let ours = self.on_a_copy(|| self.ingest(changed, "work", &options))?;
            if sql.1 != ours.1 {
                bail!("{strategy}: `dlt ingest` left {} and SQL {}", ours.1, sql.1);
            }
            let (sql, ours) = (sql.0, ours.0);
            println!(
                "  {strategy:<14} round {round}  SQL {:>6.2} s  dlt {:>6.2} s",
                sql.wall_seconds, ours.wall_seconds
            );
            figures.sql.push(sql.wall_seconds);
            figures.ours.push(ours.wall_seconds);
            figures.peak_bytes.push(ours.peak_bytes as f64);
        }
        Ok(figures)
    }

    /// Does the work on a fresh copy of the database; returns its cost, and what the table holds afterwards.
    fn on_a_copy(&self, work: impl FnOnce() -> Result<measure::Cost>) -> Result<(measure::Cost, String)> {
        self.server.sql("postgres", "DROP DATABASE IF EXISTS work")?;
        self.server.sql("postgres", "CREATE DATABASE work TEMPLATE base")?;
        self.server.sql("postgres", "CHECKPOINT")?;
        let cost = work()?;
        let content =
            "SELECT count(*), sum(id), round(sum(amount)::numeric, 2), min(note), max(note), max(seen) FROM bench.rows";
        Ok((cost, self.server.sql("work", content)?))
    }

    fn ingest(&self, file: &Path, database: &str, options: &[&str]) -> Result<measure::Cost> {
        let home = self.folder.join("home");
        let _ = fs::remove_dir_all(&home);
        fs::create_dir_all(&home)?;
        let mut command = Command::new(&self.dlt);
        command.arg("ingest").arg(file).args(["--to", &self.server.url(database)]);
        command.args(["--dataset", "bench", "--table", "rows", "--pipeline", "bench"]).args(options);
        command.env_clear().current_dir(&self.folder);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", &home).env("DLT_DATA_DIR", home.join(".dlt")).env("RUNTIME__DLTHUB_TELEMETRY", "false");
        Ok(measure::run(&mut command)?.1)
    }

    /// What somebody would write: the lines into a temporary table, its fields into a second, and from there into the rows.
    fn sql(&self, strategy: &str, changed: &Path) -> Result<measure::Cost> {
        let columns = "id, name, city, amount, note, seen, _dlt_load_id, _dlt_id";
        let last = match strategy {
            "delete-insert" => format!(
                "DELETE FROM bench.rows d USING staged s WHERE d.id = s.id;\n\
                 INSERT INTO bench.rows ({columns}) SELECT {columns} FROM staged;"
            ),
            _ => format!(
                "MERGE INTO bench.rows d USING staged s ON d.id = s.id WHEN MATCHED THEN UPDATE SET name = s.name, \
                 city = s.city, amount = s.amount, note = s.note, seen = s.seen, _dlt_load_id = s._dlt_load_id, \
                 _dlt_id = s._dlt_id WHEN NOT MATCHED THEN INSERT ({columns}) \
                 VALUES (s.id, s.name, s.city, s.amount, s.note, s.seen, s._dlt_load_id, s._dlt_id);"
            ),
        };
        let script = format!(
            "\\set ON_ERROR_STOP on\nBEGIN;\nCREATE TEMP TABLE lines (line jsonb);\n\
             \\copy lines FROM '{}' WITH (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')\n\
             CREATE TEMP TABLE staged AS SELECT (line->>'id')::bigint AS id, line->>'name' AS name, line->>'city' AS city, \
             (line->>'amount')::double precision AS amount, line->>'note' AS note, (line->>'seen')::timestamptz AS seen, \
             'one-load'::varchar AS _dlt_load_id, substr(md5(line::text), 1, 14) AS _dlt_id FROM lines;\n\
             ANALYZE staged;\n{last}\nCOMMIT;\n",
            changed.display()
        );
        let path = self.folder.join("merge.sql");
        fs::write(&path, script)?;
        let mut command = self.server.psql("work");
        command.arg("-q").arg("-f").arg(&path);
        Ok(measure::run(&mut command)?.1)
    }
}
