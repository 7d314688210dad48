//! What the log tells of the values of a file, so that readers can pass it over: the smallest and largest of each column.

use super::types::Field;
use dlt_engine::value::{date_text, timestamp_text};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use serde_json::{Map, Value, json};

/// Letters of a text that are told.
const LETTERS: usize = 32;

/// The statistics of a file, as JSON.
pub(super) fn of(file: &ParquetMetaData, fields: &[&Field]) -> String {
    let rows = file.file_metadata().num_rows();
    let (mut least, mut most, mut nulls) = (Map::new(), Map::new(), Map::new());
    for (at, field) in fields.iter().enumerate() {
        let groups = file.row_groups().iter().map(|group| group.column(at).statistics());
        let Some(groups) = groups.collect::<Option<Vec<_>>>() else { continue };
        let counts: Option<u64> = groups.iter().map(|group| group.null_count_opt()).sum();
        if let Some(count) = counts {
            nulls.insert(field.name.clone(), count.into());
        }
        if let Some((low, high)) = bounds(field, &groups) {
            least.insert(field.name.clone(), low);
            most.extend(high.map(|high| (field.name.clone(), high)));
        }
    }
    json!({"numRecords": rows, "minValues": least, "maxValues": most, "nullCount": nulls}).to_string()
}

/// The smallest and the largest value of a column; the latter only where it can be told.
fn bounds(field: &Field, groups: &[&Statistics]) -> Option<(Value, Option<Value>)> {
    match field.kind.as_str()? {
        "string" => {
            let mut low: Option<&[u8]> = None;
            let mut high: Option<&[u8]> = None;
            for group in groups.iter().filter(|group| has_values(group)) {
                let (min, max) = (group.min_bytes_opt()?, group.max_bytes_opt()?);
                low = Some(low.map_or(min, |low| low.min(min)));
                high = Some(high.map_or(max, |high| high.max(max)));
            }
            // What is cut is smaller than the whole: good for the smallest alone.
            let low: String = std::str::from_utf8(low?).ok()?.chars().take(LETTERS).collect();
            let high = std::str::from_utf8(high?).ok().filter(|high| high.chars().count() <= LETTERS);
            Some((low.into(), high.map(Value::from)))
        }
        kind => {
            let (low, high) = integers(groups)?;
            let told = |value: i64| -> Option<Value> {
                Some(match kind {
                    "long" | "integer" | "short" | "byte" => value.into(),
                    "date" => of_four_digits(date_text(i32::try_from(value).ok()?))?.into(),
                    "timestamp" => format!("{}Z", of_four_digits(timestamp_text(value, false))?).into(),
                    _ => return None,
                })
            };
            // Readers may keep moments to the millisecond: the largest is told a millisecond later.
            let high = if kind == "timestamp" { high.checked_add(1_000)? } else { high };
            Some((told(low)?, told(high)))
        }
    }
}

/// A day or moment of a year that all readers know.
fn of_four_digits(text: String) -> Option<String> {
    (text.as_bytes().get(4) == Some(&b'-') && !text.starts_with('-')).then_some(text)
}

fn has_values(group: &Statistics) -> bool {
    group.min_bytes_opt().is_some()
}

fn integers(groups: &[&Statistics]) -> Option<(i64, i64)> {
    let mut bounds: Option<(i64, i64)> = None;
    for group in groups.iter().filter(|group| has_values(group)) {
        let (min, max) = match group {
            Statistics::Int32(values) => (i64::from(*values.min_opt()?), i64::from(*values.max_opt()?)),
            Statistics::Int64(values) => (*values.min_opt()?, *values.max_opt()?),
            _ => return None,
        };
        bounds = Some(bounds.map_or((min, max), |(low, high)| (low.min(min), high.max(max))));
    }
    bounds
}
