//! DuckDB's entry in the registry of destinations.

use crate::client::DuckDb;
use crate::location;
use dlt_engine::connector::{DestinationConnector, Key};
use dlt_engine::settings::{Located, Node, Origin, Section, Table, Value};
use dlt_engine::{Destination, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// DuckDB by name: what people write for it, and its settings.
pub static CONNECTOR: DestinationConnector = DestinationConnector {
    name: "duckdb",
    about: "DuckDB, an analytics database in one file; needs no server",
    form: "duckdb:FILE",
    schemes: &[],
    keys: &[
        Key::new("path", "the database file; made if it is not there", "the pipeline's name with `.duckdb`"),
        Key::new(
            "memory_limit",
            "memory that rows may take before they are loaded, and DuckDB before it spills to disk: `\"512 MB\"`, `\"2 GiB\"`",
            "half of the machine's, or of its container's",
        )
        .ambient(),
    ],
    template: "# path = \"{name}.duckdb\"           # default: the pipeline's name with .duckdb\n",
    ignored: &["*.duckdb", "*.duckdb.wal"],
    file_endings: &[".duckdb", ".db", ".ddb"],
    parse,
    settle,
    open,
    shown,
};

fn parse(text: &str) -> Result<Table> {
    location::file_of(text, Path::new("default.duckdb"))?;
    let path = text.split_once(':').map_or("", |(_, rest)| rest.strip_prefix("///").unwrap_or(rest));
    let mut settings = Table::default();
    if !path.is_empty() {
        settings.set_text("path", path, Origin::Program);
    }
    Ok(settings)
}

fn settle(settings: &mut Table, folder: &Path, pipeline: &str) {
    let default = PathBuf::from(format!("{pipeline}.duckdb"));
    let path = match settings.get("path") {
        None => &default,
        // What is no path is left to `open`. Joined with a folder it would not be seen for what it is any more.
        Some(_) => match settings.path("path").filter(|path| is_file(path)) {
            Some(path) => path,
            None => return,
        },
    };
    let path = if folder.as_os_str().is_empty() { path.to_owned() } else { folder.join(path) };
    settings.set(&["path".to_owned()], Node { origin: Origin::Program, value: Value::Path(path) });
}

fn is_file(path: &Path) -> bool {
    let Some(text) = path.to_str() else { return true };
    !text.trim().is_empty() && !text.starts_with("duckdb:") && location::file_of(text, path).is_ok()
}

fn open(mut settings: Section) -> Result<Arc<dyn Destination>> {
    let path = settings.path("path")?;
    let memory_limit = settings.size("memory_limit")?;
    settings.finish()?;
    let database = match path {
        None => DuckDb::at("default.duckdb")?,
        Some(path) if path.origin == Origin::Program => DuckDb::at(&path.value)?,
        Some(path) => written(&path)?,
    };
    Ok(Arc::new(match memory_limit {
        Some(bytes) => database.memory_limit(bytes),
        None => database,
    }))
}

/// The database whose path somebody wrote into a file or variable.
fn written(path: &Located<PathBuf>) -> Result<DuckDb> {
    let text = path.value.to_string_lossy();
    if let Some(file) = text.strip_prefix("duckdb:") {
        let error = path.origin.error("`destination.path` is the path of the file alone");
        return Err(error.hint(format!("write path = \"{}\"", file.trim_start_matches("///"))));
    }
    DuckDb::from_spec(&text, &path.value)
        .map_err(|error| path.origin.error(error.to_string()).hint("write the path of a file: path = \"shop.duckdb\""))
}

fn shown(settings: &Table) -> String {
    settings.path("path").map(|path| path.display().to_string()).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let path = |text: &str| shown(&parse(text).unwrap());
        assert_eq!(path("duckdb"), "");
        assert_eq!(path("duckdb:shop.duckdb"), "shop.duckdb");
        assert_eq!(path("duckdb:/abs/shop.duckdb"), "/abs/shop.duckdb");
        assert_eq!(path("duckdb:///shop.duckdb"), "shop.duckdb");
        assert_eq!(path("duckdb:////abs/shop.duckdb"), "/abs/shop.duckdb");
        assert!(parse("duckdb::memory:").unwrap_err().to_string().contains("memory"));
    }

    #[test]
    fn the_file_is_settled_by_folder_and_pipeline() {
        let settled = |text: &str, folder: &str| {
            let mut settings = parse(text).unwrap();
            settle(&mut settings, Path::new(folder), "shop");
            shown(&settings)
        };
        assert_eq!(settled("duckdb", ""), "shop.duckdb");
        assert_eq!(settled("duckdb", "project"), "project/shop.duckdb");
        assert_eq!(settled("duckdb:x/y.db", "project"), "project/x/y.db");
        assert_eq!(settled("duckdb:/abs.db", "project"), "/abs.db");
    }
}
