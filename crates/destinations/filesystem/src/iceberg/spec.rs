//! How a table is divided.

use super::kind::Kind;
use super::shape::Shape;
use super::transform::Transform;
use dlt_engine::schema::Table;
use dlt_engine::{Error, ErrorKind, Result};
use serde_json::{Value, json};

/// One thing by which a table is divided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The column, by its number.
    pub(super) source: i64,
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) transform: Transform,
    /// The type of the values.
    pub(super) kind: Kind,
}

/// All by which files of a table are divided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spec {
    pub(super) id: i64,
    pub(super) parts: Vec<Part>,
}

/// The number before the first of a part.
pub(super) const FIRST: i64 = 999;

impl Spec {
    /// Reads a spec; `kind` knows the types of columns by their numbers. `None` if it cannot be understood.
    pub(super) fn parse(spec: &Value, kind: &dyn Fn(i64) -> Option<Kind>) -> Option<Self> {
        let parts = spec.get("fields")?.as_array()?.iter().map(|part| {
            let source = part.get("source-id")?.as_i64()?;
            let transform = Transform::parse(part.get("transform")?.as_str()?);
            let of = kind(source).unwrap_or_else(|| Kind::Other("unknown".into()));
            Some(Part {
                source,
                id: part.get("field-id")?.as_i64()?,
                name: part.get("name")?.as_str()?.to_owned(),
                kind: transform.result(&of).unwrap_or_else(|| Kind::Other(of.to_string())),
                transform,
            })
        });
        Some(Self { id: spec.get("spec-id")?.as_i64()?, parts: parts.collect::<Option<_>>()? })
    }

    pub(super) fn to_json(&self) -> Value {
        json!({"spec-id": self.id, "fields": self.fields()})
    }

    pub(super) fn fields(&self) -> Value {
        let parts = self.parts.iter().map(|part| {
            json!({
                "source-id": part.source, "field-id": part.id, "transform": part.transform.to_string(),
                "name": part.name,
            })
        });
        parts.collect()
    }

    /// Whether both divide by the same.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let key =
            |spec: &Self| -> Vec<_> { spec.parts.iter().map(|part| (part.source, part.transform.clone())).collect() };
        key(self) == key(other)
    }

    /// What it divides by, for people.
    fn shown(&self, shape: &Shape) -> String {
        let parts = self.parts.iter().filter(|part| part.transform != Transform::Void).map(|part| {
            let column = shape.by_id(part.source).map_or(part.name.as_str(), |field| &field.name);
            match &part.transform {
                Transform::Identity => column.to_owned(),
                transform => format!("{transform} of {column}"),
            }
        });
        match parts.collect::<Vec<_>>().join(", ") {
            nothing if nothing.is_empty() => "not divided".to_owned(),
            parts => format!("divided by {parts}"),
        }
    }
}

/// By what a table is to be divided: the columns whose hint says so, and what Python dlt's adapter asks for.
fn wanted(table: &Table) -> Option<Vec<(String, Transform, Option<String>)>> {
    let columns = table.columns_with("partition").into_iter();
    let mut wanted: Vec<_> = columns.map(|column| (column.to_owned(), Transform::Identity, None)).collect();
    for part in table.hints.get("x-iceberg-partition").and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| part.get(key).and_then(Value::as_str).map(str::to_owned);
        let name = text("transform")?;
        let name = match part.get("param_value").and_then(Value::as_u64) {
            Some(number) => format!("{name}[{number}]"),
            None => name,
        };
        wanted.push((text("source_column")?, Transform::parse(&name), text("partition_field")));
    }
    Some(wanted)
}

/// How a table is divided once a load is done.
///
/// # Errors
/// [`ErrorKind::Config`] if it is to be divided in another way than it is, or cannot be divided so.
pub(super) fn spec(title: &str, table: &Table, shape: &Shape, before: Option<&Spec>, last: (i64, i64)) -> Result<Spec> {
    let refused = |column: &str, transform: &Transform| {
        let message = match transform {
            Transform::Identity => format!("{title} cannot be divided by column `{column}`"),
            transform => format!("{title} cannot be divided by {transform} of column `{column}`"),
        };
        Error::new(ErrorKind::Config, message)
            .hint("name columns that the data has, of texts, numbers, dates or moments")
    };
    let wanted = wanted(table).ok_or_else(|| {
        Error::new(ErrorKind::Config, format!("the hint `x-iceberg-partition` of {title} cannot be understood"))
            .hint("leave it out, or write it as Python dlt's iceberg_adapter does")
    })?;
    let (last_spec, mut last_part) = last;
    let mut parts = Vec::new();
    for (column, transform, name) in wanted {
        let field = shape.field(&column).ok_or_else(|| refused(&column, &transform))?;
        let kind = transform.result(&field.kind).filter(|kind| *kind != Kind::Binary);
        let kind = kind.ok_or_else(|| refused(&column, &transform))?;
        let name = name.unwrap_or_else(|| match &transform {
            Transform::Identity => column.clone(),
            Transform::Bucket(count) => format!("{column}_bucket_{count}"),
            Transform::Truncate(width) => format!("{column}_trunc_{width}"),
            transform => format!("{column}_{transform}"),
        });
        last_part += 1;
        parts.push(Part { source: field.id, id: last_part, name, transform, kind });
    }
    let wanted = Spec { id: last_spec + 1, parts };
    match before {
        Some(before) if wanted.parts.is_empty() || wanted.is_like(before) => Ok(before.clone()),
        Some(before) => {
            let message = format!("{title} is {}, and is to be {}", before.shown(shape), wanted.shown(shape));
            Err(Error::new(ErrorKind::Config, message).hint("leave `partition` as it was, or load into another table"))
        }
        None => Ok(wanted),
    }
}

/// Looks whether rows can be divided so.
///
/// # Errors
/// [`ErrorKind::Destination`] if not, with what is not known.
pub(super) fn check(title: &str, spec: &Spec) -> Result<()> {
    let is_known =
        |part: &&Part| !matches!(part.transform, Transform::Other(_)) && !matches!(part.kind, Kind::Other(_));
    match spec.parts.iter().find(|part| part.transform != Transform::Void && !is_known(part)) {
        None => Ok(()),
        Some(part) => {
            let message = format!("{title} is divided by `{}` ({}), which dlt cannot write", part.name, part.transform);
            Err(Error::new(ErrorKind::Destination, message)
                .hint("load into another table, or go on with the tool that made this one"))
        }
    }
}
