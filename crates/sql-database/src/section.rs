//! Databases in the registry of sources, and what a section of a pipeline file says of one.

use crate::address::{Address, Parts};
use crate::source::SqlDatabase;
use crate::table::{Level, SqlTable};
use dlt_engine::connector::{Key, Maker, Nested, SourceConnector};
use dlt_engine::incremental::Incremental;
use dlt_engine::settings::{COLUMN_KEYS, CONTRACT_KEYS, HINT_KEYS, INCREMENTAL_KEYS, SCD2_KEYS};
use dlt_engine::settings::{
    Entry, Node, Origin, Section, Value, deserialize, read_hints_of_known_tables, unknown_word,
};
use dlt_engine::{Error, Result};
use std::path::Path;

/// Databases by name: how a pipeline file declares one.
pub static CONNECTOR: SourceConnector = SourceConnector {
    name: "sql_database",
    about: "tables, views and queries of a database: Postgres, MySQL, MariaDB, SQLite, DuckDB",
    keys: KEYS,
    nested: NESTED,
    ready_made: None,
    template: include_str!("template.toml"),
    secrets: "\
# [sources.sql_database]
# credentials = \"postgres://user:password@localhost:5432/database\"
",
    read,
};

const KEYS: &[Key] = &[
    Key::new("name", "the schema that the tables belong to", "the type: `sql_database`"),
    Key::new(
        "credentials",
        "the address of the database: `DRIVER://USER:PASSWORD@HOST:PORT/DATABASE`, `sqlite:///FILE`; or a table of \
         `drivername`, `username`, `password`, `host`, `port`, `database`, `query` \
         ([more](sources.md#databases-sql_database))",
        "needed",
    )
    .secret(),
    Key::new("schema", "the schema of the database whose tables are loaded", "the user's own"),
    Key::new(
        "table_names",
        "tables and views that are loaded, `*` and `?` stand for letters; a text or a list",
        "all tables",
    ),
    Key::new("tables", "what is said of single tables, and queries: `[[source.tables]]` with `name`", "nothing"),
    Key::new("include_views", "whether views are loaded that are not named", "`false`"),
    Key::new("chunk_size", "rows of a batch, at most; it ends at 8 MiB, too", "50000"),
    Key::new(
        "backend",
        "`sqlalchemy`, or `pyarrow`, which differs in `minimal` alone ([more](sources.md#databases-sql_database)); the other words of \
         Python dlt are refused",
        "`sqlalchemy`",
    ),
    Key::new(
        "reflection_level",
        "what of the database's types goes into the schema: `minimal`, `full`, `full_with_precision`",
        "`full`",
    ),
    Key::new("resolve_foreign_keys", "whether foreign keys become references between tables", "`false`"),
    Key::new(
        "incremental",
        "the column by which what is new is loaded, or a table ([more](incremental.md)); of all tables",
        "everything",
    ),
    HINT_KEYS[0],
    HINT_KEYS[1],
    HINT_KEYS[2],
    Key::new("primary_key", "columns that identify a row; a text or a list", "what the database says"),
    HINT_KEYS[4],
    HINT_KEYS[5],
    HINT_KEYS[6],
    HINT_KEYS[7],
    HINT_KEYS[8],
    HINT_KEYS[9],
    HINT_KEYS[10],
    HINT_KEYS[11],
];

const NESTED: &[Nested] = &[
    Nested::new("tables", &["tables[]"], TABLE),
    Nested::new("credentials", &["credentials"], CREDENTIALS),
    Nested::new("incremental", &["incremental", "tables[].incremental"], INCREMENTAL_KEYS),
    Nested::new("columns", &["columns.*", "columns[]", "tables[].columns.*"], COLUMN_KEYS),
    Nested::new("schema_contract", &["schema_contract", "tables[].schema_contract"], CONTRACT_KEYS),
    Nested::new("scd2", &["scd2", "tables[].scd2"], SCD2_KEYS),
];

