//! A load that is killed before one of the system calls by which it changes something, and then run again, ends as if nobody
//! had killed it: for each disposition and strategy, where only what is new is loaded, and of tables that are kept with a log.
//!
//! The calls of one run are counted first. The tests take a dozen of them by lot, `make diff` takes each.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use dlt_testkit::{Generator, Invocation, Output, PythonDlt, Sandbox, dlt_binary};
use serde_json::{Map, Value, json};

use crate::judge::differences;

const FINGERPRINT: &str = include_str!("../python/fingerprint.py");

/// Calls that make, change, order or remove something on disk.
const CHANGES: &str = "creat,fallocate,fdatasync,fsync,ftruncate,link,linkat,mkdir,mkdirat,open,openat,pwrite64,pwritev,\
    rename,renameat,renameat2,rmdir,unlink,unlinkat,write,writev";

/// Kills of each test.
const KILLS: usize = 12;

struct Scenario {
    options: &'static str,
    /// The format of tables of files; `None` for DuckDB.
    format: Option<&'static str>,
    variables: &'static [(&'static str, &'static str)],
    /// Whether the rows come by standard input, and so through the package as they came.
    is_piped: bool,
}

impl Scenario {
    const fn of(options: &'static str) -> Self {
        Self { options, format: None, variables: &[], is_piped: false }
    }
}

#[test]
fn append() {
    kill_and_compare(&Scenario::of("--write-disposition append"));
}

#[test]
fn replace() {
    kill_and_compare(&Scenario::of("--write-disposition replace"));
}

#[test]
fn replace_by_staging() {
    let variables = &[("DESTINATION__REPLACE_STRATEGY", "insert-from-staging")];
    kill_and_compare(&Scenario { variables, ..Scenario::of("--write-disposition replace") });
}

#[test]
fn delete_insert() {
    kill_and_compare(&Scenario::of("--write-disposition merge --primary-key number"));
}

#[test]
fn upsert() {
    kill_and_compare(&Scenario::of("--write-disposition merge --primary-key number --merge-strategy upsert"));
}

#[test]
fn insert_only() {
    kill_and_compare(&Scenario::of("--write-disposition merge --primary-key number --merge-strategy insert-only"));
}

#[test]
fn scd2() {
    kill_and_compare(&Scenario::of("--write-disposition merge --merge-strategy scd2"));
}

#[test]
fn cdc() {
    kill_and_compare(&Scenario::of("--write-disposition merge --primary-key number --merge-strategy cdc"));
}

#[test]
fn what_is_new_appended() {
    kill_and_compare(&Scenario::of("--write-disposition append --incremental number"));
}

#[test]
fn what_is_new_merged() {
    kill_and_compare(&Scenario::of("--write-disposition merge --primary-key number --incremental number"));
}

#[test]
fn from_standard_input_replaced() {
    kill_and_compare(&Scenario { is_piped: true, ..Scenario::of("--write-disposition replace") });
}

#[test]
fn from_standard_input_merged() {
    kill_and_compare(&Scenario { is_piped: true, ..Scenario::of("--write-disposition merge --primary-key number") });
}

#[test]
fn delta_appended() {
    kill_and_compare(&Scenario { format: Some("delta"), ..Scenario::of("--write-disposition append") });
}

#[test]
fn delta_replaced() {
    kill_and_compare(&Scenario { format: Some("delta"), ..Scenario::of("--write-disposition replace") });
}

#[test]
fn delta_merged() {
    let options = "--write-disposition merge --primary-key number --merge-strategy upsert";
    kill_and_compare(&Scenario { format: Some("delta"), ..Scenario::of(options) });
}

#[test]
fn iceberg_appended() {
    kill_and_compare(&Scenario { format: Some("iceberg"), ..Scenario::of("--write-disposition append") });
}

#[test]
fn iceberg_replaced() {
    kill_and_compare(&Scenario { format: Some("iceberg"), ..Scenario::of("--write-disposition replace") });
}

#[test]
fn iceberg_merged() {
    let options = "--write-disposition merge --primary-key number --merge-strategy upsert";
    kill_and_compare(&Scenario { format: Some("iceberg"), ..Scenario::of(options) });
}

fn kill_and_compare(scenario: &Scenario) {
    let sandbox = Sandbox::new().unwrap();
    let seed = Generator::seed_from_clock();
    let mut generator = Generator::new(seed);
    sandbox.write("before.jsonl", documents(0..120)).unwrap();
    sandbox.write("main.jsonl", documents(80..300)).unwrap();

    let place = |name: &str| Place { sandbox: &sandbox, name: name.to_owned(), scenario };
    let whole = place("whole");
    whole.load("before", &[]).unwrap().succeed().unwrap();
    let mut points = whole.changes().unwrap();
    let found = points.len();
    assert!(found > 40, "a run that changes so little: {points:?}");
    if std::env::var_os("DLT_TEST_TIMES").is_none() {
        // By lot, without order.
        for at in 0..KILLS.min(found) {
            let other = at + generator.below((found - at) as u64) as usize;
            points.swap(at, other);
        }
        points.truncate(KILLS);
    }

    let mut request = Map::from_iter([("whole".to_owned(), whole.location())]);
    let mut kills = 0;
    for (call, number) in &points {
        let attempt = place(&format!("{call}_{number}"));
        attempt.load("before", &[]).unwrap().succeed().unwrap();
        let output = attempt.load_killed_before(call, *number).unwrap();
        match (output.signal, output.code) {
            (Some(9), _) => kills += 1,
            // Threads take turns: a call may be made by another one.
            (_, Some(0)) => {}
            _ => panic!("before {call} {number} of seed {seed} it ended neither well nor by the signal\n{output}"),
        }
        // What said that it has loaded is not run again.
        if output.signal.is_some() && output.stdout.is_empty() {
            attempt.load("main", &[]).unwrap().succeed().unwrap();
        }
        request.insert(attempt.name.clone(), attempt.location());
    }
    assert!(kills * 2 > points.len(), "only {kills} of {} runs were killed", points.len());
    let fingerprints = fingerprints(&sandbox, scenario, &Value::Object(request)).unwrap();
    let expected = &fingerprints["whole"];
    assert_ne!(expected["content"]["main"]["rows"], "0");
    for (name, fingerprint) in &fingerprints {
        let different = differences(fingerprint, expected);
        assert!(different.is_empty(), "killed before {name} (seed {seed}) it ended otherwise: {different:#?}");
    }
}

