//! A schema as a tree for the terminal: nested tables under their parents, columns with types, keys and hints.

use std::collections::HashMap;

use console::{measure_text_width, truncate_str};
use dlt::{Column, Schema, Table};
use serde_json::Value;

use crate::grid::count;
use crate::printer::{BOLD, DIM, GOOD, HINT, WARNING};

/// Where nobody says how wide a line may be: what fits beside a program that reads it.
const DEFAULT_WIDTH: usize = 120;
/// The longest name of a column that others are aligned with.
const WIDEST_NAME: usize = 32;
const WIDEST_TYPE: usize = 14;

/// What is drawn.
pub(crate) struct Tree<'a> {
    pub(crate) schema: &'a Schema,
    /// Tables to draw, each with what is nested in it; all of the user's if none is named.
    pub(crate) tables: &'a [String],
    /// Rows by table, as far as they are known.
    pub(crate) rows: HashMap<String, u64>,
    /// Width of the terminal; `None` where there is none.
    pub(crate) width: Option<usize>,
}

/// Draws the tree; lines end with a line feed and carry styles.
pub(crate) fn draw(tree: &Tree<'_>) -> String {
    let schema = tree.schema;
    let mut roots: Vec<&Table> = match tree.tables.is_empty() {
        true => schema.data_tables().filter(|table| table.parent.is_none()).collect(),
        false => tree.tables.iter().filter_map(|name| schema.tables.get(name)).collect(),
    };
    if tree.tables.is_empty() {
        roots.sort_by(|left, right| left.name.cmp(&right.name));
    }
    let mut out = String::new();
    if roots.is_empty() {
        out.push_str(&format!("\n{DIM}no tables yet{DIM:#}\n"));
    }
    for root in roots {
        out.push('\n');
        draw_table(tree, root, "", "", &mut out);
    }
    out
}

/// `first` stands before the line of the table, `further` before those below it.
fn draw_table(tree: &Tree<'_>, table: &Table, first: &str, further: &str, out: &mut String) {
    let mut line = Line::new(tree.width, first);
    line.push(&table.name, &format!("{BOLD}"), &format!("{BOLD:#}"));
    if let Some(rows) = tree.rows.get(&table.name) {
        line.push(
            &format!("  {} row{}", count(*rows), if *rows == 1 { "" } else { "s" }),
            &format!("{GOOD}"),
            &format!("{GOOD:#}"),
        );
    }
    let said = about_table(table);
    if !said.is_empty() {
        line.push(&format!("  {said}"), &format!("{DIM}"), &format!("{DIM:#}"));
    }
    line.finish(out);

    let mut children: Vec<&Table> =
        tree.schema.tables.values().filter(|child| child.parent.as_deref() == Some(&table.name)).collect();
    children.sort_by(|left, right| left.name.cmp(&right.name));
    let columns: Vec<&Column> = table.columns.values().collect();
    // What only dlt needs stands last, whatever its place in the table.
    let (own, added): (Vec<&Column>, Vec<&Column>) =
        columns.iter().partition(|column| !column.name.starts_with("_dlt_"));
    let names = own.iter().chain(&added).map(|column| measure_text_width(&column.name));
    let name_width = names.max().unwrap_or(0).min(WIDEST_NAME);
    let types = own.iter().chain(&added).map(|column| measure_text_width(&type_of(column)));
    let type_width = types.max().unwrap_or(0).min(WIDEST_TYPE);
    let stem = if children.is_empty() { " " } else { "│" };
    for column in own.into_iter().chain(added) {
        let mut line = Line::new(tree.width, &format!("{further}{stem} "));
        let is_added = column.name.starts_with("_dlt_");
        let is_key = column.is("primary_key") || column.is("merge_key");
        let padding = " ".repeat(name_width.saturating_sub(measure_text_width(&column.name)));
        match (is_added, is_key) {
            (true, _) => line.push(&column.name, &format!("{DIM}"), &format!("{DIM:#}")),
            (_, true) => line.push(&column.name, &format!("{WARNING}"), &format!("{WARNING:#}")),
            _ => line.push(&column.name, "", ""),
        }
        let said = about_column(column);
        let shown_type = type_of(column);
        let type_padding = if said.is_empty() { 0 } else { type_width.saturating_sub(measure_text_width(&shown_type)) };
        line.push(&format!("{padding}  "), "", "");
        line.push(&shown_type, &format!("{HINT}"), &format!("{HINT:#}"));
        if !said.is_empty() {
            line.push(&format!("{}  {said}", " ".repeat(type_padding)), &format!("{DIM}"), &format!("{DIM:#}"));
        }
        line.finish(out);
    }
    for (at, child) in children.iter().enumerate() {
        let is_last = at + 1 == children.len();
        let (branch, stem) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        draw_table(tree, child, &format!("{further}{branch}"), &format!("{further}{stem}"), out);
    }
}

/// A line that is cut where the terminal ends.
struct Line {
    text: String,
    left: usize,
}

impl Line {
    fn new(width: Option<usize>, prefix: &str) -> Self {
        let width = width.unwrap_or(DEFAULT_WIDTH).max(20);
        let text = if prefix.is_empty() { String::new() } else { format!("{DIM}{prefix}{DIM:#}") };
        Self { text, left: width.saturating_sub(measure_text_width(prefix)) }
    }

