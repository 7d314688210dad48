//! MySQL's types and values.

use crate::fit::Cell;
use crate::parse;
use crate::table::{Kind, SqlColumn};
use mysql::Value;
use mysql::consts::{ColumnFlags, ColumnType};

/// Character set of what is no text.
const BINARY: u16 = 63;

/// A column as `information_schema` declares it.
pub(super) fn declared(
    name: &str,
    data_type: &str,
    whole: &str,
    precision: Option<u64>,
    scale: Option<u64>,
    length: Option<u64>,
) -> SqlColumn {
    let kind = match data_type.to_ascii_lowercase().as_str() {
        "tinyint" | "smallint" | "mediumint" | "int" | "integer" | "bigint" | "year" => Kind::Int,
        "float" | "double" => Kind::Double,
        "decimal" => decimal(precision.unwrap_or(10), scale.unwrap_or(0)),
        "date" => Kind::Date,
        "time" => Kind::Time,
        "datetime" | "timestamp" => Kind::Timestamp,
        "json" => Kind::Json,
        "bit" | "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "vector" => Kind::Binary,
        "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon"
        | "geometrycollection" | "geomcollection" => Kind::Binary,
        _ => Kind::Text,
    };
    let mut column = SqlColumn::new(name, kind);
    let has_length = ["char", "varchar", "binary", "varbinary", "enum"].contains(&data_type);
    column.length = match kind {
        Kind::Int if whole.starts_with("smallint") => Some(32),
        Kind::Text | Kind::Binary if has_length => length,
        _ => None,
    };
    column
}

/// More digits than a decimal has here are kept for those values that do without; others come as text.
fn decimal(precision: u64, scale: u64) -> Kind {
    let digits = |number: u64| u8::try_from(number.min(38)).unwrap_or(38);
    Kind::Decimal(digits(precision).max(1), digits(scale))
}

/// A column of a result.
pub(super) fn of_result(column: &mysql::Column) -> SqlColumn {
    use ColumnType as T;
    let is_text = column.character_set() != BINARY;
    let kind = match column.column_type() {
        T::MYSQL_TYPE_TINY
        | T::MYSQL_TYPE_SHORT
        | T::MYSQL_TYPE_LONG
        | T::MYSQL_TYPE_LONGLONG
        | T::MYSQL_TYPE_INT24
        | T::MYSQL_TYPE_YEAR => Kind::Int,
        T::MYSQL_TYPE_FLOAT | T::MYSQL_TYPE_DOUBLE => Kind::Double,
        T::MYSQL_TYPE_DECIMAL | T::MYSQL_TYPE_NEWDECIMAL => {
            let scale = u64::from(column.decimals());
            let signs = u64::from(!column.flags().contains(ColumnFlags::UNSIGNED_FLAG)) + u64::from(scale > 0);
            decimal(u64::from(column.column_length()).saturating_sub(signs), scale)
        }
        T::MYSQL_TYPE_DATE | T::MYSQL_TYPE_NEWDATE => Kind::Date,
        T::MYSQL_TYPE_TIME | T::MYSQL_TYPE_TIME2 => Kind::Time,
        T::MYSQL_TYPE_DATETIME | T::MYSQL_TYPE_DATETIME2 | T::MYSQL_TYPE_TIMESTAMP | T::MYSQL_TYPE_TIMESTAMP2 => {
            Kind::Timestamp
        }
        T::MYSQL_TYPE_JSON => Kind::Json,
        T::MYSQL_TYPE_BIT | T::MYSQL_TYPE_GEOMETRY | T::MYSQL_TYPE_VECTOR => Kind::Binary,
        T::MYSQL_TYPE_NULL => Kind::Any,
        _ if is_text => Kind::Text,
        _ => Kind::Binary,
    };
    SqlColumn::new(column.name_str(), kind)
}

/// A value as a cell of a column.
pub(super) fn cell(value: &Value, kind: Kind) -> Cell<'_> {
    match value {
        Value::NULL => Cell::Null,
        Value::Int(value) => Cell::Int(*value),
        Value::UInt(value) => i64::try_from(*value).map_or(Cell::UInt(*value), Cell::Int),
        // The shortest number that is this one: 3.14, and not 3.140000104904175.
        Value::Float(value) => Cell::Double(value.to_string().parse().unwrap_or(f64::from(*value))),
        Value::Double(value) => Cell::Double(*value),
        Value::Bytes(bytes) if kind == Kind::Binary => Cell::Binary(bytes),
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Cell::Text(text.into()),
            Err(_) => Cell::Binary(bytes),
        },
        Value::Date(year, month, day, hour, minute, second, micros) => {
            let clock = (i64::from(*hour) * 60 + i64::from(*minute)) * 60 + i64::from(*second);
            let days = parse::days(i64::from(*year), i64::from(*month), i64::from(*day));
            match (days, kind) {
                (Some(days), Kind::Date) => Cell::Date(days),
                (Some(days), _) => {
                    Cell::Timestamp(i64::from(days) * parse::DAY + clock * 1_000_000 + i64::from(*micros))
                }
                // Days that no calendar has are told as they are stored.
                (None, Kind::Date) => Cell::Text(format!("{year:04}-{month:02}-{day:02}").into()),
                (None, _) => Cell::Text(
                    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{}", fraction(*micros))
                        .into(),
                ),
            }
        }
        Value::Time(false, 0, hours, minutes, seconds, micros) => Cell::Time(
            ((i64::from(*hours) * 60 + i64::from(*minutes)) * 60 + i64::from(*seconds)) * 1_000_000
                + i64::from(*micros),
        ),
        // A span of time, and no time of a day.
        Value::Time(is_negative, days, hours, minutes, seconds, micros) => {
            let sign = if *is_negative { "-" } else { "" };
            let hours = u64::from(*days) * 24 + u64::from(*hours);
            Cell::Text(format!("{sign}{hours:02}:{minutes:02}:{seconds:02}{}", fraction(*micros)).into())
        }
    }
}

fn fraction(micros: u32) -> String {
    if micros == 0 { String::new() } else { format!(".{micros:06}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_values_are_told_as_they_are_stored() {
        for (value, kind, expected) in [
            (Value::Date(0, 0, 0, 0, 0, 0, 0), Kind::Date, Cell::Text("0000-00-00".into())),
            (Value::Date(2024, 2, 0, 1, 2, 3, 4), Kind::Timestamp, Cell::Text("2024-02-00 01:02:03.000004".into())),
            (Value::Date(1970, 1, 2, 0, 0, 1, 0), Kind::Timestamp, Cell::Timestamp(86_401_000_000)),
            (Value::Time(true, 1, 2, 0, 0, 0), Kind::Time, Cell::Text("-26:00:00".into())),
            (Value::Time(false, 0, 2, 0, 0, 5), Kind::Time, Cell::Time(7_200_000_005)),
            (Value::Float(2.72), Kind::Double, Cell::Double(2.72)),
            (Value::UInt(u64::MAX), Kind::Int, Cell::UInt(u64::MAX)),
            (Value::Bytes(vec![0xff]), Kind::Text, Cell::Binary(&[0xff])),
        ] {
            assert_eq!(cell(&value, kind), expected);
        }
    }

    #[test]
    fn long_decimals_keep_what_fits() {
        assert_eq!(declared("d", "decimal", "decimal(65,30)", Some(65), Some(30), None).kind, Kind::Decimal(38, 30));
        assert_eq!(declared("d", "smallint", "smallint(6)", Some(5), Some(0), None).length, Some(32));
        assert_eq!(declared("d", "uuid", "uuid", None, None, None).kind, Kind::Text);
    }
}
