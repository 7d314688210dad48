//! Telemetry that is off opens no socket, starts no process and writes no file: seen from the system calls.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dlt_testkit::{Recorder, Sandbox, Tracker, dlt_binary};

/// Every command and each of its kinds, but for the server, which is there to listen.
const COMMANDS: [&[&str]; 20] = [
    &["ingest", "rows.jsonl", "--to", "duckdb:rows.duckdb", "--dataset", "raw", "--table", "rows"],
    &["run", "shop_pipeline.toml"],
    &["dataset", "raw", "rows"],
    &["dataset", "raw", "--sql", "SELECT count(*) FROM rows", "--format", "json"],
    &["pipeline", "--list"],
    &["pipeline", "raw", "info"],
    &["pipeline", "raw", "trace"],
    &["init", "--list-sources"],
    &["init", "--list-destinations"],
    &["init", "filesystem", "duckdb"],
    &["telemetry"],
    &["telemetry", "show"],
    &["telemetry", "log"],
    &["telemetry", "verify"],
    &["telemetry", "contract"],
    &["tracker", "report", "--data", "tracker"],
    &["tracker", "check", "--data", "tracker"],
    &["completions", "bash"],
    &["help", "run"],
    &["--version"],
];

#[test]
fn switched_off_by_a_variable() {
    let mut sandbox = prepared();
    sandbox.set_env("RUNTIME__DLTHUB_TELEMETRY", "false");
    assert_silent(&sandbox);
}

#[test]
fn switched_off_for_all_programs() {
    let mut sandbox = prepared();
    sandbox.set_env("DO_NOT_TRACK", "1");
    assert_silent(&sandbox);
}

#[test]
fn switched_off_by_the_project() {
    let sandbox = prepared();
    sandbox.write(".dlt/config.toml", "[runtime]\ndlthub_telemetry = false\n").unwrap();
    assert_silent(&sandbox);
}

#[test]
fn a_configuration_that_can_not_be_read_is_off() {
    let sandbox = prepared();
    // What the other commands look at.
    sandbox.dlt(COMMANDS[0]).unwrap().env("RUNTIME__DLTHUB_TELEMETRY", "false").succeed().unwrap();
    sandbox.write(".dlt/config.toml", "[runtime\ndlthub_telemetry = true\n").unwrap();
    // `init` writes into that file, `run` and `ingest` may need what it says: they refuse it; the others go on.
    for command in COMMANDS.iter().filter(|it| !["init", "run", "ingest"].contains(&it[0])) {
        assert_command_is_silent(&sandbox, command);
    }
}

#[test]
fn the_word_itself_sends_nothing_and_lasts() {
    let sandbox = prepared();
    let trace = trace(&sandbox, &["--disable-telemetry"]).unwrap();
    assert_eq!(trace.sockets, [""; 0]);
    assert_eq!(trace.processes, 1);
    for command in COMMANDS {
        let trace = self::trace(&sandbox, command).unwrap();
        assert_eq!(trace.sockets, [""; 0], "{command:?}");
        assert_eq!(trace.processes, 1, "{command:?}");
    }
    let left = files_below(&sandbox.data_dir());
    assert!(!left.iter().any(|it| it.to_string_lossy().contains("anonymous_id")), "{left:?}");
}

/// The same look at a run with telemetry on: what the others deny is seen here.
#[test]
fn switched_on_it_is_heard() {
    let recorder = Recorder::start().unwrap();
    let mut sandbox = prepared();
    sandbox.telemetry_to(&recorder.url());
    let trace = trace(&sandbox, COMMANDS[0]).unwrap();
    assert!(!trace.sockets.is_empty(), "no socket was seen");
    assert!(!recorder.requests().is_empty(), "nothing was sent");
    assert!(!files_below(&sandbox.data_dir()).is_empty());
}