    fn push(&mut self, text: &str, style: &str, reset: &str) {
        if self.left == 0 {
            return;
        }
        let shown = printable(text);
        let cut = truncate_str(&shown, self.left, "…");
        self.left = self.left.saturating_sub(measure_text_width(&cut));
        self.text.push_str(&format!("{style}{cut}{reset}"));
    }

    fn finish(self, out: &mut String) {
        out.push_str(self.text.trim_end());
        out.push('\n');
    }
}

/// A name or a description must not break the line, or drive the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '·' } else { letter }).collect()
}

fn about_table(table: &Table) -> String {
    let mut said = Vec::new();
    if let Some(disposition) = table.write_disposition.filter(|_| table.parent.is_none()) {
        let word = serde_json::to_value(disposition).ok();
        let word = word.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        said.push(match table.hints.get("x-merge-strategy").and_then(Value::as_str) {
            Some(strategy) if word == "merge" => format!("merge ({strategy})"),
            _ => word,
        });
    }
    let resource = table.resource.as_ref().filter(|resource| **resource != table.name && table.parent.is_none());
    said.extend(resource.map(|resource| format!("of resource {resource}")));
    if table.complete_columns().next().is_none() {
        said.push("not loaded yet".to_owned());
    }
    said.extend(table.hints.get("description").and_then(Value::as_str).map(str::to_owned));
    said.join(", ")
}

fn type_of(column: &Column) -> String {
    let Some(data_type) = column.data_type else { return "unknown".to_owned() };
    match (column.number("precision"), column.number("scale")) {
        (Some(precision), Some(scale)) => format!("{data_type}({precision},{scale})"),
        (Some(precision), None) => format!("{data_type}({precision})"),
        _ if !column.has_timezone() => format!("{data_type}, local"),
        _ => data_type.to_string(),
    }
}

/// What is to be known of a column beside its type; that it may be empty goes without saying.
fn about_column(column: &Column) -> String {
    const WORDS: [(&str, &str); 11] = [
        ("primary_key", "primary key"),
        ("merge_key", "merge key"),
        ("unique", "unique"),
        ("parent_key", "of the parent row"),
        ("root_key", "of the root row"),
        ("incremental", "incremental"),
        ("hard_delete", "marks deleted rows"),
        ("partition", "partition"),
        ("cluster", "cluster"),
        ("sort", "sort"),
        ("variant", "variant"),
    ];
    let mut said: Vec<String> =
        WORDS.iter().filter(|(hint, _)| column.is(hint)).map(|(_, word)| (*word).to_owned()).collect();
    if !column.nullable && !column.is("primary_key") {
        said.push("never empty".to_owned());
    }
    if let Some(order) = column.hints.get("dedup_sort").and_then(Value::as_str) {
        said.push(format!("dedup_sort {order}"));
    }
    // A variant's own description only says that it is one.
    let description = column.hints.get("description").and_then(Value::as_str).filter(|_| !column.is("variant"));
    said.extend(description.map(str::to_owned));
    said.join(", ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SHOP: &str = "\
name: shop
version: 3
engine_version: 11
tables:
  orders:
    write_disposition: merge
    x-merge-strategy: upsert
    description: what customers bought
    columns:
      _dlt_id: {data_type: text, nullable: false, unique: true, row_key: true}
      id: {data_type: bigint, nullable: false, primary_key: true}
      price: {data_type: decimal, precision: 10, scale: 2}
      日本語: {data_type: text}
      a_rather_long_name_of_a_column_that_goes_on_and_on: {data_type: timestamp, timezone: false, description: \"a\\tb\"}
  orders__items:
    parent: orders
    columns:
      sku: {data_type: text}
  orders__items__tags:
    parent: orders__items
    columns:
      value: {data_type: text}
  orders__notes:
    parent: orders
    columns:
      value: {data_type: text}
  days:
    resource: calendar
    columns: {}
";

    fn drawn(tables: &[String], width: Option<usize>) -> String {
        let schema = Schema::from_yaml(SHOP, "shop.schema.yaml").unwrap();
        let rows = HashMap::from([("orders".to_owned(), 1_234), ("orders__items".to_owned(), 1)]);
        anstream::adapter::strip_str(&draw(&Tree { schema: &schema, tables, rows, width })).to_string()
    }

    #[test]
    fn nested_tables_stand_under_their_parents() {
        let expected = "
days  append, of resource calendar, not loaded yet

orders  1,234 rows  merge (upsert), what customers bought
│ id                                bigint          primary key
│ price                             decimal(10,2)
│ 日本語                            text
│ a_rather_long_name_of_a_column_that_goes_on_and_on  timestamp, local  a·b
│ _dlt_id                           text            unique, never empty
├─ orders__items  1 row
│  │ sku  text
│  └─ orders__items__tags
│       value  text
└─ orders__notes
     value  text
";
        assert_eq!(drawn(&[], None), expected);
        assert_eq!(drawn(&["orders__notes".into()], None), "\norders__notes\n  value  text\n");
    }

    #[test]
    fn a_narrow_terminal_cuts_the_ends_of_lines() {
        for width in [20, 40, 60] {
            let drawn = drawn(&[], Some(width));
            assert!(drawn.lines().all(|line| measure_text_width(line) <= width), "{width}:\n{drawn}");
            assert!(drawn.contains("orders__items__tags") || width == 20, "{drawn}");
        }
    }
}
