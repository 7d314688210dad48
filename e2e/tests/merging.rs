//! A table that one tool keeps by merge is continued by the other, which is told nothing of it.

use std::path::Path;

use anyhow::Result;
use dlt_testkit::Sandbox;

use crate::cases::{self, Case, Run};
use crate::judge::{Request, differences};
use crate::known_differences::is_known_to_differ;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tool {
    Python,
    Ours,
}

/// Cases that both load alone with the same result.
fn alike(text: &str) -> Vec<Case> {
    let is_alike = |case: &Case| {
        case.runs.len() > 1 && case.runs.iter().all(|run| run.disposition == "merge") && !is_known_to_differ(case)
    };
    cases::parse(text).into_iter().filter(is_alike).collect()
}

/// With a few whose hints only Python dlt is told.
fn merges() -> Vec<Case> {
    let hinted = cases::parse(include_str!("../cases/merge_hints.txt"));
    alike(include_str!("../cases/merge.txt")).into_iter().chain(hinted).collect()
}

#[test]
fn merges_begun_by_python_and_continued_in_turns() {
    alternate(Tool::Python, merges());
}

#[test]
fn merges_begun_by_us_and_continued_in_turns() {
    alternate(Tool::Ours, merges());
}

#[test]
fn versions_begun_by_python_and_continued_in_turns() {
    alternate(Tool::Python, alike(include_str!("../cases/scd2.txt")));
}

#[test]
fn versions_begun_by_us_and_continued_in_turns() {
    alternate(Tool::Ours, alike(include_str!("../cases/scd2.txt")));
}

#[test]
fn strategies_begun_by_python_and_continued_in_turns() {
    alternate(Tool::Python, alike(include_str!("../cases/strategies.txt")));
}

#[test]
fn strategies_begun_by_us_and_continued_in_turns() {
    alternate(Tool::Ours, alike(include_str!("../cases/strategies.txt")));
}

/// Loads every case in turns, beginning with `first`, and compares it with Python dlt alone.
fn alternate(first: Tool, cases: Vec<Case>) {
    let sandbox = Sandbox::new().unwrap();
    let cases: Vec<Case> = cases.into_iter().filter(|case| first == Tool::Python || !case.is_hinted()).collect();
    let mut alone = Request::default();
    for case in &cases {
        let database = sandbox.path(format!("{}.alone.duckdb", case.name));
        alone.load(case, &database).unwrap().describe(&case.name, &case.dataset, &database);
    }
    let alone = alone.ask(&sandbox).unwrap();
    let most = cases.iter().map(|case| case.runs.len()).max().unwrap_or_default();
    for number in 0..most {
        let tool = if (number % 2 == 0) == (first == Tool::Python) { Tool::Python } else { Tool::Ours };
        let mut request = Request::default();
        for case in &cases {
            let Some(run) = case.runs.get(number) else { continue };
            let database = sandbox.path(format!("{}.mixed.duckdb", case.name));
            match tool {
                Tool::Python => drop(request.load(&only(case, run), &database).unwrap()),
                Tool::Ours => load_with_ours(&sandbox, case, run, number, &database).unwrap(),
            }
        }
        let verdict = request.ask_with_memory(&sandbox, &sandbox.path(format!("memory-{number}"))).unwrap();
        for (name, error) in &verdict.errors {
            assert_eq!(error.as_deref(), None, "{name}, run {number}: Python dlt could not continue");
        }
    }
    let mut request = Request::default();
    for case in &cases {
        request.describe(&case.name, &case.dataset, &sandbox.path(format!("{}.mixed.duckdb", case.name)));
    }
    let mixed = request.ask(&sandbox).unwrap();
    let mut report = String::new();
    for case in &cases {
        let found = differences(&mixed.descriptions[&case.name], &alone.descriptions[&case.name]);
        // How often a schema changed on its way follows from batches, not from data.
        for difference in found.iter().filter(|found| found.place != "/version") {
            report.push_str(&format!("\n== {}\n   {difference}", case.name));
        }
    }
    assert!(report.is_empty(), "in turns, beginning with {first:?}, it is not as Python dlt alone:\n{report}");
}

fn only(case: &Case, run: &Run) -> Case {
    Case { runs: vec![run.clone()], ..case.clone() }
}

/// A run says how the table is kept only where that is new; else it is found in the stored schema.
fn load_with_ours(sandbox: &Sandbox, case: &Case, run: &Run, number: usize, database: &Path) -> Result<()> {
    let file = database.with_extension(format!("{number}.jsonl"));
    std::fs::write(&file, &run.text)?;
    let mut ingest = sandbox
        .dlt(["ingest"])?
        .arg(&file)
        .args(["--to", &format!("duckdb:{}", database.display())])
        .args(["--dataset", &case.dataset, "--table", &case.table, "--pipeline", &case.pipeline()]);
    let is_new = number == 0 || !case.is_hinted() && case.runs[number - 1].arguments() != run.arguments();
    if is_new {
        ingest = ingest.args(run.arguments());
    }
    ingest.succeed().map(drop)
}

/// What cannot be obeyed is refused, and the dataset stays as it is.
#[test]
fn a_table_that_is_merged_with_a_filter_is_refused() {
    let sandbox = Sandbox::new().unwrap();
    let mut case = Case::of_one_run("history", "{\"id\":1,\"v\":1}\n");
    case.runs[0].disposition = "merge".into();
    case.runs[0].options.push(("merge-strategy".into(), "scd2".into()));
    case.runs[0].options.push(("source-filter".into(), "v > 0".into()));
    let database = sandbox.path("history.duckdb");
    let mut request = Request::default();
    let verdict = request.load(&case, &database).unwrap().ask(&sandbox).unwrap();
    assert_eq!(verdict.errors["history"], None);
    let before = std::fs::read(&database).unwrap();
    let output = sandbox
        .dlt(["ingest"])
        .unwrap()
        .arg(sandbox.write("more.jsonl", "{\"id\":1,\"v\":2}\n").unwrap())
        .args(["--to", &format!("duckdb:{}", database.display()), "--dataset", "data", "--table", "items"])
        .args(["--pipeline", &case.pipeline()])
        .run()
        .unwrap();
    assert_eq!(output.code, Some(2), "{output}");
    let said = "table `items` is kept by a merge with the option `x-merge-source-filter`";
    assert!(output.stderr.contains(said), "{output}");
    assert_eq!(std::fs::read(&database).unwrap(), before);
}
