//! Where a dataset is: a schema of the database, or for SQLite a file beside the one that is named.

use crate::dialect::{Dialect, quote};
use std::path::{Path, PathBuf};

/// The database that a connection attaches the staged tables of other tools as.
const STAGING: &str = "_dlt_staging";

/// A dataset by its name.
#[derive(Clone, Debug)]
pub(crate) struct Dataset {
    pub(crate) name: String,
    pub(crate) dialect: Dialect,
}

impl Dataset {
    /// What stands before the names of tables, quoted.
    pub(crate) fn schema(&self) -> String {
        match self.dialect {
            // The connection is to the dataset's own file.
            Dialect::Sqlite => "main".to_owned(),
            Dialect::Postgres | Dialect::Ansi => quote(&self.name),
        }
    }

    /// A table, quoted.
    pub(crate) fn table(&self, table: &str) -> String {
        format!("{}.{}", self.schema(), quote(table))
    }

    /// A table of the dataset beside this one that Python dlt merges by way of, quoted.
    pub(crate) fn staged_table(&self, table: &str) -> String {
        format!("{}.{}", self.staging(), quote(table))
    }

    /// The dataset beside this one, quoted.
    pub(crate) fn staging(&self) -> String {
        match self.dialect {
            Dialect::Sqlite => quote(STAGING),
            Dialect::Postgres | Dialect::Ansi => quote(&self.staging_name()),
        }
    }

    /// The name of the dataset beside this one.
    pub(crate) fn staging_name(&self) -> String {
        format!("{}_staging", self.name)
    }
}

/// The file of a dataset: `shop.db` has `main` in itself, and every other dataset in `shop__DATASET.db` beside it.
pub(crate) fn file_of(database: &Path, dataset: &str) -> PathBuf {
    if dataset == "main" {
        return database.to_owned();
    }
    let mut name = database.file_stem().unwrap_or_default().to_owned();
    name.push(format!("__{dataset}"));
    if let Some(ending) = database.extension() {
        name.push(".");
        name.push(ending);
    }
    database.with_file_name(name)
}

/// The datasets whose files are there, sorted.
pub(crate) fn files_of(database: &Path) -> Vec<String> {
    let (Some(folder), Some(stem)) = (database.parent(), database.file_stem().and_then(|stem| stem.to_str())) else {
        return Vec::new();
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<String> = entries
        .filter_map(|entry| {
            let path = entry.path();
            if path.extension() != database.extension() {
                return None;
            }
            Some(path.file_stem()?.to_str()?.strip_prefix(stem)?.strip_prefix("__")?.to_owned())
        })
        .collect();
    found.sort();
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_dataset_has_a_file_beside_the_database() {
        for (database, dataset, file) in [
            ("/a/shop.db", "main", "/a/shop.db"),
            ("/a/shop.db", "shop_data", "/a/shop__shop_data.db"),
            ("/a/shop", "x", "/a/shop__x"),
            ("/a/my.shop.sqlite", "x", "/a/my.shop__x.sqlite"),
        ] {
            assert_eq!(file_of(Path::new(database), dataset), Path::new(file));
        }
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("shop.db");
        for dataset in ["b", "a", "main"] {
            std::fs::write(file_of(&database, dataset), "").unwrap();
        }
        std::fs::write(folder.path().join("shop__c.db-wal"), "").unwrap();
        assert_eq!(files_of(&database), ["a", "b"]);
    }
}
