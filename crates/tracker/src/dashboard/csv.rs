//! A section as CSV.

use super::page::{Cell, Section};

/// The table, RFC 4180, with the keys of its columns first. Shares are numbers between 0 and 1, durations seconds.
pub(crate) fn csv(section: &Section) -> String {
    let mut text = section.columns.iter().map(|column| column.key).collect::<Vec<_>>().join(",");
    text.push_str("\r\n");
    for row in &section.rows {
        let cells: Vec<String> = row.iter().map(cell).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Nothing => String::new(),
        Cell::Text(text) => quoted(text),
        Cell::Count(count) => count.to_string(),
        Cell::Share(number) | Cell::Seconds(number) => number.to_string(),
    }
}

/// Spreadsheets take a text that begins like a formula for one: such texts get an apostrophe.
fn quoted(text: &str) -> String {
    let text = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::page::{Column, Form};

    #[test]
    fn tables_are_csv() {
        let section = Section {
            id: "x",
            title: "X".into(),
            note: String::new(),
            columns: vec![Column { key: "name", title: "Name" }, Column { key: "share", title: "Share" }],
            rows: vec![
                vec![Cell::Text("a \"b\", c".into()), Cell::Share(0.25)],
                vec![Cell::Text("=1+1".into()), Cell::Nothing],
            ],
            most: 2,
            beyond: 0,
            form: Form::Table,
        };
        assert_eq!(csv(&section), "name,share\r\n\"a \"\"b\"\", c\",0.25\r\n'=1+1,\r\n");
    }
}
