//! Which file a user means.

use dlt_engine::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

/// The database file that `spec` names: `duckdb` (then `default_file`), `duckdb:FILE`, a connection string
/// (`duckdb:///relative`, `duckdb:////absolute`) or a plain path. Relative to the current folder.
pub(crate) fn file_of(spec: &str, default_file: &Path) -> Result<PathBuf> {
    let file = match spec.strip_prefix("duckdb") {
        Some("" | ":") => return absolute(default_file),
        Some(rest) if rest.starts_with("://") => in_connection_string(spec, &rest[3..])?,
        Some(rest) if rest.starts_with(':') => &rest[1..],
        _ => spec,
    };
    for (word, database) in [("md", "MotherDuck"), ("motherduck", "MotherDuck"), ("ducklake", "DuckLake")] {
        if file.strip_prefix(word).is_some_and(|rest| rest.starts_with(':')) {
            let why =
                format!("{database} needs an extension of DuckDB, which its library neither carries nor downloads");
            return Err(refused(
                spec,
                &why,
                "name a file: duckdb:shop.duckdb, and copy it there with DuckDB's own shell",
            ));
        }
    }
    if let Some((scheme, _)) = file.split_once("://") {
        return Err(refused(spec, &format!("`{scheme}` is no DuckDB file"), "name a file: duckdb:shop.duckdb"));
    }
    absolute(Path::new(file))
}

fn in_connection_string<'a>(spec: &str, rest: &'a str) -> Result<&'a str> {
    let Some(path) = rest.strip_prefix('/') else {
        return Err(refused(
            spec,
            "a connection string has three slashes before the path",
            "write duckdb:///shop.duckdb (in the current folder) or duckdb:////data/shop.duckdb (anywhere)",
        ));
    };
    if path.contains('?') {
        return Err(refused(
            spec,
            "settings in a connection string are not supported",
            "leave out what follows the `?`",
        ));
    }
    if path.is_empty() {
        return Err(refused(spec, "it names no file", "write duckdb:///shop.duckdb"));
    }
    Ok(path)
}

/// `file` as an absolute path.
pub(crate) fn absolute(file: &Path) -> Result<PathBuf> {
    match file.to_str() {
        Some(":memory:") => Err(refused(
            ":memory:",
            "data in memory would be gone with the process that loads it",
            "name a file: duckdb:shop.duckdb",
        )),
        Some(":pipeline:") => Err(refused(
            ":pipeline:",
            "a pipeline's working folder holds no databases",
            "name a file: duckdb:shop.duckdb",
        )),
        Some("") => Err(refused("", "it names no file", "name a file: duckdb:shop.duckdb")),
        _ => std::path::absolute(file).map(|file| in_real_folder(&file).unwrap_or(file)).map_err(|cause| {
            Error::new(ErrorKind::Config, format!("the path {} cannot be resolved", file.display())).because(cause)
        }),
    }
}

/// The file below the real path of its folder, without links and `..`: a run that was killed is taken up by one that
/// names the same file in another way. `None` where there is no such folder.
fn in_real_folder(file: &Path) -> Option<PathBuf> {
    Some(file.parent()?.canonicalize().ok()?.join(file.file_name()?))
}

fn refused(spec: &str, why: &str, hint: &str) -> Error {
    Error::new(ErrorKind::Config, format!("`{spec}` cannot be a DuckDB destination: {why}")).hint(hint)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_form_names_the_file_that_it_means() {
        let here = std::env::current_dir().unwrap();
        let default = Path::new("quick.duckdb");
        for (spec, file) in [
            ("duckdb", here.join("quick.duckdb")),
            ("duckdb:", here.join("quick.duckdb")),
            ("duckdb:shop.duckdb", here.join("shop.duckdb")),
            ("duckdb:/data/shop.duckdb", "/data/shop.duckdb".into()),
            ("duckdb:///shop.duckdb", here.join("shop.duckdb")),
            ("duckdb:///data/shop.duckdb", here.join("data/shop.duckdb")),
            ("duckdb:////data/shop.duckdb", "/data/shop.duckdb".into()),
            ("shop.db", here.join("shop.db")),
            ("./duckdb", here.join("duckdb")),
            ("duckdb.db", here.join("duckdb.db")),
            ("/data/it's.duckdb", "/data/it's.duckdb".into()),
        ] {
            assert_eq!(file_of(spec, default).unwrap(), file, "{spec}");
        }
    }

    #[test]
    fn one_file_has_one_path() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().canonicalize().unwrap();
        std::fs::create_dir(folder.join("sub")).unwrap();
        let file = folder.join("shop.duckdb");
        assert_eq!(absolute(&folder.join("sub/../shop.duckdb")).unwrap(), file);
        assert_eq!(absolute(&folder.join("none/../shop.duckdb")).unwrap(), folder.join("none/../shop.duckdb"));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&folder, folder.join("link")).unwrap();
            assert_eq!(absolute(&folder.join("link/shop.duckdb")).unwrap(), file);
        }
    }

    #[test]
    fn what_is_no_file_is_refused_with_a_reason() {
        for (spec, reason) in [
            (":memory:", "gone with the process"),
            ("duckdb::memory:", "gone with the process"),
            ("duckdb:///:memory:", "gone with the process"),
            (":pipeline:", "working folder"),
            ("", "names no file"),
            ("duckdb:///", "names no file"),
            ("duckdb://shop.duckdb", "three slashes"),
            ("duckdb:///a.duckdb?read_only=true", "settings"),
            ("duckdb:md:shop", "MotherDuck needs an extension"),
            ("duckdb:motherduck:shop", "MotherDuck needs an extension"),
            ("duckdb:ducklake:shop", "DuckLake needs an extension"),
            ("postgres://host/db", "`postgres`"),
        ] {
            let error = file_of(spec, Path::new("q.duckdb")).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{spec}");
            assert!(error.to_string().contains(reason), "{spec}: {error}");
            assert!(error.advice().is_some(), "{spec}");
        }
    }
}
