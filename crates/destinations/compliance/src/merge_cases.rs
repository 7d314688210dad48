//! What a merge must do, whatever the destination: cases of the compliance suite.

use crate::jobs::{self, values};
use crate::{rows, write};
use arrow::array::{ArrayRef, BooleanArray, Int64Array, StringArray};
use dlt_engine::ErrorKind;
use dlt_engine::destination::{ChainLoad, Connection, Destination, LoadRecord, TableLoad, Write};
use dlt_engine::schema::{Column, DataType, KEY_WITHIN, MergeStrategy, Schema, Table, WriteDisposition};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Orders with lines, as a merge has them: key `id`, and root ids in what is nested.
fn orders(strategy: MergeStrategy) -> Schema {
    let mut schema = Schema::new("shop");
    schema.ensure_state_table();
    let mut orders = Table::root("orders", "orders", WriteDisposition::Merge);
    orders.hints.insert("x-merge-strategy".into(), strategy.name().into());
    orders.add(Column::inferred("id", DataType::Bigint).with("primary_key", true));
    for name in ["status", "_dlt_load_id", "_dlt_id"] {
        orders.add(Column::inferred(name, DataType::Text));
    }
    schema.tables.insert("orders".into(), orders);
    let mut lines = Table::nested("orders__lines", "orders");
    let mut parts = Table::nested("orders__lines__parts", "orders__lines");
    for table in [&mut lines, &mut parts] {
        for name in ["item", "_dlt_root_id", "_dlt_parent_id", "_dlt_id"] {
            table.add(Column::inferred(name, DataType::Text));
        }
    }
    schema.tables.insert("orders__lines".into(), lines);
    schema.tables.insert("orders__lines__parts".into(), parts);
    schema.bump_version();
    schema
}

/// Job files of one load, named after it.
struct Jobs<'a> {
    folder: &'a Path,
    schema: &'a Schema,
    load: &'a str,
    files: Vec<(&'static str, PathBuf)>,
}

impl<'a> Jobs<'a> {
    fn new(folder: &'a Path, schema: &'a Schema, load: &'a str) -> Self {
        Self { folder, schema, load, files: Vec::new() }
    }

    fn file(mut self, table: &'static str, columns: &[(&str, ArrayRef)]) -> Self {
        let known = &self.schema.tables[table].columns;
        let columns = columns.iter().map(|(name, array)| values(&known[*name], Arc::clone(array))).collect();
        let path = self.folder.join(format!("{}.{:03}.parquet", self.load, self.files.len()));
        self.files.push((table, jobs::write(&path, columns)));
        self
    }

    /// A file of orders: id, status and row id.
    fn orders(self, rows: &[(i64, &str, &str)]) -> Self {
        let load = self.load;
        self.file(
            "orders",
            &[
                ("id", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)))),
                ("status", texts(rows.iter().map(|row| row.1))),
                ("_dlt_load_id", texts(rows.iter().map(|_| load))),
                ("_dlt_id", texts(rows.iter().map(|row| row.2))),
            ],
        )
    }

    /// A file of orders of one area, which is null where it is empty; without the column, where none is given.
    fn areas(self, area: Option<&str>, rows: &[(i64, &str, &str)]) -> Self {
        let load = self.load;
        let mut columns: Vec<(&str, ArrayRef)> = vec![
            ("id", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)))),
            ("status", texts(rows.iter().map(|row| row.1))),
            ("_dlt_load_id", texts(rows.iter().map(|_| load))),
            ("_dlt_id", texts(rows.iter().map(|row| row.2))),
        ];
        if let Some(area) = area {
            let values = rows.iter().map(|_| Some(area).filter(|area| !area.is_empty()));
            columns.push(("area", Arc::new(values.collect::<StringArray>())));
        }
        self.file("orders", &columns)
    }

    /// A file of a nested table: item, root id, parent id and row id.
    fn nested(self, table: &'static str, rows: &[[&str; 4]]) -> Self {
        let column = |at: usize| texts(rows.iter().map(|row| row[at]));
        self.file(
            table,
            &[("item", column(0)), ("_dlt_root_id", column(1)), ("_dlt_parent_id", column(2)), ("_dlt_id", column(3))],
        )
    }

    fn chain(&self, write: Write) -> ChainLoad<'a> {
        let of = |name: &str| -> Vec<PathBuf> {
            self.files.iter().filter(|(table, _)| *table == name).map(|(_, path)| path.clone()).collect()
        };
        let tables = self.schema.chain("orders").into_iter().map(|table| TableLoad { table, files: of(&table.name) });
        ChainLoad { tables: tables.collect(), write }
    }

    fn load(&self, connection: &mut dyn Connection, write: Write) -> Vec<u64> {
        let mut transaction = connection.begin().unwrap();
        transaction.evolve(self.schema).unwrap();
        let added = transaction.write(&self.chain(write)).unwrap();
        let record = LoadRecord { load_id: self.load, schema: self.schema, state: None };
        transaction.commit(&record).unwrap();
        added
    }

    fn merge(&self, connection: &mut dyn Connection) -> Vec<u64> {
        let strategy = self.schema.tables["orders"].merge_strategy().unwrap();
        self.load(connection, Write::Merge(strategy))
    }
}

