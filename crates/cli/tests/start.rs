//! What happens before a command begins: DuckDB's library is opened by who needs it, and what is wrong with it is told.
//!
//! What the loader did is read from its own account (`LD_DEBUG`), which glibc gives.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::sandbox::Sandbox;

/// Symbols that the loader may look up before `main`. It was 281 when this was written, and 26,912 with the library linked.
const MAX_RELOCATIONS: u64 = 1_000;

/// Every command that reads or writes no dataset.
const WITHOUT_DATABASE: [&str; 16] = [
    "--version",
    "--help",
    "help dataset",
    "completions bash",
    "init --list-sources",
    "init --list-destinations",
    "init rest_api",
    "pipeline",
    "pipeline --list",
    "telemetry",
    "telemetry show",
    "telemetry log",
    "tracker --help",
    "tracker serve --help",
    "ingest --help",
    "ingest",
];

/// What the loader said, of the command and of every process that it started.
fn account(folder: &Path, command: &mut Command) -> String {
    fs::create_dir_all(folder).unwrap();
    command.env("LD_DEBUG", "files,statistics").env("LD_DEBUG_OUTPUT", folder.join("account")).output().unwrap();
    let files = fs::read_dir(folder).unwrap();
    files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect()
}

#[test]
fn commands_without_a_database_do_not_open_duckdb() {
    let sandbox = Sandbox::new();
    for (at, line) in WITHOUT_DATABASE.iter().enumerate() {
        let account = account(&sandbox.data().join(format!("loader-{at}")), &mut sandbox.command(line));
        assert!(account.contains("libc.so.6"), "the loader gives an account: {account}");
        assert!(!account.contains("libduckdb"), "`dlt {line}` opened DuckDB's library:\n{account}");
        let count = account.split_once("number of relocations:").unwrap().1.split_whitespace().next().unwrap();
        let count: u64 = count.parse().unwrap();
        assert!(count < MAX_RELOCATIONS, "`dlt {line}` had the loader look up {count} symbols");
    }
}

#[test]
fn a_sender_of_telemetry_does_not_open_duckdb() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command("init --list-sources");
    // Nobody listens at this port.
    command.env("RUNTIME__DLTHUB_TELEMETRY", "true").env("RUNTIME__DLTHUB_TELEMETRY_ENDPOINT", "http://127.0.0.1:9/");
    let account = account(&sandbox.data().join("loader"), &mut command);
    assert!(account.contains("libc.so.6") && !account.contains("libduckdb"), "{account}");
}

#[test]
fn commands_with_a_database_open_duckdb() {
    let sandbox = Sandbox::new();
    sandbox.write("a.jsonl", r#"{"a":1}"#);
    let load = "ingest a.jsonl --to duckdb:s.duckdb --dataset d";
    let account = account(&sandbox.data().join("loader"), &mut sandbox.command(load));
    assert!(account.contains("libduckdb"), "{account}");
}

/// What is said when the library in `LD_LIBRARY_PATH` is the file that `make` makes.
fn with_library(make: impl Fn(&Path)) -> String {
    let sandbox = Sandbox::new();
    let library = sandbox.write("lib/libduckdb.so", "");
    make(&library);
    sandbox.write("a.jsonl", r#"{"a":1}"#);
    let run = |line: &str| {
        let mut command = sandbox.command(line);
        command.env("LD_LIBRARY_PATH", library.parent().unwrap());
        sandbox.see(command)
    };
    let load = run("ingest a.jsonl --to duckdb:s.duckdb --dataset d");
    assert_eq!(load.code, Some(1), "{}", load.text());
    assert!(load.stderr.starts_with("error: DuckDB's library"), "{}", load.text());
    assert!(load.stderr.contains("hint: put the libduckdb.so that was built with this program into /"));
    assert_eq!(load.stderr.matches("error").count(), 1, "{}", load.text());
    let serve = run("tracker serve --listen 127.0.0.1:0 --data tracker");
    assert_eq!(serve.code, Some(1), "a server without its library does not start: {}", serve.text());
    assert!(serve.stderr.contains("DuckDB's library"), "{}", serve.text());
    assert_eq!(run("--version").code, Some(0));
    load.text()
}

fn compiled(library: &Path, source: &str) {
    let file = library.with_extension("c");
    fs::write(&file, source).unwrap();
    assert!(Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([library, &file]).status().unwrap().success());
}

#[test]
fn a_library_of_another_version_is_refused_with_both_versions_and_its_place() {
    let said = with_library(|library| {
        compiled(library, r#"const char *duckdb_library_version(void) { return "v1.4.0"; }"#);
    });
    assert!(said.contains("lib/libduckdb.so cannot be used: it is DuckDB v1.4.0, and this program needs v"), "{said}");
}

#[test]
fn a_file_that_is_no_duckdb_is_refused() {
    let said = with_library(|library| compiled(library, "int something_else;"));
    assert!(said.contains("it has no function duckdb_library_version"), "{said}");
    for broken in ["", "this is a text"] {
        let said = with_library(|library| fs::write(library, broken).unwrap());
        assert!(said.contains("lib/libduckdb.so: file too short"), "{said}");
    }
    // The loader would map it, and the program be killed where it ends.
    let said = with_library(|library| {
        let whole = fs::read(env!("CARGO_BIN_EXE_dlt")).unwrap();
        fs::write(library, &whole[..whole.len() / 2]).unwrap();
    });
    assert!(said.contains("lib/libduckdb.so cannot be used: its end is missing"), "{said}");
    let said = with_library(|library| fs::write(library, "x".repeat(10_000)).unwrap());
    assert!(said.contains("lib/libduckdb.so: invalid ELF header"), "{said}");
}
