//! What `--help` says, and what is said of a wrong command line.

use crate::assert_seen;
use crate::sandbox::Sandbox;

#[test]
fn every_command_explains_itself() {
    let sandbox = Sandbox::new();
    for command in [
        "",
        "ingest",
        "init",
        "run",
        "deploy",
        "deploy x airflow",
        "deploy x github-action",
        "deploy x systemd",
        "deploy x kubernetes",
        "pipeline",
        "pipeline x schema",
        "pipeline x load-package",
        "pipeline x sync",
        "pipeline x drop",
        "schema",
        "dataset",
        "dbt",
        "dbt build",
        "dbt init",
        "telemetry",
        "telemetry show",
        "tracker",
        "tracker serve",
        "tracker report",
        "tracker check",
        "completions",
    ] {
        let seen = sandbox.run(&format!("{command} --help")).ok();
        assert_eq!(seen.stderr, "");
        crate::sandbox::settings().bind(|| {
            insta::assert_snapshot!(format!("help_{}", command.replace(' ', "_")), seen.text());
        });
    }
}

#[test]
fn the_version() {
    let seen = Sandbox::new().run("--version").ok();
    assert_eq!(seen.stdout, format!("dlt {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn nothing_asked_for() {
    assert_seen!("nothing_asked_for", Sandbox::new().run(""));
}

#[test]
fn wrong_command_lines() {
    let sandbox = Sandbox::new();
    assert_seen!("unknown_command", sandbox.run("ingets events.jsonl"));
    assert_seen!("unknown_option", sandbox.run("ingest events.jsonl --too duckdb --dataset raw"));
    assert_seen!("missing_option", sandbox.run("ingest events.jsonl"));
    assert_seen!(
        "unknown_word",
        sandbox.run("ingest events.jsonl --to duckdb --dataset raw --write-disposition apend")
    );
    assert_seen!("both_switches", sandbox.run("--disable-telemetry --enable-telemetry"));
}

#[test]
fn completions_for_every_shell() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let seen = sandbox.run(&format!("completions {shell}")).ok();
        assert!(seen.stdout.contains("ingest") && seen.stdout.contains("disable-telemetry"), "{shell}");
    }
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    use std::process::Stdio;
    let sandbox = Sandbox::new();
    let mut child = sandbox.command("completions zsh").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn the_version_in_full() {
    let sandbox = Sandbox::new();
    for words in ["--version -v", "-Vv", "--verbose --version"] {
        let seen = sandbox.run(words).ok();
        let said = seen.stdout;
        assert!(said.starts_with(&format!("dlt {}\ncommit: ", env!("CARGO_PKG_VERSION"))), "{said}");
        assert!(said.contains("\nDuckDB: v1.") && said.contains("libduckdb"), "{said}");
        assert!(said.ends_with("endpoint of telemetry: none is built in\n"), "{said}");
    }
}

#[test]
fn manual_pages_are_written_for_each_command() {
    let sandbox = Sandbox::new();
    sandbox.run("completions --man-pages pages").ok();
    let page = sandbox.read("pages/dlt-tracker-serve.1");
    assert!(page.contains(".TH dlt-tracker-serve 1") && page.contains(r"\-\-listen"), "{page}");
    let seen = sandbox.run("completions bash --man-pages pages");
    assert_eq!(seen.code, Some(2), "{}", seen.text());
    sandbox.write("file", "");
    let seen = sandbox.run("completions --man-pages file");
    assert_eq!(seen.code, Some(1), "{}", seen.text());
    assert!(seen.stderr.contains("the manual pages cannot be written into file"), "{}", seen.stderr);
}
