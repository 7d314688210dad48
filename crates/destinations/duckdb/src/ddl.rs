//! Tables and columns: what they are called in DuckDB, and bringing them up to the schema.

use crate::failure::explain;
use crate::names::{DatasetPath, quote};
use dlt_engine::schema::{Column, DataType, STATE_TABLE, Schema, Table, column_names};
use dlt_engine::{Error, ErrorKind, Result};
use duckdb::Connection;
use std::collections::HashMap;

/// Type of a column, as `duckdb_columns()` spells it.
pub(crate) fn sql_type(column: &Column) -> Option<String> {
    Some(match column.data_type? {
        DataType::Text => "VARCHAR".to_owned(),
        DataType::Double => "DOUBLE".to_owned(),
        DataType::Bool => "BOOLEAN".to_owned(),
        DataType::Timestamp if column.has_timezone() => "TIMESTAMP WITH TIME ZONE".to_owned(),
        DataType::Timestamp => match column.number("precision") {
            Some(0) => "TIMESTAMP_S",
            Some(1..=3) => "TIMESTAMP_MS",
            Some(7..) => "TIMESTAMP_NS",
            None | Some(4..=6) => "TIMESTAMP",
        }
        .to_owned(),
        DataType::Bigint => match column.number("precision") {
            Some(0..=8) => "TINYINT",
            Some(9..=16) => "SMALLINT",
            Some(17..=32) => "INTEGER",
            None | Some(33..=64) => "BIGINT",
            Some(65..) => "HUGEINT",
        }
        .to_owned(),
        DataType::Binary => "BLOB".to_owned(),
        DataType::Json => "JSON".to_owned(),
        DataType::Decimal => {
            let (digits, decimals) = column.decimal();
            format!("DECIMAL({digits},{decimals})")
        }
        DataType::Wei => {
            let digits = column.number("precision").unwrap_or(38);
            let decimals = column.number("scale").unwrap_or(0);
            format!("DECIMAL({digits},{decimals})")
        }
        DataType::Date => "DATE".to_owned(),
        DataType::Time => "TIME".to_owned(),
    })
}

/// Whether a column of type `existing` holds every value of type `wanted` unchanged.
fn can_hold(existing: &str, wanted: &str) -> bool {
    if existing == wanted {
        return true;
    }
    if let (Some(existing), Some(wanted)) = (integer_bits(existing), integer_bits(wanted)) {
        return existing >= wanted;
    }
    if let (Some((digits, decimals)), Some((wanted_digits, wanted_decimals))) = (decimal(existing), decimal(wanted)) {
        return decimals >= wanted_decimals && digits - decimals >= wanted_digits - wanted_decimals;
    }
    // JSON is text with a promise.
    existing == "VARCHAR" && wanted == "JSON"
}

fn integer_bits(name: &str) -> Option<u32> {
    Some(match name {
        "TINYINT" => 8,
        "SMALLINT" => 16,
        "INTEGER" => 32,
        "BIGINT" => 64,
        "HUGEINT" => 128,
        _ => return None,
    })
}

fn decimal(name: &str) -> Option<(i32, i32)> {
    let (digits, decimals) = name.strip_prefix("DECIMAL(")?.strip_suffix(')')?.split_once(',')?;
    Some((digits.trim().parse().ok()?, decimals.trim().parse().ok()?))
}

/// The tables of the contract itself; the one for states only where the schema has it.
fn contract_tables(schema: &Schema) -> Vec<Table> {
    let mut own = Schema::new(&schema.name);
    if schema.tables.contains_key(STATE_TABLE) {
        own.ensure_state_table();
    }
    own.tables.into_values().collect()
}

/// Why a table cannot take the rows that the schema describes, by table.
pub(crate) type Conflicts = HashMap<String, Error>;

/// What `schema` has and the dataset lacks, as statements.
#[derive(Default)]
struct Evolution {
    /// Each with the table that it is for.
    statements: Vec<(String, String)>,
    conflicts: Conflicts,
}

/// Makes what `schema` has and the dataset lacks. Must be called inside a transaction. Tables that cannot be brought up
/// to the schema stay as they are, and are returned: they matter to a load that writes to them, and to no other.
pub(crate) fn evolve(connection: &Connection, place: &DatasetPath, schema: &Schema) -> Result<Conflicts> {
    let evolution = evolution(connection, place, schema)?;
    evolution.apply(connection, place)?;
    Ok(evolution.conflicts)
}

