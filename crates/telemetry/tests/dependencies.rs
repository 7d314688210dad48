//! What a host takes in with this crate.

use std::collections::BTreeSet;
use std::process::Command;

const LIMIT: usize = 40;

fn tree(arguments: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--package", "dlt-telemetry", "--edges", "normal", "--prefix", "none"])
        .args(["--target", "x86_64-unknown-linux-gnu"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| line.trim_end_matches(" (*)").to_owned())
        .filter(|line| !line.starts_with("dlt-telemetry "))
        .collect()
}

#[test]
fn at_most_forty_crates_and_no_runtime() {
    let crates = tree(&[]);
    assert!(crates.len() <= LIMIT, "{} crates: {crates:#?}", crates.len());
    for unwanted in ["tokio ", "hyper ", "reqwest ", "syn ", "duckdb ", "arrow ", "dlt-"] {
        assert!(crates.iter().all(|name| !name.starts_with(unwanted)), "{unwanted} is in the tree");
    }
}

#[test]
fn without_http_there_is_neither_client_nor_cryptography() {
    let crates = tree(&["--no-default-features"]);
    assert!(crates.len() < 25, "{} crates: {crates:#?}", crates.len());
    for unwanted in ["ureq ", "rustls ", "ring "] {
        assert!(crates.iter().all(|name| !name.starts_with(unwanted)), "{unwanted} is in the tree");
    }
}
