//! Merge by scd2, as SQL: versions of rows that end and begin.
//!
//! Rows are never deleted. Of a root row only the end of its validity changes; rows of nested tables are only added, for
//! the version that they belong to stays.

use super::{Session, Staged};
use crate::destination::{ChainLoad, TableLoad};
use crate::error::Result;
use crate::schema::{Table, column_names};
use crate::versions::Versions;

/// Ids of the new rows whose nested rows are taken.
const BEGUN: &str = "_dlt_versions_begun";

/// Ends the versions of a chain that its new rows lack, adds the new ones with `micros` as their begin, and returns how many
/// rows were added to each table.
///
/// # Errors
/// [`crate::ErrorKind::Config`] if the hints of the root table name no columns for it; otherwise if the destination fails.
pub fn keep_versions(session: &mut dyn Session, chain: &ChainLoad<'_>, micros: i64) -> Result<Vec<u64>> {
    let mut added = vec![0; chain.tables.len()];
    let Some(root) = chain.tables.first().filter(|root| !root.files.is_empty()) else { return Ok(added) };
    let rows = session.stage(root.table, &root.files)?;
    let versions = root.table.versions()?;
    let mut keeping = Keeping { session, root: root.table, rows: &rows, versions, micros };
    keeping.end()?;
    // Where the version is not the id, ids are random: what is nested in a row that is there already has to be known.
    let is_by_id = versions.are_digests();
    let has_nested = chain.has_nested_rows();
    if has_nested && !is_by_id {
        keeping.note_begun()?;
    }
    added[0] = keeping.begin()?;
    if !has_nested {
        return Ok(added);
    }
    // A table's name begins with those that it is nested in.
    let mut nested: Vec<(usize, &TableLoad<'_>)> = chain.tables.iter().enumerate().skip(1).collect();
    nested.sort_by_key(|(_, load)| load.table.name.len());
    for (at, load) in nested.into_iter().filter(|(_, load)| !load.files.is_empty()) {
        added[at] = keeping.add_nested(load, is_by_id)?;
    }
    if !is_by_id {
        let begun = session.temporary(BEGUN);
        session.execute("drop a temporary table", &format!("DROP TABLE {begun}"))?;
    }
    Ok(added)
}

struct Keeping<'a> {
    session: &'a mut dyn Session,
    root: &'a Table,
    /// New rows of the root table.
    rows: &'a Staged,
    versions: Versions<'a>,
    micros: i64,
}

impl Keeping<'_> {
    fn doing(&self) -> String {
        format!("keep versions in table `{}`", self.root.name)
    }

    /// Condition that a row `t` of the root table is valid now.
    fn is_active(&self) -> String {
        let valid_to = self.session.quote(self.versions.valid_to);
        match self.versions.active_micros {
            None => format!("t.{valid_to} IS NULL"),
            Some(micros) => format!("t.{valid_to} = {}", self.session.instant(micros)),
        }
    }

    /// Ends what is valid now and not among the new rows.
    fn end(&mut self) -> Result<()> {
        let name = self.session.table(&self.root.name);
        let (version, valid_to) =
            (self.session.quote(self.versions.row_version), self.session.quote(self.versions.valid_to));
        let relation = &self.rows.relation;
        let mut sql = format!(
            "UPDATE {name} AS t SET {valid_to} = {} WHERE {} AND t.{version} IS NOT NULL \
             AND NOT EXISTS (SELECT 1 FROM {relation} AS s WHERE s.{version} = t.{version})",
            self.session.instant(self.micros),
            self.is_active()
        );
        let keys = self.root.columns_with("merge_key");
        if !keys.is_empty() {
            let same = keys.iter().map(|key| self.session.quote(key)).map(|key| format!("s.{key} = t.{key}"));
            let same = same.collect::<Vec<_>>().join(" AND ");
            sql.push_str(&format!(" AND EXISTS (SELECT 1 FROM {relation} AS s WHERE {same})"));
        }
        self.session.execute(&self.doing(), &sql).map(drop)
    }

    /// Condition that the version of a new row `s` is not valid already.
    fn begins(&self) -> String {
        let name = self.session.table(&self.root.name);
        let version = self.session.quote(self.versions.row_version);
        let is_active = self.is_active();
        format!("NOT EXISTS (SELECT 1 FROM {name} AS t WHERE t.{version} = s.{version} AND {is_active})")
    }

    /// Adds the versions that begin.
    fn begin(&mut self) -> Result<u64> {
        let name = self.session.table(&self.root.name);
        let (from, to) = (self.versions.valid_from, self.versions.valid_to);
        // What the data says of its validity is not what is kept.
        let given = self
            .rows
            .columns
            .iter()
            .filter(|column| !column.eq_ignore_ascii_case(from) && !column.eq_ignore_ascii_case(to));
        let given: Vec<String> = given.map(|column| self.session.quote(column)).collect();
        let selected: Vec<String> = given.iter().map(|column| format!("s.{column}")).collect();
        let active =
            self.versions.active_micros.map_or_else(|| "NULL".to_owned(), |micros| self.session.instant(micros));
        let sql = format!(
            "INSERT INTO {name} ({}, {}, {}) SELECT {}, {}, {active} FROM {} AS s WHERE {}",
            given.join(", "),
            self.session.quote(from),
            self.session.quote(to),
            selected.join(", "),
            self.session.instant(self.micros),
            self.rows.relation,
            self.begins()
        );
        self.session.insert(self.root, self.rows, &sql)
    }

    /// Writes down the ids of the new rows that begin. Called before they are added.
    fn note_begun(&mut self) -> Result<()> {
        let (begun, id) = (self.session.temporary(BEGUN), self.session.quote(column_names::ID));
        let sql = format!(
            "CREATE TEMPORARY TABLE {begun} AS SELECT s.{id} FROM {} AS s WHERE {}",
            self.rows.relation,
            self.begins()
        );
        self.session.execute(&self.doing(), &sql).map(drop)
    }

    /// Adds nested rows of the versions that begin: those whose ids, which follow from the version, are not there, or whose
    /// parents are among those that begin.
    fn add_nested(&mut self, load: &TableLoad<'_>, is_by_id: bool) -> Result<u64> {
        let rows = self.session.stage(load.table, &load.files)?;
        let name = self.session.table(&load.table.name);
        let (id, parent) = (self.session.quote(column_names::ID), self.session.quote(column_names::PARENT_ID));
        let begun = self.session.temporary(BEGUN);
        let is_taken = match is_by_id {
            true => format!("NOT EXISTS (SELECT 1 FROM {name} AS t WHERE t.{id} = s.{id})"),
            false => format!("s.{parent} IN (SELECT {id} FROM {begun})"),
        };
        let columns: Vec<String> = rows.columns.iter().map(|column| self.session.quote(column)).collect();
        let selected: Vec<String> = columns.iter().map(|column| format!("s.{column}")).collect();
        let sql = format!(
            "INSERT INTO {name} ({}) SELECT {} FROM {} AS s WHERE {is_taken}",
            columns.join(", "),
            selected.join(", "),
            rows.relation
        );
        let added = self.session.insert(load.table, &rows, &sql)?;
        if !is_by_id {
            let sql = format!("INSERT INTO {begun} SELECT s.{id} FROM {} AS s WHERE {is_taken}", rows.relation);
            self.session.execute(&self.doing(), &sql)?;
        }
        Ok(added)
    }
}
