//! A load that is killed at any moment, and then run again, ends as if nobody had killed it.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use dlt_testkit::{Generator, Invocation, PythonDlt, Sandbox};
use serde_json::{Map, Value, json};

use crate::judge::differences;

const FINGERPRINT: &str = include_str!("../python/fingerprint.py");

/// Kills of each test; four tests make more than fifty.
const KILLS: usize = 14;

/// A run that ends before the signal does not count as killed; there is an end to trying.
const MAX_ATTEMPTS: usize = 8 * KILLS;

#[test]
fn a_killed_first_load_is_completed_by_the_next_run() {
    kill_and_compare(Scenario { options: &["--write-disposition", "append"], ..Scenario::PLAIN });
}

#[test]
fn a_killed_append_leaves_earlier_rows_and_is_completed() {
    kill_and_compare(Scenario { before: Some(0..400), options: &["--write-disposition", "append"], ..Scenario::PLAIN });
}

#[test]
fn a_killed_replace_loses_nothing_and_is_completed() {
    kill_and_compare(Scenario {
        before: Some(0..400),
        options: &["--write-disposition", "replace"],
        ..Scenario::PLAIN
    });
}

#[test]
fn a_killed_merge_leaves_no_row_twice_and_none_over() {
    let options = &["--write-disposition", "merge", "--primary-key", "number"];
    kill_and_compare(Scenario { before: Some(0..2_000), options, ..Scenario::PLAIN });
}

#[test]
fn killed_versions_begin_and_end_once() {
    let options = &["--write-disposition", "merge", "--merge-strategy", "scd2"];
    kill_and_compare(Scenario { before: Some(0..2_000), options, ..Scenario::PLAIN });
}

#[test]
fn a_killed_replace_by_staging_loses_nothing_and_is_completed() {
    kill_and_compare(Scenario {
        before: Some(0..400),
        options: &["--write-disposition", "replace"],
        variables: &[("DESTINATION__REPLACE_STRATEGY", "insert-from-staging")],
        ..Scenario::PLAIN
    });
}

#[test]
fn a_killed_append_of_files_leaves_no_file_twice() {
    kill_and_compare(Scenario { before: Some(0..400), options: &["--write-disposition", "append"], ..Scenario::FILES });
}

#[test]
fn a_killed_replace_of_files_leaves_no_old_ones() {
    kill_and_compare(Scenario {
        before: Some(0..400),
        options: &["--write-disposition", "replace"],
        ..Scenario::FILES
    });
}

struct Scenario {
    /// Whether it goes into a folder of Parquet files instead of a database.
    is_folder: bool,
    /// Documents that are there from an earlier load.
    before: Option<std::ops::Range<u64>>,
    /// Of the load that is killed.
    options: &'static [&'static str],
    /// In whose environment.
    variables: &'static [(&'static str, &'static str)],
}

impl Scenario {
    const PLAIN: Scenario = Scenario { is_folder: false, before: None, options: &[], variables: &[] };
    const FILES: Scenario = Scenario {
        is_folder: true,
        variables: &[("DESTINATION__FILESYSTEM__LOADER_FILE_FORMAT", "parquet")],
        ..Scenario::PLAIN
    };
}

fn kill_and_compare(scenario: Scenario) {
    let sandbox = Sandbox::new().unwrap();
    let seed = Generator::seed_from_clock();
    let mut generator = Generator::new(seed);
    sandbox.write("main.jsonl", documents(400..12_400)).unwrap();
    if let Some(before) = &scenario.before {
        sandbox.write("before.jsonl", documents(before.clone())).unwrap();
    }
    let names = |number: usize| format!("attempt_{number}");

    // How it ends when nobody interferes, and how long it takes.
    let whole = Attempt::new(&sandbox, &names(0), &scenario);
    whole.prepare().unwrap();
    let mut took = whole.load().unwrap().succeed().unwrap().elapsed;

    let mut request = Map::new();
    request.insert(names(0), whole.location());
    let (mut kills, mut number) = (0, 0);
    while kills < KILLS {
        number += 1;
        assert!(
            number <= MAX_ATTEMPTS,
            "only {kills} of {MAX_ATTEMPTS} runs could be killed; a whole one takes {took:?}"
        );
        let attempt = Attempt::new(&sandbox, &names(number), &scenario);
        attempt.prepare().unwrap();
        let killed = attempt.load_with_kills(&mut generator, took).unwrap();
        if killed == 0 {
            // The machine is faster now than when the whole run was timed.
            took = took * 4 / 5;
        }
        kills += killed;
        request.insert(names(number), attempt.location());
    }
    let found = fingerprints(&sandbox, &Value::Object(request)).unwrap();
    let expected = &found[&names(0)];
    assert_ne!(expected["content"]["main"]["rows"], "0");
    for (name, fingerprint) in &found {
        let different = differences(fingerprint, expected);
        assert!(different.is_empty(), "{name} of seed {seed} ended otherwise than the unkilled run: {different:#?}");
    }
}

