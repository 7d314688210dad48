//! Moving the tables of one database into another.

use std::collections::HashMap;
use std::sync::Arc;

use dlt_engine::destination::{Access, Row};
use dlt_engine::source::{Chunk, ExtractContext, JsonChunk, Reader, Resource};
use dlt_engine::{Error, ErrorKind, Result, Source};
use serde_json::Value;

use super::deletion::{REQUESTS, TOMBSTONES};
use super::{SqlStore, SqlTables, deletion, retention};
use crate::row::number;
use crate::store::schema::{self, DATASET, EVENTS, LOADS, OBJECTS, PIPELINE, QUARANTINE, REPLAYS};
use crate::store::{Counts, Tables};

/// Rows that are read at a time.
const PAGE: u64 = 20_000;

impl SqlStore {
    /// Takes over all rows of a DuckDB file, in one transaction but for what was deleted on request or for its age, which is written before.
    /// What is counted then is what was counted there.
    ///
    /// # Errors
    /// When there are tables here already, one of the databases fails, or the counts differ.
    pub(crate) fn take_over(&self, from: &Arc<Self>) -> Result<Counts> {
        let mut old = from.tables(Access::Read)?;
        let mut new = self.tables(Access::Write)?;
        if new.exist()? {
            return Err(Error::new(ErrorKind::Config, "there are tables of a tracker already")
                .hint("name an empty database; or drop the schema `telemetry` there, if what is in it is not needed"));
        }
        let counts = old.counts()?;
        let lists = old.lists()?;
        let items = count_items(&mut old, &lists)?;
        new.session.execute(&format!("CREATE SCHEMA IF NOT EXISTS {DATASET}"))?;
        if old.have_deletions()? {
            let tables: [(&str, &[&str]); 2] = [
                (REQUESTS, &["journal_seq", "requested_at", "deleted_at", "events", "quarantined"]),
                (TOMBSTONES, &["message_hash", "proof_hash", "is_event", "journal_seq", "request_seq"]),
            ];
            let tables = tables.map(|(table, columns)| (table, columns.to_vec()));
            take_rows(&mut old, &mut new, deletion::tables(), &tables)?;
        }
        if old.have_expired()? {
            let names =
                |(table, columns): (_, &[(&'static str, _)])| (table, columns.iter().map(|(name, _)| *name).collect());
            take_rows(&mut old, &mut new, retention::tables(), &retention::TABLES.map(names))?;
        }
        let replays = old.have_replays()?.then_some(REPLAYS);
        let objects = old.has_column(OBJECTS, "object")?.then_some(OBJECTS);
        drop(old);
        let tables = [EVENTS, QUARANTINE, LOADS].into_iter().chain(replays).chain(objects).collect();
        self.pipeline.run(Moved { from: Arc::clone(from), tables, lists })?;
        (new.exist, new.columns, new.has_expired) = (true, None, None);
        new.session.make_indexes()?;
        let lists = new.lists()?;
        let (taken, taken_items) = (new.counts()?, count_items(&mut new, &lists)?);
        if taken == counts && taken_items == items {
            return Ok(counts);
        }
        let message = format!(
            "what was moved is not what was there: {taken:?} with {taken_items} items of lists, and there {counts:?} with {items}"
        );
        Err(Error::new(ErrorKind::Destination, message))
    }
}

/// The rows of all tables of lists.
fn count_items(tables: &mut SqlTables<'_>, lists: &[String]) -> Result<u64> {
    let mut items = 0;
    for list in lists {
        items += number(&tables.row(&format!("SELECT count(*) AS items FROM {list}"))?, "items");
    }
    Ok(items)
}

/// Copies tables that the engine does not write, which `statements` makes.
fn take_rows(
    old: &mut SqlTables<'_>,
    new: &mut SqlTables<'_>,
    mut statements: Vec<String>,
    tables: &[(&str, Vec<&str>)],
) -> Result<()> {
    for (table, columns) in tables {
        statements.push(format!("DELETE FROM {table}"));
        let columns = columns.join(", ");
        let rows = old.rows(&format!("SELECT {columns} FROM {table}"))?;
        for rows in rows.chunks(1000) {
            let values: Vec<String> = rows.iter().map(|row| values(new, row)).collect();
            statements.push(format!("INSERT INTO {table} ({columns}) VALUES {}", values.join(", ")));
        }
    }
    new.session.transaction("", &statements)
}

/// A row as values of SQL.
fn values(tables: &SqlTables<'_>, row: &Row) -> String {
    let value = |value: &Value| match value {
        Value::String(text) => tables.dialect.literal(text),
        other => other.to_string(),
    };
    format!("({})", Vec::from_iter(row.values().map(value)).join(", "))
}

/// The rows of the tables that loads write.
struct Moved {
    from: Arc<SqlStore>,
    /// Those that are there: some are made by the first load that needs them.
    tables: Vec<&'static str>,
    /// The tables of lists of objects, each as it stands in a statement.
    lists: Vec<String>,
}

impl Source for Moved {
    fn name(&self) -> &str {
        PIPELINE
    }

    fn identity(&self) -> String {
        "moved".to_owned()
    }

    fn is_replayable(&self) -> bool {
        true
    }

    fn resources(&mut self, _context: &ExtractContext) -> Result<Vec<Resource>> {
        let resource = |table: &'static str| {
            let lists = if table == EVENTS { self.lists.clone() } else { Vec::new() };
            let reader = TableReader { from: Arc::clone(&self.from), table, lists, next: 0, end: None };
            Resource::new(table, reader).with_hints(schema::hints(table))
        };
        Ok(self.tables.iter().copied().map(resource).collect())
    }
}

struct TableReader {
    from: Arc<SqlStore>,
    table: &'static str,
    /// The tables of lists that hang on its rows.
    lists: Vec<String>,
    /// The number of the row that comes next, and the one behind the last.
    next: u64,
    end: Option<u64>,
}

impl Reader for TableReader {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let mut tables = self.from.tables(Access::Read)?;
        let end = match self.end {
            Some(end) => end,
            None => {
                number(&tables.row(&format!("SELECT coalesce(max(rowid) + 1, 0) AS last FROM {}", self.table))?, "last")
            }
        };
        self.end = Some(end);
        if self.next >= end {
            return Ok(None);
        }
        let first_line = self.next + 1;
        let page = format!("rowid >= {} AND rowid < {}", self.next, self.next.saturating_add(PAGE));
        self.next += PAGE;
        let mut lists = Lists::read(&mut tables, &self.lists, &page)?;
        let mut bytes = Vec::new();
        for row in tables.rows(&format!("SELECT * FROM {} WHERE {page}", self.table))? {
            serde_json::to_writer(&mut bytes, &lists.with_items(row))
                .map_err(|cause| Error::new(ErrorKind::Internal, "a row can't be written").because(cause))?;
            bytes.push(b'\n');
        }
        Ok(Some(Chunk::Json(JsonChunk { bytes, input: Arc::from(self.table), first_line })))
    }
}

/// The items of lists that hang on rows: by the id of the row, and the name of the list.
#[derive(Default)]
struct Lists(HashMap<String, Vec<(String, Vec<Value>)>>);

impl Lists {
    /// What hangs on a page of events. `tables` begin with the name of what they hang on.
    fn read(from: &mut SqlTables<'_>, tables: &[String], page: &str) -> Result<Self> {
        let mut lists = Self::default();
        let mut names: Vec<&str> = tables.iter().map(|table| table.trim_matches('"')).collect();
        // What is nested deeper has the longer name, and is there when its parent is read.
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        for name in &names {
            let is_parent = |parent: &&str| name.strip_prefix(parent).is_some_and(|rest| rest.starts_with("__"));
            let parent = names.iter().copied().filter(is_parent).max_by_key(|parent| parent.len()).unwrap_or(EVENTS);
            let member_of = |parent: &str| name[parent.len() + "__".len()..].to_owned();
            let rows = from.rows(&format!(
                "SELECT * FROM \"{name}\" WHERE _dlt_root_id IN (SELECT _dlt_id FROM {EVENTS} WHERE {page}) \
                 ORDER BY _dlt_parent_id, _dlt_list_idx"
            ))?;
            for row in rows {
                let id = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
                let of = id("_dlt_parent_id");
                // A name of the event itself may look like one of an item: `products__tags`.
                let member = member_of(if of == id("_dlt_root_id") { EVENTS } else { parent });
                let item = Value::Object(lists.with_items(row));
                let of_parent = lists.0.entry(of).or_default();
                match of_parent.last_mut().filter(|(known, _)| *known == member) {
                    Some((_, items)) => items.push(item),
                    None => of_parent.push((member, vec![item])),
                }
            }
        }
        Ok(lists)
    }

    /// A row as it came: without what the engine wrote, and with what hangs on it.
    fn with_items(&mut self, mut row: Row) -> Row {
        let items = row.get("_dlt_id").and_then(Value::as_str).and_then(|id| self.0.remove(id));
        row.retain(|name, value| !name.starts_with("_dlt_") && !value.is_null());
        row.extend(items.into_iter().flatten().map(|(name, items)| (name, Value::Array(items))));
        row
    }
}
