//! Types of columns, as the metadata names them and as the files have them.

use arrow::datatypes::{DataType as ArrowType, TimeUnit};
use dlt_engine::schema::{Column, DataType};
use std::fmt;

/// The type of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Decimal {
        digits: u8,
        decimals: i8,
    },
    Date,
    Time,
    /// A moment without a zone, and one in UTC.
    Timestamp,
    Timestamptz,
    String,
    Binary,
    Uuid,
    Fixed(usize),
    /// One that is nested or not known here, by its name.
    Other(String),
}

impl Kind {
    /// Reads a type's name.
    pub(super) fn parse(name: &str) -> Self {
        let inner = |prefix: &str| name.strip_prefix(prefix)?.strip_suffix(']');
        match name {
            "boolean" => Self::Boolean,
            "int" => Self::Int,
            "long" => Self::Long,
            "float" => Self::Float,
            "double" => Self::Double,
            "date" => Self::Date,
            "time" => Self::Time,
            "timestamp" => Self::Timestamp,
            "timestamptz" => Self::Timestamptz,
            "string" => Self::String,
            "binary" => Self::Binary,
            "uuid" => Self::Uuid,
            _ => {
                let decimal = name.strip_prefix("decimal(").and_then(|rest| rest.strip_suffix(')')?.split_once(','));
                let decimal = decimal.and_then(|(digits, decimals)| {
                    Some(Self::Decimal { digits: digits.trim().parse().ok()?, decimals: decimals.trim().parse().ok()? })
                });
                let fixed = inner("fixed[").and_then(|length| length.parse().ok()).map(Self::Fixed);
                decimal.or(fixed).unwrap_or_else(|| Self::Other(name.to_owned()))
            }
        }
    }

    /// The type of a column that begins: as Python dlt and pyiceberg have it.
    pub(super) fn of(column: &Column) -> Self {
        match column.data_type {
            Some(DataType::Double) => Self::Double,
            Some(DataType::Bool) => Self::Boolean,
            Some(DataType::Timestamp) if column.has_timezone() => Self::Timestamptz,
            Some(DataType::Timestamp) => Self::Timestamp,
            Some(DataType::Bigint) if column.is_narrow() => Self::Int,
            Some(DataType::Bigint) => Self::Long,
            Some(DataType::Binary) => Self::Binary,
            Some(DataType::Decimal) => {
                let (digits, decimals) = column.decimal();
                Self::Decimal { digits, decimals }
            }
            Some(DataType::Date) => Self::Date,
            Some(DataType::Time) => Self::Time,
            // No decimal has as many digits as a wei of Python.
            Some(DataType::Text | DataType::Json | DataType::Wei) | None => Self::String,
        }
    }

    /// What a column of this type becomes that is to take values of another: itself, or a wider type; `None` if it cannot. Values that do
    /// not fit are found when they are written.
    pub(super) fn taking(&self, wanted: &Self) -> Option<Self> {
        Some(match (self, wanted) {
            (is, wanted) if is == wanted => is.clone(),
            (Self::Int, Self::Long) => Self::Long,
            (Self::Float, Self::Double) => Self::Double,
            (Self::Long, Self::Int) | (Self::Double, Self::Float) => self.clone(),
            (Self::Decimal { digits, decimals }, Self::Decimal { digits: more, decimals: same }) => {
                let digits = if decimals == same { *digits.max(more) } else { *digits };
                Self::Decimal { digits, decimals: *decimals }
            }
            _ => return None,
        })
    }

    /// How values are held in data files; `None` for what dlt has no values of.
    pub(super) fn arrow_type(&self) -> Option<ArrowType> {
        Some(match self {
            Self::Boolean => ArrowType::Boolean,
            Self::Int => ArrowType::Int32,
            Self::Long => ArrowType::Int64,
            Self::Float => ArrowType::Float32,
            Self::Double => ArrowType::Float64,
            Self::Decimal { digits, decimals } => ArrowType::Decimal128(*digits, *decimals),
            Self::Date => ArrowType::Date32,
            Self::Time => ArrowType::Time64(TimeUnit::Microsecond),
            Self::Timestamp => ArrowType::Timestamp(TimeUnit::Microsecond, None),
            Self::Timestamptz => ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::String => ArrowType::Utf8,
            Self::Binary => ArrowType::Binary,
            Self::Uuid | Self::Fixed(_) | Self::Other(_) => return None,
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Decimal { digits, decimals } => return write!(f, "decimal({digits}, {decimals})"),
            Self::Date => "date",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::Timestamptz => "timestamptz",
            Self::String => "string",
            Self::Binary => "binary",
            Self::Uuid => "uuid",
            Self::Fixed(length) => return write!(f, "fixed[{length}]"),
            Self::Other(name) => name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for name in ["boolean", "int", "decimal(38, 9)", "timestamptz", "fixed[16]", "uuid", "variant"] {
            assert_eq!(Kind::parse(name).to_string(), name);
        }
        assert_eq!(Kind::parse("decimal(9,2)"), Kind::Decimal { digits: 9, decimals: 2 });
    }

    #[test]
    fn columns_become_wider_and_nothing_else() {
        let taking = |is: &str, wanted: &str| {
            Kind::parse(is).taking(&Kind::parse(wanted)).map_or_else(|| "no".to_owned(), |kind| kind.to_string())
        };
        assert_eq!(taking("int", "long"), "long");
        assert_eq!(taking("long", "int"), "long");
        assert_eq!(taking("decimal(9, 2)", "decimal(12, 2)"), "decimal(12, 2)");
        assert_eq!(taking("decimal(9, 2)", "decimal(12, 3)"), "decimal(9, 2)");
        assert_eq!(taking("string", "long"), "no");
        assert_eq!(taking("timestamp", "timestamptz"), "no");
    }
}
