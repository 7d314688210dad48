//! `cargo xtask demo`: the main job on real data, from an empty folder to a report, in front of the person's eyes.
//!
//! Two people are played, each with a home of their own: one loads GitHub webhook payloads with `dlt`, the other loads
//! the same with Python dlt. Both report to a tracker on this machine, and what it counted is shown three times: by
//! its report, by SQL, and by the ledger.

mod stage;
mod webhooks;

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use dlt_testkit::PythonDlt;

use crate::workspace::Workspace;
use crate::{binary, machine, process};
use stage::{Stage, show};
use webhooks::Webhooks;

/// How long the last event may be on its way.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(60);
/// How long the report must stand still to be taken for complete.
const QUIET: Duration = Duration::from_secs(2);

const SAMPLE: &str = "select action, issue__number as number, issue__title as title, issue__user__login as author, \
                      issue__created_at as created from issues order by number limit 5";
const CHILDREN: &str = "select issues.issue__number as number, labels.name as label, labels.color, labels._dlt_list_idx as place \
                        from issues join issues__issue__labels as labels on labels._dlt_parent_id = issues._dlt_id \
                        order by number, place limit 5";
const LOADS: &str = "select load_id, status, inserted_at, schema_version_hash from _dlt_loads order by inserted_at";
const TRACKED: &str = "select event, library_name as library, library_version as version, count(*) as events, \
                       count(*) filter (success) as succeeded, round(median(elapsed), 3) as median_seconds \
                       from events group by all order by all";

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let start = Instant::now();
    machine::ensure_test_tools()?;

    title("1", "Build, and start a tracker of our own: empty folder, free port");
    let stage = Stage::set(workspace.path("target/demo"), binary::build(workspace)?)?;
    let tracker = stage.start_tracker()?;
    let endpoint = tracker.endpoint.clone();
    println!("it listens at {endpoint}");

    title("2", "Load GitHub's webhook payloads into DuckDB, twice");
    let webhooks = Webhooks::fetch(&stage.path("webhooks"))?;
    let data = stage.path("project/data");
    let dlt = |arguments: &[&str]| stage.dlt(&endpoint, arguments);
    show(&mut dlt(&["init", "filesystem", "duckdb"]))?;
    let first = webhooks.deliver_first(&data)?;
    println!("A first delivery lies in data/: {} files, {} payloads.", first.files, first.payloads);
    show(&mut dlt(&["run"]))?;
    let second = webhooks.deliver_second(&data)?;
    println!(
        "A second delivery takes its place: {} files, {} payloads, with fields and lists the first had not.",
        second.files, second.payloads
    );
    show(&mut dlt(&["run"]))?;

    title("3", "Read the dataset back");
    let dataset = "filesystem_data";
    show(&mut dlt(&["dataset", dataset]))?;
    show(&mut dlt(&["dataset", dataset, "--sql", SAMPLE]))?;
    println!("The labels of an issue are a list in the payload, and a child table here:");
    show(&mut dlt(&["dataset", dataset, "--sql", CHILDREN]))?;
    println!("Two loads, and two versions of the schema:");
    show(&mut dlt(&["dataset", dataset, "--sql", LOADS]))?;
    show(&mut dlt(&["pipeline", "filesystem_pipeline", "trace"]))?;
    show(&mut dlt(&["telemetry"]))?;

    title("4", "Python dlt, the original, loads the same data and reports to the same tracker");
    let python = PythonDlt::shared()?.python();
    let bin = python.parent().context("the interpreter lies in a folder")?.to_path_buf();
    let script = workspace.path("demo/python_pipeline.py").display().to_string();
    show(&mut stage.python(&endpoint, &python, &[&script, &data.display().to_string()]))?;
    show(&mut stage.python(&endpoint, &bin.join("dlt"), &["telemetry"]))?;

    title("5", "What the tracker received from both");
    let tracker_data = stage.path("tracker").display().to_string();
    wait_for_quiet(|| stage.dlt(&endpoint, &["tracker", "report", "--data", &tracker_data, "--format", "json"]))?;
    // Asking the tracker must not add to what it counts.
    let ask = |arguments: &[&str]| {
        let mut command = stage.dlt(&endpoint, arguments);
        command.env("RUNTIME__DLTHUB_TELEMETRY", "false");
        command
    };
    show(&mut ask(&["tracker", "report", "--data", &tracker_data]))?;
    tracker.stop()?;
    println!("The tracker is stopped; its DuckDB file has the same numbers:");
    let file = format!("duckdb:{}", stage.path("tracker/tracker.duckdb").display());
    show(&mut ask(&["dataset", "telemetry", "--from", &file, "--sql", TRACKED]))?;
    println!("And the ledger, recounted from disk:");
    show(&mut ask(&["tracker", "check", "--data", &tracker_data]))?;

    let environment = stage.leave_environment()?;
    println!("The demo took {}. Everything is in {}", process::since(start), stage.path("").display());
    println!("To look further, stand where its user stands, and ask:\n");
    println!("  . {}", environment.display());
    println!("  dlt dataset {dataset} pull_request");
    println!("  dlt dataset {dataset} --sql 'select count(*) from push__commits'");
    println!("  dlt telemetry log");
    println!("  dlt tracker report --data {tracker_data}");
    Ok(())
}

fn title(number: &str, text: &str) {
    println!("\n━━ {number}. {text} ━━\n");
}

/// Events are sent by detached processes and loaded by the tracker in its own time: waits until its report stands still.
fn wait_for_quiet(report: impl Fn() -> Command) -> Result<()> {
    let started = Instant::now();
    let (mut last, mut since) = (String::new(), Instant::now());
    while started.elapsed() < ARRIVAL_LIMIT {
        let now = process::output(report().env("RUNTIME__DLTHUB_TELEMETRY", "false"))?;
        if now != last {
            (last, since) = (now, Instant::now());
        } else if since.elapsed() >= QUIET && !last.trim().is_empty() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(200));
    }
    bail!("the tracker's report did not come to rest within {} s:\n{last}", ARRIVAL_LIMIT.as_secs())
}
