//! Loads of what is new, run after run: by Python dlt, by us, and by both in turns on one file.

use std::path::Path;

use anyhow::Result;
use dlt_testkit::Sandbox;
use serde_json::{Value, json};

use crate::cases::{Case, Run};
use crate::judge::{Request, differences};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tool {
    Python,
    Ours,
}

/// Five values of a cursor in their order, each kind with a lag that goes back over one of them.
const KINDS: [(&str, [&str; 5], &str); 5] = [
    ("integers", ["1", "3", "5", "8", "9007199254740993"], "3"),
    ("floats", ["-1.5", "0.0", "1e2", "100.25", "1e16"], "0.5"),
    (
        "times",
        [
            "\"2024-01-01T00:00:00Z\"",
            "\"2024-01-01T12:30:00Z\"",
            "\"2024-01-02T00:00:00Z\"",
            "\"2024-01-02T00:00:01Z\"",
            "\"2024-02-01T00:00:00Z\"",
        ],
        "1",
    ),
    ("dates", ["\"2023-12-31\"", "\"2024-02-28\"", "\"2024-02-29\"", "\"2024-03-01\"", "\"2025-01-01\""], "1"),
    ("texts", ["\"\"", "\"A\"", "\"a\"", "\"é\"", "\"日\""], "0"),
];

/// What the runs find, as ids and places in the values: the boundary comes again with rows that were loaded and with one
/// that was not, older rows come late, and the last run finds nothing.
const RUNS: [&[(u32, usize)]; 4] = [
    &[(1, 0), (2, 2), (3, 1), (4, 2)],
    &[(2, 2), (5, 2), (6, 0), (7, 3), (8, 1)],
    &[(7, 3), (9, 4), (10, 4), (11, 2), (12, 0)],
    &[(9, 4), (10, 4), (12, 0)],
];

fn rows(values: &[&str; 5], rows: &[(u32, usize)]) -> String {
    rows.iter().map(|(id, at)| format!("{{\"id\":{id},\"t\":{},\"l\":[{id}]}}\n", values[*at])).collect()
}

/// Each combination of options over four runs.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name: String, cursor: &str, options: &[(&str, &str)], texts: Vec<String>| {
        let mut case = Case::of_one_run(format!("incremental_{name}"), "");
        let run = |text| {
            let mut run = Run::of("append", text);
            let given = options.iter().map(|(option, value)| ((*option).to_owned(), value.trim_matches('"').to_owned()));
            run.options = std::iter::once(("incremental".to_owned(), cursor.to_owned())).chain(given).collect();
            run
        };
        case.runs = texts.into_iter().map(run).collect();
        cases.push(case);
    };
    let texts = |values: &[&str; 5]| RUNS.iter().map(|run| rows(values, run)).collect::<Vec<_>>();
    for (kind, values, lag) in &KINDS {
        for later in ["max", "min"] {
            for start in ["closed", "open"] {
                for key in ["id", ""] {
                    let mut options = vec![("last-value-func", later), ("range-start", start)];
                    if !key.is_empty() {
                        options.push(("primary-key", key));
                    }
                    add(format!("{kind}_{later}_{start}_{}", if key.is_empty() { "row" } else { "key" }), "t", &options, texts(values));
                }
            }
            if *lag != "0" {
                add(format!("{kind}_{later}_lag"), "t", &[("last-value-func", later), ("lag", lag)], texts(values));
            }
        }
        for end in ["closed", "open"] {
            let range = [("initial-value", values[1]), ("end-value", values[3]), ("range-end", end)];
            if !values[1].is_empty() && *kind != "texts" {
                add(format!("{kind}_range_{end}"), "t", &range, texts(values));
            }
        }
        if *kind != "texts" {
            add(format!("{kind}_from"), "t", &[("initial-value", values[1])], texts(values));
        }
    }
    for missing in ["include", "exclude"] {
        let text = |from: u32| {
            format!("{{\"id\":{from}}}\n{{\"id\":{},\"t\":null}}\n{{\"id\":{},\"t\":{from}}}\n", from + 1, from + 2)
        };
        add(format!("missing_{missing}"), "t", &[("on-cursor-value-missing", missing)], vec![text(1), text(4), text(4)]);
    }
    let nested = |values: &[u32]| {
        values.iter().map(|at| format!("{{\"id\":{at},\"at\":{{\"s\":[{{\"x\":{at}}},7]}}}}\n")).collect::<String>()
    };
    add("nested_path".into(), "at.s[0].x", &[], vec![nested(&[1, 2]), nested(&[2, 3]), nested(&[1])]);
    add("rooted_path".into(), "$.at.s[*].x", &[], vec![nested(&[1, 2]), nested(&[2, 3]), nested(&[1])]);
    let pair = |rows: &[(u32, u32)]| {
        rows.iter().map(|(a, b)| format!("{{\"b\":{b},\"a\":{a},\"t\":5}}\n")).collect::<String>()
    };
    let keyed = [("primary-key", "a,b")];
    add("key_of_two".into(), "t", &keyed, vec![pair(&[(1, 1), (1, 2)]), pair(&[(1, 2), (2, 2)]), pair(&[(2, 2)])]);
    cases
}

