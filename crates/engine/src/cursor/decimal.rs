//! Decimal numbers as text, compared.

use std::cmp::Ordering;

/// Compares two numbers that are written in decimal, with a sign, a point and an exponent where they have one; `None`
/// if one of them is no number.
pub(crate) fn compare(a: &str, b: &str) -> Option<Ordering> {
    let (a, b) = (Parts::of(a)?, Parts::of(b)?);
    if a.digits.is_empty() && b.digits.is_empty() {
        return Some(Ordering::Equal);
    }
    let sign = |parts: &Parts| match (parts.digits.is_empty(), parts.is_negative) {
        (true, _) => 0,
        (_, true) => -1,
        _ => 1,
    };
    let by_sign = sign(&a).cmp(&sign(&b));
    if by_sign.is_ne() {
        return Some(by_sign);
    }
    let by_size = a.point.cmp(&b.point).then_with(|| a.digits.cmp(&b.digits));
    Some(if a.is_negative { by_size.reverse() } else { by_size })
}

/// A number without an exponent; `None` if it is none, or one of too many digits.
pub(crate) fn without_exponent(text: &str) -> Option<String> {
    let Parts { is_negative, digits, point } = Parts::of(text)?;
    let mut digits: String = digits.into_iter().map(char::from).collect();
    let zeros = |count: i64| usize::try_from(count).ok().filter(|count| *count <= 80).map(|count| "0".repeat(count));
    let length = i64::try_from(digits.len()).ok()?;
    let written = if point <= 0 {
        format!("0.{}{digits}", zeros(-point)?)
    } else if point >= length {
        digits.push_str(&zeros(point - length)?);
        digits
    } else {
        digits.insert(usize::try_from(point).ok()?, '.');
        digits
    };
    Some(if is_negative { format!("-{written}") } else { written })
}

/// A number as `0.digits × 10^point`, without zeros at either end of the digits.
struct Parts {
    is_negative: bool,
    digits: Vec<u8>,
    point: i64,
}

impl Parts {
    fn of(text: &str) -> Option<Self> {
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (number, exponent) = match text.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, exponent.parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        let point = i64::try_from(whole.len()).ok()?.checked_sub(i64::try_from(zeros).ok()?)?.checked_add(exponent)?;
        digits.drain(..zeros);
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        Some(Self { is_negative, digits, point })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_compare_by_their_value() {
        for (low, high) in [
            ("-1", "0"),
            ("9", "10"),
            ("0.09", "0.1"),
            ("-10", "-9"),
            ("1.10", "1.2"),
            ("9007199254740992", "9007199254740993"),
            ("99", "1e2"),
            ("-5", "5"),
        ] {
            assert_eq!(compare(low, high), Some(Ordering::Less), "{low} {high}");
            assert_eq!(compare(high, low), Some(Ordering::Greater), "{low} {high}");
        }
        for (a, b) in [("1.0", "1"), ("0", "-0.00"), ("100", "1E+2"), ("0012", "12")] {
            assert_eq!(compare(a, b), Some(Ordering::Equal), "{a} {b}");
        }
        for (text, plain) in [("1E+2", "100"), ("-1.5e-7", "-0.00000015"), ("12.5e1", "125"), ("1.25e1", "12.5")] {
            assert_eq!(without_exponent(text).as_deref(), Some(plain));
        }
        assert_eq!(compare("x", "1"), None);
        assert_eq!(compare("", "1"), None);
    }
}
