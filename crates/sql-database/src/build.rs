//! One column of a batch, as it is filled.

use crate::fit::{Cell, Slot, kind_of};
use crate::table::Kind;
use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int64Builder, NullArray,
    StringBuilder, Time64MicrosecondBuilder, TimestampMicrosecondBuilder, UInt64Builder,
};
use arrow::datatypes::{DataType, TimeUnit};
use std::sync::Arc;

/// Values of a column so far.
pub(crate) enum Builder {
    /// Nothing but nulls, so many.
    Nulls(usize),
    Bool(BooleanBuilder),
    Int(Int64Builder),
    UInt(UInt64Builder),
    Double(Float64Builder),
    Decimal(Decimal128Builder),
    Text(StringBuilder),
    Binary(BinaryBuilder),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Timestamp(TimestampMicrosecondBuilder),
}

impl Builder {
    pub(crate) fn new(slot: Slot, own: Kind) -> Self {
        if slot == Slot::UInt {
            return Self::UInt(UInt64Builder::new());
        }
        match kind_of(slot, own) {
            Kind::Bool => Self::Bool(BooleanBuilder::new()),
            Kind::Int => Self::Int(Int64Builder::new()),
            Kind::Double => Self::Double(Float64Builder::new()),
            Kind::Decimal(precision, scale) => {
                let data_type = DataType::Decimal128(precision.clamp(1, 38), scale.min(38) as i8);
                Self::Decimal(Decimal128Builder::new().with_data_type(data_type))
            }
            Kind::Text | Kind::Json | Kind::NestedJson => Self::Text(StringBuilder::new()),
            Kind::Binary => Self::Binary(BinaryBuilder::new()),
            Kind::Date => Self::Date(Date32Builder::new()),
            Kind::Time => Self::Time(Time64MicrosecondBuilder::new()),
            Kind::Timestamp => Self::Timestamp(TimestampMicrosecondBuilder::new()),
            Kind::Instant => Self::Timestamp(
                TimestampMicrosecondBuilder::new()
                    .with_data_type(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
            ),
            Kind::Any | Kind::Given => Self::Nulls(0),
        }
    }

    /// A column of nulls becomes one of values when its first one shows the type.
    pub(crate) fn become_typed(&mut self, slot: Slot, own: Kind, rows: usize) {
        if let (Self::Nulls(_), true) = (&*self, !matches!(own, Kind::Any) || slot != Slot::Own) {
            *self = Self::new(slot, own);
            for _ in 0..rows {
                self.push(&Cell::Null);
            }
        }
    }

    pub(crate) fn push(&mut self, cell: &Cell<'_>) {
        match (self, cell) {
            (Self::Nulls(count), _) => *count += 1,
            (Self::Bool(builder), Cell::Bool(value)) => builder.append_value(*value),
            (Self::Bool(builder), _) => builder.append_null(),
            (Self::Int(builder), Cell::Int(value)) => builder.append_value(*value),
            (Self::Int(builder), _) => builder.append_null(),
            (Self::UInt(builder), Cell::UInt(value)) => builder.append_value(*value),
            (Self::UInt(builder), _) => builder.append_null(),
            (Self::Double(builder), Cell::Double(value)) => builder.append_value(*value),
            (Self::Double(builder), _) => builder.append_null(),
            (Self::Decimal(builder), Cell::Decimal(value)) => builder.append_value(*value),
            (Self::Decimal(builder), _) => builder.append_null(),
            (Self::Text(builder), Cell::Text(value)) => builder.append_value(value),
            (Self::Text(builder), _) => builder.append_null(),
            (Self::Binary(builder), Cell::Binary(value)) => builder.append_value(value),
            (Self::Binary(builder), _) => builder.append_null(),
            (Self::Date(builder), Cell::Date(value)) => builder.append_value(*value),
            (Self::Date(builder), _) => builder.append_null(),
            (Self::Time(builder), Cell::Time(value)) => builder.append_value(*value),
            (Self::Time(builder), _) => builder.append_null(),
            (Self::Timestamp(builder), Cell::Timestamp(value)) => builder.append_value(*value),
            (Self::Timestamp(builder), _) => builder.append_null(),
        }
    }

    pub(crate) fn finish(self) -> ArrayRef {
        match self {
            Self::Nulls(count) => Arc::new(NullArray::new(count)),
            Self::Bool(mut builder) => Arc::new(builder.finish()),
            Self::Int(mut builder) => Arc::new(builder.finish()),
            Self::UInt(mut builder) => Arc::new(builder.finish()),
            Self::Double(mut builder) => Arc::new(builder.finish()),
            Self::Decimal(mut builder) => Arc::new(builder.finish()),
            Self::Text(mut builder) => Arc::new(builder.finish()),
            Self::Binary(mut builder) => Arc::new(builder.finish()),
            Self::Date(mut builder) => Arc::new(builder.finish()),
            Self::Time(mut builder) => Arc::new(builder.finish()),
            Self::Timestamp(mut builder) => Arc::new(builder.finish()),
        }
    }
}
