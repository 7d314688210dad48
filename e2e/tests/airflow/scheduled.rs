//! A scheduler with the LocalExecutor: tasks at the same time, in processes of their own, killed and tried again.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use dlt_testkit::{Airflow, Postgres, Running, Sandbox};

use super::{Api, deploy, left, pipeline, settled};

const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// A list that is loaded by its position, which the destination keeps.
fn by_position(name: &str) -> String {
    format!(
        "[[source.resources]]\nname = \"{name}\"\n\n[source.resources.endpoint.incremental]\ncursor_path = \"at\"\ninitial_value = 0\n\n"
    )
}

/// The processes of Airflow; they end when dropped.
struct Processes {
    running: Vec<Running>,
}

impl Processes {
    fn start(sandbox: &mut Sandbox, airflow: &Airflow) -> Self {
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port().to_string();
        for (name, value) in [
            ("AIRFLOW__CORE__EXECUTOR", "LocalExecutor"),
            ("AIRFLOW__CORE__PARALLELISM", "4"),
            ("AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION", "false"),
            ("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "true"),
            ("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", &format!("http://127.0.0.1:{port}/execution/")),
            ("AIRFLOW__API__BASE_URL", &format!("http://127.0.0.1:{port}")),
            ("AIRFLOW__API_AUTH__JWT_SECRET", "of-this-test-and-long-enough-to-be-one-of-512-bits-0123456789abcdef"),
            ("AIRFLOW__API__SECRET_KEY", "of-this-test"),
            ("AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC", "1"),
            ("AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL", "5"),
            ("AIRFLOW__LOGGING__BASE_LOG_FOLDER", &sandbox.root().join("airflow/logs").display().to_string()),
        ] {
            sandbox.set_env(name, value);
        }
        let start = |words: &[&str]| airflow.command(sandbox, words).limit(Duration::from_secs(400)).spawn().unwrap();
        let running = vec![
            start(&["api-server", "--host", "127.0.0.1", "--port", &port, "--workers", "1"]),
            start(&["dag-processor"]),
            start(&["scheduler"]),
        ];
        Self { running }
    }

    /// Waits until the newest run of a DAG has ended; its state, and the tries of its tasks.
    fn ended(&mut self, sandbox: &Sandbox, airflow: &Airflow, dag: &str) -> String {
        let script = format!(
            "import os, sqlite3, time\nuntil = time.time() + 200\nwhile time.time() < until:\n    \
             db = sqlite3.connect('file:' + os.environ['AIRFLOW_HOME'] + '/airflow.db?mode=ro', uri=True, timeout=30)\n    \
             found = db.execute(\"select id, run_id, state from dag_run where dag_id = '{dag}' order by id desc\").fetchone()\n    \
             if found and found[2] in ('success', 'failed'):\n        \
             tasks = db.execute('select task_id, state, try_number from task_instance where run_id = ? and dag_id = ? order by task_id', (found[1], '{dag}')).fetchall()\n        \
             print(found[2], *(f'{{task}}:{{state}}:{{tries}}' for task, state, tries in tasks))\n        break\n    \
             db.close()\n    time.sleep(0.5)\n"
        );
        let told = airflow.script(sandbox, &script).limit(Duration::from_secs(230)).run().unwrap().stdout;
        if !told.is_empty() {
            return told.trim().to_owned();
        }
        let printed: Vec<String> = self
            .running
            .drain(..)
            .map(|running| running.kill().map_or_else(|e| e.to_string(), |o| o.to_string()))
            .collect();
        panic!("the DAG {dag} has not ended: {}\n{}", printed.join("\n"), logs(sandbox));
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        // In the order in which nothing of them is missed; a signal lets them end their children.
        while let Some(running) = self.running.pop() {
            let _ = running.terminate();
        }
    }
}

/// What tasks logged.
fn logs(sandbox: &Sandbox) -> String {
    fn walk(folder: &Path, all: &mut String) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, all);
            } else if path.to_string_lossy().contains("attempt=") {
                all.push_str(&format!("== {}\n{}\n", path.display(), fs::read_to_string(&path).unwrap_or_default()));
            }
        }
    }
    let mut all = String::new();
    walk(&sandbox.root().join("airflow/logs"), &mut all);
    all
}

