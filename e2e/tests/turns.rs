//! Cases loaded elsewhere than into DuckDB: by Python dlt alone, and beside it by us alone, or by each in turns.

use std::path::{Path, PathBuf};
use std::thread;

use anyhow::Result;
use dlt_testkit::{Postgres, Sandbox};

use crate::cases::{Case, Run};
use crate::judge::{Request, Verdict, differences};

/// Where cases are loaded.
pub(crate) enum Place {
    /// Each into a database of its own.
    Server(Postgres),
    /// Each into a folder of its own, as Parquet.
    Folders,
}

impl Place {
    fn request(&self) -> Request {
        match self {
            Self::Server(server) => Request::on(server),
            Self::Folders => Request::in_folders(),
        }
    }

    fn make(&self, name: &str) -> Result<()> {
        match self {
            Self::Server(server) => server.create_database(name),
            Self::Folders => Ok(()),
        }
    }

    /// As our command line is told it.
    fn address(&self, file: &Path, name: &str) -> String {
        match self {
            Self::Server(server) => server.url(name),
            Self::Folders => format!("filesystem:{}", file.display()),
        }
    }
}

/// Loads every case by Python dlt alone, and beside it by us alone, or by each in turns: we make the runs whose number is `turn`,
/// counted by two. Fails with everything in which the datasets differ. Of generated cases Python dlt may refuse a few.
pub(crate) fn compare(place: &Place, cases: &[Case], turn: Option<usize>) {
    assert!(cases.len() > 3);
    let sandbox = Sandbox::new().unwrap();
    let file = |case: &Case, of: &str| sandbox.path(format!("{}.{of}.database", case.name));
    let mut alone = place.request();
    for case in cases {
        for of in ["python", "tried"] {
            place.make(&format!("{}.{of}", case.name)).unwrap();
        }
        let database = file(case, "python");
        alone.load(case, &database).unwrap().describe(&case.name, &case.dataset, &database);
    }
    let most = cases.iter().map(|case| case.runs.len()).max().unwrap_or_default();
    let try_all = |cases: &[Case]| {
        for number in 0..most {
            let is_ours = turn.is_none_or(|turn| number % 2 == turn);
            let mut request = place.request();
            for case in cases {
                let Some(run) = case.runs.get(number) else { continue };
                let database = file(case, "tried");
                match is_ours {
                    true => load(&sandbox, place, case, number, &database).unwrap(),
                    false => drop(request.load(&only(case, run), &database).unwrap()),
                }
            }
            if !is_ours {
                all_loaded(&request.ask_with_memory(&sandbox, &sandbox.path(format!("memory-{number}"))).unwrap());
            }
        }
    };
    let (alone, cases) = if cases.iter().any(Case::is_generated) {
        let alone = alone.ask(&sandbox).unwrap();
        let is_loaded = |case: &&Case| alone.errors[&case.name].is_none();
        let loaded: Vec<Case> = cases.iter().filter(is_loaded).cloned().collect();
        let refusals: Vec<_> = alone.errors.values().flatten().collect();
        assert!(refusals.len() * 10 <= cases.len(), "Python dlt refuses too many generated cases: {refusals:#?}");
        try_all(&loaded);
        (alone, loaded)
    } else {
        let alone = thread::scope(|scope| {
            let alone = scope.spawn(|| alone.ask(&sandbox).unwrap());
            try_all(cases);
            alone.join().unwrap()
        });
        all_loaded(&alone);
        (alone, cases.to_vec())
    };
    let mut request = place.request();
    for case in &cases {
        request.describe(&case.name, &case.dataset, &file(case, "tried"));
    }
    let tried = request.ask(&sandbox).unwrap();
    let mut report = String::new();
    for case in &cases {
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
fn load(sandbox: &Sandbox, place: &Place, case: &Case, number: usize, database: &Path) -> Result<()> {
    let run = &case.runs[number];
    let file: PathBuf = database.with_extension(format!("{number}.jsonl"));
    std::fs::write(&file, &run.text)?;
    let name = format!("{}.tried", case.name);
    let ingest = sandbox.dlt(["ingest"])?.env("DESTINATION__FILESYSTEM__LOADER_FILE_FORMAT", "parquet");
    let mut ingest = ingest.arg(&file).args(["--to", &place.address(database, &name)]).args([
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
