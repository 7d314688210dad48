//! A change of the tables: statements that are done in the database in memory, and written as files with its commit.

use std::collections::{BTreeMap, HashSet};
use std::sync::MutexGuard;

use arrow::array::AsArray;
use dlt_destination_duckdb::in_memory::quote;
use dlt_destination_filesystem::together::{DataFile, NewFiles, TableChange};
use dlt_engine::{Error, ErrorKind};

use super::State;
use super::mirror::{FILE, IDS, InFiles, Mirror, hash_of_message, of_dataset};
use super::{is_in_files, upkeep};
use crate::secret::random_hex;
use crate::store::schema::{EVENTS, LOADS};

const DOING: &str = "change the tables";

/// A change under way. Dropped without its commit, it has changed nothing.
pub(super) struct Change<'a> {
    state: MutexGuard<'a, State>,
    /// Tables in files as they were.
    before: BTreeMap<String, InFiles>,
    /// Unlike that of any other try.
    id: String,
    /// Files that were written.
    written: usize,
    small: BTreeMap<String, Small>,
    large: BTreeMap<String, Large>,
    is_open: bool,
}

/// What became of a small table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Small {
    /// Rows came behind one with this number.
    Grown(i64),
    Changed,
}

/// What became of a table in files.
#[derive(Default)]
struct Large {
    removes: Vec<String>,
    adds: NewFiles,
    only_moves: bool,
}

impl<'a> Change<'a> {
    pub(super) fn begin(state: MutexGuard<'a, State>) -> Result<Self, Error> {
        let before = state.mirror.as_ref().map(|mirror| mirror.in_files.clone()).unwrap_or_default();
        let random = random_hex::<8>()
            .map_err(|error| Error::new(ErrorKind::Internal, "the system has no random numbers").because(error))?;
        // In the order of time, for people who look.
        let id = format!("{:016}-{random}", jiff::Timestamp::now().as_microsecond());
        let (small, large) = (BTreeMap::new(), BTreeMap::new());
        let mut change = Self { state, before, id, written: 0, small, large, is_open: false };
        change.mirror()?.database.execute(DOING, "BEGIN TRANSACTION")?;
        change.is_open = true;
        Ok(change)
    }

    pub(super) fn mirror(&mut self) -> Result<&mut Mirror, Error> {
        self.state.mirror.as_mut().ok_or_else(|| Error::new(ErrorKind::Internal, "the tables are not open"))
    }

    fn execute(&mut self, sql: &str) -> Result<(), Error> {
        self.mirror()?.database.execute(DOING, sql)
    }

    fn number(&mut self, sql: &str) -> Result<i64, Error> {
        self.mirror()?.database.number(DOING, sql)
    }

    /// Does a statement of the store.
    pub(super) fn run(&mut self, sql: &str) -> Result<(), Error> {
        let statement = Statement::parse(sql).ok_or_else(|| {
            Error::new(ErrorKind::Internal, format!("the statement is not known for files: {sql:.40}"))
        })?;
        match statement {
            Statement::Other => Ok(()),
            Statement::Create(table) => match self.mirror()?.has(&table)? {
                true => Ok(()),
                false => {
                    self.small.insert(table, Small::Changed);
                    self.execute(sql)
                }
            },
            Statement::Insert(table, rest) if is_in_files(&table) => {
                let first = self.stage(&table, "false")?;
                self.execute(&format!("INSERT INTO incoming.{}{rest}", quote(&table)))?;
                self.take(&table, first).map(drop)
            }
            Statement::Insert(table, _) => {
                self.grows(&table)?;
                self.execute(sql)
            }
            Statement::Delete(table, condition) if is_in_files(&table) => self.delete(&table, &condition),
            Statement::Update(table) if is_in_files(&table) => {
                Err(Error::new(ErrorKind::Internal, format!("rows of `{table}` are not changed")))
            }
            Statement::Delete(table, _) | Statement::Update(table) => {
                let rows =
                    format!("SELECT coalesce(bit_xor(hash(r)) >> 1, 0)::BIGINT FROM {} AS r", of_dataset(&table));
                let before = self.number(&rows)?;
                self.execute(sql)?;
                if self.number(&rows)? != before {
                    self.small.insert(table, Small::Changed);
                }
                Ok(())
            }
        }
    }

    /// A small table will get rows.
    pub(super) fn grows(&mut self, table: &str) -> Result<(), Error> {
        if !self.small.contains_key(table) {
            let last = self.number(&format!("SELECT coalesce(max(rowid), -1) FROM {}", of_dataset(table)))?;
            self.small.insert(table.to_owned(), Small::Grown(last));
        }
        Ok(())
    }

    /// A small table is new, or has other columns.
    pub(super) fn is_other(&mut self, table: &str) {
        self.small.insert(table.to_owned(), Small::Changed);
    }

