//! Which type all values of a CSV column have.
//!
//! A type is only chosen if every value of the column can be kept in it unchanged; else the column is text.

use dlt_engine::value::parse_iso_timestamp;
use std::io::Write;

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

/// An integer as it would be printed: no plus sign, no leading zeros, no `-0`.
pub(crate) fn parse_bigint(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_canonical = match digits.as_bytes() {
        [b'0'] => digits.len() == text.len(),
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if is_canonical { text.parse().ok() } else { None }
}

/// Integers beyond this cannot all be told apart as doubles.
const EXACT_INTEGERS: u64 = 1 << 53;
/// A double has 17 digits at most: a number with more was no double before it was printed.
const DOUBLE_DIGITS: usize = 17;
/// A double keeps any number of so few digits, unless it is next to zero.
const KEPT_DIGITS: usize = 15;

/// A decimal number that a double keeps.
pub(crate) fn parse_double(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_whole = whole == "0" || (all_digits(whole) && !whole.starts_with('0'));
    let is_number = match fraction {
        Some(fraction) => (is_whole || whole.is_empty()) && all_digits(fraction),
        None => is_whole,
    };
    let is_exponent = exponent.is_none_or(|exponent| all_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)));
    if !is_number || !is_exponent {
        return None;
    }
    if fraction.is_none() && exponent.is_none() {
        // An integer would lose this sign, a double keeps it.
        if text == "-0" {
            return Some(-0.0);
        }
        let integer: i64 = text.parse().ok()?;
        return (integer.unsigned_abs() <= EXACT_INTEGERS).then_some(integer as f64);
    }
    let (mut count, mut digits) = (0, 0u64);
    for digit in mantissa.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0') {
        count += 1;
        if count > DOUBLE_DIGITS {
            return None;
        }
        digits = digits * 10 + u64::from(digit - b'0');
    }
    let number: f64 = text.parse().ok().filter(|number: &f64| number.is_finite())?;
    if count == 0 || (count <= KEPT_DIGITS && number.is_normal()) {
        return Some(number);
    }
    let decimals = fraction.map_or(0, str::len).try_into().ok().filter(|_| exponent.is_none());
    let is_kept = decimals
        .and_then(|decimals| is_near(number, digits, decimals))
        .unwrap_or_else(|| prints_as(number, digits, count));
    is_kept.then_some(number)
}

/// Whether the number is nearer to the decimal number of these digits than half of their last one. `None` if they are
/// just so near, or if it would take more than 128 bits. A short cut of [`prints_as`]: programs print numbers of 16 and 17
/// digits all the time.
fn is_near(number: f64, digits: u64, decimals: u32) -> Option<bool> {
    if !number.is_normal() {
        return None;
    }
    let bits = number.abs().to_bits();
    // The number is `mantissa / 2^halvings`; what it is compared with, `digits / 10^decimals`.
    let mantissa = bits & ((1 << 52) - 1) | 1 << 52;
    let halvings = 1075u32.checked_sub((bits >> 52) as u32).filter(|halvings| *halvings > 0)?;
    let number = u128::from(mantissa).checked_mul(10u128.checked_pow(decimals)?)?;
    let written = u128::from(digits);
    if written.leading_zeros() <= halvings {
        return None;
    }
    let (distance, half) = (number.abs_diff(written << halvings), 1 << (halvings - 1));
    (distance != half).then_some(distance < half)
}

/// Whether the number, printed with `count` digits, has these.
fn prints_as(number: f64, digits: u64, count: usize) -> bool {
    // A digit, a point, up to 16 digits more, and an exponent such as `e-324`.
    let mut printed = [0; 32];
    let mut rest = &mut printed[..];
    if write!(rest, "{:.*e}", count - 1, number.abs()).is_err() {
        return false;
    }
    let printed = printed.iter().take_while(|byte| **byte != b'e').filter(|byte| byte.is_ascii_digit());
    printed.fold(0, |printed, digit| printed * 10 + u64::from(digit - b'0')) == digits
}

/// A moment, unless it is finer than a microsecond.
pub(crate) fn parse_timestamp(text: &str) -> Option<i64> {
    let micros = parse_iso_timestamp(text)?;
    let fraction = memchr::memrchr2(b'.', b',', text.as_bytes()).map_or("", |point| &text[point + 1..]);
    let mut finer = fraction.bytes().take_while(u8::is_ascii_digit).skip(6);
    finer.all(|digit| digit == b'0').then_some(micros)
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
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn the_short_cut_leads_to_the_same(digits in 1u64..100_000_000_000_000_000, decimals in 0u32..22, off in 0u64..3) {
            let nearest: f64 = format!("{digits}e-{decimals}").parse().unwrap_or(0.0);
            // One further on, a number may or may not have the same digits.
            let number = f64::from_bits(nearest.to_bits() + off);
            if let Some(is_near) = is_near(number, digits, decimals) {
                let count = digits.to_string().len();
                prop_assert_eq!(is_near, prints_as(number, digits, count), "{} {} {}", number, digits, decimals);
            }
        }
    }
}
