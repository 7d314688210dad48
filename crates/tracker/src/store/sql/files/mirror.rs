//! The tables in a database in memory: small ones as tables, the others as views over their files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arrow::array::AsArray;
use dlt_destination_duckdb::in_memory::{InMemory, path_literal, quote};
use dlt_destination_filesystem::Filesystem;
use dlt_destination_filesystem::together::{DataFile, Together};
use dlt_engine::schema::{Column, DataType, Table, WriteDisposition};
use dlt_engine::{Error, ErrorKind};

use super::is_in_files;
use crate::store::schema::{DATASET, EVENTS, QUARANTINE};

/// What the database may take of the machine's memory; what needs more goes to the disk.
const MEMORY: &str = "256MiB";

/// The column by which events and quarantine are divided: the day in UTC on which a row arrived.
pub(super) const DAY: &str = "received_day";

/// The hashes of the message ids of all events with their projects, so that few loads look into files for what came before.
pub(super) const IDS: &str = "known.ids";

/// The column that tells which file a row is of.
pub(super) const FILE: &str = "__file";

const DOING: &str = "read the tables";

/// Types of columns, as DuckDB, the engine and the log of a table call them.
const TYPES: [(&str, DataType, &str); 7] = [
    ("BIGINT", DataType::Bigint, "long"),
    ("VARCHAR", DataType::Text, "string"),
    ("TIMESTAMP WITH TIME ZONE", DataType::Timestamp, "timestamp"),
    ("BOOLEAN", DataType::Bool, "boolean"),
    ("DOUBLE", DataType::Double, "double"),
    ("DATE", DataType::Date, "date"),
    // It is found as text.
    ("JSON", DataType::Json, "string"),
];

/// The tables, and the database that shows them.
pub(super) struct Mirror {
    pub(super) tables: Together,
    pub(super) database: InMemory,
    /// Tables whose rows stay in files.
    pub(super) in_files: BTreeMap<String, InFiles>,
    /// When old files were looked for last.
    pub(super) swept: Option<std::time::Instant>,
}

/// A table whose rows stay in files.
#[derive(Clone, Debug, Default)]
pub(super) struct InFiles {
    /// Its columns with their types in DuckDB, without the day.
    pub(super) columns: Vec<(String, String)>,
    pub(super) files: Vec<DataFile>,
    /// Whether there are files that lack columns.
    pub(super) is_mixed: bool,
}

impl Mirror {
    pub(super) fn open(place: &Filesystem, local: &Path) -> Result<Self, Error> {
        let spill = local.join("spill");
        std::fs::create_dir_all(&spill).map_err(|error| {
            Error::new(ErrorKind::Storage, format!("cannot make the folder {}", spill.display())).because(error)
        })?;
        let database = InMemory::open(&spill)?;
        database.execute(
            DOING,
            &format!(
                "SET memory_limit = '{MEMORY}'; SET parquet_metadata_cache = true; CREATE SCHEMA {DATASET}; \
                 CREATE SCHEMA incoming; CREATE SCHEMA known; CREATE TABLE {IDS} (hash UBIGINT); USE {DATASET}"
            ),
        )?;
        let tables = Together::open(place, DATASET, &local.join("files"))?;
        let mut mirror = Self { tables, database, in_files: BTreeMap::new(), swept: None };
        for name in mirror.tables.names() {
            mirror.read(&name)?;
        }
        mirror.know_ids()?;
        Ok(mirror)
    }

    /// A connection for questions.
    pub(super) fn reader(&self) -> Result<InMemory, Error> {
        reader(&self.database)
    }

    /// Takes a table over from the store.
    fn read(&mut self, name: &str) -> Result<(), Error> {
        let mut columns = Vec::new();
        for column in self.tables.columns(name).into_iter().filter(|column| column.name != DAY) {
            let known = TYPES.iter().find(|(_, _, kind)| *kind == column.kind);
            let (sql, _, _) = known.ok_or_else(|| {
                let message = format!("column `{}` of table `{name}` is {}", column.name, column.kind);
                Error::new(ErrorKind::Destination, message)
                    .hint("the tracker writes no such column: another program did")
            })?;
            columns.push((column.name, (*sql).to_owned()));
        }
        let mut table = InFiles { columns, files: self.tables.files(name)?, is_mixed: false };
        table.is_mixed = self.is_mixed(&table)?;
        match is_in_files(name) {
            true => {
                self.in_files.insert(name.to_owned(), table);
                self.show(name)
            }
            false => {
                let rows = self.rows(&table, &table.files, None)?;
                self.database.execute(DOING, &format!("CREATE TABLE {} AS {rows}", of_dataset(name)))
            }
        }
    }

    /// Whether some files of a table have not all of its columns.
    fn is_mixed(&self, table: &InFiles) -> Result<bool, Error> {
        if table.files.is_empty() {
            return Ok(false);
        }
        let sql = format!(
            "SELECT count(*) FROM (SELECT file_name, count(*) AS columns FROM parquet_schema([{}]) GROUP BY file_name) \
             AS file WHERE columns <> {}",
            paths(&table.files)?,
            // The first is the row itself.
            table.columns.len() + 1
        );
        Ok(self.database.number(DOING, &sql)? > 0)
    }

