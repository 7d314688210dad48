//! Merges of tables that have a log: new rows meet those that are there by key.
//!
//! Files are never changed. Those that hold a row which a new one meets are read into a database in memory, the merge that all
//! databases have is done there ([`dlt_engine::sql`]), and what it leaves takes the place of these files. All others stay.

use crate::kept::{DataFiles, Form, Place, Written};
use crate::views::{DataFile, FILE, logged};
use arrow::array::ArrayRef;
use dlt_destination_duckdb::in_memory::{InMemory, parquet, quote};
use dlt_engine::destination::{ChainLoad, TableLoad, Write};
use dlt_engine::schema::{MergeStrategy, Table, column_names};
use dlt_engine::{Error, ErrorKind, Result};
use std::collections::BTreeSet;
use std::path::PathBuf;
use tempfile::TempDir;

/// The dataset in the database.
const DATASET: &str = "merged";

/// A table of the chain.
#[derive(Debug)]
pub(crate) struct Member<'a> {
    pub(crate) table: &'a Table,
    /// Its job files.
    pub(crate) new: &'a [PathBuf],
    /// Its files, by the path that the log has of each.
    pub(crate) old: Vec<(String, DataFile)>,
}

/// What a merge makes of a table.
pub(crate) struct Merged {
    /// Paths of the files that go.
    pub(crate) removed: Vec<String>,
    /// Number of rows before which nothing is new.
    first_new: i64,
}

/// A merge that is done in memory.
pub(crate) struct Merge {
    database: InMemory,
    pub(crate) tables: Vec<Merged>,
    /// Rows that were added to each table.
    pub(crate) added: Vec<u64>,
    /// What does not fit into memory, and files of other machines.
    _folder: TempDir,
}

