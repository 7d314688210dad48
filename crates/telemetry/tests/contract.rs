//! The generated files are what the code says: `UPDATE_CONTRACT=1 cargo test -p dlt-telemetry contract` writes them.

use std::path::Path;

use dlt_telemetry::{Contract, events};

fn compare(path: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    if std::env::var_os("UPDATE_CONTRACT").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(
        found == expected,
        "{} is stale: run UPDATE_CONTRACT=1 cargo test -p dlt-telemetry contract",
        path.display()
    );
}

#[test]
fn the_contract_is_up_to_date() {
    compare("contract/telemetry.toml", &Contract::of("dlt", events::ALL).to_toml());
}

#[test]
fn the_reference_is_up_to_date() {
    compare("docs/reference/telemetry.md", &Contract::of("dlt", events::ALL).to_markdown());
}
