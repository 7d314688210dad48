//! Replays the corpus of the fuzz targets, so that what was found once is looked for on every run.

use std::path::Path;

use dlt_telemetry::fuzzing;

#[expect(clippy::print_stderr, reason = "names the file in the output of a run that fails")]
fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 5, "{} holds {} files", folder.display(), files.len());
    for file in files {
        eprintln!("{}", file.display());
        let bytes = std::fs::read(&file).unwrap();
        check(&bytes);
        // A kill, or a disk that was full, may cut a file off anywhere.
        let step = (bytes.len() / 64).max(1);
        (0..bytes.len()).step_by(step).for_each(|end| check(&bytes[..end]));
    }
}

#[test]
fn configurations() {
    replay("config", fuzzing::config);
}

#[test]
fn spools() {
    replay("spool", fuzzing::spool);
}

#[test]
fn receipts() {
    replay("receipts", fuzzing::receipts);
}

#[test]
fn messages() {
    replay("contract", fuzzing::contract);
}
