//! How rows become data files of a table.

use super::kind::Kind;
use super::scalar::Scalar;
use super::shape::Shape;
use super::spec::{Part, Spec};
use super::transform::Transform;
use crate::kept::{Column, Division, Form, converted};
use arrow::array::{Array, ArrayRef};
use arrow::datatypes::Field;
use dlt_engine::{Error, ErrorKind, Result};
use std::collections::HashMap;
use std::sync::Arc;

/// The key by which Parquet's writer numbers columns.
const FIELD_ID: &str = "PARQUET:field_id";

/// How rows with these columns become data files.
pub(super) fn form(title: String, shape: &Shape, spec: &Spec, columns: &[String]) -> Result<Form> {
    let (mut kept, mut required) = (Vec::new(), Vec::new());
    for (at, column) in columns.iter().enumerate() {
        let Some(field) = shape.field(column) else { continue };
        let kind = field.kind.arrow_type().ok_or_else(|| {
            Error::new(ErrorKind::Data, format!("column `{column}` of {title} is {}", field.kind))
                .hint("load into another table")
        })?;
        if field.required {
            required.push(at);
        }
        let numbered = Field::new(column, kind, !field.required);
        let numbered = numbered.with_metadata(HashMap::from([(FIELD_ID.to_owned(), field.id.to_string())]));
        kept.push(Column { at, field: numbered });
    }
    let divisions = spec.parts.iter().map(|part| division(&title, part, shape, columns)).collect();
    Ok(Form { title, columns: kept, required, divisions, below: "data/" })
}

fn division(title: &str, part: &Part, shape: &Shape, columns: &[String]) -> Division {
    let source = shape.by_id(part.source);
    let name = source.map(|field| field.name.clone()).unwrap_or_default();
    let kind = source.map_or(Kind::String, |field| field.kind.clone());
    let (title, transform) = (title.to_owned(), part.transform.clone());
    let is_void = transform == Transform::Void;
    let (shown, result) = (part.transform.clone(), part.kind.clone());
    Division {
        name: part.name.clone(),
        at: columns.iter().position(|column| *column == name).filter(|_| !is_void),
        texts: Box::new(move |array| texts(array, &title, &name, &kind, &transform)),
        label: Box::new(move |text| {
            Scalar::parse(text, &result).map_or_else(|| text.to_owned(), |value| shown.label(&value, &result))
        }),
    }
}

/// What is made of values, as texts.
fn texts(
    array: &ArrayRef,
    title: &str,
    column: &str,
    kind: &Kind,
    transform: &Transform,
) -> Result<Vec<Option<String>>> {
    let array = match kind.arrow_type() {
        Some(wanted) => converted(array, &wanted, title, column)?,
        None => Arc::clone(array),
    };
    let refused = || {
        Error::new(ErrorKind::Data, format!("{title} cannot be divided by a value of column `{column}`"))
            .hint("load into another table")
    };
    let text = |row: usize| match Scalar::of(&array, row) {
        None => Ok(None),
        Some(value) => transform.apply(value, kind).map(|value| Some(value.text())).ok_or_else(refused),
    };
    (0..array.len()).map(text).collect()
}
