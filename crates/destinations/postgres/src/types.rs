//! Types of columns: those that the contract has in Postgres, and those that a table has.

use dlt_engine::schema::{Column, DataType};
use dlt_postgres::postgres::types::Type;
use dlt_postgres::write::Target;
use std::fmt;

/// Digits and decimals of a `wei`, as the contract has them here.
const WEI: (u16, i16) = (156, 78);
/// Digits of seconds that Postgres keeps.
const MOMENT: u8 = 6;

/// A type of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ColumnType {
    Bool,
    SmallInt,
    Integer,
    BigInt,
    Double,
    /// With digits and decimals, or any.
    Numeric(Option<(u16, i16)>),
    /// Text of at most so many characters, or any.
    Varchar(Option<u32>),
    Json,
    Jsonb,
    Bytea,
    Date,
    Time(u8),
    Timestamp {
        has_zone: bool,
        precision: u8,
    },
    /// Something else, as Postgres calls it.
    Other(String),
}

impl ColumnType {
    /// The type of a column of the contract; `None` while it is unknown.
    pub(crate) fn wanted(column: &Column) -> Option<Self> {
        let precision = || column.number("precision");
        let moment =
            || precision().and_then(|digits| u8::try_from(digits).ok()).map_or(MOMENT, |digits| digits.min(MOMENT));
        Some(match column.data_type? {
            DataType::Text => Self::Varchar(precision().and_then(|most| u32::try_from(most).ok())),
            DataType::Double => Self::Double,
            DataType::Bool => Self::Bool,
            DataType::Timestamp => Self::Timestamp { has_zone: column.has_timezone(), precision: moment() },
            DataType::Bigint => match precision() {
                Some(0..=16) => Self::SmallInt,
                Some(17..=32) => Self::Integer,
                _ => Self::BigInt,
            },
            DataType::Binary => Self::Bytea,
            DataType::Json => Self::Jsonb,
            DataType::Decimal => {
                let (digits, decimals) = column.decimal();
                Self::Numeric(Some((digits.into(), decimals.into())))
            }
            DataType::Wei => {
                let digits = precision().and_then(|digits| u16::try_from(digits).ok());
                let decimals = column.number("scale").and_then(|decimals| i16::try_from(decimals).ok());
                Self::Numeric(Some(digits.map_or(WEI, |digits| (digits, decimals.unwrap_or(0)))))
            }
            DataType::Date => Self::Date,
            DataType::Time => Self::Time(moment()),
        })
    }

    /// The type of a column that is there, by the id of its type and what modifies it.
    pub(crate) fn existing(id: u32, modifier: i32, name: &str) -> Self {
        let precision = u8::try_from(modifier).ok().map_or(MOMENT, |digits| digits.min(MOMENT));
        match Type::from_oid(id) {
            Some(Type::BOOL) => Self::Bool,
            Some(Type::INT2) => Self::SmallInt,
            Some(Type::INT4) => Self::Integer,
            Some(Type::INT8) => Self::BigInt,
            Some(Type::FLOAT8) => Self::Double,
            Some(Type::NUMERIC) => {
                Self::Numeric(u32::try_from(modifier - 4).ok().filter(|_| modifier >= 4).map(|packed| {
                    // Eleven bits with a sign.
                    ((packed >> 16) as u16, ((packed & 0x7ff) as i16 ^ 1024) - 1024)
                }))
            }
            Some(Type::VARCHAR) => Self::Varchar(u32::try_from(modifier - 4).ok().filter(|_| modifier >= 4)),
            Some(Type::TEXT) => Self::Varchar(None),
            Some(Type::JSON) => Self::Json,
            Some(Type::JSONB) => Self::Jsonb,
            Some(Type::BYTEA) => Self::Bytea,
            Some(Type::DATE) => Self::Date,
            Some(Type::TIME) => Self::Time(precision),
            Some(Type::TIMESTAMP) => Self::Timestamp { has_zone: false, precision },
            Some(Type::TIMESTAMPTZ) => Self::Timestamp { has_zone: true, precision },
            _ if name == "citext" => Self::Varchar(None),
            _ => Self::Other(name.to_owned()),
        }
    }

    /// Whether a column of this type takes the values of `wanted`: unchanged, or not at all. A text that is too long for the
    /// column is refused when it comes.
    pub(crate) fn can_hold(&self, wanted: &Self) -> bool {
        if self == wanted {
            return true;
        }
        if let (Some(own), Some(wanted)) = (self.integer_bits(), wanted.integer_bits()) {
            return own >= wanted;
        }
        match (self, wanted) {
            (Self::Varchar(_), Self::Varchar(_) | Self::Jsonb) => true,
            (Self::Json | Self::Jsonb, Self::Json | Self::Jsonb) => true,
            (Self::Numeric(None), Self::Numeric(_) | Self::SmallInt | Self::Integer | Self::BigInt) => true,
            (Self::Numeric(Some((digits, decimals))), Self::Numeric(Some((wanted_digits, wanted_decimals)))) => {
                let whole = |digits: &u16, decimals: &i16| i32::from(*digits) - i32::from(*decimals);
                decimals >= wanted_decimals && whole(digits, decimals) >= whole(wanted_digits, wanted_decimals)
            }
            (Self::Time(own), Self::Time(wanted)) => own >= wanted,
            (
                Self::Timestamp { has_zone, precision },
                Self::Timestamp { has_zone: wanted_zone, precision: wanted_precision },
            ) => has_zone == wanted_zone && precision >= wanted_precision,
            _ => false,
        }
    }

