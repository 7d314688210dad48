//! Replays the corpus of the fuzz targets, so that what was found once is looked for on every run.

use std::path::Path;

use dlt_tracker::fuzzing;

#[test]
fn bodies() {
    replay("tracker", fuzzing::body);
}

#[test]
fn journals() {
    replay("journal", fuzzing::journal);
}

#[test]
fn objects_of_the_edge() {
    replay("edge", fuzzing::edge);
}

#[test]
fn files_of_contracts() {
    replay("contract_file", fuzzing::contract_file);
}

#[test]
fn queries() {
    replay("query", fuzzing::query);
}

#[expect(clippy::print_stderr, reason = "names the file in the output of a run that fails")]
fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 10, "{} holds {} files", folder.display(), files.len());
    for file in files {
        eprintln!("{}", file.display());
        let bytes = std::fs::read(&file).unwrap();
        check(&bytes);
        // A connection may break anywhere, and a byte may be another one.
        let step = (bytes.len() / 64).max(1);
        for at in (0..bytes.len()).step_by(step) {
            check(&bytes[..at]);
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            check(&changed);
        }
    }
}
