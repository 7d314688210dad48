//! Numbers: fitting them into fixed-point columns, writing them.

use super::Decimal;
use std::cmp::Ordering;

/// The shortest text that gives the same number again, as Python writes it: `2.0`, `0.1`, `1e+16`, `1e-05`, `nan`, `inf`.
pub fn python_float_text(v: f64) -> String {
    if v.is_nan() {
        return "nan".to_owned();
    }
    if v.is_infinite() {
        return if v > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = shortest(v);
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        return plain(mantissa, exponent);
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// The shortest digits in scientific notation; of two that are equally near, those that end in an even one.
fn shortest(v: f64) -> String {
    let text = format!("{v:e}");
    let digits = text.bytes().take_while(|byte| *byte != b'e').filter(u8::is_ascii_digit).count();
    // With fewer digits there is only one nearest.
    if digits >= 15 {
        let exact = format!("{v:.*e}", digits - 1);
        if exact.parse() == Ok(v) {
            return exact;
        }
    }
    text
}

/// Digits with the point where the exponent puts it, and at least one decimal.
fn plain(mantissa: &str, exponent: i32) -> String {
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |mantissa| ("-", mantissa));
    let mut digits = mantissa.replace('.', "");
    if exponent < 0 {
        let zeros = "0".repeat(exponent.unsigned_abs() as usize - 1);
        return format!("{sign}0.{zeros}{digits}");
    }
    let whole = exponent as usize + 1;
    while digits.len() <= whole {
        digits.push('0');
    }
    digits.insert(whole, '.');
    format!("{sign}{digits}")
}

/// Whether a text is a number as one prints numbers: no plus sign, no leading zeros, no white space.
pub(super) fn is_canonical(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let zero_alone = digits.first() != Some(&b'0') || !digits.get(1).is_some_and(u8::is_ascii_digit);
    zero_alone && digits.first().is_some_and(|first| first.is_ascii_digit() || *first == b'.') && text != "-0"
}

fn signed(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

/// The integer that a floating-point number is.
pub(super) fn integral(v: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    (v.fract() == 0.0 && (-LIMIT..LIMIT).contains(&v)).then_some(v as i64)
}

/// A decimal of so many digits, so many of them after the point.
#[derive(Clone, Copy)]
pub(super) struct Fixed {
    pub(super) digits: u8,
    pub(super) decimals: i8,
}

impl Fixed {
    /// An integer as unscaled digits.
    pub(super) fn of_integer(self, v: i128) -> Option<Decimal> {
        self.checked(match self.decimals.cmp(&0) {
            Ordering::Less => return self.of_text(&v.to_string()),
            Ordering::Equal => v,
            Ordering::Greater => v.checked_mul(power_of_ten(u32::from(self.decimals.unsigned_abs()))?)?,
        })
    }

    /// A number in decimal notation, with or without exponent, as unscaled digits; `None` if it would be rounded.
    pub(super) fn of_text(self, text: &str) -> Option<Decimal> {
        let (is_negative, rest) = signed(text);
        let (mantissa, exponent) = match rest.find(['e', 'E']) {
            Some(at) => (&rest[..at], exponent(&rest[at + 1..])?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let is_number = whole.len() + fraction.len() > 0
            && whole.bytes().chain(fraction.bytes()).all(|digit| digit.is_ascii_digit());
        if !is_number {
            return None;
        }
        let first = whole.bytes().chain(fraction.bytes()).position(|digit| digit != b'0');
        let Some(leading_zeros) = first else {
            return self.checked(0);
        };
        // So many significant digits there is room for; fewer than none if all of them are too small to see.
        let kept = whole.len() as i64 + exponent + i64::from(self.decimals) - leading_zeros as i64;
        let kept = match usize::try_from(kept) {
            Ok(kept) if kept <= 39 => kept,
            _ => return None,
        };
        let mut significant =
            whole.bytes().chain(fraction.bytes()).skip(leading_zeros).map(|digit| i128::from(digit - b'0'));
        let mut magnitude: i128 = 0;
        for _ in 0..kept {
            magnitude = magnitude.checked_mul(10)?.checked_add(significant.next().unwrap_or(0))?;
        }
        if significant.any(|digit| digit != 0) {
            return None;
        }
        self.checked(if is_negative { -magnitude } else { magnitude })
    }

    /// The same number with other decimals; a digit that there is no room for is not rounded away.
    pub(super) fn of_decimal(self, v: Decimal) -> Option<Decimal> {
        let step = i32::from(self.decimals) - i32::from(v.scale);
        let factor = power_of_ten(step.unsigned_abs());
        match (step >= 0, factor) {
            _ if v.unscaled == 0 => self.checked(0),
            (true, factor) => self.checked(v.unscaled.checked_mul(factor?)?),
            (false, factor) => {
                let factor = factor?;
                self.checked((v.unscaled % factor == 0).then_some(v.unscaled / factor)?)
            }
        }
    }

    fn checked(self, unscaled: i128) -> Option<Decimal> {
        let limit = power_of_ten(u32::from(self.digits)).map_or(u128::MAX, i128::unsigned_abs);
        (unscaled.unsigned_abs() < limit).then_some(Decimal { unscaled, scale: self.decimals })
    }
}

/// A fixed-point number in decimal notation, with all its decimals.
pub(super) fn decimal_text(v: Decimal) -> String {
    let sign = if v.unscaled < 0 { "-" } else { "" };
    let digits = v.unscaled.unsigned_abs().to_string();
    match usize::try_from(v.scale) {
        Ok(0) => format!("{sign}{digits}"),
        Ok(scale) => {
            let digits = format!("{digits:0>width$}", width = scale + 1);
            let (whole, decimals) = digits.split_at(digits.len() - scale);
            format!("{sign}{whole}.{decimals}")
        }
        Err(_) => format!("{sign}{digits}{}", "0".repeat(usize::from(v.scale.unsigned_abs()))),
    }
}

fn power_of_ten(exponent: u32) -> Option<i128> {
    10i128.checked_pow(exponent)
}

/// An exponent, held within bounds that leave room to calculate with it.
fn exponent(text: &str) -> Option<i64> {
    const BOUND: i64 = 1_000_000_000_000_000_000;
    let (is_negative, digits) = signed(text);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let magnitude = digits.parse::<i64>().unwrap_or(BOUND).min(BOUND);
    (magnitude < BOUND).then_some(if is_negative { -magnitude } else { magnitude })
}
