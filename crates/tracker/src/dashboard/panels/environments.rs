//! Where it runs.

use std::collections::HashMap;

use dlt_engine::Error;
use dlt_engine::destination::Row;
use serde_json::Value;

use super::parts::{self, Question, Tally};
use super::{Asking, NOT_TOLD, number, section};
use crate::dashboard::page::{Cell, Form, Section};
use crate::store::schema::EVENTS;

/// Rows of a table.
const MAX_ROWS: usize = 30;
/// The columns that tell where it runs.
const COLUMNS: [&str; 8] =
    ["os_name", "os_version", "cpu", "ci_run", "exec_info", "python_version", "runtime_name", "runtime_version"];

/// What is told: a name in addresses, a title, how to read it, and the values of a place.
type Told = (&'static str, &'static str, &'static str, fn(&Row) -> Vec<Option<String>>);

const TOLD: [Told; 6] = [
    ("os", "Operating systems", "", |place| vec![text(place, "os_name")]),
    ("os_versions", "Their versions", "", |place| vec![Some(joined(place, "os_name", "os_version"))]),
    ("cpu", "Cores", "That the program may use.", |place| vec![cores(place).map(str::to_owned)]),
    ("ci", "Continuous integration", "", |place| {
        let is_ci = place.get("ci_run").and_then(Value::as_bool);
        vec![is_ci.map(|is_ci| if is_ci { "continuous integration" } else { "elsewhere" }.to_owned())]
    }),
    (
        "exec_info",
        "Environments",
        "Words that clients have for where they run; an install can have several.",
        |place| {
            let words = text(place, "exec_info");
            let named = |word: &str| Some(if word.is_empty() { "none of them" } else { word }.to_owned());
            words.map_or_else(Vec::new, |words| words.split(',').map(named).collect())
        },
    ),
    ("runtimes", "Runtimes", "", |place| {
        let python = text(place, "python_version").map(|version| format!("Python {version}"));
        vec![python.or_else(|| text(place, "runtime_name").map(|_| joined(place, "runtime_name", "runtime_version")))]
    }),
];

/// Each place, as what its columns say together, is looked at once.
pub(super) fn all(asking: &mut Asking<'_>) -> Result<Vec<Section>, Error> {
    let (place, condition) = (asking.dialect().hash(&COLUMNS), asking.condition.clone());
    let columns = COLUMNS.join(", ");
    let mut events = 0;
    let mut places: HashMap<i64, Row> = HashMap::new();
    let rows = asking.rows(&format!(
        "SELECT CAST({place} AS TEXT) AS place, count(*) AS events, {columns} FROM {EVENTS} WHERE {condition} GROUP BY {columns}"
    ))?;
    for row in rows {
        events += number(&row, "events").unsigned_abs();
        let number = row.get("place").and_then(Value::as_str).and_then(|text| {
            let signed = text.parse::<i64>().ok();
            signed.or_else(|| text.parse::<u64>().ok().map(u64::cast_signed))
        });
        places.insert(number.unwrap_or_default(), row);
    }
    let mut values: [Values; TOLD.len()] = Default::default();
    let mut tallies: [Tally; TOLD.len()] = Default::default();
    asking.parts(&Question { columns: &[&place], marked: &[], events }, |_, part, _| {
        for ((told, values), tally) in TOLD.iter().zip(&mut values).zip(&mut tallies) {
            let codes = Vec::from_iter(part.values[0].all.iter().map(|place| match place {
                parts::Value::Number(place) => places.get(place).map(|place| values.codes(told.3(place))),
                _ => None,
            }));
            tally.add(part, |group| codes[group.codes[0] as usize].iter().flatten().copied());
        }
        Ok(())
    })?;
    let sections = TOLD.iter().zip(values).zip(tallies).map(|((told, values), tally)| shares(told, &values, &tally));
    Ok(sections.collect())
}

/// The values of one thing that is told, by their codes.
#[derive(Default)]
struct Values {
    all: Vec<Option<String>>,
    codes: HashMap<Option<String>, u32>,
}

impl Values {
    fn codes(&mut self, values: Vec<Option<String>>) -> Vec<u32> {
        let code = |value: Option<String>| {
            let next = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
            let code = *self.codes.entry(value.clone()).or_insert(next);
            if code == next {
                self.all.push(value);
            }
            code
        };
        values.into_iter().map(code).collect()
    }
}

fn shares(told: &Told, values: &Values, tally: &Tally) -> Section {
    let mut found = Vec::from_iter(tally.found().map(|(code, installs, events)| (&values.all[code], installs, events)));
    found.sort_by(|one, other| {
        let by_name = || (one.0.is_none(), one.0).cmp(&(other.0.is_none(), other.0));
        (other.1, other.2).cmp(&(one.1, one.2)).then_with(by_name)
    });
    let row = |(value, installs, events): &(&Option<String>, u64, u64)| {
        let value = value.as_deref().unwrap_or(NOT_TOLD).to_owned();
        vec![Cell::Text(value), Cell::Count(*installs), Cell::Count(*events)]
    };
    section(
        (told.0, told.1),
        told.2,
        &[("value", "Value"), ("installs", "Installs"), ("events", "Events")],
        found.iter().take(MAX_ROWS).map(row).collect(),
        Form::Bars,
    )
}

fn text(place: &Row, column: &str) -> Option<String> {
    place.get(column).and_then(Value::as_str).map(str::to_owned)
}

/// A name and its version.
fn joined(place: &Row, name: &str, version: &str) -> String {
    let name = text(place, name);
    format!("{} {}", name.as_deref().unwrap_or(NOT_TOLD), text(place, version).unwrap_or_default())
}

fn cores(place: &Row) -> Option<&'static str> {
    Some(match place.get("cpu").and_then(Value::as_i64)? {
        32.. => "32 and more",
        16.. => "16 to 31",
        8.. => "8 to 15",
        4.. => "4 to 7",
        2.. => "2 and 3",
        _ => "1",
    })
}