/// Processes of the program that run this file: their ids, and their parents'.
fn programs(file: &Path) -> Vec<(u32, u32)> {
    let file = file.to_string_lossy().into_owned();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(id) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let words = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        let mut words = words.split('\0');
        if words.next().is_some_and(|program| program.ends_with("/dlt")) && words.any(|word| *word == *file) {
            let status = fs::read_to_string(entry.path().join("status")).unwrap_or_default();
            let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok());
            found.push((id, parent.unwrap()));
        }
    }
    found
}

fn wait(what: &str, limit: Duration, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + limit;
    while !is_so() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn tasks_at_the_same_time_and_killed_ones_load_everything_once() {
    let postgres = Postgres::start().unwrap();
    postgres.create_database("shop").unwrap();
    let api = Api::start();
    api.delays.store(1, std::sync::atomic::Ordering::SeqCst);
    let (mut sandbox, airflow) = settled();
    let destination = format!("type = \"postgres\"\ncredentials = '{}'", postgres.url("shop"));
    let all: String = NAMES.iter().map(|name| by_position(name)).collect();
    sandbox.write("eight_pipeline.toml", pipeline("eight", &destination, &api, &all)).unwrap();
    let file = sandbox.write("slow_pipeline.toml", pipeline("slow", &destination, &api, &by_position("slow"))).unwrap();
    let common = ["--schedule", "@daily", "--retries", "5", "--retry-delay", "1 s", "--save-trace-info"];
    deploy(&sandbox, "eight_pipeline.toml", &[&common[..], &["--decompose", "parallel"]].concat());
    deploy(&sandbox, "slow_pipeline.toml", &common);

    let mut processes = Processes::start(&mut sandbox, &airflow);
    // The process of the task is killed in the middle of a request. The program goes with it, and Airflow tries again.
    let mut program = None;
    wait("the task has not begun", Duration::from_secs(240), || {
        program = programs(&file).first().copied();
        program.is_some() && api.asked().contains_key("slow")
    });
    let (id, task) = program.unwrap();
    std::process::Command::new("kill").args(["-KILL", &task.to_string()]).status().unwrap();
    let is_there = || Path::new(&format!("/proc/{id}/exe")).exists();
    wait("the program goes on alone", Duration::from_secs(20), || !is_there());

    let slow = processes.ended(&sandbox, &airflow, "slow");
    // On a busy machine Airflow gives a task up before it has begun, and counts that as a try, too.
    assert!(slow.starts_with("success slow.slow:success:") && !slow.ends_with(":1"), "{slow}\n{}", logs(&sandbox));
    let eight = processes.ended(&sandbox, &airflow, "eight");
    assert!(eight.starts_with("success "), "{eight}\n{}", logs(&sandbox));
    assert_eq!(eight.matches(":success:").count(), 8, "{eight}");
    let count = |table: &str| {
        let query = format!("select count(*) from raw.{table}");
        postgres.sql("shop", &query).unwrap().trim().to_owned()
    };
    for name in NAMES.iter().chain(&["slow"]) {
        assert_eq!(count(name), "5", "{name}\n{}", logs(&sandbox));
    }
    assert_eq!(count("_trace where success"), "9");
    drop(processes);
    assert!(left(&sandbox).is_empty(), "{:?}", left(&sandbox));

    // Each of the eight that ran at the same time is remembered: the same once more brings nothing.
    sandbox.dlt(["run", "eight_pipeline.toml"]).unwrap().succeed().unwrap();
    for name in NAMES {
        assert_eq!(count(name), "5", "{name} was loaded again");
    }
}
