//! Secrets of a data folder: the dashboard's token, and the key by which ids are hashed.

use std::path::Path;

use crate::data_dir::DataDir;
use crate::error::Error;
use crate::place::Place;
use crate::secret::{self, secret};

/// The token that opens the dashboard of a data folder; made where there is none yet, and the folder too.
///
/// # Errors
///
/// When the folder can't be used.
pub fn dashboard_token(data_dir: impl AsRef<Path>) -> Result<String, Error> {
    let dir = DataDir::new(data_dir.as_ref());
    dir.create()?;
    token_of(&dir)
}

pub(super) fn token_of(dir: &DataDir) -> Result<String, Error> {
    let file = dir.token();
    secret(&file).map_err(|source| Error::folder("keep the dashboard's token in", file, source))
}

/// The key by which ids of users, and names, are hashed.
pub(super) fn id_key(place: &Place) -> Result<String, Error> {
    match &place.id_key {
        Some(key) if key.len() < secret::MIN_CHARS => Err(Error::ShortIdKey { least: secret::MIN_CHARS }),
        Some(key) => Ok(key.clone()),
        None => {
            let file = DataDir::new(&place.data_dir).id_key();
            secret(&file).map_err(|source| Error::folder("keep the key for ids in", file, source))
        }
    }
}
