//! The contracts of a data folder: `contracts/PROJECT.toml`, `contracts/default.toml`. A running tracker notices when they change.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::Contract;
use crate::error::Error;
use crate::projects::{DEFAULT, is_project_name};
use crate::stamp::Stamp;

/// How long a contract may count after its file was changed.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
struct Held {
    stamp: Stamp,
    looked: Instant,
    contract: Arc<Contract>,
}

/// The contracts of all projects.
#[derive(Debug)]
pub(crate) struct Contracts {
    folder: PathBuf,
    held: RwLock<HashMap<String, Held>>,
}

impl Contracts {
    /// Reads all that are there.
    ///
    /// # Errors
    /// When one can't be read or is none, or its name is not that of a project.
    pub(crate) fn open(folder: PathBuf) -> Result<Self, Error> {
        // Made now, so that no request waits for it.
        Contract::built_in();
        let book = Self::unread(folder);
        let failed = |source| Error::folder("read the contracts in", &book.folder, source);
        let files = match fs::read_dir(&book.folder) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(book),
            Err(error) => return Err(failed(error)),
        };
        for file in files {
            let path = file.map_err(failed)?.path();
            if path.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
            book.held().insert(name.to_owned(), book.read(name)?);
        }
        Ok(book)
    }

    /// As [`Contracts::open`], reading each when it is asked for: what is wrong with one is no matter of the others.
    pub(crate) fn unread(folder: PathBuf) -> Self {
        Self { folder, held: RwLock::default() }
    }

    /// The contract of a project: what its file says, and what is built in. Where a file was made wrong since, what was
    /// known before counts.
    pub(crate) fn of(&self, project: Option<&str>) -> Arc<Contract> {
        let name = project.unwrap_or(DEFAULT);
        let known = self.held.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        match known {
            Some(held) if held.looked.elapsed() < LOOK_AGAIN => held.contract,
            Some(mut held) if held.stamp == Stamp::of(&self.file(name)) => {
                held.looked = Instant::now();
                let contract = Arc::clone(&held.contract);
                self.held().insert(name.to_owned(), held);
                contract
            }
            known => self.changed(name, known),
        }
    }

    /// Takes the file of a project as it is now.
    fn changed(&self, name: &str, known: Option<Held>) -> Arc<Contract> {
        let held = self.read(name).unwrap_or_else(|error| {
            let error = crate::error::in_full(&error);
            tracing::error!(
                error,
                project = name,
                "the contract can't be read; the one that was known before counts on"
            );
            let contract = known.map_or_else(|| Arc::new(Contract::built_in().clone()), |held| held.contract);
            Held { stamp: Stamp::of(&self.file(name)), looked: Instant::now(), contract }
        });
        let contract = Arc::clone(&held.contract);
        self.held().insert(name.to_owned(), held);
        contract
    }

    /// The contract of a project as its file says it now.
    ///
    /// # Errors
    /// When the file can't be read or is no contract, or no project can have that name.
    pub(crate) fn fresh(&self, project: &str) -> Result<Arc<Contract>, Error> {
        Ok(self.read(project)?.contract)
    }

    /// What the file of a project says, without what is built in; nothing where there is none.
    ///
    /// # Errors
    /// As [`Contracts::fresh`].
    pub(crate) fn own(&self, project: &str) -> Result<Contract, Error> {
        let file = self.named(project)?;
        match file.exists() {
            true => Contract::read(&file).map_err(|source| Error::Contract(Box::new(source))),
            false => Ok(Contract::default()),
        }
    }

    /// The projects that had a file when the book was opened, by their names.
    pub(crate) fn projects(&self) -> Vec<String> {
        let mut names: Vec<String> = self.held().keys().cloned().collect();
        names.sort_unstable();
        names
    }

    /// Where the contract of a project is.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.toml"))
    }

    /// As [`Contracts::file`], for a name that anybody may have given: it is part of a path.
    fn named(&self, name: &str) -> Result<PathBuf, Error> {
        match name == DEFAULT || is_project_name(name) {
            true => Ok(self.file(name)),
            false => Err(Error::ProjectName { name: name.to_owned() }),
        }
    }

    fn held(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<String, Held>> {
        self.held.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, name: &str) -> Result<Held, Error> {
        let file = self.named(name)?;
        let stamp = Stamp::of(&file);
        let contract = match stamp.is_there() {
            false => Contract::built_in().clone(),
            true => {
                let mut own = Contract::read(&file).map_err(|source| Error::Contract(Box::new(source)))?;
                own.fill_from(Contract::built_in());
                own
            }
        };
        Ok(Held { stamp, looked: Instant::now(), contract: Arc::new(contract) })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_changed_contract_counts_and_a_wrong_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("web.toml"), "[events.a]\n").unwrap();
        fs::write(folder.path().join("notes.txt"), "no contract").unwrap();
        let book = Contracts::open(folder.path().to_owned()).unwrap();
        let names = |project| book.of(project).events.contains_key("a");
        assert!(names(Some("web")) && !names(Some("app")) && !names(None));
        assert!(book.of(Some("web")).is_closed && !book.of(None).is_closed);
        assert!(book.of(Some("web")).events.contains_key("pipeline_load"), "dlt's own events are built in");

        let past = Instant::now().checked_sub(Duration::from_secs(5)).unwrap();
        let age = || book.held().values_mut().for_each(|held| held.looked = past);
        fs::write(folder.path().join("web.toml"), "[events.bb]\n").unwrap();
        fs::write(folder.path().join("default.toml"), "[events.a]\n").unwrap();
        age();
        assert!(!names(Some("web")) && names(None));
        fs::write(folder.path().join("web.toml"), "[event.a]\n").unwrap();
        age();
        assert!(book.of(Some("web")).events.contains_key("bb"), "what was known before counts on");
        assert!(book.fresh("web").unwrap_err().to_string().contains("contract"));
        assert!(Contracts::open(folder.path().to_owned()).is_err(), "at a start it is told");
        fs::remove_file(folder.path().join("web.toml")).unwrap();
        age();
        assert!(!book.of(Some("web")).is_closed);
        let other = tempfile::tempdir().unwrap();
        fs::write(other.path().join("secrets.toml"), "[key]\n").unwrap();
        let outside = other.path().join("secrets").to_str().unwrap().to_owned();
        for name in [outside.as_str(), "../web", ""] {
            assert!(matches!(book.own(name), Err(Error::ProjectName { .. })), "{name}");
            assert!(matches!(book.fresh(name), Err(Error::ProjectName { .. })), "{name}");
        }
        fs::write(folder.path().join("Web.toml"), "").unwrap();
        assert!(matches!(Contracts::open(folder.path().to_owned()), Err(Error::ProjectName { .. })));
    }
}
