//! Datasets in Postgres: ours are Python dlt's, and either continues what the other began.

use std::path::{Path, PathBuf};
use std::thread;

use anyhow::Result;
use dlt_testkit::{Postgres, Sandbox};

use crate::cases::{self, Case, Run};
use crate::judge::{Request, Verdict, differences};
use crate::known_differences::{REFUSED_BY_US, is_known_to_differ};

/// Cases that both load into DuckDB with the same result, of those with at least so many runs.
fn alike(text: &str, runs: usize) -> Vec<Case> {
    let is_refused = |case: &Case| REFUSED_BY_US.iter().any(|refused| refused.case == case.name);
    let is_alike = |case: &Case| case.runs.len() >= runs && !is_known_to_differ(case) && !is_refused(case);
    cases::parse(text).into_iter().filter(is_alike).collect()
}

#[test]
fn types_and_names_are_those_of_python() {
    let mut cases = alike(include_str!("../cases/columns.txt"), 1);
    cases.extend(alike(include_str!("../cases/timestamps.txt"), 1).into_iter().step_by(2));
    cases.extend(alike(include_str!("../cases/nesting.txt"), 1).into_iter().step_by(6));
    cases.extend(alike(include_str!("../cases/types.txt"), 1).into_iter().step_by(3));
    // Neither has integers of 128 bits there.
    cases.retain(|case| case.name != "integers_of_many_bits");
    compare(&cases, None);
}

#[test]
fn runs_begun_by_us_and_continued_in_turns() {
    let mut cases = alike(include_str!("../cases/evolution.txt"), 2);
    cases.extend(alike(include_str!("../cases/merge.txt"), 2).into_iter().step_by(2));
    cases.extend(alike(include_str!("../cases/scd2.txt"), 2).into_iter().step_by(4));
    let not_hinted: Vec<Case> = cases.into_iter().filter(|case| !case.is_hinted()).collect();
    compare(&not_hinted, Some(0));
}

#[test]
fn runs_begun_by_python_and_continued_in_turns() {
    let mut cases = alike(include_str!("../cases/merge_hints.txt"), 2);
    cases.extend(alike(include_str!("../cases/evolution.txt"), 2).into_iter().step_by(2));
    cases.extend(alike(include_str!("../cases/strategies.txt"), 2).into_iter().step_by(2));
    cases.extend(alike(include_str!("../cases/scd2.txt"), 2).into_iter().skip(2).step_by(4));
    compare(&cases, Some(1));
}

/// Loads every case by Python dlt alone, and beside it by us alone, or by each in turns: we make the runs whose number is `turn`,
/// counted by two. Fails with everything in which the datasets differ.
fn compare(cases: &[Case], turn: Option<usize>) {
    assert!(cases.len() > 5);
    let sandbox = Sandbox::new().unwrap();
    let server = Postgres::start().unwrap();
    let file = |case: &Case, of: &str| sandbox.path(format!("{}.{of}.database", case.name));
    let mut alone = Request::on(&server);
    for case in cases {
        for of in ["python", "tried"] {
            server.create_database(&format!("{}.{of}", case.name)).unwrap();
        }
        let database = file(case, "python");
        alone.load(case, &database).unwrap().describe(&case.name, &case.dataset, &database);
    }
    let most = cases.iter().map(|case| case.runs.len()).max().unwrap_or_default();
    let try_all = || {
        for number in 0..most {
            let is_ours = turn.is_none_or(|turn| number % 2 == turn);
            let mut request = Request::on(&server);
            for case in cases {
                let Some(run) = case.runs.get(number) else { continue };
                let database = file(case, "tried");
                match is_ours {
                    true => load(&sandbox, &server, case, number, &database).unwrap(),
                    false => drop(request.load(&only(case, run), &database).unwrap()),
                }
            }
            if !is_ours {
                all_loaded(&request.ask_with_memory(&sandbox, &sandbox.path(format!("memory-{number}"))).unwrap());
            }
        }
    };
    let alone = thread::scope(|scope| {
        let alone = scope.spawn(|| alone.ask(&sandbox).unwrap());
        try_all();
        alone.join().unwrap()
    });
    all_loaded(&alone);
    let mut request = Request::on(&server);
    for case in cases {
        request.describe(&case.name, &case.dataset, &file(case, "tried"));
    }
    let tried = request.ask(&sandbox).unwrap();
    let mut report = String::new();
    for case in cases {
        let (ours, python) = (&tried.descriptions[&case.name], &alone.descriptions[&case.name]);
        assert!(python["tables"]["_dlt_loads"].is_array(), "{}: {python}", case.name);
        for difference in differences(ours, python).iter().filter(|found| !is_known(case, &found.place)) {
            report.push_str(&format!("\n== {}\n   {difference}", case.name));
        }
    }
    assert!(report.is_empty(), "not as Python dlt has it:\n{report}");
}

fn all_loaded(verdict: &Verdict) {
    for (name, error) in &verdict.errors {
        assert_eq!(error.as_deref(), None, "{name}: Python dlt cannot load it");
    }
}

/// How often a schema changed on its way follows from batches; what Python dlt keeps of a replace is told among the known
/// differences.
fn is_known(case: &Case, place: &str) -> bool {
    let replaces = case.runs.iter().any(|run| run.disposition == "replace");
    let of_replacing = ["/state/sources", "/state/_state_version", "/states", "/version_count"];
    place == "/version" || replaces && of_replacing.iter().any(|known| place.starts_with(known))
}

fn only(case: &Case, run: &Run) -> Case {
    Case { runs: vec![run.clone()], ..case.clone() }
}

/// A run says how the table is kept only where that is new; else it is found in the stored schema.
fn load(sandbox: &Sandbox, server: &Postgres, case: &Case, number: usize, database: &Path) -> Result<()> {
    let run = &case.runs[number];
    let file: PathBuf = database.with_extension(format!("{number}.jsonl"));
    std::fs::write(&file, &run.text)?;
    let name = format!("{}.tried", case.name);
    let mut ingest = sandbox.dlt(["ingest"])?.arg(&file).args(["--to", &server.url(&name)]).args([
        "--dataset",
        &case.dataset,
        "--table",
        &case.table,
        "--pipeline",
        &case.pipeline(),
    ]);
    let is_new = number == 0 || !case.is_hinted() && case.runs[number - 1].arguments() != run.arguments();
    if is_new {
        ingest = ingest.args(run.arguments());
    }
    ingest.succeed().map(drop)
}