    fn integer_bits(&self) -> Option<u32> {
        Some(match self {
            Self::SmallInt => 16,
            Self::Integer => 32,
            Self::BigInt => 64,
            _ => return None,
        })
    }

    /// How values are written to it; `None` where none are.
    pub(crate) fn target(&self) -> Option<Target> {
        Some(match self {
            Self::Bool => Target::Bool,
            Self::SmallInt => Target::Int2,
            Self::Integer => Target::Int4,
            Self::BigInt => Target::Int8,
            Self::Double => Target::Float8,
            Self::Numeric(_) => Target::Numeric,
            Self::Varchar(_) => Target::Text,
            Self::Json => Target::Json,
            Self::Jsonb => Target::Jsonb,
            Self::Bytea => Target::Bytea,
            Self::Date => Target::Date,
            Self::Time(_) => Target::Time,
            Self::Timestamp { .. } => Target::Timestamp,
            Self::Other(_) => return None,
        })
    }
}

/// As SQL.
impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limited = |precision: u8| if precision == MOMENT { String::new() } else { format!("({precision})") };
        match self {
            Self::Bool => f.write_str("boolean"),
            Self::SmallInt => f.write_str("smallint"),
            Self::Integer => f.write_str("integer"),
            Self::BigInt => f.write_str("bigint"),
            Self::Double => f.write_str("double precision"),
            Self::Numeric(None) => f.write_str("numeric"),
            Self::Numeric(Some((digits, decimals))) => write!(f, "numeric({digits},{decimals})"),
            Self::Varchar(None) => f.write_str("varchar"),
            Self::Varchar(Some(most)) => write!(f, "varchar({most})"),
            Self::Json => f.write_str("json"),
            Self::Jsonb => f.write_str("jsonb"),
            Self::Bytea => f.write_str("bytea"),
            Self::Date => f.write_str("date"),
            Self::Time(precision) => write!(f, "time{} without time zone", limited(*precision)),
            Self::Timestamp { has_zone, precision } => {
                let zone = if *has_zone { "with" } else { "without" };
                write!(f, "timestamp{} {zone} time zone", limited(*precision))
            }
            Self::Other(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(data_type: DataType, hints: &[(&str, i64)]) -> Column {
        hints.iter().fold(Column::inferred("c", data_type), |column, (hint, value)| column.with(hint, *value))
    }

    #[test]
    fn types_are_those_of_the_contract() {
        for (column, expected) in [
            (column(DataType::Text, &[]), "varchar"),
            (column(DataType::Text, &[("precision", 64)]), "varchar(64)"),
            (column(DataType::Double, &[]), "double precision"),
            (column(DataType::Bool, &[]), "boolean"),
            (column(DataType::Timestamp, &[]), "timestamp with time zone"),
            (column(DataType::Timestamp, &[("precision", 3)]), "timestamp(3) with time zone"),
            (column(DataType::Timestamp, &[]).with("timezone", false), "timestamp without time zone"),
            (column(DataType::Timestamp, &[("precision", 9)]).with("timezone", false), "timestamp without time zone"),
            (column(DataType::Bigint, &[]), "bigint"),
            (column(DataType::Bigint, &[("precision", 8)]), "smallint"),
            (column(DataType::Bigint, &[("precision", 32)]), "integer"),
            (column(DataType::Binary, &[("precision", 16)]), "bytea"),
            (column(DataType::Json, &[]), "jsonb"),
            (column(DataType::Decimal, &[]), "numeric(38,9)"),
            (column(DataType::Decimal, &[("precision", 10), ("scale", 2)]), "numeric(10,2)"),
            (column(DataType::Wei, &[]), "numeric(156,78)"),
            (column(DataType::Date, &[]), "date"),
            (column(DataType::Time, &[]), "time without time zone"),
            (column(DataType::Time, &[("precision", 3)]), "time(3) without time zone"),
        ] {
            let wanted = ColumnType::wanted(&column).map(|wanted| wanted.to_string());
            assert_eq!(wanted.as_deref(), Some(expected), "{column:?}");
        }
    }

    #[test]
    fn a_column_takes_what_it_can_hold_unchanged() {
        use ColumnType as T;
        let numeric = |digits, decimals| T::Numeric(Some((digits, decimals)));
        let moment = |has_zone, precision| T::Timestamp { has_zone, precision };
        for (existing, wanted, fits) in [
            (T::BigInt, T::Integer, true),
            (T::Integer, T::BigInt, false),
            (numeric(38, 9), numeric(10, 2), true),
            (numeric(10, 2), numeric(38, 9), false),
            (numeric(38, 0), numeric(10, 2), false),
            (T::Numeric(None), numeric(156, 78), true),
            (T::Varchar(None), T::Jsonb, true),
            (T::Varchar(Some(64)), T::Varchar(None), true),
            (T::Jsonb, T::Varchar(None), false),
            (T::Varchar(None), T::BigInt, false),
            (moment(false, 6), moment(true, 6), false),
            (moment(true, 3), moment(true, 6), false),
            (T::Other("uuid".into()), T::Varchar(None), false),
        ] {
            assert_eq!(existing.can_hold(&wanted), fits, "{existing} for {wanted}");
        }
        assert_eq!(T::existing(1700, (10 << 16 | 2) + 4, "numeric"), numeric(10, 2));
        assert_eq!(T::existing(1043, 68, "varchar"), T::Varchar(Some(64)));
        assert_eq!(T::existing(1184, -1, "timestamptz"), moment(true, 6));
        assert_eq!(T::existing(2950, -1, "uuid"), T::Other("uuid".into()));
    }
}
