//! Whether a value has the type of its column.

use crate::parse;
use crate::table::Kind;
use std::borrow::Cow;

/// A value as a database gives it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    Null,
    Int(i64),
    UInt(u64),
    Double(f64),
    /// Text, which may spell what the column holds.
    Text(Cow<'a, str>),
    Binary(&'a [u8]),
    Date(i32),
    Time(i64),
    Timestamp(i64),
    /// Digits and sign; only from [`fitted`].
    Decimal(i128),
    /// Only from [`fitted`].
    Bool(bool),
}

/// The type that a value has in its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// That of the column.
    Own,
    Int,
    UInt,
    Double,
    Text,
    Binary,
    Date,
    Time,
    Timestamp,
}

/// The value in the form of a column, or in its own.
pub(crate) fn fitted(kind: Kind, cell: Cell<'_>) -> (Slot, Cell<'_>) {
    let own = |cell| (Slot::Own, cell);
    match (kind, cell) {
        (_, Cell::Null) => own(Cell::Null),
        (Kind::Bool, Cell::Int(value @ (0 | 1))) => own(Cell::Bool(value == 1)),
        (Kind::Int, cell @ Cell::Int(_)) => own(cell),
        (Kind::Int, Cell::UInt(value)) if i64::try_from(value).is_ok() => own(Cell::Int(value as i64)),
        (Kind::Double, cell @ Cell::Double(_)) => own(cell),
        (Kind::Double, Cell::Int(value)) if value.unsigned_abs() <= 1 << 53 => own(Cell::Double(value as f64)),
        (Kind::Decimal(precision, scale), cell @ (Cell::Int(_) | Cell::UInt(_) | Cell::Double(_) | Cell::Text(_))) => {
            let text = match &cell {
                Cell::Int(value) => Cow::Owned(value.to_string()),
                Cell::UInt(value) => Cow::Owned(value.to_string()),
                // A zero with a sign is no decimal.
                Cell::Double(value) if *value == 0.0 && value.is_sign_negative() => Cow::Borrowed(""),
                Cell::Double(value) => Cow::Owned(value.to_string()),
                Cell::Text(text) => Cow::Borrowed(text.as_ref()),
                _ => Cow::Borrowed(""),
            };
            match parse::decimal(&text, precision, scale) {
                Some(value) => own(Cell::Decimal(value)),
                None => by_itself(cell),
            }
        }
        (Kind::Text, cell @ Cell::Text(_)) | (Kind::Binary, cell @ Cell::Binary(_)) => own(cell),
        (Kind::Date, cell @ Cell::Date(_)) | (Kind::Time, cell @ Cell::Time(_)) => own(cell),
        (Kind::Timestamp | Kind::Instant, cell @ Cell::Timestamp(_)) => own(cell),
        (Kind::Date, Cell::Text(text)) => match parse::date(&text) {
            Some(days) => own(Cell::Date(days)),
            None => by_itself(Cell::Text(text)),
        },
        (Kind::Time, Cell::Text(text)) => match parse::time(&text) {
            Some(micros) => own(Cell::Time(micros)),
            None => by_itself(Cell::Text(text)),
        },
        (Kind::Timestamp | Kind::Instant, Cell::Text(text)) => match parse::timestamp(&text) {
            Some(micros) => own(Cell::Timestamp(micros)),
            None => by_itself(Cell::Text(text)),
        },
        (Kind::Json | Kind::NestedJson, Cell::Text(text))
            if serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok() =>
        {
            own(Cell::Text(parse::compact_json(&text).into()))
        }
        (_, cell) => by_itself(cell),
    }
}

fn by_itself(cell: Cell<'_>) -> (Slot, Cell<'_>) {
    let slot = match &cell {
        Cell::Null | Cell::Decimal(_) | Cell::Bool(_) => Slot::Own,
        Cell::Int(_) => Slot::Int,
        Cell::UInt(_) => Slot::UInt,
        Cell::Double(_) => Slot::Double,
        Cell::Text(_) => Slot::Text,
        Cell::Binary(_) => Slot::Binary,
        Cell::Date(_) => Slot::Date,
        Cell::Time(_) => Slot::Time,
        Cell::Timestamp(_) => Slot::Timestamp,
    };
    (slot, cell)
}

pub(crate) fn kind_of(slot: Slot, own: Kind) -> Kind {
    match slot {
        Slot::Own => own,
        Slot::Int => Kind::Int,
        Slot::UInt => Kind::Given,
        Slot::Double => Kind::Double,
        Slot::Text => Kind::Text,
        Slot::Binary => Kind::Binary,
        Slot::Date => Kind::Date,
        Slot::Time => Kind::Time,
        Slot::Timestamp => Kind::Timestamp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_take_the_form_of_their_column() {
        for (kind, cell, expected) in [
            (Kind::Bool, Cell::Int(1), (Slot::Own, Cell::Bool(true))),
            (Kind::Bool, Cell::Int(5), (Slot::Int, Cell::Int(5))),
            (Kind::Int, Cell::UInt(7), (Slot::Own, Cell::Int(7))),
            (Kind::Int, Cell::UInt(u64::MAX), (Slot::UInt, Cell::UInt(u64::MAX))),
            (Kind::Decimal(10, 2), Cell::Double(1.1), (Slot::Own, Cell::Decimal(110))),
            (Kind::Decimal(10, 2), Cell::Double(1.239), (Slot::Double, Cell::Double(1.239))),
            (Kind::Decimal(10, 2), Cell::Text("x".into()), (Slot::Text, Cell::Text("x".into()))),
            (Kind::Date, Cell::Text("0000-00-00".into()), (Slot::Text, Cell::Text("0000-00-00".into()))),
            (Kind::Date, Cell::Text("1970-01-02".into()), (Slot::Own, Cell::Date(1))),
            (Kind::Json, Cell::Text("{\"a\":1}".into()), (Slot::Own, Cell::Text("{\"a\":1}".into()))),
            (Kind::Json, Cell::Text("{a".into()), (Slot::Text, Cell::Text("{a".into()))),
        ] {
            assert_eq!(fitted(kind, cell.clone()), expected, "{kind:?} {cell:?}");
        }
    }
}