/// A sandbox in which telemetry would be sent, in the same run, if nothing switched it off.
fn prepared() -> Sandbox {
    let mut sandbox = Sandbox::new().unwrap();
    Tracker::start(&sandbox, &sandbox.path("tracker")).unwrap().stop().unwrap();
    // Nobody listens there; the connection attempt itself would be seen.
    sandbox.telemetry_to("http://127.0.0.1:9");
    sandbox.set_env("CI", "true");
    sandbox.write("rows.jsonl", "{\"id\":1,\"tags\":[\"x\"]}\n").unwrap();
    let pipeline = "destination = \"duckdb\"\n[pipeline]\nname = \"shop\"\n[source]\ntype = \"filesystem\"\npaths = [\"rows.jsonl\"]\n";
    sandbox.write("shop_pipeline.toml", pipeline).unwrap();
    sandbox
}

fn assert_silent(sandbox: &Sandbox) {
    COMMANDS.iter().for_each(|command| assert_command_is_silent(sandbox, command));
}

fn assert_command_is_silent(sandbox: &Sandbox, command: &[&str]) {
    let trace = trace(sandbox, command).unwrap();
    assert_eq!(trace.sockets, [""; 0], "{command:?} opened a socket");
    assert_eq!(trace.processes, 1, "{command:?} started another process");
    let in_home = files_below(&sandbox.home());
    assert!(in_home.is_empty(), "{command:?} wrote below HOME: {in_home:?}");
    let strangers: Vec<_> =
        files_below(&sandbox.data_dir()).into_iter().filter(|it| !it.starts_with("pipelines")).collect();
    assert!(strangers.is_empty(), "{command:?} wrote more than pipelines: {strangers:?}");
    let home = sandbox.home();
    let written: Vec<_> = trace.written.iter().filter(|it| Path::new(it.as_str()).starts_with(&home)).collect();
    assert!(written.is_empty(), "{command:?} opened for writing: {written:?}");
}

struct Trace {
    /// Calls of socket and connect.
    sockets: Vec<String>,
    /// Programs that were executed.
    processes: usize,
    /// Paths that were opened for writing, made or renamed.
    written: Vec<String>,
}

fn trace(sandbox: &Sandbox, command: &[&str]) -> Result<Trace> {
    let log = sandbox.root().join("strace.log");
    let calls =
        "socket,socketpair,connect,sendto,execve,fork,vfork,open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2";
    let run = sandbox
        .command("strace")
        .args(["-f", "-qq", "-s", "4096", "-e", &format!("trace={calls}"), "-o"])
        .arg(&log)
        .arg(dlt_binary()?)
        .args(command);
    run.succeed().context("hint: this test needs strace (on Debian: apt-get install strace)")?;
    let text = fs::read_to_string(&log)?;
    let mut trace = Trace { sockets: Vec::new(), processes: 0, written: Vec::new() };
    for line in text.lines() {
        // "PID call(arguments) = result"
        let call = line.split_once(' ').map_or(line, |(_, call)| call.trim_start());
        let name = call.split('(').next().unwrap_or_default();
        match name {
            "socket" | "socketpair" | "connect" | "sendto" => trace.sockets.push(call.to_owned()),
            "execve" | "fork" | "vfork" if !call.contains("= -1") => trace.processes += 1,
            _ if ["O_WRONLY", "O_RDWR", "O_CREAT"].iter().any(|flag| call.contains(flag))
                || name.contains("mkdir")
                || name.contains("rename")
                || name == "creat" =>
            {
                trace.written.extend(call.split('"').skip(1).step_by(2).map(str::to_owned));
            }
            _ => {}
        }
    }
    anyhow::ensure!(trace.processes >= 1, "strace saw nothing:\n{text}");
    Ok(trace)
}

/// Files below a folder, relative to it, in order.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    fn walk(top: &Path, folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(top, &path, found);
            } else {
                found.push(path.strip_prefix(top).unwrap().to_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found.sort();
    found
}
