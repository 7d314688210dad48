//! Which Arrow type a column of a result has, and what is asked of the server for it.

use arrow::datatypes::{DataType, Field, TimeUnit};
use dlt_engine::JSON_EXTENSION;
use postgres::types::{Kind, Type};

/// Digits that a decimal of Arrow has at most.
const MAX_DIGITS: u16 = 38;

/// A column of a result.
#[derive(Clone, Debug)]
pub(crate) struct ReadColumn {
    pub(crate) name: String,
    pub(crate) form: Form,
    /// What the server is to do with the column first.
    pub(crate) asked: Asked,
}

/// How the bytes of a column are read, and what they become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Bool,
    Int16,
    Int32,
    Int64,
    /// An unsigned number of 32 bits, which Postgres gives to its objects.
    Oid,
    /// Read by its shortest decimal form: `0.1` is 0.1.
    Float32,
    Float64,
    /// A `numeric` that a decimal with so many digits and decimals holds.
    Decimal(u8, i8),
    /// Any other `numeric`: as text.
    DecimalText,
    Text,
    /// Text that is JSON.
    Json,
    /// JSON behind a byte with its version.
    Jsonb,
    Binary,
    Uuid,
    Date,
    Time,
    Timestamp,
    TimestampTz,
}

/// What the server is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The column as it is.
    Plain,
    /// `column::text`
    Text,
    /// `to_json(column)::text`
    Json,
    /// `column::numeric`
    Numeric,
}

impl Asked {
    pub(crate) fn sql(self, column: &str) -> String {
        match self {
            Self::Plain => column.to_owned(),
            Self::Text => format!("{column}::text"),
            Self::Json => format!("to_json({column})::text"),
            Self::Numeric => format!("{column}::numeric"),
        }
    }
}

impl ReadColumn {
    /// A column of a prepared query. `unbounded` is what a `numeric` without limits becomes; text if there is none.
    pub(crate) fn new(name: &str, data_type: &Type, modifier: i32, unbounded: Option<(u8, i8)>) -> Self {
        let (form, asked) = of(data_type, modifier, unbounded);
        Self { name: name.to_owned(), form, asked }
    }

    pub(crate) fn field(&self) -> Field {
        let field = Field::new(&self.name, self.form.data_type(), true);
        match self.form {
            Form::Json | Form::Jsonb => {
                let (key, name) = JSON_EXTENSION;
                field.with_metadata([(key.to_owned(), name.to_owned())].into())
            }
            _ => field,
        }
    }
}

impl Form {
    pub(crate) fn data_type(self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int16 => DataType::Int16,
            Self::Int32 => DataType::Int32,
            Self::Int64 | Self::Oid => DataType::Int64,
            Self::Float32 | Self::Float64 => DataType::Float64,
            Self::Decimal(digits, decimals) => DataType::Decimal128(digits, decimals),
            Self::DecimalText | Self::Text | Self::Json | Self::Jsonb | Self::Uuid => DataType::Utf8,
            Self::Binary => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::TimestampTz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        }
    }
}

fn of(data_type: &Type, modifier: i32, unbounded: Option<(u8, i8)>) -> (Form, Asked) {
    let plain = |form| (form, Asked::Plain);
    match data_type.kind() {
        Kind::Domain(inner) => return of(inner, modifier, unbounded),
        // The label, as text.
        Kind::Enum(_) => return plain(Form::Text),
        Kind::Array(_) | Kind::Composite(_) => return (Form::Json, Asked::Json),
        _ => {}
    }
    match *data_type {
        Type::BOOL => plain(Form::Bool),
        Type::INT2 => plain(Form::Int16),
        Type::INT4 => plain(Form::Int32),
        Type::INT8 => plain(Form::Int64),
        Type::OID => plain(Form::Oid),
        Type::FLOAT4 => plain(Form::Float32),
        Type::FLOAT8 => plain(Form::Float64),
        Type::NUMERIC => plain(decimal(modifier, unbounded)),
        Type::MONEY => (decimal(-1, unbounded), Asked::Numeric),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME => plain(Form::Text),
        Type::JSON => plain(Form::Json),
        Type::JSONB => plain(Form::Jsonb),
        Type::BYTEA => plain(Form::Binary),
        Type::UUID => plain(Form::Uuid),
        Type::DATE => plain(Form::Date),
        Type::TIME => plain(Form::Time),
        Type::TIMESTAMP => plain(Form::Timestamp),
        Type::TIMESTAMPTZ => plain(Form::TimestampTz),
        // Vectors of numbers, of old catalogs.
        Type::INT2_VECTOR | Type::OID_VECTOR => (Form::Json, Asked::Json),
        _ => match data_type.name() {
            "citext" => plain(Form::Text),
            // As an object: keys and values are text.
            "hstore" => (Form::Json, Asked::Json),
            _ => (Form::Text, Asked::Text),
        },
    }
}

/// A `numeric` with digits and decimals has them in its modifier.
fn decimal(modifier: i32, unbounded: Option<(u8, i8)>) -> Form {
    let declared = u32::try_from(modifier - 4).ok().filter(|_| modifier >= 4).map(|packed| {
        let digits = (packed >> 16) as u16;
        // Eleven bits with a sign.
        let decimals = ((packed & 0x7ff) as i16 ^ 1024) - 1024;
        (digits, decimals)
    });
    match declared {
        Some((digits, decimals)) if digits <= MAX_DIGITS && (0..=digits.cast_signed()).contains(&decimals) => {
            // Both are at most 38.
            Form::Decimal(digits as u8, decimals as i8)
        }
        Some(_) => Form::DecimalText,
        None => unbounded.map_or(Form::DecimalText, |(digits, decimals)| Form::Decimal(digits, decimals)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_by_their_modifier() {
        let packed = |digits: i32, decimals: i32| (digits << 16 | (decimals & 0x7ff)) + 4;
        assert_eq!(decimal(packed(10, 2), None), Form::Decimal(10, 2));
        assert_eq!(decimal(packed(38, 9), None), Form::Decimal(38, 9));
        assert_eq!(decimal(packed(156, 78), None), Form::DecimalText);
        assert_eq!(decimal(packed(5, -2), None), Form::DecimalText);
        assert_eq!(decimal(packed(2, 5), None), Form::DecimalText);
        assert_eq!(decimal(-1, None), Form::DecimalText);
        assert_eq!(decimal(-1, Some((38, 9))), Form::Decimal(38, 9));
    }
}
