//! `dlt deploy`: what it writes, refuses and says. That others understand the files is tested with their own programs (e2e).

use crate::assert_seen;
use crate::sandbox::Sandbox;

const FILE: &str = "[pipeline]\nname = \"shop\"\n\n[destination]\ntype = \"DESTINATION\"\n\n[source]\ntype = \"rest_api\"\n\n\
     [source.client]\nbase_url = \"http://127.0.0.1:1/\"\n\n[[source.resources]]\nname = \"a\"\n\n[[source.resources]]\nname = \"b\"\n";

fn project(destination: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("shop_pipeline.toml", FILE.replace("DESTINATION", destination));
    sandbox
}

#[test]
fn a_dag() {
    let sandbox = project("duckdb");
    let line = "deploy shop_pipeline.toml airflow --schedule @daily --decompose serialize --retries 2 --save-load-info";
    assert_seen!("airflow", sandbox.run(line));
    let dag = sandbox.read("dags/dag_shop.py");
    // What a person changes, and what the DAG is; between them stands the module of the package as it is.
    let (top, rest) = dag.split_once("\nimport json\n").unwrap();
    let (_, end) = rest.split_once("\n# The DAG.\n").unwrap();
    crate::sandbox::settings().bind(|| insta::assert_snapshot!("dag", format!("{top}\n[…]\n{end}")));
    assert_seen!("airflow_twice", sandbox.run(line));
    sandbox.run(&format!("{line} --force")).ok();
    assert_seen!("airflow_plan", sandbox.run("deploy shop_pipeline.toml airflow --format json"));
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_written() {
    let sandbox = project("duckdb");
    assert_seen!("no_file", sandbox.run("deploy missing_pipeline.toml airflow"));
    assert_seen!("no_method", sandbox.run("deploy shop_pipeline.toml"));
    assert_seen!("unknown_method", sandbox.run("deploy shop_pipeline.toml airflw"));
    assert_seen!("parallel_into_a_file", sandbox.run("deploy shop_pipeline.toml airflow --decompose parallel"));
    assert_seen!("wrong_schedule", sandbox.run("deploy shop_pipeline.toml kubernetes --schedule @reboot"));
    assert_seen!("wrong_zone", sandbox.run("deploy shop_pipeline.toml systemd --schedule @daily --timezone Mars/Base"));
    assert_seen!("wrong_day", sandbox.run("deploy shop_pipeline.toml airflow --start-date 2024-02-30"));
    assert_seen!("no_schedule", sandbox.run("deploy shop_pipeline.toml cron"));
    assert_seen!("nothing_starts_it", sandbox.run("deploy shop_pipeline.toml github-action --run-manually false"));
    assert_eq!(std::fs::read_dir(sandbox.project()).unwrap().count(), 1);
    sandbox.write("broken_pipeline.toml", FILE.replace("DESTINATION", "duckdb").replace("base_url", "bas_url"));
    assert_seen!("broken_file", sandbox.run("deploy broken_pipeline.toml airflow"));
}

#[test]
fn resources_that_nobody_knows_before_reading_are_one_task() {
    let sandbox = Sandbox::new();
    let file = FILE.replace("DESTINATION", "filesystem\"\nbucket_url = \"lake");
    let (head, _) = file.split_once("[source]").unwrap();
    sandbox.write("shop_pipeline.toml", format!("{head}[source]\ntype = \"filesystem\"\npaths = [\"data/*.jsonl\"]\n"));
    assert_seen!("one_task", sandbox.run("deploy shop_pipeline.toml airflow --decompose parallel"));
}
