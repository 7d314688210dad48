//! The same JSONL loaded by Python dlt and by us gives the same dataset.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::Result;
use dlt_testkit::{Output, Sandbox};
use serde_json::{Value, json};

use crate::cases::{self, Case};
use crate::documents;
use crate::judge::{Difference, Request, differences};
use crate::known_differences::{At, KNOWN, Ours, REFUSED_BY_PYTHON, REFUSED_BY_US};

#[test]
fn names() {
    compare_with_python(&cases::parse(include_str!("../cases/naming.txt")));
}

#[test]
fn nested_data() {
    compare_with_python(&cases::parse(include_str!("../cases/nesting.txt")));
}

#[test]
fn types() {
    compare_with_python(&cases::parse(include_str!("../cases/types.txt")));
}

#[test]
fn timestamps() {
    compare_with_python(&cases::parse(include_str!("../cases/timestamps.txt")));
}

#[test]
fn runs_that_evolve_the_schema() {
    compare_with_python(&cases::parse(include_str!("../cases/evolution.txt")));
}

#[test]
fn declared_columns() {
    compare_with_python(&cases::parse(include_str!("../cases/columns.txt")));
}

#[test]
fn merges() {
    compare_with_python(&cases::parse(include_str!("../cases/merge.txt")));
}

#[test]
fn versions_of_rows() {
    compare_with_python(&shown_to_both(include_str!("../cases/scd2.txt")));
}

#[test]
fn strategies_side_by_side() {
    compare_with_python(&shown_to_both(include_str!("../cases/strategies.txt")));
}

/// Cases without hints that our command line does not know; those are continued by us in `merging.rs`.
fn shown_to_both(text: &str) -> Vec<Case> {
    cases::parse(text).into_iter().filter(|case| !case.is_hinted()).collect()
}

#[test]
fn a_few_generated_documents_many_times() {
    compare_with_python(&documents::small_cases(seed(11), times(60)));
}

#[test]
fn many_generated_documents_over_several_runs() {
    compare_with_python(&documents::large_cases(seed(23), times(6)));
}

#[test]
fn generated_documents_merged_over_several_runs() {
    compare_with_python(&documents::merged_cases(seed(37), times(12)));
}

/// As many generated cases as the tests have, or so many times that as `DLT_TEST_TIMES` says.
pub(crate) fn times(count: usize) -> usize {
    count * std::env::var("DLT_TEST_TIMES").map_or(1, |text| text.parse::<usize>().unwrap())
}

/// Another seed than the fixed one may be tried with `DLT_TEST_SEED`.
pub(crate) fn seed(fixed: u64) -> u64 {
    std::env::var("DLT_TEST_SEED").map_or(fixed, |text| text.parse().unwrap())
}

/// Loads every case with both and fails with all differences that are not known.
fn compare_with_python(cases: &[Case]) {
    assert!(!cases.is_empty());
    let sandbox = Sandbox::new().unwrap();
    let ours = |case: &Case| sandbox.path(format!("{}.ours.duckdb", case.name));
    let python = |case: &Case| sandbox.path(format!("{}.python.duckdb", case.name));

    let mut request = Request::default();
    for case in cases {
        request.load(case, &python(case)).unwrap().describe(&case.name, &case.dataset, &python(case));
    }
    let (verdict, our_ends) = thread::scope(|scope| {
        let verdict = scope.spawn(|| request.ask(&sandbox));
        let our_ends: Vec<_> = cases.iter().map(|case| load(&sandbox, case, &ours(case)).unwrap()).collect();
        (verdict.join().unwrap().unwrap(), our_ends)
    });
    let mut request = Request::default();
    for case in cases {
        request.describe(&case.name, &case.dataset, &ours(case));
    }
    let our_verdict = request.ask(&sandbox).unwrap();

    let refusals = cases.iter().filter(|it| it.is_generated()).filter_map(|it| verdict.errors[&it.name].as_ref());
    let refusals: Vec<_> = refusals.collect();
    assert!(
        refusals.len() * 10 <= cases.len(),
        "Python dlt refuses {} of {} generated cases: {refusals:#?}",
        refusals.len(),
        cases.len()
    );
    let mut report = String::new();
    for (case, our_end) in cases.iter().zip(&our_ends) {
        let python_error = verdict.errors[&case.name].as_deref();
        let complaints = judge_case(
            case,
            our_end,
            &our_verdict.descriptions[&case.name],
            python_error,
            &verdict.descriptions[&case.name],
        );
        if !complaints.is_empty() {
            writeln!(report, "\n== {}", case.name).unwrap();
            for run in &case.runs {
                let shown: String = run.text.chars().take(1_500).collect();
                writeln!(report, "-- {}\n{}", run.disposition, shown.trim_end()).unwrap();
            }
            complaints.iter().for_each(|complaint| writeln!(report, "   {complaint}").unwrap());
        }
    }
    assert!(report.is_empty(), "not as Python dlt has it:\n{report}");
}

