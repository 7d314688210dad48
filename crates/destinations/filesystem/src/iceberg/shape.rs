//! The columns of a table.

use super::kind::Kind;
use dlt_engine::schema::Table;
use dlt_engine::{Error, ErrorKind, Result};
use serde_json::{Map, Value, json};

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) required: bool,
}

/// The columns of a table, as one of its schemas has them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Shape {
    /// As the metadata has them, with what is not known here.
    raw: Vec<Value>,
    pub(super) fields: Vec<Field>,
}

impl Shape {
    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    pub(super) fn by_id(&self, id: i64) -> Option<&Field> {
        self.fields.iter().find(|field| field.id == id)
    }

    /// Reads a schema of the metadata; `None` if it cannot be understood.
    pub(super) fn parse(schema: &Value) -> Option<Self> {
        let raw = schema.get("fields")?.as_array()?.clone();
        let fields = raw.iter().map(|field| {
            let kind = field.get("type")?;
            let nested = || kind.get("type").and_then(Value::as_str).unwrap_or("nested").to_owned();
            Some(Field {
                id: field.get("id")?.as_i64()?,
                name: field.get("name")?.as_str()?.to_owned(),
                kind: kind.as_str().map_or_else(|| Kind::Other(nested()), Kind::parse),
                required: field.get("required")?.as_bool()?,
            })
        });
        let fields = fields.collect::<Option<Vec<_>>>()?;
        Some(Self { raw, fields })
    }

    /// The schema as the metadata has it.
    pub(super) fn to_json(&self, id: i64) -> Value {
        json!({"type": "struct", "fields": self.raw, "schema-id": id, "identifier-field-ids": []})
    }

    /// Whether files that were written for these columns can be part of a table that has others.
    pub(super) fn agrees(&self, other: &Self, columns: &[String]) -> bool {
        columns.iter().all(|column| {
            let key = |shape: &Self| shape.field(column).map(|field| (field.id, field.kind.clone()));
            key(self) == key(other)
        })
    }

    fn set(&mut self, at: usize, kind: Option<Kind>, required: bool) {
        if let Some(kind) = kind {
            self.raw[at]["type"] = kind.to_string().into();
            self.fields[at].kind = kind;
        }
        self.raw[at]["required"] = required.into();
        self.fields[at].required = required;
    }

    fn push(&mut self, field: Field) {
        let mut raw = Map::new();
        raw.insert("id".into(), field.id.into());
        raw.insert("name".into(), field.name.as_str().into());
        raw.insert("required".into(), field.required.into());
        raw.insert("type".into(), field.kind.to_string().into());
        self.raw.push(raw.into());
        self.fields.push(field);
    }
}

/// What a table becomes that has these columns: `before`, where it is there, with the columns that it lacks. New ones get the numbers
/// behind `last_id`.
///
/// # Errors
/// [`ErrorKind::Data`] if a column is there with a type that does not take its values.
pub(super) fn shape(title: &str, table: &Table, before: Option<&Shape>, last_id: i64) -> Result<Shape> {
    let mut shape = before.cloned().unwrap_or_default();
    for (column, _) in table.complete_columns() {
        let wanted = Kind::of(column);
        let Some(at) = shape.fields.iter().position(|field| field.name == column.name) else {
            let last = shape.fields.iter().map(|field| field.id).fold(last_id, i64::max);
            // What is there already has no value in a column that comes later.
            let required = !column.nullable && before.is_none();
            shape.push(Field { id: last + 1, name: column.name.clone(), kind: wanted, required });
            continue;
        };
        let field = &shape.fields[at];
        let Some(kind) = field.kind.taking(&wanted) else {
            let message = format!("column `{}` of {title} is {}, and the data needs {wanted}", column.name, field.kind);
            return Err(Error::new(ErrorKind::Data, message).hint("load into another dataset or table"));
        };
        let required = field.required && !column.nullable;
        let kind = (kind != field.kind).then_some(kind);
        shape.set(at, kind, required);
    }
    // A column that the data has not is without a value from now on.
    for at in 0..shape.fields.len() {
        let is_there = table.complete_columns().any(|(column, _)| column.name == shape.fields[at].name);
        if shape.fields[at].required && !is_there {
            shape.set(at, None, false);
        }
    }
    Ok(shape)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use dlt_engine::schema::{Column, DataType, WriteDisposition};

    fn table(columns: &[(&str, DataType)]) -> Table {
        let mut table = Table::root("t", "t", WriteDisposition::Append);
        for (name, data_type) in columns {
            table.add(Column::inferred(name, *data_type));
        }
        table
    }

    #[test]
    fn a_table_grows_and_keeps_its_numbers() {
        let mut first = table(&[("id", DataType::Bigint), ("wei", DataType::Wei)]);
        first.columns["id"].nullable = false;
        let first = shape("t", &first, None, 0).unwrap();
        assert_eq!(first.fields[0], Field { id: 1, name: "id".into(), kind: Kind::Long, required: true });
        assert_eq!(first.fields[1].kind, Kind::String);
        assert_eq!(Shape::parse(&first.to_json(0)).unwrap(), first);
        // A column of which another tool says more than is known here.
        let mut known = first.to_json(0);
        known["fields"][1]["doc"] = "all of it".into();
        let known = Shape::parse(&known).unwrap();
        let grown = shape("t", &table(&[("new", DataType::Date)]), Some(&known), 7).unwrap();
        assert_eq!(grown.field("new").unwrap().id, 8);
        assert!(!grown.fields[0].required, "no row of the load has it");
        assert_eq!(grown.to_json(1)["fields"][1]["doc"], "all of it");
        let error = shape("the Iceberg table t", &table(&[("id", DataType::Text)]), Some(&first), 2).unwrap_err();
        assert_eq!(error.to_string(), "column `id` of the Iceberg table t is long, and the data needs string");
    }
}
