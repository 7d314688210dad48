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