/// Loads a case with the binary; the outcome of the first run that fails, or none.
fn load(sandbox: &Sandbox, case: &Case, database: &Path) -> Result<Option<Output>> {
    for (number, run) in case.runs.iter().enumerate() {
        let file: PathBuf = database.with_extension(format!("{number}.jsonl"));
        std::fs::write(&file, &run.text)?;
        let output = sandbox
            .dlt(["ingest"])?
            .arg(&file)
            .args(["--to", &format!("duckdb:{}", database.display())])
            .args(["--dataset", &case.dataset, "--table", &case.table])
            .args(run.arguments())
            .args(["--pipeline", &case.pipeline()])
            .run()?;
        if output.code != Some(0) {
            return Ok(Some(output));
        }
    }
    Ok(None)
}

fn judge_case(
    case: &Case,
    our_end: &Option<Output>,
    ours: &Value,
    python_error: Option<&str>,
    python: &Value,
) -> Vec<String> {
    let refused_by_python = REFUSED_BY_PYTHON.iter().find(|it| it.case == case.name);
    let refused_by_us = REFUSED_BY_US.iter().find(|it| it.case == case.name);
    let python_problem = match python_error {
        Some(error) => Some(error.to_owned()),
        None => problems(python).pop(),
    };
    match (our_end, python_problem) {
        // Nobody to compare with: what we do must be sound in itself.
        (None, Some(_)) if case.is_generated() => problems(ours),
        (Some(output), Some(_)) if case.is_generated() => refusal_complaints(output, ""),
        (None, None) => {
            let mut complaints = stale(refused_by_python.map(|it| it.reason));
            complaints.extend(stale(refused_by_us.map(|it| it.reason)));
            complaints.extend(unknown_differences(case, differences(ours, python)));
            complaints
        }
        (None, Some(problem)) => match refused_by_python {
            Some(known) if known.ours == Ours::Loads => problems(ours),
            _ => vec![format!("Python dlt fails and we load: {problem}")],
        },
        (Some(output), Some(problem)) => match refused_by_python {
            Some(known) if known.ours == Ours::Refuses => refusal_complaints(output, ""),
            _ => vec![format!("both fail, which is not listed: {problem}\n{output}")],
        },
        (Some(output), None) => match refused_by_us {
            Some(known) => refusal_complaints(output, known.message),
            None => vec![format!("we fail where Python dlt loads\n{output}")],
        },
    }
}

fn stale(reason: Option<&str>) -> Vec<String> {
    reason.map(|reason| format!("listed as refused, but loads: {reason}")).into_iter().collect()
}

fn problems(description: &Value) -> Vec<String> {
    if description["problems"] == json!([]) { vec![] } else { vec![description["problems"].to_string()] }
}

/// A refusal is told on stderr with the exit code for failed work; a crash is not a refusal.
fn refusal_complaints(output: &Output, message: &str) -> Vec<String> {
    let is_told = output.code == Some(1) && output.stderr.contains("error") && output.stderr.contains(message);
    if is_told && !output.stderr.contains("panicked") { vec![] } else { vec![output.to_string()] }
}

fn unknown_differences(case: &Case, found: Vec<Difference>) -> Vec<String> {
    let known: Vec<_> = KNOWN.iter().filter(|it| it.is_of(case)).collect();
    let is_known = |it: &Difference| {
        // The version counts how often a schema changed on its way, which follows from batches, not from data.
        it.place == "/version" || known.iter().any(|known| known.places.iter().any(|place| it.place.starts_with(place)))
    };
    let mut complaints: Vec<_> = found.iter().filter(|it| !is_known(it)).map(|it| it.to_string()).collect();
    for entry in known.iter().filter(|it| matches!(it.at, At::Case(_))) {
        let differs = |place: &&&str| found.iter().any(|it| it.place.starts_with(**place));
        for place in entry.places.iter().filter(|place| !differs(place)) {
            complaints.push(format!("listed as known, but the same at {place}: {}", entry.reason));
        }
    }
    complaints
}
