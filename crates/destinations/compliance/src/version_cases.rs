//! What keeping versions must do, whatever the destination: a case of the compliance suite.

use crate::jobs::{self, values};
use crate::{moments, rows, write};
use arrow::array::{ArrayRef, StringArray};
use dlt_engine::destination::{ChainLoad, Connection, Destination, LoadRecord, TableLoad, Write};
use dlt_engine::schema::{Column, DataType, Schema, Table, WriteDisposition};
use std::path::Path;
use std::sync::Arc;

/// Prices of goods with their notes; versions are told apart by `version`.
fn prices(version: &str, active: serde_json::Value) -> Schema {
    let mut schema = Schema::new("shop");
    schema.ensure_state_table();
    let mut prices = Table::root("prices", "prices", WriteDisposition::Merge);
    prices.hints.insert("x-merge-strategy".into(), "scd2".into());
    prices.add(Column::inferred("began", DataType::Timestamp).with("x-valid-from", true));
    let ended = Column::inferred("ended", DataType::Timestamp).with("x-valid-to", true);
    prices.add(ended.with("x-active-record-timestamp", active));
    prices.add(Column::inferred("good", DataType::Text).with("merge_key", true));
    for name in ["price", "_dlt_load_id", "_dlt_id"] {
        prices.add(Column::inferred(name, DataType::Text));
    }
    prices.columns[version].hints.insert("x-row-version".into(), true.into());
    schema.tables.insert("prices".into(), prices);
    let mut notes = Table::nested("prices__notes", "prices");
    for name in ["value", "_dlt_parent_id", "_dlt_id"] {
        notes.add(Column::inferred(name, DataType::Text));
    }
    schema.tables.insert("prices__notes".into(), notes);
    schema.bump_version();
    schema
}

/// Loads prices (good, price, id), each with a note of its own.
fn load(connection: &mut dyn Connection, folder: &Path, schema: &Schema, micros: i64, given: &[[&str; 3]]) -> Vec<u64> {
    let load_id = format!("{}.{micros}", schema.tables["prices"].columns.len());
    let text = |texts: Vec<String>| Arc::new(StringArray::from_iter_values(texts)) as ArrayRef;
    let column = |at: usize| text(given.iter().map(|row| row[at].to_owned()).collect());
    let file = |table: &str, columns: Vec<(&str, ArrayRef)>| {
        let known = &schema.tables[table].columns;
        let columns = columns.into_iter().map(|(name, array)| values(&known[name], array)).collect();
        vec![jobs::write(&folder.join(format!("{load_id}.{table}.parquet")), columns)]
    };
    let root = file(
        "prices",
        vec![
            ("good", column(0)),
            ("price", column(1)),
            ("_dlt_load_id", text(given.iter().map(|_| load_id.clone()).collect())),
            ("_dlt_id", column(2)),
        ],
    );
    let notes = file(
        "prices__notes",
        vec![
            ("value", text(given.iter().map(|row| format!("of {}", row[2])).collect())),
            ("_dlt_parent_id", column(2)),
            ("_dlt_id", text(given.iter().map(|row| format!("{}.0", row[2])).collect())),
        ],
    );
    let tables = vec![
        TableLoad { table: &schema.tables["prices"], files: root },
        TableLoad { table: &schema.tables["prices__notes"], files: notes },
    ];
    let mut transaction = connection.begin().unwrap();
    transaction.evolve(schema).unwrap();
    let added = transaction.write(&ChainLoad { tables, write: Write::Versions(micros) }).unwrap();
    transaction.commit(&LoadRecord { load_id: &load_id, schema, state: None }).unwrap();
    added
}

const NOTES: &str = "SELECT value, _dlt_parent_id FROM prices__notes ORDER BY value";

/// Good, price, begin and end in microseconds, sorted.
fn prices_of(connection: &mut dyn Connection) -> Vec<String> {
    let order = "FROM prices ORDER BY good, price, _dlt_id, began";
    let goods = rows(connection, &format!("SELECT good, price {order}"));
    let began = moments(connection, &format!("SELECT began {order}"));
    let ended = moments(connection, &format!("SELECT ended {order}"));
    let text = |moment: Option<i64>| moment.map_or_else(|| "-".to_owned(), |micros| micros.to_string());
    let lines = goods.iter().zip(began).zip(ended);
    let mut lines: Vec<_> =
        lines.map(|((good, began), ended)| format!("{good}|{}|{}", text(began), text(ended))).collect();
    lines.sort();
    lines
}

/// Versions are the ids: what is nested follows from them.
pub(crate) fn by_id(destination: &dyn Destination, folder: &Path) {
    let schema = prices("_dlt_id", serde_json::Value::Null);
    let mut connection = write(destination);
    let connection = &mut *connection;
    let (tea, coffee, dear) = (["tea", "1", "t1"], ["coffee", "2", "c2"], ["tea", "9", "t9"]);
    assert_eq!(load(connection, folder, &schema, 1, &[tea, coffee]), [2, 2]);
    assert_eq!(load(connection, folder, &schema, 2, &[tea, coffee]), [0, 0]);
    // Coffee is not in the load, and its key neither: it goes on.
    assert_eq!(load(connection, folder, &schema, 3, &[dear]), [1, 1]);
    // A version that comes back has its notes already.
    assert_eq!(load(connection, folder, &schema, 4, &[tea]), [1, 0]);
    assert_eq!(prices_of(connection), ["coffee|2|1|-", "tea|1|1|3", "tea|1|4|-", "tea|9|3|4"]);
    assert_eq!(rows(connection, NOTES), ["of c2|c2", "of t1|t1", "of t9|t9"]);
}

/// Versions are values of the data and ids are random; what is valid ends in a year far away.
pub(crate) fn by_value(destination: &dyn Destination, folder: &Path) {
    let schema = prices("price", "1970-01-01T00:00:01Z".into());
    let mut connection = write(destination);
    let connection = &mut *connection;
    assert_eq!(load(connection, folder, &schema, 1, &[["tea", "1", "a"], ["coffee", "2", "b"]]), [2, 2]);
    // Of what is there already nothing is added, its notes neither.
    assert_eq!(load(connection, folder, &schema, 2, &[["tea", "1", "c"], ["coffee", "3", "d"]]), [1, 1]);
    assert_eq!(prices_of(connection), ["coffee|2|1|2", "coffee|3|2|1000000", "tea|1|1|1000000"]);
    assert_eq!(rows(connection, NOTES), ["of a|a", "of b|b", "of d|d"]);
}
