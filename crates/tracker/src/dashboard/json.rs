//! A page as JSON.

use serde_json::{Map, Value, json};

use super::page::{Cell, Page};

/// An object with a list of objects for each section. Shares are numbers between 0 and 1, durations seconds.
pub(crate) fn json(page: &Page) -> String {
    let section = |section: &super::Section| {
        let row = |row: &Vec<Cell>| {
            let members = section.columns.iter().zip(row).map(|(column, cell)| (column.key.to_owned(), value(cell)));
            Value::Object(members.collect())
        };
        (section.id.to_owned(), Value::Array(section.rows.iter().map(row).collect()))
    };
    let sections: Map<String, Value> = page.sections.iter().map(section).collect();
    json!({ "title": page.title, "sections": sections }).to_string()
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Nothing => Value::Null,
        Cell::Text(text) => text.as_str().into(),
        Cell::Count(count) => (*count).into(),
        Cell::Share(number) | Cell::Seconds(number) => (*number).into(),
    }
}
