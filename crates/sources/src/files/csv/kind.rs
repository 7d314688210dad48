//! Which type all values of a CSV column have.
//!
//! A type is only chosen if every value of the column can be kept in it unchanged; else the column is text.

use dlt_engine::value::parse_iso_timestamp;
pub(crate) use dlt_engine::value::{canonical_double as parse_double, canonical_integer as parse_bigint};

/// Type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bigint,
    Double,
    Bool,
    Timestamp,
    Text,
}

/// The types that fit every value seen so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidates {
    seen: bool,
    bigint: bool,
    double: bool,
    bool: bool,
    timestamp: bool,
}

impl Default for Candidates {
    fn default() -> Self {
        Self { seen: false, bigint: true, double: true, bool: true, timestamp: true }
    }
}

impl Candidates {
    /// Looks at one value that is not empty.
    pub(crate) fn see(&mut self, value: &str) {
        self.seen = true;
        if self.bigint {
            self.bigint = parse_bigint(value).is_some();
        }
        // An integer is a double as well, if it is small enough.
        if self.double {
            self.double = parse_double(value).is_some();
        }
        if self.bool {
            self.bool = parse_bool(value).is_some();
        }
        if self.timestamp {
            self.timestamp = parse_timestamp(value).is_some();
        }
    }

    /// The type to use; `None` if no value was seen.
    pub(crate) fn kind(&self) -> Option<Kind> {
        if !self.seen {
            return None;
        }
        Some(match self {
            Self { bigint: true, .. } => Kind::Bigint,
            Self { double: true, .. } => Kind::Double,
            Self { bool: true, .. } => Kind::Bool,
            Self { timestamp: true, .. } => Kind::Timestamp,
            _ => Kind::Text,
        })
    }
}

/// A moment, no finer than a microsecond.
pub(crate) fn parse_timestamp(text: &str) -> Option<i64> {
    parse_iso_timestamp(text)
}

/// `true` or `false`, in capitals or not.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[&str], kind: Option<Kind>) {
        let mut candidates = Candidates::default();
        values.iter().for_each(|value| candidates.see(value));
        assert_eq!(candidates.kind(), kind, "{values:?}");
    }

    #[test]
    fn a_type_must_fit_every_value() {
        check(&[], None);
        check(&["1", "-5", "0", "9223372036854775807", "-9223372036854775808"], Some(Kind::Bigint));
        check(&["9223372036854775808"], Some(Kind::Text));
        check(&["1", "007"], Some(Kind::Text));
        check(&["+1"], Some(Kind::Text));
        check(&[" 1"], Some(Kind::Text));
        check(&["1", "2.5", ".5", "-1e-5", "1E+3"], Some(Kind::Double));
        check(&["-0"], Some(Kind::Double));
        check(&["9007199254740993", "0.5"], Some(Kind::Text));
        check(&["-9223372036854775808", "0.5"], Some(Kind::Text));
        check(&["9007199254740992", "0.5"], Some(Kind::Double));
        check(&["0.10000000000000001"], Some(Kind::Double));
        check(&["3.14159265358979323846"], Some(Kind::Text));
        check(&["3.141592653589793", "0.30000000000000004", "-1.7976931348623157e308"], Some(Kind::Double));
        check(&["99999999.999999999"], Some(Kind::Text));
        check(&["9007199254740993.0"], Some(Kind::Text));
        check(&["0.0", "0e5", "-0.000", "5e-324", "2.2250738585072014e-308"], Some(Kind::Double));
        check(&["1e-400"], Some(Kind::Text));
        check(&["1.23456789e-320"], Some(Kind::Text));
        check(&["1e999"], Some(Kind::Text));
        check(&["NaN"], Some(Kind::Text));
        check(&["inf"], Some(Kind::Text));
        check(&["01.5"], Some(Kind::Text));
        check(&["1."], Some(Kind::Text));
        check(&["1.2.3"], Some(Kind::Text));
        check(&["1e"], Some(Kind::Text));
        check(&["."], Some(Kind::Text));
        check(&["-"], Some(Kind::Text));
        check(&["true", "False", "TRUE"], Some(Kind::Bool));
        check(&["true", "1"], Some(Kind::Text));
        check(&["yes"], Some(Kind::Text));
        check(&["2024-01-02T03:04:05Z", "2024-01-02 03:04:05.123+02:00"], Some(Kind::Timestamp));
        check(&["2024-01-02T03:04:05.123456000Z", "2024-01-02T03:04:05,1234567"], Some(Kind::Text));
        check(&["2024-01-02T03:04:05.123456000+02:00", "2024-01-02T03:04:05,1"], Some(Kind::Timestamp));
        check(&["2024-01-02T03:04:05.123456789Z"], Some(Kind::Text));
        check(&["2024-01-02"], Some(Kind::Text));
        check(&["2024-01-02T03:04:05Z", "soon"], Some(Kind::Text));
        check(&["x"], Some(Kind::Text));
    }
}
