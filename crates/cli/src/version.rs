//! What `dlt --version -v` says beside the version.

use std::ffi::OsStr;
use std::io::Write as _;

/// Whether `-v` or `--verbose` stands in the command line, whose reading ended at `--version`.
pub(crate) fn more_is_asked_for() -> bool {
    std::env::args_os().skip(1).any(|word| asks_for_more(&word))
}

fn asks_for_more(word: &OsStr) -> bool {
    let word = word.to_string_lossy();
    word == "--verbose" || (word.starts_with('-') && !word.starts_with("--") && word.contains('v'))
}

/// The commit, the kind of machine, DuckDB's version and place, and where telemetry goes where nobody says otherwise.
pub(crate) fn print_more() {
    // Nobody is left to tell if the stream is closed.
    let _ = anstream::stdout().lock().write_all(text().as_bytes());
}

fn text() -> String {
    let commit = match env!("DLT_COMMIT") {
        "" => "not known (a development build, or built outside a repository)",
        commit => commit,
    };
    let duckdb = match dlt::duckdb_library() {
        Ok(dlt::LibraryInfo { version, file: Some(file) }) => format!("{version} in {}", file.display()),
        Ok(dlt::LibraryInfo { version, file: None }) => format!("{version}, inside"),
        Err(error) => error.to_string(),
    };
    let endpoint = match crate::DEFAULT_ENDPOINT {
        None | Some("") => "none is built in",
        Some(endpoint) => endpoint,
    };
    format!(
        "commit: {commit}\nbuilt for: {} {}\nDuckDB: {duckdb}\nendpoint of telemetry: {endpoint}\n",
        std::env::consts::OS,
        std::env::consts::ARCH,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_options_can_stand_together() {
        for word in ["-v", "--verbose", "-vV", "-Vv"] {
            assert!(asks_for_more(OsStr::new(word)), "{word}");
        }
        for word in ["--version", "-V", "v", "-q"] {
            assert!(!asks_for_more(OsStr::new(word)), "{word}");
        }
    }
}
