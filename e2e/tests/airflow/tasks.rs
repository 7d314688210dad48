//! The package `dlt-airflow`: a wheel, installed into a folder, and its group of tasks.

use std::path::Path;

use super::{Api, ask, pipeline, plain, settled};

const DAG: &str = r#"
import pendulum
from airflow.sdk import DAG
from dlt_airflow import PipelineTasksGroup, data_intervals

with DAG("shop", schedule=data_intervals("@daily"), start_date=pendulum.datetime(2024, 1, 1), catchup=False) as dag:
    tasks = PipelineTasksGroup("the shop", save_load_info=True).add_run("FILE", decompose="serialize", retries=1)
assert [task.task_id for task in tasks] == ["the_shop.shop_users", "the_shop.shop_orders"], tasks
assert tasks[1].upstream_task_ids == {tasks[0].task_id} and tasks[1].retries == 1
"#;

const NAMES: &str = r#"
import json, sys
from airflow.sdk import DAG
from dlt_airflow import PipelineTasksGroup

def made(groups, decompose, **more):
    plan = {"pipeline": "p", "destination": "postgres", "concurrency": "turns", "groups": groups, "incremental": [], **more}
    with DAG("d", schedule=None) as dag:
        tasks = PipelineTasksGroup("g.x").add_run("x.toml", decompose=decompose, plan=plan)
    dag.validate()
    return tasks

odd = [["a b"], ["a.b"], ["a/b"], ["Größe"], ["Gräße"], ["a_b"], ["x" * 300], ["-"], ["p", "q", "r", "s", "t", "u"]]
ids = [task.task_id for task in made(odd, "serialize")]
assert len(set(ids)) == len(odd), ids
assert ids[-1] == "g_x.p_p-q-r-s-2-more", ids
assert all(len(task_id) < 250 for task_id in ids)
tasks = made(odd, "parallel-isolated")
names = [task.pipeline_name for task in tasks]
assert len(set(names)) == len(odd) and all(name.isidentifier() for name in names), names
# The first alone, then the others.
assert all(task.upstream_task_ids == {tasks[0].task_id} for task in tasks[1:])
assert [task.first_of is not None for task in tasks] == [True] + [False] * (len(tasks) - 1)
assert len(made([["a", "b"]], "serialize")) == 1
assert len(made(None, "parallel", one_task_because="nobody knows")) == 1
for wrong, told in [
    (lambda: made([["a"], ["b"]], "parallel", concurrency="one_process", destination="duckdb"), "one process at a time"),
    (lambda: made([["a"]], "sideways"), "decompose is one of"),
    (lambda: PipelineTasksGroup("g", use_data_folder=True), "use_data_folder"),
]:
    try:
        wrong()
    except (ValueError, TypeError) as error:
        assert told in str(error), error
    else:
        raise SystemExit(f"nothing was said: {told}")
print("all of it")
"#;

#[test]
fn the_wheel_gives_a_group_of_tasks() {
    let api = Api::start();
    let (mut sandbox, airflow) = settled();
    let file = pipeline("shop", "type = \"duckdb\"", &api, &plain(&["users", "orders"]));
    let file = sandbox.write("shop_pipeline.toml", file).unwrap();
    // A copy: building leaves files beside the sources.
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../integrations/airflow");
    for name in ["pyproject.toml", "dlt_airflow.py", "README.md"] {
        sandbox.write(format!("package/{name}"), std::fs::read(sources.join(name)).unwrap()).unwrap();
    }
    airflow.pip(&sandbox, &["wheel", "--quiet", "--no-deps", "--wheel-dir", "wheels", "./package"]).succeed().unwrap();
    let wheel = std::fs::read_dir(sandbox.path("wheels")).unwrap().next().unwrap().unwrap().path();
    let wheel = wheel.to_str().unwrap();
    airflow.pip(&sandbox, &["install", "--quiet", "--no-deps", "--target", "site", wheel]).succeed().unwrap();
    sandbox.set_env("PYTHONPATH", sandbox.path("site"));

    let names = airflow.script(&sandbox, NAMES).succeed().unwrap();
    assert!(names.stdout.contains("all of it"), "{names}");

    sandbox.write("dags/shop.py", DAG.replace("FILE", file.to_str().unwrap())).unwrap();
    airflow.command(&sandbox, &["dags", "test", "shop", "2024-01-05"]).succeed().unwrap();
    assert_eq!(ask(&sandbox, "select count(*) as n from orders")[0]["n"], 5);
    assert_eq!(ask(&sandbox, "select count(*) as n from _load_info")[0]["n"], 2);

    // Without the program the resources are unknown, but in a plan that was made elsewhere.
    let plan = sandbox.dlt(["deploy", "shop_pipeline.toml", "airflow", "--format", "json"]).unwrap();
    sandbox.write("plan.json", plan.succeed().unwrap().stdout).unwrap();
    let script = "from airflow.sdk import DAG\nfrom dlt_airflow import PipelineTasksGroup\nwith DAG('d', schedule=None):\n    \
         group = PipelineTasksGroup('g', binary='/not/here')\n    \
         print(len(group.add_run('shop_pipeline.toml', decompose='serialize', plan='plan.json')))\n    \
         group.add_run('shop_pipeline.toml', decompose='serialize')";
    let told = airflow.script(&sandbox, script).run().unwrap();
    assert_eq!(told.stdout.trim(), "2", "{told}");
    assert!(told.stderr.contains("make the plan where dlt is"), "{told}");
}
