//! A page as JSON.

use serde_json::{Map, Value, json};

use super::html::InPublic;
use super::page::{Cell, Page};

/// An object with a list of objects for each section. Shares are numbers between 0 and 1, durations seconds. `more` says how many
/// rows there are beyond, where a list ends.
pub(crate) fn json(page: &Page) -> String {
    let mut all = json!({ "title": page.title, "sections": sections(page) });
    let beyond = page.sections.iter().filter(|section| section.beyond > 0);
    let beyond = Map::from_iter(beyond.map(|section| (section.id.to_owned(), section.beyond.into())));
    if !beyond.is_empty() {
        all["more"] = beyond.into();
    }
    all.to_string()
}

/// As [`json`], of a page that everybody may see.
pub(crate) fn public(page: &Page, public: &InPublic<'_>) -> String {
    json!({ "project": public.project, "least_ids": public.least, "sections": sections(page) }).to_string()
}

fn sections(page: &Page) -> Map<String, Value> {
    let section = |section: &super::Section| {
        let row = |row: &Vec<Cell>| {
            let members = section.columns.iter().zip(row).map(|(column, cell)| (column.key.to_owned(), value(cell)));
            Value::Object(members.collect())
        };
        (section.id.to_owned(), Value::Array(section.rows.iter().map(row).collect()))
    };
    page.sections.iter().map(section).collect()
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Nothing => Value::Null,
        Cell::Text(text) => text.as_str().into(),
        Cell::Count(count) => (*count).into(),
        Cell::Share(number) | Cell::Seconds(number) => (*number).into(),
    }
}