fn texts<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

const ORDERS: &str = "SELECT id, status, _dlt_load_id FROM orders ORDER BY id";
const LINES: &str = "SELECT item, _dlt_root_id FROM orders__lines ORDER BY item";
const PARTS: &str = "SELECT item, _dlt_root_id FROM orders__lines__parts ORDER BY item";

pub(crate) fn insert_only(destination: &dyn Destination, folder: &Path) {
    let schema = orders(MergeStrategy::InsertOnly);
    let mut connection = write(destination);
    let connection = &mut *connection;
    let first = Jobs::new(folder, &schema, "1").orders(&[(1, "first", "k1"), (2, "first", "k2")]);
    assert_eq!(first.merge(connection), [2, 0, 0]);
    assert_eq!(Jobs::new(folder, &schema, "2").orders(&[(1, "again", "k1")]).merge(connection), [0, 0, 0]);
    let third = Jobs::new(folder, &schema, "3")
        .orders(&[(2, "second", "k2"), (3, "second", "k3"), (3, "third", "k3")])
        .orders(&[(4, "second", "k4"), (3, "fourth", "k3")]);
    assert_eq!(third.merge(connection), [2, 0, 0]);
    assert_eq!(rows(connection, ORDERS), ["1|first|1", "2|first|1", "3|second|3", "4|second|3"]);
    // What is nested follows its root.
    let fourth = Jobs::new(folder, &schema, "4")
        .orders(&[(4, "again", "k4"), (5, "new", "k5")])
        .nested("orders__lines", &[["left out", "k4", "k4", "a"], ["taken", "k5", "k5", "b"]]);
    assert_eq!(fourth.merge(connection), [1, 1, 0]);
    assert_eq!(rows(connection, LINES), ["taken|k5"]);
}

