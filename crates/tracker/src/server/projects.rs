//! Write keys and contracts of a data folder.

use std::path::Path;

use super::reach::folder;
use crate::contract::{self, Contracts};
use crate::data_dir::DataDir;
use crate::error::Error;
use crate::projects::{self, Key, NewKey};

/// Adds a write key to a project: one that senders have already, or a new one. `name` says what it is for. A running
/// tracker takes it at once. The data folder is made where there is none.
///
/// # Errors
///
/// When the project or the key can't be one, the key is there already, or the folder can't be written.
pub fn add_key(
    data_dir: impl AsRef<Path>,
    project: &str,
    name: Option<&str>,
    given: Option<&str>,
) -> Result<NewKey, Error> {
    let dir = DataDir::new(data_dir.as_ref());
    dir.create()?;
    dir.keys().add(project, name, given)
}

/// The write keys of a data folder, the oldest first.
///
/// # Errors
///
/// When there is no such folder, or the keys can't be read.
pub fn keys(data_dir: impl AsRef<Path>) -> Result<Vec<Key>, Error> {
    folder(data_dir.as_ref())?.keys().read()
}

/// Revokes a write key, which is named by its id or by itself: a running tracker refuses it a second later. What it
/// brought stays.
///
/// # Errors
///
/// When there is no such folder or key, or the folder can't be written.
pub fn revoke_key(data_dir: impl AsRef<Path>, named: &str) -> Result<Key, Error> {
    folder(data_dir.as_ref())?.keys().revoke(named)
}

/// The contract of a project as TOML, as its file says it now; of one that has none, what is built in.
///
/// # Errors
///
/// When there is no such folder or project, or its file is no contract.
pub fn show_contract(data_dir: impl AsRef<Path>, project: &str) -> Result<String, Error> {
    let dir = folder(data_dir.as_ref())?;
    let contracts = Contracts::open(dir.contracts())?;
    let file = contracts.file(project);
    if !file.exists() {
        known_project(dir.path(), project)?;
    }
    let kept = match file.exists() {
        true => format!(
            "# {}, and dlt's own events, which are built in. What is not named goes into the quarantine.
",
            file.display()
        ),
        false => {
            "# There is no file: dlt's own events are named; of others texts, numbers and truth values are kept, too.
"
            .to_owned()
        }
    };
    Ok(kept + &contract::to_toml(&*contracts.fresh(project)?))
}

/// Whether a project that has no events yet has a key at least.
pub(super) fn known_project(data_dir: &Path, project: &str) -> Result<(), Error> {
    let mut known: Vec<String> = DataDir::new(data_dir).keys().read()?.into_iter().map(|key| key.project).collect();
    known.push(projects::DEFAULT.to_owned());
    known.sort_unstable();
    known.dedup();
    match known.iter().any(|name| name == project) {
        true => Ok(()),
        false => Err(Error::NoProject { name: project.to_owned(), known }),
    }
}
