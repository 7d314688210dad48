//! What SQLite's columns are declared to hold, as Python's SQLAlchemy reads it.
//!
//! SQLite holds any value in any column; the declared type is what most values are.

use crate::table::{Kind, SqlColumn};

/// A column of a declared type.
pub(super) fn column(name: &str, declared: &str) -> SqlColumn {
    let (word, arguments) = match declared.split_once('(') {
        Some((word, rest)) => (word, rest.split(')').next().unwrap_or_default()),
        None => (declared, ""),
    };
    let word = word.trim().to_ascii_uppercase();
    let numbers: Vec<u64> = arguments.split(',').filter_map(|number| number.trim().parse().ok()).collect();
    let mut column = SqlColumn::new(name, kind(&word, &numbers));
    column.has_digits = matches!(word.as_str(), "NUMERIC" | "DECIMAL" | "NUMBER") && !numbers.is_empty();
    column.length = match column.kind {
        Kind::Text | Kind::Binary => numbers.first().copied(),
        Kind::Int if word == "SMALLINT" => Some(32),
        _ => None,
    };
    column
}

fn kind(word: &str, numbers: &[u64]) -> Kind {
    match word {
        "BIGINT" | "INT" | "INTEGER" | "SMALLINT" => Kind::Int,
        "BOOL" | "BOOLEAN" => Kind::Bool,
        "DATE" => Kind::Date,
        "TIME" => Kind::Time,
        "DATETIME" | "TIMESTAMP" => Kind::Timestamp,
        "JSON" => Kind::Json,
        "FLOAT" | "REAL" | "DOUBLE" => Kind::Double,
        "NUMERIC" | "DECIMAL" | "NUMBER" | "MONEY" | "CURRENCY" => decimal(numbers),
        // The rules by which SQLite prefers one form of a value.
        _ if word.contains("INT") => Kind::Int,
        _ if ["CHAR", "CLOB", "TEXT"].iter().any(|part| word.contains(part)) => Kind::Text,
        _ if word.contains("BLOB") => Kind::Binary,
        _ if ["REAL", "FLOA", "DOUB"].iter().any(|part| word.contains(part)) => Kind::Double,
        _ => Kind::Any,
    }
}

fn decimal(numbers: &[u64]) -> Kind {
    let number = |at: usize| numbers.get(at).and_then(|number| u8::try_from(*number).ok());
    match (number(0), number(1)) {
        (Some(precision @ 1..=38), scale) if scale.unwrap_or(0) <= precision => {
            Kind::Decimal(precision, scale.unwrap_or(0))
        }
        _ => Kind::Decimal(38, 9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_types_are_read() {
        for (declared, expected) in [
            ("integer", Kind::Int),
            ("unsigned big int", Kind::Int),
            ("VARCHAR(20)", Kind::Text),
            ("double precision", Kind::Double),
            ("decimal(10, 2)", Kind::Decimal(10, 2)),
            ("NUMERIC", Kind::Decimal(38, 9)),
            ("numeric(60)", Kind::Decimal(38, 9)),
            ("datetime", Kind::Timestamp),
            ("uuid", Kind::Any),
            ("", Kind::Any),
            ("blob", Kind::Binary),
        ] {
            assert_eq!(column("c", declared).kind, expected, "{declared}");
        }
        assert_eq!(column("c", "varchar(20)").length, Some(20));
        assert!(!column("c", "numeric").has_digits && column("c", "numeric(5)").has_digits);
    }
}
