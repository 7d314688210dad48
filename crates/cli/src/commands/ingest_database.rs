//! What `dlt ingest` loads from a database.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use dlt::{Address, FilesIncremental, SqlDatabase, SqlTable, TableHints};

use crate::args::Ingest;
use crate::exit::Failure;

/// The database that is given, if one is.
pub(super) fn address(arguments: &Ingest) -> Result<Option<&str>, Failure> {
    match arguments.paths.iter().find(|path| Address::is_meant(path)) {
        None => Ok(None),
        Some(address) if arguments.paths.len() == 1 => Ok(Some(address)),
        Some(_) => {
            Err(Failure::usage("a database is loaded by itself").hint("load what else there is by another command"))
        }
    }
}

/// The source that it is, with what was said of its tables.
pub(super) fn source(address: &str, arguments: &Ingest, hints: TableHints) -> Result<SqlDatabase, Failure> {
    if arguments.format.is_some() {
        return Err(Failure::usage("--format is for files, and this is a database").hint("leave it out"));
    }
    // What is wrong with it is told here, as what is wrong with an argument.
    Address::parse(address)?;
    let mut source = dlt::sql_database(address).include_views(arguments.database.include_views).with_hints(hints);
    if let Some(schema) = &arguments.database.schema {
        source = source.schema(schema);
    }
    let filtered = |table: SqlTable| match &arguments.database.condition {
        Some(condition) => table.filtered(condition),
        None => table,
    };
    match (&arguments.database.query, arguments.table.as_slice()) {
        (Some(query), [name]) => source = source.table(filtered(SqlTable::query(name, query))),
        (Some(_), _) => {
            let wrong = Failure::usage("a query makes one table, which needs a name");
            return Err(wrong.hint("add, for example: --table totals"));
        }
        (None, []) if arguments.database.condition.is_some() => {
            return Err(Failure::usage("--where is for tables that are named").hint("add, for example: --table orders"));
        }
        (None, names) => {
            for name in names {
                source = source.table(filtered(SqlTable::new(name)));
            }
        }
    }
    match arguments.incremental.meaning()? {
        None => Ok(source),
        Some(FilesIncremental::Rows(incremental)) => Ok(source.incremental(incremental)),
        Some(_) => {
            let wrong = Failure::usage("--incremental modification_date is for files, and this is a database");
            Err(wrong.hint("name a column of the tables"))
        }
    }
}

/// Says that an option is not meant for files.
pub(super) fn refuse_for_files(arguments: &Ingest) -> Result<(), Failure> {
    if let Some(option) = arguments.database.given() {
        let wrong = Failure::usage(format!("{option} is for databases, and these are files"));
        return Err(wrong.hint("name a database as sqlite:FILE, duckdb:FILE, postgres://… or mysql://…"));
    }
    if arguments.table.len() > 1 {
        return Err(
            Failure::usage("files are loaded into one table, or into one each").hint("give one --table, or none")
        );
    }
    for path in &arguments.paths {
        if let Some(kind) = database_in(path) {
            let wrong = Failure::usage(format!("{path} is a database"));
            return Err(wrong.hint(format!("load its tables with: dlt ingest {kind}:{path} …")));
        }
    }
    Ok(())
}

/// The kind of database that a file is, by its first bytes.
fn database_in(path: &str) -> Option<&'static str> {
    let mut start = [0; 16];
    let path = Path::new(path);
    // What can be read once only is left to whoever reads it.
    if !path.is_file() {
        return None;
    }
    File::open(path).ok()?.read_exact(&mut start).ok()?;
    match &start {
        b"SQLite format 3\0" => Some("sqlite"),
        start if &start[8..12] == b"DUCK" => Some("duckdb"),
        _ => None,
    }
}