    /// A table in files is new, or has other columns.
    pub(super) fn is_described(&mut self, table: &str) {
        self.large.entry(table.to_owned()).or_default();
    }

    /// Makes a table beside a table in files, with those of its rows for which a condition holds. Returns the number of the last.
    pub(super) fn stage(&mut self, table: &str, condition: &str) -> Result<i64, Error> {
        let staged = format!("incoming.{}", quote(table));
        self.execute(&format!(
            "CREATE OR REPLACE TABLE {staged} AS SELECT * FROM {} WHERE {condition}",
            of_dataset(table)
        ))?;
        self.number(&format!("SELECT coalesce(max(rowid), -1) FROM {staged}"))
    }

    /// Takes what came behind the last row of such a table; returns how many rows.
    pub(super) fn take(&mut self, table: &str, last: i64) -> Result<i64, Error> {
        let staged = format!("incoming.{}", quote(table));
        let came = self.number(&format!("SELECT count(*) FROM {staged} WHERE rowid > {last}"))?;
        if came > 0 {
            let rows = format!("SELECT * FROM {staged} WHERE rowid > {last}");
            let (adds, files) = self.write(table, &rows)?;
            self.large.entry(table.to_owned()).or_default().adds.extend(adds);
            if table == EVENTS {
                self.execute(&format!("INSERT INTO {IDS} SELECT {} FROM ({rows}) AS came", hash_of_message(true)))?;
            }
            self.has_files(table, &HashSet::new(), files)?;
        }
        Ok(came)
    }

    /// Writes the rows of a query as files of a table.
    pub(super) fn write(&mut self, table: &str, rows: &str) -> Result<(NewFiles, Vec<DataFile>), Error> {
        let stem = format!("{}-{}", self.id, self.written);
        self.written += 1;
        let mirror = self.mirror()?;
        let (described, columns) = mirror.described(table)?;
        let sql = format!("SELECT {columns} FROM ({rows}) AS r");
        mirror.tables.write(&described, &stem, &mut |add| {
            mirror.database.query(&sql, &mut |_, batch| match batch.num_rows() {
                0 => Ok(()),
                _ => add(batch.columns()),
            })
        })
    }

    /// Takes files out of a table in files, and puts others in.
    fn has_files(&mut self, table: &str, gone: &HashSet<String>, come: Vec<DataFile>) -> Result<(), Error> {
        let mirror = self.mirror()?;
        if let Some(known) = mirror.in_files.get_mut(table) {
            known.files.retain(|file| !gone.contains(&file.path));
            known.files.extend(come);
        }
        mirror.show(table)
    }

    /// Puts files in the place of others.
    pub(super) fn replace(
        &mut self,
        table: &str,
        gone: &HashSet<String>,
        adds: NewFiles,
        files: Vec<DataFile>,
        only_moves: bool,
    ) -> Result<(), Error> {
        let is_new = |path: &String, large: &Large| large.adds.paths().contains(path);
        let large = self.large.entry(table.to_owned()).or_default();
        // What this change has written itself is in no log yet.
        let known: Vec<String> = gone.iter().filter(|path| !is_new(path, large)).cloned().collect();
        large.removes.extend(known);
        large.adds.without(gone);
        large.adds.extend(adds);
        large.only_moves = only_moves;
        self.has_files(table, gone, files)
    }