pub(crate) fn insert_only_within(destination: &dyn Destination, folder: &Path) {
    let mut schema = orders(MergeStrategy::InsertOnly);
    schema.tables["orders"].add(Column::inferred("area", DataType::Text).with(KEY_WITHIN, true));
    schema.bump_version();
    let mut connection = write(destination);
    let connection = &mut *connection;
    const AREAS: &str = "SELECT id, coalesce(area, '-') AS area, status, _dlt_load_id FROM orders ORDER BY id, 2";
    let new = |load| Jobs::new(folder, &schema, load);
    let first = new("1").areas(None, &[(1, "first", "k1"), (2, "first", "k2")]);
    assert_eq!(first.merge(connection), [2, 0, 0]);
    // All of them null, without the column and with it.
    assert_eq!(new("2").areas(None, &[(1, "again", "k1")]).merge(connection), [0, 0, 0]);
    assert_eq!(new("3").areas(Some(""), &[(2, "again", "k2")]).merge(connection), [0, 0, 0]);
    // One id in three areas, one of which comes twice in a load, in one file and in two.
    let fourth = new("4")
        .areas(Some("north"), &[(1, "north", "n1"), (1, "twice", "n1")])
        .areas(Some("south"), &[(1, "south", "s1")])
        .areas(Some(""), &[(1, "again", "k1"), (3, "third", "k3")])
        .areas(Some("south"), &[(1, "twice", "s1")]);
    assert_eq!(fourth.merge(connection), [3, 0, 0]);
    let all = ["1|-|first|1", "1|north|north|4", "1|south|south|4", "2|-|first|1", "3|-|third|4"];
    assert_eq!(rows(connection, AREAS), all);
    // What is nested follows its root, of the area that is new.
    let fifth = new("5")
        .areas(Some("north"), &[(2, "new", "n2")])
        .areas(Some("south"), &[(1, "again", "s1")])
        .nested("orders__lines", &[["left out", "s1", "s1", "a"], ["taken", "n2", "n2", "b"]]);
    assert_eq!(fifth.merge(connection), [1, 1, 0]);
    assert_eq!(rows(connection, LINES), ["taken|n2"]);
}

pub(crate) fn the_last_row_of_a_key(destination: &dyn Destination, folder: &Path) {
    for (strategy, name) in [(MergeStrategy::DeleteInsert, "d"), (MergeStrategy::Upsert, "u")] {
        let schema = orders(strategy);
        let mut connection = destination.connect(name, dlt_engine::destination::Access::Write).unwrap();
        let connection = &mut *connection;
        let loads = [format!("{name}1"), format!("{name}2")];
        let first = Jobs::new(folder, &schema, &loads[0]).orders(&[(1, "old", "a"), (2, "old", "b")]);
        assert_eq!(first.merge(connection), [2, 0, 0]);
        let second = Jobs::new(folder, &schema, &loads[1])
            .orders(&[(2, "first", "c"), (3, "first", "d"), (2, "second", "e")])
            .orders(&[(3, "third", "f"), (2, "last", "g")]);
        assert_eq!(second.merge(connection), [2, 0, 0]);
        assert_eq!(
            rows(connection, "SELECT id, status, _dlt_id FROM orders ORDER BY id"),
            ["1|old|a", "2|last|g", "3|third|f"],
            "{strategy}"
        );
    }
}

pub(crate) fn nested_rows(destination: &dyn Destination, folder: &Path) {
    let schema = orders(MergeStrategy::DeleteInsert);
    let mut connection = write(destination);
    let connection = &mut *connection;
    let first = Jobs::new(folder, &schema, "1")
        .orders(&[(1, "new", "a"), (2, "new", "b")])
        .nested("orders__lines", &[["a1", "a", "a", "a.1"], ["b1", "b", "b", "b.1"]])
        .nested("orders__lines__parts", &[["a11", "a", "a.1", "a.1.1"], ["b11", "b", "b.1", "b.1.1"]]);
    assert_eq!(first.merge(connection), [2, 2, 2]);
    let second = Jobs::new(folder, &schema, "2")
        .orders(&[(2, "open", "c"), (2, "paid", "d")])
        .nested("orders__lines", &[["c1", "c", "c", "c.1"], ["d1", "d", "d", "d.1"]]);
    assert_eq!(second.merge(connection), [1, 1, 0]);
    assert_eq!(rows(connection, ORDERS), ["1|new|1", "2|paid|2"]);
    assert_eq!(rows(connection, LINES), ["a1|a", "d1|d"]);
    assert_eq!(rows(connection, PARTS), ["a11|a"], "rows two levels below go with their root");
    // A load without nested rows takes those away that hang on what it replaces.
    assert_eq!(Jobs::new(folder, &schema, "3").orders(&[(1, "void", "e")]).merge(connection), [1, 0, 0]);
    assert_eq!(rows(connection, LINES), ["d1|d"]);
    assert_eq!(rows(connection, PARTS), [""; 0]);
}