const TABLE: &[Key] = &[
    Key::new("name", "the table or view, `*` and `?` stand for letters; of a query, what it is called", "needed"),
    Key::new("query", "a query whose rows are loaded in place of a table's", "the table"),
    Key::new("where", "which rows are loaded: a condition in the database's SQL", "all"),
    Key::new("table", "the table of the dataset", "named after the database's"),
    Key::new("incremental", "as below `[source]`", "as there"),
    HINT_KEYS[0],
    HINT_KEYS[1],
    HINT_KEYS[2],
    Key::new("primary_key", "columns that identify a row; a text or a list", "what the database says"),
    HINT_KEYS[4],
    HINT_KEYS[5],
    HINT_KEYS[6],
    HINT_KEYS[7],
    HINT_KEYS[8],
    HINT_KEYS[9],
    HINT_KEYS[10],
    HINT_KEYS[11],
];

const CREDENTIALS: &[Key] = &[
    Key::new(
        "drivername",
        "`postgres`, `mysql`, `sqlite` or `duckdb`; names of Python's drivers are understood",
        "needed",
    ),
    Key::new("username", "the user", "none"),
    Key::new("password", "the password", "none").secret(),
    Key::new("host", "the server", "`localhost`, as the database has it"),
    Key::new("port", "its port", "the database's own"),
    Key::new("database", "the database, or its file", "as the database has it"),
    Key::new("query", "options: a table of texts", "none"),
];

const LEVELS: &[(&str, Level)] =
    &[("minimal", Level::Minimal), ("full", Level::Full), ("full_with_precision", Level::FullWithPrecision)];

fn read(kind: &'static str, mut section: Section, folder: &Path) -> Result<Maker> {
    let name = section.text("name")?.map_or_else(|| kind.to_owned(), |found| found.value);
    let credentials = section.take("credentials");
    let schema = section.text("schema")?.map(|found| found.value);
    let mut tables = read_tables(&mut section)?;
    tables.extend(section.texts("table_names")?.into_iter().map(|name| SqlTable::new(name.value)));
    let include_views = section.flag("include_views")?.unwrap_or(false);
    let chunk_size = read_chunk_size(&mut section)?;
    let level = section.one_of("reflection_level", LEVELS)?.unwrap_or_default();
    let resolve_foreign_keys = section.flag("resolve_foreign_keys")?.unwrap_or(false);
    let is_pyarrow = read_backend(&mut section)?;
    let incremental = section.take("incremental").map(|entry| read_incremental(&entry, "source")).transpose()?;
    let hints = read_hints_of_known_tables(&mut section)?;
    let missing = section.origin().clone();
    section.finish()?;
    let mut source = match credentials {
        Some(entry) => SqlDatabase::at(read_credentials(entry)?.within(folder)),
        // The file may be there before the password is: that is told by the run.
        None => SqlDatabase::without_address(&missing.error("`source.credentials` is missing").hint(
            "put it into .dlt/secrets.toml below [sources.sql_database], or set SOURCES__SQL_DATABASE__CREDENTIALS: \
             credentials = \"postgres://user:password@localhost/database\"",
        )),
    };
    source.settings.schema = schema;
    source.settings.tables = tables;
    source.settings.include_views = include_views;
    source.settings.chunk_size = chunk_size.unwrap_or(source.settings.chunk_size);
    source.settings.level = level;
    source.settings.is_pyarrow = is_pyarrow;
    source.settings.resolve_foreign_keys = resolve_foreign_keys;
    source.settings.hints = hints;
    source.settings.incremental = incremental;
    let source = source.named(name);
    Ok(Box::new(move || Box::new(source.clone())))
}

fn read_chunk_size(section: &mut Section) -> Result<Option<usize>> {
    let Some(found) = section.count("chunk_size")? else { return Ok(None) };
    match usize::try_from(found.value) {
        Ok(rows @ 1..) => Ok(Some(rows)),
        _ => Err(found.origin.error("`source.chunk_size` must be at least 1")),
    }
}

/// Rows are read in columns whatever the word. Whether they are those of `pyarrow`, whose tables differ in little; those of the other
/// words have what a library of Python makes of values.
fn read_backend(section: &mut Section) -> Result<bool> {
    let Some(found) = section.text("backend")? else { return Ok(false) };
    match found.value.as_str() {
        "sqlalchemy" => Ok(false),
        "pyarrow" => Ok(true),
        "pandas" | "connectorx" => {
            let message = format!("`source.backend`: `{}` is a library of Python, with types of its own", found.value);
            Err(found.origin.error(message).hint(
                "write backend = \"pyarrow\", which has the database's types, or leave it out; rows are read in columns anyway",
            ))
        }
        other => Err(unknown_word(
            &found.origin,
            "value of `source.backend`",
            other,
            &["sqlalchemy", "pyarrow", "pandas", "connectorx"],
        )),
    }
}

