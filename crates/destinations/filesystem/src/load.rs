//! One load.

use crate::conflicts::{self, Conflicts};
use crate::dataset::Dataset;
use crate::encode::{self, Stop};
use crate::failure::failed;
use crate::gather::{Output, Staged};
use crate::intent::Intent;
use crate::kept::Removal;
use crate::lake::{self, Chain, Job};
use crate::moment::Moment;
use crate::parallel::for_each;
use crate::records::{self, Form, Versioned};
use crate::settings::FileFormat;
use crate::settle::settle;
use dlt_engine::destination::{ChainLoad, LoadRecord, StateRecord, Transaction, Write};
use dlt_engine::schema::{LOADS_TABLE, MergeStrategy, STATE_TABLE, Schema, TableFormat, VERSION_TABLE};
use dlt_engine::{Error, ErrorKind, Result};
use dlt_objects::StoreError;
use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

/// Everything waits for the commit, which knows the id of the load.
pub(crate) struct Load<'a> {
    dataset: &'a Dataset,
    conflicts: Conflicts,
    staged: Vec<Staged>,
    /// Rows of tables that have a log.
    logged: Vec<(TableFormat, Staged)>,
    /// Rows of tables that have a log, merged with those that are there.
    merged: Vec<Chain>,
    /// The schema of the load.
    schema: String,
    /// Tables whose files go.
    emptied: BTreeSet<String>,
    /// A schema whose stored versions go, with the tables of it.
    dropped: Option<(String, Vec<String>)>,
}

impl<'a> Load<'a> {
    pub(crate) fn begin(dataset: &'a Dataset) -> Self {
        Self {
            dataset,
            conflicts: Conflicts::new(),
            staged: Vec::new(),
            logged: Vec::new(),
            merged: Vec::new(),
            schema: String::new(),
            emptied: BTreeSet::new(),
            dropped: None,
        }
    }

