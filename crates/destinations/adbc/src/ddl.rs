//! Tables and columns: bringing them up to the schema.

use crate::dataset::Dataset;
use crate::dialect::quote;
use crate::link::Link;
use dlt_engine::schema::{STATE_TABLE, Schema, Table};
use dlt_engine::{Error, ErrorKind, Result};
use std::collections::HashMap;

/// Why a table cannot take the rows that the schema describes, by table.
pub(crate) type Conflicts = HashMap<String, Error>;

/// Types of columns by table and column, all names in lower case.
type Existing = HashMap<String, HashMap<String, String>>;

/// Makes what `schema` has and the dataset lacks. Must be called inside a transaction. Tables that cannot be brought up
/// to the schema stay as they are, and are returned: they matter to a load that writes to them, and to no other.
pub(crate) fn evolve(link: &Link, dataset: &Dataset, schema: &Schema) -> Result<Conflicts> {
    make_dataset(link, dataset)?;
    let existing = existing(link, dataset)?;
    let contract = contract_tables(schema);
    let mut conflicts = Conflicts::new();
    let is_own = |name: &str| contract.iter().any(|own| own.name == name);
    let others = schema.tables.values().filter(|table| !is_own(&table.name));
    for table in contract.iter().chain(others) {
        match changes(dataset, table, existing.get(&table.name.to_lowercase())) {
            Ok(statements) => {
                for statement in statements {
                    link.execute(&format!("bring table `{}` up to the schema", table.name), &statement)?;
                }
            }
            Err(error) if is_own(&table.name) => return Err(error),
            Err(error) => drop(conflicts.insert(table.name.clone(), error)),
        }
    }
    Ok(conflicts)
}

/// Makes the table for states where a state comes without the schema naming it.
pub(crate) fn ensure_state_table(link: &Link, dataset: &Dataset) -> Result<()> {
    let mut schema = Schema::new("states");
    schema.ensure_state_table();
    evolve(link, dataset, &schema).map(drop)
}

/// The tables of the contract itself, with their own columns first and what a later version of it added behind them; the
/// one for states only where the schema has it.
fn contract_tables(schema: &Schema) -> Vec<Table> {
    let mut own = Schema::new(&schema.name);
    if schema.tables.contains_key(STATE_TABLE) {
        own.ensure_state_table();
    }
    for (name, table) in &mut own.tables {
        for (column, added) in schema.tables.get(name).map(|table| &table.columns).into_iter().flatten() {
            table.columns.entry(column.clone()).or_insert_with(|| added.clone());
        }
    }
    own.tables.into_values().collect()
}

/// Not `IF NOT EXISTS` alone: that asks for the right to make schemas, where one is there as well.
fn make_dataset(link: &Link, dataset: &Dataset) -> Result<()> {
    let Some((count, _)) = dataset.dialect.datasets_sql(&dataset.name) else { return Ok(()) };
    let doing = format!("make dataset `{}`", dataset.name);
    if link.number(&doing, &count)? == 0 {
        link.execute(&doing, &format!("CREATE SCHEMA IF NOT EXISTS {}", dataset.schema()))?;
    }
    Ok(())
}

fn existing(link: &Link, dataset: &Dataset) -> Result<Existing> {
    let mut tables = Existing::new();
    let sql = dataset.dialect.columns_sql(&dataset.name);
    for row in link.rows("read the tables of the dataset", &sql)? {
        let mut texts = row.into_iter().map(Option::unwrap_or_default);
        if let (Some(table), Some(column), Some(data_type)) = (texts.next(), texts.next(), texts.next()) {
            tables.entry(table.to_lowercase()).or_default().insert(column.to_lowercase(), data_type);
        }
    }
    Ok(tables)
}

fn changes(dataset: &Dataset, table: &Table, existing: Option<&HashMap<String, String>>) -> Result<Vec<String>> {
    let (dialect, name) = (dataset.dialect, dataset.table(&table.name));
    let mut statements = Vec::new();
    let mut columns = Vec::new();
    for column in table.columns.values() {
        let Some(wanted) = dialect.sql_type(table, column)? else { continue };
        let quoted = quote(&column.name);
        match existing.map(|existing| existing.get(&column.name.to_lowercase())) {
            None => columns.push(format!("{quoted} {wanted}{}", if column.nullable { "" } else { " NOT NULL" })),
            // The rows that are there have no value for it.
            Some(None) => statements.push(format!("ALTER TABLE {name} ADD COLUMN {quoted} {wanted}")),
            Some(Some(existing)) if dialect.can_hold(existing, column, &wanted) => {}
            Some(Some(existing)) => {
                let what = format!(
                    "column `{}` of table `{}` is {existing} in the database, and the data needs {wanted}",
                    column.name, table.name
                );
                return Err(Error::new(ErrorKind::Data, what)
                    .hint("load into another dataset or table, or change the column in the database"));
            }
        }
    }
    if existing.is_none() && !columns.is_empty() {
        statements.push(format!("CREATE TABLE {name} ({})", columns.join(", ")));
    }
    Ok(statements)
}