/// Finds out what [`evolve`] has to do.
fn evolution(connection: &Connection, place: &DatasetPath, schema: &Schema) -> Result<Evolution> {
    let existing = existing_columns(connection, place)?;
    let contract = contract_tables(schema);
    // The contract's own tables come first and with their own columns; what a later version of the contract added to them
    // follows.
    let mut evolution = Evolution::default();
    for table in contract.iter().chain(schema.tables.values()) {
        let columns = existing.get(&table.name.to_lowercase());
        match changes(place, table, columns) {
            Ok(changes) => {
                evolution.statements.extend(changes.into_iter().map(|statement| (table.name.clone(), statement)));
            }
            Err(error) if contract.iter().any(|own| own.name == table.name) => return Err(error),
            Err(error) => drop(evolution.conflicts.insert(table.name.clone(), error)),
        }
    }
    Ok(evolution)
}

impl Evolution {
    /// Runs the statements. Must be called inside a transaction.
    fn apply(&self, connection: &Connection, place: &DatasetPath) -> Result<()> {
        let run = |doing: &str, sql: &str| connection.execute_batch(sql).map_err(|error| explain(doing, &error));
        let dataset = format!("make dataset `{}`", place.dataset());
        run(&dataset, &format!("CREATE SCHEMA IF NOT EXISTS {}", place.schema()))?;
        for (table, statement) in &self.statements {
            run(&format!("bring table `{table}` up to the schema"), statement)?;
        }
        Ok(())
    }
}

/// Makes the table for states where a state comes without the schema naming it.
pub(crate) fn ensure_state_table(connection: &Connection, place: &DatasetPath) -> Result<()> {
    let mut schema = Schema::new("states");
    schema.ensure_state_table();
    evolve(connection, place, &schema).map(drop)
}

fn changes(place: &DatasetPath, table: &Table, existing: Option<&HashMap<String, String>>) -> Result<Vec<String>> {
    let name = place.table(&table.name);
    let mut statements = Vec::new();
    let mut columns = Vec::new();
    for column in table.columns.values() {
        let Some(wanted) = sql_type(column) else { continue };
        check(table, column, &wanted)?;
        let quoted = quote(&column.name);
        match existing.map(|existing| existing.get(&column.name.to_lowercase())) {
            None => {
                let rule = if column.nullable { "" } else { " NOT NULL" };
                columns.push(format!("{quoted} {wanted}{rule}{}", compression(column)));
            }
            // A column that is added cannot be NOT NULL in DuckDB, and the rows that are there have no value for it.
            Some(None) => statements.push(format!("ALTER TABLE {name} ADD COLUMN IF NOT EXISTS {quoted} {wanted}")),
            Some(Some(existing)) if can_hold(existing, &wanted) => {}
            Some(Some(existing)) => {
                return Err(Error::new(
                    ErrorKind::Data,
                    format!(
                        "column `{}` of table `{}` is {existing} in the database, and the data needs {wanted}",
                        column.name, table.name
                    ),
                )
                .hint("load into another dataset or table, or change the column in the database"));
            }
        }
    }
    if existing.is_none() && !columns.is_empty() {
        statements.push(format!("CREATE TABLE IF NOT EXISTS {name} ({})", columns.join(", ")));
    }
    Ok(statements)
}

/// Ids of rows are random text: what DuckDB tries on them costs a tenth of a load, and makes the file larger.
fn compression(column: &Column) -> &'static str {
    if column.name == column_names::ID { " USING COMPRESSION uncompressed" } else { "" }
}

/// Refuses what DuckDB has no type for, before it says so in its own words.
fn check(table: &Table, column: &Column, wanted: &str) -> Result<()> {
    match decimal(wanted) {
        Some((digits, decimals)) if !(1..=38).contains(&digits) || !(0..=digits).contains(&decimals) => {
            Err(Error::new(
                ErrorKind::Destination,
                format!(
                    "column `{}` of table `{}` has {digits} digits with {decimals} decimals, which DuckDB cannot hold",
                    column.name, table.name
                ),
            )
            .hint("set a precision of at most 38, and a scale that is not larger"))
        }
        _ => Ok(()),
    }
}