/// `incremental = "updated_at"`, or a table.
fn read_incremental(entry: &Entry, section: &str) -> Result<Incremental> {
    let incremental = match &entry.node.value {
        Value::Text(cursor) => Incremental::new(cursor),
        _ => deserialize::<Incremental>(&entry.node, &format!("{section}.incremental"))?,
    };
    incremental.check().map_err(|error| entry.node.origin.relocated(&error))?;
    Ok(incremental)
}

/// `[[source.tables]]` with a name, or `[source.tables.NAME]`.
fn read_tables(section: &mut Section) -> Result<Vec<SqlTable>> {
    let Some(entry) = section.take("tables") else { return Ok(Vec::new()) };
    let wrong = |node: &Node| node.origin.error(format!("`source.tables` must be tables, and has {}", node.kind()));
    match entry.node.value {
        Value::List(nodes) => nodes
            .into_iter()
            .map(|node| match node.value {
                Value::Table(table) => read_table(Section::new("source.tables", node.origin, table), None),
                Value::Text(name) => Ok(SqlTable::new(name)),
                _ => Err(wrong(&node)),
            })
            .collect(),
        Value::Table(tables) => tables
            .entries
            .into_iter()
            .map(|entry| match entry.node.value {
                Value::Table(table) => {
                    let name = format!("source.tables.{}", entry.key);
                    read_table(Section::new(name, entry.key_origin, table), Some(entry.key))
                }
                _ => Err(wrong(&entry.node)),
            })
            .collect(),
        _ => Err(wrong(&entry.node)),
    }
}

fn read_table(mut section: Section, name: Option<String>) -> Result<SqlTable> {
    let name = match name {
        Some(name) => name,
        None => section.required_text("name", "name = \"orders\"")?.value,
    };
    let mut table = SqlTable::new(name);
    table.query = section.text("query")?.map(|found| found.value);
    table.condition = section.text("where")?.map(|found| found.value);
    let incremental = section.take("incremental");
    table.incremental = incremental.map(|entry| read_incremental(&entry, "source.tables")).transpose()?;
    let target = section.text("table")?.map(|found| found.value);
    table.hints = read_hints_of_known_tables(&mut section)?;
    table.hints.table = target;
    section.finish()?;
    Ok(table)
}

/// An address, or its parts.
fn read_credentials(entry: Entry) -> Result<Address> {
    let origin = entry.node.origin.clone();
    match entry.node.value {
        Value::Text(text) => Address::parse(&text).map_err(|error| origin.relocated(&error)),
        Value::Table(table) => {
            let mut section = Section::new("source.credentials", entry.key_origin, table);
            let parts = read_parts(&mut section)?;
            section.finish()?;
            Address::from_parts(parts).map_err(|error| origin.relocated(&error))
        }
        _ => Err(origin.error(format!("`source.credentials` must be text or a table, and is {}", entry.node.kind()))),
    }
}

fn read_parts(section: &mut Section) -> Result<Parts> {
    let drivername = section.required_text("drivername", "drivername = \"postgresql\"")?.value;
    let mut text = |key| -> Result<Option<String>> { Ok(section.raw_text(key)?.map(|found| found.value)) };
    let (username, password) = (text("username")?, text("password")?);
    let (host, database) = (text("host")?, text("database")?);
    let port = match section.count("port")? {
        None => None,
        Some(found) => {
            Some(u16::try_from(found.value).ok().filter(|port| *port > 0).ok_or_else(|| not_a_port(&found.origin))?)
        }
    };
    let mut parts = Parts { drivername, username, password, host, port, database, ..Parts::default() };
    if let Some(query) = section.section("query")? {
        let Value::Table(table) = query.into_node().value else { return Ok(parts) };
        for Entry { key, node, .. } in table.entries {
            let value = match &node.value {
                Value::Text(text) => text.clone(),
                Value::Integer(number) => number.to_string(),
                Value::Flag(flag) => flag.to_string(),
                _ => return Err(node.origin.error(format!("`source.credentials.query.{key}` must be text"))),
            };
            parts.query.insert(key, value);
        }
    }
    Ok(parts)
}

fn not_a_port(origin: &Origin) -> Error {
    origin.error("`source.credentials.port` must be a number from 1 to 65535")
}
