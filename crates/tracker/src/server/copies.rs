//! Data folders as copies, and tables in another place: backup, restore, move.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::parts::open_files;
use super::questions::check;
use super::reach::{folder, read};
use crate::backup::{self, Backup};
use crate::check::Check;
use crate::data_dir::DataDir;
use crate::error::Error;
use crate::ledger::Ledger;
use crate::place::{Place, StoreAddress, Tables};
use crate::query;
use crate::secret::secret;
use crate::store::Store;
use crate::store::sql::SqlStore;

/// Makes a backup in a new or empty folder, which is a data folder then; whether a tracker runs on it or not. What was acknowledged
/// before is in it. A tracker that runs takes events meanwhile, and loads them when the backup is done. Of a stream it holds what waits
/// there as files of a journal.
///
/// # Errors
///
/// When there is no data, something is in `folder`, or a file can't be read or written; then no
/// backup is left.
pub fn backup(place: impl Into<Place>, folder: impl AsRef<Path>) -> Result<Backup, Error> {
    let given = folder.as_ref();
    let failed = |source| Error::folder("write to the folder", given, source);
    let folder = std::path::absolute(given).map_err(failed)?;
    let name = folder.to_str().ok_or_else(|| failed(io::Error::other("the path is no UTF-8")))?;
    let path = format!("/backup.json?folder={}", query::encode(name));
    read(&place.into(), "POST", &path, |parts| parts.loader.back_up(&folder))
}

/// Makes a data folder of a backup, in a new or empty folder. Where the tables are in it they are recounted, and what waits is loaded.
///
/// # Errors
///
/// When there is no whole backup, something is in `data_dir`, or a file can't be read or written; then nothing is left.
pub fn restore(backup: impl AsRef<Path>, data_dir: impl AsRef<Path>) -> Result<Option<Check>, Error> {
    let data_dir = data_dir.as_ref();
    backup::restore(backup.as_ref(), data_dir)?;
    match DataDir::new(data_dir).elsewhere().exists() {
        true => Ok(None),
        false => check(data_dir).map(Some),
    }
}

/// Moves the tables of a stopped tracker out of the DuckDB file of its data folder into a Postgres database, which has none
/// of a tracker yet. What waits in the journal stays there, and is loaded by the tracker that is then started with
/// [`ServeOptions::store`]. The file stays as `tracker.duckdb.moved`.
///
/// # Errors
///
/// When a tracker runs on the folder, there are no tables, or one of the databases can't be used. Nothing is changed then in the
/// data folder; it can be repeated when the database was emptied.
pub fn move_tables(data_dir: impl AsRef<Path>, to: &StoreAddress) -> Result<Ledger, Error> {
    let dir = folder(data_dir.as_ref())?;
    dir.is_whole()?;
    let lock = dir.lock_or_refuse()?;
    let (database, work) = (dir.database(), dir.work());
    if !database.exists() {
        return Err(Error::NoData { folder: dir.path().to_owned() });
    }
    let failed = |location: &str| {
        let location = location.to_owned();
        move |source| Error::tables(location, source)
    };
    let from = SqlStore::duckdb(&database, &work).map_err(failed(&database.display().to_string()))?;
    from.discard_unfinished().map_err(|source| Error::folder("clear", &work, source))?;
    // What the engine knows of the old database is nothing of the new one.
    let moving = dir.path().join("moving");
    let store = match &to.0 {
        Tables::File => return Err(Error::NoTarget),
        Tables::Postgres(address) => SqlStore::postgres(address, &moving),
        Tables::Files(address) => open_files(&dir, address)?,
    };
    let store = store.map_err(failed(&to.shown()))?;
    let counts = store.take_over(&Arc::new(from)).map_err(failed(&to.shown()))?;
    let owner = secret(&dir.owner()).map_err(|source| Error::folder("write", dir.owner(), source))?;
    store.own(&owner, true).map_err(failed(&to.shown()))?;
    let note = dir.elsewhere();
    std::fs::write(&note, store.location()).map_err(|source| Error::folder("write", &note, source))?;
    let kept = dir.path().join("tracker.duckdb.moved");
    std::fs::rename(&database, &kept).map_err(|source| Error::folder("rename", &database, source))?;
    for folder in [&moving, &work] {
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::folder("clear", folder, error)),
            _ => {}
        }
    }
    drop(lock);
    Ok(counts.ledger(counts.position))
}