    /// A query for the rows of files of a table, with all its columns; with the file of each row, if that has a name.
    pub(super) fn rows(&self, table: &InFiles, files: &[DataFile], file: Option<&str>) -> Result<String, Error> {
        let named = file.map_or(String::new(), |file| format!(", {file}"));
        if files.is_empty() {
            let columns = table.columns.iter().map(|(name, sql)| format!("CAST(NULL AS {sql}) AS {}", quote(name)));
            let file = file.map_or(String::new(), |file| format!(", CAST(NULL AS VARCHAR) AS {file}"));
            return Ok(format!("SELECT {}{file} WHERE false", Vec::from_iter(columns).join(", ")));
        }
        let option = file.map_or(String::new(), |file| format!(", filename = '{file}'"));
        let by_name = if table.is_mixed { ", union_by_name = true" } else { "" };
        let relation = format!("read_parquet([{}], hive_partitioning = false{by_name}{option})", paths(files)?);
        let has = if table.is_mixed { Some(self.database.columns_of(DOING, &relation)?) } else { None };
        let columns = table.columns.iter().map(|(name, sql)| match &has {
            Some(has) if !has.contains(name) => format!("CAST(NULL AS {sql}) AS {}", quote(name)),
            _ => quote(name),
        });
        Ok(format!("SELECT {}{named} FROM {relation}", Vec::from_iter(columns).join(", ")))
    }

    /// Makes the view of a table over its files.
    pub(super) fn show(&self, name: &str) -> Result<(), Error> {
        let Some(table) = self.in_files.get(name) else { return Ok(()) };
        let rows = self.rows(table, &table.files, None)?;
        self.database.execute(DOING, &format!("CREATE OR REPLACE VIEW {} AS {rows}", of_dataset(name)))
    }

    /// Reads the message ids of all events with their projects.
    pub(super) fn know_ids(&self) -> Result<(), Error> {
        let known = match self.in_files.get(EVENTS) {
            Some(table) => {
                let has_project = table.columns.iter().any(|(name, _)| name == "project");
                format!("; INSERT INTO {IDS} SELECT {} FROM {EVENTS}", hash_of_message(has_project))
            }
            None => String::new(),
        };
        self.database.execute(DOING, &format!("DELETE FROM {IDS}{known}"))
    }

    /// Whether there is a table or view.
    pub(super) fn has(&self, name: &str) -> Result<bool, Error> {
        let sql = format!(
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = '{DATASET}' AND table_name = {}",
            text(name)
        );
        Ok(self.database.number(DOING, &sql)? > 0)
    }

    /// The columns of a table or view with their types.
    pub(super) fn columns(&self, name: &str) -> Result<Vec<(String, String)>, Error> {
        let mut columns = Vec::new();
        let sql = format!(
            "SELECT column_name, data_type FROM information_schema.columns \
             WHERE table_schema = '{DATASET}' AND table_name = {} ORDER BY ordinal_position",
            text(name)
        );
        self.database.query(&sql, &mut |_, batch| {
            let texts = |at: usize| {
                let utf8 = arrow::datatypes::DataType::Utf8;
                arrow::compute::cast(batch.column(at), &utf8)
                    .map_err(|error| Error::new(ErrorKind::Internal, "names of columns are no texts").because(error))
            };
            let (names, types) = (texts(0)?, texts(1)?);
            let pairs = names.as_string::<i32>().iter().zip(types.as_string::<i32>().iter());
            columns.extend(pairs.filter_map(|(name, kind)| Some((name?.to_owned(), kind?.to_owned()))));
            Ok(())
        })?;
        Ok(columns)
    }

    /// A table as its log is to have it, and what selects its columns in their order.
    pub(super) fn described(&self, name: &str) -> Result<(Table, String), Error> {
        let columns = match self.in_files.get(name) {
            Some(table) => table.columns.clone(),
            None => self.columns(name)?,
        };
        let mut table = Table::root(name, name, WriteDisposition::Append);
        let mut selected = Vec::new();
        for (column, sql) in &columns {
            table.add(described(name, column, sql)?);
            selected.push(quote(column));
        }
        if name == EVENTS || name == QUARANTINE {
            let day = Column { nullable: true, ..Column::inferred(DAY, DataType::Date) };
            table.add(day.with("partition", true));
            selected.push(format!("CAST(received_at AS DATE) AS {DAY}"));
        }
        Ok((table, selected.join(", ")))
    }
}

/// The hash of an event's message, of rows that have a project or of rows that have no such column.
pub(super) fn hash_of_message(has_project: bool) -> String {
    format!("hash(message_id, {})", if has_project { "project" } else { "CAST(NULL AS VARCHAR)" })
}

/// A connection for questions beside another one.
pub(super) fn reader(database: &InMemory) -> Result<InMemory, Error> {
    let reader = database.beside()?;
    reader.execute(DOING, &format!("USE {DATASET}"))?;
    Ok(reader)
}

fn described(table: &str, column: &str, sql: &str) -> Result<Column, Error> {
    let known = TYPES.iter().find(|(known, _, _)| *known == sql);
    let (_, data_type, _) = known.ok_or_else(|| {
        let message =
            format!("column `{column}` of table `{table}` is {sql}, which the tracker does not keep in files");
        Error::new(ErrorKind::Destination, message)
    })?;
    let mut described = Column::inferred(column, *data_type);
    described.nullable = true;
    Ok(described)
}

/// A table as it stands in statements.
pub(super) fn of_dataset(name: &str) -> String {
    format!("{DATASET}.{}", quote(name))
}

/// A text as it stands in statements.
pub(super) fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

pub(super) fn paths(files: &[DataFile]) -> Result<String, Error> {
    let paths: Vec<&PathBuf> = files.iter().map(|file| &file.local).collect();
    Ok(paths.into_iter().map(|path| path_literal(path)).collect::<Result<Vec<_>, _>>()?.join(", "))
}
