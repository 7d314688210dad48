//! The data types of the contract and their form in memory.

use super::Column;
use arrow::datatypes::{DataType as ArrowType, Field, TimeUnit};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Digits and decimals of a `decimal` without hints.
const DEFAULT_DECIMAL: (u8, i8) = (38, 9);

/// A data type of the dataset contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataType {
    /// Unicode text.
    Text,
    /// 64-bit floating point.
    Double,
    /// True or false.
    Bool,
    /// Instant (or wall-clock time where the column says `timezone: false`), in microseconds; without a zone and with a
    /// precision of more than 6, in nanoseconds.
    Timestamp,
    /// 64-bit integer.
    Bigint,
    /// Bytes.
    Binary,
    /// JSON kept as text.
    Json,
    /// Fixed-point number, 38 digits with 9 decimals unless hinted otherwise.
    Decimal,
    /// Integer of up to 38 digits.
    Wei,
    /// Calendar day.
    Date,
    /// Time of day, in microseconds.
    Time,
}

impl DataType {
    /// All types.
    pub const ALL: [Self; 11] = [
        Self::Text,
        Self::Double,
        Self::Bool,
        Self::Timestamp,
        Self::Bigint,
        Self::Binary,
        Self::Json,
        Self::Decimal,
        Self::Wei,
        Self::Date,
        Self::Time,
    ];

    /// Name in the stored schema and in variant columns.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Double => "double",
            Self::Bool => "bool",
            Self::Timestamp => "timestamp",
            Self::Bigint => "bigint",
            Self::Binary => "binary",
            Self::Json => "json",
            Self::Decimal => "decimal",
            Self::Wei => "wei",
            Self::Date => "date",
            Self::Time => "time",
        }
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Column {
    /// How values of this column are held in record batches and job files. JSON is text.
    pub fn arrow_type(&self) -> Option<ArrowType> {
        Some(match self.data_type? {
            DataType::Text | DataType::Json => ArrowType::Utf8,
            DataType::Double => ArrowType::Float64,
            DataType::Bool => ArrowType::Boolean,
            DataType::Timestamp if self.keeps_nanos() => ArrowType::Timestamp(TimeUnit::Nanosecond, None),
            DataType::Timestamp => {
                ArrowType::Timestamp(TimeUnit::Microsecond, self.has_timezone().then(|| "UTC".into()))
            }
            DataType::Bigint => ArrowType::Int64,
            DataType::Binary => ArrowType::Binary,
            DataType::Decimal => {
                let (digits, decimals) = self.decimal();
                ArrowType::Decimal128(digits, decimals)
            }
            DataType::Wei => ArrowType::Decimal128(38, 0),
            DataType::Date => ArrowType::Date32,
            DataType::Time => ArrowType::Time64(TimeUnit::Microsecond),
        })
    }

    /// Whether the column holds fewer values than the type has: integers of few bits, or moments of few digits.
    pub fn is_narrow(&self) -> bool {
        match self.data_type {
            Some(DataType::Bigint) => self.number("precision").is_some_and(|bits| bits <= 32),
            Some(DataType::Timestamp) => {
                !self.has_timezone() && self.number("precision").is_some_and(|digits| digits < 6)
            }
            _ => false,
        }
    }

    /// Whether a narrow column holds this integer (or moment, in microseconds) unchanged.
    pub(crate) fn holds(&self, value: i64) -> bool {
        let precision = self.number("precision").unwrap_or(64);
        match self.data_type {
            Some(DataType::Bigint) => {
                // The integer types that destinations have.
                let bits = [8, 16, 32].into_iter().find(|bits| precision <= *bits).unwrap_or(64);
                let most = i64::MAX >> (64 - bits);
                (-most - 1..=most).contains(&value)
            }
            _ => {
                // Seconds, milliseconds or microseconds.
                let step = match precision {
                    0 => 1_000_000,
                    1..=3 => 1_000,
                    _ => 1,
                };
                value % step == 0
            }
        }
    }

    /// Digits and decimals of a decimal column.
    pub fn decimal(&self) -> (u8, i8) {
        let digits = self.number("precision").and_then(|p| u8::try_from(p).ok()).unwrap_or(DEFAULT_DECIMAL.0);
        let decimals = self.number("scale").and_then(|s| i8::try_from(s).ok()).unwrap_or(DEFAULT_DECIMAL.1);
        (digits, decimals)
    }

    /// The field of a record batch; `None` while the type is unknown.
    pub fn arrow_field(&self) -> Option<Field> {
        Some(Field::new(&self.name, self.arrow_type()?, self.nullable))
    }
}
