//! SQLite: types are affinities, which may change a value that is stored.

use dlt_engine::schema::DataType;

/// Tables with their columns and declared types.
pub(super) const COLUMNS: &str = "SELECT m.name, p.name, p.type FROM main.sqlite_master AS m \
     JOIN pragma_table_info(m.name, 'main') AS p WHERE m.type = 'table'";

/// Tables in the order of the file.
pub(super) const TABLES: &str = "SELECT name FROM main.sqlite_master \
     WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid";

/// Numbers with many digits and moments are text: a column of another affinity would make floats of the first, which
/// keep 15 digits.
pub(super) fn sql_type(data_type: DataType) -> &'static str {
    match data_type {
        DataType::Double => "DOUBLE",
        DataType::Bool => "BOOLEAN",
        DataType::Bigint => "BIGINT",
        DataType::Binary => "BLOB",
        DataType::Text
        | DataType::Json
        | DataType::Timestamp
        | DataType::Date
        | DataType::Time
        | DataType::Decimal
        | DataType::Wei => "TEXT",
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Affinity {
    Integer,
    Text,
    Blob,
    Real,
    Numeric,
}

/// The affinity of a declared type, by the rules of SQLite.
fn affinity(declared: &str) -> Affinity {
    let declared = declared.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| declared.contains(word));
    match () {
        () if has(&["INT"]) => Affinity::Integer,
        () if has(&["CHAR", "CLOB", "TEXT"]) => Affinity::Text,
        () if declared.is_empty() || has(&["BLOB"]) || declared == "ANY" => Affinity::Blob,
        () if has(&["REAL", "FLOA", "DOUB"]) => Affinity::Real,
        () => Affinity::Numeric,
    }
}

/// Whether a column that was declared so keeps values of the type. Other tools declare moments as `DATETIME` or `DATE`,
/// which leaves their text as it is, and JSON as `JSON`.
pub(super) fn can_hold(declared: &str, data_type: DataType) -> bool {
    let affinity = affinity(declared);
    if affinity == Affinity::Blob {
        return true;
    }
    match data_type {
        DataType::Text | DataType::Decimal | DataType::Wei => affinity == Affinity::Text,
        DataType::Json => affinity == Affinity::Text || declared.eq_ignore_ascii_case("JSON"),
        DataType::Timestamp | DataType::Date | DataType::Time => {
            matches!(affinity, Affinity::Text | Affinity::Numeric)
        }
        DataType::Bigint | DataType::Bool => matches!(affinity, Affinity::Integer | Affinity::Numeric),
        DataType::Double => matches!(affinity, Affinity::Real | Affinity::Numeric),
        DataType::Binary => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_takes_what_it_keeps() {
        for (declared, data_type, fits) in [
            ("TEXT", DataType::Text, true),
            ("VARCHAR(64)", DataType::Text, true),
            ("TEXT", DataType::Bigint, false),
            ("BIGINT", DataType::Bigint, true),
            ("BOOLEAN", DataType::Bool, true),
            ("NUMERIC(38, 9)", DataType::Decimal, false),
            ("TEXT", DataType::Decimal, true),
            ("DATETIME", DataType::Timestamp, true),
            ("BIGINT", DataType::Timestamp, false),
            ("JSON", DataType::Json, true),
            ("DOUBLE", DataType::Bigint, false),
            ("BIGINT", DataType::Double, false),
            ("BLOB", DataType::Binary, true),
            ("TEXT", DataType::Binary, false),
            ("", DataType::Decimal, true),
        ] {
            assert_eq!(can_hold(declared, data_type), fits, "{declared} for {data_type}");
        }
    }

    #[test]
    fn every_type_is_held_by_the_column_that_is_made_for_it() {
        for data_type in [
            DataType::Text,
            DataType::Double,
            DataType::Bool,
            DataType::Timestamp,
            DataType::Bigint,
            DataType::Binary,
            DataType::Json,
            DataType::Decimal,
            DataType::Wei,
            DataType::Date,
            DataType::Time,
        ] {
            assert!(can_hold(sql_type(data_type), data_type), "{data_type}");
        }
    }
}