/// A pipeline with a database or folder of its own.
struct Place<'a> {
    sandbox: &'a Sandbox,
    name: String,
    scenario: &'a Scenario,
}

impl Place<'_> {
    fn location(&self) -> Value {
        let key = if self.scenario.format.is_some() { "folder" } else { "database" };
        json!({key: self.place(), "dataset": "raw"})
    }

    fn place(&self) -> PathBuf {
        let ending = self.scenario.format.unwrap_or("duckdb");
        self.sandbox.path(format!("{}.{ending}", self.name))
    }

    /// The load of a file, by another program where one is given.
    fn load(&self, file: &str, by: &[String]) -> Result<Invocation> {
        let Scenario { options, format, variables, is_piped } = self.scenario;
        let file = self.sandbox.path(format!("{file}.jsonl"));
        let run = match by {
            [] => self.sandbox.dlt(["ingest"])?,
            [program, arguments @ ..] => self.sandbox.command(program).args(arguments).arg(dlt_binary()?).arg("ingest"),
        };
        let run = match is_piped {
            true => run.args(["-", "--format", "jsonl"]).stdin(fs::read(&file)?),
            false => run.arg(&file),
        };
        let kind = if format.is_some() { "filesystem" } else { "duckdb" };
        let run = run.args(["--to", &format!("{kind}:{}", self.place().display()), "--dataset", "raw"]);
        let run = run.args(["--table", "main", "--pipeline", &self.name]).args(options.split(' '));
        let run = format.iter().fold(run, |run, format| run.args(["--table-format", format]));
        Ok(variables.iter().fold(run, |run, (name, value)| run.env(name, value)))
    }

    /// Loads, and says by which calls it changed something: each with its number within its thread.
    fn changes(&self) -> Result<Vec<(String, usize)>> {
        let log = self.sandbox.path("calls.log");
        let by = strace(&[format!("trace={CHANGES}")], &log.display().to_string());
        let run = self.load("main", &by)?;
        run.succeed().context("hint: this test needs strace (on Debian: apt-get install strace)")?;
        let mut of_threads: HashMap<(String, String), usize> = HashMap::new();
        for line in fs::read_to_string(&log)?.lines() {
            let Some((thread, rest)) = line.split_once(' ') else { continue };
            let Some((call, _)) = rest.trim_start().split_once('(') else { continue };
            if call.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
                *of_threads.entry((thread.to_owned(), call.to_owned())).or_default() += 1;
            }
        }
        let mut most: BTreeMap<String, usize> = BTreeMap::new();
        for ((_, call), count) in of_threads {
            let known = most.entry(call).or_default();
            *known = count.max(*known);
        }
        Ok(most.into_iter().flat_map(|(call, count)| (1..=count).map(move |at| (call.clone(), at))).collect())
    }

    /// Kills the load when one of its threads is about to make a call for the `number`th time.
    fn load_killed_before(&self, call: &str, number: usize) -> Result<Output> {
        let expressions = [format!("trace={call}"), format!("inject={call}:signal=KILL:when={number}")];
        self.load("main", &strace(&expressions, "/dev/null"))?.run()
    }
}

fn strace(expressions: &[String], log: &str) -> Vec<String> {
    let words = ["strace", "-f", "-qq", "-o", log].map(str::to_owned);
    words.into_iter().chain(expressions.iter().flat_map(|it| ["-e".to_owned(), it.clone()])).collect()
}

fn fingerprints(sandbox: &Sandbox, scenario: &Scenario, request: &Value) -> Result<Map<String, Value>> {
    let python = match scenario.format {
        None => PythonDlt::shared()?,
        Some(_) => PythonDlt::with_lakes()?,
    };
    let run = python.script(sandbox, FINGERPRINT).stdin(serde_json::to_vec(request)?);
    let output = run.limit(Duration::from_secs(600)).succeed()?;
    Ok(serde_json::from_str(&output.stdout)?)
}

/// Orders with lines; some come twice under another state, and a column appears late.
fn documents(numbers: std::ops::Range<u64>) -> String {
    let (first, mut text) = (numbers.start, String::new());
    for number in numbers {
        let lines: Vec<_> =
            (0..number % 3).map(|line| json!({"sku": format!("sku-{line}"), "options": [line]})).collect();
        let mut document = json!({"number": number, "state": first, "lines": lines});
        if number == 250 {
            document["note"] = json!({"text": "late"});
        }
        text.push_str(&document.to_string());
        text.push('\n');
    }
    text
}
