//! What `dlt ingest` loads from a database.

use dlt::{Address, FilesIncremental, SqlDatabase, SqlTable, TableHints};

use crate::args::Ingest;
use crate::exit::Failure;

/// The database that is given, if one is.
pub(super) fn address(arguments: &Ingest) -> Result<Option<&str>, Failure> {
    match arguments.paths.iter().find(|path| Address::is_address(path)) {
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
        return Err(Failure::usage("files are loaded into one table, or into one each").hint("give one --table, or none"));
    }
    Ok(())
}
