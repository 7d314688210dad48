//! What databases say differently: types, literals, catalogs.

mod ansi;
mod postgres;
mod sqlite;

use dlt_engine::schema::{Column, DataType, Table};
use dlt_engine::{Error, ErrorKind, Result};

/// A way to write SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// SQLite: a dataset is a file.
    Sqlite,
    /// PostgreSQL: a dataset is a schema.
    Postgres,
    /// The SQL that most databases share: a dataset is a schema.
    Ansi,
}

/// The dialects by name.
pub(crate) const NAMES: [(&str, Dialect); 3] =
    [("sqlite", Dialect::Sqlite), ("postgres", Dialect::Postgres), ("ansi", Dialect::Ansi)];

impl Dialect {
    /// The dialect of a driver, by its name or the name of its file.
    pub(crate) fn of_driver(driver: &str) -> Self {
        let file = driver.rsplit(['/', '\\']).next().unwrap_or(driver).to_ascii_lowercase();
        match () {
            () if file.contains("sqlite") => Self::Sqlite,
            () if file.contains("postgres") => Self::Postgres,
            () => Self::Ansi,
        }
    }

    /// What the database is called in messages.
    pub(crate) fn database(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::Ansi => "the database",
        }
    }

    /// A table that nobody else sees.
    pub(crate) fn temporary(self, name: &str) -> String {
        match self {
            Self::Sqlite => format!("temp.{}", quote(name)),
            Self::Postgres => format!("pg_temp.{}", quote(name)),
            Self::Ansi => quote(name),
        }
    }

    /// A moment, in microseconds since 1970, as SQL.
    pub(crate) fn instant(self, micros: i64) -> Result<String> {
        let text = crate::exact::instant(micros)?;
        Ok(match self {
            Self::Sqlite => literal(&text),
            Self::Postgres | Self::Ansi => format!("TIMESTAMP WITH TIME ZONE '{text}+00:00'"),
        })
    }

    /// The type of a column, as the catalog of the database spells it; `None` while the type is unknown.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`] if the database has no such type.
    pub(crate) fn sql_type(self, table: &Table, column: &Column) -> Result<Option<String>> {
        let Some(data_type) = column.data_type else { return Ok(None) };
        let found = match self {
            Self::Sqlite => Ok(sqlite::sql_type(data_type).to_owned()),
            Self::Postgres => postgres::sql_type(column, data_type),
            Self::Ansi => Ok(ansi::sql_type(column, data_type)),
        };
        found.map(Some).map_err(|(what, hint)| {
            let what = format!(
                "column `{}` of table `{}` has {what}, which {} cannot hold",
                column.name,
                table.name,
                self.database()
            );
            Error::new(ErrorKind::Destination, what).hint(hint)
        })
    }

    /// Whether a column of type `existing` holds every value of the column unchanged, which needs the type `wanted`.
    pub(crate) fn can_hold(self, existing: &str, column: &Column, wanted: &str) -> bool {
        match self {
            Self::Sqlite => column.data_type.is_none_or(|data_type| sqlite::can_hold(existing, data_type)),
            Self::Postgres => postgres::can_hold(existing, wanted),
            Self::Ansi => ansi::can_hold(existing, wanted),
        }
    }

    /// Whether values of the type are handed to the driver as text: in a form of their own that loses nothing.
    pub(crate) fn stages_as_text(self, data_type: DataType) -> bool {
        match data_type {
            DataType::Decimal | DataType::Wei => true,
            DataType::Timestamp | DataType::Date | DataType::Time => self != Self::Postgres,
            DataType::Text
            | DataType::Json
            | DataType::Double
            | DataType::Bool
            | DataType::Bigint
            | DataType::Binary => false,
        }
    }

    /// A staged value as one of its column.
    pub(crate) fn cast(self, staged: &str, wanted: &str) -> String {
        match self {
            // A cast never fails there, and makes a number of what is none.
            Self::Sqlite => staged.to_owned(),
            // A cast would cut what is too long.
            _ if wanted.starts_with("character varying") || wanted == "VARCHAR" => staged.to_owned(),
            // An instant is staged without the zone that it is in.
            Self::Ansi if wanted == ansi::INSTANT => format!("CAST({staged} || '+00:00' AS {wanted})"),
            Self::Postgres | Self::Ansi => format!("CAST({staged} AS {wanted})"),
        }
    }

    /// Columns of a table, the one that numbers staged rows left out.
    pub(crate) fn max_columns(self) -> usize {
        match self {
            Self::Sqlite => 1_999,
            Self::Postgres => 1_599,
            Self::Ansi => usize::MAX,
        }
    }

    /// Characters of a name.
    pub(crate) fn max_identifier_length(self) -> usize {
        match self {
            Self::Sqlite => 65_536,
            Self::Postgres | Self::Ansi => 63,
        }
    }

    /// SQL that lists tables with their columns and types: three columns of text.
    pub(crate) fn columns_sql(self, dataset: &str) -> String {
        match self {
            Self::Sqlite => sqlite::COLUMNS.to_owned(),
            Self::Postgres => postgres::columns_sql(&literal(dataset)),
            Self::Ansi => format!(
                "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = {}",
                literal(dataset)
            ),
        }
    }

    /// SQL that lists tables, the oldest first as far as the database knows.
    pub(crate) fn tables_sql(self, dataset: &str) -> String {
        match self {
            Self::Sqlite => sqlite::TABLES.to_owned(),
            Self::Postgres => postgres::tables_sql(&literal(dataset)),
            Self::Ansi => format!(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = {} ORDER BY table_name",
                literal(dataset)
            ),
        }
    }

    /// SQL that counts the schemas of that name, and SQL that lists all; `None` where a dataset is a file.
    pub(crate) fn datasets_sql(self, dataset: &str) -> Option<(String, &'static str)> {
        let (count, list) = match self {
            Self::Sqlite => return None,
            Self::Postgres => (
                format!("SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = {}", literal(dataset)),
                "SELECT n.nspname FROM pg_catalog.pg_namespace AS n WHERE n.nspname NOT LIKE 'pg\\_%' \
                 AND n.nspname <> 'information_schema' ORDER BY 1 LIMIT 20",
            ),
            Self::Ansi => (
                format!("SELECT count(*) FROM information_schema.schemata WHERE schema_name = {}", literal(dataset)),
                "SELECT schema_name FROM information_schema.schemata ORDER BY 1",
            ),
        };
        Some((count, list))
    }
}

/// An identifier for SQL.
pub(crate) fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// A text for SQL.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dialect_follows_from_the_driver() {
        for (driver, dialect) in [
            ("sqlite", Dialect::Sqlite),
            ("/opt/postgres/libadbc_driver_sqlite.so", Dialect::Sqlite),
            ("adbc_driver_postgresql", Dialect::Postgres),
            ("snowflake", Dialect::Ansi),
        ] {
            assert_eq!(Dialect::of_driver(driver), dialect, "{driver}");
        }
    }

    #[test]
    fn names_and_texts_are_quoted() {
        assert_eq!(quote("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("it's \\"), "'it''s \\'");
    }
}