/// In which order the tools load the runs of a case.
fn turns(first: Tool, number: usize) -> Tool {
    let other = if first == Tool::Python { Tool::Ours } else { Tool::Python };
    if number.is_multiple_of(2) { first } else { other }
}

#[test]
fn loads_of_what_is_new_are_those_of_python() {
    compare(&|_, _| Tool::Ours, "alone");
}

#[test]
fn loads_of_what_is_new_are_continued_in_turns() {
    compare(&|case, number| turns(if case % 2 == 0 { Tool::Python } else { Tool::Ours }, number), "in turns");
}

/// Loads every case with the tools that `tool` names for case and run, and compares it with Python dlt alone. Each run
/// begins on a machine that knows nothing.
fn compare(tool: &dyn Fn(usize, usize) -> Tool, how: &str) {
    let sandbox = Sandbox::new().unwrap();
    let cases = cases();
    assert!(cases.len() >= 40, "{}", cases.len());
    let mut alone = Request::default();
    for case in &cases {
        let database = sandbox.path(format!("{}.alone.duckdb", case.name));
        alone.load(case, &database).unwrap().describe(&case.name, &case.dataset, &database);
    }
    let alone = alone.ask(&sandbox).unwrap();
    for (name, error) in &alone.errors {
        assert_eq!(error.as_deref(), None, "{name}");
    }
    for number in 0..RUNS.len() {
        let mut request = Request::default();
        for (at, case) in cases.iter().enumerate() {
            let Some(run) = case.runs.get(number) else { continue };
            let database = sandbox.path(format!("{}.mixed.duckdb", case.name));
            match tool(at, number) {
                Tool::Python => {
                    let one = Case { runs: vec![run.clone()], ..case.clone() };
                    request.load(&one, &database).unwrap();
                }
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
        for difference in found.iter().filter(|found| !is_known(case, &found.place)) {
            report.push_str(&format!("\n== {}\n   {difference}", case.name));
        }
    }
    assert!(report.is_empty(), "{how}, it is not as Python dlt alone:\n{report}");
}

/// Differences that follow from batches and from times, not from what was loaded.
fn is_known(_case: &Case, place: &str) -> bool {
    place == "/version" || place == "/version_count"
}

fn load_with_ours(sandbox: &Sandbox, case: &Case, run: &Run, number: usize, database: &Path) -> Result<()> {
    let file = database.with_extension(format!("{number}.ours.jsonl"));
    std::fs::write(&file, &run.text)?;
    let command = sandbox.dlt(["ingest"])?.arg(&file).env("DLT_DATA_DIR", sandbox.path(format!("{}-{number}", case.name)));
    let command = command.args(["--to", &format!("duckdb:{}", database.display()), "--dataset", &case.dataset]);
    command.args(["--table", &case.table, "--pipeline", &case.pipeline()]).args(run.arguments()).succeed()?;
    Ok(())
}
