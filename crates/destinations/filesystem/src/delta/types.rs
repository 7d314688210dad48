//! Columns of a table as the log describes them, and as its files have them.

use arrow::datatypes::{DataType as ArrowType, TimeUnit};
use dlt_engine::schema::{Column, DataType, Table};
use dlt_engine::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A column, as the log describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Field {
    pub(crate) name: String,
    /// A name, or for nested types an object.
    #[serde(rename = "type")]
    pub(crate) kind: Value,
    pub(crate) nullable: bool,
    #[serde(default)]
    pub(crate) metadata: Map<String, Value>,
}

/// The columns of a table and those by which it is divided.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Shape {
    pub(crate) fields: Vec<Field>,
    pub(crate) partition: Vec<String>,
}

impl Shape {
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Reads what the log says of the columns; `None` if it cannot be understood.
    pub(super) fn parse(schema_string: &str, partition: &[String]) -> Option<Self> {
        let mut schema: Value = serde_json::from_str(schema_string).ok()?;
        let fields = serde_json::from_value(schema.get_mut("fields")?.take()).ok()?;
        Some(Self { fields, partition: partition.to_vec() })
    }

    pub(super) fn to_json(&self) -> String {
        json!({"type": "struct", "fields": self.fields}).to_string()
    }

    pub(super) fn has_timestamp_ntz(&self) -> bool {
        self.fields.iter().any(|field| field.kind == "timestamp_ntz")
    }
}

/// What a table becomes that has these columns: `before`, where it is there, with the columns that it lacks.
///
/// # Errors
/// [`ErrorKind::Data`] if a column is there with another type; [`ErrorKind::Config`] if the table is to be divided in another way.
pub(crate) fn shape(table: &Table, before: Option<&Shape>) -> Result<Shape> {
    let wanted: Vec<String> = table.columns_with("partition").into_iter().map(str::to_owned).collect();
    let partition = match before {
        Some(before) if !wanted.is_empty() && wanted != before.partition => {
            let say = |columns: &[String]| match columns {
                [] => "not divided".to_owned(),
                columns => format!("divided by {}", columns.join(", ")),
            };
            let message = format!(
                "the Delta table `{}` is {}, and is to be {}",
                table.name,
                say(&before.partition),
                say(&wanted)
            );
            return Err(
                Error::new(ErrorKind::Config, message).hint("leave `partition` as it was, or load into another table")
            );
        }
        Some(before) => before.partition.clone(),
        None => wanted,
    };
    let mut shape = Shape { fields: before.map(|before| before.fields.clone()).unwrap_or_default(), partition };
    for (column, _) in table.complete_columns() {
        let kind = kind(column);
        match shape.field(&column.name) {
            None => shape.fields.push(Field {
                name: column.name.clone(),
                kind: kind.into(),
                nullable: column.nullable || before.is_some(),
                metadata: Map::new(),
            }),
            Some(field) if fits(&kind, field) => {}
            Some(field) => {
                let is = field.kind.as_str().map_or_else(|| "nested".to_owned(), str::to_owned);
                let message = format!(
                    "column `{}` of the Delta table `{}` is {is}, and the data needs {kind}",
                    column.name, table.name
                );
                return Err(Error::new(ErrorKind::Data, message).hint("load into another dataset or table"));
            }
        }
    }
    let is_kept = |field: &&Field| table.complete_columns().any(|(column, _)| column.name == field.name);
    if let Some(field) = shape.fields.iter().filter(|field| !field.nullable).find(|field| !is_kept(field)) {
        let message = format!(
            "column `{}` of the Delta table `{}` must have a value, and the data has no such column",
            field.name, table.name
        );
        return Err(Error::new(ErrorKind::Data, message).hint("load into another dataset or table"));
    }
    if let Some(column) =
        shape.partition.iter().find(|name| shape.field(name).is_none_or(|field| field.kind == "binary"))
    {
        let message = format!("the Delta table `{}` cannot be divided by column `{column}`", table.name);
        return Err(Error::new(ErrorKind::Config, message)
            .hint("name columns that the data has, of texts, numbers, dates or moments"));
    }
    Ok(shape)
}

/// The type of a column that begins.
fn kind(column: &Column) -> String {
    match column.data_type {
        Some(DataType::Double) => "double".into(),
        Some(DataType::Bool) => "boolean".into(),
        Some(DataType::Timestamp) if column.has_timezone() => "timestamp".into(),
        Some(DataType::Timestamp) => "timestamp_ntz".into(),
        Some(DataType::Bigint) => "long".into(),
        Some(DataType::Binary) => "binary".into(),
        Some(DataType::Decimal) => {
            let (digits, decimals) = column.decimal();
            format!("decimal({digits},{decimals})")
        }
        Some(DataType::Wei) => "decimal(38,0)".into(),
        Some(DataType::Date) => "date".into(),
        // There is no time of day.
        Some(DataType::Text | DataType::Json | DataType::Time) | None => "string".into(),
    }
}

/// Whether values of a type can be in a column of the table, each unchanged: those that cannot are found when they are written.
fn fits(kind: &str, field: &Field) -> bool {
    let Some(is) = field.kind.as_str() else { return false };
    match kind {
        "long" => matches!(is, "long" | "integer" | "short" | "byte"),
        "double" => matches!(is, "double" | "float"),
        _ if kind.starts_with("decimal") => is.starts_with("decimal"),
        _ => kind == is,
    }
}

/// How values of a column of the table are held in its files.
pub(super) fn arrow_type(field: &Field) -> Option<ArrowType> {
    let kind = field.kind.as_str()?;
    Some(match kind {
        "string" => ArrowType::Utf8,
        "long" => ArrowType::Int64,
        "integer" => ArrowType::Int32,
        "short" => ArrowType::Int16,
        "byte" => ArrowType::Int8,
        "double" => ArrowType::Float64,
        "float" => ArrowType::Float32,
        "boolean" => ArrowType::Boolean,
        "binary" => ArrowType::Binary,
        "date" => ArrowType::Date32,
        "timestamp" => ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        "timestamp_ntz" => ArrowType::Timestamp(TimeUnit::Microsecond, None),
        _ => {
            let (digits, decimals) = kind.strip_prefix("decimal(")?.strip_suffix(')')?.split_once(',')?;
            ArrowType::Decimal128(digits.trim().parse().ok()?, decimals.trim().parse().ok()?)
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use dlt_engine::schema::WriteDisposition;

    fn table(columns: &[(&str, DataType)]) -> Table {
        let mut table = Table::root("t", "t", WriteDisposition::Append);
        for (name, data_type) in columns {
            table.add(Column::inferred(name, *data_type));
        }
        table
    }

    #[test]
    fn a_table_grows_and_keeps_its_types() {
        let first = shape(&table(&[("id", DataType::Bigint), ("at", DataType::Time)]), None).unwrap();
        assert_eq!(first.field("at").unwrap().kind, "string");
        let again = Shape::parse(&first.to_json(), &first.partition).unwrap();
        assert_eq!(again, first);
        let grown = shape(&table(&[("id", DataType::Bigint), ("new", DataType::Date)]), Some(&first)).unwrap();
        assert_eq!(grown.fields.len(), 3);
        let error = shape(&table(&[("id", DataType::Text)]), Some(&first)).unwrap_err();
        assert_eq!(error.to_string(), "column `id` of the Delta table `t` is long, and the data needs string");
    }
}
