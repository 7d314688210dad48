//! `--dry-run`: what a load would do.

use std::fmt::Write as _;

use dlt::{Preview, TablePreview};

use crate::printer::{BOLD, DIM, GOOD};

/// The tables that a load would write, with what would be new in them.
pub(crate) fn shown(preview: &Preview, dataset: &str, location: &str) -> String {
    let mut text = format!("{BOLD}Dry run{BOLD:#}: nothing is loaded into dataset {dataset} of {location}\n");
    if preview.tables.is_empty() {
        text.push_str("There is nothing to load, and nothing would change\n");
    }
    for table in &preview.tables {
        add_table(&mut text, table);
    }
    text
}

fn add_table(text: &mut String, preview: &TablePreview) {
    let TablePreview { table, disposition, is_new, new_columns, rows, .. } = preview;
    let (mark, what) = match (is_new, new_columns.is_empty()) {
        (true, _) => (format!("{GOOD}+{GOOD:#}"), "new table"),
        (false, false) => (format!("{GOOD}~{GOOD:#}"), "table"),
        (false, true) => (" ".to_owned(), "table"),
    };
    let rows = match rows {
        1 => "1 row".to_owned(),
        rows => format!("{rows} rows"),
    };
    let parent = table.parent.as_ref().map(|parent| format!(" in {parent}")).unwrap_or_default();
    let how = disposition.name();
    // Writing into a string cannot fail.
    let _ = writeln!(text, "{mark} {what} {BOLD}{}{BOLD:#}{parent}: {how}, {rows}", table.name);
    let width = new_columns.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    for (column, _) in preview.columns().filter(|(_, is_new)| *is_new) {
        let Some(data_type) = column.data_type else { continue };
        let hints = ["primary_key", "merge_key"].into_iter().filter(|hint| column.is(hint));
        let required = (!column.nullable).then_some("not null");
        let hints: Vec<&str> = required.into_iter().chain(hints).collect();
        let _ = write!(text, "    {GOOD}+{GOOD:#} {:width$}  {data_type}", column.name);
        if !hints.is_empty() {
            let _ = write!(text, "  {DIM}{}{DIM:#}", hints.join(", "));
        }
        text.push('\n');
    }
}
