//! `cargo xtask demo`: the main job on real data, from an empty folder to a report, in front of the person's eyes.
//!
//! Two people are played, each with a home of their own: one loads GitHub webhook payloads with `dlt`, the other loads
//! the same with Python dlt. Both report to a tracker on this machine, and what it counted is shown three times: by
//! its report, by SQL, and by the ledger.

mod numbers;
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

const SAMPLE: &str = "select distinct on (action) action, issue__number as number, issue__title as title, \
                      sender__login as sender, issue__updated_at as updated from issues order by action limit 6";
const CHILDREN: &str = "select push.ref, commits._dlt_list_idx as place, commits.author__name as author, commits.message \
                        from push join push__commits as commits on commits._dlt_parent_id = push._dlt_id limit 5";
const GROWN: &str = "select load_id, count(*) as issues, count(changes__new_issue__id) as with_a_new_issue, \
                     any_value(changes__new_issue__title) as its_title from issues \
                     join _dlt_loads on load_id = _dlt_load_id group by load_id order by load_id";
const TRACKED: &str = "select event, library_name as library, library_version as version, count(*) as events, \
                       count(*) filter (success) as succeeded, round(median(elapsed), 3) as median_seconds \
                       from events group by all order by all";
const COUNTS: &str = "select event, count(*) as count from events group by event";

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let start = Instant::now();
    machine::ensure_test_tools()?;

    title("1", "Build, and start a tracker of our own: empty folder, free port");
    let stage = Stage::set(workspace.path("target/demo"), binary::chosen(workspace)?)?;
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
    println!("The commits of a push are a list in the payload, and a child table here:");
    show(&mut dlt(&["dataset", dataset, "--sql", CHILDREN]))?;
    println!("The second load brought fields that the first had not; they are columns, empty for what came before:");
    show(&mut dlt(&["dataset", dataset, "--sql", GROWN]))?;
    show(&mut dlt(&["pipeline", "filesystem_pipeline", "trace"]))?;
    show(&mut dlt(&["telemetry"]))?;

    title("4", "Python dlt, the original, loads the same data and reports to the same tracker");
    let python = PythonDlt::shared()?.python();
    let bin = python.parent().context("the interpreter lies in a folder")?.to_path_buf();
    let script = workspace.path("demo/python_pipeline.py").display().to_string();
    show(&mut stage.python(&endpoint, &python, &[&script, &data.display().to_string()]))?;
    println!("Its own command line reports too:");
    show(&mut stage.python(&endpoint, &bin.join("dlt"), &["telemetry"]))?;

    title("5", "What the tracker received from both");
    let tracker_data = stage.path("tracker").display().to_string();
    // Asking the tracker must not add to what it counts.
    let ask = |arguments: &[&str]| {
        let mut command = stage.dlt(&endpoint, arguments);
        command.env("RUNTIME__DLTHUB_TELEMETRY", "false");
        command
    };
    let reported = report_at_rest(|| ask(&["tracker", "report", "--data", &tracker_data, "--format", "json"]))?;
    show(&mut ask(&["tracker", "report", "--data", &tracker_data]))?;
    tracker.stop()?;
    println!("The tracker is stopped. Its DuckDB file says the same:");
    let file = format!("duckdb:{}", stage.path("tracker/tracker.duckdb").display());
    show(&mut ask(&["dataset", "telemetry", "--from", &file, "--sql", TRACKED]))?;
    let counted =
        process::output(&mut ask(&["dataset", "telemetry", "--from", &file, "--sql", COUNTS, "--format", "json"]))?;
    numbers::agree(&reported, &counted)?;
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

/// Events are sent by detached processes and loaded by the tracker in its own time: asks until the report stands still
/// and names both programs, and returns it.
fn report_at_rest(report: impl Fn() -> Command) -> Result<String> {
    let started = Instant::now();
    let (mut last, mut since) = (String::new(), Instant::now());
    while started.elapsed() < ARRIVAL_LIMIT {
        let now = process::output(&mut report())?;
        if now != last {
            (last, since) = (now, Instant::now());
        } else if since.elapsed() >= QUIET && numbers::versions(&last)? >= 2 {
            return Ok(last);
        }
        thread::sleep(Duration::from_millis(200));
    }
    bail!("the events of both did not arrive within {} s; the report:\n{last}", ARRIVAL_LIMIT.as_secs())
}
