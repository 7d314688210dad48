//! Bringing tables and columns up to the schema.

use crate::names::{Place, check_name, quote};
use crate::types::ColumnType;
use dlt_engine::schema::{Column, STATE_TABLE, Schema, Table};
use dlt_engine::{Error, ErrorKind, Result};
use dlt_postgres::Client;
use dlt_postgres::postgres::types::Type;
use std::collections::HashMap;

/// Columns of a table that is there, with their types, in their order.
pub(crate) type Columns = Vec<(String, ColumnType)>;

/// Why a table cannot take the rows that the schema describes, by table.
pub(crate) type Conflicts = HashMap<String, Error>;

/// The tables of the contract itself; the one for states only where the schema has it.
fn contract_tables(schema: &Schema) -> Vec<Table> {
    let mut own = Schema::new(&schema.name);
    if schema.tables.contains_key(STATE_TABLE) {
        own.ensure_state_table();
    }
    own.tables.into_values().collect()
}

/// Makes what `schema` has and the dataset lacks. Must be called inside a transaction. Tables that cannot be brought up
/// to the schema stay as they are, and are returned: they matter to a load that writes to them, and to no other.
pub(crate) fn evolve(client: &mut Client, place: &Place, schema: &Schema, indexes: bool) -> Result<Conflicts> {
    let mut existing = existing_columns(client, place)?;
    if !has_dataset(client, place)? {
        // Whoever may use a dataset need not be allowed to make others, which the statement asks for in any case.
        let doing = format!("make dataset `{}`", place.dataset());
        client.batch(&doing, &format!("CREATE SCHEMA IF NOT EXISTS {}", place.schema()))?;
    }
    let contract = contract_tables(schema);
    let mut conflicts = Conflicts::new();
    // The contract's own tables come first and with their own columns; what a later version of the contract added to them
    // follows.
    for table in contract.iter().chain(schema.tables.values()) {
        match changes(place, table, existing.get(&table.name), indexes) {
            Ok(Some((statement, columns))) => {
                client.batch(&format!("bring table `{}` up to the schema", table.name), &statement)?;
                existing.entry(table.name.clone()).or_default().extend(columns);
            }
            Ok(None) => {}
            Err(error) if contract.iter().any(|own| own.name == table.name) => return Err(error),
            Err(error) => drop(conflicts.insert(table.name.clone(), error)),
        }
    }
    Ok(conflicts)
}

/// Makes the table for states where a state comes without the schema naming it.
pub(crate) fn ensure_state_table(client: &mut Client, place: &Place, indexes: bool) -> Result<()> {
    let mut schema = Schema::new("states");
    schema.ensure_state_table();
    evolve(client, place, &schema, indexes).map(drop)
}

/// The statement that a table needs, if it needs one, and the columns that it adds.
fn changes(
    place: &Place,
    table: &Table,
    existing: Option<&Columns>,
    indexes: bool,
) -> Result<Option<(String, Columns)>> {
    let name = place.table(&table.name);
    let (mut columns, mut added) = (Vec::new(), Columns::new());
    for column in table.columns.values() {
        let Some(wanted) = ColumnType::wanted(column) else { continue };
        check(table, column, &wanted)?;
        let quoted = quote(&column.name);
        let unique = if indexes && column.is("unique") { " UNIQUE" } else { "" };
        let there = existing.map(|existing| existing.iter().find(|(name, _)| *name == column.name));
        if !matches!(there, Some(Some(_))) {
            added.push((column.name.clone(), wanted.clone()));
        }
        match there {
            None => {
                let rule = if column.nullable { "" } else { " NOT NULL" };
                columns.push(format!("{quoted} {wanted}{rule}{unique}"));
            }
            // The rows that are there have no value for it, so that it cannot be NOT NULL.
            Some(None) => columns.push(format!("ADD COLUMN IF NOT EXISTS {quoted} {wanted}{unique}")),
            Some(Some((_, existing))) if existing.can_hold(&wanted) => {}
            Some(Some((_, existing))) => {
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
    let columns = columns.join(", ");
    Ok(match existing {
        _ if columns.is_empty() => None,
        None => Some((format!("CREATE TABLE IF NOT EXISTS {name} ({columns})"), added)),
        Some(_) => Some((format!("ALTER TABLE {name} {columns}"), added)),
    })
}

/// Refuses what Postgres has no type for, before it says so in its own words.
fn check(table: &Table, column: &Column, wanted: &ColumnType) -> Result<()> {
    check_name("table", &table.name)?;
    check_name(&format!("a column of table `{}`,", table.name), &column.name)?;
    if *wanted == ColumnType::BigInt
        && let Some(bits) = column.number("precision").filter(|bits| *bits > 64)
    {
        let what = format!("column `{}` of table `{}` is to hold integers of {bits} bits", column.name, table.name);
        return Err(Error::new(ErrorKind::Config, format!("{what}, and Postgres has 64"))
            .hint("declare it as decimal with a scale of 0, or as wei"));
    }
    match wanted {
        ColumnType::Numeric(Some((digits, decimals)))
            if !(1..=1000).contains(digits) || !(0..=digits.cast_signed()).contains(decimals) =>
        {
            Err(Error::new(
                ErrorKind::Destination,
                format!(
                    "column `{}` of table `{}` has {digits} digits with {decimals} decimals, which Postgres cannot hold",
                    column.name, table.name
                ),
            )
            .hint("set a precision of at most 1000, and a scale that is not larger"))
        }
        _ => Ok(()),
    }
}

pub(crate) fn has_dataset(client: &mut Client, place: &Place) -> Result<bool> {
    let sql = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1";
    Ok(!client.query("look up the dataset", sql, &[(&place.dataset(), Type::TEXT)])?.is_empty())
}

/// Columns of the dataset's tables.
pub(crate) fn existing_columns(client: &mut Client, place: &Place) -> Result<HashMap<String, Columns>> {
    let sql = "SELECT c.relname::text, a.attname::text, \
         CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END, \
         CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END, t.typname::text \
         FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
         JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid \
         WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'f', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped \
         ORDER BY c.oid, a.attnum";
    let mut tables: HashMap<String, Columns> = HashMap::new();
    for row in client.query("read the tables of the dataset", sql, &[(&place.dataset(), Type::TEXT)])? {
        let name: String = row.get(4);
        tables.entry(row.get(0)).or_default().push((row.get(1), ColumnType::existing(row.get(2), row.get(3), &name)));
    }
    Ok(tables)
}
