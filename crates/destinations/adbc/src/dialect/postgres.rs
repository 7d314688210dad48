//! PostgreSQL: types as `format_type` spells them.

use dlt_engine::schema::{Column, DataType};

/// What a type lacks, and what to do about it.
pub(super) type Lack = (String, &'static str);

/// Digits of a second that are kept.
const MOMENT_DIGITS: u64 = 6;

pub(super) fn columns_sql(dataset: &str) -> String {
    format!(
        "SELECT CAST(c.relname AS text), CAST(a.attname AS text), pg_catalog.format_type(a.atttypid, a.atttypmod) \
         FROM pg_catalog.pg_class AS c \
         JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
         JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid \
         WHERE n.nspname = {dataset} AND c.relkind IN ('r', 'p', 'f') AND a.attnum > 0 AND NOT a.attisdropped"
    )
}

pub(super) fn tables_sql(dataset: &str) -> String {
    format!(
        "SELECT CAST(c.relname AS text) FROM pg_catalog.pg_class AS c \
         JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
         WHERE n.nspname = {dataset} AND c.relkind IN ('r', 'p', 'f') ORDER BY c.oid"
    )
}

pub(super) fn sql_type(column: &Column, data_type: DataType) -> Result<String, Lack> {
    let precision = column.number("precision");
    Ok(match data_type {
        DataType::Text => match precision {
            Some(length) => format!("character varying({length})"),
            None => "character varying".to_owned(),
        },
        DataType::Double => "double precision".to_owned(),
        DataType::Bool => "boolean".to_owned(),
        DataType::Timestamp if column.has_timezone() => moment("timestamp", precision, "with time zone")?,
        DataType::Timestamp => moment("timestamp", precision, "without time zone")?,
        DataType::Time => moment("time", precision, "without time zone")?,
        DataType::Bigint => match precision {
            Some(..=16) => "smallint",
            Some(17..=32) => "integer",
            None | Some(33..=64) => "bigint",
            Some(bits) => return Err((format!("{bits} bits"), "declare the column as decimal or wei")),
        }
        .to_owned(),
        DataType::Binary => "bytea".to_owned(),
        DataType::Json => "jsonb".to_owned(),
        DataType::Decimal => {
            let (digits, decimals) = column.decimal();
            format!("numeric({digits},{decimals})")
        }
        DataType::Wei => {
            format!("numeric({},{})", precision.unwrap_or(156), column.number("scale").unwrap_or(78))
        }
        DataType::Date => "date".to_owned(),
    })
}

fn moment(name: &str, digits: Option<u64>, zone: &str) -> Result<String, Lack> {
    match digits {
        None => Ok(format!("{name} {zone}")),
        Some(digits @ 0..=MOMENT_DIGITS) => Ok(format!("{name}({digits}) {zone}")),
        Some(digits) => Err((
            format!("moments of {digits} digits of a second"),
            "set a precision of at most 6, or declare the column as text",
        )),
    }
}

/// Whether a column of type `existing` holds every value of type `wanted` unchanged.
pub(super) fn can_hold(existing: &str, wanted: &str) -> bool {
    if existing == wanted {
        return true;
    }
    if let (Some(existing), Some(wanted)) = (integer_bits(existing), integer_bits(wanted)) {
        return existing >= wanted;
    }
    if let (Some(existing), Some(wanted)) = (split(existing), split(wanted)) {
        return existing.holds(&wanted);
    }
    false
}

fn integer_bits(name: &str) -> Option<u32> {
    Some(match name {
        "smallint" => 16,
        "integer" => 32,
        "bigint" => 64,
        _ => return None,
    })
}

/// A type with what stands between its brackets.
struct Typed {
    name: String,
    numbers: Option<(i64, i64)>,
}

fn split(text: &str) -> Option<Typed> {
    let Some((name, rest)) = text.split_once('(') else {
        return Some(Typed { name: text.to_owned(), numbers: None });
    };
    let (numbers, end) = rest.split_once(')')?;
    let (first, second) = numbers.split_once(',').unwrap_or((numbers, "0"));
    let numbers = (first.trim().parse().ok()?, second.trim().parse().ok()?);
    Some(Typed { name: format!("{name}{end}"), numbers: Some(numbers) })
}

impl Typed {
    fn holds(&self, wanted: &Self) -> bool {
        let is_text = |name: &str| matches!(name, "character varying" | "text");
        match (self.numbers, wanted.numbers) {
            // JSON is text with a promise.
            (None, _) if is_text(&self.name) => is_text(&wanted.name) || wanted.name == "jsonb",
            (None, _) if self.name == "json" => wanted.name == "jsonb",
            _ if self.name != wanted.name => false,
            (None, _) => true,
            // Moments without a number have all digits; texts and numerics without one have no limit.
            (Some((digits, _)), None) => self.name.starts_with("time") && digits.unsigned_abs() >= MOMENT_DIGITS,
            (Some((digits, decimals)), Some((wanted_digits, wanted_decimals))) => {
                decimals >= wanted_decimals && digits - decimals >= wanted_digits - wanted_decimals
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn column(data_type: DataType, hints: &[(&str, i64)]) -> Column {
        hints.iter().fold(Column::inferred("c", data_type), |column, (hint, value)| column.with(hint, *value))
    }

    #[test]
    fn types_are_those_of_python_dlt() {
        for (column, expected) in [
            (column(DataType::Text, &[]), "character varying"),
            (column(DataType::Text, &[("precision", 64)]), "character varying(64)"),
            (column(DataType::Timestamp, &[]), "timestamp with time zone"),
            (column(DataType::Timestamp, &[("precision", 3)]), "timestamp(3) with time zone"),
            (column(DataType::Timestamp, &[]).with("timezone", false), "timestamp without time zone"),
            (column(DataType::Bigint, &[("precision", 8)]), "smallint"),
            (column(DataType::Bigint, &[("precision", 32)]), "integer"),
            (column(DataType::Bigint, &[]), "bigint"),
            (column(DataType::Json, &[]), "jsonb"),
            (column(DataType::Decimal, &[]), "numeric(38,9)"),
            (column(DataType::Wei, &[]), "numeric(156,78)"),
            (column(DataType::Time, &[]), "time without time zone"),
        ] {
            assert_eq!(sql_type(&column, column.data_type.unwrap()).unwrap(), expected);
        }
        assert!(sql_type(&column(DataType::Bigint, &[("precision", 65)]), DataType::Bigint).is_err());
        assert!(sql_type(&column(DataType::Timestamp, &[("precision", 9)]), DataType::Timestamp).is_err());
    }

    #[test]
    fn a_column_takes_what_it_can_hold_unchanged() {
        for (existing, wanted, fits) in [
            ("bigint", "smallint", true),
            ("smallint", "bigint", false),
            ("text", "character varying", true),
            ("text", "character varying(5)", true),
            ("character varying(5)", "character varying", false),
            ("character varying(5)", "character varying(4)", true),
            ("character varying", "jsonb", true),
            ("jsonb", "character varying", false),
            ("json", "jsonb", true),
            ("numeric", "numeric(38,9)", true),
            ("numeric(10,2)", "numeric(38,9)", false),
            ("numeric(38,9)", "numeric(10,2)", true),
            ("timestamp(6) with time zone", "timestamp with time zone", true),
            ("timestamp(3) with time zone", "timestamp with time zone", false),
            ("timestamp without time zone", "timestamp with time zone", false),
            ("character varying", "bigint", false),
        ] {
            assert_eq!(can_hold(existing, wanted), fits, "{existing} for {wanted}");
        }
    }
}