    /// Deletes rows of a table in files: files that hold some are written anew without them.
    fn delete(&mut self, table: &str, condition: &str) -> Result<(), Error> {
        let mirror = self.mirror()?;
        let Some(known) = mirror.in_files.get(table).cloned() else { return Ok(()) };
        let rows = mirror.rows(&known, &known.files, Some(FILE))?;
        let mut touched = HashSet::new();
        mirror.database.query(
            &format!("SELECT DISTINCT {FILE} FROM ({rows}) AS r WHERE {condition}"),
            &mut |_, batch| {
                let names = arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8)
                    .map_err(|error| Error::new(ErrorKind::Internal, "names of files are no texts").because(error))?;
                touched.extend(names.as_string::<i32>().iter().flatten().map(str::to_owned));
                Ok(())
            },
        )?;
        if touched.is_empty() {
            return Ok(());
        }
        let is_touched = |file: &&DataFile| touched.contains(&*file.local.to_string_lossy());
        let old: Vec<DataFile> = known.files.iter().filter(is_touched).cloned().collect();
        if old.len() != touched.len() {
            return Err(Error::new(ErrorKind::Internal, "files of the tables have other names than they are known by"));
        }
        let rows = mirror.rows(&known, &old, None)?;
        let stay = format!("SELECT * FROM ({rows}) AS r WHERE NOT coalesce(({condition}), false)");
        let (adds, files) = self.write(table, &stay)?;
        self.replace(table, &old.into_iter().map(|file| file.path).collect(), adds, files, false)
    }

    /// Makes the change.
    pub(super) fn commit(mut self) -> Result<(), Error> {
        let mut changes = Vec::new();
        for (name, large) in std::mem::take(&mut self.large) {
            let (table, _) = self.mirror()?.described(&name)?;
            changes.push(TableChange { table, removes: large.removes, adds: large.adds, only_moves: large.only_moves });
        }
        for (name, how) in loads_last(std::mem::take(&mut self.small)) {
            let (table, _) = self.mirror()?.described(&name)?;
            let old: Vec<String> = self.mirror()?.tables.files(&name)?.into_iter().map(|file| file.path).collect();
            let (condition, removes) = match how {
                Small::Grown(last) if old.len() < upkeep::MANY => (format!("rowid > {last}"), Vec::new()),
                Small::Grown(_) | Small::Changed => ("true".to_owned(), old),
            };
            let (adds, _) = self.write(&name, &format!("SELECT * FROM {} WHERE {condition}", of_dataset(&name)))?;
            if !adds.is_empty() || how == Small::Changed {
                changes.push(TableChange { table, removes, adds, only_moves: false });
            }
        }
        let id = self.id.clone();
        if let Err(error) = self.mirror()?.tables.commit(&id, changes) {
            self.state.is_stale = true;
            return Err(error);
        }
        // From here on it is made: if the database in memory fails, it is made anew from the store.
        self.is_open = false;
        let done = self.execute("COMMIT");
        self.state.is_stale = done.is_err();
        done
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        if self.is_open
            && let Some(mirror) = self.state.mirror.as_mut()
        {
            mirror.in_files = std::mem::take(&mut self.before);
            if mirror.database.execute(DOING, "ROLLBACK").is_err() {
                self.state.is_stale = true;
            }
        }
    }
}

/// Small tables in the order in which they are written: other readers see the loads last, with all that they brought.
fn loads_last<T>(tables: BTreeMap<String, T>) -> Vec<(String, T)> {
    let mut tables = Vec::from_iter(tables);
    tables.sort_by_key(|(name, _)| name == LOADS);
    tables
}

/// What the statements of the store do.
#[derive(Debug, PartialEq, Eq)]
enum Statement {
    Create(String),
    /// With what stands behind the table.
    Insert(String, String),
    Update(String),
    /// With its condition.
    Delete(String, String),
    /// Nothing that files have.
    Other,
}

impl Statement {
    fn parse(sql: &str) -> Option<Self> {
        if sql.starts_with("CREATE SCHEMA ") {
            return Some(Self::Other);
        }
        let name = |rest: &str| {
            let end = rest.find([' ', '(']).unwrap_or(rest.len());
            (rest[..end].trim_matches('"').to_owned(), rest[end..].to_owned())
        };
        if let Some(rest) = sql.strip_prefix("CREATE TABLE IF NOT EXISTS ") {
            return Some(Self::Create(name(rest).0));
        }
        if let Some(rest) = sql.strip_prefix("INSERT INTO ") {
            let (table, rest) = name(rest);
            return Some(Self::Insert(table, rest));
        }
        if let Some(rest) = sql.strip_prefix("UPDATE ") {
            return Some(Self::Update(name(rest).0));
        }
        let (table, rest) = name(sql.strip_prefix("DELETE FROM ")?);
        let condition = rest.trim().strip_prefix("WHERE ").unwrap_or("true");
        Some(Self::Delete(table, condition.to_owned()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn loads_are_written_behind_what_they_brought() {
        let tables = ["edge_objects", LOADS, "replays", "deletion_requests"].map(|name| (name.to_owned(), ()));
        let order: Vec<String> = loads_last(BTreeMap::from(tables)).into_iter().map(|(name, ())| name).collect();
        assert_eq!(order, ["deletion_requests", "edge_objects", "replays", LOADS]);
    }

    #[test]
    fn statements_are_understood() {
        let delete = |table: &str, condition: &str| Statement::Delete(table.to_owned(), condition.to_owned());
        for (sql, expected) in [
            ("DELETE FROM \"events__products\" WHERE a IN (SELECT 1)", delete("events__products", "a IN (SELECT 1)")),
            ("DELETE FROM quarantine", delete("quarantine", "true")),
            ("UPDATE journal_loads SET a = 1", Statement::Update("journal_loads".to_owned())),
            ("INSERT INTO t (a) VALUES (1)", Statement::Insert("t".to_owned(), " (a) VALUES (1)".to_owned())),
            ("CREATE TABLE IF NOT EXISTS t (a BIGINT)", Statement::Create("t".to_owned())),
        ] {
            assert_eq!(Statement::parse(sql).unwrap(), expected, "{sql}");
        }
        assert_eq!(Statement::parse("DROP TABLE t"), None);
    }
}
