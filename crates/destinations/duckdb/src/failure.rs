//! What DuckDB says when something fails, in the terms of this project.
//!
//! DuckDB puts values of cells into some of its messages. Those are left out: of a message whose class can carry values
//! only the class is told, in words.

use dlt_engine::{Error, ErrorKind};

/// The class that a message of DuckDB begins with, and the rest of it.
fn split(text: &str) -> (&str, &str) {
    match text.split_once(": ") {
        Some((class, rest)) if class.ends_with("Error") || class.ends_with("Exception") => (class, rest),
        _ => ("", text),
    }
}

fn text_of(error: &duckdb::Error) -> String {
    match error {
        duckdb::Error::DuckDBFailure(_, Some(text)) => text.clone(),
        other => other.to_string(),
    }
}

/// Whether DuckDB was short of memory. A commit tells so under another class.
fn is_out_of_memory(class: &str, lower: &str) -> bool {
    class == "Out of Memory Error"
        || lower.contains("could not allocate block")
        || lower.contains("failed to pin block")
}

/// Whether DuckDB needed more memory than its limit.
pub(crate) fn needs_memory(error: &duckdb::Error) -> bool {
    let text = text_of(error);
    let (class, rest) = split(&text);
    is_out_of_memory(class, &rest.to_lowercase())
}

/// Explains why rows were not taken: [`ErrorKind::Data`] where the same rows would be refused again.
pub(crate) fn explain_refusal(doing: &str, error: &duckdb::Error) -> Error {
    let text = text_of(error);
    match split(&text) {
        ("Constraint Error", rest) => Error::new(ErrorKind::Data, format!("cannot {doing}: {}", constraint(rest))),
        (class @ ("Conversion Error" | "Out of Range Error" | "Invalid Input Error" | "Mismatch Type Error"), rest) => {
            Error::new(ErrorKind::Data, format!("cannot {doing}: {}", value_refused(class, rest)))
        }
        _ => explain(doing, error),
    }
}

/// What is said where DuckDB's memory limit was too small.
const NEEDS_MEMORY: &str = "DuckDB needs more memory than it may take";

/// Whether the error is of the kind.
pub(crate) fn is_of_memory(error: &Error) -> bool {
    error.to_string().ends_with(NEEDS_MEMORY)
}

/// How to give DuckDB so much memory.
pub(crate) fn raise_limit(to: &str) -> String {
    format!(
        "raise its memory limit: memory_limit = \"{to}\" under [destination] of the pipeline file, or the environment \
         variable DESTINATION__DUCKDB__MEMORY_LIMIT"
    )
}

/// Explains why `doing` failed.
pub(crate) fn explain(doing: &str, error: &duckdb::Error) -> Error {
    let text = text_of(error);
    let (class, rest) = split(&text);
    let lower = rest.to_lowercase();
    let destination = |why: &str| Error::new(ErrorKind::Destination, format!("cannot {doing}: {why}"));
    if lower.contains("could not set lock") || lower.contains("conflicting lock") {
        return busy(doing, rest);
    }
    if lower.contains("no space left on device") || lower.contains("file too large") || lower.contains("disk quota") {
        return destination("the disk is full").hint("free some space, then run the same command again");
    }
    if is_out_of_memory(class, &lower) {
        if lower.contains("max_temp_directory_size") || lower.contains("failed to offload") {
            return destination("there is no room on the disk for data that does not fit into memory")
                .hint("free some space beside the database file, then run the same command again");
        }
        return destination(NEEDS_MEMORY).hint(raise_limit("2 GB"));
    }
    if lower.contains("permission denied") || lower.contains("read-only file system") {
        return destination("permission denied")
            .hint("make the database file and its folder writable, or name another file");
    }
    if lower.contains("not a valid duckdb database file") || lower.contains("in-memory database in read-only mode") {
        return not_a_database(doing);
    }
    if lower.contains("with version number") {
        return destination("the file was written by a newer version of DuckDB")
            .hint("use a newer dlt for this file, or name another file");
    }
    if lower.contains("corrupt database file") || lower.contains("could not read enough bytes") {
        return destination("the file is damaged").hint("restore it from a copy, or name another file");
    }
    if lower.contains("database has been invalidated") {
        return destination("an earlier failure closed the database").hint("run the same command again");
    }
    if let Some((what, _)) = rest.split_once("Please try installing and loading") {
        return destination(what.trim())
            .hint("extensions are not installed or loaded here: get the file first, and name it on this machine");
    }
    match class {
        "Constraint Error" => destination(&constraint(rest)),
        "Conversion Error" | "Out of Range Error" | "Invalid Input Error" | "Mismatch Type Error" => {
            destination(&value_refused(class, rest))
        }
        _ => destination(rest.trim()),
    }
}

/// The file is something else, and DuckDB must not have it.
pub(crate) fn not_a_database(doing: &str) -> Error {
    Error::new(ErrorKind::Destination, format!("cannot {doing}: the file is not a DuckDB database"))
        .hint("name another file; this one is left as it is")
}

