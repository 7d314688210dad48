//! A dataset: a folder of a store.

use crate::failure::failed;
use crate::intent::{self, Intent};
use crate::layout::Layout;
use crate::records::{self, Form, Versioned};
use crate::settings::Filesystem;
use dlt_engine::schema::{LOADS_TABLE, STATE_TABLE, Schema, VERSION_TABLE};
use dlt_engine::{Error, ErrorKind, Result};
use dlt_objects::{Store, StoreErrorKind};
use std::collections::{BTreeMap, HashSet};
use std::time::SystemTime;

/// A dataset that may or may not be there.
#[derive(Clone, Debug)]
pub(crate) struct Dataset {
    pub(crate) name: String,
    /// Keys are paths below the dataset's folder.
    pub(crate) store: Store,
    pub(crate) settings: Filesystem,
}

/// See [`Dataset::invisible`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Invisible {
    /// Files of loads that are not committed, and those that a committed one deletes.
    pub(crate) files: HashSet<String>,
    /// Ids of loads that are not committed.
    pub(crate) loads: HashSet<String>,
}

impl Dataset {
    /// The text of `init`; `None` where there is no dataset.
    pub(crate) fn init(&self) -> Result<Option<String>> {
        self.read(records::INIT)
    }

    /// What `init` says; `None` where there is no dataset.
    pub(crate) fn form(&self) -> Result<Option<Form>> {
        let Some(init) = self.init()? else { return Ok(None) };
        Form::parse(&init).map(Some).ok_or_else(|| {
            let place = self.store.address();
            Error::new(ErrorKind::Destination, format!("the dataset {place} is of a form that this dlt does not know"))
                .hint("its file `init` names the form: use a newer dlt, or another dataset")
        })
    }

    /// The beginning of file names that this layout has, where it is not the default's.
    pub(crate) fn own_prefix(&self) -> Option<String> {
        let own = self.settings.layout.table_prefix();
        (own != Layout::default().table_prefix()).then_some(own)
    }

    /// Looks whether files that are written are found where the others are.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if the dataset was begun with a layout that puts them elsewhere.
    pub(crate) fn check_layout(&self, form: &Form) -> Result<()> {
        match &form.table_prefix {
            Some(stored) if *stored != self.settings.layout.table_prefix() => {
                let own = self.settings.layout.table_prefix();
                let place = self.store.address();
                let message = format!(
                    "files of the dataset {place} have names that begin with `{stored}`, and by the layout with `{own}`"
                );
                Err(Error::new(ErrorKind::Config, message)
                    .hint("set the layout that the dataset was begun with, or load into another dataset"))
            }
            _ => Ok(()),
        }
    }

    /// The same dataset as one reads it who does not know its layout: by that which it was begun with.
    pub(crate) fn as_begun(&self, form: &Form) -> Result<Self> {
        let mut dataset = self.clone();
        if let Some(prefix) = &form.table_prefix {
            dataset.settings.layout = Layout::of_prefix(prefix)?;
        }
        Ok(dataset)
    }

