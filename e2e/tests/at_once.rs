//! Runs of one pipeline at the same time, and ranges that a scheduler gives.

use dlt_testkit::{Answer, Postgres, PythonDlt, Recorder, Request, Sandbox};
use serde_json::{Value, json};

const COUNT: usize = 6;

fn api() -> Recorder {
    Recorder::answering(|request: &Request| {
        // All have asked before the first is answered in full.
        std::thread::sleep(std::time::Duration::from_millis(300));
        let items: Vec<Value> = (0..5).map(|id| json!({"id": id, "at": 10 + id, "of": request.path})).collect();
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        Answer { status: 200, headers, body: serde_json::to_vec(&items).unwrap() }
    })
    .unwrap()
}

/// Runs of all of these commands at once, each on a machine of its own; all of them have to succeed.
fn at_once(sandbox: &Sandbox, commands: &[Vec<String>]) {
    let runs: Vec<_> = commands
        .iter()
        .enumerate()
        .map(|(number, words)| {
            let data = sandbox.root().join(format!("data-{number}"));
            sandbox.dlt(words).unwrap().env("DLT_DATA_DIR", data.as_os_str()).spawn().unwrap()
        })
        .collect();
    for run in runs {
        let output = run.wait().unwrap();
        assert_eq!(output.code, Some(0), "{output}");
    }
}

#[test]
fn runs_of_one_pipeline_at_once_lose_nothing() {
    let postgres = Postgres::start().unwrap();
    postgres.create_database("shop").unwrap();
    let count = |table: &str| postgres.sql("shop", &format!("select count(*) from raw.{table}")).unwrap();
    let (sandbox, api) = (Sandbox::new().unwrap(), api());
    let resources: String = (0..COUNT)
        .map(|number| {
            format!(
                "[[source.resources]]\nname = \"r{number}\"\n[source.resources.endpoint.incremental]\ncursor_path = \"at\"\ninitial_value = 0\n"
            )
        })
        .collect();
    let file = format!(
        "[pipeline]\nname = \"shop\"\ndataset = \"raw\"\n[destination]\ntype = \"postgres\"\ncredentials = '{}'\n[source]\ntype = \"rest_api\"\n\
         [source.client]\nbase_url = \"{}/\"\n{resources}",
        postgres.url("shop"),
        api.url()
    );
    sandbox.write("shop_pipeline.toml", file).unwrap();
    let run = |number| format!("run shop_pipeline.toml --resources r{number}");
    let words = |line: String| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    // What can't be read again, and files, which can.
    at_once(&sandbox, &(0..COUNT).map(|number| words(run(number))).collect::<Vec<_>>());
    let ingest = |number: usize| {
        sandbox.write(format!("f{number}.jsonl"), format!("{{\"id\": {number}, \"c{number}\": 1}}\n")).unwrap();
        words(format!("ingest f{number}.jsonl --to {} --dataset raw --pipeline files --table f", postgres.url("shop")))
    };
    at_once(&sandbox, &(0..COUNT).map(ingest).collect::<Vec<_>>());
    for number in 0..COUNT {
        assert_eq!(count(&format!("r{number}")).trim(), "5");
    }
    assert_eq!(count("f").trim(), COUNT.to_string());
    // Every position is remembered: all of it once more brings nothing.
    at_once(&sandbox, &[words("run shop_pipeline.toml".to_owned())]);
    for number in 0..COUNT {
        assert_eq!(count(&format!("r{number}")).trim(), "5", "r{number} was loaded again");
    }
}

/// Moments around midnight in two zones, and the ranges of three days.
#[test]
fn ranges_of_a_scheduler_hold_what_they_hold_with_python() {
    let python = PythonDlt::shared().unwrap();
    let rows: Vec<(u32, String)> =
        (0..24 * 5).map(|hour| (hour, format!("2024-01-0{}T{:02}:00:00Z", 1 + hour / 24, hour % 24))).collect();
    let lines: String = rows.iter().map(|(id, at)| format!("{}\n", json!({"id": id, "at": at}))).collect();
    for (start, end, zone) in [
        ("2024-01-02T00:00:00Z", "2024-01-03T00:00:00Z", ""),
        ("2024-01-02T00:00:00+01:00", "2024-01-03T00:00:00+01:00", "Europe/Berlin"),
        ("2024-01-01T12:30:00+00:00", "2024-01-01T15:00:00+00:00", "UTC"),
        ("2023-01-01T00:00:00Z", "2024-01-01T00:00:00Z", ""),
    ] {
        let mut sandbox = Sandbox::new().unwrap();
        for (name, value) in [("DLT_INTERVAL_START", start), ("DLT_INTERVAL_END", end), ("DLT_INTERVAL_TIMEZONE", zone)]
        {
            if !value.is_empty() {
                sandbox.set_env(name, value);
            }
        }
        sandbox.write("rows.jsonl", &lines).unwrap();
        let declared = "[pipeline]\nname = \"ours\"\ndataset = \"raw\"\n[destination]\ntype = \"duckdb\"\n[source]\ntype = \"filesystem\"\n\
             paths = [\"rows.jsonl\"]\nincremental = { cursor_path = \"at\", initial_value = 2024-01-01T00:00:00Z, allow_external_schedulers = true }\n";
        sandbox.write("ours_pipeline.toml", declared).unwrap();
        sandbox.dlt(["run"]).unwrap().succeed().unwrap();
        let script = "import dlt, json\nfrom datetime import datetime, timezone\n\
             @dlt.resource(name='rows')\n\
             def rows(at=dlt.sources.incremental('at', initial_value=datetime(2024, 1, 1, tzinfo=timezone.utc), allow_external_schedulers=True)):\n    \
             for line in open('rows.jsonl'):\n        row = json.loads(line)\n        row['at'] = datetime.fromisoformat(row['at'].replace('Z', '+00:00'))\n        yield row\n\
             dlt.pipeline('theirs', destination=dlt.destinations.duckdb('theirs.duckdb'), dataset_name='raw').run(rows())\n";
        python.script(&sandbox, script).succeed().unwrap();
        let ids = |file: &str| {
            let query =
                ["--sql", "select coalesce(string_agg(id, ' ' order by id), '') as ids from rows", "--format", "json"];
            let from = format!("duckdb:{file}");
            let told = sandbox.dlt([&["dataset", "raw", "--from", &from], &query[..]].concat()).unwrap().run().unwrap();
            // Without a row, there is no table.
            told.stdout.trim().to_owned()
        };
        let (ours, theirs) = (ids("ours.duckdb"), ids("theirs.duckdb"));
        assert_eq!(ours, theirs, "{start} to {end}");
        assert_eq!(ours.is_empty() || ours.contains("\"\""), end == "2024-01-01T00:00:00Z", "{start}: {ours}");
    }
}