/// Columns of the dataset's tables with their types, all names in lower case, as DuckDB compares them.
fn existing_columns(connection: &Connection, place: &DatasetPath) -> Result<HashMap<String, HashMap<String, String>>> {
    let sql = "SELECT lower(table_name), lower(column_name), data_type FROM duckdb_columns() \
         WHERE database_name = ? AND lower(schema_name) = lower(?)";
    let read = || -> duckdb::Result<HashMap<String, HashMap<String, String>>> {
        let mut tables: HashMap<String, HashMap<String, String>> = HashMap::new();
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([place.database(), place.dataset()])?;
        while let Some(row) = rows.next()? {
            tables.entry(row.get(0)?).or_default().insert(row.get(1)?, row.get(2)?);
        }
        Ok(tables)
    };
    read().map_err(|error| explain("read the tables of the dataset", &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(data_type: DataType, hints: &[(&str, i64)]) -> Column {
        hints.iter().fold(Column::inferred("c", data_type), |column, (hint, value)| column.with(hint, *value))
    }

    #[test]
    fn types_are_those_of_the_contract() {
        for (column, expected) in [
            (column(DataType::Text, &[("precision", 64)]), "VARCHAR"),
            (column(DataType::Double, &[]), "DOUBLE"),
            (column(DataType::Bool, &[]), "BOOLEAN"),
            (column(DataType::Timestamp, &[("precision", 3)]), "TIMESTAMP WITH TIME ZONE"),
            (column(DataType::Timestamp, &[]).with("timezone", false), "TIMESTAMP"),
            (column(DataType::Timestamp, &[("precision", 0)]).with("timezone", false), "TIMESTAMP_S"),
            (column(DataType::Timestamp, &[("precision", 3)]).with("timezone", false), "TIMESTAMP_MS"),
            (column(DataType::Timestamp, &[("precision", 9)]).with("timezone", false), "TIMESTAMP_NS"),
            (column(DataType::Bigint, &[]), "BIGINT"),
            (column(DataType::Bigint, &[("precision", 8)]), "TINYINT"),
            (column(DataType::Bigint, &[("precision", 10)]), "SMALLINT"),
            (column(DataType::Bigint, &[("precision", 32)]), "INTEGER"),
            (column(DataType::Bigint, &[("precision", 64)]), "BIGINT"),
            (column(DataType::Bigint, &[("precision", 128)]), "HUGEINT"),
            (column(DataType::Binary, &[]), "BLOB"),
            (column(DataType::Json, &[]), "JSON"),
            (column(DataType::Decimal, &[]), "DECIMAL(38,9)"),
            (column(DataType::Decimal, &[("precision", 10), ("scale", 2)]), "DECIMAL(10,2)"),
            (column(DataType::Wei, &[]), "DECIMAL(38,0)"),
            (column(DataType::Date, &[]), "DATE"),
            (column(DataType::Time, &[]), "TIME"),
        ] {
            assert_eq!(sql_type(&column).as_deref(), Some(expected), "{column:?}");
        }
    }

    #[test]
    fn ids_of_rows_are_not_compressed() {
        assert_eq!(compression(&Column::inferred("_dlt_id", DataType::Text)), " USING COMPRESSION uncompressed");
        assert_eq!(compression(&Column::inferred("_dlt_parent_id", DataType::Text)), "");
    }

    #[test]
    fn a_column_takes_what_it_can_hold_unchanged() {
        for (existing, wanted, fits) in [
            ("BIGINT", "INTEGER", true),
            ("INTEGER", "BIGINT", false),
            ("DECIMAL(38,9)", "DECIMAL(10,2)", true),
            ("DECIMAL(10,2)", "DECIMAL(38,9)", false),
            ("DECIMAL(38,0)", "DECIMAL(10,2)", false),
            ("VARCHAR", "JSON", true),
            ("JSON", "VARCHAR", false),
            ("VARCHAR", "BIGINT", false),
            ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", false),
        ] {
            assert_eq!(can_hold(existing, wanted), fits, "{existing} for {wanted}");
        }
    }
}