    /// A small file as text; `None` where it is not there.
    fn read(&self, key: &str) -> Result<Option<String>> {
        match self.store.read(key) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if matches!(error.kind(), StoreErrorKind::NotFound) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Paths of all files in a folder of the dataset, at any depth, by name.
    pub(crate) fn list(&self, folder: &str) -> Result<Vec<String>> {
        let mut keys = Vec::new();
        for object in self.store.list(folder).map_err(failed)? {
            keys.push(object.map_err(failed)?.key);
        }
        keys.sort_unstable();
        Ok(keys)
    }

    /// Paths of the data files of a table of a schema, by name.
    pub(crate) fn files_of(&self, schema: &str, table: &str) -> Result<Vec<String>> {
        let layout = &self.settings.layout;
        let prefix = layout.prefix(schema, table);
        let mut keys = self.list(&layout.folder(schema, table))?;
        // With tables beside each other in one folder, that folder may be the dataset's own.
        keys.retain(|key| {
            key.starts_with(&prefix) && key != records::INIT && !key.ends_with(&format!("/{}", records::INIT))
        });
        Ok(keys)
    }

    /// Ids of the loads that were committed.
    pub(crate) fn loads(&self) -> Result<HashSet<String>> {
        let keys = self.list(LOADS_TABLE)?;
        Ok(keys.iter().filter_map(|key| Some(records::parse_load(key)?.1.to_owned())).collect())
    }

    /// Files of `_dlt_version` or `_dlt_pipeline_state`, the oldest first. Times are compared as text by all who share the dataset.
    pub(crate) fn versioned(&self, table: &str) -> Result<Vec<Versioned>> {
        let mut keys = self.list(table)?;
        // A version of a load that was killed before its commit is none yet: its next try must find what it began with.
        if table == VERSION_TABLE {
            let invisible = self.invisible()?;
            keys.retain(|key| !invisible.files.contains(key));
        }
        let mut found: Vec<_> = keys.iter().filter_map(|key| Versioned::parse(key)).collect();
        found.sort_by(|one, other| one.at.cmp(&other.at));
        Ok(found)
    }

    fn row(&self, table: &str, file: &Versioned, key: &str) -> Result<String> {
        let path = format!("{table}/{}", file.file());
        let text = self.read(&path)?.and_then(|row| records::text_of(row.as_bytes(), key));
        text.ok_or_else(|| {
            let message = format!("{} cannot be understood", self.store.address().join(&path));
            Error::new(ErrorKind::Corrupt, message)
                .hint("restore it from a copy, or delete it: the version before it counts then")
        })
    }

    /// JSON of the newest version of a schema.
    pub(crate) fn stored_schema(&self, schema: &str) -> Result<Option<String>> {
        let versions = self.versioned(VERSION_TABLE)?;
        let newest = versions.iter().rfind(|version| version.name == schema);
        newest.map(|newest| self.row(VERSION_TABLE, newest, "schema")).transpose()
    }

    /// The newest version of each schema of the dataset, in order of their beginning.
    pub(crate) fn schemas(&self) -> Result<Vec<Schema>> {
        let mut newest: BTreeMap<String, (usize, Versioned)> = BTreeMap::new();
        for (at, version) in self.versioned(VERSION_TABLE)?.into_iter().enumerate() {
            let place = newest.entry(version.name.clone()).or_insert((at, version.clone()));
            place.1 = version;
        }
        let mut newest: Vec<_> = newest.into_values().collect();
        newest.sort_by_key(|(began, _)| *began);
        newest.iter().map(|(_, version)| Schema::from_stored(&self.row(VERSION_TABLE, version, "schema")?)).collect()
    }

    /// The newest state of a pipeline whose load was committed.
    pub(crate) fn stored_state(&self, pipeline: &str) -> Result<Option<String>> {
        let states = self.versioned(STATE_TABLE)?;
        let mut own = states.iter().rev().filter(|state| state.name == pipeline).peekable();
        if own.peek().is_none() {
            return Ok(None);
        }
        let loads = self.loads()?;
        own.find(|state| loads.contains(&state.at)).map(|state| self.row(STATE_TABLE, state, "state")).transpose()
    }

    /// Intents of loads that are under way, were killed, or are not finished.
    pub(crate) fn intents(&self) -> Result<Vec<(Intent, SystemTime)>> {
        let mut intents = Vec::new();
        for object in self.store.list(intent::FOLDER).map_err(failed)? {
            let object = object.map_err(failed)?;
            let Some(text) = self.read(&object.key)? else { continue };
            let intent = Intent::parse(text.as_bytes()).ok_or_else(|| {
                let message = format!("{} cannot be understood", self.store.address().join(&object.key));
                Error::new(ErrorKind::Corrupt, message).hint("delete it if no load is under way")
            })?;
            intents.push((intent, object.modified));
        }
        Ok(intents)
    }

    pub(crate) fn delete(&self, keys: &[String]) -> Result<()> {
        self.store.delete(keys.iter().map(String::as_str)).map_err(failed)
    }

    /// Removes half-written files of a load that was killed.
    pub(crate) fn remove_parts(&self, intent: &Intent) -> Result<()> {
        let files: HashSet<&str> = intent.writes.iter().filter_map(|key| key.rsplit('/').next()).collect();
        let is_meant = |name: &str| name.contains(&intent.load_id) || files.iter().any(|file| name.contains(file));
        self.store.delete_parts("", &is_meant).map_err(failed)
    }

    /// Removes half-written intents of a load that was killed before it had one.
    pub(crate) fn remove_parts_of_intents(&self, load_id: &str) -> Result<()> {
        self.store.delete_parts(intent::FOLDER, &|name| name.contains(load_id)).map_err(failed)
    }

    /// What is no part of the dataset, though it is in its folders.
    pub(crate) fn invisible(&self) -> Result<Invisible> {
        let intents = self.intents()?;
        let mut invisible = Invisible::default();
        if intents.is_empty() {
            return Ok(invisible);
        }
        let loads = self.loads()?;
        for (intent, _) in intents {
            if loads.contains(&intent.load_id) {
                invisible.files.extend(intent.deletes);
            } else {
                invisible.files.extend(intent.writes);
                invisible.loads.insert(intent.load_id);
            }
        }
        Ok(invisible)
    }
}
