//! Loads of what is new, run after run: by Python dlt, by us, and by both in turns on one file.

use std::path::Path;

use anyhow::Result;
use dlt_testkit::{PythonDlt, S3, Sandbox};

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
/// that was not, and older rows come late.
const RUNS: [&[(u32, usize)]; 3] = [
    &[(1, 0), (2, 2), (3, 1), (4, 2)],
    &[(2, 2), (5, 2), (6, 0), (7, 3), (8, 1)],
    &[(7, 3), (9, 4), (10, 4), (11, 2), (12, 0)],
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
            let given =
                options.iter().map(|(option, value)| ((*option).to_owned(), value.trim_matches('"').to_owned()));
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
                    // Texts of all kinds are compared alike.
                    if *kind == "dates" && (key == "id") == (start == "open") {
                        continue;
                    }
                    let mut options = vec![("last-value-func", later), ("range-start", start)];
                    if !key.is_empty() {
                        options.push(("primary-key", key));
                    }
                    add(
                        format!("{kind}_{later}_{start}_{}", if key.is_empty() { "row" } else { "key" }),
                        "t",
                        &options,
                        texts(values),
                    );
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
        add(
            format!("missing_{missing}"),
            "t",
            &[("on-cursor-value-missing", missing)],
            vec![text(1), text(4), text(4)],
        );
    }
    let nested = |values: &[u32]| {
        values.iter().map(|at| format!("{{\"id\":{at},\"at\":{{\"s\":[{{\"x\":{at}}},7]}}}}\n")).collect::<String>()
    };
    let same = "{\"id\":1,\"t\":5}\n".to_owned();
    add("nothing_new".into(), "t", &[], vec![same.clone(), same.clone(), same]);
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
    let some = cases().into_iter().step_by(7).collect();
    compare(some, &|_| Tool::Ours, "alone");
}

#[test]
fn begun_by_python_and_continued_in_turns() {
    let half = cases().into_iter().step_by(2).collect();
    compare(half, &|number| turns(Tool::Python, number), "begun by Python dlt and continued in turns");
}

#[test]
fn begun_by_us_and_continued_in_turns() {
    let half = cases().into_iter().skip(1).step_by(2).collect();
    compare(half, &|number| turns(Tool::Ours, number), "begun by us and continued in turns");
}