impl Merge {
    /// Does it; the root table comes first. `folder` takes what does not fit into memory.
    ///
    /// # Errors
    /// [`ErrorKind::Data`] for a key that comes twice where it must not; if files cannot be read.
    pub(crate) fn run(members: &[Member<'_>], strategy: MergeStrategy, folder: TempDir) -> Result<Self> {
        let database = InMemory::open(folder.path())?;
        database.execute("make a dataset", &format!("CREATE SCHEMA {DATASET}"))?;
        let mut merge = Self { database, tables: Vec::new(), added: Vec::new(), _folder: folder };
        for (at, member) in members.iter().enumerate() {
            merge.make_old(at, member)?;
        }
        let touched = merge.touched(members, strategy)?;
        for ((at, member), touched) in members.iter().enumerate().zip(touched) {
            merge.make_table(at, member, touched, strategy)?;
        }
        let loads = members.iter().map(|member| TableLoad { table: member.table, files: member.new.to_vec() });
        let chain = ChainLoad { tables: loads.collect(), write: Write::Merge(strategy) };
        merge.added = merge.database.merge(DATASET, &chain, strategy)?;
        Ok(merge)
    }

    /// A view of the rows of a table as it is, with their files.
    fn make_old(&self, at: usize, member: &Member<'_>) -> Result<()> {
        let files: Vec<&DataFile> = member.old.iter().map(|(_, file)| file).collect();
        let rows = logged(&self.database, member.table, &files)?;
        let sql = format!("CREATE VIEW {} AS {rows}", old(at));
        self.database.execute(&format!("read table `{}`", member.table.name), &sql)
    }

    /// Files that may hold a row which the merge deletes.
    fn touched(&self, members: &[Member<'_>], strategy: MergeStrategy) -> Result<Vec<BTreeSet<String>>> {
        let all = || members.iter().map(|member| member.old.iter().map(|(_, file)| name(file)).collect()).collect();
        let none = || members.iter().map(|_| BTreeSet::new()).collect();
        let Some(root) = members.first() else { return Ok(Vec::new()) };
        match strategy {
            MergeStrategy::InsertOnly => return Ok(none()),
            MergeStrategy::Cdc => return Ok(all()),
            _ => {}
        }
        let Some(meets) = self.meets(root)? else { return Ok(none()) };
        let mut touched = vec![self.files(&format!("SELECT DISTINCT {FILE} FROM {} AS t WHERE {meets}", old(0)))?];
        let (id, root_id) = (quote(column_names::ID), quote(column_names::ROOT_ID));
        for (at, _) in members.iter().enumerate().skip(1) {
            // Rows that lack the id of their root get it by their parents, whichever files these are in.
            let lacking = format!("SELECT DISTINCT {FILE} FROM {} WHERE {root_id} IS NULL", old(at));
            if !self.files(&lacking)?.is_empty() {
                return Ok(all());
            }
            touched.push(self.files(&format!(
                "SELECT DISTINCT {FILE} FROM {} WHERE {root_id} IN (SELECT t.{id} FROM {} AS t WHERE {meets})",
                old(at),
                old(0)
            ))?);
        }
        Ok(touched)
    }

    /// Condition for an old row `t` of the root table that a new one has its key; `None` if the new rows have no key.
    fn meets(&self, root: &Member<'_>) -> Result<Option<String>> {
        let keys = root.table.columns_with("primary_key");
        let new = parquet(root.new)?;
        let has = self.database.columns_of("read the new rows", &new)?;
        if keys.is_empty() || !keys.iter().all(|key| has.iter().any(|column| column == key)) {
            return Ok(None);
        }
        let same: Vec<String> = keys.iter().map(|key| format!("s.{0} = t.{0}", quote(key))).collect();
        Ok(Some(format!("EXISTS (SELECT 1 FROM {new} AS s WHERE {})", same.join(" AND "))))
    }

    fn files(&self, sql: &str) -> Result<BTreeSet<String>> {
        let mut files = BTreeSet::new();
        self.database.query(sql, &mut |_, batch| {
            let column = batch.columns().first().cloned();
            let texts =
                column.map(|column| arrow::compute::cast(&column, &arrow::datatypes::DataType::Utf8)).transpose();
            let texts =
                texts.map_err(|error| Error::new(ErrorKind::Internal, "names of files are no texts").because(error))?;
            for text in texts.iter().flat_map(|texts| arrow::array::AsArray::as_string::<i32>(texts).iter().flatten()) {
                files.insert(text.to_owned());
            }
            Ok(())
        })?;
        Ok(files)
    }

    /// The table that the merge changes: the rows of the files that are touched. Where rows are only added, those that new ones meet.
    fn make_table(
        &mut self,
        at: usize,
        member: &Member<'_>,
        touched: BTreeSet<String>,
        strategy: MergeStrategy,
    ) -> Result<()> {
        let doing = format!("read table `{}`", member.table.name);
        let condition = match strategy {
            MergeStrategy::InsertOnly if at == 0 => self.meets(member)?.unwrap_or_else(|| "false".to_owned()),
            _ if touched.is_empty() => "false".to_owned(),
            _ => {
                let names: Vec<String> = touched.iter().map(|name| format!("'{}'", name.replace('\'', "''"))).collect();
                format!("t.{FILE} IN ({})", names.join(", "))
            }
        };
        let place = self.place(member.table);
        let sql = format!("CREATE TABLE {place} AS SELECT * EXCLUDE ({FILE}) FROM {} AS t WHERE {condition}", old(at));
        self.database.execute(&doing, &sql)?;
        let first_new = match strategy {
            MergeStrategy::InsertOnly => self.database.number(&doing, &format!("SELECT count(*) FROM {place}"))?,
            _ => 0,
        };
        let removed = member.old.iter().filter(|(_, file)| touched.contains(&name(file))).map(|(path, _)| path.clone());
        self.tables.push(Merged { removed: removed.collect(), first_new });
        Ok(())
    }

    /// Whether there are rows to write of a table.
    pub(crate) fn has_rows(&self, at: usize, table: &Table) -> Result<bool> {
        let first = self.tables.get(at).map_or(0, |merged| merged.first_new);
        let sql = format!("SELECT count(*) FROM {} WHERE rowid >= {first}", self.place(table));
        self.database.number("count rows", &sql).map(|rows| rows > 0)
    }

    fn place(&self, table: &Table) -> String {
        format!("{DATASET}.{}", quote(&table.name))
    }

    /// Writes what the merge left of a table.
    pub(crate) fn write(&self, at: usize, table: &Table, place: &Place<'_>, form: &Form) -> Result<Vec<Written>> {
        let columns: Vec<String> = table.complete_columns().map(|(column, _)| column.name.clone()).collect();
        let mut files = DataFiles::new(place, form);
        let names: Vec<String> = columns.iter().map(|column| quote(column)).collect();
        // Rows that are only added stand behind those that were there.
        let first = self.tables.get(at).map_or(0, |merged| merged.first_new);
        let sql = format!("SELECT {} FROM {} WHERE rowid >= {first}", names.join(", "), self.place(table));
        self.database.query(&sql, &mut |_, batch| {
            let arrays: Vec<ArrayRef> = batch.columns().to_vec();
            if batch.num_rows() == 0 { Ok(()) } else { files.add(&arrays) }
        })?;
        files.finish()
    }
}

fn old(at: usize) -> String {
    format!("_dlt_old_{at}")
}

/// A file as DuckDB calls it.
fn name(file: &DataFile) -> String {
    file.path.to_string_lossy().into_owned()
}