pub(crate) fn merge_key(destination: &dyn Destination, folder: &Path) {
    let mut schema = orders(MergeStrategy::DeleteInsert);
    let columns = &mut schema.tables["orders"].columns;
    columns["id"].hints.remove("primary_key");
    columns["status"].hints.insert("merge_key".into(), true.into());
    let mut connection = write(destination);
    let connection = &mut *connection;
    let first = Jobs::new(folder, &schema, "1").orders(&[(1, "mon", "a"), (2, "mon", "b"), (3, "tue", "c")]);
    assert_eq!(first.merge(connection), [3, 0, 0]);
    let second = Jobs::new(folder, &schema, "2").orders(&[(4, "mon", "d"), (4, "mon", "e")]);
    assert_eq!(second.merge(connection), [2, 0, 0], "without a primary key nothing is deduplicated");
    assert_eq!(rows(connection, ORDERS), ["3|tue|1", "4|mon|2", "4|mon|2"]);
    // With both keys a row goes if either matches.
    schema.tables["orders"].columns["id"].hints.insert("primary_key".into(), true.into());
    assert_eq!(Jobs::new(folder, &schema, "3").orders(&[(3, "mon", "f")]).merge(connection), [1, 0, 0]);
    assert_eq!(rows(connection, ORDERS), ["3|mon|3"]);
}

pub(crate) fn hard_delete(destination: &dyn Destination, folder: &Path) {
    let mut schema = orders(MergeStrategy::DeleteInsert);
    schema.tables["orders"].add(Column::inferred("gone", DataType::Bool).with("hard_delete", true));
    schema.bump_version();
    let mut connection = write(destination);
    let connection = &mut *connection;
    let first = Jobs::new(folder, &schema, "1")
        .orders(&[(1, "new", "a"), (2, "new", "b"), (3, "new", "c")])
        .nested("orders__lines", &[["a1", "a", "a", "a.1"], ["b1", "b", "b", "b.1"]]);
    assert_eq!(first.merge(connection), [3, 2, 0]);
    let marks = |load: &'static str, rows: &[(i64, Option<bool>, &str)]| {
        let schema = &schema;
        Jobs::new(folder, schema, load).file(
            "orders",
            &[
                ("id", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)))),
                ("gone", Arc::new(BooleanArray::from_iter(rows.iter().map(|row| row.1)))),
                ("_dlt_load_id", texts(rows.iter().map(|_| load))),
                ("_dlt_id", texts(rows.iter().map(|row| row.2))),
            ],
        )
    };
    let second = marks("2", &[(1, Some(true), "d"), (2, Some(false), "e"), (3, None, "f"), (9, Some(true), "g")])
        .nested("orders__lines", &[["d1", "d", "d", "d.1"], ["e1", "e", "e", "e.1"]]);
    assert_eq!(second.merge(connection), [2, 1, 0]);
    assert_eq!(rows(connection, ORDERS), ["2|-|2", "3|-|2"]);
    assert_eq!(rows(connection, LINES), ["e1|e"]);
    // The last row of a key decides.
    assert_eq!(
        marks("3", &[(2, Some(true), "h"), (2, Some(false), "i"), (3, None, "j"), (3, Some(true), "k")])
            .merge(connection),
        [1, 0, 0]
    );
    assert_eq!(rows(connection, ORDERS), ["2|-|3"]);
}