fn busy(doing: &str, rest: &str) -> Error {
    // "… Conflicting lock is held in /usr/bin/python3 (PID 123) …"
    let holder = rest.split_once("(PID ").and_then(|(before, after)| {
        let pid: u32 = after.split_once(')')?.0.parse().ok()?;
        let program = before.rsplit_once("held in ").map_or("", |(_, program)| program.trim());
        let program = program.rsplit('/').next().unwrap_or(program);
        Some(if program.is_empty() { format!("process {pid}") } else { format!("process {pid} ({program})") })
    });
    let holder = holder.unwrap_or_else(|| "another process".to_owned());
    Error::new(ErrorKind::DestinationBusy, format!("cannot {doing}: {holder} has the file open"))
        .hint("close it there or wait, then run the same command again")
}

fn constraint(rest: &str) -> String {
    match rest.strip_prefix("NOT NULL constraint failed: ") {
        Some(column) => format!("column {} must have a value in every row", column.trim()),
        // The key that was met twice is a value.
        None if rest.starts_with("Duplicate key") => "a key is there already".to_owned(),
        None => "a constraint of the table is violated".to_owned(),
    }
}

/// Tells the class and, of the text, only the place in the query that DuckDB points at.
fn value_refused(class: &str, rest: &str) -> String {
    let what = match class {
        "Conversion Error" => "a value cannot be converted",
        "Out of Range Error" => "a value is out of range",
        _ => "a value is not what the query needs",
    };
    match rest.find("\nLINE ") {
        Some(at) => format!("{what}\n{}", rest[at..].trim_end()),
        None => what.to_owned(),
    }
}

/// Whether the failure may come from a value that does not fit its column.
pub(crate) fn may_be_a_value(error: &duckdb::Error) -> bool {
    let text = text_of(error);
    matches!(split(&text).0, "Conversion Error" | "Out of Range Error" | "Invalid Input Error" | "Mismatch Type Error")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(text: &str) -> Error {
        explain("load", &duckdb::Error::DuckDBFailure(duckdb::ffi::Error::new(1), Some(text.to_owned())))
    }

    #[test]
    fn a_lock_names_its_holder() {
        let error = explained(
            "IO Error: Could not set lock on file \"/a/b.duckdb\": Conflicting lock is held in /usr/bin/python3.11 (PID 4711). See also …",
        );
        assert_eq!(error.kind(), ErrorKind::DestinationBusy);
        assert_eq!(error.to_string(), "cannot load: process 4711 (python3.11) has the file open");
        let error = explained("IO Error: Could not set lock on file \"/a/b.duckdb\": Resource temporarily unavailable");
        assert_eq!(error.to_string(), "cannot load: another process has the file open");
    }

    #[test]
    fn values_stay_out() {
        for text in [
            "Conversion Error: Could not convert string 'secret' to INT32",
            "Conversion Error: Could not convert string 'secret' to INT32\n\nLINE 1: select a::int from t\n               ^",
            "Constraint Error: Duplicate key \"a: secret\" violates primary key constraint.",
            "Invalid Input Error: Malformed JSON at byte 0 of input: unexpected character. Input: \"secret\"",
            "Out of Range Error: Overflow in multiplication of INT32 (secret * 7)!",
        ] {
            let error = explained(text);
            assert!(!error.to_string().contains("secret"), "{error}");
            assert!(std::error::Error::source(&error).is_none(), "{error}");
        }
        assert!(explained("Catalog Error: Table with name x does not exist!").to_string().contains("name x"));
        let error = explained("Constraint Error: NOT NULL constraint failed: users.id");
        assert_eq!(error.to_string(), "cannot load: column users.id must have a value in every row");
    }

    #[test]
    fn an_extension_is_not_advised() {
        let error = explained(
            "Missing Extension Error: File https://a/b.parquet requires the extension httpfs to be loaded\n\n\
             Please try installing and loading the httpfs extension by running:\nINSTALL httpfs;\nLOAD httpfs;",
        );
        assert_eq!(
            error.to_string(),
            "cannot load: File https://a/b.parquet requires the extension httpfs to be loaded"
        );
        assert!(error.advice().is_some());
    }

    #[test]
    fn what_can_be_mended_has_a_hint() {
        for (text, hint) in [
            ("IO Error: Could not write file \"/x\": No space left on device", "free some space"),
            ("IO Error: Cannot open file \"/x\": Permission denied", "writable"),
            ("IO Error: The file \"/x\" exists, but it is not a valid DuckDB database file!", "another file"),
            ("IO Error: Trying to read a database file with version number 99, but …", "newer dlt"),
            ("IO Error: Corrupt database file: computed checksum 1 does not match stored checksum 2", "a copy"),
            ("Out of Memory Error: failed to pin block", "memory limit"),
            ("TransactionContext Error: Failed to commit: could not allocate block of size 256.0 KiB", "memory limit"),
        ] {
            assert!(explained(text).advice().is_some_and(|advice| advice.contains(hint)), "{text}");
        }
    }
}