/// Loads every case with the tool that `tool` names for a run, and compares it with Python dlt alone. Each run begins on a
/// machine that knows nothing.
fn compare(cases: Vec<Case>, tool: &dyn Fn(usize) -> Tool, how: &str) {
    let sandbox = Sandbox::new().unwrap();
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
        for case in &cases {
            let Some(run) = case.runs.get(number) else { continue };
            let database = sandbox.path(format!("{}.mixed.duckdb", case.name));
            match tool(number) {
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
        for difference in found.iter().filter(|found| !is_known(&found.place)) {
            report.push_str(&format!("\n== {}\n   {difference}", case.name));
        }
    }
    assert!(report.is_empty(), "{how}, it is not as Python dlt alone:\n{report}");
}

/// Differences that do not follow from what was loaded: how often a schema changed on its way; that Python dlt records no load
/// for a run that found nothing, where we do; and that it stores a state anew whose digests only stand in another order.
fn is_known(place: &str) -> bool {
    ["/version", "/version_count", "/loads", "/states", "/state/_state_version"].contains(&place)
}

fn load_with_ours(sandbox: &Sandbox, case: &Case, run: &Run, number: usize, database: &Path) -> Result<()> {
    let file = database.with_extension(format!("{number}.ours.jsonl"));
    std::fs::write(&file, &run.text)?;
    let command =
        sandbox.dlt(["ingest"])?.arg(&file).env("DLT_DATA_DIR", sandbox.path(format!("{}-{number}", case.name)));
    let command = command.args(["--to", &format!("duckdb:{}", database.display()), "--dataset", &case.dataset]);
    command.args(["--table", &case.table, "--pipeline", &case.pipeline()]).args(run.arguments()).succeed()?;
    Ok(())
}

const FILES_SCRIPT: &str = include_str!("../python/incremental_files.py");

fn python(sandbox: &Sandbox, arguments: &[&str], memory: &str) -> Result<String> {
    let script = PythonDlt::shared()?.script(sandbox, FILES_SCRIPT).args(arguments);
    // Rows in columns get ids as all others do.
    let script = script.env("NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_ID", "true");
    let script = script.env("NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID", "true");
    Ok(script.env("DLT_DATA_DIR", sandbox.path(memory)).succeed()?.stdout)
}

fn ours(sandbox: &Sandbox, database: &Path, input: &Path, cursor: &str, memory: &str) -> Result<()> {
    let command = sandbox.dlt(["ingest"])?.arg(input).env("DLT_DATA_DIR", sandbox.path(memory));
    let command = command.args(["--to", &format!("duckdb:{}", database.display()), "--dataset", "new_rows"]);
    command.args(["--table", "events", "--pipeline", "new_rows", "--incremental", cursor]).succeed()?;
    Ok(())
}

/// Digests of whole rows of many types are the same in both, and in both of their forms.
#[test]
fn rows_in_columns_are_continued_in_turns() {
    let sandbox = Sandbox::new().unwrap();
    python(&sandbox, &["write", sandbox.path("").to_str().unwrap()], "memory").unwrap();
    for first in [Tool::Python, Tool::Ours] {
        let database = sandbox.path(format!("{first:?}.duckdb"));
        for number in 0..4 {
            let file = sandbox.path(format!("run{number}.parquet"));
            let memory = format!("{first:?}-{number}");
            match turns(first, number) {
                Tool::Python => {
                    let arguments = ["rows", database.to_str().unwrap(), file.to_str().unwrap()];
                    drop(python(&sandbox, &arguments, &memory).unwrap());
                }
                Tool::Ours => ours(&sandbox, &database, &file, "at", &memory).unwrap(),
            }
        }
        let ids = python(&sandbox, &["ids", database.to_str().unwrap()], "memory").unwrap();
        assert_eq!(ids.trim(), "[1, 2, 3, 4, 6, 7, 8, 9]", "beginning with {first:?}");
    }
}

/// Objects of a bucket are told apart by the same address, also with blanks and letters beyond ASCII in their names.
#[test]
fn objects_that_are_new_are_continued_in_turns() {
    let sandbox = Sandbox::new().unwrap();
    let server = S3::start().unwrap();
    let python = |arguments: &[&str], memory: &str| {
        let script = PythonDlt::with_lakes().unwrap().script(&sandbox, FILES_SCRIPT).args(arguments);
        script.env("DLT_DATA_DIR", sandbox.path(memory)).succeed().unwrap().stdout
    };
    for first in [Tool::Python, Tool::Ours] {
        let bucket = format!("lake-{first:?}").to_lowercase();
        server.make_bucket(&bucket).unwrap();
        let database = sandbox.path(format!("{first:?}.duckdb"));
        for number in 0..4 {
            // The server counts whole seconds: of each pair the first may be as old as one that is known.
            for (folder, id) in [("a b", 10 * number), ("\u{fc}/x", 10 * number + 1)] {
                server
                    .put(&bucket, &format!("in/{folder}/{number}.jsonl"), format!("{{\"id\":{id}}}\n").as_bytes())
                    .unwrap();
            }
            std::thread::sleep(std::time::Duration::from_millis(1100));
            let (memory, url) = (format!("{first:?}-{number}"), format!("s3://{bucket}/in"));
            match turns(first, number) {
                Tool::Python => drop(python(&["bucket", database.to_str().unwrap(), &url, &server.url()], &memory)),
                Tool::Ours => {
                    let command = sandbox.dlt(["ingest"]).unwrap().arg(format!("{url}/**/*.jsonl"));
                    let command = command.env("DLT_DATA_DIR", sandbox.path(&memory));
                    let command = command.env("SOURCES__FILESYSTEM__CREDENTIALS__AWS_ACCESS_KEY_ID", "key");
                    let command = command.env("SOURCES__FILESYSTEM__CREDENTIALS__AWS_SECRET_ACCESS_KEY", "secret");
                    let command = command.env("SOURCES__FILESYSTEM__CREDENTIALS__ENDPOINT_URL", server.url());
                    let command = command.args(["--to", &format!("duckdb:{}", database.display())]);
                    let command =
                        command.args(["--dataset", "new_rows", "--table", "events", "--pipeline", "new_rows"]);
                    command.args(["--incremental", "modification_date"]).succeed().unwrap();
                }
            }
        }
        let ids = python(&["ids", database.to_str().unwrap()], "memory");
        assert_eq!(ids.trim(), "[0, 1, 10, 11, 20, 21, 30, 31]", "beginning with {first:?}");
    }
}

/// Files are told apart by the same time and the same digest.
#[test]
fn files_that_are_new_are_continued_in_turns() {
    let sandbox = Sandbox::new().unwrap();
    for first in [Tool::Python, Tool::Ours] {
        let folder = sandbox.path(format!("files of {first:?}"));
        std::fs::create_dir(&folder).unwrap();
        let database = sandbox.path(format!("{first:?}.duckdb"));
        let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::new(1_700_000_000, 123_456_789);
        for number in 0..4 {
            // The second run finds one of the last moment that was not there before; later ones are older.
            for (name, seconds) in [(format!("a{number}.jsonl"), 0), (format!("b{number}.jsonl"), number)] {
                let path = folder.join(name);
                std::fs::write(&path, format!("{{\"id\":{}}}\n", 10 * number + seconds.min(1))).unwrap();
                let file = std::fs::File::options().write(true).open(&path).unwrap();
                file.set_modified(time + std::time::Duration::from_secs(seconds)).unwrap();
            }
            let memory = format!("{first:?}-{number}");
            match turns(first, usize::try_from(number).unwrap()) {
                Tool::Python => {
                    let arguments = ["files", database.to_str().unwrap(), folder.to_str().unwrap()];
                    drop(python(&sandbox, &arguments, &memory).unwrap());
                }
                Tool::Ours => ours(&sandbox, &database, &folder, "modification_date", &memory).unwrap(),
            }
        }
        let ids = python(&sandbox, &["ids", database.to_str().unwrap()], "memory").unwrap();
        assert_eq!(ids.trim(), "[0, 0, 10, 11, 21, 31]", "beginning with {first:?}");
    }
}