pub(crate) fn dedup_sort(destination: &dyn Destination, folder: &Path) {
    for (order, kept) in [("desc", "c"), ("asc", "a")] {
        let mut schema = orders(MergeStrategy::DeleteInsert);
        schema.tables["orders"].columns["status"].hints.insert("dedup_sort".into(), order.into());
        let mut connection = destination.connect(order, dlt_engine::destination::Access::Write).unwrap();
        let jobs = Jobs::new(folder, &schema, order).orders(&[(1, "c", "x"), (1, "a", "y"), (1, "b", "z")]);
        assert_eq!(jobs.merge(&mut *connection), [1, 0, 0]);
        assert_eq!(rows(&mut *connection, "SELECT status FROM orders"), [kept]);
    }
}

/// Appended rows have no root ids: those come with the first merge.
pub(crate) fn rows_from_before(destination: &dyn Destination, folder: &Path) {
    let schema = orders(MergeStrategy::DeleteInsert);
    let mut appended = schema.clone();
    for table in ["orders__lines", "orders__lines__parts"] {
        appended.tables[table].columns.shift_remove("_dlt_root_id");
    }
    appended.bump_version();
    let mut connection = write(destination);
    let connection = &mut *connection;
    let nested = |name: &str, parent: &str, id: &str| -> [(&'static str, ArrayRef); 3] {
        let one = |text: &str| texts([text].into_iter());
        [("item", one(name)), ("_dlt_parent_id", one(parent)), ("_dlt_id", one(id))]
    };
    let before = Jobs::new(folder, &appended, "1")
        .orders(&[(1, "new", "a"), (2, "new", "b")])
        .file("orders__lines", &nested("a1", "a", "a.1"))
        .file("orders__lines", &nested("b1", "b", "b.1"))
        .file("orders__lines__parts", &nested("a11", "a.1", "a.1.1"));
    assert_eq!(before.load(connection, Write::Append), [2, 2, 1]);
    assert_eq!(Jobs::new(folder, &schema, "2").orders(&[(1, "paid", "c")]).merge(connection), [1, 0, 0]);
    assert_eq!(rows(connection, LINES), ["b1|b"]);
    assert_eq!(rows(connection, PARTS), [""; 0]);
}

pub(crate) fn ambiguous_keys(destination: &dyn Destination, folder: &Path) {
    let schema = orders(MergeStrategy::Upsert);
    let mut connection = write(destination);
    let jobs = Jobs::new(folder, &schema, "1")
        .orders(&[(1, "first", "k1"), (1, "second", "k1")])
        .nested("orders__lines", &[["of which", "k1", "k1", "k1.1"]]);
    let mut transaction = connection.begin().unwrap();
    transaction.evolve(&schema).unwrap();
    let error = transaction.write(&jobs.chain(Write::Merge(MergeStrategy::Upsert))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.to_string().contains("1 key of table `orders` comes more than once"), "{error}");
    drop(transaction);
    assert!(connection.tables().is_err(), "nothing was made");
}

pub(crate) fn names_of_its_own(destination: &dyn Destination, folder: &Path) {
    let mut schema = orders(MergeStrategy::DeleteInsert);
    for name in ["file_index", "File_Row_Number", "s", "t"] {
        schema.tables["orders"].add(Column::inferred(name, DataType::Bigint));
    }
    schema.bump_version();
    let mut connection = write(destination);
    let connection = &mut *connection;
    for load in ["1", "2"] {
        let ones: ArrayRef = Arc::new(Int64Array::from(vec![7, 1]));
        let jobs = Jobs::new(folder, &schema, load).file(
            "orders",
            &[
                ("id", Arc::new(Int64Array::from(vec![1, 1]))),
                ("status", texts(["first", "last"].into_iter())),
                ("file_index", Arc::clone(&ones)),
                ("File_Row_Number", Arc::clone(&ones)),
                ("s", Arc::clone(&ones)),
                ("t", Arc::clone(&ones)),
                ("_dlt_load_id", texts([load, load].into_iter())),
                ("_dlt_id", texts(["x", "y"].into_iter())),
            ],
        );
        assert_eq!(jobs.merge(connection), [1, 0, 0]);
        assert_eq!(rows(connection, ORDERS), [format!("1|last|{load}")]);
    }
}