    /// Files of tables that are to be emptied or dropped.
    fn old_files(&self, schema: &Schema) -> Result<BTreeSet<String>> {
        let mut old = BTreeSet::new();
        for table in self.emptied.iter().filter(|table| !is_logged(schema, table)) {
            old.extend(self.dataset.files_of(&schema.name, table)?);
        }
        if let Some((schema, tables)) = &self.dropped {
            // A table that gets rows goes on: its log tells that the others went.
            let goes_on = |table: &&String| self.has_rows(table);
            for table in tables.iter().filter(|table| !goes_on(table)) {
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
            if !own.writes.contains(&output.key) && self.dataset.store.exists(&output.key).map_err(failed)? {
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

    /// What becomes of tables that have a log.
    fn jobs(&self, record: &LoadRecord<'_>, earlier: &Intent) -> Result<Vec<Job>> {
        let (dataset, schema) = (self.dataset, record.schema);
        let dropped = self.dropped_of(&schema.name);
        let mut jobs = Vec::new();
        for (format, staged) in &self.logged {
            let is_dropped = dropped.contains(&staged.table.name);
            let is_emptied = is_dropped || self.emptied.contains(&staged.table.name);
            let removal = if is_emptied { Removal::All } else { Removal::None };
            jobs.push(Job::new(dataset, &schema.name, *format, staged.clone(), removal, is_dropped)?);
        }
        let has_rows = |table: &str| self.has_rows(table);
        for name in
            self.emptied.iter().filter(|name| is_logged(schema, name) && !has_rows(name) && !dropped.contains(name))
        {
            let Some(table) = schema.tables.get(name) else { continue };
            let staged = Staged { table: table.clone(), format: FileFormat::Parquet, files: Vec::new() };
            jobs.push(Job::new(dataset, &schema.name, schema.format_of(table), staged, Removal::All, false)?);
        }
        jobs.iter_mut().try_for_each(|job| job.begin(record.load_id, earlier))?;
        Ok(jobs)
    }

    /// Tables of a schema that are dropped.
    fn dropped_of(&self, schema: &str) -> &[String] {
        self.dropped.as_ref().filter(|(name, _)| name == schema).map_or(&[], |(_, tables)| tables)
    }

    /// Whether a table that has a log gets rows.
    fn has_rows(&self, table: &str) -> bool {
        self.logged.iter().any(|(_, staged)| staged.table.name == table)
            || self.merged.iter().flat_map(|chain| &chain.jobs).any(|job| job.table() == table)
    }

    /// Merges the rows of tables that have a log. Whoever counts is told how many were added.
    fn merge(&mut self, chain: &ChainLoad<'_>, format: TableFormat, strategy: MergeStrategy) -> Result<Vec<u64>> {
        if chain.tables.first().is_none_or(|root| root.files.is_empty()) {
            return Ok(vec![0; chain.tables.len()]);
        }
        let mut jobs = Vec::new();
        for load in &chain.tables {
            let is_dropped = self.dropped_of(&self.schema).contains(&load.table.name);
            let is_emptied = is_dropped || self.emptied.contains(&load.table.name);
            let removal = if is_emptied { Removal::All } else { Removal::None };
            let staged = Staged { table: load.table.clone(), format: FileFormat::Parquet, files: load.files.clone() };
            jobs.push(Job::new(self.dataset, &self.schema, format, staged, removal, is_dropped)?);
        }
        let merged = Chain::merge(self.dataset, jobs, strategy)?;
        let added = merged.added().to_vec();
        self.merged.push(merged);
        Ok(added)
    }

    fn put(&self, key: &str, text: String) -> Result<()> {
        self.dataset.store.put(key, text).map_err(failed)
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
        self.schema = schema.name.clone();
        self.conflicts = conflicts::find(stored.as_ref(), schema);
        if let Some((_, tables)) = &self.dropped {
            self.conflicts.retain(|table, error| !tables.contains(table) || error.kind() == ErrorKind::Config);
        }
        Ok(())
    }

    fn write(&mut self, chain: &ChainLoad<'_>) -> Result<Vec<u64>> {
        let format = chain.tables.first().map_or(TableFormat::Native, |root| root.table.table_format());
        match chain.write {
            Write::Merge(strategy) if lake::merges(format, strategy) => {
                for load in chain.tables.iter().filter(|load| !load.files.is_empty()) {
                    self.conflicts.remove(&load.table.name).map_or(Ok(()), Err)?;
                }
                return self.merge(chain, format, strategy);
            }
            Write::Merge(_) | Write::Versions(_) => {
                let table = chain.tables.first().map_or("", |load| &load.table.name);
                let message =
                    format!("rows of table `{table}` are to be merged, and files can only be added or replaced");
                return Err(Error::new(ErrorKind::Config, message)
                    .hint("use append or replace, or the table format `delta` or `iceberg`"));
            }
            Write::Append | Write::Replace => {}
        }
        let settings = &self.dataset.settings;
        let file_format = chain.tables.first().map_or(settings.format, |root| settings.format_of(root.table));
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
            let staged = Staged { table: load.table.clone(), format: file_format, files: load.files.clone() };
            rows.push(staged.rows()?);
            match staged.files.is_empty() {
                true => {}
                false if lake::has_log(format) => self.logged.push((format, staged)),
                false => self.staged.push(staged),
            }
        }
        Ok(rows)
    }

    fn commit(mut self: Box<Self>, record: &LoadRecord<'_>) -> Result<()> {
        let (dataset, load_id) = (self.dataset, record.load_id);
        settle(dataset, Some(load_id))?;
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
        let jobs = self.jobs(record, &earlier)?;
        self.merged.iter_mut().flat_map(|chain| &mut chain.jobs).try_for_each(|job| job.begin(load_id, &earlier))?;
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
            tables: jobs.iter().chain(self.merged.iter().flat_map(|chain| &chain.jobs)).map(Job::begun).collect(),
        };
        dataset.remove_parts_of_intents(load_id)?;
        self.put(&Intent::key(load_id), intent.to_json())?;
        if !earlier.load_id.is_empty() {
            dataset.delete(&leftovers)?;
            lake::remove_leftovers(dataset, &earlier)?;
            dataset.remove_parts(&earlier)?;
        }
        for_each(dataset, &outputs, |output| write(dataset, output))?;
        if let Some((key, row)) = version {
            self.put(&key, row)?;
        }
        if let Some(state) = record.state {
            self.write_state(state, record)?;
        }
        lake::run(dataset, jobs, load_id)?;
        std::mem::take(&mut self.merged).into_iter().try_for_each(|chain| chain.run(dataset, load_id))?;
        let loads = format!("{LOADS_TABLE}/{}", records::load_file(&record.schema.name, load_id));
        self.put(&loads, records::load_row(record, now_micros()))?;
        // From here on the load is committed: what follows is done by whoever comes next, if it is not done now.
        dataset.delete(&intent.deletes)?;
        dataset.delete(&[Intent::key(load_id)])?;
        record.state.map_or(Ok(()), |state| self.remove_old_states(&state.pipeline_name))
    }
}

fn write(dataset: &Dataset, output: &Output<'_>) -> Result<()> {
    let mut writer = dataset.store.writer(&output.key).map_err(failed)?;
    let is_compressed = dataset.settings.is_compressed(output.format);
    let written = encode::write(output.format, is_compressed, output.table, output.files, &mut writer);
    match written {
        Ok(()) => writer.finish().map_err(failed),
        Err(Stop::Rows(error)) => Err(error),
        Err(Stop::Place(error)) => Err(match StoreError::of_io(&error) {
            Some(store) => failed(store.clone()),
            None => Error::new(ErrorKind::Destination, format!("cannot write {}", output.key)).because(error),
        }),
    }
}

/// Whether a table has a log.
fn is_logged(schema: &Schema, table: &str) -> bool {
    schema.tables.get(table).is_some_and(|table| lake::has_log(schema.format_of(table)))
}

fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
