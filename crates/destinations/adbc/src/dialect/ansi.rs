//! The SQL that most databases share. What a database calls its types is its own: types are compared by what they are.

use dlt_engine::schema::{Column, DataType};

/// The type of instants.
pub(super) const INSTANT: &str = "TIMESTAMP WITH TIME ZONE";

pub(super) fn sql_type(column: &Column, data_type: DataType) -> String {
    match data_type {
        DataType::Text | DataType::Json => "VARCHAR",
        DataType::Double => "DOUBLE PRECISION",
        DataType::Bool => "BOOLEAN",
        DataType::Timestamp if column.has_timezone() => INSTANT,
        DataType::Timestamp => "TIMESTAMP",
        DataType::Bigint => "BIGINT",
        DataType::Binary => "VARBINARY",
        DataType::Decimal => {
            let (digits, decimals) = column.decimal();
            return format!("DECIMAL({digits},{decimals})");
        }
        DataType::Wei => return format!("DECIMAL({},0)", column.number("precision").unwrap_or(38)),
        DataType::Date => "DATE",
        DataType::Time => "TIME",
    }
    .to_owned()
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Integer,
    Float,
    Bool,
    Timestamp,
    Date,
    Time,
    Decimal,
    Binary,
}

fn kind(name: &str) -> Option<Kind> {
    let name = name.to_ascii_uppercase();
    let words: [(Kind, &[&str]); 9] = [
        (Kind::Timestamp, &["TIMESTAMP", "DATETIME"]),
        (Kind::Date, &["DATE"]),
        (Kind::Time, &["TIME"]),
        (Kind::Decimal, &["DECIMAL", "NUMERIC", "NUMBER"]),
        (Kind::Float, &["DOUBLE", "FLOAT", "REAL"]),
        (Kind::Integer, &["INT"]),
        (Kind::Bool, &["BOOL", "BIT"]),
        (Kind::Binary, &["BINARY", "BLOB", "BYTE", "RAW"]),
        (Kind::Text, &["CHAR", "TEXT", "STRING", "CLOB", "JSON"]),
    ];
    words.into_iter().find(|(_, words)| words.iter().any(|word| name.contains(word))).map(|(kind, _)| kind)
}

/// Whether both are types of one kind. A type of no known kind may be anything, and the database will tell.
pub(super) fn can_hold(existing: &str, wanted: &str) -> bool {
    match (kind(existing), kind(wanted)) {
        (Some(existing), Some(wanted)) => existing == wanted,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_compared_by_kind() {
        for (existing, wanted, fits) in [
            ("character varying", "VARCHAR", true),
            ("timestamp with time zone", "TIMESTAMP WITH TIME ZONE", true),
            ("VARCHAR", "BIGINT", false),
            ("HUGEINT", "BIGINT", true),
            ("date", "TIMESTAMP", false),
            ("GEOMETRY", "VARCHAR", true),
        ] {
            assert_eq!(can_hold(existing, wanted), fits, "{existing} for {wanted}");
        }
    }
}
