//! Schema contracts: every entity, mode and change that data can bring, loaded by Python dlt, by us, and by both in turns.
//! The same runs fail, and the same rows are in the dataset.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use dlt_testkit::Sandbox;
use serde_json::{Value, json};

use crate::cases::{Case, Run};
use crate::judge::{Request, differences};

/// What is there before a contract is.
const BASE: &str = r#"{"id": 1, "n": 1, "o": {"x": 1}, "l": [{"v": 1}]}"#;

/// Changes that rows may bring, between rows that bring none.
const CHANGES: [(&str, &str); 9] = [
    ("column", r#"{"id": 2, "n": 2, "new": "a"}"#),
    ("two_columns", r#"{"id": 2, "n": 2, "new": "a", "newer": 1, "l": [{"v": 2}]}"#),
    ("field", r#"{"id": 2, "n": 2, "o": {"x": 2, "y": 3}}"#),
    ("type", r#"{"id": 2, "n": "two", "l": [{"v": 3}]}"#),
    ("type_and_column", r#"{"id": 2, "n": "two", "new": true}"#),
    ("nested_table", r#"{"id": 2, "n": 2, "m": [{"a": 1}, {"a": 2, "deep": [1]}]}"#),
    ("nested_column", r#"{"id": 2, "n": 2, "l": [{"v": 2}, {"v": 3, "w": 4, "deep": [5]}, {"v": 6}]}"#),
    ("nested_type", r#"{"id": 2, "n": 2, "l": [{"v": 2}, {"v": "three"}, {"v": 6}]}"#),
    ("nested_within_new", r#"{"id": 2, "n": 2, "l": [{"v": 2, "deep": [{"z": 1}, {"z": "one", "y": 2}]}]}"#),
];

/// Changes of rows that come as Arrow. The columns of Arrow are whole: each value brings the change.
const ARROW_CHANGES: [(&str, &str); 3] = [
    ("column", r#"{"id": 2, "n": 2, "new": "a"}"#),
    ("type", r#"{"id": 2, "n": "two"}"#),
    ("nothing", r#"{"id": 2, "n": 2}"#),
];

const MODES: [&str; 3] = ["freeze", "discard_row", "discard_value"];
const ENTITIES: [&str; 3] = ["tables", "columns", "data_type"];

fn run(options: &[(&str, &str)], rows: &[&str]) -> Run {
    let options = options.iter().map(|(option, value)| ((*option).to_owned(), (*value).to_owned())).collect();
    Run { options, ..Run::of("append", rows.join("\n") + "\n") }
}

fn case(name: String, runs: Vec<Run>) -> Case {
    Case { runs, ..Case::of_one_run(name, "") }
}

/// Contracts by their names: one for each entity and mode, and words for all three.
fn contracts() -> Vec<(String, String)> {
    let of_one = ENTITIES
        .iter()
        .flat_map(|entity| MODES.iter().map(move |mode| (format!("{entity}_{mode}"), format!("{entity}={mode}"))));
    of_one.chain(MODES.iter().map(|mode| ((*mode).to_owned(), (*mode).to_owned()))).collect()
}

/// Every contract and change. What freezes is tried one change after the other, each in a run of its own that the next one
/// does not suffer from; what discards takes all of them in one run. The last run only finds the contract stored.
fn matrix() -> Vec<Case> {
    let of_contract = |(name, contract): (String, String)| {
        let with = [("schema-contract", contract.as_str())];
        let mut runs = vec![run(&[], &[BASE])];
        if name.ends_with("freeze") {
            runs.extend(CHANGES.iter().map(|(_, row)| run(&with, &[r#"{"id": 3, "n": 3}"#, row])));
        } else {
            let rows: Vec<&str> = CHANGES.iter().map(|(_, row)| *row).collect();
            runs.push(run(&with, &rows));
        }
        runs.push(run(&[], &[r#"{"id": 4, "n": 4}"#, r#"{"id": 5, "n": 5, "o": {"z": 1}, "p": [1]}"#]));
        case(name, runs)
    };
    contracts().into_iter().map(of_contract).collect()
}

/// What single runs say, store and find.
fn sequences() -> Vec<Case> {
    let new = r#"{"id": 2, "new": "a"}"#;
    let other = r#"{"id": 2, "newer": "a"}"#;
    let contract = |word: &'static str| ("schema-contract", word);
    let of_resource = |word: &'static str| ("resource-contract", word);
    let named = |name: &str, runs: Vec<Run>| case(name.to_owned(), runs);
    vec![
        named("the_first_run_is_frozen", vec![run(&[contract("freeze")], &[BASE]), run(&[], &[BASE])]),
        named("the_first_run_discards", vec![run(&[contract("discard_row")], &[BASE]), run(&[], &[BASE])]),
        named(
            "a_table_has_its_columns_from_its_first_run",
            vec![run(&[contract("columns=freeze")], &[BASE, new]), run(&[], &[other]), run(&[], &[BASE])],
        ),
        named(
            "nested_rows_of_the_first_run",
            vec![run(&[contract("columns=discard_value")], &[r#"{"id":1,"l":[{"v":1},{"v":2,"w":3}]}"#])],
        ),
        named(
            "a_run_goes_over_what_is_stored",
            vec![
                run(&[contract("columns=freeze")], &[BASE]),
                run(&[contract("evolve")], &[new]),
                run(&[], &[other]),
                run(&[contract("columns=discard_value")], &[r#"{"id": 3, "newest": 1}"#]),
                run(&[], &[r#"{"id": 4, "newest": 1}"#]),
            ],
        ),
        named(
            "another_table_of_a_frozen_dataset",
            vec![
                run(&[], &[BASE]),
                run(&[contract("tables=freeze")], &[new]),
                run(&[("table", "others")], &[r#"{"id": 1}"#]),
                run(&[("table", "others"), contract("tables=discard_row")], &[r#"{"id": 1}"#]),
                run(&[("table", "others"), contract("evolve")], &[r#"{"id": 1}"#]),
            ],
        ),
        named(
            "a_table_of_its_own_contract",
            vec![
                run(&[of_resource("columns=freeze")], &[BASE]),
                run(&[], &[new]),
                run(&[("table", "others")], &[r#"{"id": 1}"#]),
                run(&[("table", "others")], &[r#"{"id": 1, "new": 1}"#]),
                run(&[of_resource("columns=discard_value")], &[new]),
                run(&[of_resource("columns=freeze"), contract("columns=evolve")], &[new]),
            ],
        ),
        named(
            "a_variant_that_is_known",
            vec![
                run(&[], &[BASE]),
                run(&[], &[r#"{"id": 2, "n": "two"}"#]),
                run(&[contract("freeze")], &[r#"{"id": 3, "n": "three"}"#]),
                run(&[], &[r#"{"id": 4, "n": true}"#]),
            ],
        ),
        named(
            "null_and_then_nested",
            vec![
                run(&[contract("columns=freeze")], &[r#"{"id": 1, "p": null, "q": null}"#]),
                run(&[], &[r#"{"id": 2, "p": null, "q": []}"#, r#"{"id": 3, "q": [1, null, 2]}"#]),
                run(&[], &[r#"{"id": 4, "p": {"x": 1}}"#]),
            ],
        ),
        named(
            "nested_and_then_null",
            vec![
                run(&[], &[r#"{"id": 1, "p": {"x": 1}, "q": [1]}"#]),
                run(&[contract("freeze")], &[r#"{"id": 2, "p": null, "q": null}"#, r#"{"id": 3, "p": {}, "q": []}"#]),
            ],
        ),
        named(
            "columns_of_the_engine",
            vec![run(&[], &[BASE]), run(&[contract("freeze")], &[r#"{"id": 2, "_dlt_note": 1}"#])],
        ),
        named(
            "scalars_in_lists",
            vec![
                run(&[], &[r#"{"id": 1, "s": [1, 2]}"#]),
                run(&[contract("data_type=discard_row")], &[r#"{"id": 2, "s": [3, "four", 5]}"#]),
                run(&[contract("data_type=discard_value")], &[r#"{"id": 3, "s": ["six", 7]}"#]),
                run(&[contract("data_type=freeze")], &[r#"{"id": 4, "s": ["eight"]}"#]),
            ],
        ),
        named(
            "no_row_of_a_frozen_table",
            vec![run(&[contract("freeze")], &[""]), run(&[], &[BASE]), run(&[contract("evolve")], &[BASE])],
        ),
    ]
}

#[test]
fn every_entity_mode_and_change() {
    compare(&matrix(), Form::Json);
}

#[test]
fn sequences_of_runs() {
    compare(&sequences(), Form::Json);
}

#[test]
fn every_entity_and_mode_of_arrow() {
    let mut cases = Vec::new();
    for (name, contract) in contracts() {
        for (change, row) in ARROW_CHANGES {
            // Where the type may change, Python dlt changes the schema, and fails to load.
            if change == "type" && (name.starts_with("tables") || name.starts_with("columns")) {
                continue;
            }
            let runs = vec![
                run(&[("arrow", "yes")], &[r#"{"id": 1, "n": 1}"#]),
                run(&[("arrow", "yes"), ("schema-contract", &contract)], &[row]),
            ];
            cases.push(case(format!("arrow_{name}_{change}"), runs));
        }
        let runs = vec![
            run(&[("arrow", "yes")], &[r#"{"id": 1, "n": 1}"#]),
            run(&[("arrow", "yes"), ("schema-contract", &contract), ("table", "others")], &[r#"{"id": 1}"#]),
        ];
        cases.push(case(format!("arrow_{name}_table"), runs));
    }
    compare(&cases, Form::Arrow);
}

/// The first and the last run by Python dlt, the one between by us, on one file: what one stored, the other is held to.
#[test]
fn both_in_turns() {
    let cases: Vec<Case> = matrix().into_iter().filter(|case| case.runs.len() == 3).collect();
    assert!(cases.len() == 8, "{}", cases.len());
    let sandbox = Sandbox::new().unwrap();
    let path = |case: &Case, who: &str| sandbox.path(format!("{}.{who}.duckdb", case.name));
    let of_run = |case: &Case, at: usize| Case { runs: vec![case.runs[at].clone()], ..case.clone() };
    let mut first = Request::default();
    for case in &cases {
        first.load(&of_run(case, 0), &path(case, "turns")).unwrap();
    }
    assert!(first.ask_with_memory(&sandbox, &sandbox.path("first")).unwrap().errors.values().all(Option::is_none));
    for case in &cases {
        assert_eq!(load(&sandbox, case, 1, &path(case, "turns")).unwrap(), None, "{}", case.name);
    }
    // With a memory of its own, so that Python dlt knows the contract from the dataset alone.
    let mut last = Request::default();
    for case in &cases {
        last.load(&of_run(case, 2), &path(case, "turns")).unwrap();
        last.describe(&case.name, &case.dataset, &path(case, "turns"));
    }
    let turns = last.ask_with_memory(&sandbox, &sandbox.path("last")).unwrap();
    let mut alone = Request::default();
    for case in &cases {
        alone.load(case, &path(case, "python")).unwrap().describe(&case.name, &case.dataset, &path(case, "python"));
    }
    let alone = alone.ask(&sandbox).unwrap();
    for case in &cases {
        assert_eq!((&turns.errors[&case.name], &alone.errors[&case.name]), (&None, &None), "{}", case.name);
        let essence = |of: &Value| essence(of, Form::Json);
        let found = differences(&essence(&turns.descriptions[&case.name]), &essence(&alone.descriptions[&case.name]));
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(found.is_empty(), "{}: {}", case.name, found.join("\n"));
    }
}

/// How rows come.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Json,
    Arrow,
}

/// Loads every case by Python dlt and by us, and fails with all that differs.
fn compare(cases: &[Case], form: Form) {
    let sandbox = Sandbox::new().unwrap();
    let path = |case: &Case, who: &str| sandbox.path(format!("{}.{who}.duckdb", case.name));
    let mut request = Request::default();
    for case in cases {
        request.load_all(case, &path(case, "python")).unwrap().describe(
            &case.name,
            &case.dataset,
            &path(case, "python"),
        );
    }
    let python = request.ask(&sandbox).unwrap();
    let mut request = Request::default();
    let mut ours = Vec::new();
    for case in cases {
        let outcomes: Vec<_> = (0..case.runs.len()).map(|at| load(&sandbox, case, at, &path(case, "ours"))).collect();
        ours.push(outcomes.into_iter().collect::<Result<Vec<_>>>().unwrap());
        request.describe(&case.name, &case.dataset, &path(case, "ours"));
    }
    let described = request.ask(&sandbox).unwrap();
    let mut report = String::new();
    for (case, outcomes) in cases.iter().zip(&ours) {
        let expected = python.errors[&case.name].clone().unwrap_or_default();
        let told = outcomes.iter().map(Option::is_none);
        let same = told.clone().eq(expected.split(' ').map(|word| word == "loaded"));
        if !same {
            let errors: Vec<_> = outcomes.iter().flatten().collect();
            writeln!(report, "\n== {}: Python {expected}, we {:?}\n{errors:?}", case.name, told.collect::<Vec<_>>())
                .unwrap();
        }
        let (ours, python) = (&described.descriptions[&case.name], &python.descriptions[&case.name]);
        for difference in differences(&essence(ours, form), &essence(python, form)) {
            let is_known =
                |(name, place, _): &(&str, &str, &str)| case.name == *name && difference.place.starts_with(place);
            if KNOWN.iter().any(is_known) {
                continue;
            }
            writeln!(report, "\n== {}: {difference}", case.name).unwrap();
        }
    }
    assert!(report.is_empty(), "not as Python dlt has it:\n{report}");
}

/// Where both differ on purpose: the case, the beginning of the place, and why.
const KNOWN: &[(&str, &str, &str)] = &[
    ("another_table_of_a_frozen_dataset", "/rows/others", ALL_LEFT_OUT),
    ("arrow_tables_discard_row_table", "/contract", ALL_LEFT_OUT),
    ("arrow_tables_discard_value_table", "/contract", ALL_LEFT_OUT),
    ("arrow_discard_row_table", "/contract", ALL_LEFT_OUT),
    ("arrow_discard_value_table", "/contract", ALL_LEFT_OUT),
];

const ALL_LEFT_OUT: &str = "a run whose rows are all left out is a load for us, which says so and stores the contract, and none for Python dlt";

/// What has to be the same. Types of Arrow carry hints that we leave out, for they say what the type says.
fn essence(description: &Value, form: Form) -> Value {
    let contract = |of: &Value| of.get("schema_contract").cloned().unwrap_or(Value::Null);
    let of_tables: Value = description["schema"]["tables"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, table)| (name.clone(), contract(table)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let columns = if form == Form::Json { description["schema_columns"].clone() } else { Value::Null };
    json!({
        "rows": description["rows"],
        "schema_columns": columns,
        "contracts": of_tables,
        "contract": contract(&description["schema"]["settings"]),
    })
}

/// One run with the binary: its error, if it failed.
fn load(sandbox: &Sandbox, case: &Case, at: usize, database: &Path) -> Result<Option<String>> {
    let run = &case.runs[at];
    let has = |wanted: &str| run.options.iter().find(|(option, _)| option == wanted).map(|(_, value)| value.as_str());
    let python = database.with_file_name(format!("{}.python.duckdb", case.name));
    let file: PathBuf = match has("arrow") {
        Some(_) => python.with_extension(format!("{at}.python.jsonl.parquet")),
        None => {
            let file = database.with_extension(format!("{at}.jsonl"));
            std::fs::write(&file, &run.text)?;
            file
        }
    };
    let table = has("table").unwrap_or(&case.table);
    let contract = has("schema-contract").filter(|_| has("resource-contract").is_none());
    let mut command = sandbox.dlt(["run"])?;
    if has("resource-contract").is_some() {
        let project = database.with_extension(format!("{at}_pipeline.toml"));
        let of = |word: &str| match word.split_once('=') {
            Some((entity, mode)) => format!("{{ {entity} = \"{mode}\" }}"),
            None => format!("\"{word}\""),
        };
        let of_run = has("schema-contract").map(|word| format!("schema_contract = {}", of(word))).unwrap_or_default();
        let of_source = of(has("resource-contract").unwrap_or_default());
        let text = format!(
            "[pipeline]\nname = {:?}\ndataset = {:?}\n{of_run}\n[destination]\ntype = \"duckdb\"\npath = {:?}\n[source]\n\
             type = \"filesystem\"\npaths = [{:?}]\ntable = {table:?}\nschema_contract = {of_source}\n",
            case.pipeline(),
            case.dataset,
            database,
            file
        );
        std::fs::write(&project, text)?;
        command = command.arg(&project);
    } else {
        command = sandbox.dlt(["ingest"])?.arg(&file).args(["--to", &format!("duckdb:{}", database.display())]).args([
            "--dataset",
            &case.dataset,
            "--table",
            table,
            "--pipeline",
            &case.pipeline(),
        ]);
        if let Some(contract) = contract {
            command = command.args(["--schema-contract", contract]);
        }
    }
    let output = command.run()?;
    match output.code {
        Some(0) => Ok(None),
        Some(1 | 2) if !output.stderr.contains("panicked") => Ok(Some(output.stderr)),
        _ => anyhow::bail!("not a refusal\n{output}"),
    }
}
