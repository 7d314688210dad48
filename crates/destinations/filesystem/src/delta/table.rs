//! A Delta table, as loads and queries see it.

use super::commit::{self, Commit, check};
use super::form::form;
use super::log::{Log, Snapshot};
use super::types::{Shape, shape};
use crate::kept::{Change, Done, Form, Kept, Listed};
use dlt_engine::Result;
use dlt_objects::Store;
use std::collections::HashSet;

/// A Delta table, or the place of one.
#[derive(Debug)]
pub(crate) struct Delta {
    log: Log,
    before: Option<Snapshot>,
}

impl Delta {
    /// The table in a folder; it is not looked at yet.
    pub(crate) fn new(store: Store, table: &str) -> Self {
        Self { log: Log::of(store, table), before: None }
    }

    /// The columns of the table once the change is done.
    fn shape(&self, change: &Change<'_>) -> Result<Shape> {
        shape(change.table, self.before.as_ref().filter(|_| !change.is_new).map(|before| &before.shape))
    }
}

impl Kept for Delta {
    fn store(&self) -> &Store {
        self.log.store()
    }

    fn title(&self) -> String {
        self.log.title()
    }

    fn version(&self) -> Option<u64> {
        self.before.as_ref().map(|before| before.version)
    }

    fn look_without(&mut self, pending: &HashSet<String>) -> Result<()> {
        self.before = self.log.snapshot_without(pending)?;
        Ok(())
    }

    fn check(&self, change: &Change<'_>) -> Result<()> {
        self.shape(change)?;
        check(&self.log, self.before.as_ref(), &change.removal)
    }

    fn form(&self, change: &Change<'_>, columns: &[String]) -> Result<Form> {
        form(self.title(), &self.shape(change)?, columns)
    }

    fn files(&self) -> Result<Vec<Listed>> {
        self.before.as_ref().map_or(Ok(Vec::new()), |before| self.log.files(before))
    }

    fn done_by(&self, load_id: &str, after: Option<u64>) -> Result<Option<Done>> {
        self.log.done_by(load_id, after)
    }

    fn take_out(&self, load_id: &str, paths: Vec<String>) -> Result<bool> {
        self.before.as_ref().map_or(Ok(true), |before| commit::take_out(&self.log, before, load_id, paths))
    }

    fn commit(&self, change: &Change<'_>) -> Result<bool> {
        Commit::new(&self.log, change, self.shape(change)?).write(self.before.clone())
    }
}
