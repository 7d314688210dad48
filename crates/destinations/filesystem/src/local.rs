//! Files of the dataset on this machine, where DuckDB can read them.

use crate::dataset::Dataset;
use crate::failure::failed;
use crate::kept::Kept;
use crate::views::{DataFile, Kind};
use dlt_engine::{Error, Result};
use dlt_objects::StoreError;
use std::path::{Path, PathBuf};

/// The files of a table that has a log on this machine, each by the path that the log has of it. Those of other stores are fetched into a
/// folder.
pub(crate) fn listed_files(
    dataset: &Dataset,
    below: &str,
    kept: &dyn Kept,
    folder: &Path,
) -> Result<Vec<(String, DataFile)>> {
    let mut files = Vec::new();
    for (number, listed) in kept.files()?.into_iter().enumerate() {
        let key = format!("{below}/{}", listed.key);
        let local = match dataset.store.local_path(&key) {
            Some(local) => local,
            None => {
                // Tables of one query may have the same names in several folders.
                let name = format!("{}.{number}.parquet", below.replace('/', "."));
                fetch(dataset, &key, folder.join(name))?
            }
        };
        files.push((listed.path, DataFile { path: local, kind: Kind::Parquet, partition: listed.partition }));
    }
    Ok(files)
}

/// Fetches a file.
pub(crate) fn fetch(dataset: &Dataset, key: &str, to: PathBuf) -> Result<PathBuf> {
    let mut reader = dataset.store.get(key).map_err(failed)?;
    let mut file = std::fs::File::create(&to).map_err(|error| Error::storage("create", &to, error))?;
    match std::io::copy(&mut reader, &mut file) {
        Ok(_) => Ok(to),
        Err(error) => Err(match StoreError::of_io(&error) {
            Some(store) => failed(store.clone()),
            None => Error::storage("write", &to, error),
        }),
    }
}
