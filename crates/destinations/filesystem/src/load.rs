//! One load.

use crate::conflicts::{self, Conflicts};
use crate::dataset::Dataset;
use crate::encode::{self, Stop};
use crate::gather::{Output, Staged};
use crate::intent::Intent;
use crate::moment::Moment;
use crate::records::{self, Form, Versioned};
use dlt_engine::destination::{ChainLoad, LoadRecord, StateRecord, Transaction, Write};
use dlt_engine::schema::{LOADS_TABLE, STATE_TABLE, Schema, VERSION_TABLE};
use dlt_engine::{Error, ErrorKind, Result};
use dlt_objects::StoreError;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Files that are written at the same time: encoding takes a core each, sending waits.
const WRITERS: usize = 4;

/// Everything waits for the commit, which knows the id of the load.
pub(crate) struct Load<'a> {
    dataset: &'a Dataset,
    conflicts: Conflicts,
    staged: Vec<Staged>,
    /// Tables whose files go.
    emptied: BTreeSet<String>,
    /// A schema whose stored versions go, with the tables of it.
    dropped: Option<(String, Vec<String>)>,
}

impl<'a> Load<'a> {
    pub(crate) fn begin(dataset: &'a Dataset) -> Self {
        Self { dataset, conflicts: Conflicts::new(), staged: Vec::new(), emptied: BTreeSet::new(), dropped: None }
    }

    /// Files of tables that are to be emptied or dropped.
    fn old_files(&self, schema: &Schema) -> Result<BTreeSet<String>> {
        let mut old = BTreeSet::new();
        for table in &self.emptied {
            old.extend(self.dataset.files_of(&schema.name, table)?);
        }
        if let Some((schema, tables)) = &self.dropped {
            for table in tables {
                old.extend(self.dataset.files_of(schema, table)?);
            }
            let versions = self.dataset.versioned(VERSION_TABLE)?;
            let own = versions.iter().filter(|version| version.name == *schema);
            old.extend(own.map(|version| format!("{VERSION_TABLE}/{}", version.file())));
        }
        Ok(old)
    }

    /// Refuses to write over rows of other loads, which a layout may lead to.
    fn check_names(&self, outputs: &[Output<'_>], own: &Intent) -> Result<()> {
        if self.dataset.settings.layout.is_unique() {
            return Ok(());
        }
        for output in outputs.iter().filter(|output| !self.emptied.contains(&output.table.name)) {
            if !own.writes.contains(&output.key) && self.dataset.store.exists(&output.key).map_err(Dataset::failed)? {
                let message = format!(
                    "table `{}` has a file {} already, and by the layout the new rows would take its place",
                    output.table.name, output.key
                );
                return Err(Error::new(ErrorKind::Config, message)
                    .hint("put `{load_id}` and `{file_id}` into the layout, or replace the table"));
            }
        }
        Ok(())
    }

    /// The version of the schema, if it is not the newest already: its path, and its row.
    fn new_version(&self, schema: &Schema) -> Result<Option<(String, String)>> {
        let versions = self.dataset.versioned(VERSION_TABLE)?;
        let newest = versions.iter().rfind(|version| version.name == schema.name);
        let hash = records::hash_in_name(&schema.version_hash);
        let is_dropped = self.dropped.as_ref().is_some_and(|(dropped, _)| *dropped == schema.name);
        if newest.is_some_and(|newest| newest.hash == hash) && !is_dropped {
            return Ok(None);
        }
        // The newest is the last one written, whatever the clock of its writer said.
        let latest = newest.map_or(0, |newest| Moment::of_load(&newest.at).micros() + 1);
        let now = now_micros().max(latest);
        let at = format!("{}.{:06}", now / 1_000_000, now % 1_000_000);
        let file = Versioned { name: schema.name.clone(), at, hash };
        Ok(Some((format!("{VERSION_TABLE}/{}", file.file()), records::version_row(schema, now))))
    }

    fn put(&self, key: &str, text: String) -> Result<()> {
        self.dataset.store.put(key, text).map_err(Dataset::failed)
    }

    fn write_state(&self, state: &StateRecord, record: &LoadRecord<'_>) -> Result<()> {
        let file = Versioned {
            name: state.pipeline_name.clone(),
            at: record.load_id.to_owned(),
            hash: records::hash_in_name(&record.schema.version_hash),
        };
        self.put(&format!("{STATE_TABLE}/{}", file.file()), records::state_row(state, record.load_id))
    }

    /// Keeps the newest states of a pipeline.
    fn remove_old_states(&self, pipeline: &str) -> Result<()> {
        let Some(kept) = self.dataset.settings.max_state_files else { return Ok(()) };
        let mut own = self.dataset.versioned(STATE_TABLE)?;
        own.retain(|state| state.name == pipeline);
        let old = own.len().saturating_sub(kept);
        let old: Vec<_> = own.drain(..old).map(|state| format!("{STATE_TABLE}/{}", state.file())).collect();
        self.dataset.delete(&old)
    }
}

impl Transaction for Load<'_> {
    fn drop_tables(&mut self, schema: &str, tables: &[String]) -> Result<()> {
        if !tables.is_empty() {
            self.dropped = Some((schema.to_owned(), tables.to_vec()));
        }
        Ok(())
    }

    fn empty_tables(&mut self, tables: &[String]) -> Result<()> {
        self.emptied.extend(tables.iter().cloned());
        Ok(())
    }

    fn evolve(&mut self, schema: &Schema) -> Result<()> {
        let stored = match self.dataset.stored_schema(&schema.name)? {
            Some(text) => Some(Schema::from_stored(&text)?),
            None => None,
        };
        self.conflicts = conflicts::find(stored.as_ref(), schema);
        if let Some((_, tables)) = &self.dropped {
            self.conflicts.retain(|table, error| !tables.contains(table) || error.kind() == ErrorKind::Config);
        }
        Ok(())
    }

