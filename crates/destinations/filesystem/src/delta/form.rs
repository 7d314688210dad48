//! How rows become data files of a table: without the columns by which it is divided.

use super::types::{Shape, arrow_type};
use crate::kept::{Column, Division, Form, converted};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType as ArrowType, Date32Type, Decimal128Type, Field, TimestampMicrosecondType};
use arrow::util::display::array_value_to_string;
use dlt_engine::value::{date_text, time_text};
use dlt_engine::{Error, ErrorKind, Result};

/// How rows with these columns become data files.
pub(super) fn form(title: String, shape: &Shape, columns: &[String]) -> Result<Form> {
    let (mut kept, mut required) = (Vec::new(), Vec::new());
    for (at, column) in columns.iter().enumerate() {
        let Some(field) = shape.field(column) else { continue };
        if !field.nullable {
            required.push(at);
        }
        if shape.partition.contains(column) {
            continue;
        }
        let kind = arrow_type(field).ok_or_else(|| {
            Error::new(ErrorKind::Data, format!("column `{column}` of {title} is nested"))
                .hint("load into another table")
        })?;
        kept.push(Column { at, field: Field::new(column, kind, true) });
    }
    let divisions = shape.partition.iter().map(|name| {
        let kind = shape.field(name).and_then(arrow_type).unwrap_or(ArrowType::Utf8);
        let (title, column) = (title.clone(), name.clone());
        Division {
            name: name.clone(),
            at: columns.iter().position(|column| column == name),
            texts: Box::new(move |array| texts(&converted(array, &kind, &title, &column)?)),
            label: Box::new(str::to_owned),
        }
    });
    let divisions = divisions.collect();
    Ok(Form { title, columns: kept, required, divisions, below: "" })
}

/// Values of a column by which a table is divided, as the log writes them.
fn texts(array: &ArrayRef) -> Result<Vec<Option<String>>> {
    let text = |row: usize| -> Result<String> {
        Ok(match array.data_type() {
            ArrowType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
            ArrowType::Date32 => date_text(array.as_primitive::<Date32Type>().value(row)),
            ArrowType::Timestamp(..) => {
                let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
                let day = i32::try_from(micros.div_euclid(86_400_000_000)).unwrap_or(i32::MAX);
                let time = micros.rem_euclid(86_400_000_000);
                // Always with six decimals.
                let whole = time_text(time - time % 1_000_000);
                format!("{} {whole}.{:06}", date_text(day), time % 1_000_000)
            }
            ArrowType::Decimal128(..) => array.as_primitive::<Decimal128Type>().value_as_string(row),
            _ => array_value_to_string(&array, row)
                .map_err(|error| Error::new(ErrorKind::Internal, "a value cannot be written as text").because(error))?,
        })
    };
    (0..array.len()).map(|row| if array.is_null(row) { Ok(None) } else { text(row).map(Some) }).collect()
}