/// One database of its own, loaded by a pipeline of its own.
struct Attempt<'a> {
    sandbox: &'a Sandbox,
    name: String,
    database: PathBuf,
    scenario: &'a Scenario,
}

impl<'a> Attempt<'a> {
    fn new(sandbox: &'a Sandbox, name: &str, scenario: &'a Scenario) -> Self {
        let database = sandbox.path(format!("{name}.duckdb"));
        Self { sandbox, name: name.to_owned(), database, scenario }
    }

    fn location(&self) -> Value {
        match self.scenario.is_folder {
            true => json!({"folder": self.database, "dataset": "raw"}),
            false => json!({"database": self.database, "dataset": "raw"}),
        }
    }

    /// Loads what is to be there before.
    fn prepare(&self) -> Result<()> {
        if self.scenario.before.is_some() {
            self.ingest(&self.sandbox.path("before.jsonl"), &[])?.succeed()?;
        }
        Ok(())
    }

    fn load(&self) -> Result<Invocation> {
        self.ingest(&self.sandbox.path("main.jsonl"), self.scenario.options)
    }

    fn ingest(&self, file: &Path, options: &[&str]) -> Result<Invocation> {
        let run = self.sandbox.dlt(["ingest"])?.arg(file);
        let kind = if self.scenario.is_folder { "filesystem" } else { "duckdb" };
        let run = run.args(["--to", &format!("{kind}:{}", self.database.display()), "--dataset", "raw"]);
        let run = run.args(["--table", "main", "--pipeline", &self.name]).args(options);
        Ok(self.scenario.variables.iter().fold(run, |run, (name, value)| run.env(name, value)))
    }

    /// Kills the load once, sometimes its successors too, and repeats the same command until it has said that the data
    /// is loaded. Returns how many runs were killed.
    fn load_with_kills(&self, generator: &mut Generator, took: Duration) -> Result<usize> {
        let mut kills = 0;
        loop {
            if kills == 3 || (kills > 0 && generator.chance(60)) {
                self.load()?.succeed()?;
                return Ok(kills);
            }
            let run = self.load()?.spawn()?;
            // Half of them at the end, where what is committed must not be told as lost, and the reverse.
            let took = took.as_micros() as u64;
            let from = if generator.chance(50) { took * 2 / 3 } else { 0 };
            thread::sleep(Duration::from_micros(from + generator.below(took - from)));
            let output = run.kill()?;
            if output.code == Some(0) {
                return Ok(kills);
            }
            anyhow::ensure!(output.signal == Some(9), "it ended neither well nor by the signal\n{output}");
            kills += 1;
            // The report was printed: for the caller this load is done, and to run it again would load it again.
            if !output.stdout.is_empty() {
                return Ok(kills);
            }
        }
    }
}

fn fingerprints(sandbox: &Sandbox, request: &Value) -> Result<Map<String, Value>> {
    let run = PythonDlt::shared()?.script(sandbox, FINGERPRINT).stdin(serde_json::to_vec(request)?);
    let output = run.limit(Duration::from_secs(300)).succeed()?;
    Ok(serde_json::from_str(&output.stdout)?)
}

/// Orders with lines and tags, a document a line; some columns appear late.
fn documents(numbers: std::ops::Range<u64>) -> String {
    let mut text = String::new();
    for number in numbers {
        let lines: Vec<_> = (0..number % 4)
            .map(|line| json!({"sku": format!("sku-{line}"), "quantity": line + 1, "options": ["red", line]}))
            .collect();
        let mut document = json!({
            "number": number,
            "customer": {"name": format!("Customer {}", number % 97), "city": "Köln"},
            "placed_at": format!("2024-01-{:02}T10:00:00Z", 1 + number % 28),
            "lines": lines,
            "total": number as f64 / 4.0,
        });
        if number % 1_000 == 999 {
            document["total"] = json!("unknown");
            document["note"] = json!({"text": "late", "stars": 5});
        }
        text.push_str(&document.to_string());
        text.push('\n');
    }
    text
}
