//! `dlt init`: what it writes, and what it leaves alone.

use crate::assert_seen;
use crate::sandbox::{Sandbox, exists};

#[test]
fn lists() {
    let sandbox = Sandbox::new();
    assert_seen!("list_sources", sandbox.run("init --list-sources"));
    assert_seen!("list_destinations", sandbox.run("init --list-destinations"));
}

#[test]
fn a_new_project() {
    let sandbox = Sandbox::new();
    assert_seen!("a_new_project", sandbox.run("init filesystem duckdb"));
    for file in [".dlt/config.toml", ".gitignore"] {
        crate::sandbox::settings().bind(|| {
            insta::assert_snapshot!(format!("written_{}", file.replace(['/', '.'], "_")), sandbox.read(file));
        });
    }
}

#[test]
fn every_source_gives_a_file_that_is_understood() {
    for source in [
        "filesystem",
        "rest_api",
        "chess",
        "github",
        "hubspot",
        "notion",
        "pipedrive",
        "pokemon",
        "slack",
        "stripe_analytics",
    ] {
        let sandbox = Sandbox::new();
        sandbox.run(&format!("init {source} duckdb")).ok();
        crate::sandbox::settings().bind(|| {
            insta::assert_snapshot!(format!("{source}_pipeline"), sandbox.read(&format!("{source}_pipeline.toml")));
            insta::assert_snapshot!(format!("{source}_secrets"), sandbox.read(".dlt/secrets.toml"));
        });
    }
}

#[test]
fn secrets_are_added_once() {
    let sandbox = Sandbox::new();
    sandbox.run("init filesystem duckdb").ok();
    assert_seen!("secrets_are_added_once", sandbox.run("init github duckdb"));
    let once = sandbox.read(".dlt/secrets.toml");
    assert!(once.contains("# [sources.github.client.auth]"));
    sandbox.run("init github duckdb").ok();
    assert_eq!(sandbox.read(".dlt/secrets.toml"), once);
}

#[test]
fn existing_files_are_kept() {
    let sandbox = Sandbox::new();
    sandbox.write("filesystem_pipeline.toml", "# mine\n");
    sandbox.write(".dlt/config.toml", "[runtime]\nlog_level = \"INFO\" # mine\n");
    sandbox.write(".gitignore", "target\n*.duckdb");
    assert_seen!("existing_files_are_kept", sandbox.run("init filesystem duckdb"));
    assert_eq!(sandbox.read("filesystem_pipeline.toml"), "# mine\n");
    assert_eq!(sandbox.read(".dlt/config.toml"), "[runtime]\nlog_level = \"INFO\" # mine\n");
    assert_eq!(
        sandbox.read(".gitignore"),
        "target\n*.duckdb\n.dlt/secrets.toml\n*.secrets.toml\n*.duckdb.wal\nlake/\n*.db\n*.db-wal\n*.db-shm\n"
    );
    let before = sandbox.read(".gitignore");
    sandbox.run("init filesystem duckdb").ok();
    assert_eq!(sandbox.read(".gitignore"), before);
}

#[test]
fn wrong_names() {
    let sandbox = Sandbox::new();
    assert_seen!("wrong_source", sandbox.run("init filesystm duckdb"));
    assert_seen!("unknown_source", sandbox.run("init salesforce duckdb"));
    assert_seen!("wrong_destination", sandbox.run("init filesystem duckbd"));
    assert_seen!("destination_with_a_place", sandbox.run("init filesystem duckdb:shop.duckdb"));
    assert!(!exists(sandbox.project().join(".dlt")));
}

#[test]
fn a_second_pipeline_is_run_by_its_name() {
    let sandbox = Sandbox::new();
    sandbox.run("init filesystem duckdb").ok();
    let seen = sandbox.run("init chess duckdb").ok();
    assert!(seen.stdout.contains("\n  dlt run chess_pipeline.toml  loads the data\n"), "{}", seen.stdout);
    assert!(seen.stdout.contains("\n  dlt dataset chess_data       shows what was loaded\n"), "{}", seen.stdout);
}

#[test]
fn settings_that_are_wrong_are_told_before_anything_is_written() {
    for file in [".dlt/config.toml", ".dlt/secrets.toml"] {
        let sandbox = Sandbox::new();
        sandbox.write(file, "[runtime\n");
        let seen = sandbox.run("init filesystem duckdb");
        assert_eq!((seen.code, seen.stdout.as_str()), (Some(2), ""), "{}", seen.text());
        assert!(seen.stderr.contains(&format!("{file} is not valid TOML")), "{}", seen.stderr);
        assert_eq!(std::fs::read_dir(sandbox.project()).unwrap().count(), 1, "only the settings are there");
    }
}

#[test]
fn lists_take_the_options_of_every_command() {
    let sandbox = Sandbox::new();
    let list = sandbox.run("init -l").ok().stdout;
    assert_eq!(sandbox.run("init -l -q").ok().stdout, list);
    assert_eq!(sandbox.run("init -l --disable-telemetry").ok().stdout, list);
    for line in ["init -l chess", "init -l --list-destinations", "init --list-destinations chess duckdb"] {
        let seen = sandbox.run(line);
        assert!(seen.code == Some(2) && seen.stderr.contains("cannot be used with"), "{}", seen.text());
    }
}

#[test]
fn a_folder_that_cannot_be_written() {
    let sandbox = Sandbox::new();
    sandbox.write(".dlt", "a file where a folder has to be");
    let seen = sandbox.run("init filesystem duckdb");
    assert_seen!("a_folder_that_cannot_be_written", seen);
}
