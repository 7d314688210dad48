//! DAGs that `dlt deploy` writes, run by `airflow dags test`.

use std::fs;

use dlt_testkit::{Postgres, Recorder, Sandbox};

use super::{Api, POSTS_OF_A_DAY, ask, deploy, left, pipeline, plain, settled};

const PARENT_AND_CHILD: &str =
    "[[source.resources]]\nname = \"comments\"\nendpoint = \"posts/{resources.posts.id}/comments\"\n\n";

/// Runs the DAG file as often as a scheduler would in a day, without Airflow's own cache.
const PARSE: &str = "import runpy, sys, time\nstarted = time.time()\nfor _ in range(100):\n    found = runpy.run_path(sys.argv[1] if len(sys.argv) > 1 else 'dags/dag_shop.py')\nprint(len(found['dag'].tasks), round((time.time() - started) * 10, 1), 'ms a time')\n";

#[test]
fn a_dag_loads_in_groups_and_is_told_of_once() {
    let api = Api::start();
    let tracker = Recorder::start().unwrap();
    let (mut sandbox, airflow) = settled();
    let odd =
        ["Größe.x", "Größe x"].map(|name| format!("[[source.resources]]\nname = \"{name}\"\nendpoint = \"sizes\"\n\n"));
    let resources = format!("{}{PARENT_AND_CHILD}{}{}", plain(&["posts"]), plain(&["users"]), odd.concat());
    sandbox.write("shop_pipeline.toml", pipeline("shop", "type = \"duckdb\"", &api, &resources)).unwrap();
    sandbox.telemetry_to(&tracker.url());
    // The first use on a machine sends nothing.
    sandbox.dlt(["telemetry"]).unwrap().succeed().unwrap();
    let options = ["--decompose", "serialize", "--save-load-info", "--save-trace-info", "--retries", "2"];
    let told = deploy(&sandbox, "shop_pipeline.toml", &options);
    assert!(told.contains("airflow dags test shop"), "{told}");

    let parsed = airflow.script(&sandbox, PARSE).succeed().unwrap();
    assert!(parsed.stdout.starts_with("4 "), "{parsed}");
    let run = airflow.command(&sandbox, &["dags", "test", "shop"]).succeed().unwrap();
    let log = format!("{}{}", run.stdout, run.stderr);
    assert_eq!(log.matches("is LOADED and contains no failed jobs").count(), 4, "{log}");
    assert!(log.contains("This DAG run has no data interval"), "{log}");

    // The comments stay with their posts, which are asked for once.
    assert_eq!(api.asked()["posts"], 1);
    let rows = ask(
        &sandbox,
        "select (select count(*) from posts) p, (select count(*) from comments) c, (select count(*) from users) u, \
         (select count(*) from _load_info) i, (select count(*) from _trace where success) t, \
         (select count(*) from _trace__steps) s, (select count(distinct table_name) from _load_info__tables) n",
    );
    assert_eq!(rows[0].to_string(), r#"{"p":12,"c":24,"u":5,"i":4,"t":4,"s":12,"n":5}"#);
    assert!(left(&sandbox).is_empty(), "{:?}", left(&sandbox));

    // One for the run, and none for a hundred times of parsing.
    let events = |name: &str| -> Vec<serde_json::Value> {
        tracker.messages().unwrap().into_iter().filter(|event| event["event"] == name).collect()
    };
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while events("command_run").len() < 4 && std::time::Instant::now() < until {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(events("command_run").len(), 4);
    let helper = events("helper_airflow_add_run");
    assert_eq!(helper.len(), 1, "{helper:?}");
    assert_eq!(helper[0]["properties"]["decompose"], "serialize");
    assert_eq!(helper[0]["properties"]["success"], true);
    let elapsed = helper[0]["properties"]["elapsed"].as_f64().unwrap();
    assert!(elapsed > 0.0 && elapsed < 5.0, "{elapsed}");
    for event in events("command_run").iter().chain(&helper) {
        assert!(event["context"]["exec_info"].as_array().unwrap().contains(&"airflow".into()), "{event}");
    }
    assert_eq!(events("pipeline_run").len(), 4, "what keeps records is no run of its own");
}

#[test]
fn a_backfill_loads_the_rows_of_each_day_once() {
    let api = Api::start();
    let (sandbox, airflow) = settled();
    let days = "[[source.resources]]\nname = \"days\"\n\n[source.resources.endpoint.incremental]\ncursor_path = \"day\"\n\
         initial_value = 2024-01-01\nallow_external_schedulers = true\n\n";
    let file = pipeline("shop", "type = \"duckdb\"", &api, &format!("{POSTS_OF_A_DAY}{days}"));
    sandbox.write("shop_pipeline.toml", file).unwrap();
    deploy(&sandbox, "shop_pipeline.toml", &["--schedule", "@daily", "--decompose", "none"]);
    // The interval of a run ends with the date that it is called by.
    let test = |words: &[&str]| airflow.command(&sandbox, &[&["dags", "test", "shop"], words].concat()).run().unwrap();
    for date in ["2024-01-03", "2024-01-02", "2024-01-04"] {
        let run = test(&[date]);
        assert_eq!(run.code, Some(0), "{run}");
    }
    let by_day = "select substr(cast(\"at\" as varchar), 1, 10) as d, count(*) as n from posts group by 1 order by 1";
    let rows: Vec<String> = ask(&sandbox, by_day).iter().map(ToString::to_string).collect();
    assert_eq!(rows, [1, 2, 3].map(|day| format!(r#"{{"d":"2024-01-0{day}","n":3}}"#)));
    let loaded = ask(&sandbox, "select string_agg(id, ' ' order by id) as ids from days");
    assert_eq!(loaded[0]["ids"], "1 2 3");

    // A run that nobody gave an interval: nothing is loaded, and it is said why.
    deploy(&sandbox, "shop_pipeline.toml", &["--force"]);
    let run = test(&[]);
    let log = format!("{}{}", run.stdout, run.stderr);
    assert_ne!(run.code, Some(0), "{log}");
    assert!(log.contains("takes its range from a scheduler, and there is none"), "{log}");
    // One whose configuration names it.
    let conf = r#"{"interval_start": "2024-01-04T00:00:00Z", "interval_end": "2024-01-05T00:00:00Z"}"#;
    let run = test(&["--conf", conf]);
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(ask(&sandbox, "select count(*) as n from posts")[0]["n"], 12);
}

#[test]
fn days_are_those_of_the_schedules_zone() {
    let api = Api::start();
    let (sandbox, airflow) = settled();
    let days = "[[source.resources]]\nname = \"days\"\n\n[source.resources.endpoint.incremental]\ncursor_path = \"day\"\n\
         initial_value = 2024-01-01\nallow_external_schedulers = true\n\n";
    sandbox.write("shop_pipeline.toml", pipeline("shop", "type = \"duckdb\"", &api, days)).unwrap();
    deploy(&sandbox, "shop_pipeline.toml", &["--schedule", "@daily", "--timezone", "Europe/Berlin"]);
    let run = airflow.command(&sandbox, &["dags", "test", "shop", "2024-01-03T00:00:00+01:00"]).succeed().unwrap();
    let log = format!("{}{}", run.stdout, run.stderr);
    assert!(log.contains("Data interval: 2024-01-02T00:00:00+01:00 to 2024-01-03T00:00:00+01:00"), "{log}");
    assert_eq!(ask(&sandbox, "select string_agg(id, ' ') as ids from days")[0]["ids"], "2");
}

#[test]
fn what_a_worker_lacks_is_said() {
    let api = Api::start();
    let (sandbox, airflow) = settled();
    sandbox.write("shop_pipeline.toml", pipeline("shop", "type = \"duckdb\"", &api, &plain(&["users"]))).unwrap();
    let failed = |options: &[&str]| -> String {
        deploy(&sandbox, "shop_pipeline.toml", &[options, &["--force"]].concat());
        let run = airflow.command(&sandbox, &["dags", "test", "shop"]).run().unwrap();
        assert_ne!(run.code, Some(0), "{run}");
        format!("{}{}", run.stdout, run.stderr)
    };
    let log = failed(&["--binary", "dlt-is-not-here"]);
    assert!(log.contains("the program `dlt-is-not-here` is not on this worker"), "{log}");
    let file = sandbox.write("a_file", "").unwrap();
    let log = failed(&["--local-data-folder", &file.join("x").display().to_string()]);
    assert!(log.contains("the folder for this task's data cannot be made"), "{log}");
    // A file that is wrong is not tried again.
    deploy(&sandbox, "shop_pipeline.toml", &["--force", "--retries", "3"]);
    let text = fs::read_to_string(sandbox.path("shop_pipeline.toml")).unwrap();
    sandbox.write("shop_pipeline.toml", text.replace("base_url", "bas_url")).unwrap();
    let run = airflow.command(&sandbox, &["dags", "test", "shop"]).run().unwrap();
    let log = format!("{}{}", run.stdout, run.stderr);
    assert_ne!(run.code, Some(0), "{log}");
    assert!(log.contains("bas_url") && log.contains("dlt began nothing"), "{log}");
    assert!(left(&sandbox).is_empty(), "{:?}", left(&sandbox));
}

#[test]
fn secrets_come_from_a_variable_and_stay_out_of_the_log() {
    let api = Api::start();
    let (sandbox, airflow) = settled();
    let file = pipeline("shop", "type = \"duckdb\"", &api, &plain(&["users"]));
    sandbox.write("shop_pipeline.toml", file).unwrap();
    let secrets = "[sources.rest_api.client.auth]\ntype = \"bearer\"\ntoken = \"tr0ub4dor-und-3\"\n";
    sandbox.write(".dlt/secrets.toml", secrets).unwrap();
    let told = deploy(&sandbox, "shop_pipeline.toml", &[]);
    assert!(told.contains("SOURCES__REST_API__CLIENT__AUTH__TOKEN"), "{told}");
    let dag = fs::read_to_string(sandbox.path("dags/dag_shop.py")).unwrap();
    assert!(dag.contains("SOURCES__REST_API__CLIENT__AUTH__TOKEN") && !dag.contains("tr0ub4dor"), "{dag}");
    fs::remove_file(sandbox.path(".dlt/secrets.toml")).unwrap();
    airflow.command(&sandbox, &["variables", "set", "dlt_secrets_toml", secrets]).succeed().unwrap();
    let run = airflow.command(&sandbox, &["dags", "test", "shop"]).succeed().unwrap();
    let request = api.server.requests().into_iter().next().unwrap();
    assert_eq!(request.header("authorization"), Some("Bearer tr0ub4dor-und-3"));
    assert!(!run.stdout.contains("tr0ub4dor") && !run.stderr.contains("tr0ub4dor"), "{run}");

    // An address comes from a connection of Airflow.
    let postgres = Postgres::start().unwrap();
    postgres.create_database("shop").unwrap();
    let file = pipeline("shop", "type = \"postgres\"", &api, &plain(&["users"]));
    sandbox.write("shop_pipeline.toml", file).unwrap();
    deploy(&sandbox, "shop_pipeline.toml", &["--force"]);
    let named = r#"CONNECTIONS = {"DESTINATION__POSTGRES__CREDENTIALS": "warehouse"}"#;
    sandbox.write("dags/dag_shop.py", dag_with(&sandbox, named)).unwrap();
    let add = ["connections", "add", "warehouse", "--conn-uri", &postgres.url("shop")];
    airflow.command(&sandbox, &add).succeed().unwrap();
    let run = airflow.command(&sandbox, &["dags", "test", "shop"]).succeed().unwrap();
    assert!(!run.stdout.contains(Postgres::PASSWORD_IN_URL), "{run}");
    assert_eq!(postgres.sql("shop", "select count(*) from raw.users").unwrap().trim(), "5");
}

fn dag_with(sandbox: &Sandbox, connections: &str) -> String {
    let dag = fs::read_to_string(sandbox.path("dags/dag_shop.py")).unwrap();
    assert!(dag.contains("CONNECTIONS = {}"));
    dag.replace("CONNECTIONS = {}", connections)
}
