//! The test tiers, cheapest first. One build of the whole workspace serves them all: choosing packages for cargo
//! would choose other features too, and compile the heavy dependencies anew for each tier.

use std::time::Instant;

use anyhow::{Result, bail};

use crate::workspace::Workspace;
use crate::{airflow, binary, dist, duckdb, edge, machine, process, tidy};

struct Tier {
    name: &'static str,
    /// Why it can't run on this machine; nothing where it can.
    lack: fn(&Workspace) -> Option<String>,
    run: fn(&Workspace) -> Result<()>,
}

const TIERS: [Tier; 9] = [
    Tier { name: "lint", lack: nothing, run: lint },
    Tier { name: "unit", lack: nothing, run: unit },
    Tier { name: "crates", lack: nothing, run: crates },
    Tier { name: "docs", lack: nothing, run: docs },
    Tier { name: "e2e", lack: nothing, run: e2e },
    Tier { name: "dist", lack: nothing, run: packages },
    Tier { name: "edge", lack: edge::lack, run: edge },
    Tier { name: "airflow", lack: airflow::lack, run: airflow },
    Tier { name: "across", lack: across_lack, run: across },
];

fn nothing(_: &Workspace) -> Option<String> {
    None
}

/// Runs the named tiers, or all of them, in their order; the first that fails ends the run.
pub(crate) fn run(workspace: &Workspace, names: &[&str]) -> Result<()> {
    if let Some(unknown) = names.iter().find(|name| TIERS.iter().all(|tier| tier.name != **name)) {
        let known: Vec<&str> = TIERS.iter().map(|tier| tier.name).collect();
        bail!("no such tier: {unknown} (there are {})", known.join(", "));
    }
    duckdb::ensure(workspace)?;
    machine::ensure_test_tools()?;
    let start = Instant::now();
    let (mut times, mut left_out) = (Vec::new(), Vec::new());
    let is_asked = |name: &str| names.is_empty() || names.contains(&name);
    let mut ahead = None;
    for tier in TIERS.iter().filter(|tier| is_asked(tier.name)) {
        println!("\n== {} ==", tier.name);
        let begun = Instant::now();
        if let Some(lack) = (tier.lack)(workspace) {
            left_out.push(format!("{} DID NOT RUN: {lack}", tier.name));
            continue;
        }
        match tier.name {
            // Everything is compiled for the tests by then; and these wait a lot, for servers and for each other.
            "crates" if is_asked("dist") && std::env::var_os("DLT_BIN").is_none() => {
                ahead = Some(binary::Ahead::begin(workspace)?);
            }
            "dist" => ahead.take().map_or(Ok(()), binary::Ahead::finish)?,
            _ => {}
        }
        (tier.run)(workspace)?;
        times.push(format!("{} {}", tier.name, process::since(begun)));
    }
    let passed = if times.is_empty() { "nothing".to_owned() } else { times.join(", ") };
    println!("\n== passed: {passed} (in all {}) ==", process::since(start));
    left_out.iter().for_each(|left_out| println!("== {left_out} =="));
    Ok(())
}

fn lint(workspace: &Workspace) -> Result<()> {
    process::run(workspace.cargo().args(["fmt", "--all", "--", "--check"]))?;
    tidy::run(workspace)?;
    // The SDK for hosts with a transport of their own.
    process::run(workspace.cargo().args(["check", "--package", "dlt-telemetry", "--no-default-features", "--locked"]))?;
    process::run(workspace.cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "--deny",
        "warnings",
    ]))
}

/// Crates whose tests are quick: they start no server.
const QUICK: &str = "package(dlt-telemetry) + package(dlt-engine) + package(dlt-sources) + package(xtask)";

fn unit(workspace: &Workspace) -> Result<()> {
    nextest(workspace, QUICK)
}

/// All other crates: what links DuckDB, listens on a socket, or starts a server.
fn crates(workspace: &Workspace) -> Result<()> {
    nextest(workspace, &format!("not ({QUICK} + package(dlt-e2e))"))
}

/// The examples in the documentation, which the test runner does not know of.
fn docs(workspace: &Workspace) -> Result<()> {
    process::run(workspace.cargo().args(["test", "--doc", "--workspace", "--locked"]))
}

/// The program that is built along with its tests, beside real Python dlt, killed and run again.
fn e2e(workspace: &Workspace) -> Result<()> {
    nextest(workspace, &format!("package(dlt-e2e) - ({EDGE}) - ({AIRFLOW}) - ({ACROSS}) - ({PACKAGES})"))
}

/// What `make dist` leaves, installed and used.
const PACKAGES: &str = "package(dlt-e2e) & test(/^packages::/)";

fn packages(workspace: &Workspace) -> Result<()> {
    dist::make(workspace)?;
    nextest(workspace, PACKAGES)
}

/// The way of events by the edge, which needs what npm installs.
const EDGE: &str = "package(dlt-e2e) & test(/^edge::/)";

/// The Worker in its own runtime, and real clients by way of it into the tables.
fn edge(workspace: &Workspace) -> Result<()> {
    edge::test(workspace)?;
    nextest(workspace, EDGE)
}

/// Pipelines as tasks of Airflow, and what others run them by.
const AIRFLOW: &str = "package(dlt-e2e) & test(/^airflow::/)";

/// Real Airflow, and the programs and schemas of others.
fn airflow(workspace: &Workspace) -> Result<()> {
    nextest(workspace, AIRFLOW)
}

/// All that sends, at all that receives.
const ACROSS: &str = "package(dlt-e2e) & test(/^across::/)";

fn across_lack(workspace: &Workspace) -> Option<String> {
    airflow::lack(workspace).or_else(|| edge::lack(workspace))
}

/// What everybody sends, to the edge and to the tracker, in one report.
fn across(workspace: &Workspace) -> Result<()> {
    nextest(workspace, ACROSS)
}

/// The comparison with Python dlt at length: its named cases, and `times` as many generated ones as in the tests.
pub(crate) fn diff(workspace: &Workspace, times: &str) -> Result<()> {
    duckdb::ensure(workspace)?;
    machine::ensure_test_tools()?;
    let filter = "package(dlt-e2e) & (test(differential::) + test(merging::) + test(continuation::) + test(killed_steps::) + test(postgres::) + test(files::))";
    let mut cargo = workspace.cargo();
    // A run of many cases is one long test.
    cargo.env("DLT_TEST_TIMES", times).env("NEXTEST_PROFILE", "long");
    process::run(cargo.args(["nextest", "run", "--workspace", "--locked", "--no-fail-fast", "--filterset", filter]))
}

fn nextest(workspace: &Workspace, filter: &str) -> Result<()> {
    process::run(workspace.cargo().args(["nextest", "run", "--workspace", "--locked", "--filterset", filter]))
}