    fn write(&mut self, chain: &ChainLoad<'_>) -> Result<Vec<u64>> {
        if let Write::Merge(_) | Write::Versions(_) = chain.write {
            let table = chain.tables.first().map_or("", |load| &load.table.name);
            let message = format!("rows of table `{table}` are to be merged, and files can only be added or replaced");
            return Err(Error::new(ErrorKind::Config, message).hint("use append or replace"));
        }
        let mut rows = Vec::new();
        for load in &chain.tables {
            if let Some(error) = self.conflicts.remove(&load.table.name)
                && !load.files.is_empty()
            {
                return Err(error);
            }
            if chain.write == Write::Replace {
                self.emptied.insert(load.table.name.clone());
            }
            let staged = Staged { table: load.table.clone(), files: load.files.clone() };
            rows.push(staged.rows()?);
            if !staged.files.is_empty() {
                self.staged.push(staged);
            }
        }
        Ok(rows)
    }

    fn commit(self: Box<Self>, record: &LoadRecord<'_>) -> Result<()> {
        let (dataset, load_id) = (self.dataset, record.load_id);
        dataset.settle(Some(load_id))?;
        let form = dataset.form()?;
        if let Some(form) = &form {
            dataset.check_layout(form)?;
        }
        let own_prefix = dataset.own_prefix();
        let hides_compression = form.as_ref().is_some_and(|form| form.hides_compression);
        match form {
            Some(form) if form.table_prefix == own_prefix || own_prefix.is_none() => {}
            Some(form) => self.put(records::INIT, Form { table_prefix: own_prefix, ..form }.to_json())?,
            None => self.put(records::INIT, Form::new(own_prefix).to_json())?,
        }
        let staged = self.staged.iter();
        let outputs: Vec<Output<'_>> = staged
            .flat_map(|staged| staged.outputs(&dataset.settings, &record.schema.name, load_id, hides_compression))
            .collect();
        // What an earlier try of this load wrote is written anew, or goes.
        let earlier = dataset.intents()?.into_iter().map(|(intent, _)| intent).find(|intent| intent.load_id == load_id);
        let earlier = earlier.unwrap_or_default();
        self.check_names(&outputs, &earlier)?;
        let version = self.new_version(record.schema)?;
        let mut writes: Vec<String> = outputs.iter().map(|output| output.key.clone()).collect();
        writes.extend(version.iter().map(|(key, _)| key.clone()));
        let mut old = self.old_files(record.schema)?;
        old.retain(|key| !writes.contains(key));
        let leftovers: Vec<String> = earlier.writes.iter().filter(|key| !writes.contains(key)).cloned().collect();
        old.retain(|key| !leftovers.contains(key));
        let intent = Intent {
            load_id: load_id.to_owned(),
            schema: record.schema.name.clone(),
            writes: writes.iter().chain(&leftovers).cloned().collect(),
            deletes: old.into_iter().collect(),
        };
        self.put(&Intent::key(load_id), intent.to_json())?;
        if !earlier.load_id.is_empty() {
            dataset.delete(&leftovers)?;
            dataset.remove_parts(&earlier)?;
        }
        write_all(dataset, &outputs)?;
        if let Some((key, row)) = version {
            self.put(&key, row)?;
        }
        if let Some(state) = record.state {
            self.write_state(state, record)?;
        }
        let loads = format!("{LOADS_TABLE}/{}", records::load_file(&record.schema.name, load_id));
        self.put(&loads, records::load_row(record, now_micros()))?;
        // From here on the load is committed: what follows is done by whoever comes next, if it is not done now.
        dataset.delete(&intent.deletes)?;
        dataset.delete(&[Intent::key(load_id)])?;
        record.state.map_or(Ok(()), |state| self.remove_old_states(&state.pipeline_name))
    }
}

/// Writes files, several at the same time; the first failure ends it.
fn write_all(dataset: &Dataset, outputs: &[Output<'_>]) -> Result<()> {
    let next = AtomicUsize::new(0);
    let stopped = AtomicBool::new(false);
    let failure: Mutex<Option<Error>> = Mutex::new(None);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // Sending to a store waits more than it computes.
    let remote = if dataset.store.local_path("").is_some() { 1 } else { 2 };
    let writers = (cores * remote).min(WRITERS).min(outputs.len());
    std::thread::scope(|scope| {
        for _ in 0..writers {
            scope.spawn(|| {
                while !stopped.load(Ordering::Relaxed) {
                    let Some(output) = outputs.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
                    if let Err(error) = write(dataset, output) {
                        stopped.store(true, Ordering::Relaxed);
                        let mut failure = failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        failure.get_or_insert(error);
                    }
                }
            });
        }
    });
    failure.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).map_or(Ok(()), Err)
}

fn write(dataset: &Dataset, output: &Output<'_>) -> Result<()> {
    let mut writer = dataset.store.writer(&output.key).map_err(Dataset::failed)?;
    let settings = &dataset.settings;
    let written = encode::write(settings.format, settings.is_compressed(), output.table, output.files, &mut writer);
    match written {
        Ok(()) => writer.finish().map_err(Dataset::failed),
        Err(Stop::Rows(error)) => Err(error),
        Err(Stop::Place(error)) => Err(match StoreError::of_io(&error) {
            Some(store) => Dataset::failed(store.clone()),
            None => Error::new(ErrorKind::Destination, format!("cannot write {}", output.key)).because(error),
        }),
    }
}

fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
