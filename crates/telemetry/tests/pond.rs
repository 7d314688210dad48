//! A host that is not dlt: the example, with its own event, its own variables and its own notice.

use std::process::{Command, Output};

use dlt_telemetry::{Chain, Environment, Names, Telemetry};
use serde_json::Value as Json;

use crate::tracker::Tracker;

fn run(home: &std::path::Path, variables: &[(&str, &str)]) -> Output {
    let tests = std::env::current_exe().unwrap();
    let pond = tests.parent().unwrap().parent().unwrap().join("examples/pond");
    let mut command = Command::new(pond);
    command
        .env_clear()
        .env("HOME", home)
        .env("POND_DATA_DIR", home.join(".pond"))
        .env("POND_TELEMETRY_DELIVERY", "detached");
    let output = command.envs(variables.iter().copied()).output().expect("cargo builds the example with the tests");
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    output
}

#[test]
fn a_pond_reports_under_its_own_name() {
    let (home, tracker) = (tempfile::tempdir().unwrap(), Tracker::well_behaved());
    let url = tracker.url("/ponds");
    let endpoint = [("POND_TELEMETRY_ENDPOINT", url.as_str())];
    let first = run(home.path(), &endpoint);
    assert_eq!(String::from_utf8(first.stderr).unwrap(), "pond: POND_TELEMETRY=false stops the counting.\n");
    assert!(run(home.path(), &endpoint).stderr.is_empty());
    let received = tracker.wait_for(2);
    assert_eq!(received[0].header("user-agent").unwrap().split('/').next(), Some("pond"));
    let message: Json = serde_json::from_str(&received[0].body).unwrap();
    assert_eq!(message["event"], "pond_drained");
    assert_eq!(message["context"]["library"]["name"], "pond");
    assert_eq!(message["properties"]["method"], "pump");

    let environment = Environment::empty().with("POND_DATA_DIR", home.path().join(".pond").to_str().unwrap());
    let setup = Telemetry::builder("pond", "1").names(Names::of("pond")).environment(environment).load();
    assert!(matches!(setup.verify().unwrap(), Chain::Whole { torn: 0, .. }));
}

#[test]
fn a_pond_is_silenced_by_its_own_names_and_not_by_dlts() {
    let home = tempfile::tempdir().unwrap();
    for off in [("POND_TELEMETRY", "false"), ("DO_NOT_TRACK", "1")] {
        assert!(run(home.path(), &[off]).stderr.is_empty());
    }
    std::fs::create_dir(home.path().join(".pond")).unwrap();
    std::fs::write(home.path().join(".pond/config.toml"), "[pond]\ntelemetry = false\n").unwrap();
    assert!(run(home.path(), &[]).stderr.is_empty());
    assert_eq!(std::fs::read_dir(home.path().join(".pond")).unwrap().count(), 1, "nothing but the configuration");
    std::fs::remove_file(home.path().join(".pond/config.toml")).unwrap();
    assert!(!run(home.path(), &[("RUNTIME__DLTHUB_TELEMETRY", "false")]).stderr.is_empty());
}
